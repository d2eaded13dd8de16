import numpy as np
import pytest

from wisp.data import patterns
from wisp.data.patterns import random_pattern


@pytest.mark.parametrize("size", [(64, 96), (192, 192), (416, 160)])
def test_patterns_fill_the_canvas_and_follow_the_seed(size):
    first, again, other = (random_pattern(size, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert first.shape == (*size, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_pages_hold_ink_and_paper():
    page = patterns._page((256, 192), np.random.default_rng(1)).astype(int).sum(2)
    levels, counts = np.unique(page, return_counts=True)
    paper = levels[np.argmax(counts)]
    assert 0.4 < (page == paper).mean() < 0.98
    assert np.abs(page - paper).max() > 200


def test_tiles_repeat():
    shades = {len(np.unique(patterns._tiles((96, 96), np.random.default_rng(s))[..., 0])) for s in range(20)}
    assert min(shades) == 2
    assert max(shades) > 4


def test_noise_is_neither_flat_nor_hard():
    noise = patterns._noise((128, 128), np.random.default_rng(2)).astype(float).mean(2)
    assert noise.std() > 2
    assert np.abs(np.diff(noise, axis=0)).mean() < noise.std()

import cv2
import numpy as np
import pytest

from wisp.engine.peers.sampling import average, sample

SMALLER = [((832, 832), (512, 512)), ((101, 67), (32, 64)), ((64, 96), (32, 32)), ((40, 40), (39, 1))]
ANY = [*SMALLER, ((20, 30), (41, 77)), ((1, 1), (5, 3)), ((7, 90), (21, 30))]


def noise(size, channels=3):
    return np.random.default_rng(0).random((*size, channels)[: 2 + (channels > 1)], np.float32)


@pytest.mark.parametrize(("old", "new"), SMALLER)
def test_average_is_opencvs(old, new):
    image = noise(old)
    expected = cv2.resize(image, new[::-1], interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(average(image, *new), expected, atol=2e-5)


@pytest.mark.parametrize(("old", "new"), ANY)
def test_sample_is_opencvs(old, new):
    image = noise(old)
    expected = cv2.resize(image, new[::-1], interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(sample(image, *new), expected, atol=2e-5)


def test_average_interpolates_where_an_axis_grows():
    image = noise((30, 40))
    np.testing.assert_array_equal(average(image, 50, 60), sample(image, 50, 60))
    rows = average(image, 15, 40)
    np.testing.assert_allclose(average(image, 15, 90), sample(rows, 15, 90), atol=1e-6)


def test_the_average_keeps_the_mean_whatever_the_ratio():
    image = noise((97, 113))
    assert average(image, 31, 50).mean((0, 1)) == pytest.approx(image.mean((0, 1)), abs=1e-5)


@pytest.mark.parametrize("resize", [average, sample])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("new", [(7, 5), (29, 31), (100, 64)])
def test_form_and_range(resize, channels, new):
    image = noise((29, 31), channels)
    result = resize(image, *new)
    assert result.shape == (*new, *image.shape[2:])
    assert result.dtype == np.float32
    assert result.flags.c_contiguous
    assert not np.shares_memory(result, image)
    assert image.min() - 1e-6 <= result.min() <= result.max() <= image.max() + 1e-6
    np.testing.assert_allclose(resize(np.full_like(image, 0.3), *new), 0.3, atol=1e-6)

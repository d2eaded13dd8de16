from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage

from wisp.core.arrays import BACKGROUND, FOREGROUND, UNKNOWN
from wisp.core.errors import InputError
from wisp.matting import trimap as module
from wisp.matting.trimap import (
    random_trimap,
    subject_size,
    trimap_from_alpha,
    trimap_from_mask,
)

FUNCTIONS = [trimap_from_mask, trimap_from_alpha]


def disc(radius=40, size=(151, 171), soft=6.0):
    y, x = np.mgrid[: size[0], : size[1]]
    distance = np.hypot(y - size[0] // 2, x - size[1] // 2)
    return np.clip((radius - distance) / soft + 0.5, 0, 1).astype(np.float32)


def rectangle(rows, columns, size=(120, 160)):
    alpha = np.zeros(size, np.float32)
    alpha[rows, columns] = 1
    return alpha


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (11, 1), (23, 31), (40, 20)])
@pytest.mark.parametrize("radius", [0, 0.5, 1, 1.5, 2, 3.3, 7, 60, 300])
def test_dilation_is_with_a_disc(shape, radius):
    region = np.random.default_rng(3).random(shape) < 0.04
    region[0, 0] = True
    expected = ndimage.distance_transform_edt(~region) <= radius + 1e-9
    np.testing.assert_array_equal(module._dilate(region, radius), expected)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_levels_and_type(function):
    trimap = function(disc())
    assert trimap.dtype == np.uint8
    assert set(np.unique(trimap)) == {BACKGROUND, UNKNOWN, FOREGROUND}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("width", [0.0, 0.03, 0.2])
def test_mixed_pixels_are_unknown_and_known_ones_are_right(function, width):
    alpha = disc()
    trimap = function(alpha, width=width)
    low, high = (0.05, 0.95) if function is trimap_from_mask else (0.5 / 255, 1 - 0.5 / 255)
    assert (trimap[(alpha >= low) & (alpha <= high)] == UNKNOWN).all()
    assert (alpha[trimap == FOREGROUND] > high).all()
    assert (alpha[trimap == BACKGROUND] < low).all()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_wider_bands_contain_narrower_ones(function):
    trimaps = [function(disc(), width=width) for width in (0, 0.01, 0.05, 0.1, 0.3, 1)]
    for narrow, wide in pairwise(trimaps):
        assert (wide[narrow == UNKNOWN] == UNKNOWN).all()
        assert (narrow[wide != UNKNOWN] == wide[wide != UNKNOWN]).all()
        assert np.count_nonzero(wide == UNKNOWN) > np.count_nonzero(narrow == UNKNOWN)


def test_width_is_that_of_the_band_across_a_hard_edge():
    alpha = rectangle(slice(10, 110), slice(30, 130))  # 100 × 100: the subject's size is 100
    trimap = trimap_from_alpha(alpha, width=0.1)
    assert (trimap[60, :80] == UNKNOWN).sum() == 10
    np.testing.assert_array_equal(trimap[60, 20:40], [BACKGROUND] * 5 + [UNKNOWN] * 10 + [FOREGROUND] * 5)


def test_the_default_band_is_a_fiftieth_of_the_subject():
    mask = np.zeros((600, 600), np.float32)
    mask[100:500, 100:500] = 1
    for trimap in (trimap_from_mask(mask), trimap_from_alpha(mask)):
        across = np.count_nonzero(trimap[300] == UNKNOWN) / 2
        assert 0.015 * subject_size(mask) <= across <= 0.025 * subject_size(mask)


@pytest.mark.parametrize(("value", "kind"), [(0.03, 0), (0.1, 128), (0.5, 128), (0.9, 128), (0.97, 255)])
def test_what_a_mask_is_nearly_sure_of_is_known_and_no_more(value, kind):
    mask = np.zeros((300, 300), np.float32)
    mask[50:250, 50:250] = 1
    if kind == 0:
        mask[260:] = value  # far from the edge
        assert (trimap_from_mask(mask)[280:, :20] == kind).all()
    else:
        mask[120:180, 120:180] = value  # in the middle of the subject
        assert (trimap_from_mask(mask)[140:160, 140:160] == kind).all()


def test_a_faint_halo_of_the_mask_is_in_doubt():
    mask = np.zeros((300, 300), np.float32)
    mask[40:260, 40:260] = 0.1
    mask[100:200, 100:200] = 1
    assert (trimap_from_mask(mask)[60:80, 60:240] == UNKNOWN).all()


def test_width_follows_the_subject_not_the_picture():
    small = rectangle(slice(20, 60), slice(20, 60))
    large = np.kron(small, np.ones((3, 3), np.float32))
    assert subject_size(small) == 40
    assert subject_size(large) == 120
    np.testing.assert_array_equal(
        trimap_from_alpha(small, width=0.25), trimap_from_alpha(np.pad(small, 50), width=0.25)[50:-50, 50:-50]
    )
    one, three = (trimap_from_alpha(alpha, width=0.25) for alpha in (small, large))
    assert (three == UNKNOWN).sum() == pytest.approx(9 * (one == UNKNOWN).sum(), rel=0.02)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_subject_is_not_eroded_from_the_border(function):
    alpha = rectangle(slice(40, None), slice(0, 90))
    trimap = function(alpha, width=0.1)
    assert trimap[-1, 0] == FOREGROUND
    assert (trimap[60:, 0] == FOREGROUND).all()
    assert (trimap[-1, :70] == FOREGROUND).all()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_thin_structures_are_unknown_rather_than_lost(function):
    alpha = rectangle(slice(10, 110), slice(30, 130))
    alpha[50:53, 130:158] = 1
    alpha[70, 130:158] = 0.5
    trimap = function(alpha, width=0.1)
    assert (trimap[alpha > 0] != BACKGROUND).all()
    assert (trimap[50:53, 140:158] == UNKNOWN).all()
    gap = rectangle(slice(10, 110), slice(30, 130))
    gap[20:100, 60:62] = 0
    assert (function(gap, width=0.1)[20:100, 60:62] == UNKNOWN).all()


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (7, 1), (8, 9)])
def test_constant_and_tiny_pictures(function, shape):
    assert (function(np.zeros(shape, np.float32)) == BACKGROUND).all()
    assert (function(np.ones(shape, np.float32)) == FOREGROUND).all()
    assert (function(np.full(shape, 0.6, np.float32)) == UNKNOWN).all()


def test_a_faint_mask_has_no_subject_but_a_faint_alpha_has_one():
    faint = disc() * np.float32(0.4)
    assert (trimap_from_mask(faint) == BACKGROUND).all()
    assert (trimap_from_alpha(faint)[faint > 0.01] == UNKNOWN).all()


def test_thresholds_of_the_mask():
    mask = np.tile(np.linspace(0, 1, 101, dtype=np.float32), (3, 1))
    trimap = trimap_from_mask(mask, width=0, low=0.205, high=0.705)
    np.testing.assert_array_equal(trimap[1], [BACKGROUND] * 21 + [UNKNOWN] * 50 + [FOREGROUND] * 30)


def test_random_trimap_draws_its_widths_independently_and_repeats_with_the_seed():
    alpha = rectangle(slice(100, 200), slice(100, 200), (300, 300))

    def widths(trimap):
        row = trimap[150, :150]
        return int((row[100:] == UNKNOWN).sum()), int((row[:100] == UNKNOWN).sum())

    rng = np.random.default_rng(5)
    drawn = np.array([widths(random_trimap(alpha, rng, dilation=(3, 8))) for _ in range(200)])
    assert drawn[:, 0].min() == 1
    assert drawn[:, 0].max() == 30
    assert set(drawn[:, 1]) == set(range(3, 9))
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.25
    first, second = (random_trimap(alpha, np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_random_trimap_keeps_mixed_pixels_unknown():
    alpha = disc()
    for seed in range(5):
        trimap = random_trimap(alpha, np.random.default_rng(seed))
        assert (trimap[(alpha > 0.002) & (alpha < 0.998)] == UNKNOWN).all()
    exact = random_trimap(alpha, np.random.default_rng(0), erosion=(0, 0), dilation=(0, 0))
    np.testing.assert_array_equal(exact, trimap_from_alpha(alpha, width=0))


@pytest.mark.parametrize("function", [*FUNCTIONS, lambda a, **_: random_trimap(a, np.random.default_rng(0))])
@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.zeros((3, 3), complex), "complex128"),
        (np.zeros((3, 3, 3), np.float32), r"\(3, 3, 3\)"),
        (np.zeros((0, 3), np.float32), r"\(0, 3\)"),
        (np.full((3, 3), 255, np.float32), "from 255 to 255"),
        (np.full((3, 3), -0.5, np.float32), "from -0.5"),
        (np.full((3, 3), np.nan, np.float32), "nan"),
    ],
)
def test_bad_arrays(function, array, problem):
    with pytest.raises(InputError, match=problem):
        function(array)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("width", [-0.1, 1.5, float("nan")])
def test_bad_widths(function, width):
    with pytest.raises(InputError, match="width"):
        function(disc(), width=width)


def test_bad_options():
    with pytest.raises(InputError, match="thresholds"):
        trimap_from_mask(disc(), low=0.6)
    for bad in ((-1, 3), (5, 2)):
        with pytest.raises(InputError, match="erosion"):
            random_trimap(disc(), np.random.default_rng(0), erosion=bad)

"""Poisson blending against a direct sparse solve of the paper's equations, written out link by link."""

import numpy as np
import pytest
from scipy import ndimage, sparse
from scipy.sparse.linalg import spsolve

from wisp.compositing.over import over
from wisp.compositing.poisson import MOST_KEPT, poisson_blend
from wisp.core.errors import InputError


def direct(source, region, target, *, mixed=False, screening=0.0):
    """Equation 7 of Pérez et al. 2003 (and λ(f − g)), assembled for f and solved by SuperLU."""
    h, w = region.shape
    number = np.cumsum(region).reshape(h, w) - 1
    n = int(region.sum())
    source, target = source.astype(np.float64), target.astype(np.float64)
    right_hand = screening * source[region]
    matrix = sparse.lil_array((n, n))
    for y, x in np.argwhere(region):
        p = number[y, x]
        matrix[p, p] += screening
        for qy, qx in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if not (0 <= qy < h and 0 <= qx < w):
                continue
            matrix[p, p] += 1
            guide, other = source[y, x] - source[qy, qx], target[y, x] - target[qy, qx]
            if mixed:
                guide = np.where(np.abs(other) > np.abs(guide), other, guide)
            right_hand[p] += guide
            if region[qy, qx]:
                matrix[p, number[qy, qx]] -= 1
            else:
                right_hand[p] += target[qy, qx]
    result = target.copy()
    result[region] = spsolve(matrix.tocsc(), right_hand).reshape(n, 3)
    return np.clip(result, 0, 1)


def regions(shape, rng):
    y, x = np.mgrid[: shape[0], : shape[1]]
    blobs = ndimage.gaussian_filter(rng.normal(size=shape), 3) > 0
    return {
        "disc": np.hypot(y - shape[0] / 2, x - shape[1] / 2) < 0.4 * min(shape),
        "several parts": blobs,
        "scattered pixels": rng.random(shape) < 0.3,
        "all but a few pixels": rng.random(shape) > 0.02,
        "checks": (y + x) % 2 == 0,
        "hairs": (x % 4 == 0) & (y > 3),
        "left half, on three sides of the image": x < shape[1] // 2,
        "down to the bottom": (y > shape[0] // 3) & (np.abs(x - shape[1] / 2) < shape[1] / 3),
        "one pixel": (y == shape[0] // 2) & (x == shape[1] // 2),
    }


NAMES = list(regions((4, 4), np.random.default_rng(0)))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(41, 56), (65, 33)])
@pytest.mark.parametrize("gradients", ["seamless", "mixed"])
def test_equals_a_direct_solve(name, shape, gradients):
    rng = np.random.default_rng(4)
    region = regions(shape, rng)[name]
    source = rng.random((*shape, 3), np.float32)
    target = np.asarray(ndimage.gaussian_filter(rng.random((*shape, 3), np.float32), (2, 2, 0)))
    blended = poisson_blend(source, region.astype(np.float32), target, gradients=gradients)
    expected = direct(source, region, target, mixed=gradients == "mixed")
    assert np.abs(blended - expected).max() < 0.5 / 255


def test_screened_blending_equals_a_direct_solve():
    rng = np.random.default_rng(8)
    region = regions((40, 50), rng)["disc"]
    source, target = rng.random((2, 40, 50, 3), np.float32)
    blended = poisson_blend(source, region.astype(np.float32), target, keep_colours=6)
    expected = direct(source, region, target, screening=36 / region.sum())
    assert np.abs(blended - expected).max() < 0.5 / 255


def test_equals_a_direct_solve_on_a_larger_picture():
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:130, :201]
    region = (np.hypot(y - 45, x - 100) < 30) | ((y > 65) & (np.abs(x - 100) < 70))
    source = np.asarray(ndimage.gaussian_filter(rng.random((130, 201, 3), np.float32), (1, 1, 0)))
    target = np.broadcast_to(np.float32([0.1, 0.6, 0.7]), source.shape).copy()
    blended = poisson_blend(source, region.astype(np.float32), target)
    assert np.abs(blended - direct(source, region, target)).max() < 0.5 / 255


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (1, 9), (2, 3), (3, 3), (5, 17)])
def test_small_pictures_equal_a_direct_solve(shape):
    rng = np.random.default_rng(2)
    source, target = rng.random((2, *shape, 3), np.float32)
    region = rng.random(shape) < 0.6
    region.flat[0] = False
    blended = poisson_blend(source, region.astype(np.float32), target)
    np.testing.assert_allclose(blended, direct(source, region, target), atol=0.5 / 255)


def test_mixed_takes_the_larger_gradient():
    target = np.full((24, 40, 3), 0.5, np.float32)
    target[:, 10:12] = 0.9
    source = np.full((24, 40, 3), 0.3, np.float32)
    source[:, 28:30] = 0.0
    region = np.zeros((24, 40), np.float32)
    region[4:20, 4:36] = 1
    mixed = poisson_blend(source, region, target, gradients="mixed")
    seamless = poisson_blend(source, region, target)
    assert mixed[12, 11, 0] - mixed[12, 14, 0] > 0.3
    assert mixed[12, 25, 0] - mixed[12, 28, 0] > 0.2
    assert abs(seamless[12, 11, 0] - seamless[12, 14, 0]) < 0.05


def test_the_most_that_colours_are_kept_leaves_them():
    source, target = np.random.default_rng(1).random((2, 24, 30, 3), np.float32)
    alpha = np.zeros((24, 30), np.float32)
    alpha[4:20, 5:25] = 1
    blended = poisson_blend(source, alpha, target, keep_colours=MOST_KEPT)
    np.testing.assert_allclose(blended, np.where(alpha[..., None] > 0, source, target), atol=1e-3)


def test_keeping_colours_reduces_the_cast():
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:80, :80]
    region = (np.hypot(y - 40, x - 40) < 30).astype(np.float32)
    source = (np.float32([0.8, 0.5, 0.4]) + rng.normal(0, 0.02, (80, 80, 3))).astype(np.float32)
    target = np.broadcast_to(np.float32([0.0, 0.4, 0.5]), source.shape).copy()
    inside = region == 1

    def cast(strength):
        shift = poisson_blend(source, region, target, keep_colours=strength) - source
        return float(np.abs(shift[inside].mean(0)).max())

    casts = [cast(strength) for strength in (0, 3, 10, 30)]
    assert casts == sorted(casts, reverse=True)
    assert casts[0] > 0.4
    assert casts[2] < 0.5 * casts[0]
    core = np.hypot(y - 40, x - 40) < 10
    kept = poisson_blend(source, region, target, keep_colours=10)
    assert np.abs((kept - source)[core].mean(0)).max() < 0.1
    rim = inside & ~ndimage.binary_erosion(inside)
    assert np.abs((kept - target)[rim].mean(0)).max() < np.abs((source - target)[rim].mean(0)).max()


def test_source_that_is_the_target_changes_nothing():
    picture = np.random.default_rng(0).random((30, 21, 3), np.float32)
    region = regions((30, 21), np.random.default_rng(1))["disc"].astype(np.float32)
    for gradients in ("seamless", "mixed"):
        np.testing.assert_allclose(
            poisson_blend(picture, region, picture, gradients=gradients), picture, atol=1e-5
        )


def test_offset_source_is_moved_onto_the_target():
    rng = np.random.default_rng(0)
    picture = rng.uniform(0.3, 0.6, (30, 31, 3)).astype(np.float32)
    region = regions((30, 31), rng)["disc"].astype(np.float32)
    blended = poisson_blend(picture + np.float32(0.2), region, picture)
    np.testing.assert_allclose(blended, picture, atol=1e-3)


def test_empty_region_gives_the_target():
    source, target = np.random.default_rng(0).random((2, 6, 7, 3), np.float32)
    np.testing.assert_array_equal(poisson_blend(source, np.zeros((6, 7), np.float32), target), target)


@pytest.mark.parametrize("shape", [(1, 1), (9, 14)])
def test_full_region_keeps_the_source(shape):
    source, target = np.random.default_rng(0).random((2, *shape, 3), np.float32)
    full = np.ones(shape, np.float32)
    np.testing.assert_allclose(poisson_blend(source, full, target), source, atol=1e-5)
    np.testing.assert_allclose(poisson_blend(source, full, target, keep_colours=5), source, atol=1e-5)


def test_full_region_mixes_gradients_around_the_mean_of_the_source():
    rng = np.random.default_rng(0)
    source = rng.uniform(0.45, 0.55, (16, 20, 3)).astype(np.float32)
    target = np.full((16, 20, 3), 0.2, np.float32)
    target[:, 8:12] = 0.4
    mixed = poisson_blend(source, np.ones((16, 20), np.float32), target, gradients="mixed")
    np.testing.assert_allclose(mixed.mean((0, 1)), source.mean((0, 1)), atol=1e-3)
    assert (mixed[:, 9:11].mean() - mixed[:, :6].mean()) > 0.1


def test_soft_alpha_lays_the_solution_over_the_target():
    rng = np.random.default_rng(0)
    source, target = rng.random((2, 20, 30, 3), np.float32)
    region = regions((20, 30), rng)["disc"]
    alpha = (region * rng.uniform(0.2, 1, region.shape)).astype(np.float32)
    whole = poisson_blend(source, region.astype(np.float32), target)
    np.testing.assert_allclose(poisson_blend(source, alpha, target), over(whole, alpha, target), atol=1e-6)


def test_inputs_are_left_alone():
    rng = np.random.default_rng(0)
    source, target = rng.random((2, 12, 13, 3), np.float32)
    alpha = rng.random((12, 13), np.float32)
    copies = source.copy(), alpha.copy(), target.copy()
    poisson_blend(source, alpha, target, gradients="mixed")
    for array, copy in zip((source, alpha, target), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_bad_input_is_refused():
    source, alpha = np.zeros((4, 5, 3), np.float32), np.ones((4, 5), np.float32)
    with pytest.raises(InputError, match="seamless, mixed"):
        poisson_blend(source, alpha, source, gradients="blended")
    for kept in (-1, 1e24, 1e300, float("inf"), float("nan"), "a", True):
        with pytest.raises(InputError, match=r"keep_colours: is .*; a number in \[0, 1e\+06\] is accepted"):
            poisson_blend(source, alpha, source, keep_colours=kept)
    with pytest.raises(InputError, match="target: is 5×3"):
        poisson_blend(source, alpha, source[:3])

"""Poisson matting against gradients whose integral is known."""

import numpy as np
import pytest

from matting.classical.scenes import scene
from wisp.core.arrays import LUMA
from wisp.core.errors import InputError
from wisp.matting.classical.poisson import local_poisson, poisson, steadiest_channel


def bump(size=(40, 50)):
    """A smooth alpha with a plateau of 1 and a rim of 0, and its trimap."""
    y, x = np.mgrid[: size[0], : size[1]]
    distance = np.hypot((y - size[0] / 2) / size[0], (x - size[1] / 2) / size[1])
    truth = np.clip((0.4 - distance) * 5, 0, 1).astype(np.float32)
    trimap = np.full(size, 128, np.uint8)
    trimap[distance < 0.15], trimap[distance > 0.45] = 255, 0
    return truth, trimap


def test_flat_colours_give_alpha_back():
    truth, trimap = bump()
    image = truth[..., None] * np.float32([0.9, 0.8, 0.7]) + (1 - truth[..., None]) * np.float32(
        [0.1, 0.2, 0.3]
    )
    solution = poisson(image, trimap, refinements=0)
    assert solution.converged
    assert np.abs(solution.alpha - truth).max() < 1e-3
    assert np.abs(poisson(image, trimap).alpha - truth).max() < 0.03  # sources need not be pure


def test_equals_a_direct_solve_of_the_equation():
    """Gradients over F − B of the nearest known greys, which here are two."""
    image, trimap = scene((14, 17), "band")
    grey = image.astype(np.float64) @ np.array(LUMA)
    levels = {255: 0.9, 0: 0.1}
    for kind, level in levels.items():
        grey[trimap == kind] = level
    image = np.repeat(grey[..., None], 3, axis=2).astype(np.float32)
    grey = image.astype(np.float64) @ np.array(LUMA)
    contrast = grey[trimap == 255][0] - grey[trimap == 0][0]
    height, width = trimap.shape
    A, b = np.eye(trimap.size), (trimap == 255).ravel().astype(float)
    for y, x in zip(*np.nonzero(trimap == 128), strict=True):
        i = y * width + x
        A[i, i] = 0
        for u, v in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
            if 0 <= u < height and 0 <= v < width:
                A[i, i] += 1
                A[i, u * width + v] = -1
                b[i] += (grey[y, x] - grey[u, v]) / contrast
    expected = np.clip(np.linalg.solve(A, b), 0, 1).reshape(trimap.shape)
    np.testing.assert_allclose(poisson(image, trimap, refinements=0).alpha, expected, atol=1e-4)


def test_local_step_with_a_stroke_over_the_background():
    """Red stripes behind a blue subject: the channel of the stroke does not see them."""
    truth, trimap = bump()
    stripes = np.where(np.arange(50) // 3 % 2, 0.8, 0.2).astype(np.float32)
    background = np.zeros((40, 50, 3), np.float32)
    background[..., 0] = stripes
    image = truth[..., None] * np.float32([0.2, 0.2, 0.9]) + (1 - truth[..., None]) * background
    coarse = poisson(image, trimap).alpha
    region = np.ones(truth.shape, bool)
    fine = local_poisson(image, trimap, coarse, region, background=trimap == 0)
    assert np.abs(fine - truth).max() < 0.1
    assert np.abs(fine - truth).mean() < 0.3 * np.abs(coarse - truth).mean()
    np.testing.assert_array_equal(fine[trimap != 128], coarse[trimap != 128])


def test_local_step_leaves_the_rest_alone():
    image, trimap = scene((31, 27), "band")
    coarse = poisson(image, trimap).alpha
    region = np.zeros(trimap.shape, bool)
    region[:12] = True
    before = coarse.copy()
    fine = local_poisson(image, trimap, coarse, region, high_pass=4.0)
    np.testing.assert_array_equal(fine[12:], coarse[12:])
    np.testing.assert_array_equal(coarse, before)
    assert (fine[:12] != coarse[:12]).any()
    assert np.isfinite(fine).all()
    np.testing.assert_array_equal(local_poisson(image, trimap, coarse, np.zeros_like(region)), coarse)


def test_boost_steepens():
    truth, trimap = bump()
    image = np.repeat((0.4 + 0.2 * truth)[..., None], 3, axis=2)
    flat, steep = (
        local_poisson(image, trimap, truth, np.ones(truth.shape, bool), boost=boost) for boost in (1.0, 1.5)
    )
    assert np.abs(np.diff(steep, axis=1)).max() > 1.2 * np.abs(np.diff(flat, axis=1)).max()


def test_steadiest_channel():
    rng = np.random.default_rng(0)
    colours = rng.random((200, 3)).astype(np.float32) * np.float32([0.5, 0.01, 0.3])
    weights = steadiest_channel(colours)
    assert weights.sum() == pytest.approx(1)
    assert (colours @ weights).std() < 0.011
    with pytest.raises(InputError, match="has no pixels"):
        steadiest_channel(colours[:0])


def test_bad_parameters():
    image, trimap = scene((9, 9), "band")
    alpha, region = np.zeros((9, 9), np.float32), np.ones((9, 9), bool)
    with pytest.raises(InputError, match="refinements"):
        poisson(image, trimap, refinements=-1)
    for arguments in ({"high_pass": -1.0}, {"boost": 0.0}, {"background": np.ones((8, 9), bool)}):
        with pytest.raises(InputError, match=next(iter(arguments))):
            local_poisson(image, trimap, alpha, region, **arguments)
    with pytest.raises(InputError, match="region"):
        local_poisson(image, trimap, alpha, region[:5])

"""Closed-form matting against a direct solve of the system as the paper writes it."""

import itertools

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from matting.classical.scenes import reference, scene
from wisp.core.errors import InputError
from wisp.matting.classical.closed_form import closed_form


def textbook(image, trimap, epsilon=1e-7, radius=1):
    """L entry by entry as in equation 12 of the paper, then a dense solve with the known pixels held."""
    height, width = trimap.shape
    colours = image.astype(np.float64)
    L = np.zeros((height * width, height * width))
    area = (2 * radius + 1) ** 2
    for y, x in itertools.product(range(radius, height - radius), range(radius, width - radius)):
        pixels = [(y + dy, x + dx) for dy in range(-radius, radius + 1) for dx in range(-radius, radius + 1)]
        window = np.array([colours[p] for p in pixels])
        mean, covariance = window.mean(axis=0), np.cov(window.T, bias=True)
        inverse = np.linalg.inv(covariance + epsilon / area * np.eye(3))
        for (i, p), (j, q) in itertools.product(enumerate(pixels), repeat=2):
            affinity = (1 + (window[i] - mean) @ inverse @ (window[j] - mean)) / area
            L[p[0] * width + p[1], q[0] * width + q[1]] += (i == j) - affinity
    return hold(L, trimap)


def hold(L, trimap):
    flat = trimap.ravel()
    unknown, foreground = flat == 128, (flat == 255).astype(float)
    alpha = foreground.copy()
    alpha[unknown] = np.linalg.solve(
        L[np.ix_(unknown, unknown)], -L[np.ix_(unknown, ~unknown)] @ foreground[~unknown]
    )
    return np.clip(alpha, 0, 1).reshape(trimap.shape)


@pytest.mark.parametrize("size", [(3, 3), (14, 17), (21, 9)])
@pytest.mark.parametrize("kind", ["band", "scribbles", "corner"])
def test_equals_a_direct_solve_of_the_textbook_system(size, kind):
    image, trimap = scene(size, kind)
    solution = closed_form(image, trimap, tolerance=1e-10)
    assert solution.converged
    np.testing.assert_allclose(solution.alpha, textbook(image, trimap), atol=2e-5)


@pytest.mark.parametrize(("epsilon", "radius"), [(1e-3, 1), (1e-5, 2)])
def test_parameters_are_those_of_the_paper(epsilon, radius):
    image, trimap = scene((12, 15), "band")
    solution = closed_form(image, trimap, epsilon=epsilon, radius=radius, tolerance=1e-10)
    np.testing.assert_allclose(solution.alpha, textbook(image, trimap, epsilon, radius), atol=2e-5)


def test_agrees_with_pymatting():
    image, trimap, alphas = reference()
    solution = closed_form(image, trimap)
    np.testing.assert_allclose(solution.alpha, alphas["closed_form"], atol=1e-4)


def test_recovers_the_alpha_of_two_flat_colours():
    truth = np.linspace(0, 1, 40, dtype=np.float32)[None].repeat(20, axis=0)
    foreground, background = np.float32([0.9, 0.2, 0.1]), np.float32([0.1, 0.3, 0.8])
    image = truth[..., None] * foreground + (1 - truth[..., None]) * background
    trimap = np.full(truth.shape, 128, np.uint8)
    trimap[:, 0], trimap[:, -1] = 0, 255
    assert np.abs(closed_form(image, trimap).alpha - truth).max() < 1e-3


@pytest.mark.parametrize("size", [(1, 30), (30, 1), (2, 30), (2, 2)])
def test_photos_narrower_than_a_window(size):
    height, width = size
    image = np.full((height, width, 3), 0.5, np.float32)
    trimap = np.full(size, 128, np.uint8)
    trimap.ravel()[0], trimap.ravel()[-1] = 0, 255
    solution = closed_form(image, trimap)
    assert solution.alpha.shape == size
    assert solution.converged
    middle = solution.alpha[trimap == 128]
    assert ((middle > 0) & (middle < 1)).all()
    if 1 in size:
        line = solution.alpha.ravel()
        assert (np.diff(line) > 0).all()
        np.testing.assert_allclose(line + line[::-1], 1, atol=1e-4)


def test_large_unknown_part_is_exact():
    """Many levels of dissection: the residual in float64 tells whether any of them lost an entry."""
    image, trimap = scene((90, 110), "scribbles")
    solution = closed_form(image, trimap, tolerance=1e-9)
    assert solution.converged
    assert solution.iterations <= 5


@pytest.mark.parametrize("size", [(70, 90), (71, 93)])
def test_too_many_unknown_pixels_are_solved_at_half_size_first(size):
    image, trimap = scene(size, "scribbles")
    smooth = gaussian_filter(image, (1.5, 1.5, 0))
    trimap[size[0] // 2 :, -1] = 128
    exact = closed_form(smooth, trimap).alpha
    solution = closed_form(smooth, trimap, at_once=np.count_nonzero(trimap == 128) - 1)
    assert solution.converged
    assert (solution.alpha[trimap == 255] == 1).all()
    assert (solution.alpha[trimap == 0] == 0).all()
    assert np.abs(solution.alpha - exact).mean() < 0.03


@pytest.mark.parametrize("arguments", [{"epsilon": 0.0}, {"epsilon": float("nan")}, {"radius": 0}])
def test_bad_parameters(arguments):
    image, trimap = scene((9, 9), "band")
    with pytest.raises(InputError, match=next(iter(arguments))):
        closed_form(image, trimap, **arguments)

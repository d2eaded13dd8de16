"""Learning-based matting against the paper's regression, written out."""

import itertools

import numpy as np
import pytest

from matting.classical.scenes import scene
from wisp.core.errors import InputError
from wisp.matting.classical.learning_based import learning_based


def textbook(image, trimap, ridge=1e-7, radius=1, damping=3e-6):
    """(1 − F)ᵀ (1 − F) of every window with F = K (K + λ 1)⁻¹, damped, solved densely with known held."""
    height, width = trimap.shape
    L = np.zeros((height * width, height * width))
    around = range(-radius, radius + 1)
    for y, x in itertools.product(range(radius, height - radius), range(radius, width - radius)):
        pixels = [(y + dy) * width + x + dx for dy in around for dx in around]
        X = np.column_stack([image.reshape(-1, 3)[pixels].astype(np.float64), np.ones(len(pixels))])
        kernel = X @ X.T
        left = np.eye(len(pixels)) - np.linalg.solve(kernel + ridge * np.eye(len(pixels)), kernel).T
        L[np.ix_(pixels, pixels)] += left.T @ left
    flat = trimap.ravel()
    unknown, known = flat == 128, (flat == 255).astype(float)
    rhs, damped = -L[unknown] @ known, L[np.ix_(unknown, unknown)] + damping * np.eye(unknown.sum())
    x = np.zeros(unknown.sum())
    for _ in range(3):
        x = np.linalg.solve(damped, rhs + damping * x)
    known[unknown] = np.clip(x, 0, 1)
    return known.reshape(trimap.shape)


@pytest.mark.parametrize("size", [(3, 3), (14, 17), (21, 9)])
@pytest.mark.parametrize("kind", ["band", "scribbles", "corner"])
@pytest.mark.parametrize("ridge", [1e-5, 1e-2])
def test_equals_a_direct_solve_of_the_regression(size, kind, ridge):
    image, trimap = scene(size, kind)
    solution = learning_based(image, trimap, ridge=ridge, tolerance=1e-10)
    assert solution.converged
    np.testing.assert_allclose(solution.alpha, textbook(image, trimap, ridge), atol=1e-4)


@pytest.mark.parametrize("damping", [0.0, 1e-2])
def test_equals_a_direct_solve_with_another_damping(damping):
    image, trimap = scene((14, 17), "band")
    solution = learning_based(image, trimap, ridge=1e-3, damping=damping, tolerance=1e-10)
    expected = textbook(image, trimap, 1e-3, damping=damping)
    np.testing.assert_allclose(solution.alpha, expected, atol=1e-4)


def test_a_hole_that_nothing_holds_is_background():
    """Foreground around it, and background only far away: the exact minimum fills it."""
    image = np.full((40, 50, 3), (0.1, 0.3, 0.8), np.float32)
    image[4:-4, 4:-4] = (0.9, 0.7, 0.1)
    image[15:25, 20:30] = (0.1, 0.3, 0.8)
    trimap = np.full((40, 50), 255, np.uint8)
    trimap[:4], trimap[-4:], trimap[:, :4], trimap[:, -4:] = 0, 0, 0, 0
    trimap[12:28, 17:33] = 128
    alpha = learning_based(image, trimap).alpha
    assert alpha[17:23, 22:28].max() < 0.02
    assert alpha[12:14, 17:33].min() > 0.98
    exact = learning_based(image, trimap, damping=0).alpha
    assert exact[17:23, 22:28].min() > 0.5


def test_larger_windows():
    image, trimap = scene((12, 15), "band")
    solution = learning_based(image, trimap, ridge=1e-3, radius=2, tolerance=1e-10)
    np.testing.assert_allclose(solution.alpha, textbook(image, trimap, 1e-3, 2), atol=1e-4)


@pytest.mark.parametrize("size", [(1, 30), (30, 1), (2, 2)])
def test_photos_narrower_than_a_window(size):
    image = np.full((*size, 3), 0.5, np.float32)
    trimap = np.full(size, 128, np.uint8)
    trimap.ravel()[0], trimap.ravel()[-1] = 0, 255
    solution = learning_based(image, trimap)
    assert solution.converged
    assert ((solution.alpha[trimap == 128] > 0) & (solution.alpha[trimap == 128] < 1)).all()


@pytest.mark.parametrize(
    "arguments", [{"ridge": 0.0}, {"ridge": float("nan")}, {"radius": 0}, {"damping": -1e-6}]
)
def test_bad_parameters(arguments):
    image, trimap = scene((9, 9), "band")
    with pytest.raises(InputError, match=next(iter(arguments))):
        learning_based(image, trimap, **arguments)

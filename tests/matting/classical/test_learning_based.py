"""Learning-based matting against the paper's regression, written out."""

import itertools

import numpy as np
import pytest

from matting.classical.scenes import scene
from matting.classical.test_closed_form import hold
from wisp.core.errors import InputError
from wisp.matting.classical.learning_based import learning_based


def textbook(image, trimap, ridge=1e-7, radius=1):
    """(1 − F)ᵀ (1 − F) of every window with F = K (K + λ 1)⁻¹, solved densely with the known pixels held."""
    height, width = trimap.shape
    L = np.zeros((height * width, height * width))
    around = range(-radius, radius + 1)
    for y, x in itertools.product(range(radius, height - radius), range(radius, width - radius)):
        pixels = [(y + dy) * width + x + dx for dy in around for dx in around]
        X = np.column_stack([image.reshape(-1, 3)[pixels].astype(np.float64), np.ones(len(pixels))])
        kernel = X @ X.T
        left = np.eye(len(pixels)) - np.linalg.solve(kernel + ridge * np.eye(len(pixels)), kernel).T
        L[np.ix_(pixels, pixels)] += left.T @ left
    return hold(L, trimap)


@pytest.mark.parametrize("size", [(3, 3), (14, 17), (21, 9)])
@pytest.mark.parametrize("kind", ["band", "scribbles", "corner"])
@pytest.mark.parametrize("ridge", [1e-5, 1e-2])
def test_equals_a_direct_solve_of_the_regression(size, kind, ridge):
    image, trimap = scene(size, kind)
    solution = learning_based(image, trimap, ridge=ridge, tolerance=1e-10)
    assert solution.converged
    np.testing.assert_allclose(solution.alpha, textbook(image, trimap, ridge), atol=1e-4)


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


@pytest.mark.parametrize("arguments", [{"ridge": 0.0}, {"ridge": float("nan")}, {"radius": 0}])
def test_bad_parameters(arguments):
    image, trimap = scene((9, 9), "band")
    with pytest.raises(InputError, match=next(iter(arguments))):
        learning_based(image, trimap, **arguments)

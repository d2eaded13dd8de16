"""Random-walk matting against a direct solve of the walker's probabilities."""

import itertools

import numpy as np
import pytest

from matting.classical.scenes import reference, scene
from wisp.core.errors import InputError
from wisp.matting.classical.random_walk import random_walk


def textbook(image, trimap, beta=900.0, radius=1, regularization=1e-8):
    """The walker's probabilities of a step, then the linear equations of where the walk ends."""
    height, width = trimap.shape
    colours = image.astype(np.float64)
    steps = np.zeros((height * width, height * width))
    for y, x in itertools.product(range(height), range(width)):
        for dy, dx in itertools.product(range(-radius, radius + 1), repeat=2):
            if 0 <= y + dy < height and 0 <= x + dx < width:
                difference = colours[y, x] - colours[y + dy, x + dx]
                steps[y * width + x, (y + dy) * width + x + dx] = np.exp(-beta * difference @ difference)
    steps /= steps.sum(axis=1, keepdims=True)
    flat = trimap.ravel()
    unknown, foreground = flat == 128, (flat == 255).astype(float)
    alpha = foreground.copy()
    stays = (1 + regularization) * np.eye(int(unknown.sum())) - steps[np.ix_(unknown, unknown)]
    alpha[unknown] = np.linalg.solve(stays, steps[np.ix_(unknown, ~unknown)] @ foreground[~unknown])
    return alpha.reshape(trimap.shape)


@pytest.mark.parametrize("size", [(1, 9), (14, 17), (21, 9)])
@pytest.mark.parametrize("kind", ["band", "scribbles", "corner", "specks"])
def test_equals_a_direct_solve_of_the_textbook_system(size, kind):
    image, trimap = scene(size, kind)
    solution = random_walk(image, trimap, beta=100.0, tolerance=1e-12)
    assert solution.converged
    np.testing.assert_allclose(solution.alpha, textbook(image, trimap, beta=100.0), atol=1e-5)


def test_parameters():
    image, trimap = scene((12, 15), "band")
    arguments = {"beta": 300.0, "radius": 2, "regularization": 1e-3}
    solution = random_walk(image, trimap, **arguments, tolerance=1e-12)
    np.testing.assert_allclose(solution.alpha, textbook(image, trimap, **arguments), atol=1e-5)


def test_agrees_with_pymatting():
    """Closely on average: neither solve is exact at its default tolerance."""
    image, trimap, alphas = reference()
    difference = np.abs(random_walk(image, trimap).alpha - alphas["random_walk"])
    assert difference[trimap == 128].mean() < 0.002
    assert difference.max() < 0.03


def test_a_pixel_unlike_all_others_is_background():
    """Its links are too weak for any number of steps to carry foreground there."""
    image = np.zeros((5, 5, 3), np.float32)
    image[2, 2] = 1
    trimap = np.full((5, 5), 255, np.uint8)
    trimap[0, 0] = 0
    trimap[2, 2] = 128
    assert random_walk(image, trimap).alpha[2, 2] == 0


@pytest.mark.parametrize("arguments", [{"beta": -1.0}, {"radius": 0}, {"regularization": -1e-9}])
def test_bad_parameters(arguments):
    image, trimap = scene((9, 9), "band")
    with pytest.raises(InputError, match=next(iter(arguments))):
        random_walk(image, trimap, **arguments)

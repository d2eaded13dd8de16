"""KNN matting against neighbours found by comparing all pairs, and a direct solve."""

import numpy as np
import pytest

from matting.classical.scenes import reference, scene
from wisp.core.errors import InputError
from wisp.matting.classical.knn import knn


def textbook(
    image, trimap, neighbours=(20, 10), distance_weights=(2.0, 0.1), kernel="binary", known_weight=3.0
):
    """All pairs of pixels compared, and the energy of the module's docstring solved densely."""
    height, width = trimap.shape
    flat = trimap.ravel()
    unknown, foreground = flat == 128, (flat == 255).astype(float)
    y, x = np.mgrid[:height, :width].reshape(2, -1)
    A = np.zeros((flat.size, flat.size))
    for k, weight in zip(neighbours, distance_weights, strict=True):
        position = np.stack([x / max(width - 1, 1), y / max(height - 1, 1)], axis=1) * weight
        features = np.concatenate([image.reshape(-1, 3).astype(np.float64), position], axis=1)
        for i in np.flatnonzero(unknown):
            difference = features - features[i]
            nearest = np.argsort((difference**2).sum(axis=1), kind="stable")[:k]
            for j in nearest:
                joint = 1 if kernel == "binary" else 1 - np.abs(difference[j]).sum() / 5
                A[i, j] += joint if unknown[j] else known_weight * joint
    A += A.T
    L = np.diag(A.sum(axis=1)) - A
    alpha = foreground.copy()
    alpha[unknown] = np.linalg.solve(
        L[np.ix_(unknown, unknown)], -L[np.ix_(unknown, ~unknown)] @ foreground[~unknown]
    )
    return alpha.reshape(trimap.shape)


@pytest.mark.parametrize("size", [(14, 17), (21, 9)])
@pytest.mark.parametrize("kind", ["band", "scribbles", "specks"])
@pytest.mark.parametrize("kernel", ["binary", "soft"])
def test_equals_a_direct_solve_over_all_pairs(size, kind, kernel):
    image, trimap = scene(size, kind)
    solution = knn(image, trimap, kernel=kernel, approximation=0, tolerance=1e-12)
    assert solution.converged
    np.testing.assert_allclose(solution.alpha, textbook(image, trimap, kernel=kernel), atol=1e-5)


def test_parameters():
    image, trimap = scene((12, 15), "band")
    arguments = {"neighbours": [5, 4, 3], "distance_weights": [1.0, 0.5, 0.0], "known_weight": 1.5}
    solution = knn(image, trimap, **arguments, approximation=0, tolerance=1e-12)
    np.testing.assert_allclose(solution.alpha, textbook(image, trimap, **arguments), atol=1e-5)


def test_agrees_with_pymatting():
    """On average: pymatting also looks up the neighbours of known pixels."""
    image, trimap, alphas = reference()
    difference = np.abs(knn(image, trimap).alpha - alphas["knn"])
    assert difference[trimap == 128].mean() < 0.02


def test_more_neighbours_than_pixels():
    image, trimap = scene((3, 4), "corner")
    assert knn(image, trimap).converged


def test_joins_parts_of_a_photo_that_do_not_touch():
    """Foreground known on the left decides about pixels of its colour on the right."""
    image = np.zeros((20, 41, 3), np.float32)
    image[:, ::4] = 1
    trimap = np.full((20, 41), 128, np.uint8)
    trimap[:, 0], trimap[:, 1:3] = 255, 0
    alpha = knn(image, trimap).alpha
    assert alpha[:, 40].min() > 0.95
    assert alpha[:, 39].max() < 0.05


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"neighbours": [10]}, "neighbours"),
        ({"neighbours": [10, 0]}, "neighbours"),
        ({"neighbours": [], "distance_weights": []}, "neighbours"),
        ({"distance_weights": [1.0, -1.0]}, "distance_weights"),
        ({"kernel": "gaussian"}, "kernel"),
        ({"known_weight": 0.0}, "known_weight"),
        ({"approximation": -0.1}, "approximation"),
    ],
)
def test_bad_parameters(arguments, name):
    image, trimap = scene((9, 9), "band")
    with pytest.raises(InputError, match=name):
        knn(image, trimap, **arguments)

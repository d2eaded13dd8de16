"""The smoothest layers that explain a photo, against the same minimum found with dense matrices."""

import numpy as np
import pytest

from wisp.matting.foreground import smooth_layers
from wisp.matting.foreground.smooth_layers import fit_smooth_layers


def hats(n, nodes):
    """Shares of each node in each of n samples, (n, nodes)."""
    places = np.arange(n) * (nodes - 1) / max(n - 1, 1)
    return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(nodes)))


def least_squares(image, alpha, ny, nx):
    """F and B (2, ny, nx, 3) of the module's sum of squares, by `numpy.linalg.lstsq`."""
    phi = np.kron(hats(alpha.shape[0], ny), hats(alpha.shape[1], nx))
    a = alpha.reshape(-1, 1).astype(np.float64)
    data = np.sqrt(ny * nx / alpha.size) * np.hstack([a * phi, (1 - a) * phi])
    differences = [[np.diff(np.eye(n), order, axis=0) for order in range(3)] for n in (ny, nx)]
    terms = [(smooth_layers.BENDING, 2, 0), (2 * smooth_layers.BENDING, 1, 1), (smooth_layers.BENDING, 0, 2)]
    terms += [(smooth_layers.FLOOR, 0, 0)]
    rows = [np.sqrt(weight) * np.kron(differences[0][i], differences[1][j]) for weight, i, j in terms]
    smooth = np.kron(np.eye(2), np.vstack(rows))
    wanted = np.sqrt(ny * nx / alpha.size) * image.reshape(-1, 3).astype(np.float64)
    matrix = np.vstack([data, smooth])
    right = np.vstack([wanted, np.zeros((smooth.shape[0], 3))])
    return np.linalg.lstsq(matrix, right, rcond=None)[0].reshape(2, ny, nx, 3)


@pytest.mark.parametrize("shape", [(30, 24), (12, 40), (40, 6), (9, 3), (3, 9)])
def test_the_layers_are_the_least_squares_solution(shape, monkeypatch):
    monkeypatch.setattr(smooth_layers, "NODES", 7)
    rng = np.random.default_rng(3)
    image = rng.uniform(0.3, 0.7, (*shape, 3)).astype(np.float32)
    alpha = rng.uniform(0, 1, shape).astype(np.float32)
    found = fit_smooth_layers(image, alpha, np.ones(shape, bool))
    expected = least_squares(image, alpha, *found.nodes.shape[1:3])
    assert found.origin == (0, 0)
    np.testing.assert_allclose(found.nodes, expected.clip(0, 1), atol=2e-6)


def test_where_a_layer_is_never_seen_it_carries_on_smoothly():
    image = np.full((20, 30, 3), 0.25, np.float32)
    image[:, :15] = 0.75
    alpha = np.zeros((20, 30), np.float32)
    alpha[:, :15] = 1
    layers = fit_smooth_layers(image, alpha, np.ones((20, 30), bool))
    np.testing.assert_allclose(layers.nodes[0], 0.75, atol=1e-3)
    np.testing.assert_allclose(layers.nodes[1], 0.25, atol=1e-3)

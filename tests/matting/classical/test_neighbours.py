"""Neighbours and mixing weights against all pairs and against the k×k system."""

import numpy as np
import pytest

from matting.classical.scenes import scene
from wisp.matting.classical import neighbours
from wisp.matting.classical.knn import knn
from wisp.matting.classical.neighbours import CLOSE, features, looked_among, mixing_weights, nearest
from wisp.matting.classical.system import Part


def test_features_are_colour_and_place_in_the_whole_photo():
    image, trimap = scene((5, 9), "band")
    part = Part(image[1:4, 2:8], trimap[1:4, 2:8] == 128, np.zeros((3, 6), np.float32), (5, 9))
    found = features(part, 2.0, np.arange(18)).reshape(3, 6, 5)
    np.testing.assert_array_equal(found[..., :3], image[1:4, 2:8])
    np.testing.assert_allclose(found[0, :, 3], np.arange(6) * 2 / 8)
    np.testing.assert_allclose(found[:, 0, 4], np.arange(3) * 2 / 4)
    some = np.array([17, 2, 9])
    np.testing.assert_array_equal(features(part, 2.0, some), found.reshape(-1, 5)[some])


def test_of_a_large_photo_some_known_pixels_are_left_out(monkeypatch):
    unknown = np.zeros((100, 120), bool)
    unknown[40:60, 50:70] = True
    assert len(looked_among(unknown)) == 12000
    monkeypatch.setattr(neighbours, "LOOKED_AMONG", 3000)
    found = looked_among(unknown)
    assert 2000 < len(found) <= 3000
    assert (np.diff(found) > 0).all()
    chosen = np.zeros(unknown.shape, bool)
    chosen.ravel()[found] = True
    assert chosen[40 - CLOSE : 60 + CLOSE, 50 - CLOSE : 70 + CLOSE].all()
    assert all(chosen[y : y + 10, x : x + 10].any() for y in range(0, 100, 10) for x in range(0, 120, 10))


def test_known_pixels_that_are_left_out_change_little(monkeypatch):
    image, trimap = scene((90, 110), "band")
    whole = knn(image, trimap).alpha
    monkeypatch.setattr(neighbours, "LOOKED_AMONG", 90 * 110 // 8)
    assert len(looked_among(trimap == 128)) < 0.75 * trimap.size
    thinned = knn(image, trimap).alpha
    assert 0 < np.abs(thinned - whole)[trimap == 128].mean() < 0.02


@pytest.mark.parametrize("some", [False, True])
def test_nearest_of_all_pairs(some):
    rng = np.random.default_rng(1)
    values, pixels = rng.random((300, 5)), rng.permutation(300)[:70]
    among = np.sort(rng.permutation(300)[:90]) if some else None
    found = nearest(values, pixels, 6, among=among)
    pool = np.arange(300) if among is None else among
    distance = ((values[pixels][:, None] - values[pool]) ** 2).sum(axis=2)
    np.testing.assert_array_equal(found, pool[np.argsort(distance, axis=1)[:, :6]])
    assert found.dtype == np.int32


def test_nearest_approximately():
    rng = np.random.default_rng(1)
    values, pixels = rng.random((3000, 5)), np.arange(0, 3000, 7)
    exact, rough = (nearest(values, pixels, 5, approximation=share) for share in (0.0, 1.0))

    def farthest(found):
        return np.linalg.norm(values[found] - values[pixels][:, None], axis=2).max(axis=1)

    assert (farthest(rough) <= 2 * farthest(exact) + 1e-12).all()


def test_fewer_pixels_than_neighbours():
    values = np.arange(10.0).reshape(-1, 1)
    assert nearest(values, np.array([4]), 20, among=np.array([0, 5])).tolist() == [[5, 0]]


def test_mixing_weights_solve_the_large_system():
    rng = np.random.default_rng(2)
    colours, mixed = rng.random((40, 9, 3)), rng.random((40, 3))
    found = mixing_weights(colours, mixed, 1e-3)
    for near, one, weights in zip(colours, mixed, found, strict=True):
        Z = (near - one).T
        gram = Z.T @ Z
        expected = np.linalg.solve(gram + 1e-3 * np.trace(gram) / 9 * np.eye(9), np.ones(9))
        np.testing.assert_allclose(weights, expected / expected.sum(), atol=1e-5)


def test_mixing_weights_mix_the_colour():
    rng = np.random.default_rng(3)
    colours, weights = rng.random((30, 8, 3)), rng.dirichlet(np.ones(8), 30)
    mixed = np.einsum("nk,nkc->nc", weights, colours)
    found = mixing_weights(colours, mixed, 1e-9)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_allclose(np.einsum("nk,nkc->nc", found, colours), mixed, atol=1e-6)


def test_mixing_equal_colours():
    found = mixing_weights(np.full((4, 5, 3), 0.3), np.full((4, 3), 0.3), 1e-3)
    np.testing.assert_allclose(found, 0.2)

"""Information-flow matting against its four energies, written out, and the trimming of its trimap."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from matting.classical.scenes import scene
from wisp.core.errors import InputError
from wisp.matting.classical.information_flow import (
    RIDGE,
    information_flow,
    trimmed,
    trimmed_edges,
)
from wisp.matting.classical.neighbours import mixing_weights
from wisp.matting.classical.sampling import expand_trimap


def textbook(image, trimap, known_weight=0.05, unknown_weight=0.01, local_weight=1.0, trim=False):
    """All pairs compared, the matrices of the module's docstring multiplied out, and a dense solve."""
    height, width = trimap.shape
    colours = image.reshape(-1, 3).astype(np.float64)
    y, x = np.mgrid[:height, :width].reshape(2, -1)
    place = np.column_stack([x / (width - 1), y / (height - 1)])
    flat = trimap.ravel()
    by_window = (trimmed(image, trimap, 0.0) if trim else trimap).ravel()
    by_edges = (trimmed_edges(image, trimap) if trim else trimap).ravel()
    unknown, count = np.flatnonzero(flat == 128), flat.size

    def near(i, weight, k, among):
        values = np.hstack([colours, place * weight])
        distance = ((values[among] - values[i]) ** 2).sum(axis=1)
        return among[np.argsort(distance, kind="stable")[:k]], values

    A, b = np.zeros((count, count)), np.zeros(count)
    for i in unknown:
        others, _ = near(i, 1.0, 20, np.delete(np.arange(count), i))
        row = np.zeros(count)
        row[i] = 1
        row[others] -= mixing_weights(colours[others][None], colours[i][None], RIDGE)[0]
        A += np.outer(row, row)
        if by_edges[i] != 128:
            eta, share = 1, by_edges[i] == 255
        elif by_window[i] != 128:
            eta, share = 1, by_window[i] == 255
        else:
            kinds = [near(i, 10.0, 7, np.flatnonzero(by_window == kind))[0] for kind in (255, 0)]
            w = mixing_weights(colours[np.concatenate(kinds)][None], colours[i][None], RIDGE)[0]
            split = len(kinds[0])
            apart = w[:split] @ colours[kinds[0]] - w[split:] @ colours[kinds[1]]
            eta, share = min(apart @ apart / 3, 1), np.clip(w[:split].sum(), 0, 1)
        A[i, i] += known_weight * eta
        b[i] += known_weight * eta * share
        for k, weight in ((6, 0.05), (2, 0.0005)):
            alike, values = near(i, weight, k, unknown)
            for j in alike:
                u = unknown_weight * max(0, 1 - np.abs(values[i] - values[j]).sum() / 5) / 2
                A[i, i] += u
                A[j, j] += u
                A[i, j] -= u
                A[j, i] -= u
    for top in range(height - 2):
        for left in range(width - 2):
            pixels = [(top + dy) * width + left + dx for dy in range(3) for dx in range(3)]
            centred = colours[pixels] - colours[pixels].mean(axis=0)
            inverse = np.linalg.inv(centred.T @ centred / 9 + 1e-6 / 9 * np.eye(3))
            A[np.ix_(pixels, pixels)] += local_weight * (np.eye(9) - (1 + centred @ inverse @ centred.T) / 9)
    known = np.flatnonzero(flat != 128)
    held = (flat[known] == 255).astype(float)
    alpha = (flat == 255).astype(float)
    alpha[unknown] = np.linalg.solve(
        A[np.ix_(unknown, unknown)], b[unknown] - A[np.ix_(unknown, known)] @ held
    )
    return np.clip(alpha, 0, 1).reshape(trimap.shape)


WEIGHTS = {"known_weight": 0.5, "unknown_weight": 0.2, "local_weight": 0.3}


@pytest.mark.parametrize("size", [(14, 17), (21, 11)])
@pytest.mark.parametrize("kind", ["band", "specks"])
@pytest.mark.parametrize("weights", [{}, WEIGHTS])
@pytest.mark.parametrize("trim", [False, True])
def test_equals_a_direct_solve_of_all_four_flows(size, kind, weights, trim):
    image, trimap = scene(size, kind)
    if trim:  # noise keeps everything unknown
        image = gaussian_filter(image, (2, 2, 0))
        assert (trimmed_edges(image, trimap) != trimap).any()
    solution = information_flow(image, trimap, **weights, trim=trim, approximation=0, tolerance=1e-11)
    assert solution.converged
    np.testing.assert_allclose(solution.alpha, textbook(image, trimap, **weights, trim=trim), atol=1e-4)


def test_colour_reaches_parts_that_do_not_touch():
    """Foreground known on the left decides about pixels of its colour on the right."""
    image = np.zeros((20, 41, 3), np.float32)
    image[:, ::4] = 1
    trimap = np.full((20, 41), 128, np.uint8)
    trimap[:, 0], trimap[:, 1:3] = 255, 0
    alpha = information_flow(image, trimap).alpha
    assert alpha[:, 40].min() > 0.95
    assert alpha[:, 39].max() < 0.05


def test_trimming_settles_what_looks_like_one_kind_only():
    rng = np.random.default_rng(0)
    image = np.where(np.arange(60)[:, None, None] < 30, 0.2, 0.8) + 0.02 * rng.standard_normal((60, 50, 3))
    trimap = np.full((60, 50), 128, np.uint8)
    trimap[:10], trimap[-10:] = 0, 255
    found = trimmed(np.clip(image, 0, 1).astype(np.float32), trimap)
    assert (found[:10] == 0).all()
    assert (found[-10:] == 255).all()
    assert (found[:29] != 255).all()
    assert (found[31:] != 0).all()
    assert (found[11:28] == 0).mean() > 0.5
    assert (found[32:49] == 255).mean() > 0.5
    assert (found[29:31] == 128).mean() > 0.9  # windows across the edge
    assert (trimap[10:-10] == 128).all()


def test_trimming_leaves_what_looks_like_both():
    image = np.full((20, 20, 3), 0.5, np.float32)
    trimap = np.full((20, 20), 128, np.uint8)
    trimap[0], trimap[-1] = 0, 255
    np.testing.assert_array_equal(trimmed(image, trimap), trimap)


@pytest.mark.parametrize("kind", ["band", "scribbles", "specks"])
@pytest.mark.parametrize("blur", [1, 2])
def test_edges_are_trimmed_in_nine_rounds(kind, blur):
    image, trimap = scene((43, 56), kind)
    image = gaussian_filter(image, (blur, blur, 0))
    expected = trimap
    for reach in range(1, 10):
        expected = expand_trimap(image, expected, reach, (9 - reach * 8 / 9) / 256)
    found = trimmed_edges(image, trimap)
    assert (found != trimap).sum() > 20
    np.testing.assert_array_equal(found, expected)


def test_noise_is_borne():
    image, trimap = scene((60, 70), "band", seed=5)
    y, x = np.mgrid[:60, :70]
    truth = np.clip((0.36 - np.hypot((y - 30) / 60, (x - 35) / 70)) * 6 + 0.5, 0, 1)
    for trim in (False, True):
        found = information_flow(image, trimap, trim=trim).alpha
        assert np.abs(found - truth).mean() < 0.05
        assert np.abs(found - truth)[trimap == 128].mean() < 0.12


@pytest.mark.parametrize(
    "arguments",
    [{"known_weight": -1.0}, {"unknown_weight": -1.0}, {"local_weight": 0.0}, {"approximation": -0.5}],
)
def test_bad_parameters(arguments):
    image, trimap = scene((9, 9), "band")
    with pytest.raises(InputError, match=next(iter(arguments))):
        information_flow(image, trimap, **arguments)

"""KNN matting: Chen, Li and Tang 2013, *KNN Matting*.

Every pixel has a feature, its colour and its weighted position, and is joined to the pixels with the nearest
features anywhere in the photo. Alpha minimises Σ A_ij (α_i − α_j)² over these joints, L = D − A.

Departures: colours are RGB instead of HSV, and two sets of neighbours are taken, near ones and far ones, as
implementations do. Neighbours are searched for approximately, which lowers the error a little. They
are looked up for unknown pixels only: the joints that known pixels would find to unknown ones are made up
for by the weight of those found from the other end, `known_weight`, and four fifths of the look-ups or more
fall away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from wisp.core.arrays import FOREGROUND, UNKNOWN, Image, Trimap
from wisp.core.errors import InputError
from wisp.matting.classical.system import Solution, System, by_rows, graph, solve, warn_unless_converged

METHOD: Final = "knn"


def knn(
    image: Image,
    trimap: Trimap,
    *,
    neighbours: Sequence[int] = (20, 10),
    distance_weights: Sequence[float] = (2.0, 0.1),
    kernel: Literal["binary", "soft"] = "binary",
    known_weight: float = 3.0,
    approximation: float = 1.0,
    tolerance: float = 1e-4,
    max_iterations: int = 2000,
) -> Solution:
    """Estimate alpha by KNN matting (Chen, Li and Tang 2013).

    Args:
        image: float32 (H, W, 3), [0, 1].
        trimap: uint8 (H, W), 0 / 128 / 255.
        neighbours: how many to join to each unknown pixel, in each set; the pixel itself counts as one.
        distance_weights: for each set, what crossing the photo counts for, where black to white in one colour
            channel counts 1.
        kernel: ``"binary"``, every joint weighs 1; ``"soft"``, the paper's 1 − |X_i − X_j| / C, with the
            sum of absolute differences and C the length of a feature.
        known_weight: how much more a joint weighs that leads to a known pixel.
        approximation: how much farther than the nearest features, as a share of their distance, those found
            may be; 0 finds the nearest in about half as much time again.
        tolerance: relative residual at which the solver stops.
        max_iterations: steps at which it gives up.

    Returns:
        Alpha and how the solve went. With no known foreground alpha is 0 in the unknown part, with no known
        background 1.

    Raises:
        InputError: arrays of other types or sizes, sets that do not pair up, numbers out of range, another
        kernel.

    Warns:
        ConvergenceWarning: when the tolerance was not reached.
    """
    if len(neighbours) != len(distance_weights) or not neighbours or min(neighbours) < 1:
        raise InputError(
            "neighbours",
            f"is {tuple(neighbours)} beside {len(distance_weights)} distance weights",
            "one number of at least 1 for each distance weight is accepted",
        )
    if min(distance_weights) < 0:
        raise InputError("distance_weights", f"is {tuple(distance_weights)}", "zero and above is accepted")
    if kernel not in ("binary", "soft"):
        raise InputError("kernel", f"is {kernel!r}", "'binary' and 'soft' are accepted")
    if not known_weight > 0:
        raise InputError("known_weight", f"is {known_weight}", "a number above zero is accepted")
    if not approximation >= 0:
        raise InputError("approximation", f"is {approximation}", "zero and above is accepted")
    sets = list(zip(neighbours, distance_weights, strict=True))
    solution = solve(
        image,
        trimap,
        lambda image, trimap: _system(image, trimap, sets, kernel == "soft", known_weight, approximation),
        method=METHOD,
        tolerance=tolerance,
        max_iterations=max_iterations,
    )
    return warn_unless_converged(solution, tolerance, "more neighbours, or a trimap with more known pixels")


def _system(
    image: Image,
    trimap: Trimap,
    sets: list[tuple[int, float]],
    soft: bool,
    known_weight: float,
    approximation: float,
) -> System:
    pixels = np.flatnonzero(trimap == UNKNOWN)
    count = len(pixels)
    number = np.full(trimap.size, -1, np.int32)
    number[pixels] = np.arange(count, dtype=np.int32)
    foreground = trimap.ravel() == FOREGROUND

    others, weights = [], []
    degree, rhs = np.zeros(count), np.zeros(count)
    for k, distance_weight in sets:
        features = _features(image, distance_weight)
        found = _nearest(features, pixels, min(k, trimap.size), approximation)
        weight = np.ones(found.shape)
        if soft:
            difference = np.abs(features[found] - features[pixels][:, None])
            weight -= difference.sum(axis=2) / features.shape[1]
        other = number[found]
        to_known = np.where(other < 0, known_weight * weight, 0)
        degree += to_known.sum(axis=1)
        rhs += (to_known * foreground[found]).sum(axis=1)
        others.append(other)
        weights.append(weight)
    joints = by_rows(np.hstack(weights), np.hstack(others))
    W = (joints + joints.T).tocsr()
    degree += W.sum(axis=1)
    return graph(degree, W, rhs, pixels)


def _features(image: Image, distance_weight: float) -> npt.NDArray[np.float64]:
    """RGB and position, the latter from 0 to `distance_weight`: float64 (H·W, 5)."""
    height, width = image.shape[:2]
    features = np.empty((height, width, 5))
    features[..., :3] = image
    features[..., 3] = np.linspace(0, distance_weight, width)
    features[..., 4] = np.linspace(0, distance_weight, height)[:, None]
    return features.reshape(-1, 5)


def _nearest(
    features: npt.NDArray[np.float64], pixels: npt.NDArray[np.intp], k: int, approximation: float
) -> npt.NDArray[np.intp]:
    """The `k` pixels with the features nearest to those of each of `pixels`, itself included: int (n, k)."""
    # Boxes cut in their middle and not shrunk to their points are as quick to search and quicker to build.
    tree = cKDTree(features, leafsize=24, balanced_tree=False, compact_nodes=False)
    # Pixels that the tree keeps together meet the same boxes, and in turn find them in the cache.
    asked = np.zeros(len(features), bool)
    asked[pixels] = True
    in_turn = tree.indices[asked[tree.indices]]
    _, found = tree.query(features[in_turn], k=[*range(1, k + 1)], eps=approximation)
    return np.asarray(found, np.intp)[np.argsort(in_turn)]

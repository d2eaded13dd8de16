"""KNN matting: Chen, Li and Tang 2013, *KNN Matting*.

Every pixel has a feature, its colour and its weighted position, and is joined to the pixels with the nearest
features anywhere in the photo. Alpha minimises Σ A_ij (α_i − α_j)² over these joints, L = D − A.

Departures: colours are RGB instead of HSV, and two sets of neighbours are taken, near ones and far ones, as
implementations do. Neighbours are searched for approximately, which lowers the error a little. They
are looked up for unknown pixels only: the joints that known pixels would find to unknown ones are made up
for by the weight of those found from the other end, `known_weight`, and four fifths of the look-ups or more
fall away. Of a photo of more than two million pixels, only so many are looked among (`looked_among`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
from scipy.sparse import csr_array

from wisp.core.arrays import Image, Trimap, check_above_zero, check_at_least
from wisp.core.errors import InputError
from wisp.core.progress import Progress, silent, within
from wisp.matting.classical.neighbours import features, looked_among, nearest
from wisp.matting.classical.system import Part, Solution, System, by_rows, graph, solve, warn_unless_converged

METHOD: Final = "knn"
AT_ONCE: Final = 300_000
"""Unknown pixels that are solved at once: some 1.2 kB each."""


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
    at_once: int = AT_ONCE,
    progress: Progress = silent,
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
        at_once: unknown pixels that are solved at once, which bounds the memory.
        progress: called with the share of the work that is done, from 0 to 1.

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
    check_above_zero(known_weight=known_weight)
    check_at_least(0, approximation=approximation)
    sets = list(zip(neighbours, distance_weights, strict=True))
    solution = solve(
        image,
        trimap,
        lambda part, told: _system(part, sets, kernel == "soft", known_weight, approximation, told),
        method=METHOD,
        tolerance=tolerance,
        max_iterations=max_iterations,
        at_once=at_once,
        progress=progress,
    )
    return warn_unless_converged(solution, tolerance, "more neighbours, or a trimap with more known pixels")


def _system(
    part: Part,
    sets: list[tuple[int, float]],
    soft: bool,
    known_weight: float,
    approximation: float,
    progress: Progress,
) -> System:
    pixels = np.flatnonzero(part.unknown)
    count = len(pixels)
    seen = looked_among(part.unknown)
    own = np.searchsorted(seen, pixels)
    number = np.full(len(seen), -1, np.int32)
    number[own] = np.arange(count, dtype=np.int32)
    held = part.alpha.ravel()[seen]

    joints = csr_array((count, count))
    degree, rhs = np.zeros(count), np.zeros(count)
    for s, (k, distance_weight) in enumerate(sets):
        told = within(progress, s / len(sets), (s + 1) / len(sets))
        values = features(part, distance_weight, seen)
        found = nearest(values, own, k, approximation=approximation, progress=told)
        weight = np.ones(found.shape)
        if soft:
            difference = np.abs(values[found] - values[own][:, None])
            weight -= difference.sum(axis=2) / values.shape[1]
        other = number[found]
        to_known = np.where(other < 0, known_weight * weight, 0)
        degree += to_known.sum(axis=1)
        rhs += (to_known * held[found]).sum(axis=1)
        joints = joints + by_rows(weight, other)
        del values, found, weight, other, to_known  # before the next set's: 40 bytes a pixel, and the lists
    W = (joints + joints.T).tocsr()
    degree += W.sum(axis=1)
    return graph(degree, W, rhs, pixels)

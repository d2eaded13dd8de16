"""Global sampling: He, Rhemann, Rother, Tang and Sun 2011, *A Global Sampling Method for Alpha Matting*.

No sample is left out by where it lies: F may be the colour of any foreground pixel that touches the unknown
part, B that of any background pixel, and every pixel looks for the pair of least cost ::

    E(F, B) = κ |C − αF − (1 − α)B| + |x − x_F| / D_F + |x − x_B| / D_B

with α the projection of C on the line from B to F, D the distance to the nearest such pixel and κ = 1 for
colours from 0 to 255. The pairs form a plane, both of its axes sorted by intensity, which is searched like
that of PatchMatch (Barnes et al. 2009): a pixel starts anywhere, tries the pairs of its neighbours, then
random ones in a window around its own that shrinks by `SHRINKS` each time, from the whole plane to one
sample.

Departures: all pixels try at once instead of one after the other. As good pairs then spread by one pixel a
round only, neighbours are taken 8, 4, 2 and 1 pixels away in turn (jump flooding, Rong and Tan 2006). The
confidence of smoothing is `colour_confidence`; the known parts are expanded first by like colours nearby, as
Gastal and Oliveira do.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.spatial import cKDTree

from wisp.core.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Float, Image, Region, Trimap, check_at_least
from wisp.core.progress import Progress, silent
from wisp.matting.classical.sampling import (
    EXPANSION,
    EXPANSION_THRESHOLD,
    Indices,
    Samples,
    chunks,
    colour_confidence,
    expand_trimap,
    numbers,
    outline,
    planes,
    solve_samples,
    unmix,
)
from wisp.matting.classical.system import Solution

METHOD: Final = "global-sampling"
SHRINKS: Final = 0.5
"""By how much the window of the random search shrinks from one try to the next."""
CHUNK: Final = 1 << 14
"""Pixels that are worked on at a time."""


def global_sampling(
    image: Image,
    trimap: Trimap,
    *,
    colour_weight: float = 1.0,
    rounds: int = 10,
    expansion: int = EXPANSION,
    expansion_threshold: float = EXPANSION_THRESHOLD,
    seed: int = 0,
    smooth: bool = True,
    tolerance: float = 1e-6,
    max_iterations: int = 100,
    progress: Progress = silent,
) -> Solution:
    """Estimate alpha by global sampling (He et al. 2011).

    Args:
        image: float32 (H, W, 3), [0, 1].
        trimap: uint8 (H, W), 0 / 128 / 255.
        colour_weight: κ, what a difference in colour of 1/255 counts beside the distances.
        rounds: of trying the neighbours' pairs and random ones.
        expansion: how far from the known parts an unknown pixel may become known, in pixels; 0 leaves it out.
        expansion_threshold: how much its colour may differ from the known one's for that.
        seed: of the random search.
        smooth: whether the matting Laplacian smooths alpha (`wisp.matting.classical.sampling.smooth_alpha`).
        tolerance: relative residual at which its solver stops.
        max_iterations: steps at which it gives up.
        progress: called with the share of the work that is done, from 0 to 1.

    Returns:
        Alpha, the subject's colours and how the smoothing went. With no known foreground alpha is 0 in the
        unknown part, with no known background 1.

    Raises:
        InputError: arrays of other types or sizes, a weight, an expansion or threshold below zero, no round.

    Warns:
        ConvergenceWarning: when the tolerance was not reached.
    """
    check_at_least(1, rounds=rounds)
    check_at_least(0, colour_weight=colour_weight)

    def find(image: Image, trimap: Trimap, progress: Progress) -> Samples:
        expanded = expand_trimap(image, trimap, expansion, expansion_threshold)
        rng = np.random.default_rng(seed)
        return _find(image, expanded, np.float32(255 * colour_weight), rounds, rng, progress)

    return solve_samples(
        image,
        trimap,
        find,
        method=METHOD,
        smooth=smooth,
        tolerance=tolerance,
        max_iterations=max_iterations,
        progress=progress,
    )


class _Side:
    """The samples of one side, sorted by intensity.

    Attributes:
        place: float32 (2, m), their rows and columns.
        colour: float32 (3, m).
        near: float32 (n,), how far the nearest of them is from each unknown pixel.
    """

    def __init__(self, image: Image, region: Region, unknown: Region, pixels: Float) -> None:
        rows, columns = outline(region, unknown)
        order = np.argsort(image[rows, columns].sum(axis=1), kind="stable")
        rows, columns = rows[order], columns[order]
        self.place = np.stack([rows, columns]).astype(np.float32)
        self.colour = planes(image, rows, columns)
        self.near = np.asarray(cKDTree(self.place.T).query(pixels.T)[0], np.float32)

    def __len__(self) -> int:
        return len(self.colour[0])


def _find(
    image: Image,
    trimap: Trimap,
    colour_weight: np.float32,
    rounds: int,
    rng: np.random.Generator,
    progress: Progress,
) -> Samples:
    unknown = trimap == UNKNOWN
    rows, columns = np.nonzero(unknown)
    pixels = np.stack([rows, columns]).astype(np.float32)
    colour = planes(image, rows, columns)
    sides = [_Side(image, trimap == kind, unknown, pixels) for kind in (FOREGROUND, BACKGROUND)]
    pair = np.stack([rng.integers(len(side), size=len(rows)) for side in sides])
    cost = np.full(len(rows), np.inf, np.float32)

    def offer(part: slice, offered: Indices) -> None:
        """Take over the pairs offered to some pixels where they cost less."""
        offered_cost = np.zeros(part.stop - part.start, np.float32)
        for side, sample in zip(sides, offered, strict=True):
            away = side.place.take(sample, 1)
            away -= pixels[:, part]
            away *= away
            offered_cost += np.sqrt(away[0] + away[1]) / side.near[part]
        F, B = (side.colour.take(sample, 1) for side, sample in zip(sides, offered, strict=True))
        offered_cost += colour_weight * np.sqrt(unmix(colour[:, part], F, B)[1])
        better = offered_cost < cost[part]
        np.copyto(cost[part], offered_cost, where=better)
        np.copyto(pair[:, part], offered, where=better)

    largest = max(len(side) for side in sides)
    windows = [largest * SHRINKS**k for k in range(int(np.log(largest) / -np.log(SHRINKS)) + 1)]
    sizes = np.array([[len(side)] for side in sides])
    number = numbers(unknown, 8)
    for part in chunks(len(rows), CHUNK):
        offer(part, pair[:, part].copy())
    for turn in range(rounds):
        step = (8, 4, 2, 1)[turn % 4] if turn < rounds - 1 else 1
        neighbours = [(y, x) for y in (-step, 0, step) for x in (-step, 0, step) if (y, x) != (0, 0)]
        before = pair.copy()
        for part in chunks(len(rows), CHUNK):
            for dy, dx in neighbours:
                near = number[rows[part] + (8 + dy), columns[part] + (8 + dx)]
                own = np.arange(part.start, part.stop)
                offer(part, before.take(np.where(near < 0, own, near), 1))
            for window in windows:
                shift = window * (2 * rng.random((2, part.stop - part.start), np.float32) - 1)
                offer(part, np.clip(pair[:, part] + np.rint(shift).astype(np.intp), 0, sizes - 1))
        progress((turn + 1) / rounds)

    F, B = (side.colour.take(sample, 1) for side, sample in zip(sides, pair, strict=True))
    alpha, left = unmix(colour, F, B)
    return Samples(trimap, F, B, alpha, colour_confidence(left))

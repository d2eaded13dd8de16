"""Comprehensive sampling: Shahrian et al. 2013, *Improving Image Matting Using Comprehensive Sampling Sets*.

The known foreground is divided by the distance from the unknown part into ever wider regions, each of which
holds the narrower ones; so is the background. A region's colours are clustered, each of these clusters is
again by place, and the means are its samples: no colour that a region has is missing. A pixel takes the
samples of the regions that reach as deep into the known parts as it lies away from them, and of all pairs the
one with the largest ::

    O(F, B) = K · Sʷ · d       K = exp(−κ |C − αF − (1 − α)B|)
                               S = exp(−|x − x_F| / Ω_F − |x − x_B| / Ω_B)
                               d = |μ_F − μ_B| / √( ((N_F − 1) σ_F² + (N_B − 1) σ_B²) / (N_F + N_B − 2) )

with α the projection of C on the line from B to F, Ω the mean distance of a pixel from its samples, and d
Cohen's measure of how little two distributions overlap, of the clusters that F and B are the means of.

Departures: clusters come from binary splits (`split_clusters`) instead of from mixtures fitted by expectation
maximisation, and are at most `COLOURS` by colour and `SAMPLES` altogether; regions are `WIDTHS` pixels wide;
κ is 0.3 for colours from 0 to 255, a little better than 1 and 0.1, and w is 3, a tenth better than 1 (on two
photos with one trimap each); the known parts are expanded first by like colours nearby, as Gastal and
Oliveira do; the confidence of smoothing is `colour_confidence`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import distance_transform_edt

from wisp.core.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Float, Image, Region, Trimap, check_at_least
from wisp.core.progress import Progress, silent
from wisp.matting.classical.clusters import split_clusters
from wisp.matting.classical.sampling import (
    EXPANSION,
    EXPANSION_THRESHOLD,
    Samples,
    chunks,
    colour_confidence,
    expand_trimap,
    planes,
    solve_samples,
    unmix,
)
from wisp.matting.classical.system import Solution

METHOD: Final = "comprehensive-sampling"
WIDTHS: Final = (10, 20, 40, 80, np.inf)
"""How far the regions reach into the known parts, in pixels."""
COLOURS: Final = 10
"""Clusters by colour in a region, at most."""
SAMPLES: Final = 45
"""Samples of a region, at most."""
LOOKED_AT: Final = 20_000
"""Pixels of a region that are clustered, at most; evenly left out otherwise."""
ALIKE: Final = (2 / 255) ** 2
"""Variance of colour below which a cluster is not split."""
PAIRS: Final = 1 << 18
"""Pairs that are compared at a time."""


def comprehensive_sampling(
    image: Image,
    trimap: Trimap,
    *,
    colour_weight: float = 0.3,
    spatial_weight: float = 3.0,
    expansion: int = EXPANSION,
    expansion_threshold: float = EXPANSION_THRESHOLD,
    smooth: bool = True,
    tolerance: float = 1e-6,
    max_iterations: int = 100,
    progress: Progress = silent,
) -> Solution:
    """Estimate alpha by comprehensive sampling (Shahrian et al. 2013).

    Args:
        image: float32 (H, W, 3), [0, 1].
        trimap: uint8 (H, W), 0 / 128 / 255.
        colour_weight: κ, for differences in colour of 1/255.
        spatial_weight: w, how much nearness counts.
        expansion: how far from the known parts an unknown pixel may become known, in pixels; 0 leaves it out.
        expansion_threshold: how much its colour may differ from the known one's for that.
        smooth: whether the matting Laplacian smooths alpha (`wisp.matting.classical.sampling.smooth_alpha`).
        tolerance: relative residual at which its solver stops.
        max_iterations: steps at which it gives up.
        progress: called with the share of the work that is done, from 0 to 1.

    Returns:
        Alpha, the subject's colours and how the smoothing went. With no known foreground alpha is 0 in the
        unknown part, with no known background 1.

    Raises:
        InputError: arrays of other types or sizes, a weight, an expansion or a threshold below zero.

    Warns:
        ConvergenceWarning: when the tolerance was not reached.
    """
    check_at_least(0, colour_weight=colour_weight, spatial_weight=spatial_weight)
    weights = np.float32(255 * colour_weight), np.float32(spatial_weight)

    def find(image: Image, trimap: Trimap, progress: Progress) -> Samples:
        expanded = expand_trimap(image, trimap, expansion, expansion_threshold)
        return _find(image, expanded, *weights, progress)

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


@dataclass(frozen=True, eq=False)
class _Set:
    """The samples of a region.

    Attributes:
        colour: float32 (3, m).
        place: float32 (2, m), rows and columns.
        variance: float64 (m,), of the cluster's colours, over all three channels.
        size: float64 (m,), pixels of the cluster.
    """

    colour: Float
    place: Float
    variance: Float
    size: Float


def _find(
    image: Image,
    trimap: Trimap,
    colour_weight: np.float32,
    spatial_weight: np.float32,
    progress: Progress,
) -> Samples:
    unknown = trimap == UNKNOWN
    rows, columns = np.nonzero(unknown)
    depth = np.asarray(distance_transform_edt(~unknown)) if rows.size else np.zeros(trimap.shape)
    sets, levels = [], []
    for kind in (FOREGROUND, BACKGROUND):
        region = trimap == kind
        away = np.asarray(distance_transform_edt(~region))[rows, columns]
        reaches = [width for width in WIDTHS if (region & (depth <= width)).any()]
        sets.append([_samples(image, region & (depth <= width)) for width in reaches])
        levels.append(np.minimum(np.searchsorted(reaches, away), len(reaches) - 1))

    F, B = np.empty((2, 3, len(rows)), np.float32)
    deepest = len(WIDTHS)
    both = levels[0] * deepest + levels[1]
    order = np.argsort(both, kind="stable")
    for level in np.unique(both):
        begin, end = np.searchsorted(both[order], (level, level + 1))
        pixels = order[begin:end]
        f, b = sets[0][level // deepest], sets[1][level % deepest]
        for part in chunks(len(pixels), max(1, PAIRS // (f.colour.shape[1] * b.colour.shape[1]))):
            some = pixels[part]
            place = np.stack([rows[some], columns[some]]).astype(np.float32)
            i, j = _best_pairs(
                planes(image, rows[some], columns[some]), place, f, b, colour_weight, spatial_weight
            )
            F[:, some], B[:, some] = f.colour[:, i], b.colour[:, j]
        progress(end / len(rows))
    alpha, left = unmix(planes(image, rows, columns), F, B)
    return Samples(trimap, F, B, alpha, colour_confidence(left))


def _samples(image: Image, region: Region) -> _Set:
    """Clusters by colour, each split by place in proportion to its share of the region."""
    rows, columns = np.nonzero(region)
    step = -(-len(rows) // LOOKED_AT)
    rows, columns = rows[::step], columns[::step]
    colour = image[rows, columns]
    place = np.stack([rows, columns], axis=1).astype(np.float32)
    labels = split_clusters(colour[None], np.ones((1, len(rows)), np.float32), COLOURS, ALIKE).labels[0]
    found = []
    count = int(labels.max()) + 1
    for label in range(count):
        own = np.flatnonzero(labels == label)
        spots = 1 + (SAMPLES - count) * len(own) // len(rows)
        split = split_clusters(place[own][None], np.ones((1, len(own)), np.float32), spots, 1.0)
        found += [own[split.labels[0] == spot] for spot in range(spots) if (split.labels[0] == spot).any()]
    return _Set(
        np.stack([colour[own].mean(axis=0) for own in found], axis=1),
        np.stack([place[own].mean(axis=0) for own in found], axis=1),
        np.array([colour[own].var(axis=0).sum() for own in found], np.float64),
        np.array([len(own) for own in found], np.float64),
    )


def _best_pairs(
    colour: Float, place: Float, f: _Set, b: _Set, colour_weight: np.float32, spatial_weight: np.float32
) -> tuple[Float, Float]:
    """The numbers in both sets of the pair with the largest O of some pixels, (n,) each."""
    F, B = f.colour - np.float32(0.5), b.colour - np.float32(0.5)
    C = (colour - np.float32(0.5)).T
    line = F[:, :, None] - B[:, None]
    length = np.maximum((line * line).sum(axis=0), np.float32(1e-10))
    above = (C @ F)[:, :, None] - (C @ B)[:, None]
    above += ((B * B).sum(axis=0) - F.T @ B)[None]  # (C − B)·(F − B)
    alpha = above / length
    np.clip(alpha, 0, 1, out=alpha)
    left = alpha * length
    above *= 2
    left -= above
    left *= alpha
    behind = C[:, None] - B.T[None]
    left += np.einsum("nbc,nbc->nb", behind, behind)[:, None]
    np.maximum(left, 0, out=left)
    cost = np.sqrt(left, out=left)
    cost *= colour_weight
    for samples, axis in ((f, 2), (b, 1)):
        away = np.hypot(*(place[:, :, None] - samples.place[:, None]))
        away *= spatial_weight / np.maximum(away.mean(axis=1, keepdims=True), np.float32(1e-6))
        cost += np.expand_dims(away, axis)
    pooled = (f.size[:, None] - 1) * f.variance[:, None] + (b.size - 1) * b.variance
    pooled /= np.maximum(f.size[:, None] + b.size - 2, 1)
    cost -= np.log(np.sqrt(length / np.maximum(pooled, 1e-6))).astype(np.float32)
    best = cost.reshape(len(C), -1).argmin(axis=1)
    return np.divmod(best, b.colour.shape[1])

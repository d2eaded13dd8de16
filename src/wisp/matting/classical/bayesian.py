"""Bayesian matting: Chuang, Curless, Salesin and Szeliski 2001, *A Bayesian Approach to Digital Matting*.

Foreground and background around an unknown pixel are clusters of colour with a mean and a covariance, Σ_F and
Σ_B. Of F, B and α those are taken that are likeliest given the pixel's colour C, the maximum of ::

    −|C − αF − (1 − α)B|² / σ²  −  (F − F̄)ᵀ Σ_F⁻¹ (F − F̄)  −  (B − B̄)ᵀ Σ_B⁻¹ (B − B̄)

found by turns: α given, F and B are the solution of the paper's linear system of 6 equations, which is ::

    y = S⁻¹ (C − αF̄ − (1 − α)B̄)      S = α² Σ_F + (1 − α)² Σ_B + σ² 1
    F = F̄ + α Σ_F y                    B = B̄ + (1 − α) Σ_B y

(the gain of a Kalman filter, with 3 equations); F and B given, α is the projection of C on the line between
them. This is done for every pair of a foreground and a background cluster, and the likeliest is kept: the
maximum given α is −rᵀ S⁻¹ r with r = C − αF̄ − (1 − α)B̄.

The clusters are those of Orchard and Bouman (`split_clusters`) in a window that grows until it holds `ENOUGH`
samples. These are known pixels, and unknown ones that are solved already, which count α² as foreground and (1
− α)² as background; all of them less the farther away they are, by a Gaussian. The unknown part is therefore
solved in the order of the distance from what is known, a contour after the other.

Departures: the pixels of a cell of `CELL`×`CELL` share their clusters and are solved together, with contours
as wide as a cell; a window of more than 17×17 pixels takes means of 2×2, 4×4 … pixels, and the Gaussian,
whose σ is 8 pixels in the paper, grows with it. Alpha is not smoothed by the matting Laplacian unless that is
asked for, as in the paper; the confidence is then exp(−rᵀ S⁻¹ r / 6), r being of three dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import distance_transform_edt

from wisp.core.arrays import (
    BACKGROUND,
    FOREGROUND,
    UNKNOWN,
    Alpha,
    Float,
    Image,
    Region,
    Trimap,
    check_above_zero,
    check_at_least,
)
from wisp.core.progress import Progress, silent
from wisp.matting.classical.clusters import split_clusters
from wisp.matting.classical.sampling import Indices, Samples, chunks, planes, solve_samples, unmix
from wisp.matting.classical.system import Solution

METHOD: Final = "bayesian"
CELL: Final = 4
"""Side of the cells whose pixels share their clusters."""
REACH: Final = 8
"""Radius of a window, in pixels or in the means of several."""
ENOUGH: Final = 200.0
"""Samples up to which a window grows."""
FALL_OFF: Final = 8.0
"""σ of the Gaussian by which samples count less farther away, in pixels of the window."""
LEAST_VARIANCE: Final = (3 / 255) ** 2
"""Variance of colour below which a cluster is not split."""
FLOOR: Final = (1 / 255) ** 2
"""Added to the variance of a cluster in all directions."""
PAIRS: Final = 1 << 15
"""Pairs of clusters that are compared at a time."""
CELLS: Final = 1 << 10
"""Cells whose clusters are found at a time."""


def bayesian(
    image: Image,
    trimap: Trimap,
    *,
    clusters: int = 3,
    sigma: float = 0.01,
    turns: int = 6,
    smooth: bool = False,
    tolerance: float = 1e-6,
    max_iterations: int = 100,
    progress: Progress = silent,
) -> Solution:
    """Estimate alpha by Bayesian matting (Chuang et al. 2001).

    Args:
        image: float32 (H, W, 3), [0, 1].
        trimap: uint8 (H, W), 0 / 128 / 255.
        clusters: at most so many of each side.
        sigma: σ, standard deviation of the camera's noise, for colours in [0, 1].
        turns: how often F and B, and then α, are improved.
        smooth: whether the matting Laplacian smooths alpha (`wisp.matting.classical.sampling.smooth_alpha`).
        tolerance: relative residual at which its solver stops.
        max_iterations: steps at which it gives up.
        progress: called with the share of the work that is done, from 0 to 1.

    Returns:
        Alpha, the subject's colours and how the smoothing went. With no known foreground alpha is 0 in the
        unknown part, with no known background 1.

    Raises:
        InputError: arrays of other types or sizes, no cluster or turn, a sigma that is not above zero.

    Warns:
        ConvergenceWarning: when the tolerance was not reached.
    """
    check_at_least(1, clusters=clusters, turns=turns)
    check_above_zero(sigma=sigma)

    def find(image: Image, trimap: Trimap, progress: Progress) -> Samples:
        return estimate_layers(image, trimap, clusters=clusters, sigma=sigma, turns=turns, progress=progress)

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


def estimate_layers(
    image: Image,
    trimap: Trimap,
    alpha: Alpha | None = None,
    *,
    clusters: int = 3,
    sigma: float = 0.01,
    turns: int = 6,
    progress: Progress = silent,
) -> Samples:
    """F, B and α of the unknown pixels.

    Args:
        image: float32 (H, W, 3), [0, 1].
        trimap: uint8 (H, W), 0 / 128 / 255, which names known foreground and background.
        alpha: float32 (H, W), [0, 1], where it is known already; it is then left as it is.
        clusters: at most so many of each side.
        sigma: σ, standard deviation of the camera's noise, for colours in [0, 1].
        turns: how often F and B, and then α, are improved.
        progress: called after each contour with the share of the pixels that are done, from 0 to 1.
    """
    unknown = trimap == UNKNOWN
    rows, columns = np.nonzero(unknown)
    sides = [_Side(image, trimap == kind) for kind in (FOREGROUND, BACKGROUND)]
    opacity = np.where(trimap == FOREGROUND, np.float32(1), np.float32(0))
    known = ~unknown
    layers, found = np.empty((2, 3, len(rows)), np.float32), np.empty((2, len(rows)), np.float32)
    cell = (rows // CELL) * -(-trimap.shape[1] // CELL) + columns // CELL
    names, cell = np.unique(cell, return_inverse=True)
    depth = np.full(len(names), np.inf)
    np.minimum.at(depth, cell, np.asarray(distance_transform_edt(unknown))[rows, columns])
    contour = ((depth - 1) // CELL).astype(np.intp)[cell]
    order = np.lexsort((cell, contour))
    ends = np.flatnonzero(np.diff(contour[order], append=-1)) + 1
    for begin, end in zip(np.concatenate([[0], ends[:-1]]), ends, strict=True):
        pixels = order[begin:end]
        y, x = rows[pixels], columns[pixels]
        cells, own = np.unique(cell[pixels], return_inverse=True)
        middle = np.stack(np.divmod(names[cells], -(-trimap.shape[1] // CELL))) * CELL + CELL // 2
        middle = np.minimum(middle, np.array(trimap.shape)[:, None] - 1)
        models = [_models(side, middle, clusters) for side in sides]
        colour = planes(image, y, x)
        start = alpha[y, x] if alpha is not None else _mean_alpha(opacity, known, middle)[own]
        for part in chunks(len(pixels), max(1, PAIRS // clusters**2)):
            some = pixels[part]
            chosen = [model.take(own[part]) for model in models]
            result = _likeliest(colour[:, part], start[part], chosen, sigma, turns, alpha is not None)
            layers[0, :, some], layers[1, :, some] = result[0].T, result[1].T
            found[:, some] = result[2:]
        for side, values, weight in zip(
            sides, layers, (found[0, pixels] ** 2, (1 - found[0, pixels]) ** 2), strict=True
        ):
            side.add(y, x, values[:, pixels], weight)
        opacity[y, x], known[y, x] = found[0, pixels], True
        progress(end / len(rows))
    return Samples(trimap, layers[0], layers[1], found[0], np.exp(-found[1] / 6))


class _Side:
    """The samples of one side, and their means over 2×2, 4×4 … pixels.

    Attributes:
        weights: float32 (h, w) of each level, the weight of the samples there.
        sums: float32 (h, w, 3) of each level, the sum of their weighted colours.
    """

    def __init__(self, image: Image, known: Region) -> None:
        weight = known.astype(np.float32)
        total = image * weight[..., None]
        self.weights, self.sums = [weight], [total]
        while max(weight.shape) > REACH:
            weight, total = (_summed(_summed(plane, 0), 1) for plane in (weight, total))
            self.weights.append(weight)
            self.sums.append(total)

    def add(self, rows: Indices, columns: Indices, colours: Float, weight: Float) -> None:
        """Add pixels: their colours (3, n) and weights (n,)."""
        weighted = (colours * weight).T
        for level, (weights, sums) in enumerate(zip(self.weights, self.sums, strict=True)):
            np.add.at(weights, (rows >> level, columns >> level), weight)
            np.add.at(sums, (rows >> level, columns >> level), weighted)

    def window(self, level: int, middle: Indices) -> tuple[Float, Float]:
        """The colours and weights around some pixels on a level: float32 (m, 289, 3) and (m, 289)."""
        weights, sums = self.weights[level], self.sums[level]
        span = np.arange(-REACH, REACH + 1)
        y = (middle[0] >> level)[:, None, None] + span[:, None]
        x = (middle[1] >> level)[:, None, None] + span
        inside = (y >= 0) & (y < weights.shape[0]) & (x >= 0) & (x < weights.shape[1])
        place = np.where(inside, y, 0), np.where(inside, x, 0)
        weight: Float = np.where(inside, weights[place], np.float32(0)).reshape(len(y), -1)
        colour: Float = sums[place].reshape(len(y), -1, 3)
        colour /= np.maximum(weight, np.float32(1e-12))[..., None]
        return colour, weight


@dataclass(frozen=True, eq=False)
class _Models:
    """Clusters of several cells or pixels; the deviation of missing ones is not finite.

    Attributes:
        mean: float32 (3, k, n).
        covariance: float32 (6, k, n): rr, gg, bb, rg, rb, gb.
        missing: bool (k, n).
    """

    mean: Float
    covariance: Float
    missing: Region

    def take(self, which: Indices) -> _Models:
        """Take the models of some cells, which may repeat."""
        return _Models(self.mean[..., which], self.covariance[..., which], self.missing[:, which])


def _models(side: _Side, middle: Indices, count: int) -> _Models:
    """The clusters in the smallest window around each cell that holds enough samples."""
    cells = middle.shape[1]
    mean = np.zeros((cells, count, 3), np.float32)
    covariance = np.zeros((cells, count, 3, 3), np.float32)
    weight = np.zeros((cells, count), np.float32)
    y, x = np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1]
    fall_off = np.exp(-(y * y + x * x) / (2 * FALL_OFF**2)).ravel().astype(np.float32)
    left = np.arange(cells)
    for level in range(len(side.weights)):
        waiting = []
        for part in chunks(len(left), CELLS):
            some = left[part]
            colour, samples = side.window(level, middle[:, some])
            total = samples.sum(axis=1)
            last = level == len(side.weights) - 1
            ready = (total >= ENOUGH) | last
            waiting.append(some[~ready])
            some = some[ready]
            if some.size:
                found = split_clusters(colour[ready], samples[ready] * fall_off, count, LEAST_VARIANCE)
                mean[some], covariance[some] = found.mean, found.covariance
                weight[some] = found.weight
        left = np.concatenate(waiting)
        if not left.size:
            break
    packed = np.stack([covariance[..., i, j] for i, j in _ENTRIES])
    packed[:3] += np.float32(FLOOR)
    return _Models(
        np.ascontiguousarray(mean.transpose(2, 1, 0)),
        np.ascontiguousarray(packed.transpose(0, 2, 1)),
        weight.T <= 0,
    )


_ENTRIES: Final = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


def _mean_alpha(opacity: Alpha, known: Region, middle: Indices) -> Float:
    """The mean alpha of what is known around some pixels, float32 (m,); one half where nothing is."""
    height, width = opacity.shape
    total, count = np.zeros((2, middle.shape[1]), np.float32)
    span = range(-REACH, REACH + 1, 2)
    for dy in span:
        for dx in span:
            place = np.clip(middle[0] + dy, 0, height - 1), np.clip(middle[1] + dx, 0, width - 1)
            total += np.where(known[place], opacity[place], 0)
            count += known[place]
    mean: Float = (total + np.float32(0.5)) / (count + 1)
    return mean


def _likeliest(
    colour: Float, start: Float, models: Sequence[_Models], sigma: float, turns: int, fixed: bool
) -> tuple[Float, Float, Float, Float]:
    """F and B (3, n), α and rᵀS⁻¹r (n,) of the likeliest pair of clusters."""
    mean_F, mean_B = models[0].mean[:, :, None], models[1].mean[:, None]
    cov_F, cov_B = models[0].covariance[:, :, None], models[1].covariance[:, None]
    C = colour[:, None, None]
    shape = np.broadcast_shapes(mean_F.shape[1:], mean_B.shape[1:])
    alpha = np.broadcast_to(start, shape)
    noise = np.float32(sigma * sigma)
    for _ in range(1 if fixed else turns):
        clear = 1 - alpha
        S = alpha * alpha * cov_F + clear * clear * cov_B
        S[:3] += noise
        r = C - alpha * mean_F - clear * mean_B
        y = _solve_symmetric(S, r)
        F = mean_F + alpha * _times(cov_F, y)
        B = mean_B + clear * _times(cov_B, y)
        deviation = r[0] * y[0] + r[1] * y[1] + r[2] * y[2]
        if not fixed:
            alpha, _ = unmix(C, F, B)
    deviation = np.where(models[0].missing[:, None] | models[1].missing[None], np.inf, deviation)
    best = deviation.reshape(-1, shape[-1]).argmin(axis=0)
    pixel = np.arange(shape[-1])

    def chosen(values: Float) -> Float:
        return np.broadcast_to(values, (*values.shape[:-3], *shape)).reshape(
            *values.shape[:-3], -1, shape[-1]
        )[..., best, pixel]

    return chosen(F).clip(0, 1), chosen(B).clip(0, 1), chosen(alpha), chosen(deviation)


def _solve_symmetric(S: Float, r: Float) -> Float:
    """S⁻¹ r by cofactors, S packed as in `_Models`: float32 (3, ...)."""
    rr, gg, bb, rg, rb, gb = S
    c00, c01, c02 = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    determinant = rr * c00 + rg * c01 + rb * c02
    c11, c12, c22 = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    y = np.stack(
        [
            c00 * r[0] + c01 * r[1] + c02 * r[2],
            c01 * r[0] + c11 * r[1] + c12 * r[2],
            c02 * r[0] + c12 * r[1] + c22 * r[2],
        ]
    )
    y /= np.maximum(determinant, np.float32(1e-30))
    return y


def _times(S: Float, y: Float) -> Float:
    rr, gg, bb, rg, rb, gb = S
    return np.stack(
        [
            rr * y[0] + rg * y[1] + rb * y[2],
            rg * y[0] + gg * y[1] + gb * y[2],
            rb * y[0] + gb * y[1] + bb * y[2],
        ]
    )


def _summed(plane: Float, axis: int) -> Float:
    """Sums of two neighbours along an axis, which is continued by a zero where it is odd."""
    if plane.shape[axis] % 2:
        plane = np.pad(plane, [(0, 1) if a == axis else (0, 0) for a in range(plane.ndim)])
    first: list[slice] = [slice(None)] * plane.ndim
    second = list(first)
    first[axis], second[axis] = slice(0, None, 2), slice(1, None, 2)
    sums: Float = plane[tuple(first)] + plane[tuple(second)]
    return sums

"""What the sampling methods have in common: their samples, the expansion of a trimap, and smoothing.

A sampling method looks for a foreground and a background colour of every unknown pixel, F and B, among those
that are known, and projects the pixel's colour on the line between them ::

    α = clip( (C − B)·(F − B) / |F − B|² , 0, 1 )        M(F, B) = |C − αF − (1 − α)B|

Each pixel decides nearly by itself, so that alpha is noisy. Wang and Cohen 2007, *Optimized Color Sampling
for Robust Matting*, and after them Gastal and Oliveira 2010, He et al. 2011 and Shahrian et al. 2013 hand it
to the matting Laplacian L of closed-form matting, which keeps it where the method is confident ::

    α = argmin  αᵀ L α + γ (α − α̂)ᵀ Γ (α − α̂)        (L_UU + γΓ) α_U = γΓ α̂ − L_UK α_K

with Γ the diagonal of confidences f ∈ [0, 1] and γ = 0.1. As in the other methods known pixels K are
eliminated instead of being held by a large weight.

The factor of that system takes about a kilobyte a pixel. Above `AT_ONCE` unknown pixels it is solved at half
size first, and then in tiles whose outermost pixels are held to what was found there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_dilation, distance_transform_edt
from scipy.sparse import dia_array

from wisp.core.arrays import FOREGROUND, UNKNOWN, Alpha, Float, Image, Region, Trimap, check_at_least
from wisp.core.errors import InputError
from wisp.core.progress import Progress, silent, within
from wisp.core.threads import one_blas_thread
from wisp.matting.classical.cholesky import nested_dissection
from wisp.matting.classical.closed_form import matting_laplacian
from wisp.matting.classical.guided_filter import guided_upsampling
from wisp.matting.classical.halving import halve
from wisp.matting.classical.local_linear import COLLECTED, factorise
from wisp.matting.classical.system import (
    BUILT,
    COARSE,
    Solution,
    check_problem,
    conjugate_gradients,
    decided_alpha,
    warn_unless_converged,
)
from wisp.matting.classical.tiling import adjoining_tiles

DATA_WEIGHT: Final = 0.1
"""γ, how much a sample of full confidence counts against the Laplacian."""
SPREAD: Final = np.float32(0.01)
"""The unexplained difference in colour, M, at which the confidence of `colour_confidence` is 1/e; 0.1, 0.03
and 0.005 were tried on two photos with one trimap each, of alphamatting.com's training set."""
EXPANSION: Final = 10
"""How far from the known parts an unknown pixel may become known, in pixels (Gastal and Oliveira 2010)."""
EXPANSION_THRESHOLD: Final = 5 / 255
"""How much its colour may differ from the known one's for that (Gastal and Oliveira 2010)."""
AT_ONCE: Final = 1_000_000
"""Unknown pixels that are smoothed at once."""
MARGIN: Final = 48
"""Pixels around a tile that are smoothed along with it and thrown away."""
HELD: Final = 1e4
"""Confidence of the outermost pixels of a tile in what was found at half size."""

SEARCHED: Final = 0.7
"""Share of the work that the search for samples is where they are smoothed, for `Progress`."""

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Samples:
    """Foreground, background and alpha that a sampling method found, and how sure it is.

    Attributes:
        trimap: uint8 (H, W), 0 / 128 / 255; known as well is what the method expanded the known parts by.
        foreground: float32 (3, n), F of its unknown pixels, in the order of the rows.
        background: float32 (3, n), B of them.
        alpha: float32 (n,), [0, 1].
        confidence: float32 (n,), [0, 1], how far alpha is to be trusted.
    """

    trimap: Trimap
    foreground: Float
    background: Float
    alpha: Float
    confidence: Float


def solve_samples(
    image: Image,
    trimap: Trimap,
    find: Callable[[Image, Trimap, Progress], Samples],
    *,
    method: str,
    smooth: bool,
    tolerance: float,
    max_iterations: int,
    progress: Progress = silent,
) -> Solution:
    """Find alpha and the subject's colours in the unknown part of a trimap by sampling.

    What the trimap decides alone is as in `wisp.matting.classical.system.solve`.

    Args:
        image: float32 (H, W, 3), [0, 1].
        trimap: uint8 (H, W), 0 / 128 / 255.
        find: looks for the samples; it is given a trimap that names all three, and what to tell its progress.
        method: name that the solution carries.
        smooth: whether the matting Laplacian smooths alpha.
        tolerance: relative residual at which its solver stops.
        max_iterations: steps at which it gives up.
        progress: called with the share that is done, from 0 to 1.

    Raises:
        InputError: an array of the wrong type or size, a tolerance below zero, or no step.

    Warns:
        ConvergenceWarning: when the tolerance was not reached.
    """
    trimap = check_problem(image, trimap, tolerance, max_iterations)
    decided = decided_alpha(trimap)
    if decided is not None:
        return Solution(decided, method, 0, 0.0, True)
    if not np.isfinite(image).all():
        raise InputError("image", "has values that are no numbers", "values in [0, 1] are accepted")
    with one_blas_thread:
        samples = find(image, trimap, within(progress, 0, SEARCHED if smooth else 1))
        unknown = samples.trimap == UNKNOWN
        alpha = (samples.trimap == FOREGROUND).astype(np.float32)
        alpha[unknown] = samples.alpha
        foreground = image.copy()
        foreground[unknown] = samples.foreground.T
        steps, residual = 0, 0.0
        if smooth and unknown.any():
            confidence = np.zeros_like(alpha)
            confidence[unknown] = samples.confidence
            alpha, steps, residual = smooth_alpha(
                image,
                samples.trimap,
                alpha,
                confidence,
                tolerance=tolerance,
                max_iterations=max_iterations,
                progress=within(progress, SEARCHED),
            )
    progress(1.0)
    solution = Solution(alpha, method, steps, residual, residual <= tolerance, foreground)
    return warn_unless_converged(solution, tolerance, "a trimap with more known pixels", stacklevel=4)


def smooth_alpha(
    image: Image,
    trimap: Trimap,
    alpha: Alpha,
    confidence: Float,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 100,
    at_once: int = AT_ONCE,
    progress: Progress = silent,
) -> tuple[Alpha, int, float]:
    """Smooth an alpha by the matting Laplacian, the less the more it is trusted.

    Args:
        image: float32 (H, W, 3), [0, 1].
        trimap: uint8 (H, W), 0 / 128 / 255.
        alpha: α̂, float32 (H, W), [0, 1], used where the trimap is unknown.
        confidence: f, float32 (H, W), zero and above, used where the trimap is unknown.
        tolerance: relative residual at which the solver stops.
        max_iterations: steps at which it gives up.
        at_once: unknown pixels above which the photo is smoothed in tiles.
        progress: called with the share that is done, from 0 to 1.

    Returns:
        Alpha, float32 (H, W), [0, 1], exactly 0 and 1 where the trimap is known; the solver's steps, and its
        relative residual, of tiles the largest.
    """
    unknown = trimap == UNKNOWN
    if np.count_nonzero(unknown) <= at_once:
        return _smooth_at_once(image, trimap, alpha, confidence, tolerance, max_iterations, progress)
    small, coarse = halve(image, trimap)
    weight = np.where(unknown, confidence, np.float32(0))
    total = _sums_of_four(weight)
    guess = _sums_of_four(weight * alpha)
    guess /= np.maximum(total, np.float32(1e-12))
    start, steps, residual = smooth_alpha(
        small,
        coarse,
        guess,
        total,
        tolerance=tolerance,
        max_iterations=max_iterations,
        at_once=at_once,
        progress=within(progress, 0, COARSE),
    )
    start = guided_upsampling(small, start, image)
    result = (trimap == FOREGROUND).astype(np.float32)
    cut = list(adjoining_tiles(unknown, at_once, MARGIN))
    for k, tile in enumerate(cut):
        seen, trusted = alpha[tile.seen].copy(), confidence[tile.seen].copy()
        rim = _rim(tile.seen, unknown.shape)
        seen[rim], trusted[rim] = start[tile.seen][rim], HELD
        found, more, left = _smooth_at_once(
            image[tile.seen],
            trimap[tile.seen],
            seen,
            trusted,
            tolerance,
            max_iterations,
            within(
                progress, COARSE + (1 - COARSE) * k / len(cut), COARSE + (1 - COARSE) * (k + 1) / len(cut)
            ),
        )
        np.copyto(result[tile.solved], found[tile.inside], where=unknown[tile.solved])
        steps, residual = max(steps, more), max(residual, left)
    return result, steps, residual


def _smooth_at_once(
    image: Image,
    trimap: Trimap,
    alpha: Alpha,
    confidence: Float,
    tolerance: float,
    max_iterations: int,
    progress: Progress,
) -> tuple[Alpha, int, float]:
    height, width = trimap.shape
    after = [(0, max(0, 3 - size)) for size in (height, width)]
    if any(pixels for _, pixels in after):  # smaller than a window: continued by its last pixels
        image = np.pad(image, (*after, (0, 0)), "edge")
        trimap = np.pad(trimap, after, "edge")
        alpha, confidence = (np.pad(plane, after, "edge") for plane in (alpha, confidence))
    result = (trimap == FOREGROUND).astype(np.float32)
    rows, columns = np.nonzero(trimap == UNKNOWN)
    if not rows.size:
        return result[:height, :width], 0, 0.0
    ordering = nested_dissection(rows, columns, 2)
    rows, columns = rows[ordering.order], columns[ordering.order]
    upper, rhs = matting_laplacian(image, trimap, rows, columns, 1e-7, 1, within(progress, 0, COLLECTED))
    held = DATA_WEIGHT * confidence[rows, columns].astype(np.float64)
    upper = (upper + dia_array((held[None], np.zeros(1, int)), shape=upper.shape)).tocsr()
    rhs += held * alpha[rows, columns]
    diagonal, lower = upper.diagonal(), upper.T
    factor = factorise(upper, ordering, within(progress, COLLECTED, BUILT))
    x, steps, residual = conjugate_gradients(
        lambda x: upper @ x + lower @ x - diagonal * x,
        rhs,
        factor.solve,
        tolerance,
        max_iterations,
        within(progress, BUILT),
    )
    result[rows, columns] = np.clip(x, 0, 1)
    return result[:height, :width], steps, residual


def _sums_of_four(plane: Float) -> Float:
    """Sums of each 2×2 pixels: (H, W) → (⌈H/2⌉, ⌈W/2⌉)."""
    even = np.pad(plane, [(0, size % 2) for size in plane.shape])
    pairs = even[::2] + even[1::2]
    sums: Float = pairs[:, ::2] + pairs[:, 1::2]
    return sums


def _rim(seen: tuple[slice, slice], size: tuple[int, ...]) -> Region:
    """The outermost pixels of what a tile sees, two wide, but not those along the border of the photo."""
    (top, left), (bottom, right) = zip(*((a.start, a.stop) for a in seen), strict=True)
    rim = np.zeros((bottom - top, right - left), bool)
    rim[:2] |= top > 0
    rim[-2:] |= bottom < size[0]
    rim[:, :2] |= left > 0
    rim[:, -2:] |= right < size[1]
    return rim


def unmix(colour: Float, foreground: Float, background: Float) -> tuple[Float, Float]:
    """The α ∈ [0, 1] with which two colours explain a third best, and M², what they leave unexplained.

    Args:
        colour: C, float32 (3, ...), which broadcasts with the others.
        foreground: F, float32 (3, ...).
        background: B, float32 (3, ...).

    Returns:
        Both float32 (...).
    """
    line: Float = foreground - background
    above: Float = colour - background
    along = line[0] * above[0]
    length = line[0] * line[0]
    for c in (1, 2):
        along += line[c] * above[c]
        length += line[c] * line[c]
    np.maximum(length, np.float32(1e-10), out=length)
    along /= length
    alpha: Float = np.clip(along, 0, 1, out=along)
    rest = above[0] - alpha * line[0]
    left = rest * rest
    for c in (1, 2):
        rest = above[c] - alpha * line[c]
        left += rest * rest
    return alpha, left


def colour_confidence(left: Float) -> Float:
    """Confidence in a pair of colours, in [0, 1], by the M² that it leaves unexplained (`unmix`)."""
    confidence: Float = np.exp(-np.sqrt(left) / SPREAD)
    return confidence


def expand_trimap(image: Image, trimap: Trimap, radius: int, threshold: float) -> Trimap:
    """A trimap whose unknown pixels are known where one of like colour is known close by.

    Args:
        image: float32 (H, W, 3), [0, 1].
        trimap: uint8 (H, W), 0 / 128 / 255.
        radius: how far away a known pixel may be, in pixels.
        threshold: how much the colours may differ (Euclidean); the nearest pixel that is like enough decides.

    Raises:
        InputError: a radius or a threshold below zero.
    """
    check_at_least(0, expansion=radius, expansion_threshold=threshold)
    width = trimap.shape[1]
    pixels = np.flatnonzero(trimap == UNKNOWN)
    away = np.asarray(distance_transform_edt(trimap == UNKNOWN)).ravel()[pixels]
    order = np.argsort(away, kind="stable")
    order = order[: np.searchsorted(away[order], radius, "right")]
    pixels, away = pixels[order], away[order]
    framed = np.pad(trimap, radius, constant_values=UNKNOWN)
    seen = framed.ravel()
    places = (pixels // width + radius) * framed.shape[1] + pixels % width + radius
    expanded, flat = trimap.copy(), image.reshape(-1, 3)
    for dy, dx in disc(radius)[1:]:
        # Of no other pixels there is a known one as near as that.
        reached = np.searchsorted(away, np.hypot(dy, dx) + 1e-6, "right")
        kind = seen.take(places[:reached] + (dy * framed.shape[1] + dx))
        candidate = np.flatnonzero(kind != UNKNOWN)
        here = pixels.take(candidate)
        difference = flat.take(here + (dy * width + dx), 0) - flat.take(here, 0)
        like = candidate[np.einsum("pc,pc->p", difference, difference) <= threshold * threshold]
        if like.size:
            expanded.ravel()[pixels[like]] = kind[like]
            left = np.ones(len(pixels), bool)
            left[like] = False
            pixels, away, places = pixels[left], away[left], places[left]
    return expanded


def disc(radius: float) -> list[tuple[int, int]]:
    """Offsets (dy, dx) of the pixels at most `radius` away, the nearest first."""
    reach = range(-int(radius), int(radius) + 1)
    offsets = [(y, x) for y in reach for x in reach if y * y + x * x <= radius * radius]
    return sorted(offsets, key=lambda offset: (offset[0] ** 2 + offset[1] ** 2, offset))


def outline(region: Region, unknown: Region) -> tuple[Indices, Indices]:
    """Rows and columns of a region's pixels that touch the unknown ones; all of them where none does."""
    touching = region & binary_dilation(unknown, np.ones((3, 3), bool))
    rows, columns = np.nonzero(touching if touching.any() else region)
    return rows, columns


def numbers(chosen: Region, reach: int) -> npt.NDArray[np.int32]:
    """The numbers of the chosen pixels by place, in a frame `reach` wide; −1 elsewhere."""
    number = np.full([size + 2 * reach for size in chosen.shape], -1, np.int32)
    inside = number[reach : reach + chosen.shape[0], reach : reach + chosen.shape[1]]
    inside[chosen] = np.arange(np.count_nonzero(chosen), dtype=np.int32)
    return number


def chunks(count: int, size: int, progress: Progress = silent) -> Iterator[slice]:
    """Slices of at most `size` that cover `count`, so that intermediate values stay in the cache.

    Args:
        count: how many there are.
        size: how many of them a slice has at most.
        progress: called after each slice with the share that is done.
    """
    for begin in range(0, count, size):
        end = min(begin + size, count)
        yield slice(begin, end)
        progress(end / count)


def planes(image: Image, rows: npt.NDArray[Any], columns: npt.NDArray[Any]) -> Float:
    """The colours of some pixels, float32 (3, ...): a channel after the other."""
    return np.ascontiguousarray(np.moveaxis(image[rows, columns], -1, 0))

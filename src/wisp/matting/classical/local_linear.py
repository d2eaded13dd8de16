"""Systems of energies that explain alpha by linear functions of colour, window by window.

In a window w of |w| pixels such an energy is αᵀ (1 − G Gᵀ) α, where the columns of G, |w|×4, span what the
function can explain. The matrix of the photo is the sum over all windows; it couples pixels that share one,
so that it has the same entries whatever G is. Closed-form and learning-based matting differ in G alone, and
information-flow matting takes closed-form matting's as one of its four.

The system is solved by a sparse factorisation in float32 whose rounding conjugate gradients remove. The
factor takes about a kilobyte a pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array, eye_array

from wisp.core.arrays import (
    Alpha,
    Image,
    Region,
    Trimap,
    check_above_zero,
    check_at_least,
    check_image,
    check_same_size,
    check_trimap,
)
from wisp.core.progress import Progress, silent, within
from wisp.matting.classical.cholesky import Cholesky, Ordering, nested_dissection
from wisp.matting.classical.system import Indices, Solution, System, Vector, solve

CHUNK: Final = 8192
"""Windows handled at a time, so that intermediate values stay in the cache."""
COLLECTED: Final = 0.5
"""Share of the work that collecting the windows is, before the factorisation, for `Progress`."""

Factors: TypeAlias = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float64]]
"""Colours of windows, float32 (|w|, windows, 3) → G, float64 (|w|, 4, windows)."""


def solve_windows(
    image: Image,
    trimap: Trimap,
    factors: Factors,
    *,
    method: str,
    regularization: tuple[str, float],
    radius: int,
    damping: float = 0.0,
    tolerance: float,
    max_iterations: int,
    at_once: int,
    progress: Progress,
) -> Solution:
    """Alpha that minimises an energy of windows.

    Args:
        image: float32 (H, W, 3), [0, 1].
        trimap: uint8 (H, W), 0 / 128 / 255.
        factors: gives G of windows.
        method: name that the solution carries.
        regularization: name and value of what `factors` regularises by; checked here.
        radius: windows are (2 radius + 1)² pixels; fewer rows or columns are continued.
        damping: μ of the system (`wisp.matting.classical.system.System`).
        tolerance: relative residual at which to stop.
        max_iterations: conjugate-gradient steps at which to stop.
        at_once: unknown pixels that are solved at once.
        progress: called with the share that is done, from 0 to 1.

    Raises:
        InputError: arrays of other types or sizes, a regularisation that is not above zero, a radius below 1.
    """
    name, value = regularization
    check_above_zero(**{name: value})
    check_at_least(1, radius=radius)
    trimap = check_trimap(trimap)
    check_same_size("trimap", trimap, "image", check_image(image))
    height, width = trimap.shape
    after = [(0, max(0, 2 * radius + 1 - size)) for size in (height, width)]
    if any(pixels for _, pixels in after):
        image, trimap = np.pad(image, (*after, (0, 0)), "edge"), np.pad(trimap, after, "edge")
    solution = solve(
        image,
        trimap,
        lambda part, told: window_system(
            part.image, part.unknown, part.alpha, factors, radius, damping, told
        ),
        method=method,
        tolerance=tolerance,
        max_iterations=max_iterations,
        at_once=at_once,
        progress=progress,
    )
    return replace(solution, alpha=solution.alpha[:height, :width])


def window_system(
    image: Image,
    unknown: Region,
    alpha: Alpha,
    factors: Factors,
    radius: int,
    damping: float = 0.0,
    progress: Progress = silent,
) -> System:
    """The system of an energy that is a sum over windows, preconditioned by its factor.

    Args:
        image: float32 (H, W, 3), [0, 1].
        unknown: bool (H, W).
        alpha: float32 (H, W), what the other pixels are held at; 0 where unknown.
        factors: gives G of windows.
        radius: windows are (2 radius + 1)² pixels; those that leave the photo do not count.
        damping: μ of the system (`wisp.matting.classical.system.System`).
        progress: called with the share that is done, from 0 to 1.
    """
    rows, columns = np.nonzero(unknown)
    ordering = nested_dissection(rows, columns, 2 * radius)
    rows, columns = rows[ordering.order], columns[ordering.order]
    upper, rhs = window_laplacian(
        image, unknown, alpha, rows, columns, factors, radius, within(progress, 0, COLLECTED)
    )
    diagonal, lower = upper.diagonal(), upper.T
    damped = (upper + damping * eye_array(upper.shape[0])).tocsr() if damping else upper
    factor = factorise(damped, ordering, within(progress, COLLECTED))
    return System(
        lambda x: upper @ x + lower @ x - diagonal * x,
        rhs,
        factor.solve,
        rows * unknown.shape[1] + columns,
        damping,
    )


def factorise(upper: csr_array, ordering: Ordering, progress: Progress = silent) -> Cholesky:
    """Factorise in float32; where that loses definiteness in float64, at last with a small shift.

    Args:
        upper: upper triangle of a positive semi-definite matrix in the order of `ordering`.
        ordering: from `nested_dissection`.
        progress: called with the share of the pixels that are eliminated.
    """
    for dtype, shift in ((np.float32, 0.0), (np.float64, 0.0), (np.float64, 1e-10), (np.float64, 1e-6)):
        try:
            shifted = upper + shift * eye_array(upper.shape[0]) if shift else upper
            return Cholesky(shifted, ordering, dtype, progress)
        except np.linalg.LinAlgError:
            continue
    raise AssertionError("a matting Laplacian is positive semi-definite")


def window_laplacian(
    image: Image,
    unknown: Region,
    alpha: Alpha,
    rows: Indices,
    columns: Indices,
    factors: Factors,
    radius: int,
    progress: Progress = silent,
) -> tuple[csr_array, Vector]:
    """The upper triangle of L_UU with the unknown pixels in the given order, and −L_UK α_K.

    Other arguments are those of `window_system`; rows and columns, int (n,), name the unknown pixels. Entries
    are gathered by offset: ``values[o, i]`` couples pixel i to the pixel at ``offsets[o]`` from it, for those
    offsets that lead to later pixels in raster order.
    """
    count, reach, side = len(rows), 2 * radius, 2 * radius + 1
    number = np.full(np.add(unknown.shape, 2 * reach), count, np.int32)  # `count`: known, or outside
    number[rows + reach, columns + reach] = np.arange(count, dtype=np.int32)

    place = [(y, x) for y in range(side) for x in range(side)]
    offsets = [(y, x) for y in range(reach + 1) for x in range(-reach, reach + 1) if (y, x) >= (0, 0)]
    which = {offset: o for o, offset in enumerate(offsets)}
    values = np.zeros((len(offsets), count + 1))
    rhs = np.zeros(count + 1)
    for top, left in _windows(unknown, side, progress):
        pixels = [(top + y, left + x) for y, x in place]
        unknowns = [number[y + reach, x + reach] for y, x in pixels]
        G = factors(np.stack([image[y, x] for y, x in pixels]))
        for a, (ya, xa) in enumerate(place):
            for b in range(a, len(place)):
                coupling = -np.einsum("cw,cw->w", G[a], G[b])
                if a == b:
                    coupling += 1
                values[which[place[b][0] - ya, place[b][1] - xa], unknowns[a]] += coupling
        known = np.stack([alpha[y, x] for y, x in pixels]).astype(np.float64)
        explained = np.einsum("acw,aw->cw", G, known)
        for a, i in enumerate(unknowns):
            rhs[i] += np.einsum("cw,cw->w", G[a], explained)

    def partners(y: int, x: int) -> npt.NDArray[np.int32]:
        return number[rows + (y + reach), columns + (x + reach)]

    total = sum(int((partners(*offset) < count).sum()) for offset in offsets)
    ends, entries, filled = np.empty((2, total), np.int32), np.empty(total), 0
    for offset, value in zip(offsets, values, strict=True):
        other = partners(*offset)
        i = np.flatnonzero(other < count).astype(np.int32)
        span = slice(filled, filled + len(i))
        np.minimum(i, other[i], out=ends[0, span])
        np.maximum(i, other[i], out=ends[1, span])
        entries[span] = value[i]
        filled += len(i)
    return coo_array((entries, ends), shape=(count, count)).tocsr(), rhs[:count]


def _windows(unknown: Region, side: int, progress: Progress) -> Iterator[tuple[Indices, Indices]]:
    """Rows and columns of the top left pixels of all windows with an unknown pixel, a chunk at a time."""
    height, width = (size - side + 1 for size in unknown.shape)
    tall = np.logical_or.reduce([unknown[y : y + height] for y in range(side)])
    top, left = np.nonzero(np.logical_or.reduce([tall[:, x : x + width] for x in range(side)]))
    for begin in range(0, len(top), CHUNK):
        yield top[begin : begin + CHUNK], left[begin : begin + CHUNK]
        progress(min(1.0, (begin + CHUNK) / len(top)))

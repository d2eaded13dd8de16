"""Closed-form matting: Levin, Lischinski and Weiss 2008, *A Closed-Form Solution to Natural Image Matting*.

In every window w of |w| pixels alpha is taken to be an affine function of colour. What no such function
explains is the energy; with μ and Σ the mean and covariance of the window's colours, its matrix is

    L_ij = Σ_{w ∋ i,j} ( δ_ij − (1 + (I_i − μ)ᵀ (Σ + ε/|w| · 1)⁻¹ (I_j − μ)) / |w| )

which is 1 − G Gᵀ a window with G = (1, (I − μ) C) / √|w| and C Cᵀ = (Σ + ε/|w| · 1)⁻¹.

Departures that do not change the minimum: known pixels are eliminated instead of being held by a large
weight, and the system is solved by a sparse factorisation in float32 whose rounding conjugate gradients
remove. A photo with fewer rows or columns than a window has is continued by its last ones.

The factor takes about a kilobyte a pixel. Where more than `AT_ONCE` pixels are unknown, the photo is solved
at half its size first, as in the authors' own code: alpha is brought to full size by its affine functions
of colour, and only pixels that are then neither clearly background nor clearly foreground are solved
exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter, minimum_filter
from scipy.sparse import coo_array, csr_array, eye_array

from wisp.core.arrays import (
    BACKGROUND,
    FOREGROUND,
    UNKNOWN,
    Image,
    Trimap,
    check_image,
    check_same_size,
    check_trimap,
)
from wisp.core.errors import InputError
from wisp.core.settings import AUTO
from wisp.matting.classical.cholesky import Cholesky, Ordering, nested_dissection
from wisp.matting.classical.guided_filter import guided_upsampling
from wisp.matting.classical.system import Solution, System, Vector, solve, warn_unless_converged

METHOD: Final = "closed-form"
CHUNK: Final = 8192
"""Windows handled at a time, so that intermediate values stay in the cache."""

AT_ONCE: Final = AUTO.at_once
"""Unknown pixels that are solved at once."""
SETTLED: Final = AUTO.settled
"""Alphas this near to 0 or 1 at half size are settled, as are those around them, before the full size."""

Indices = npt.NDArray[np.intp]


def closed_form(
    image: Image,
    trimap: Trimap,
    *,
    epsilon: float = AUTO.epsilon,
    radius: int = 1,
    tolerance: float = AUTO.tolerance,
    max_iterations: int = 100,
) -> Solution:
    """Estimate alpha by closed-form matting (Levin, Lischinski and Weiss 2008).

    Args:
        image: float32 (H, W, 3), [0, 1].
        trimap: uint8 (H, W), 0 / 128 / 255.
        epsilon: ε, weight of the penalty on steep affine functions; larger is smoother.
        radius: windows are (2 radius + 1)² pixels; 1 in the paper.
        tolerance: relative residual at which the solver stops.
        max_iterations: steps at which it gives up.

    Returns:
        Alpha and how the solve went. With no known foreground alpha is 0 in the unknown part, with no known
        background 1.

    Raises:
        InputError: arrays of other types or sizes, an epsilon that is not above zero, a radius below 1.

    Warns:
        ConvergenceWarning: when the tolerance was not reached.
    """
    solution = solve_closed_form(
        image, trimap, epsilon=epsilon, radius=radius, tolerance=tolerance, max_iterations=max_iterations
    )
    advice = "a larger epsilon, a smaller photo, or a trimap with more known pixels"
    return warn_unless_converged(solution, tolerance, advice)


def solve_closed_form(
    image: Image,
    trimap: Trimap,
    *,
    epsilon: float = 1e-7,
    radius: int = 1,
    tolerance: float = 1e-6,
    max_iterations: int = 100,
) -> Solution:
    """Estimate alpha as `closed_form` does, without a warning where the tolerance was not reached.

    Arguments and errors are those of `closed_form`; the solution tells whether it converged.
    """
    if not epsilon > 0:
        raise InputError("epsilon", f"is {epsilon}", "a number above zero is accepted")
    if radius < 1:
        raise InputError("radius", f"is {radius}", "1 and above is accepted")
    trimap = check_trimap(trimap)
    check_same_size("trimap", trimap, "image", check_image(image))
    height, width = trimap.shape
    after = [(0, max(0, 2 * radius + 1 - size)) for size in (height, width)]
    if any(pixels for _, pixels in after):
        image, trimap = np.pad(image, (*after, (0, 0)), "edge"), np.pad(trimap, after, "edge")

    def build(image: Image, trimap: Trimap) -> System:
        return _system(image, trimap, epsilon, radius)

    solution = _coarse_to_fine(image, trimap, build, tolerance, max_iterations)
    return replace(solution, alpha=solution.alpha[:height, :width])


def _coarse_to_fine(
    image: Image,
    trimap: Trimap,
    build: Callable[[Image, Trimap], System],
    tolerance: float,
    max_iterations: int,
) -> Solution:
    """Solve at once what is small enough, else first at half size; if that settles too little, only there."""
    if np.count_nonzero(trimap == UNKNOWN) > AT_ONCE:
        small, coarse = half(image, trimap)
        start = _coarse_to_fine(small, coarse, build, tolerance, max_iterations)
        alpha = guided_upsampling(small, start.alpha, image)
        unknown = trimap == UNKNOWN
        alpha[~unknown] = trimap[~unknown] == FOREGROUND
        trimap = trimap.copy()
        trimap[unknown & (maximum_filter(alpha, 3) < SETTLED)] = BACKGROUND
        trimap[unknown & (minimum_filter(alpha, 3) > 1 - SETTLED)] = FOREGROUND
        if np.count_nonzero(trimap == UNKNOWN) > AT_ONCE:
            return replace(start, alpha=alpha, residual=np.inf, converged=False)
    return solve(image, trimap, build, method=METHOD, tolerance=tolerance, max_iterations=max_iterations)


def half(image: Image, trimap: Trimap) -> tuple[Image, Trimap]:
    """Both at half size. Of four pixels one that is known decides, unless another one disagrees."""
    height, width = trimap.shape
    if height % 2 or width % 2:
        after = (0, height % 2), (0, width % 2)
        image, trimap = np.pad(image, (*after, (0, 0)), "edge"), np.pad(trimap, after, "edge")
    pairs = image[::2] + image[1::2]
    small: Image = (pairs[:, ::2] + pairs[:, 1::2]) * np.float32(0.25)
    background, foreground = (_any_of_four(trimap == kind) for kind in (BACKGROUND, FOREGROUND))
    coarse = np.full(background.shape, UNKNOWN, np.uint8)
    coarse[background & ~foreground] = BACKGROUND
    coarse[foreground & ~background] = FOREGROUND
    return small, coarse


def _any_of_four(chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Whether one of each 2×2 pixels is chosen: (2 h, 2 w) → (h, w)."""
    either = chosen[::2] | chosen[1::2]
    return either[:, ::2] | either[:, 1::2]


def _system(image: Image, trimap: Trimap, epsilon: float, radius: int) -> System:
    rows, columns = np.nonzero(trimap == UNKNOWN)
    ordering = nested_dissection(rows, columns, 2 * radius)
    rows, columns = rows[ordering.order], columns[ordering.order]
    upper, rhs = matting_laplacian(image, trimap, rows, columns, epsilon, radius)
    diagonal, lower = upper.diagonal(), upper.T
    factor = factorise(upper, ordering)
    return System(
        lambda x: upper @ x + lower @ x - diagonal * x, rhs, factor.solve, rows * trimap.shape[1] + columns
    )


def factorise(upper: csr_array, ordering: Ordering) -> Cholesky:
    """Factorise in float32; where that loses definiteness in float64, at last with a small shift."""
    for dtype, shift in ((np.float32, 0.0), (np.float64, 0.0), (np.float64, 1e-10), (np.float64, 1e-6)):
        try:
            return Cholesky(upper + shift * eye_array(upper.shape[0]) if shift else upper, ordering, dtype)
        except np.linalg.LinAlgError:
            continue
    raise AssertionError("a matting Laplacian is positive semi-definite")


def matting_laplacian(
    image: Image, trimap: Trimap, rows: Indices, columns: Indices, epsilon: float, radius: int
) -> tuple[csr_array, Vector]:
    """The upper triangle of L_UU with the unknown pixels in the given order, and −L_UK α_K.

    Entries are gathered by offset: ``values[o, i]`` couples pixel i to the pixel at ``offsets[o]`` from it,
    for those offsets that lead to later pixels in raster order.
    """
    count, reach, side = len(rows), 2 * radius, 2 * radius + 1
    number = np.full(np.add(trimap.shape, 2 * reach), count, np.int32)  # `count`: known, or outside
    number[rows + reach, columns + reach] = np.arange(count, dtype=np.int32)

    place = [(y, x) for y in range(side) for x in range(side)]
    offsets = [(y, x) for y in range(reach + 1) for x in range(-reach, reach + 1) if (y, x) >= (0, 0)]
    which = {offset: o for o, offset in enumerate(offsets)}
    values = np.zeros((len(offsets), count + 1))
    rhs = np.zeros(count + 1)
    for top, left in _windows(trimap == UNKNOWN, side):
        pixels = [(top + y, left + x) for y, x in place]
        unknowns = [number[y + reach, x + reach] for y, x in pixels]
        G = _factors(np.stack([image[y, x] for y, x in pixels]), epsilon)
        for a, (ya, xa) in enumerate(place):
            for b in range(a, len(place)):
                coupling = -np.einsum("cw,cw->w", G[a], G[b])
                if a == b:
                    coupling += 1
                values[which[place[b][0] - ya, place[b][1] - xa], unknowns[a]] += coupling
        known = np.stack([trimap[y, x] == FOREGROUND for y, x in pixels]).astype(np.float64)
        explained = np.einsum("acw,aw->cw", G, known)
        for a, unknown in enumerate(unknowns):
            rhs[unknown] += np.einsum("cw,cw->w", G[a], explained)

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


def _windows(unknown: npt.NDArray[np.bool_], side: int) -> Iterator[tuple[Indices, Indices]]:
    """Rows and columns of the top left pixels of all windows with an unknown pixel, a chunk at a time."""
    height, width = (size - side + 1 for size in unknown.shape)
    tall = np.logical_or.reduce([unknown[y : y + height] for y in range(side)])
    top, left = np.nonzero(np.logical_or.reduce([tall[:, x : x + width] for x in range(side)]))
    for begin in range(0, len(top), CHUNK):
        yield top[begin : begin + CHUNK], left[begin : begin + CHUNK]


def _factors(colours: npt.NDArray[np.float32], epsilon: float) -> npt.NDArray[np.float64]:
    """G of the windows whose `colours` are float32 (|w|, windows, 3): float64 (|w|, 4, windows)."""
    area = len(colours)
    centred = np.ascontiguousarray(colours.transpose(2, 0, 1), dtype=np.float64)
    centred -= centred.mean(axis=1, keepdims=True)
    r, g, b = centred
    variance = [[np.einsum("aw,aw->w", s, t) / area for t in centred] for s in centred]
    # Cholesky of Σ + ε/|w|, and forward substitution: Σ⁻¹ = CCᵀ with (I − μ) C = the solved rows.
    rr, gg, bb = (variance[c][c] + epsilon / area for c in range(3))
    l00 = np.sqrt(rr)
    l10, l20 = variance[0][1] / l00, variance[0][2] / l00
    l11 = np.sqrt(gg - l10 * l10)
    l21 = (variance[1][2] - l20 * l10) / l11
    l22 = np.sqrt(bb - l20 * l20 - l21 * l21)
    G = np.empty((area, 4, colours.shape[1]))
    G[:, 0] = 1
    G[:, 1] = r / l00
    G[:, 2] = (g - l10 * G[:, 1]) / l11
    G[:, 3] = (b - l20 * G[:, 1] - l21 * G[:, 2]) / l22
    G /= np.sqrt(area)
    return G

"""Information-flow matting: Aksoy, Aydın and Pollefeys 2017.

The paper is *Designing Effective Inter-Pixel Information Flow for Natural Image Matting*.
Four flows carry alpha between pixels, and one system balances them. With U the unknown pixels ::

    E_CM = Σ_{p∈U} (α_p − Σ_q w_pq α_q)²        colour mixture: p is mixed of the 20 nearest pixels anywhere
    E_KU = Σ_{p∈U} η_p (α_p − Σ_{q∈F} w_pq)²    known to unknown: of 7 foreground and 7 background ones
    E_UU = Σ_{p∈U} Σ_q u_pq (α_p − α_q)²        within the unknown: the 5 nearest unknown pixels
    E_L  = αᵀ L α                               local: the matting Laplacian of closed-form matting

    E = E_CM + σ_KU E_KU + σ_UU E_UU + σ_L E_L

Nearest is in colour and place, each flow with its own weight of the place. Mixing weights w are those of
locally linear embedding in colours; u_pq = max(0, 1 − |X_p − X_q|₁ / 5), over both directions; and
η_p = |c_F − c_B|² / 3, of what the foreground's and the background's share in the mixture contribute to the
colour, says how well p can tell. ::

    A = Rᵀ R + σ_KU H + σ_UU L_UU + σ_L L_L ,    R = 1 − W ,    H = diag(η)

is never multiplied out, since RᵀR has some 400 entries a row. Conjugate gradients are preconditioned by a
factor of the entries of closed-form matting, L_L and diagonals, which leaves them a few dozen steps.

E_KU looks at a trimmed trimap (section 4.1 of the paper): an unknown pixel whose 3×3 window has nearly the
colours of a known one's, by the Bhattacharyya distance, and far from those of the other kind, counts as
known, and so does one of nearly the colour of a known pixel close by (Shahrian et al. 2013). They are drawn
to 0 or 1 with η = 1, and the former are sources of the others, but all of them stay unknowns of the system,
where a wrong one can be outvoted.

Of what the paper leaves open the authors' published code tells: what E_KU does with trimmed pixels, the
rounds in which edges are trimmed, ε, the thresholds, and a sixth neighbour within the unknown, sought with a
hundredth of the weight of the place.

Departures: known pixels are eliminated instead of being held by a large weight; neighbours are sought
approximately (`approximation`), of known windows for the trimming at most `POOL` are looked at, and of a
photo of more than two million pixels only so many (`looked_among`); mixing weights are regularised
(`RIDGE`); η is at most 1 and the share of the foreground kept in [0, 1] where mixing weights leave it; the
solver stops early (`tolerance`), since further digits do not lower the error. For highly transparent subjects
the paper leaves out E_KU, after a test of histograms: that is ``known_weight=0`` here, and is left to the
caller, since the test took two opaque fruits among ten composites of opaque subjects for transparent ones.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_cdt
from scipy.sparse import csr_array, diags_array

from wisp.core.arrays import (
    BACKGROUND,
    FOREGROUND,
    UNKNOWN,
    Image,
    Trimap,
    check_above_zero,
    check_at_least,
    check_image,
    check_same_size,
    check_trimap,
)
from wisp.core.progress import Progress, silent, within
from wisp.matting.classical.cholesky import nested_dissection
from wisp.matting.classical.closed_form import explained
from wisp.matting.classical.local_linear import factorise, window_laplacian
from wisp.matting.classical.neighbours import features, looked_among, mixing_weights, nearest
from wisp.matting.classical.sampling import disc
from wisp.matting.classical.system import (
    Indices,
    Part,
    Solution,
    System,
    Vector,
    by_rows,
    solve,
    warn_unless_converged,
)

METHOD: Final = "information-flow"

MIXED, MIXED_PLACE = 20, 1.0
"""Neighbours of the colour-mixture flow, and what crossing the photo counts for beside colour."""
KNOWN, KNOWN_PLACE = 7, 10.0
"""Neighbours of either kind of the known-to-unknown flow, and the weight of the place."""
ALIKE: Final = ((5, 0.05), (1, 0.0005))
"""Neighbours of the flow within the unknown, and the weight of the place."""
EPSILON: Final = 1e-6
"""ε of the local flow's matting Laplacian."""
RIDGE: Final = 1e-3
"""Regularisation of mixing weights."""
DAMPING: Final = 0.1
"""Share of the colour-mixture flow's diagonal in the preconditioner; smooth modes hardly feel that flow."""
AT_ONCE: Final = 600_000
"""Unknown pixels that are solved at once: some 2 kB each."""

CANDIDATES: Final = 5
"""Known windows of each kind that an unknown one is compared with; as many as in the authors' code."""
ROUNDS: Final = 9
"""Rounds in which edges are trimmed, each a pixel farther than the one before."""
NEAR, FAR = 0.25, 0.9
"""Bhattacharyya distances below which windows agree, and above which they differ."""
WINDOW_VARIANCE: Final = 1e-5
"""Added to the variance of a window's colours, a step of 0.8 in 255."""
POOL: Final = 300_000
"""Known windows of a kind that are looked among; of more, every second, third … is left out."""
CHUNK: Final = 1 << 14


def information_flow(
    image: Image,
    trimap: Trimap,
    *,
    known_weight: float = 0.05,
    unknown_weight: float = 0.01,
    local_weight: float = 1.0,
    trim: bool = True,
    approximation: float = 1.0,
    tolerance: float = 1e-3,
    max_iterations: int = 1000,
    at_once: int = AT_ONCE,
    progress: Progress = silent,
) -> Solution:
    """Estimate alpha by information-flow matting (Aksoy, Aydın and Pollefeys 2017).

    Args:
        image: float32 (H, W, 3), [0, 1].
        trimap: uint8 (H, W), 0 / 128 / 255.
        known_weight: σ_KU, weight of the flow from known pixels; 0 suits highly transparent subjects.
        unknown_weight: σ_UU, weight of the flow within the unknown part.
        local_weight: σ_L, weight of the local flow, above zero.
        trim: trim the trimap that the flow from known pixels looks at.
        approximation: how much farther than the nearest neighbours, as a share of their distance, those found
            may be.
        tolerance: relative residual at which the solver stops.
        max_iterations: steps at which it gives up.
        at_once: unknown pixels that are solved at once, which bounds the memory.
        progress: called with the share of the work that is done, from 0 to 1.

    Returns:
        Alpha and how the solve went. With no known foreground alpha is 0 in the unknown part, with no known
        background 1.

    Raises:
        InputError: arrays of other types or sizes, a weight or an approximation out of its range.

    Warns:
        ConvergenceWarning: when the tolerance was not reached.
    """
    check_at_least(0, known_weight=known_weight, unknown_weight=unknown_weight, approximation=approximation)
    check_above_zero(local_weight=local_weight)
    weights = known_weight, unknown_weight, local_weight
    solution = solve(
        image,
        trimap,
        lambda part, told: _system(part, weights, trim, approximation, told),
        method=METHOD,
        tolerance=tolerance,
        max_iterations=max_iterations,
        at_once=at_once,
        progress=progress,
    )
    return warn_unless_converged(
        solution, tolerance, "a larger local_weight, or a trimap with more known pixels"
    )


def _system(
    part: Part, sigma: tuple[float, float, float], trim: bool, approximation: float, progress: Progress
) -> System:
    known_weight, unknown_weight, local_weight = sigma
    rows, columns = np.nonzero(part.unknown)
    ordering = nested_dissection(rows, columns, 2)
    rows, columns = rows[ordering.order], columns[ordering.order]
    local = partial(explained, epsilon=EPSILON)
    upper, rhs = window_laplacian(
        part.image, part.unknown, part.alpha, rows, columns, local, 1, within(progress, 0, 0.1)
    )
    upper, rhs = upper * local_weight, rhs * local_weight
    pixels = rows * part.unknown.shape[1] + columns

    W, mixed_known = _colour_mixture(part, pixels, approximation, within(progress, 0.1, 0.5))
    eta, share = np.zeros((2, len(pixels)))
    if known_weight:
        eta, share = _known_to_unknown(part, pixels, trim, approximation, within(progress, 0.5, 0.8))
    known = known_weight * eta
    U = _within_unknown(part, pixels, approximation, within(progress, 0.8, 0.9)) * unknown_weight
    towards = U.sum(axis=1)

    diagonal, lower, WT = upper.diagonal(), upper.T, W.T.tocsr()
    of_mixture = 1 - 2 * W.diagonal() + np.asarray(W.multiply(W).sum(axis=0)).ravel()
    held = diags_array(known + DAMPING * of_mixture)
    factor = factorise((upper + held).tocsr(), ordering, within(progress, 0.9))

    def product(x: Vector) -> Vector:
        left = x - W @ x
        result: Vector = (
            upper @ x + lower @ x - diagonal * x + (known + towards) * x - U @ x + left - WT @ left
        )
        return result

    rhs = rhs + known * share + mixed_known - WT @ mixed_known
    return System(product, rhs, factor.solve, pixels)


def _colour_mixture(
    part: Part, pixels: Indices, approximation: float, progress: Progress
) -> tuple[Any, Vector]:
    """W among the unknown pixels, sparse (n, n), and what known pixels contribute to each: float64 (n,)."""
    seen = looked_among(part.unknown)
    place = np.searchsorted(seen, pixels)
    # A pixel is its own nearest; among equals it may be missing, and then the last one gives way.
    values = features(part, MIXED_PLACE, seen)
    found = nearest(values, place, MIXED + 1, approximation=approximation, progress=progress)
    own = found == place[:, None]
    own[~own.any(axis=1), -1] = True
    others = seen[found[~own].reshape(len(pixels), -1)]
    weights = _weights(part, others, pixels)
    number = np.full(part.unknown.size, -1, np.int32)
    number[pixels] = np.arange(len(pixels), dtype=np.int32)
    return by_rows(weights, number[others]), np.einsum("nk,nk->n", weights, part.alpha.ravel()[others])


def _known_to_unknown(
    part: Part, pixels: Indices, trim: bool, approximation: float, progress: Progress
) -> tuple[Vector, Vector]:
    """η and the share of foreground of each unknown pixel, float64 (n,); η is 0 where a kind is missing."""
    trimap = np.full(part.unknown.shape, UNKNOWN, np.uint8)
    for kind, held in ((FOREGROUND, part.alpha >= 1), (BACKGROUND, part.alpha <= 0)):
        trimap[held & ~part.unknown] = kind
    by_window = trimmed(part.image, trimap, approximation) if trim else trimap
    seen = looked_among(part.unknown)
    kinds = by_window.ravel()[seen]
    pools = [np.flatnonzero(kinds == kind) for kind in (FOREGROUND, BACKGROUND)]
    eta, share = np.zeros((2, len(pixels)))
    if not all(len(pool) for pool in pools):
        return eta, share
    progress(0.3)

    left = np.flatnonzero(by_window.ravel()[pixels] == UNKNOWN)
    values, place = features(part, KNOWN_PLACE, seen), np.searchsorted(seen, pixels[left])
    foreground, background = (
        seen[nearest(values, place, KNOWN, among=pool, approximation=approximation)] for pool in pools
    )
    progress(0.9)
    weights = _weights(part, np.hstack([foreground, background]), pixels[left])
    split = foreground.shape[1]
    colours = part.image.reshape(-1, 3)
    between = np.einsum("nk,nkc->nc", weights[:, :split], colours[foreground], dtype=np.float64)
    between -= np.einsum("nk,nkc->nc", weights[:, split:], colours[background], dtype=np.float64)
    eta[left] = np.minimum(np.einsum("nc,nc->n", between, between) / 3, 1)
    share[left] = np.clip(weights[:, :split].sum(axis=1), 0, 1)
    for settled in (by_window, trimmed_edges(part.image, trimap)) if trim else ():
        found = settled.ravel()[pixels]
        known = found != UNKNOWN
        eta[known], share[known] = 1, found[known] == FOREGROUND
    return eta, share


def _within_unknown(part: Part, pixels: Indices, approximation: float, progress: Progress) -> Any:
    """Weights u among the unknown pixels in both directions, sparse (n, n)."""
    total: Any = csr_array((len(pixels), len(pixels)))
    for count, place in ALIKE:
        values = features(part, place, pixels)
        found = nearest(values, np.arange(len(pixels)), count + 1, approximation=approximation)
        apart = np.abs(values[found] - values[:, None]).sum(axis=2) / values.shape[1]
        total = total + by_rows(np.maximum(1 - apart, 0), found)
    progress(1.0)
    return ((total + total.T) / 2).tocsr()


def _weights(part: Part, others: npt.NDArray[np.int32], pixels: Indices) -> Vector:
    """Weights (n, k) that mix the colours of each pixel's others to its own, a chunk at a time."""
    colours, weights = part.image.reshape(-1, 3), np.empty(others.shape)
    for begin in range(0, len(pixels), CHUNK):
        rows = slice(begin, begin + CHUNK)
        weights[rows] = mixing_weights(colours[others[rows]], colours[pixels[rows]], RIDGE)
    return weights


def trimmed_edges(image: Image, trimap: Trimap) -> Trimap:
    """A trimap whose unknown part is narrower where colours go on across its edges (Shahrian et al. 2013).

    In each round a pixel takes the kind of the nearest known one within reach that has nearly its colour;
    rounds reach ever farther, and take ever less of a difference.

    Args:
        image: float32 (H, W, 3), [0, 1].
        trimap: uint8 (H, W), 0 / 128 / 255.

    Returns:
        uint8 (H, W), 0 / 128 / 255.
    """
    frame = [(ROUNDS, ROUNDS)] * 2
    kinds = np.pad(trimap, frame, constant_values=_OUTSIDE)
    colours = np.pad(image, [*frame, (0, 0)]).reshape(-1, 3)
    kind, taken, stride = kinds.ravel(), np.zeros(kinds.size, bool), kinds.shape[1]
    unknown, new = np.flatnonzero(kind == UNKNOWN), np.empty(0, np.intp)
    for reach in range(1, ROUNDS + 1):
        threshold = (ROUNDS - reach * (ROUNDS - 1) / ROUNDS) / 256
        left = unknown[distance_transform_cdt(kinds == UNKNOWN, "chessboard").ravel()[unknown] <= reach]
        found, sources = [], []
        for dy, dx in disc(reach)[1:]:
            step = dy * stride + dx
            if dy * dy + dx * dx <= (reach - 1) ** 2:
                # Pixels that were known a round ago were too unlike then, when more was taken.
                pixel, known = new - step, new
                fit = (kind.take(pixel) == UNKNOWN) & ~taken.take(pixel)
            else:
                pixel, known = left, left + step
                of = kind.take(known)
                fit = (of == FOREGROUND) | (of == BACKGROUND)
            pixel, known = pixel[fit], known[fit]
            difference = colours.take(known, 0) - colours.take(pixel, 0)
            like = np.einsum("pc,pc->p", difference, difference) <= threshold * threshold
            if like.any():
                found.append(pixel[like])
                sources.append(known[like])
                taken[found[-1]] = True
                left = left[~taken[left]]
        new = np.concatenate([np.empty(0, np.intp), *found])
        kind[new] = kind[np.concatenate([np.empty(0, np.intp), *sources])]
        unknown = unknown[~taken[unknown]]
    return np.ascontiguousarray(kinds[ROUNDS:-ROUNDS, ROUNDS:-ROUNDS])


_OUTSIDE: Final = 1
"""The kind of what lies around a photo, which is none."""


def trimmed(image: Image, trimap: Trimap, approximation: float = 1.0) -> Trimap:
    """A trimap with fewer unknown pixels: those whose window looks like one known kind and unlike the other.

    Args:
        image: float32 (H, W, 3), [0, 1].
        trimap: uint8 (H, W), 0 / 128 / 255.
        approximation: as `information_flow` takes it.

    Returns:
        uint8 (H, W), 0 / 128 / 255; a copy.

    Raises:
        InputError: arrays of other types or sizes.
    """
    check_image(image)
    trimap = check_trimap(trimap)
    check_same_size("trimap", trimap, "image", image)
    flat = trimap.ravel().copy()
    unknown = np.flatnonzero(flat == UNKNOWN)
    pools = [np.flatnonzero(flat == kind) for kind in (FOREGROUND, BACKGROUND)]
    if not len(unknown) or not all(len(pool) for pool in pools):
        return trimap
    means, variances = _windows(image, unknown)
    distances = []
    for pool in pools:
        of = pool[:: -(-len(pool) // POOL)]
        known_means, known_variances = _windows(image, of)
        values = np.concatenate([known_means, means])
        found = nearest(
            values,
            np.arange(len(of), len(values)),
            CANDIDATES,
            among=np.arange(len(of)),
            approximation=approximation,
        )
        least = np.empty(len(unknown))
        for begin in range(0, len(unknown), CHUNK):
            rows = slice(begin, begin + CHUNK)
            apart = means[rows, None] - known_means[found[rows]]
            least[rows] = _bhattacharyya(apart, variances[rows, None], known_variances[found[rows]]).min(
                axis=1
            )
        distances.append(least)
    to_foreground, to_background = distances
    flat[unknown[(to_foreground < NEAR) & (to_background > FAR)]] = FOREGROUND
    flat[unknown[(to_background < NEAR) & (to_foreground > FAR)]] = BACKGROUND
    return flat.reshape(trimap.shape)


def _windows(image: Image, pixels: Indices) -> tuple[Vector, Vector]:
    """Mean colours (n, 3) and covariances (n, 6: rr, rg, rb, gg, gb, bb) of the 3×3 windows around pixels."""
    height, width = image.shape[:2]
    rows, columns = np.divmod(pixels, width)
    total, squares = np.zeros((len(pixels), 3)), np.zeros((len(pixels), 6))
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            colour = image[np.clip(rows + dy, 0, height - 1), np.clip(columns + dx, 0, width - 1)]
            total += colour
            squares += _products(colour.astype(np.float64))
    means = total / 9
    variances = squares / 9 - _products(means)
    variances[:, [0, 3, 5]] += WINDOW_VARIANCE
    return means, variances


def _products(colours: Vector) -> Vector:
    """Products of two channels, (n, 6), in the order of `_windows`."""
    r, g, b = colours.T
    return np.stack([r * r, r * g, r * b, g * g, g * b, b * b], axis=1)


def _bhattacharyya(apart: Vector, one: Vector, other: Vector) -> Vector:
    """Bhattacharyya distance of normal distributions by the difference of means, (…, 3), and covariances."""
    rr, rg, rb, gg, gb, bb = np.moveaxis((one + other) / 2, -1, 0)
    r, g, b = np.moveaxis(apart, -1, 0)
    a00, a01, a02 = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    a11, a12, a22 = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    determinant = rr * a00 + rg * a01 + rb * a02
    form = r * r * a00 + g * g * a11 + b * b * a22 + 2 * (r * g * a01 + r * b * a02 + g * b * a12)
    product = _determinant(one) * _determinant(other)
    distance: Vector = form / determinant / 8 + np.log(determinant / np.sqrt(product)) / 2
    return distance


def _determinant(variances: Vector) -> Vector:
    rr, rg, rb, gg, gb, bb = np.moveaxis(variances, -1, 0)
    result: Vector = rr * (gg * bb - gb * gb) - rg * (rg * bb - gb * rb) + rb * (rg * gb - gg * rb)
    return result

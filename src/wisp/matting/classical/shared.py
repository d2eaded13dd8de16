"""Shared sampling: Gastal and Oliveira 2010, *Shared Sampling for Real-Time Alpha Matting*.

Neighbours have much the same colours behind them, so that each looks at a few samples only and then borrows
from the others. After an expansion of the known parts by like colours nearby,

1. every unknown pixel p sends out `rays`, turned a little from pixel to pixel; f and b are the first known
   foreground and background pixels on them. Of all pairs it keeps the one with the least ::

       g(f, b) = N³ · A² · D(f) · D(b)⁴         N = Σ_{q ∈ 3×3} M_q(f, b)²    A = P + (1 − 2P) α

   with D the distance, and P the probability that p is foreground by the least energy of a path to it,
   P = min_b E(b) / (min_f E(f) + min_b E(b)), E(s) = ∫ |∂C|² along the straight line from p to s;
2. it compares the pairs of its neighbours and takes the mean of the three with the least M, and its own
   colour in place of F or B where it is within σ² of it, the variance of colour around the samples;
3. F, B and α are averaged over about a hundred pixels q, with weights of distance and confidence ::

       F ∝ Σ G f_q |α_p − α_q| α_q F_q      B ∝ Σ G f_q |α_p − α_q| (1 − α_q) B_q      ᾱ ∝ Σ G f_q α_q
       f = min(1, |F − B| / D̄) exp(−λ M(F, B))      α = f α(F, B) + (1 − f) ᾱ

   D̄ being the mean of |F_q − B_q| weighted by f_q α_q (1 − α_q).

Departures: M is of colours in [0, 1]. E is the sum of squared differences between 16 points of a line, so
that an edge counts as much wherever the points fall. σ² leaves out pixels that are known to be of the other
side: across an edge it would cover any colour. Neighbours are those within a radius instead of the 200
nearest unknown ones, which reach farther in a thin band. A pixel none of whose rays meets foreground (or
background) is given the nearest. Smoothing by the matting Laplacian, with which the authors entered the
benchmark, is on by default.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_dilation, distance_transform_edt
from scipy.spatial import cKDTree

from wisp.core.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Float, Image, Region, Trimap, check_at_least
from wisp.core.progress import Progress, silent, within
from wisp.matting.classical.sampling import (
    EXPANSION,
    EXPANSION_THRESHOLD,
    Indices,
    Samples,
    chunks,
    disc,
    expand_trimap,
    numbers,
    outline,
    planes,
    solve_samples,
    unmix,
)
from wisp.matting.classical.system import Solution

METHOD: Final = "shared-sampling"
CONFIDENCE: Final = np.float32(10)
"""λ, how quickly confidence falls with what a pair leaves unexplained."""
SHIFT: Final = 4
POINTS: Final = 1 << SHIFT
"""Points of a line at which it is looked at for its energy."""
BEST: Final = 3
"""Pairs that are averaged."""
REFINED: Final = 8.0
"""Radius around a pixel whose pairs it compares: 197 pixels."""
AVERAGED: Final = 5.65
"""Radius of the averages: 101 pixels; σ² is their number by 9π."""
PAIRS: Final = 1 << 18
"""Pairs that are compared at a time."""
NOTHING: Final = np.float32(1e-12)
SMALLEST: Final = np.float32(1e-10)
"""|F − B|² is at least this."""


def shared_sampling(
    image: Image,
    trimap: Trimap,
    *,
    rays: int = 4,
    expansion: int = EXPANSION,
    expansion_threshold: float = EXPANSION_THRESHOLD,
    smooth: bool = True,
    tolerance: float = 1e-6,
    max_iterations: int = 100,
    progress: Progress = silent,
) -> Solution:
    """Estimate alpha by shared sampling (Gastal and Oliveira 2010).

    Args:
        image: float32 (H, W, 3), [0, 1].
        trimap: uint8 (H, W), 0 / 128 / 255.
        rays: how many each unknown pixel sends out, at equal angles.
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
        InputError: arrays of other types or sizes, no rays, an expansion or a threshold below zero.

    Warns:
        ConvergenceWarning: when the tolerance was not reached.
    """
    check_at_least(1, rays=rays)

    def find(image: Image, trimap: Trimap, progress: Progress) -> Samples:
        expanded = expand_trimap(image, trimap, expansion, expansion_threshold)
        return _find(image, expanded, rays, progress)

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


def _find(image: Image, trimap: Trimap, rays: int, progress: Progress) -> Samples:
    unknown = trimap == UNKNOWN
    rows, columns = np.nonzero(unknown)
    regions = [trimap == kind for kind in (FOREGROUND, BACKGROUND)]
    hits = [_first_hits(region, unknown, rows, columns, rays) for region in regions]
    chosen = np.empty((2, len(rows)), np.intp)
    for part in chunks(len(rows), PAIRS // (9 * rays * rays), within(progress, 0.1, 0.5)):
        chosen[:, part] = _best_pairs(image, rows[part], columns[part], hits[0][part], hits[1][part])
    pairs = np.concatenate(
        [_with_variance(image, other, place) for other, place in zip(regions[::-1], chosen, strict=True)]
    )
    layers = _refine(image, unknown, rows, columns, pairs, within(progress, 0.5, 0.8))
    return _average(image, trimap, rows, columns, *layers, within(progress, 0.8))


def _first_hits(region: Region, unknown: Region, rows: Indices, columns: Indices, rays: int) -> Indices:
    """The flat index of the first pixel of a region on each ray, −1 where there is none: int (n, rays)."""
    distance = distance_transform_edt(~region).astype(np.float32)
    found = np.full((len(rows), rays), -1, np.intp)
    for part in chunks(len(rows), PAIRS // (4 * rays)):
        _march(distance, rows[part], columns[part], found[part])
    lost = np.flatnonzero((found < 0).all(axis=1))
    if lost.size:
        edge = np.stack(outline(region, unknown), axis=1)
        _, nearest = cKDTree(edge).query(np.stack([rows[lost], columns[lost]], axis=1))
        found[lost, 0] = edge[nearest] @ (region.shape[1], 1)
    return found


def _march(distance: Float, rows: Indices, columns: Indices, found: Indices) -> None:
    """Follow the rays of some pixels until they meet what is 0 away, and write where into `found`, (n, rays).

    A ray leaps as far as the nearest such pixel is away from where it is.
    """
    height, width = distance.shape
    away, rays = distance.ravel(), found.shape[1]
    turn = ((columns % 3) + 3 * (rows % 3)) / 9
    angle = ((2 * np.pi / rays) * (turn[:, None] + np.arange(rays))).astype(np.float32).ravel()
    down, across = np.sin(angle), np.cos(angle)
    y, x = (np.repeat(place, rays).astype(np.float32) for place in (rows, columns))
    ray = np.arange(found.size)
    while ray.size:
        py, px = np.rint(y).astype(np.intp), np.rint(x).astype(np.intp)
        inside = (py >= 0) & (py < height) & (px >= 0) & (px < width)
        place = np.where(inside, py * width + px, 0)
        leap = away[place]
        met = inside & (leap == 0)
        found[np.divmod(ray[met], rays)] = place[met]
        going = inside & ~met
        ray, down, across = ray[going], down[going], across[going]
        leap = np.maximum(leap[going] - np.float32(1.5), 1)
        y, x = y[going] + leap * down, x[going] + leap * across


def _best_pairs(image: Image, rows: Indices, columns: Indices, f: Indices, b: Indices) -> Indices:
    """The flat indices of the pair with the least g of some pixels: int (2, n)."""
    height, width = image.shape[:2]
    flat = image.reshape(-1, 3)
    missing = [(hits < 0).T for hits in (f, b)]
    places = [np.maximum(hits, 0).T for hits in (f, b)]  # (rays, n)
    colours = [np.moveaxis(flat[place], -1, 0) for place in places]
    around = [
        planes(image, np.clip(rows + y, 0, height - 1), np.clip(columns + x, 0, width - 1))
        for y in (-1, 0, 1)
        for x in (-1, 0, 1)
    ]
    alpha, N = _explain(around, *colours)
    energies = [
        np.where(gone, np.inf, _energy(image, rows, columns, place)).min(axis=0)
        for place, gone in zip(places, missing, strict=True)
    ]
    P = ((energies[1] + NOTHING) / (energies[0] + energies[1] + 2 * NOTHING)).astype(np.float32)
    A = P + (1 - 2 * P) * alpha
    D = [np.hypot(place // width - rows, place % width - columns).astype(np.float32) for place in places]
    cost = (N + NOTHING) ** 3 * (A + NOTHING) ** 2 * D[0][:, None] * D[1][None] ** 4
    cost[missing[0][:, None] | missing[1][None]] = np.inf
    best = cost.reshape(-1, len(rows)).argmin(axis=0)
    pixel = np.arange(len(rows))
    count = len(places[0])
    return np.stack([places[0][best // count, pixel], places[1][best % count, pixel]])


def _explain(around: list[Float], foreground: Float, background: Float) -> tuple[Float, Float]:
    """α of the pixels in the middle and N, for each pair of colours: float32 (rays, rays, n).

    With u the unit vector from B to F a colour C lies s = u·(C − B) along the line, and what is left of it is
    |C − B|² − s² + (s − clip(s, 0, |F − B|))²: few products for each of the nine that a pair is asked about.

    Args:
        around: nine of C, float32 (3, n), the pixel itself in the middle.
        foreground: F, float32 (3, rays, n).
        background: B, float32 (3, rays, n).
    """
    line = foreground[:, :, None] - background[:, None]
    length = np.sqrt(np.maximum(line[0] * line[0] + line[1] * line[1] + line[2] * line[2], SMALLEST))
    line /= length
    start = line[0] * background[0] + line[1] * background[1] + line[2] * background[2]
    N, alpha = np.zeros_like(length), length
    along, part = np.empty_like(length), np.empty_like(length)
    for k, colour in enumerate(around):
        np.multiply(line[0], colour[0], out=along)
        for c in (1, 2):
            along += np.multiply(line[c], colour[c], out=part)
        along -= start
        clipped = np.clip(along, 0, length)
        if k == len(around) // 2:
            alpha = clipped / length
        clipped -= along
        clipped *= clipped
        along *= along
        away = colour[:, None] - background
        clipped -= along
        clipped += away[0] * away[0] + away[1] * away[1] + away[2] * away[2]
        N += np.maximum(clipped, 0, out=clipped)
    return alpha, N


def _energy(image: Image, rows: Indices, columns: Indices, place: Indices) -> Float:
    """The energy of the straight lines from pixels to others, given by flat index (rays, n)."""
    width = image.shape[1]
    flat = image.reshape(-1, 3)
    y, x = (start.astype(np.int32) * POINTS for start in (rows, columns))  # in POINTS of a pixel
    ends = np.divmod(place.astype(np.int32), np.int32(width))
    down, across = ends[0] - rows.astype(np.int32), ends[1] - columns.astype(np.int32)
    energy = np.zeros(place.shape, np.float32)
    last = flat.take(rows * width + columns, 0)[None]
    for _ in range(POINTS):
        y, x = y + down, x + across
        here = flat.take((y >> SHIFT) * np.int32(width) + (x >> SHIFT), 0)
        step = here - last
        energy += np.einsum("rnc,rnc->rn", step, step)
        last = here
    return energy


def _with_variance(image: Image, other: Region, place: Indices) -> Float:
    """The colours of pixels of one side and their σ²: float32 (4, n).

    σ² is the mean squared difference of the colours in 5×5 around a pixel from its own, without those that
    are known to be of the other side.
    """
    height, width = other.shape
    y, x = np.divmod(place, width)
    colours, counted = image.reshape(-1, 3), ~other.ravel()
    own = colours.take(place, 0)
    total, count = np.zeros((2, len(place)), np.float32)
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            near = np.clip(y + dy, 0, height - 1) * width + np.clip(x + dx, 0, width - 1)
            difference, counts = colours.take(near, 0) - own, counted.take(near)
            total += counts * np.einsum("nc,nc->n", difference, difference)
            count += counts
    return np.concatenate([own.T, (total / count)[None]])


def _refine(
    image: Image, unknown: Region, rows: Indices, columns: Indices, pairs: Float, progress: Progress
) -> tuple[Float, Float, Float, Float]:
    """F, B, α and confidence of each pixel by the best pairs around it."""
    offsets = disc(REFINED)
    number, places, steps = _numbered(unknown, rows, columns, offsets)
    F, B = np.empty((2, 3, len(rows)), np.float32)
    alpha, confidence = np.empty((2, len(rows)), np.float32)
    by_row = np.ascontiguousarray(pairs.T)
    for part in chunks(len(rows), PAIRS // len(offsets), progress):
        near = number.take(places[part] + steps)
        colour = planes(image, rows[part], columns[part])
        _, left = unmix(colour[:, None], pairs[:3].take(near, 1), pairs[4:7].take(near, 1))
        left[near < 0] = np.inf
        order = np.argpartition(left, BEST - 1, axis=0)[:BEST]
        weight = np.isfinite(np.take_along_axis(left, order, 0)).astype(np.float32)
        best = by_row[np.take_along_axis(near, order, 0)] * weight[..., None]
        mean = (best.sum(axis=0) / weight.sum(axis=0)[:, None]).T
        _, left = unmix(colour, mean[:3], mean[4:7])
        apart = (mean[:3] != mean[4:7]).any(axis=0)
        confidence[part] = np.where(apart, np.exp(-CONFIDENCE * np.sqrt(left)), 1e-8)
        for target, own, variance in ((F, mean[:3], mean[3]), (B, mean[4:7], mean[7])):
            difference = colour - own
            target[:, part] = np.where(np.einsum("cn,cn->n", difference, difference) <= variance, colour, own)
        alpha[part], _ = unmix(colour, F[:, part], B[:, part])
    return F, B, alpha, confidence


def _numbered(
    chosen: Region, rows: Indices, columns: Indices, offsets: list[tuple[int, int]]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Numbers of the chosen pixels, flat; the places of some of them; steps to others, (offsets, 1)."""
    reach = max(y for y, _ in offsets)
    number = numbers(chosen, reach)
    strides = np.array([[number.shape[1]], [1]], np.int32)
    places = (rows + reach) * number.shape[1] + columns + reach
    return number.ravel(), places.astype(np.int32), np.array(offsets, np.int32) @ strides


def _average(
    image: Image,
    trimap: Trimap,
    rows: Indices,
    columns: Indices,
    F: Float,
    B: Float,
    alpha: Float,
    confidence: Float,
    progress: Progress,
) -> Samples:
    """Local smoothing; known pixels take part with their colour, their alpha and full confidence."""
    offsets, reach = disc(AVERAGED), int(AVERAGED)
    unknown = trimap == UNKNOWN
    band = binary_dilation(unknown, iterations=reach)
    number, places, steps = _numbered(band, rows, columns, offsets)
    y, x = np.nonzero(band)
    state = np.empty((8, len(y) + 1), np.float32)  # F, B, α, f of the band; the last one counts nothing
    state[:3, :-1] = state[3:6, :-1] = planes(image, y, x)
    state[6, :-1] = trimap[y, x] == FOREGROUND
    state[7] = 1
    state[:, -1] = 0
    mixed = np.flatnonzero(unknown[y, x])
    state[:, mixed] = np.concatenate([F, B, alpha[None], confidence[None]])
    soft = state[7] * state[6] * (1 - state[6])
    line = state[:3] - state[3:6]
    apart = np.sqrt(np.einsum("cn,cn->n", line, line))

    spread = len(offsets) / (9 * np.pi)
    results = np.empty((8, len(rows)), np.float32)
    down, across = np.array(offsets).T[:, :, None]
    G = np.exp(-(down * down + across * across) / (2 * spread)).astype(np.float32)
    for part in chunks(len(rows), PAIRS // (4 * len(offsets)), progress):
        near = number.take(places[part] + steps)
        a, f = state[6].take(near), state[7].take(near)
        own = alpha[part]
        low = G * f
        W = low * np.abs(own - a)
        W[0] = low[0]
        a_low = np.einsum("on,on->n", low, a) / np.maximum(low.sum(axis=0), NOTHING)
        s = soft.take(near)
        mean_apart = np.einsum("on,on->n", s, apart.take(near)) / np.maximum(s.sum(axis=0), NOTHING)
        colours = []
        for first, weight in ((0, W * a), (3, W * (1 - a))):
            total = weight.sum(axis=0)
            summed = np.stack([np.einsum("on,on->n", weight, state[first + c].take(near)) for c in range(3)])
            own_colour = (F, B)[first // 3][:, part]
            colours.append(np.where(total > NOTHING, summed / np.maximum(total, NOTHING), own_colour))
        colour = planes(image, rows[part], columns[part])
        projected, left = unmix(colour, *colours)
        distance = np.sqrt(((colours[0] - colours[1]) ** 2).sum(axis=0))
        trust = np.minimum(1, distance / np.maximum(mean_apart, NOTHING)) * np.exp(
            -CONFIDENCE * np.sqrt(left)
        )
        results[:3, part], results[3:6, part] = colours
        results[6, part] = trust * projected + (1 - trust) * a_low
        results[7, part] = trust
    return Samples(trimap, results[:3], results[3:6], results[6].clip(0, 1), results[7])

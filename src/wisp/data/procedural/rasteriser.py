"""Coverage of thin curves, exact to the fraction of a pixel.

A curve is followed along the axis it runs along, one column (or row) of pixels at a time. In a column a
piece of width w and slope s covers rows with the profile box(w·√(1 + s²)) ⊗ box(s), a trapezoid, whose
integral over each pixel is known in closed form: a strand a tenth of a pixel wide covers the right tenth.

What the columns cover is gathered as a sparse matrix, pixels × pieces, whose product with the pieces' colours
is the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from wisp.core.arrays import Float

Indices = npt.NDArray[np.int32]

_FLATTEST: Final = np.float32(1 / 32)
"""Slopes below this count as this: the closed form divides by the slope."""

_REACHES: Final = np.array(
    [3, 4, 5, 6, 8, 10, 13, 17, 22, 30, 40, 55, 75, 100, 140, 200, 280, 400, 600, 2000]
)
"""Pixels that a piece may touch in a column: pieces are drawn in groups of about the same reach."""

_CHUNK: Final = 1 << 14
"""Columns whose coverage is found at a time: small enough for the cache."""

_GRAINS: Final = 4096
_PER_PIXEL: Final = 2.0
"""Length of the table of grains, and its entries per pixel."""


class Pieces(NamedTuple):
    """P straight pieces of strands, each seen along its own major axis."""

    tall: npt.NDArray[np.bool_]  # the major axis is y
    first: Indices  # columns that it draws: first … last − 1
    last: Indices
    start: Float  # major coordinates between which its columns count in full or in part
    end: Float
    centre: Float  # minor coordinate where the major one is 0
    rise: Float  # change of the minor coordinate per column, −1 … 1
    half: Float  # half the extent along the minor axis where the major coordinate is 0
    growth: Float  # change of `half` per column
    largest: Float  # of `half`, over the piece
    opacity: Float
    strand: Float  # where in the table of grains the strand's axis lies
    grain: Float
    values: Float  # (P, 4): colour times the weight of nearness, and that weight

    def where(self, chosen: npt.NDArray[np.intp] | slice) -> Pieces:
        """Take the `chosen` pieces."""
        return Pieces._make(array[chosen] for array in self)

    @classmethod
    def join(cls, parts: Sequence[Pieces]) -> Pieces:
        """All pieces of `parts`."""
        return cls._make(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


def cut(points: Float, width: Float, colour: Float, weight: Float, opacity: Float, grain: float) -> Pieces:
    """Curves as straight pieces.

    Args:
        points: (N, M, 2), x and y.
        width: (N, M), (N, 1) or (1, M), pixels.
        colour: (N, M, 3) or (N, 1, 3).
        weight: (N, M) or (N, 1), positive: how much the colours count.
        opacity: (N,) or ().
        grain: as in `Strands`.

    Returns:
        N · (M − 1) pieces.
    """
    count, length = points.shape[:2]
    step = points[:, 1:] - points[:, :-1]
    tall = np.abs(step[..., 1]) > np.abs(step[..., 0])
    major = np.where(tall, step[..., 1], step[..., 0])
    forward = major >= 0
    goes_on = np.zeros((count, length), bool)  # at each point: the pieces before and after run alike
    goes_on[:, 1:-1] = (tall[:, 1:] == tall[:, :-1]) & (forward[:, 1:] == forward[:, :-1])
    inner = np.zeros((count, length), bool)
    inner[:, 1:-1] = True

    swapped = points[..., ::-1]
    origin = np.where(tall[..., None], swapped[:, :-1], points[:, :-1])
    target = np.where(tall[..., None], swapped[:, 1:], points[:, 1:])
    run = np.where(forward, np.float32(1), np.float32(-1)) * np.maximum(np.abs(major), np.float32(1e-6))
    rise = np.clip((target[..., 1] - origin[..., 1]) / run, -1, 1)
    oblique = np.sqrt(1 + rise * rise) / 2
    width = np.broadcast_to(width, (count, length))
    half0, half1 = width[:, :-1] * oblique, width[:, 1:] * oblique
    growth = np.where(np.abs(run) > 0.5, (half1 - half0) / run, 0)

    low, high = (
        np.where(forward, origin[..., 0], target[..., 0]),
        np.where(forward, target[..., 0], origin[..., 0]),
    )
    go_low = np.where(forward, goes_on[:, :-1], goes_on[:, 1:])
    go_high = np.where(forward, goes_on[:, 1:], goes_on[:, :-1])
    in_low = np.where(forward, inner[:, :-1], inner[:, 1:])
    in_high = np.where(forward, inner[:, 1:], inner[:, :-1])
    # Where a wide strand turns from one axis to the other its pieces overlap, or a notch would show.
    overlap = np.maximum(0.55 * np.minimum(half0, half1) - 0.25, 0)
    low -= np.where(in_low & ~go_low, overlap, 0)
    high += np.where(in_high & ~go_high, overlap, 0)
    first = np.where(go_low, np.ceil(low - 0.5), np.floor(low))
    last = np.where(go_high, np.ceil(high - 0.5), np.ceil(high))

    weight = _between(weight)
    values = np.empty((count, length - 1, 4), np.float32)
    values[..., :3] = weight[..., None] * _between(colour)
    values[..., 3] = weight
    opacity = np.broadcast_to(opacity[:, None] if opacity.ndim else opacity, tall.shape)
    # Neighbouring strands have their grain elsewhere.
    strand = np.arange(count, dtype=np.float32)[:, None] * np.float32(_GRAINS * 0.618034) % _GRAINS
    pieces = (
        tall,
        np.clip(first, -(2**30), 2**30).astype(np.int32),
        np.clip(last, -(2**30), 2**30).astype(np.int32),
        np.where(go_low, -np.inf, low),
        np.where(go_high, np.inf, high),
        origin[..., 1] - rise * origin[..., 0],
        rise,
        half0 - growth * origin[..., 0],
        growth,
        np.maximum(half0, half1),
        opacity,
        np.broadcast_to(strand, tall.shape),
        np.full(tall.shape, grain, np.float32),
    )
    flat = (array.astype(np.float32 if array.dtype.kind == "f" else array.dtype).ravel() for array in pieces)
    return Pieces._make([*flat, values.reshape(-1, 4)])


def _between(values: Float) -> Float:
    """Means of neighbours along the second axis (N, M, …); one value for all of a strand stays as it is."""
    if values.shape[1] == 1:
        return values
    mean: Float = np.float32(0.5) * (values[:, 1:] + values[:, :-1])
    return mean


def draw(pieces: Pieces, size: tuple[int, int], clear: np.float32) -> tuple[Float, Float]:
    """Draw pieces.

    Args:
        pieces: of any number of curves.
        size: height and width of the canvas.
        clear: the least light that passes.

    Returns:
        Sums of weighted colours, and of weights, float32 (4, H, W), and the log of the light that passes,
        float32 (H, W).
    """
    height, width = size
    columns, rows = np.where(pieces.tall, [[height], [width]], [[width], [height]]).astype(np.int32)
    first = np.maximum(pieces.first, 0)
    crossed = np.maximum(np.minimum(pieces.last, columns) - first, 0)
    ends = pieces.centre + pieces.rise * np.stack([pieces.first, pieces.last])
    outside = (ends.max(0) + pieces.largest < -1) | (ends.min(0) - pieces.largest > rows + 1)
    crossed[outside] = 0
    touched = np.ceil(2 * pieces.largest + np.abs(pieces.rise) + np.float32(1.001))
    level = np.minimum(np.searchsorted(_REACHES, touched), len(_REACHES) - 1)
    order = np.argsort(level, kind="stable")
    order = order[crossed[order] > 0]
    pieces, first, crossed, level = pieces.where(order), first[order], crossed[order], level[order]
    reach = _REACHES[level]
    margin = int(reach.max(initial=1))
    stride = width + 2 * margin
    filled: Indices = np.concatenate([[0], np.cumsum(crossed * reach)]).astype(np.int32)
    coverage = np.empty(filled[-1], np.float32)
    index = np.empty(filled[-1], np.int32)
    toned = np.empty(filled[-1], np.float32) if pieces.grain.any() else None
    for step in np.unique(level):
        low, high = np.searchsorted(level, [step, step + 1])
        part, group = slice(filled[low], filled[high]), pieces.where(slice(low, high))
        shape = (-1, int(_REACHES[step]))
        _draw_group(
            group,
            first[low:high],
            crossed[low:high],
            coverage[part].reshape(shape),
            None if toned is None else toned[part].reshape(shape),
            index[part].reshape(shape),
            size,
            margin,
        )
    padded = ((height + 2 * margin) * stride, len(crossed))
    inner = (slice(margin, margin + height), slice(margin, margin + width))
    covered = sparse.csc_array((coverage, index, filled), shape=padded)
    if toned is None:
        sums = covered @ pieces.values
    else:
        sums = np.empty((padded[0], 4), np.float32)
        sums[:, :3] = sparse.csc_array((toned, index, filled), shape=padded) @ pieces.values[:, :3].copy()
        sums[:, 3] = covered @ pieces.values[:, 3].copy()
    drawn = np.ascontiguousarray(sums.reshape(-1, stride, 4)[inner].transpose(2, 0, 1))
    np.subtract(1, coverage, out=coverage)
    np.maximum(coverage, clear, out=coverage)
    np.log(coverage, out=coverage)
    light = sparse.csc_array((coverage, index, filled), shape=padded) @ np.ones(len(crossed), np.float32)
    return drawn, light.reshape(-1, stride)[inner]


def _draw_group(
    pieces: Pieces,
    first: Indices,
    crossed: Indices,
    coverage: Float,
    toned: Float | None,
    index: Indices,
    size: tuple[int, int],
    margin: int,
) -> None:
    """Fill in coverage, coverage times tone, and pixel number, (columns, reach), of pieces column by column.

    Args:
        pieces: P pieces.
        first: (P,), the first column of each.
        crossed: (P,), its number of columns.
        coverage: filled in.
        toned: filled in unless None.
        index: filled in: pixels of a canvas with `margin` more on each side, counted row by row.
        size: of the canvas without the margin.
        margin: at least the reach.
    """
    (height, width), (total, reach) = size, coverage.shape
    stride = width + 2 * margin
    piece = np.repeat(np.arange(len(crossed), dtype=np.int32), crossed)
    column = np.arange(total, dtype=np.int32)
    column += (first - (np.cumsum(crossed) - crossed)).astype(np.int32)[piece]
    across = np.where(pieces.tall, np.int32(1), np.int32(stride))
    farthest = np.where(pieces.tall, np.int32(width), np.int32(height))
    for low in range(0, total, _CHUNK):
        part = slice(low, low + _CHUNK)
        owner = piece[part]
        row, centre = _cover(pieces, owner, column[part], coverage[part])
        if toned is not None:
            _grain(pieces, owner, row - centre, coverage[part], toned[part])
        np.maximum(row, -margin, out=row)
        np.minimum(row, farthest[owner] + (margin - reach), out=row)
        step = across[owner]
        at = (column[part] + margin) * ((stride + 1) - step) + (row + margin) * step
        for k in range(reach):
            index[part, k] = at
            at += step


def _cover(pieces: Pieces, piece: Indices, column: Indices, coverage: Float) -> tuple[Indices, Float]:
    """Coverage of the pixels of one column each.

    Args:
        pieces: of which.
        piece: (S,), the piece of each column.
        column: (S,), along its major axis.
        coverage: (S, K), filled in.

    Returns:
        (S,) the row, along the minor axis, of the first of the K pixels, and (S,) where the axis runs.
    """
    middle_of_column = column + np.float32(0.5)
    centre = pieces.centre[piece] + pieces.rise[piece] * middle_of_column
    half = np.maximum(pieces.half[piece] + pieces.growth[piece] * middle_of_column, 0)
    half = np.minimum(half, pieces.largest[piece])
    slope = np.maximum(np.abs(pieces.rise[piece]), _FLATTEST)
    crossed = np.minimum(pieces.end[piece], column + 1) - np.maximum(pieces.start[piece], column)
    scale = np.clip(crossed, 0, 1) * pieces.opacity[piece] / (2 * slope)
    top = np.floor(centre - half - slope / 2)
    # The integral of the trapezoid up to a row's edge is a sum of four ramps squared.
    edge = top - centre
    inner, outer = half - slope / 2, half + slope / 2
    plus, minus = (edge + outer, edge - outer), (edge + inner, edge - inner)
    before, until, ramp = np.zeros_like(edge), np.empty_like(edge), np.empty_like(edge)
    for k in range(coverage.shape[1]):
        until.fill(0)
        for corners, add in ((plus, np.add), (minus, np.subtract)):
            for corner in corners:
                np.add(corner, 1, out=corner)
                np.maximum(corner, 0, out=ramp)
                np.square(ramp, out=ramp)
                add(until, ramp, out=until)
        np.subtract(until, before, out=ramp)
        np.multiply(ramp, scale, out=coverage[:, k])
        before, until = until, before
    return top.astype(np.int32), centre


def _grain(pieces: Pieces, piece: Indices, offset: Float, coverage: Float, toned: Float) -> None:
    """Coverage times the tone of the lines that run along a strand.

    Args:
        pieces: of which.
        piece: (S,), the piece of each column.
        offset: (S,), from the axis to the first pixel's edge, along the minor axis.
        coverage: (S, K).
        toned: (S, K), filled in.
    """
    strength = pieces.grain[piece]
    if not strength.any():
        toned[:] = coverage
        return
    table, rise = _grains(), pieces.rise[piece]
    step = np.float32(_PER_PIXEL) / np.sqrt(1 + rise * rise)
    place = pieces.strand[piece] + (offset + np.float32(0.5)) * step
    for k in range(coverage.shape[1]):
        tone = table[place.astype(np.int32) % _GRAINS]
        tone *= strength
        tone += 1
        np.multiply(coverage[:, k], tone, out=toned[:, k])
        place += step


@lru_cache(maxsize=1)
def _grains() -> Float:
    """Tones of lines about a pixel wide: float32 (4096,), mean 0, at most 1 in magnitude."""
    white = np.random.default_rng(0).standard_normal(_GRAINS)
    coarse = np.repeat(np.random.default_rng(1).standard_normal(_GRAINS // 16), 16)
    smooth = white + np.roll(white, 1) + np.roll(white, 2) + 1.5 * (coarse + np.roll(coarse, 5))
    table = np.tanh(0.45 * smooth).astype(np.float32)
    table -= table.mean()
    table.flags.writeable = False
    return table

"""Strands drawn with analytic coverage: many thin curves, each with a width far below a pixel or above it.

A curve is followed along the axis it runs along, one column (or row) of pixels at a time. In a column a
piece of width w and slope s covers rows with the profile box(w·√(1 + s²)) ⊗ box(s), a trapezoid, whose
integral over each pixel is known in closed form: a strand a tenth of a pixel wide covers the right tenth.

Strands hide one another independently: alpha = 1 − Π(1 − coverage). Colours are blended without sorting,
weighted by coverage and nearness (McGuire, Bavoil, "Weighted Blended Order-Independent Transparency", 2013):
with nearness weights this steep the nearest strand decides nearly alone, and colours stay straight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from wisp.arrays import Alpha, Float

Indices = npt.NDArray[np.int32]

DEPTH_CONTRAST: Final = 18.0
"""Nearness 1 outweighs nearness 0 by e to this power."""

_FLATTEST: Final = np.float32(1 / 32)
"""Slopes below this count as this: the closed form divides by the slope."""

_CLEAR: Final = np.float32(2.0**-26)
"""Least light that passes a pixel: 1 − this is 1 in float32."""

_NARROW: Final = 3
"""Pixels that a thin piece may touch in its column; wider pieces are drawn in groups of their own."""

_CHUNK: Final = 1 << 14
"""Columns whose coverage is found at a time: small enough for the cache."""


@dataclass(frozen=True)
class Strands:
    """N curves of M points each.

    Attributes:
        points: float32 (N, M, 2), x and y in pixels, (0, 0) being the upper left corner of the canvas.
        width: float32 (N, M) or (N, 1), full width in pixels at each point.
        colour: float32 (N, M, 3) or (N, 1, 3), [0, 1].
        nearness: float32 (N,) or (N, M), 0 farthest, 1 nearest.
        opacity: float32 (N,) or a float, [0, 1].
    """

    points: Float
    width: Float
    colour: Float
    nearness: Float
    opacity: Float | float = 1.0


class Canvas:
    """What is to be seen, in any order.

    Args:
        size: height and width, pixels.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self._light = np.zeros(size, np.float32)  # log of the light that layers let pass
        self._sums = np.zeros((4, *size), np.float32)  # of layers: weight · colour, and weight
        self._pieces: list[_Pieces] = []

    def layer(self, colour: Float, alpha: Alpha, nearness: float, corner: tuple[int, int] = (0, 0)) -> None:
        """Add a layer.

        Args:
            colour: float32 (h, w, 3), (3, h, w) or (3,), straight.
            alpha: float32 (h, w).
            nearness: [0, 1].
            corner: row and column of the canvas where the layer's first pixel lies; it must lie inside whole.
        """
        (top, left), (height, width) = corner, alpha.shape
        part = (slice(top, top + height), slice(left, left + width))
        self._light[part] += np.log(np.maximum(1 - alpha, _CLEAR))
        weight = alpha * np.float32(np.exp(DEPTH_CONTRAST * nearness))
        self._sums[3][part] += weight
        if colour.ndim == 3 and colour.shape[0] != 3:
            colour = colour.transpose(2, 0, 1)
        for channel in range(3):
            self._sums[channel][part] += weight * colour[channel]

    def strands(self, strands: Strands) -> None:
        """Add strands; parts outside the canvas are left out."""
        self._pieces.append(_pieces(strands))

    def result(self) -> Float:
        """Premultiplied colour and alpha: float32 (4, H, W)."""
        light, sums = self._light, self._sums
        if self._pieces:
            pieces = _Pieces(*(np.concatenate(parts) for parts in zip(*self._pieces, strict=True)))
            drawn, dimmed = _draw(pieces, self.size)
            light = light + dimmed
            sums = sums + drawn
        out = np.empty_like(sums)
        np.subtract(1, np.exp(light), out=out[3])
        share = out[3] / np.maximum(sums[3], np.float32(1e-20))
        np.multiply(sums[:3], share, out=out[:3])
        return out


class _Pieces(NamedTuple):
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
    values: Float  # (P, 4): colour times the weight of nearness, and that weight

    def where(self, chosen: npt.NDArray[np.intp] | slice) -> _Pieces:
        """Those of the pieces that are `chosen`."""
        return _Pieces(*(array[chosen] for array in self))


def _pieces(strands: Strands) -> _Pieces:
    points = np.asarray(strands.points, np.float32)
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
    run = np.where(forward, 1, -1) * np.maximum(np.abs(major), 1e-6)
    rise = np.clip((target[..., 1] - origin[..., 1]) / run, -1, 1)
    oblique = np.sqrt(1 + rise * rise) / 2
    width = np.broadcast_to(strands.width, (count, length))
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
    overlap = np.maximum(np.minimum(half0, half1) - 0.5, 0)
    low = low - np.where(in_low & ~go_low, overlap, 0)
    high = high + np.where(in_high & ~go_high, overlap, 0)
    first = np.where(go_low, np.ceil(low - 0.5), np.floor(low))
    last = np.where(go_high, np.ceil(high - 0.5), np.ceil(high))

    nearness = np.asarray(strands.nearness, np.float32)
    nearness = nearness[:, None] if nearness.ndim == 1 else (nearness[:, 1:] + nearness[:, :-1]) / 2
    colour = strands.colour
    if colour.shape[1] > 1:
        colour = (colour[:, 1:] + colour[:, :-1]) / 2
    weight = np.exp(np.float32(DEPTH_CONTRAST) * nearness)[..., None]
    values = np.empty((count, length - 1, 4), np.float32)
    values[..., :3] = weight * colour
    values[..., 3:] = weight
    opacity = np.asarray(strands.opacity, np.float32)
    opacity = np.broadcast_to(opacity[:, None] if opacity.ndim else opacity, tall.shape)
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
    )
    flat = (array.astype(np.float32 if array.dtype.kind == "f" else array.dtype).ravel() for array in pieces)
    return _Pieces(*flat, values.reshape(-1, 4))


def _draw(pieces: _Pieces, size: tuple[int, int]) -> tuple[Float, Float]:
    """Sums of weights and weighted colours, (4, H, W), and the log of the light that passes, (H, W)."""
    height, width = size
    columns = np.where(pieces.tall, height, width).astype(np.int32)
    first = np.maximum(pieces.first, 0)
    crossed = np.maximum(np.minimum(pieces.last, columns) - first, 0)
    touched = np.ceil(2 * pieces.largest + np.abs(pieces.rise) + np.float32(1.001)).astype(np.int32)
    level = np.maximum(np.ceil(np.log2(np.maximum(touched, _NARROW) / _NARROW)), 0).astype(np.int32)
    # Pieces that touch about as many pixels in a column are dealt with together.
    order = np.argsort(level, kind="stable")
    order = order[crossed[order] > 0]
    pieces, first, crossed, level = pieces.where(order), first[order], crossed[order], level[order]
    reach = _NARROW * 2**level
    margin = int(reach.max(initial=_NARROW))
    stride = width + 2 * margin
    ends = np.concatenate([[0], np.cumsum(crossed * reach)]).astype(np.int32)
    coverage = np.empty(ends[-1], np.float32)
    index = np.empty(ends[-1], np.int32)
    for step in range(int(level.max(initial=0)) + 1):
        low, high = np.searchsorted(level, [step, step + 1])
        part, wide = slice(ends[low], ends[high]), _NARROW * 2**step
        group = pieces.where(slice(low, high))
        shaped = (-1, wide)
        places = first[low:high], crossed[low:high]
        _draw_group(group, *places, coverage[part].reshape(shaped), index[part].reshape(shaped), size, margin)
    padded = ((height + 2 * margin) * stride, len(crossed))
    inner = (slice(margin, margin + height), slice(margin, margin + width))
    sums = sparse.csc_array((coverage, index, ends), shape=padded) @ pieces.values
    drawn = np.ascontiguousarray(sums.reshape(-1, stride, 4)[inner].transpose(2, 0, 1))
    np.subtract(1, coverage, out=coverage)
    np.maximum(coverage, _CLEAR, out=coverage)
    np.log(coverage, out=coverage)
    light = sparse.csc_array((coverage, index, ends), shape=padded) @ np.ones(len(crossed), np.float32)
    return drawn, light.reshape(-1, stride)[inner]


def _draw_group(
    pieces: _Pieces,
    first: Indices,
    crossed: Indices,
    coverage: Float,
    index: Indices,
    size: tuple[int, int],
    margin: int,
) -> None:
    """Fill in coverage and pixel number, both (columns, reach), of pieces column by column.

    Args:
        pieces: P pieces.
        first: (P,), the first column of each.
        crossed: (P,), its number of columns.
        coverage: filled in.
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
        row = _cover(pieces, owner, column[part], coverage[part])
        np.maximum(row, -margin, out=row)
        np.minimum(row, farthest[owner] + (margin - reach), out=row)
        step = across[owner]
        at = (column[part] + margin) * ((stride + 1) - step) + (row + margin) * step
        for k in range(reach):
            index[part, k] = at
            at += step


def _cover(pieces: _Pieces, piece: Indices, column: Indices, coverage: Float) -> Indices:
    """Coverage of the pixels of one column each.

    Args:
        pieces: of which.
        piece: (S,), the piece of each column.
        column: (S,), along its major axis.
        coverage: (S, K), filled in.

    Returns:
        (S,) the row, along the minor axis, of the first of the K pixels.
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
    return top.astype(np.int32)

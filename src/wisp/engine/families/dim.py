"""Deep Image Matting: photo and trimap → alpha where the trimap is unknown.

Xu, Price, Cohen, Huang 2017, "Deep Image Matting" (CVPR). The network sees the photo at its own resolution in
overlapping tiles, and only where something is unknown, so that its memory is that of a tile. A tile's outer
`MARGIN` pixels are context alone; what lies within is blended with the neighbouring tiles over `RAMP` pixels.
Networks that take a prior are given closed-form matting of the whole photo at half size.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from wisp.core.arrays import (
    FOREGROUND,
    UNKNOWN,
    Alpha,
    Float,
    Image,
    Region,
    Trimap,
    check_image,
    check_same_size,
    check_trimap,
)
from wisp.core.errors import InputError
from wisp.core.regions import bounding_box
from wisp.core.resample import pad_to_multiple
from wisp.engine.engine import ENGINE, Engine
from wisp.engine.models import Model, find_model
from wisp.engine.sessions import Session, check_ports
from wisp.matting.classical.initial_alpha import estimate_initial_alpha

TILE: Final = 1280
"""Longest side of what the network sees at once, pixels."""
MARGIN: Final = 240
"""Context around the part of a tile that is kept, pixels: as far as `dim-mobile` sees (decision 009)."""
RAMP: Final = 32
"""Over how many pixels neighbouring tiles are blended."""
PRIOR: Final = "prior"
"""The input of networks that start from `wisp.matting.classical.initial_alpha`."""

Seen: TypeAlias = tuple[Image, Trimap, Alpha | None]
"""Image, trimap, and a prior where the network takes one."""


class Span(NamedTuple):
    """One axis of a tile, pixels: it sees start … stop − 1 and counts from `first` to `last`.

    `first` and `last` lie where its weight is one half, in the middle of the ramps that it shares with its
    neighbours; they are None at the ends of the photo, where it has no neighbour.
    """

    start: int
    stop: int
    first: int | None
    last: int | None

    @property
    def kept(self) -> tuple[int, int]:
        """First and past-the-last position where the span's weight is not zero."""
        first = self.start if self.first is None else self.first - RAMP // 2
        return first, self.stop if self.last is None else self.last + RAMP // 2

    def weights(self) -> Float:
        """Along `kept`: those of all tiles add up to 1 everywhere."""
        begin, end = self.kept
        places = np.arange(begin, end, dtype=np.float32) + 0.5
        weights = np.ones(end - begin, np.float32)
        if self.first is not None:
            weights = np.minimum(weights, (places - self.first) / RAMP + 0.5)
        if self.last is not None:
            weights = np.minimum(weights, (self.last - places) / RAMP + 0.5)
        return weights


def dim(
    image: Image,
    trimap: Trimap,
    *,
    model: str | Path | None = None,
    engine: Engine = ENGINE,
    tile: int = TILE,
) -> Alpha:
    """Alpha of the subject that a trimap outlines; known foreground or background may be missing.

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1], of any size.
        trimap: uint8 (H, W), 0 background, 128 unknown, 255 foreground.
        model: the name of a network of the family ``dim`` (`wisp.engine.models.MODELS`) or its ONNX file;
            None for the default.
        engine: what runs the network.
        tile: longest side of what the network sees at once, pixels: a multiple of its input's, and more than
            twice `MARGIN` and `RAMP` together.

    Returns:
        float32 (H, W), [0, 1]: exactly 0 and 1 where the trimap is known.

    Raises:
        InputError: arrays of the wrong kind or size, no such network, a file that is no
            such network, or a tile of another size.
    """
    check_image(image)
    trimap = check_trimap(trimap)
    check_same_size("trimap", trimap, "image", image)
    row = find_model(model, "dim")
    if tile % row.multiple or tile <= 2 * (MARGIN + RAMP):
        accepted = f"a multiple of {row.multiple} above {2 * (MARGIN + RAMP)} is accepted"
        raise InputError("tile", f"is {tile}", accepted)
    alpha: Alpha = (trimap == FOREGROUND).astype(np.float32)
    unknown = trimap == UNKNOWN
    box = bounding_box(unknown)
    if box is None:
        return alpha
    session = engine.session_of(row)
    start = (
        estimate_initial_alpha(image, trimap) if any(port.name == PRIOR for port in session.inputs) else None
    )
    sides = [
        tile_axis(part.start, part.stop, length, tile, row.multiple)
        for part, length in zip(box.slices, trimap.shape, strict=True)
    ]
    for rows in sides[0]:
        for columns in sides[1]:
            _add_tile(alpha, session, row, (image, trimap, start), unknown, rows, columns)
    np.clip(alpha, 0, 1, out=alpha)
    return alpha


def tile_axis(first: int, last: int, length: int, tile: int, multiple: int) -> list[Span]:
    """Tiles along one axis that cover the pixels first … last − 1.

    Args:
        first: the first pixel that must be covered.
        last: the end of those.
        length: of the whole axis.
        tile: the longest that a tile may be, a multiple of `multiple`.
        multiple: tiles start at its multiples, and but for the photo's end they end there.

    Returns:
        One tile that covers everything, with `MARGIN` around, where that is short enough; else several.
    """
    start = max(0, (first - MARGIN) // multiple * multiple)
    stop = min(length, -(-(last + MARGIN) // multiple) * multiple)
    if stop - start <= tile:
        return [Span(start, stop, None, None)]
    margin = -(-(MARGIN + RAMP // 2) // multiple) * multiple
    step = tile - 2 * margin
    found: list[Span] = []
    while True:
        end = min(start + tile, stop)
        left = start + margin if found else None
        found.append(Span(start, end, left, None if end == stop else end - margin))
        if end == stop:
            return found
        start += step


def _add_tile(
    alpha: Alpha,
    session: Session,
    row: Model,
    seen: Seen,
    unknown: Region,
    rows: Span,
    columns: Span,
) -> None:
    """Add a tile's weighted share to the unknown pixels of `alpha`; nothing where it has none of them.

    A tile that is left out has no weight at any unknown pixel, so that weights add up to 1 at all of these.
    """
    (top, bottom), (left, right) = rows.kept, columns.kept
    wanted = unknown[top:bottom, left:right]
    if not wanted.any():
        return
    window = slice(rows.start, rows.stop), slice(columns.start, columns.stop)
    image, trimap, start = seen
    found = _run(session, row, (image[window], trimap[window], None if start is None else start[window]))
    found = found[top - rows.start : bottom - rows.start, left - columns.start : right - columns.start]
    weights = rows.weights()[:, None] * columns.weights()
    alpha[top:bottom, left:right] += np.where(wanted, found * weights, np.float32(0))


def _run(session: Session, row: Model, seen: Seen) -> Alpha:
    """Alpha of one tile."""
    image, trimap, start = seen
    height, width = trimap.shape
    padded = pad_to_multiple(image, row.multiple)
    known = pad_to_multiple(trimap.astype(np.float32) * np.float32(1 / 255), row.multiple)
    inputs = {"image": np.ascontiguousarray(padded.transpose(2, 0, 1)[None]), "trimap": known[None, None]}
    if start is not None:
        inputs[PRIOR] = pad_to_multiple(start, row.multiple)[None, None]
    wrong = InputError(
        row.file,
        "is no network of Deep Image Matting",
        "an ONNX file with the inputs image (N, 3, H, W), trimap and perhaps prior (N, 1, H, W) and the "
        "output alpha (N, 1, H, W) is accepted",
    )
    check_ports(session, {name: 3 if name == "image" else 1 for name in inputs}, {"alpha": 1}, wrong)
    alpha = session.run(inputs)["alpha"]
    if alpha.shape != (1, 1, *known.shape):
        raise wrong
    inside: Alpha = alpha[0, 0, :height, :width]
    return inside

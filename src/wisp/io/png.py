"""What the chunks before a PNG's pixels say: animation and colours (PNG, third edition, section 11.3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from io import SEEK_CUR
from typing import BinaryIO, Final

from wisp.io.spaces import SRGB, Space, from_code_points, from_gamma

_LONGEST: Final = 64
"""Bytes of a chunk that are read; those that are understood are shorter."""


@dataclass(frozen=True)
class Told:
    """A PNG's colour space as its chunks other than an ICC profile tell it.

    Attributes:
        space: by cICP, sRGB, or gAMA and cHRM, in this order; None without any.
        above_profile: whether `space` wins over an embedded ICC profile, as cICP does.
    """

    space: Space | None
    above_profile: bool


def is_animated(stream: BinaryIO) -> bool:
    """Whether a PNG has an animation control chunk, which must stand before its pixels. Moves `stream`."""
    return b"acTL" in _chunks(stream)


def told_colours(stream: BinaryIO, name: str) -> Told:
    """Read a PNG's colour space beside an ICC profile. Moves `stream`; `name` is for warnings."""
    chunks = _chunks(stream)
    cicp = chunks.get(b"cICP", b"")
    if len(cicp) == 4 and cicp[2] == 0:  # other matrices than that of RGB are not allowed in PNG
        space = from_code_points(cicp[0], cicp[1], full=bool(cicp[3]), name=name)
        if space is not None:
            return Told(space, above_profile=True)
    if b"sRGB" in chunks:
        return Told(SRGB, above_profile=False)
    (gamma,) = _hundred_thousandths(chunks.get(b"gAMA", b""), 1) or (None,)
    white_first = _hundred_thousandths(chunks.get(b"cHRM", b""), 8)
    primaries = None
    if white_first is not None:
        wx, wy, rx, ry, gx, gy, bx, by = white_first
        primaries = (rx, ry, gx, gy, bx, by, wx, wy)
    return Told(from_gamma(gamma, primaries), above_profile=False)


def _chunks(stream: BinaryIO) -> dict[bytes, bytes]:
    """The first bytes of each chunk before the pixels, by name; of several of a name the first."""
    found: dict[bytes, bytes] = {}
    stream.seek(8)
    while len(head := stream.read(8)) == 8 and head[4:] != b"IDAT":
        length = int.from_bytes(head[:4], "big")
        data = stream.read(min(length, _LONGEST))
        found.setdefault(head[4:], data)
        stream.seek(length - len(data) + 4, SEEK_CUR)
    return found


def _hundred_thousandths(data: bytes, count: int) -> tuple[float, ...] | None:
    """So many numbers of PNG's fixed point, or None of a chunk that holds other ones."""
    if len(data) != 4 * count:
        return None
    return tuple(value / 100_000 for value in struct.unpack(f">{count}I", data))

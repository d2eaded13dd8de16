"""What a JPEG's markers say before it is decoded (ITU-T T.81, annex B)."""

from __future__ import annotations

from dataclasses import dataclass
from io import SEEK_CUR, SEEK_END
from typing import BinaryIO, Final

END: Final = b"\xff\xd9"

_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_LOSSLESS: Final = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
_HIERARCHICAL: Final = frozenset({0xC5, 0xC6, 0xCD, 0xCE})
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
_JPEG_LS: Final = 0xF7


@dataclass(frozen=True)
class Frame:
    """How a JPEG is coded.

    Attributes:
        bits: bits a channel.
        kind: ``"ordinary"``, ``"lossless"``, ``"hierarchical"`` or ``"JPEG-LS"``.
    """

    bits: int
    kind: str


def frame_of(stream: BinaryIO) -> Frame | None:
    """How a JPEG is coded, by its frame header; None where there is none. Moves `stream`."""
    stream.seek(2)
    while stream.read(1) == b"\xff":
        while (code := stream.read(1)) == b"\xff":  # fill bytes
            pass
        if not code or code == END[1:]:
            return None
        if code[0] in _ALONE:
            continue
        length = int.from_bytes(stream.read(2), "big")
        if code[0] in _FRAMES or code[0] == _JPEG_LS:
            bits = stream.read(1)
            return Frame(bits[0], _kind(code[0])) if bits else None
        if length < 2:
            return None
        stream.seek(length - 2, SEEK_CUR)
    return None


def has_end(stream: BinaryIO) -> bool:
    """Whether the last bytes are the marker that ends a JPEG. Moves `stream`."""
    stream.seek(0, SEEK_END)
    stream.seek(-min(2, stream.tell()), SEEK_END)
    return stream.read() == END


def _kind(code: int) -> str:
    if code == _JPEG_LS:
        return "JPEG-LS"
    if code in _LOSSLESS:
        return "lossless"
    return "hierarchical" if code in _HIERARCHICAL else "ordinary"

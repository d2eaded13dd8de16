"""What a JPEG's markers say before it is decoded (ITU-T T.81, annex B)."""

from __future__ import annotations

from io import SEEK_CUR, SEEK_END
from typing import BinaryIO, Final

END: Final = b"\xff\xd9"

_FILLINGS: Final = tuple(bytes((value * 73 + salt) % 251 for value in range(1024)) for salt in (7, 101))
_RESTARTS: Final = b"".join(bytes([0xFF, 0xD0 + number % 8]) + _FILLINGS[0] for number in range(32))
"""Bytes without a marker among them (0xFF), and some with markers that restart the decoding."""

_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})


def bits_of(stream: BinaryIO) -> int | None:
    """Bits a channel of a JPEG, by its frame header; None where there is none. Moves `stream`."""
    stream.seek(2)
    while stream.read(1) == b"\xff":
        while (code := stream.read(1)) == b"\xff":  # fill bytes
            pass
        if not code or code == END[1:]:
            return None
        if code[0] in _ALONE:
            continue
        length = int.from_bytes(stream.read(2), "big")
        if code[0] in _FRAMES:
            bits = stream.read(1)
            return bits[0] if bits else None
        if length < 2:
            return None
        stream.seek(length - 2, SEEK_CUR)
    return None


def has_end(stream: BinaryIO) -> bool:
    """Whether the last bytes are the marker that ends a JPEG. Moves `stream`."""
    stream.seek(0, SEEK_END)
    stream.seek(-min(2, stream.tell()), SEEK_END)
    return stream.read() == END


def endings(data: bytes) -> tuple[bytes, ...]:
    """A JPEG without its end marker, ended in several ways that decode alike where every pixel is there.

    What is missing of the pixels a decoder reads out of the filling before the marker.
    """
    start = data.rstrip(END[:1])
    return tuple(start + filling + END for filling in (b"", *_FILLINGS, _RESTARTS))

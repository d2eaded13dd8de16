"""The tags of one directory of a TIFF file, or of an EXIF block, for what libvips does not tell."""

from __future__ import annotations

import struct
from typing import BinaryIO, Final

NEW_SUBFILE_TYPE: Final = 254
X_RESOLUTION: Final = 282
Y_RESOLUTION: Final = 283
RESOLUTION_UNIT: Final = 296
DNG_VERSION: Final = 50706

_VALUE_FORMATS: Final = {1: "B", 3: "H", 4: "I", 5: "II", 16: "Q"}
"""Tag types that are read (BYTE, SHORT, LONG, RATIONAL, LONG8), as `struct` letters."""


def first_values(stream: BinaryIO, directory: int = 0) -> dict[int, float]:
    """The first value of every numeric tag in one directory of a TIFF, BigTIFF or EXIF stream.

    Args:
        stream: seekable, the TIFF header at its start; its position is moved.
        directory: which of the chained directories, from 0.

    Returns:
        tag number → value; empty when there is no such directory or it is malformed.
    """
    try:
        return _read(stream, directory)
    except (struct.error, ZeroDivisionError, OverflowError):
        return {}


def without_next(block: bytes) -> bytes:
    """An EXIF block (from its TIFF header on) whose first directory is the last: the thumbnail goes."""
    order = "<" if block[:2] == b"II" else ">"
    try:
        (offset,) = struct.unpack_from(order + "I", block, 4)
        (count,) = struct.unpack_from(order + "H", block, offset)
    except struct.error:
        return block
    end = offset + 2 + 12 * count
    return block[:end] + bytes(4) + block[end + 4 :] if end + 4 <= len(block) else block


def _read(stream: BinaryIO, directory: int) -> dict[int, float]:
    stream.seek(0)
    head = stream.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = head[2:4] in (b"+\x00", b"\x00+")
    offset_code, count_code, entry_size, inline = ("Q", "Q", 20, 8) if big else ("I", "H", 12, 4)
    offset_size = struct.calcsize(offset_code)

    def unpack(code: str, data: bytes) -> tuple[int, ...]:
        return struct.unpack(order + code, data[: struct.calcsize(order + code)])

    (offset,) = unpack(offset_code, head[8:] if big else head[4:8])
    for step in range(directory + 1):
        if offset == 0:
            return {}
        stream.seek(offset)
        (count,) = unpack(count_code, stream.read(struct.calcsize(count_code)))
        if count > 65535:
            return {}
        entries = stream.read(count * entry_size)
        if step < directory:
            (offset,) = unpack(offset_code, stream.read(offset_size))
    values: dict[int, float] = {}
    for start in range(0, count * entry_size, entry_size):
        tag, kind = unpack("HH", entries[start:])
        if kind not in _VALUE_FORMATS:
            continue
        code = _VALUE_FORMATS[kind]
        (length,) = unpack(offset_code, entries[start + 4 :])
        field = entries[start + 4 + offset_size : start + entry_size]
        if length * struct.calcsize("<" + code) > inline:
            stream.seek(unpack(offset_code, field)[0])
            field = stream.read(struct.calcsize("<" + code))
        value = unpack(code, field)
        values[tag] = value[0] / value[1] if kind == 5 else value[0]
    return values

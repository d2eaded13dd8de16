"""The directories of a TIFF file, or of an EXIF block, for what libvips does not tell."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO, Final, TypeAlias

NEW_SUBFILE_TYPE: Final = 254
SUBFILE_TYPE: Final = 255
IMAGE_WIDTH: Final = 256
IMAGE_LENGTH: Final = 257
BITS_PER_SAMPLE: Final = 258
COMPRESSION: Final = 259
PHOTOMETRIC: Final = 262
SAMPLES_PER_PIXEL: Final = 277
X_RESOLUTION: Final = 282
Y_RESOLUTION: Final = 283
PLANAR: Final = 284
RESOLUTION_UNIT: Final = 296
WHITE_POINT: Final = 318
PRIMARIES: Final = 319
TILE_WIDTH: Final = 322
EXTRA_SAMPLES: Final = 338
YCBCR_COEFFICIENTS: Final = 529
YCBCR_SUBSAMPLING: Final = 530
REFERENCE_BLACK_WHITE: Final = 532
SAMPLE_FORMAT: Final = 339
DNG_VERSION: Final = 50706

Values: TypeAlias = tuple[float, ...]
Directory: TypeAlias = dict[int, Values]
"""Tag number → its numbers, at most `_MOST` of them."""

_VALUE_FORMATS: Final = {1: "B", 3: "H", 4: "I", 5: "II", 13: "I", 16: "Q"}
"""Tag types that are read (BYTE, SHORT, LONG, RATIONAL, IFD, LONG8), as `struct` letters."""
_SENSOR: Final = frozenset({32803, 34892})
"""PhotometricInterpretation of a sensor's own values: a colour filter array, linear raw."""
_MOST: Final = 16
_DIRECTORIES: Final = 10_000


def directories(stream: BinaryIO) -> list[Directory]:
    """The tags of every chained directory of a TIFF or BigTIFF stream, up to one that is malformed.

    Args:
        stream: seekable, the TIFF header at its start; its position is moved.
    """
    return [tags for tags, _ in _read(stream)]


def first_values(stream: BinaryIO) -> dict[int, float]:
    """The first number of every tag in the first directory of a TIFF, BigTIFF or EXIF stream.

    Args:
        stream: seekable, the TIFF header at its start; its position is moved.

    Returns:
        tag number → value; empty when there is no such directory or it is malformed.
    """
    first, _ = next(_read(stream), ({}, {}))
    return {tag: values[0] for tag, values in first.items() if values}


def is_aside(tags: Directory) -> bool:
    """Whether a directory holds a reduced copy of a picture or a mask for one, and no picture of its own.

    NewSubfileType says so by its bits 0 and 2, the older SubfileType by the value 2 (TIFF 6, section 8).
    """
    bits = int(tags.get(NEW_SUBFILE_TYPE, (0,))[0])
    return bool(bits & 0b101) or tags.get(SUBFILE_TYPE, (1,))[0] == 2


def is_raw(head: bytes, chain: list[Directory]) -> bool:
    """Whether the first bytes and the directories are those of a camera's raw file (DNG, CR2)."""
    if head[8:10] == b"CR" or any(DNG_VERSION in tags for tags in chain[:1]):
        return True
    return any(tags.get(PHOTOMETRIC, (0,))[0] in _SENSOR for tags in chain)


def size_of(tags: Directory) -> tuple[int, int]:
    """Width and height of a directory's picture; 0 for what is missing."""
    width, height = (int(tags.get(tag, (0,))[0]) for tag in (IMAGE_WIDTH, IMAGE_LENGTH))
    return width, height


def with_value(stream: BinaryIO, directory: int, tag: int, value: int) -> bytes:
    """A TIFF's bytes with another number for a SHORT tag of one directory. Moves `stream`."""
    places = [places for _, places in _read(stream)][directory]
    stream.seek(0)
    data = bytearray(stream.read())
    struct.pack_into("<H" if data[:2] == b"II" else ">H", data, places[tag], value)
    return bytes(data)


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


def _read(stream: BinaryIO) -> Iterator[tuple[Directory, dict[int, int]]]:
    """Each directory's tags, and where in the stream the first value of each lies."""
    stream.seek(0)
    head = stream.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = head[2:4] in (b"+\x00", b"\x00+")
    offset_code, count_code, entry_size = ("Q", "Q", 20) if big else ("I", "H", 12)
    offset_size = struct.calcsize(offset_code)
    seen: set[int] = set()
    try:
        (offset,) = struct.unpack(order + offset_code, (head[8:] if big else head[4:8])[:offset_size])
        while offset and offset not in seen and len(seen) < _DIRECTORIES:
            seen.add(offset)
            stream.seek(offset)
            (count,) = struct.unpack(order + count_code, stream.read(struct.calcsize(count_code)))
            if count > 65535:
                return
            start = stream.tell()
            entries = stream.read(count * entry_size)
            following = stream.read(offset_size)
            tags: Directory = {}
            places: dict[int, int] = {}
            for entry in range(0, count * entry_size, entry_size):
                tag, kind, length = struct.unpack_from(order + "HH" + offset_code, entries, entry)
                code = _VALUE_FORMATS.get(kind)
                if code is None:
                    continue
                where = entry + 4 + offset_size
                field = entries[where : where + offset_size]
                place = start + where
                if length * struct.calcsize("<" + code) > offset_size:
                    (place,) = struct.unpack(order + offset_code, field)
                    stream.seek(place)
                    field = stream.read(min(length, _MOST) * struct.calcsize("<" + code))
                with suppress(struct.error, ZeroDivisionError):
                    tags[tag] = _numbers(order, code, field, min(length, _MOST))
                    places[tag] = place
            yield tags, places
            (offset,) = struct.unpack(order + offset_code, following)
    except (struct.error, OverflowError, OSError):
        return


def _numbers(order: str, code: str, data: bytes, count: int) -> Values:
    numbers = struct.unpack_from(f"{order}{count * len(code)}{code[0]}", data)
    if len(code) == 1:
        return numbers
    return tuple(above / below for above, below in zip(numbers[::2], numbers[1::2], strict=True))

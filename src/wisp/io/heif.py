"""The items of a HEIF container (AVIF, HEIC): which are pictures, which is the one to show, in what colours.

Boxes and references are those of ISO/IEC 23008-12 (HEIF) and 14496-12 (the base format). Decoding is
libheif's; it lists every picture that is not hidden, a thumbnail or auxiliary, in the order of the items'
numbers, the tiles of a grid among them where the file does not hide them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import SEEK_END
from typing import BinaryIO, Final

_META_BYTES: Final = 2**26
"""The longest description of items that is read."""
_PICTURES: Final = frozenset(
    {
        b"av01",
        b"hvc1",
        b"avc1",
        b"evc1",
        b"vvc1",
        b"jpeg",
        b"j2k1",
        b"unci",
        b"grid",
        b"iovl",
        b"iden",
        b"tili",
    }
)
_DERIVED: Final = frozenset({b"grid", b"iovl", b"iden"})


@dataclass(frozen=True)
class Picture:
    """One picture of a container.

    Attributes:
        index: its place, from 0, among the pictures that libheif lists.
        nclx: code points of H.273 (primaries, transfer) from its nclx box; None without one.
    """

    index: int
    nclx: tuple[int, int] | None


@dataclass(frozen=True)
class Contents:
    """The pictures of a HEIF or AVIF container, and which is the primary one.

    Attributes:
        pictures: those that stand for themselves, in libheif's order.
        primary: which of them, from 0, the file says is the one to show.
        listed: how many libheif lists.
    """

    pictures: tuple[Picture, ...]
    primary: int
    listed: int


@dataclass
class _Items:
    primary: int = 0
    types: dict[int, bytes] = field(default_factory=dict)
    hidden: set[int] = field(default_factory=set)
    aside: set[int] = field(default_factory=set)  # thumbnails and auxiliary pictures
    parts: dict[int, list[int]] = field(default_factory=dict)  # of each derived picture
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)
    owned: dict[int, list[int]] = field(default_factory=dict)  # item → numbers of properties, from 1


def contents_of(stream: BinaryIO) -> Contents | None:
    """Read which pictures a container holds; None where its description is damaged. Moves `stream`."""
    try:
        items = _read_items(_meta(stream))
    except (struct.error, IndexError):
        return None
    if items.primary not in items.types:
        return None
    listed = [
        number
        for number in sorted(items.types)
        if items.types[number] in _PICTURES and number not in items.hidden and number not in items.aside
    ]
    if items.primary not in listed:
        return None
    parts = {
        part
        for whole, numbers in items.parts.items()
        if items.types.get(whole) in _DERIVED
        for part in numbers
    }
    shown = [number for number in listed if number == items.primary or number not in parts]
    pictures = tuple(Picture(listed.index(number), _nclx(items, number)) for number in shown)
    return Contents(pictures, shown.index(items.primary), len(listed))


def _meta(stream: BinaryIO) -> bytes:
    """The contents of the file's meta box, empty without one."""
    end = stream.seek(0, SEEK_END)
    place = 0
    while place + 8 <= end:
        stream.seek(place)
        size, kind = struct.unpack(">I4s", stream.read(8))
        head = 8
        if size == 1:
            (size,) = struct.unpack(">Q", stream.read(8))
            head = 16
        elif size == 0:
            size = end - place
        if size < head:
            return b""
        if kind == b"meta":
            return stream.read(min(size - head, _META_BYTES))
        place += size
    return b""


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes in `data`, as (type, contents)."""
    place = 0
    while place + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        head = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, place + 8)
            head = 16
        elif size == 0:
            size = len(data) - place
        if size < head:
            return
        yield kind, data[place + head : place + size]
        place += size


def _read_items(meta: bytes) -> _Items:
    items = _Items()
    for kind, data in _boxes(meta[4:]):  # meta is a box with a version
        if kind == b"pitm":
            (items.primary,) = struct.unpack_from(">H" if data[0] == 0 else ">I", data, 4)
        elif kind == b"iinf":
            for entry, info in _boxes(data[6 if data[0] == 0 else 8 :]):
                if entry == b"infe" and info[0] >= 2:
                    code = ">HH4s" if info[0] == 2 else ">IH4s"
                    number, _, item_type = struct.unpack_from(code, info, 4)
                    items.types[number] = item_type
                    if info[3] & 1:
                        items.hidden.add(number)
        elif kind == b"iref":
            code = "H" if data[0] == 0 else "I"
            for reference, numbers in _boxes(data[4:]):
                source, count = struct.unpack_from(f">{code}H", numbers)
                targets = struct.unpack_from(f">{count}{code}", numbers, struct.calcsize(f">{code}H"))
                if reference in (b"thmb", b"auxl"):
                    items.aside.add(source)
                elif reference == b"dimg":
                    items.parts.setdefault(source, []).extend(targets)
        elif kind == b"iprp":
            _read_properties(items, data)
    return items


def _read_properties(items: _Items, data: bytes) -> None:
    for kind, content in _boxes(data):
        if kind == b"ipco":
            items.properties = list(_boxes(content))
        elif kind == b"ipma":
            (count,) = struct.unpack_from(">I", content, 4)
            place = 8
            for _ in range(count):
                code = ">H" if content[0] == 0 else ">I"
                (number,) = struct.unpack_from(code, content, place)
                place += struct.calcsize(code)
                owned = content[place]
                place += 1
                wide = bool(content[3] & 1)
                code, most = (f">{owned}H", 0x7FFF) if wide else (f">{owned}B", 0x7F)
                indices = struct.unpack_from(code, content, place)
                place += struct.calcsize(code)
                items.owned.setdefault(number, []).extend(index & most for index in indices)


def _nclx(items: _Items, number: int) -> tuple[int, int] | None:
    """The code points of an item, or of the first of its parts that has some."""
    for item in (number, *items.parts.get(number, [])):
        for index in items.owned.get(item, []):
            if 0 < index <= len(items.properties):
                kind, data = items.properties[index - 1]
                if kind == b"colr" and data[:4] == b"nclx" and len(data) >= 10:
                    primaries, transfer, _ = struct.unpack_from(">HHH", data, 4)
                    return primaries, transfer
    return None

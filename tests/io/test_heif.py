"""Which items of a HEIF container are pictures, and which is the one to show."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest

from wisp.core.errors import InputError
from wisp.io.heif import Picture, contents_of
from wisp.io.images import read_photo

DATA = Path(__file__).parent / "data"
GRID = (DATA / "cases/grid-tiles-listed.avif").read_bytes()


def box(kind, data):
    return struct.pack(">I4s", len(data) + 8, kind) + data


def infe(number, kind, hidden=False, version=2):
    code = ">HH4s" if version == 2 else ">IH4s"
    return box(b"infe", bytes([version, 0, 0, hidden]) + struct.pack(code, number, 0, kind) + b"\x00")


def container(items, primary, references=(), properties=(), owned=(), wide=False):
    """A container without pixels; references are (kind, from, to …), owned (item, numbers of properties)."""
    number, version = (">I", 1) if wide else (">H", 0)
    parts = [
        box(b"pitm", bytes([version, 0, 0, 0]) + struct.pack(number, primary)),
        box(
            b"iinf",
            bytes([version, 0, 0, 0]) + struct.pack(number, len(items)) + b"".join(infe(*i) for i in items),
        ),
    ]
    if references:
        rows = b""
        for kind, source, *targets in references:
            row = struct.pack(number, source) + struct.pack(">H", len(targets))
            rows += box(kind, row + b"".join(struct.pack(number, t) for t in targets))
        parts.append(box(b"iref", bytes([version, 0, 0, 0]) + rows))
    if properties:
        associations = struct.pack(">I", len(owned))
        for item, indices in owned:
            associations += struct.pack(number, item) + bytes([len(indices)])
            associations += b"".join(
                struct.pack(">H", 0x8000 | i) if wide else bytes([0x80 | i]) for i in indices
            )
        head = bytes([version, 0, 0, int(wide)])
        parts.append(box(b"iprp", box(b"ipco", b"".join(properties)) + box(b"ipma", head + associations)))
    meta = box(b"meta", bytes(4) + b"".join(parts))
    return io.BytesIO(box(b"ftyp", b"mif1" + bytes(4) + b"heic") + box(b"free", b"...") + meta)


def nclx(primaries, transfer):
    return box(b"colr", b"nclx" + struct.pack(">HHHB", primaries, transfer, 6, 128))


@pytest.mark.parametrize("wide", [False, True])
def test_thumbnails_auxiliaries_tiles_and_hidden_ones_are_no_pictures(wide):
    items = [(n, b"hvc1") for n in (2, 3, 4, 5, 6)] + [
        (1, b"grid"),
        (7, b"Exif"),
        (8, b"hvc1", True),
        (9, b"hvc1"),
    ]
    references = [(b"dimg", 1, 2, 3), (b"thmb", 4, 1), (b"auxl", 5, 1), (b"cdsc", 7, 1)]
    found = contents_of(container(items, 1, references, wide=wide))
    # libheif lists 1, 2, 3, 6 and 9
    assert [picture.index for picture in found.pictures] == [0, 3, 4]
    assert (found.primary, found.listed) == (0, 5)


def test_the_base_of_a_gain_map_is_the_picture():
    items = [(1, b"hvc1"), (2, b"hvc1", True), (3, b"tmap")]
    found = contents_of(container(items, 1, [(b"dimg", 3, 1, 2)]))
    assert [picture.index for picture in found.pictures] == [0]


def test_a_primary_picture_that_is_part_of_another_stays():
    found = contents_of(container([(1, b"hvc1"), (2, b"iden")], 1, [(b"dimg", 2, 1)]))
    assert [picture.index for picture in found.pictures] == [0, 1]


@pytest.mark.parametrize("wide", [False, True])
def test_code_points_are_the_item_s_or_its_tiles(wide):
    items = [(1, b"grid"), (2, b"hvc1"), (3, b"hvc1"), (4, b"hvc1")]
    properties = [box(b"ispe", bytes(12)), nclx(12, 13), box(b"colr", b"prof" + bytes(9)), nclx(9, 16)]
    owned = [(1, [1]), (2, [1, 2]), (3, [4]), (4, [3, 4])]
    found = contents_of(container(items, 1, [(b"dimg", 1, 2, 3)], properties, owned, wide))
    assert found.pictures == (Picture(0, (12, 13)), Picture(3, (9, 16)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        box(b"ftyp", b"mif1"),
        box(b"meta", b""),
        box(b"meta", bytes(4) + box(b"pitm", bytes(4))),
        box(b"ftyp", b"mif1") + struct.pack(">I4s", 3, b"meta"),
        container([(1, b"hvc1")], 2).getvalue(),
        container([(1, b"hvc1", True)], 1).getvalue(),
        container([(1, b"hvc1")], 1).getvalue()[:-3],
    ],
)
def test_malformed(data):
    assert contents_of(io.BytesIO(data)) is None


def test_boxes_of_64_bit_size_and_to_the_end():
    plain = container([(1, b"hvc1")], 1).getvalue()
    place = plain.index(b"meta") - 4
    meta = plain[place + 8 :]
    for head in (struct.pack(">I4sQ", 1, b"meta", len(meta) + 16), struct.pack(">I4s", 0, b"meta")):
        assert contents_of(io.BytesIO(plain[:place] + head + meta)).listed == 1


def test_hidden_tiles_make_no_difference(tmp_path):
    data = bytearray(GRID)
    place = -1
    while (place := data.find(b"infe\x02", place + 1)) >= 0:
        data[place + 7] = data[place + 12 : place + 16] == b"av01"
    assert data != GRID
    (tmp_path / "a.avif").write_bytes(data)
    np.testing.assert_array_equal(
        read_photo(tmp_path / "a.avif").image, read_photo(DATA / "cases/grid-tiles-listed.avif").image
    )


def test_the_primary_picture_may_be_any(tmp_path):
    """The grid's file with one of its tiles named as the picture to show, the others as its pages."""
    data = bytearray(GRID)
    place = data.index(b"pitm") + 8
    data[place : place + 2] = b"\x00\x02"
    path = tmp_path / "a.avif"
    path.write_bytes(data)
    tile = read_photo(path).image
    assert tile.shape == (160, 120, 3)
    whole = read_photo(DATA / "cases/grid-tiles-listed.avif").image
    np.testing.assert_allclose(tile, whole[:160, 120:], atol=3 / 255)
    np.testing.assert_array_equal(read_photo(path, page=1).image, tile)
    np.testing.assert_array_equal(read_photo(path, page=2).image, whole)
    with pytest.raises(InputError, match="has no page 3"):
        read_photo(path, page=3)

"""The tags of TIFF directories."""

import io
import struct

import pytest

from wisp.io.tiff import directories, first_values, is_aside, with_value, without_next


def block(order, entries, following=0, extra=b"", big=False):
    """A TIFF stream with one directory; entries are (tag, type, count, eight or four value bytes)."""
    mark = b"II" if order == "<" else b"MM"
    if big:
        head = mark + struct.pack(order + "HHHQ", 43, 8, 0, 16)
        body = struct.pack(order + "Q", len(entries))
        body += b"".join(struct.pack(order + "HHQ", *e[:3]) + e[3].ljust(8, b"\x00") for e in entries)
        return head + body + struct.pack(order + "Q", following) + extra
    head = mark + struct.pack(order + "HI", 42, 8)
    body = struct.pack(order + "H", len(entries))
    body += b"".join(struct.pack(order + "HHI", *e[:3]) + e[3].ljust(4, b"\x00") for e in entries)
    return head + body + struct.pack(order + "I", following) + extra


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("big", [False, True])
def test_values_inline_and_elsewhere(order, big):
    entries = [
        (254, 4, 1, struct.pack(order + "I", 1)),
        (258, 3, 1, struct.pack(order + "H", 16)),
        (271, 2, 4, b"abc\x00"),
    ]
    plain = block(order, entries, big=big)
    assert first_values(io.BytesIO(plain)) == {254: 1, 258: 16}
    size = len(plain) + (20 if big else 12)
    rational = struct.pack(order + "II", 600, 2)
    if big:  # eight bytes fit inside the entry
        data = block(order, [*entries, (282, 5, 1, rational)], big=True)
    else:
        data = block(order, [*entries, (282, 5, 1, struct.pack(order + "I", size))], extra=rational)
    assert first_values(io.BytesIO(data))[282] == 300


def test_second_directory():
    first = block("<", [(254, 4, 1, struct.pack("<I", 0))])
    second = block("<", [(254, 4, 1, struct.pack("<I", 1))])[8:]
    chained = block("<", [(254, 4, 1, struct.pack("<I", 0))], following=len(first), extra=second)
    assert directories(io.BytesIO(chained)) == [{254: (0,)}, {254: (1,)}]
    assert [is_aside(tags) for tags in directories(io.BytesIO(chained))] == [False, True]
    changed = with_value(io.BytesIO(chained), 1, 254, 4)
    assert directories(io.BytesIO(changed)) == [{254: (0,)}, {254: (4,)}]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"II*\x00",
        b"II*\x00\xff\xff\xff\xff",
        b"II*\x00\x08\x00\x00\x00\xff\xff",
        block("<", [(282, 5, 1, struct.pack("<I", 26))], extra=bytes(8)),
        block("<", [(282, 5, 1, struct.pack("<I", 10**9))]),
    ],
)
def test_malformed(data):
    assert first_values(io.BytesIO(data)) == {}


def test_without_next():
    chained = block("<", [(254, 4, 1, struct.pack("<I", 7))], following=99, extra=b"thumbnail")
    cut = without_next(chained)
    assert len(cut) == len(chained)
    assert first_values(io.BytesIO(cut)) == {254: 7}
    assert struct.unpack_from("<I", cut, 8 + 2 + 12) == (0,)
    for damaged in (b"", b"II*\x00", b"II*\x00\xff\xff\xff\xff", chained[:20]):
        assert without_next(damaged) == damaged

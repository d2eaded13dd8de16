"""What the formats are recognised by and can hold."""

import pytest

from wisp.core.errors import InputError
from wisp.io.formats import FORMATS, READABLE_SUFFIXES, best_bits, check_holds, format_of, is_sequence, sniff


def ftyp(*brands):
    body = b"".join([brands[0], bytes(4), *brands[1:]])
    return (len(body) + 8).to_bytes(4, "big") + b"ftyp" + body + b"more"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "jpeg"),
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"II*\x00", "tiff"),
        (b"MM\x00*", "tiff"),
        (b"II+\x00", "tiff"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8X", "webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", None),
        (ftyp(b"avif", b"mif1"), "avif"),
        (ftyp(b"mif1", b"avif", b"miaf"), "avif"),
        (ftyp(b"heic", b"mif1"), "heic"),
        (ftyp(b"mif1", b"heic"), "heic"),
        (ftyp(b"isom", b"mp42"), None),
        (ftyp(b"isom") + b"avif", None),
        (b"", None),
        (b"\x00" * 600, None),
        (b"ftyp", None),
    ],
)
def test_sniff(head, kind):
    assert sniff(head) == kind


def test_sequences():
    assert is_sequence(ftyp(b"avis", b"avif"))
    assert is_sequence(ftyp(b"hevc", b"heic"))
    assert not is_sequence(ftyp(b"avif", b"avis"))
    assert not is_sequence(b"\x89PNG\r\n\x1a\n")


@pytest.mark.parametrize(
    ("path", "format", "name"),
    [
        ("a.png", None, "png"),
        ("a.JPG", None, "jpeg"),
        ("dir.v2/a.tif", None, "tiff"),
        ("a.webp", "webp", "webp"),
        ("a.out", "avif", "avif"),
        ("-", None, "png"),
        ("-", "tiff", "tiff"),
    ],
)
def test_format_of(path, format, name):
    assert format_of(path, format).name == name


@pytest.mark.parametrize(
    ("path", "format", "problem"),
    [
        ("a.gif", None, r"a.gif: has the suffix '.gif'; .*\.png.* are accepted"),
        ("a", None, "has no suffix"),
        ("a.png", "heic", "format 'heic' is unknown; png, tiff, webp, avif and jpeg are accepted"),
        ("a.png", "jpeg", "has the suffix of png, the format asked for is jpeg"),
    ],
)
def test_format_of_nothing_known(path, format, problem):
    with pytest.raises(InputError, match=problem):
        format_of(path, format)


def test_table_is_consistent():
    suffixes = [suffix for row in FORMATS.values() for suffix in row.suffixes]
    assert len(suffixes) == len(set(suffixes))
    assert set(suffixes) <= READABLE_SUFFIXES
    assert all(FORMATS[name].name == name for name in FORMATS)
    assert all(row.suffix == f".{row.name}" for row in FORMATS.values())
    check_holds("a", FORMATS["png"], alpha=True, bits=16, width=10**6, height=1)


def test_best_bits():
    assert [best_bits(FORMATS["png"], bits) for bits in (8, 16)] == [8, 16]
    assert [best_bits(FORMATS["webp"], bits) for bits in (8, 16)] == [8, 8]

"""The picture formats wisp reads and writes: how each is recognised and what it can hold."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wisp.core.arrays import Bits
from wisp.core.errors import InputError
from wisp.io.paths import STDIO, is_special


@dataclass(frozen=True)
class Format:
    """An output format: suffixes, and what it can hold.

    Attributes:
        name: as ``--format`` takes it.
        suffixes: file suffixes that choose it, first the one that folders of results get.
        alpha: whether it holds an alpha channel.
        bits: the depths wisp writes it at. AVIF stops at 12 bits a channel and WebP at 8, so neither can
            keep 16.
        exif: whether libvips can store EXIF in it.
        grey: whether it holds grey as one channel, so that a grey profile fits.
        max_side: the longest width or height in pixels.
    """

    name: str
    suffixes: tuple[str, ...]
    alpha: bool
    bits: tuple[Bits, ...]
    exif: bool
    grey: bool
    max_side: int

    @property
    def suffix(self) -> str:
        """The suffix that files in a folder of results get, with its dot."""
        return self.suffixes[0]


FORMATS: Final[dict[str, Format]] = {
    "png": Format("png", (".png",), True, (8, 16), True, True, 2**31 - 1),
    "tiff": Format("tiff", (".tiff", ".tif"), True, (8, 16), False, True, 2**31 - 1),
    "webp": Format("webp", (".webp",), True, (8,), True, False, 16383),
    "avif": Format("avif", (".avif",), True, (8,), True, False, 16384),
    "jpeg": Format("jpeg", (".jpeg", ".jpg"), False, (8,), True, True, 65500),
}
"""What can be written, by the name that ``--format`` takes."""

READABLE: Final = "JPEG, PNG, TIFF, WebP, AVIF, HEIC, GIF, BMP and PNM are accepted"
READABLE_SUFFIXES: Final = frozenset(
    {suffix for row in FORMATS.values() for suffix in row.suffixes}
    | {".jpe", ".jfif", ".pjpeg", ".pjp", ".apng", ".heic", ".heif", ".hif", ".gif", ".bmp", ".dib"}
    | {".pbm", ".pgm", ".ppm", ".pnm", ".pam"}
)
"""Suffixes that picture files carry; what a file really is, its content decides."""

UNREADABLE_SUFFIXES: Final = frozenset(
    {".psd", ".psb", ".svg", ".svgz", ".ai", ".eps", ".xcf", ".kra", ".jxl", ".jp2", ".j2k", ".jpx", ".jxr"}
    | {
        ".jpf",
        ".jph",
        ".jls",
        ".bpg",
        ".ora",
        ".clip",
        ".cdr",
        ".djvu",
        ".pict",
        ".pct",
        ".sgi",
        ".icns",
        ".cur",
    }
    | {".tga", ".ico", ".exr", ".hdr", ".pfm", ".dds", ".qoi", ".pcx", ".emf", ".wmf", ".xbm", ".xpm", ".dcm"}
    | {".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".raf", ".orf", ".rw2"}
    | {".pef", ".srw", ".3fr", ".fff", ".iiq", ".mos", ".x3f", ".rwl", ".dcr", ".kdc", ".erf", ".mrw", ".gpr"}
)
"""Suffixes of pictures of kinds that are not read: drawings, layered documents, cameras' raw files."""

SNIFF_BYTES: Final = 512

_MAGIC: Final = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
)
_PNM: Final = re.compile(rb"P[1-6][\s#]|P7\n")
_OTHER_MAGIC: Final = (
    (b"%PDF", "a PDF"),
    (b"8BPS", "a Photoshop document"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000"),
    (b"II\xbc", "a JPEG XR"),
    (b"<svg", "an SVG"),
    (b"PF\n", "a PFM"),
    (b"Pf\n", "a PFM"),
    (b"v/1\x01", "an OpenEXR"),
    (b"#?RADIANCE", "a Radiance HDR"),
    (b"DDS ", "a DDS"),
    (b"qoif", "a QOI"),
    (b"\x00\x00\x01\x00", "an icon"),
    (b"FUJIFILMCCD-RAW", "a camera's raw file"),
    (b"IIRO", "a camera's raw file"),
    (b"IIU\x00", "a camera's raw file"),
    (b"FOVb", "a camera's raw file"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
)
_AVIF_BRANDS: Final = {b"avif", b"avis"}
_HEIC_BRANDS: Final = {
    b"heic",
    b"heix",
    b"heim",
    b"heis",
    b"hevc",
    b"hevx",
    b"hevm",
    b"hevs",
    b"mif1",
    b"msf1",
}
_SEQUENCE_BRANDS: Final = {b"avis", b"hevc", b"hevx", b"hevm", b"hevs", b"msf1"}


def sniff(head: bytes) -> str | None:
    """The format a file's first `SNIFF_BYTES` bytes announce, or None when wisp does not read it.

    Returns:
        ``"jpeg"``, ``"png"``, ``"tiff"``, ``"webp"``, ``"avif"``, ``"heic"``, ``"gif"``, ``"bmp"``,
        ``"pnm"`` or None.
    """
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if (
        head[:2] == b"BM" and len(head) >= 18 and head[15:18] == b"\x00\x00\x00"
    ):  # a header of under 256 bytes
        return "bmp"
    if _PNM.match(head):
        return "pnm"
    brands = _brands(head)
    if brands & _AVIF_BRANDS:
        return "avif"
    if brands & _HEIC_BRANDS:
        return "heic"
    return None


def is_sequence(head: bytes) -> bool:
    """Whether an AVIF or HEIC file announces itself as an animation (its major brand is a sequence's)."""
    return bool(_brands(head)) and head[8:12] in _SEQUENCE_BRANDS


def is_other_picture(head: bytes) -> bool:
    """Whether a file that `sniff` does not know is a picture of a kind that is told by name."""
    return any(head.startswith(magic) for magic, name in _OTHER_MAGIC if not name.endswith("video"))


def describe_unreadable(head: bytes, name: str = "") -> str:
    """Guess the kind of a file that `sniff` does not know by its first bytes, else by its name's suffix.

    Returns:
        The end of a sentence.
    """
    if not head:
        return "is empty"
    for magic, text in _OTHER_MAGIC:
        if head.startswith(magic):
            return f"is {text}"
    if b"crx " in _brands(head):
        return "is a camera's raw file"
    if _brands(head):
        return "is a video or an unknown kind of HEIF picture"
    suffix = Path(name).suffix.lower()
    if suffix in UNREADABLE_SUFFIXES:
        return f"is of a kind that wisp does not read ({suffix})"
    return "is not a picture that wisp can read"


def _brands(head: bytes) -> set[bytes]:
    """The brands of an ISO base media file's first box, empty for any other file."""
    if head[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[8:12]} | {head[i : i + 4] for i in range(16, end - 3, 4)}


def format_of(path: Path | str, format: str | None = None, among: Collection[str] = FORMATS) -> Format:
    """The output format of `path`: the one named, else the one its suffix chooses, PNG for ``-`` and devices.

    Args:
        path: where the picture will be written; ``-`` is standard output.
        format: a key of `FORMATS`, or None to go by the suffix.
        among: keys of `FORMATS` that an unknown suffix is told of; the caller refuses the others.

    Raises:
        InputError: an unknown format or suffix, or a suffix that says another format than `format`.
    """
    chosen = None
    if format is not None:
        chosen = FORMATS.get(format)
        if chosen is None:
            raise InputError(path, f"format {format!r} is unknown", f"{_listed(FORMATS)} are accepted")
    if str(path) == STDIO or is_special(path):
        return chosen or FORMATS["png"]
    suffix = Path(path).suffix.lower()
    by_suffix = next((row for row in FORMATS.values() if suffix in row.suffixes), None)
    if by_suffix is None and chosen is None:
        known = _listed(suffix for name in among for suffix in FORMATS[name].suffixes)
        problem = f"has the suffix {suffix!r}" if suffix else "has no suffix to choose the format by"
        raise InputError(path, problem, f"{known} are accepted")
    if by_suffix is not None and chosen is not None and by_suffix is not chosen:
        raise InputError(path, f"has the suffix of {by_suffix.name}, the format asked for is {chosen.name}")
    return chosen or by_suffix  # type: ignore[return-value]


def check_holds(path: Path | str, row: Format, *, alpha: bool, bits: Bits, width: int, height: int) -> None:
    """Raise `InputError` unless `row` can hold such a picture, naming the formats that can.

    Args:
        path: the output, for the message.
        row: the format it is to be written in.
        alpha: whether it has an alpha channel.
        bits: bits a channel.
        width: in pixels.
        height: in pixels.
    """
    side = max(width, height)
    able = [
        r.name for r in FORMATS.values() if (r.alpha or not alpha) and bits in r.bits and side <= r.max_side
    ]
    accepted = f"{_listed(able)} can"
    if alpha and not row.alpha:
        raise InputError(path, f"{row.name} cannot hold alpha", accepted)
    if bits not in row.bits:
        raise InputError(path, f"{row.name} cannot hold {bits} bits a channel", accepted)
    if side > row.max_side:
        raise InputError(path, f"{row.name} cannot hold {width}×{height} pixels", accepted)


def best_bits(row: Format, wanted: Bits) -> Bits:
    """`wanted` where the format holds it, else the most it holds."""
    return wanted if wanted in row.bits else max(row.bits)


def _listed(words: Iterable[str]) -> str:
    names = list(words)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

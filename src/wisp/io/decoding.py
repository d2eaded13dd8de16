"""Picture bytes to stored values: which decoder runs, on what, and what it may refuse.

`wisp.io.images` makes photos, alphas and trimaps of what comes from here.
"""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import numpy as np
import numpy.typing as npt

from wisp.core.errors import InputError, is_out_of_memory
from wisp.core.extras import importing
from wisp.io import profiles, tiff
from wisp.io.atomic import reason
from wisp.io.formats import READABLE, SNIFF_BYTES, describe_unreadable, is_animated_png, is_sequence, sniff
from wisp.io.paths import STDIO, refuse_address
from wisp.io.profiles import Stored
from wisp.io.vips import libvips

EXIF_HEADER: Final = b"Exif\x00\x00"
_MIN_STREAM_BYTES: Final = 2**26


@dataclass(frozen=True, eq=False)
class Decoded:
    """What a decoder gives: stored values as in the file, and what the file says about them."""

    stored: Stored  # (H, W, C), alpha last
    has_alpha: bool
    orientation: int  # EXIF, 1 to 8
    icc_profile: bytes | None
    resolution: tuple[float, float] | None
    exif: bytes | None


class _Input:
    """A picture's bytes: a regular file that libvips reads by itself, or bytes in memory."""

    def __init__(self, name: str, stream: BinaryIO, *, in_memory: bool) -> None:
        self.name = name
        self.stream = stream
        self._in_memory = in_memory
        self.head = stream.read(SNIFF_BYTES)

    def data(self) -> bytes:
        """All of it."""
        self.stream.seek(0)
        return self.stream.read()

    def vips_source(self) -> Any:
        """A new libvips source at the start of it."""
        self.stream.seek(0)
        if self._in_memory:
            return libvips().Source.new_from_memory(self.data())
        return libvips().Source.new_from_descriptor(self.stream.fileno())


@contextmanager
def _open(source: Path | str | io.BytesIO, max_pixels: int) -> Iterator[_Input]:
    """Open a path, bytes or standard input; a pipe is read into memory, as far as such a picture can go."""
    name = str(source)
    most = max(_MIN_STREAM_BYTES, 8 * max_pixels)  # a 16-bit RGBA picture, uncompressed
    try:
        if name == STDIO:
            if sys.stdin.isatty():
                raise InputError(
                    name, "standard input is a terminal", "a picture from a file or pipe is accepted"
                )
            yield _Input(name, _slurp(sys.stdin.buffer, name, most), in_memory=True)
            return
        if isinstance(source, io.BytesIO):
            yield _Input(name, source, in_memory=True)
            return
        with Path(source).open("rb") as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            stream: BinaryIO = file if regular else _slurp(file, name, most)
            yield _Input(name, stream, in_memory=not regular)
    except FileNotFoundError as error:
        refuse_address(name)
        raise InputError(name, "does not exist") from error
    except IsADirectoryError as error:
        raise InputError(name, "is a folder", "the path of a picture is accepted") from error
    except OSError as error:
        raise InputError(name, f"cannot be read: {reason(error)}") from error


def _slurp(stream: BinaryIO, name: str, most: int) -> BinaryIO:
    data = stream.read(most + 1)
    if len(data) > most:
        raise InputError(name, f"is longer than {most // 2**20} MiB", "--max-pixels sets how much is read")
    return io.BytesIO(data)


def decode(source: Path | str | io.BytesIO, page: int | None, max_pixels: int) -> Decoded:
    """Decode a picture.

    Args:
        source: a path, ``-`` for standard input, or a file's bytes, whose text is their name.
        page: which page or frame, counted from 1; needed where there are several.
        max_pixels: the largest width × height that is decoded.

    Raises:
        InputError: as for `wisp.io.images.read_photo`.
        MissingExtraError: a HEIC file without the ``heic`` extra.
    """
    with _open(source, max_pixels) as opened:
        kind = sniff(opened.head)
        if kind is None:
            raise InputError(source, describe_unreadable(opened.head), READABLE)
        if kind == "heic":
            return _decode_heic(opened, page, max_pixels)
        return _decode_vips(opened, kind, page, max_pixels)


def _decode_vips(opened: _Input, kind: str, page: int | None, max_pixels: int) -> Decoded:
    pyvips = libvips()
    loader = getattr(
        pyvips.Image, {"avif": "heifload_source", "heic": "heifload_source"}.get(kind, f"{kind}load_source")
    )
    options: dict[str, Any] = {"access": "sequential", "fail_on": "error"}
    try:
        picture = loader(opened.vips_source(), **options)
        pages = _get(picture, "n-pages", 1)
        animated = is_sequence(opened.head) or (kind == "png" and is_animated_png(opened.stream))
        _check_page(opened.name, page, pages, animated=animated)
        index = 0 if page is None else page - 1
        if index:
            picture = loader(opened.vips_source(), page=index, **options)
        _check_pixels(opened.name, picture.width, picture.height, max_pixels)
        tags = tiff.first_values(opened.stream, index) if kind == "tiff" else {}
        if tiff.DNG_VERSION in tags or int(tags.get(tiff.NEW_SUBFILE_TYPE, 0)) & 1:
            raise InputError(opened.name, "is a camera raw file or only a thumbnail", READABLE)
        opened.stream.seek(0)
        picture, colours = _plain(picture, opened.name)
        stored = profiles.from_vips(picture)
    except pyvips.Error as error:
        raise _damaged(opened.name, error) from error
    depth = _get(picture, "bits-per-sample", 8)
    if kind == "avif":
        stored = _widened(stored, depth)
    exif = _get(picture, "exif-data", None)
    return Decoded(
        stored=stored[..., : colours + 1],
        has_alpha=stored.shape[2] > colours,
        orientation=1 if kind == "avif" else _get(picture, "orientation", 1),
        icc_profile=_get(picture, "icc-profile-data", None),
        resolution=_resolution((picture.xres, picture.yres), exif),
        exif=_with_header(exif),
    )


def _decode_heic(opened: _Input, page: int | None, max_pixels: int) -> Decoded:
    """HEIC by pi-heif, whose libheif has the HEVC decoder that libvips's wheel lacks.

    libheif turns the picture upright by the container's own properties; the EXIF orientation beside them is
    a copy for information and is not applied again.
    """
    with importing(f"{opened.name}: reading HEIC", "heic"):
        import pi_heif
    try:
        container = pi_heif.open_heif(opened.data(), convert_hdr_to_8bit=False)
        _check_page(opened.name, page, len(container), animated=is_sequence(opened.head))
        picture = container[0 if page is None else page - 1]
        width, height = picture.size
        _check_pixels(opened.name, width, height, max_pixels)
        stored = np.array(picture)  # a copy: the pixels belong to the container
    except InputError:
        raise
    except (ValueError, EOFError, SyntaxError, RuntimeError, OSError) as error:
        raise _damaged(opened.name, error) from error
    stored = stored.reshape(*stored.shape[:2], -1)[:, :width]
    stored = _widened(stored, picture.info["bit_depth"])
    exif = picture.info.get("exif")
    return Decoded(
        stored=stored,
        has_alpha=picture.has_alpha,
        orientation=1,
        icc_profile=picture.info.get("icc_profile") or None,
        resolution=_resolution((1.0, 1.0), exif),
        exif=_with_header(exif),
    )


def _plain(picture: Any, name: str) -> tuple[Any, int]:
    """A decoded libvips image as 8- or 16-bit grey, RGB or CMYK, and how many of its bands are colours."""
    if picture.interpretation in ("lab", "labs", "labq"):
        picture = picture.colourspace("rgb16")
    if picture.format not in ("uchar", "ushort"):
        raise InputError(name, f"has {picture.format} samples", "8- and 16-bit whole numbers are accepted")
    colours = {"b-w": 1, "grey16": 1, "srgb": 3, "rgb": 3, "rgb16": 3, "cmyk": 4}.get(picture.interpretation)
    if colours is None or not colours <= picture.bands:
        raise InputError(
            name,
            f"has {picture.bands} channels of kind {picture.interpretation}",
            "grey, RGB and CMYK, with or without alpha, are accepted",
        )
    return picture, colours


def _check_page(name: str, page: int | None, pages: int, *, animated: bool) -> None:
    what = "is an animation" if animated else f"has {pages} pages or frames"
    accepted = f"--page 1 to {pages} chooses one" if pages > 1 else "--page 1 takes its first picture"
    if page is None and (pages > 1 or animated):
        raise InputError(name, what, accepted)
    if page is not None and not 1 <= page <= pages:
        raise InputError(name, f"has no page {page}", accepted)


def _check_pixels(name: str, width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise InputError(
            name,
            f"is {width}×{height}, {_grouped(width * height)} pixels",
            f"at most {_grouped(max_pixels)} are accepted (--max-pixels)",
        )


def _grouped(number: int) -> str:
    """A number with a blank between thousands."""
    return f"{number:,}".replace(",", " ")


def _get(picture: Any, field: str, default: Any) -> Any:
    """A metadata field of a libvips image."""
    return picture.get(field) if picture.get_typeof(field) else default


def _with_header(exif: bytes | None) -> bytes | None:
    if not exif:
        return None
    return exif if exif.startswith(EXIF_HEADER) else EXIF_HEADER + exif


def _resolution(stored: tuple[float, float], exif: bytes | None) -> tuple[float, float] | None:
    """Pixels per millimetre from the file, else from its EXIF; 1 is what libvips says for none."""
    if stored != (1.0, 1.0):
        return stored
    if not exif:
        return None
    tags = tiff.first_values(io.BytesIO(exif.removeprefix(EXIF_HEADER)))
    scale = {2: 1 / 25.4, 3: 1 / 10}.get(int(tags.get(tiff.RESOLUTION_UNIT, 0)))
    x, y = tags.get(tiff.X_RESOLUTION, 0), tags.get(tiff.Y_RESOLUTION, 0)
    return (x * scale, y * scale) if scale and x > 0 and y > 0 else None


def _widened(stored: Stored, depth: int) -> Stored:
    """Samples of `depth` bits in the upper bits of uint16, stretched so that the largest is 65535."""
    if stored.dtype == np.uint8 or not 8 <= depth < 16:
        return stored
    return cast(npt.NDArray[np.uint16], stored | (stored >> np.uint16(depth)))


def _damaged(name: str, error: Exception) -> Exception:
    """The error for a file that a decoder gave up on, with the last thing that the decoder said."""
    if is_out_of_memory(error):
        return MemoryError(f"{name}: there is not enough memory to read it")
    lines = str(getattr(error, "detail", error)).strip().splitlines()
    return InputError(
        name, "is damaged or cut short" + (f" ({lines[-1].strip()})" if lines else ""), f"whole {READABLE}"
    )

"""Picture bytes to stored values: which decoder runs, on what, and what it may refuse.

`wisp.io.images` makes photos, alphas and trimaps of what comes from here.
"""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from wisp.core.arrays import Stored
from wisp.core.errors import InputError, SeveralPicturesError
from wisp.core.extras import importing
from wisp.io import bitmaps, heif, jpeg, png, profiles, samples, spaces, tiff, tiff_pages
from wisp.io.atomic import reason
from wisp.io.formats import READABLE, SNIFF_BYTES, describe_unreadable, is_sequence, sniff
from wisp.io.paths import STDIO, refuse_address
from wisp.io.refusals import DamageError, damaged, not_decoded
from wisp.io.spaces import Space
from wisp.io.vips import libvips

EXIF_HEADER: Final = b"Exif\x00\x00"
_MIN_STREAM_BYTES: Final = 2**26


@dataclass(frozen=True, eq=False)
class Decoded:
    """Stored values as in the file, and what the file says about them.

    Attributes:
        stored: uint8 or uint16 (H, W, C), alpha last; samples of other depths and kinds are stretched.
        has_alpha: whether the last channel is alpha.
        orientation: EXIF, 1 to 8.
        icc_profile: as found.
        space: what the file says of its colours without a profile; None where it says nothing.
        space_first: whether `space` wins over `icc_profile`; else it stands in where there is none.
        resolution: pixels per millimetre, (x, y); None when the file says none.
        exif: the EXIF block with its header.
        floats: whether the file's samples are floating-point numbers.
    """

    stored: Stored
    has_alpha: bool
    orientation: int = 1
    icc_profile: bytes | None = None
    space: Space | None = None
    space_first: bool = False
    resolution: tuple[float, float] | None = None
    exif: bytes | None = None
    floats: bool = False


class _Input:
    """A picture's bytes: a regular file that libvips reads by itself, or bytes in memory.

    Args:
        name: what errors call it.
        stream: its bytes, at their start.
        path: of a regular file; None for bytes in memory.
    """

    def __init__(self, name: str, stream: BinaryIO, path: Path | None = None) -> None:
        self.name = name
        self.stream = stream
        self._path = path
        self._opened = ExitStack()
        self._sources: list[Any] = []
        self.head = stream.read(SNIFF_BYTES)

    def data(self) -> bytes:
        """All of it."""
        self.stream.seek(0)
        return self.stream.read()

    def vips_source(self, data: bytes | None = None) -> Any:
        """A new libvips source at the start of it, or of `data` in its stead, valid until `close`."""
        if data is None and self._path is not None:  # opened anew: libvips moves in it as it decodes
            file = self._opened.enter_context(self._path.open("rb", buffering=0))
            return libvips().Source.new_from_descriptor(file.fileno())
        source = libvips().Source.new_from_memory(self.data() if data is None else data)
        self._sources.append(source)  # which holds the bytes; a picture that is decoded from it does not
        return source

    def close(self) -> None:
        """Let go of what `vips_source` opened and holds."""
        self._opened.close()
        self._sources.clear()


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
            with closing(_Input(name, _slurp(sys.stdin.buffer, name, most))) as opened:
                yield opened
            return
        if isinstance(source, io.BytesIO):
            with closing(_Input(name, source)) as opened:
                yield opened
            return
        with Path(source).open("rb") as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            stream: BinaryIO = file if regular else _slurp(file, name, most)
            with closing(_Input(name, stream, Path(source) if regular else None)) as opened:
                yield opened
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
        MissingExtraError: a HEIC file without the ``heic`` extra, or one whose coding the ``codecs`` extra
            brings.
    """
    with _open(source, max_pixels) as opened:
        kind = sniff(opened.head)
        if kind is None:
            raise InputError(source, describe_unreadable(opened.head, opened.name), READABLE)
        if kind == "heic":
            return _decode_heic(opened, page, max_pixels)
        if kind == "tiff":
            return _decode_tiff(opened, page, max_pixels)
        if kind in ("bmp", "pnm"):
            return _decode_bitmap(opened, kind, page, max_pixels)
        return _decode_vips(opened, kind, page, max_pixels)


def _decode_vips(opened: _Input, kind: str, page: int | None, max_pixels: int) -> Decoded:
    try:
        picture = _load(opened, kind)
        pages = _get(picture, "n-pages", 1)
        contents = heif.contents_of(opened.stream) if kind == "avif" else None
        if contents is not None and contents.listed == pages:
            index, nclx = _choose(opened, page, contents)
        else:
            animated = is_sequence(opened.head) or (kind == "png" and png.is_animated(opened.stream))
            _check_page(opened.name, page, pages, animated=animated or (kind == "gif" and pages > 1))
            index, nclx = (0 if page is None else page - 1), None
        if index:
            picture = _load(opened, kind, page=index)
        _check_pixels(opened.name, picture.width, picture.height, max_pixels)
        stored = _pixels(opened, kind, picture)
    except libvips().Error as error:
        raise not_decoded(opened.name, error) from error
    colours = _colours_of(picture, opened.name)
    if kind == "avif":
        stored = samples.widened(stored, _get(picture, "bits-per-sample", 8))
    told = _space_of(opened, kind, picture, nclx)
    exif = _get(picture, "exif-data", None)
    return Decoded(
        stored=stored[..., : colours + 1],
        has_alpha=stored.shape[2] > colours,
        orientation=1 if kind == "avif" else _get(picture, "orientation", 1),
        icc_profile=_get(picture, "icc-profile-data", None),
        space=told.space,
        space_first=told.above_profile,
        resolution=_resolution((picture.xres, picture.yres), exif),
        exif=_with_header(exif),
    )


def _load(opened: _Input, kind: str, data: bytes | None = None, **options: Any) -> Any:
    """A libvips image of the input, or of `data` in its stead, whose pixels are decoded when asked for."""
    loader = getattr(libvips().Image, {"avif": "heifload_source"}.get(kind, f"{kind}load_source"))
    return loader(opened.vips_source(data), access="sequential", fail_on="error", **options)


def _pixels(opened: _Input, kind: str, picture: Any) -> Stored:
    """The pixels of an image that libvips has opened."""
    try:
        return profiles.from_vips(picture)
    except libvips().Error:
        if kind != "jpeg":
            raise
        bits = jpeg.bits_of(opened.stream)
        if bits is not None and bits != 8:
            return _decode_deep_jpeg(opened, bits)
        if jpeg.has_end(opened.stream):
            raise
        found = [profiles.from_vips(_load(opened, kind, data)) for data in jpeg.endings(opened.data())]
        if not all((other == found[0]).all() for other in found[1:]):
            raise  # pixels that were made up of what stands behind the file
        return found[0]


def _decode_deep_jpeg(opened: _Input, bits: int) -> Stored:
    """The pixels of a JPEG of other than 8 bits a channel, by imagecodecs."""
    with importing(f"{opened.name}: reading a JPEG of {bits} bits a channel", "codecs"):
        import imagecodecs
    try:
        values = imagecodecs.jpeg_decode(opened.data())
    except (RuntimeError, ValueError) as error:
        raise damaged(opened.name, error) from error
    return samples.whole(values[..., None] if values.ndim == 2 else values, opened.name, bits)


def _choose(opened: _Input, page: int | None, contents: heif.Contents) -> tuple[int, tuple[int, int] | None]:
    """Choose the picture of a HEIF file, and its code points: page `page`, or the primary one without it."""
    count = len(contents.pictures)
    if page is None and not is_sequence(opened.head):
        chosen = contents.pictures[contents.primary]
    else:
        _check_page(opened.name, page, count, animated=is_sequence(opened.head))
        chosen = contents.pictures[(page or 1) - 1]
    return chosen.index, chosen.nclx


def _space_of(opened: _Input, kind: str, picture: Any, nclx: tuple[int, int] | None) -> png.Told:
    """Read a file's colour space where no profile tells it."""
    if kind == "png":
        return png.told_colours(opened.stream, opened.name)
    if nclx is not None:
        return png.Told(spaces.from_code_points(*nclx, full=True, name=opened.name), above_profile=False)
    if _get(picture, "exif-ifd4-InteroperabilityIndex", "").startswith("R03"):  # DCF 2.0: the optional one
        return png.Told(spaces.ADOBE_RGB, above_profile=False)
    return png.Told(None, above_profile=False)


def _decode_bitmap(opened: _Input, kind: str, page: int | None, max_pixels: int) -> Decoded:
    def check(width: int, height: int) -> None:
        _check_pixels(opened.name, width, height, max_pixels)

    _check_page(opened.name, page, 1, animated=False)
    try:
        if kind == "bmp":
            bitmap = bitmaps.read_bmp(opened.data(), opened.name, check)
        else:
            bitmap = bitmaps.read_pnm(opened.data(), check)
    except DamageError as error:
        raise damaged(opened.name, error) from error
    return Decoded(
        bitmap.stored,
        bitmap.has_alpha,
        icc_profile=bitmap.icc_profile,
        space=bitmap.space,
        resolution=bitmap.resolution,
    )


def _decode_tiff(opened: _Input, page: int | None, max_pixels: int) -> Decoded:
    directories = tiff.directories(opened.stream)
    pages = [number for number, tags in enumerate(directories) if not tiff.is_aside(tags)]
    if tiff.is_raw(opened.head, directories) or (directories and not pages):
        raise InputError(opened.name, "is a camera raw file or only a thumbnail", READABLE)
    if not directories:
        raise damaged(opened.name, DamageError("no directory of tags"))
    _check_page(opened.name, page, len(pages), animated=False)
    index = pages[0 if page is None else page - 1]
    tags = directories[index]
    _check_pixels(opened.name, *tiff.size_of(tags), max_pixels)
    tiff_pages.check_kind(tags, opened.name)
    try:
        if tiff_pages.is_common(tags):
            found = _load_tiff(opened, index, tags)
        else:
            found = tiff_pages.read(opened.stream, index, tags, opened.name)
    except DamageError as error:
        raise damaged(opened.name, error) from error
    except libvips().Error as error:
        raise not_decoded(opened.name, error) from error
    values: Stored = found.values
    if tiff_pages.is_lab(tags):
        values = profiles.lab_to_srgb(values, shifted=tiff_pages.is_shifted_lab(tags))
    elif tiff_pages.is_ycbcr(tags):
        values = tiff_pages.ycbcr_to_rgb(values, tags)
    kept = [*range(found.colours), *([] if found.alpha is None else [found.alpha])]
    return Decoded(
        stored=values if len(kept) == values.shape[2] else values[..., kept],
        has_alpha=found.alpha is not None,
        orientation=found.orientation,
        icc_profile=profiles.srgb_profile() if tiff_pages.is_lab(tags) else found.icc_profile,
        space=tiff_pages.told_colours(tags),
        floats=3 in tags.get(tiff.SAMPLE_FORMAT, ()),
        resolution=_resolution(found.resolution, found.exif),
        exif=_with_header(found.exif),
    )


def _load_tiff(opened: _Input, index: int, tags: tiff.Directory) -> tiff_pages.Page:
    """A page by libvips."""
    data = None
    if tiff_pages.is_lab(tags):  # libvips knows it at 16 bits alone; its numbers as RGB it reads at both
        data = tiff.with_value(opened.stream, index, tiff.PHOTOMETRIC, 2)
    picture = _load(opened, "tiff", data, page=index)
    values = profiles.any_from_vips(picture)
    colours = tiff_pages.colours_of(tags) or _colours_of(picture, opened.name)
    if picture.bands < colours:
        raise DamageError(f"{picture.bands} of {colours} channels")
    if tiff_pages.is_lab(tags) and values.dtype.kind == "i":
        values = values.view(f"u{values.dtype.itemsize}")
    exif = _get(picture, "exif-data", None)
    return tiff_pages.Page(
        values=samples.whole(values, opened.name),
        colours=colours,
        alpha=tiff_pages.alpha_of(tags, colours, picture.bands),
        orientation=_get(picture, "orientation", 1),
        icc_profile=_get(picture, "icc-profile-data", None),
        resolution=(picture.xres, picture.yres),
        exif=exif,
    )


def _decode_heic(opened: _Input, page: int | None, max_pixels: int) -> Decoded:
    """HEIC by pi-heif, whose libheif has the HEVC decoder that libvips's wheel lacks.

    libheif turns the picture upright by the container's own properties; the EXIF orientation beside them is
    a copy for information and is not applied again.
    """
    with importing(f"{opened.name}: reading HEIC", "heic"):
        import pi_heif
    contents = heif.contents_of(opened.stream)
    try:
        container = pi_heif.open_heif(opened.data(), convert_hdr_to_8bit=False)
        if contents is not None and contents.listed == len(container):
            index, nclx = _choose(opened, page, contents)
        else:
            _check_page(opened.name, page, len(container), animated=is_sequence(opened.head))
            index, nclx = (0 if page is None else page - 1), None
        picture = container[index]
        width, height = picture.size
        _check_pixels(opened.name, width, height, max_pixels)
        stored = np.array(picture)  # a copy: the pixels belong to the container
    except InputError:
        raise
    except (ValueError, EOFError, SyntaxError, RuntimeError, OSError) as error:
        raise not_decoded(opened.name, error) from error
    stored = stored.reshape(*stored.shape[:2], -1)[:, :width]
    stored = samples.widened(stored, picture.info["bit_depth"])
    exif = picture.info.get("exif")
    return Decoded(
        stored=stored,
        has_alpha=picture.has_alpha,
        icc_profile=picture.info.get("icc_profile") or None,
        space=None if nclx is None else spaces.from_code_points(*nclx, full=True, name=opened.name),
        resolution=_resolution((1.0, 1.0), exif),
        exif=_with_header(exif),
    )


def _colours_of(picture: Any, name: str) -> int:
    """How many bands of a decoded libvips image are colours."""
    colours = {"b-w": 1, "grey16": 1, "srgb": 3, "rgb": 3, "rgb16": 3, "cmyk": 4}.get(picture.interpretation)
    if colours is None or not colours <= picture.bands:
        raise InputError(
            name,
            f"has {picture.bands} channels of kind {picture.interpretation}",
            "grey, RGB and CMYK, with or without alpha, are accepted",
        )
    return colours


def _check_page(name: str, page: int | None, pages: int, *, animated: bool) -> None:
    what = "is an animation" if animated else f"has {pages} pages or frames"
    accepted = f"--page 1 to {pages} chooses one" if pages > 1 else "--page 1 takes its first picture"
    if page is None and (pages > 1 or animated):
        raise SeveralPicturesError(name, what, accepted)
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

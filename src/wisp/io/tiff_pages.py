"""Which pages of a TIFF libvips decodes, what their tags mean, and the other pages by tifffile.

tifffile alone reads floats of 64 bits and tiles with separate planes; with the ``codecs`` extra (imagecodecs)
also Zstandard, LERC, JPEG 2000 and odd depths. Nothing is taken from a file that ends before its pixels do.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from wisp.core.arrays import Stored
from wisp.core.errors import InputError, MissingExtraError
from wisp.io import samples, spaces, tiff
from wisp.io.refusals import DamageError
from wisp.io.spaces import Space

_MIN_IS_WHITE, _GREY, _RGB, _PALETTE, _CMYK, _YCBCR, _CIELAB, _ICCLAB = 0, 1, 2, 3, 5, 6, 8, 9
_COLOURS: Final = {_MIN_IS_WHITE: 1, _GREY: 1, _RGB: 3, _CMYK: 4, _YCBCR: 3, _CIELAB: 3, _ICCLAB: 3}
_KINDS: Final = {4: "a mask", 10: "ITU L*a*b*", 32844: "LogL", 32845: "LogLuv"}
_ASSOCIATED, _UNASSOCIATED = 1, 2
_JPEG: Final = frozenset({6, 7})
"""Compressions whose decoders make RGB of YCbCr themselves."""
_ROWS: Final = 256
_COMPLEX: Final = frozenset({5, 6})
_UNCOMMON_CODINGS: Final = {
    33003: "JPEG 2000",
    33004: "JPEG 2000",
    33005: "JPEG 2000",
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "lossy JPEG",
    34925: "LZMA",
    34933: "PNG",
    34934: "JPEG XR",
    22610: "JPEG XR",
    50000: "Zstandard",
    34926: "Zstandard",
    50002: "JPEG XL",
    52546: "JPEG XL",
}


@dataclass(frozen=True, eq=False)
class Page:
    """A page's pixels and what its tags say of them.

    Attributes:
        values: uint8 or uint16 (H, W, C): colours, then what else there is.
        colours: how many channels are colours: 1 grey, 3 RGB, 4 CMYK.
        alpha: the number of the channel of opacity, straight; None without one.
        orientation: EXIF, 1 to 8.
        icc_profile: as found.
        resolution: pixels per millimetre, (x, y); 1 and 1 when the file says none.
        exif: as found.
    """

    values: Stored
    colours: int
    alpha: int | None
    orientation: int
    icc_profile: bytes | None
    resolution: tuple[float, float]
    exif: bytes | None


def is_lab(tags: tiff.Directory) -> bool:
    """Whether the page is in L*a*b*."""
    return _photometric(tags) in (_CIELAB, _ICCLAB)


def is_shifted_lab(tags: tiff.Directory) -> bool:
    """Whether a* and b* of an L*a*b* page begin at -128 (ICC's form) rather than being signed (CIE's)."""
    return _photometric(tags) == _ICCLAB


def is_common(tags: tiff.Directory) -> bool:
    """Whether libvips, as it is shipped, decodes a page with such tags."""
    bits = tags.get(tiff.BITS_PER_SAMPLE, (1,))
    one_by_one = tags.get(tiff.PLANAR, (1,))[0] == 2 and tags.get(tiff.SAMPLES_PER_PIXEL, (1,))[0] > 1
    return (
        tags.get(tiff.COMPRESSION, (1,))[0] not in _UNCOMMON_CODINGS
        and set(bits) <= {1, 2, 4, 8, 16, 32}
        and len(set(bits)) == 1
        and not (one_by_one and tiff.TILE_WIDTH in tags)
    )


def check_kind(tags: tiff.Directory, name: str) -> None:
    """Raise `InputError` for pages whose values are no grey, RGB, YCbCr, CMYK or L*a*b*."""
    photometric = _photometric(tags)
    accepted = "grey, RGB, CMYK and L*a*b*, with or without alpha, are accepted"
    if photometric in _KINDS:
        raise InputError(name, f"is {_KINDS[photometric]}", accepted)
    if _COMPLEX & set(tags.get(tiff.SAMPLE_FORMAT, ())):
        raise InputError(name, "has complex numbers for samples", "whole numbers and floats are accepted")
    if is_ycbcr(tags) and tags.get(tiff.YCBCR_SUBSAMPLING, (2, 2)) != (1, 1):
        raise InputError(name, "is YCbCr with shared chroma and without JPEG", accepted)


def is_ycbcr(tags: tiff.Directory) -> bool:
    """True where decoded values are Y, Cb and Cr; decoders of JPEG give RGB themselves."""
    return _photometric(tags) == _YCBCR and tags.get(tiff.COMPRESSION, (1,))[0] not in _JPEG


def ycbcr_to_rgb(stored: Stored, tags: tiff.Directory) -> Stored:
    """RGB for Y, Cb and Cr (TIFF 6, section 21); further channels stay.

    Args:
        stored: uint8 or uint16 (H, W, C).
        tags: the page's, for the coefficients of luma and the values of black and white.
    """
    largest = np.iinfo(stored.dtype).max
    middle = (largest + 1) // 2
    red, green, blue = tags.get(tiff.YCBCR_COEFFICIENTS, (0.299, 0.587, 0.114))
    usual = (0, largest, middle, largest, middle, largest)
    bounds = tags.get(tiff.REFERENCE_BLACK_WHITE, usual)
    bounds = usual if largest > 255 >= max(bounds) else bounds  # programs that write those of 8 bits anyway
    black, white = np.array(bounds, np.float32).reshape(3, 2).T
    scale = np.array([largest, largest // 2, largest // 2], np.float32) / np.maximum(white - black, 1)
    result = stored.copy()
    for first in range(0, len(stored), _ROWS):
        rows = slice(first, first + _ROWS)
        y, cb, cr = np.moveaxis((stored[rows, :, :3] - black) * scale, 2, 0)
        r, b = y + cr * np.float32(2 - 2 * red), y + cb * np.float32(2 - 2 * blue)
        g = (y - np.float32(red) * r - np.float32(blue) * b) / np.float32(green)
        result[rows, :, :3] = np.rint(np.clip(np.dstack([r, g, b]), 0, largest))
    return result


def alpha_of(tags: tiff.Directory, colours: int, channels: int) -> int | None:
    """Find the channel of opacity: the first extra one that ExtraSamples calls so; None without one.

    A channel of the kind "unspecified" is a saved selection and no opacity. Where the tag is missing, the
    first extra channel counts as opacity, as in other readers.
    """
    if channels <= colours:
        return None
    kinds = tags.get(tiff.EXTRA_SAMPLES)
    if kinds is None:
        return colours
    places = (colours + i for i, kind in enumerate(kinds) if kind in (_ASSOCIATED, _UNASSOCIATED))
    return next((place for place in places if place < channels), None)


def colours_of(tags: tiff.Directory) -> int | None:
    """How many channels of a page are colours; None for a palette or an unknown kind."""
    return _COLOURS.get(_photometric(tags))


def told_colours(tags: tiff.Directory) -> Space | None:
    """The space of WhitePoint and PrimaryChromaticities (TIFF 6, section 20), whose usual gamma is 2.2."""
    white, primaries = tags.get(tiff.WHITE_POINT, ()), tags.get(tiff.PRIMARIES, ())
    if _photometric(tags) != _RGB or len(white) != 2 or len(primaries) != 6:
        return None
    r, s, t, u, v, w = primaries
    return spaces.from_gamma(1 / 2.2, (r, s, t, u, v, w, white[0], white[1]))


def read(stream: BinaryIO, directory: int, tags: tiff.Directory, name: str) -> Page:
    """A page by tifffile.

    Args:
        stream: the file; moved.
        directory: which of the chained directories, from 0.
        tags: that directory's.
        name: the file, for errors.

    Raises:
        InputError: a kind of page that is not read.
        MissingExtraError: a coding that the ``codecs`` extra brings.
        DamageError: damaged or cut short.
    """
    import tifffile

    logging.getLogger("tifffile").addHandler(logging.NullHandler())
    stream.seek(0)
    photometric = _photometric(tags)
    try:
        with tifffile.TiffFile(stream) as file:
            page = file.pages[directory]
            if not isinstance(page, tifffile.TiffPage):
                page = page.aspage()
            _check_whole(page, stream.seek(0, os.SEEK_END))
            values = _decoded(page, tags, name)
            icc = page.tags.valueof(34675)
            orientation = int(page.tags.valueof(274, 1))
            resolution = _resolution(tags)
            planes = page.planarconfig == 2 and page.samplesperpixel > 1
            bits = page.bitspersample if isinstance(page.bitspersample, int) else max(page.bitspersample)
            palette = page.colormap
    except (InputError, MissingExtraError, DamageError, MemoryError):
        raise
    except Exception as error:  # a reader of so many kinds raises errors of every kind for damage
        raise DamageError(str(error)) from error
    if planes:
        values = np.moveaxis(values, 0, -1)
    values = values[..., None] if values.ndim == 2 else values
    if values.ndim != 3:
        raise InputError(name, f"has {values.ndim} dimensions", "pages of rows and columns are accepted")
    if photometric == _PALETTE and palette is not None:
        values, bits = np.moveaxis(palette, 0, -1)[values[..., 0]], 16
    stored = samples.whole(values, name, bits)
    colours = 3 if photometric == _PALETTE else _COLOURS.get(photometric)
    if colours is None or colours > stored.shape[2]:
        channels = f"{stored.shape[2]} channels of kind {photometric}"
        raise InputError(name, f"has {channels}", "grey, RGB, CMYK and L*a*b* are accepted")
    if photometric == _MIN_IS_WHITE:
        stored = np.iinfo(stored.dtype).max - stored
    alpha = alpha_of(tags, colours, stored.shape[2])
    if alpha is not None and tags.get(tiff.EXTRA_SAMPLES, (0,))[alpha - colours] == _ASSOCIATED:
        stored = _straight(stored, colours, alpha)
    return Page(
        stored,
        colours,
        alpha,
        orientation if 1 <= orientation <= 8 else 1,
        bytes(icc) if icc else None,
        resolution,
        None,
    )


def _decoded(page: Any, tags: tiff.Directory, name: str) -> npt.NDArray[Any]:
    try:
        return np.asarray(page.asarray())
    except (ValueError, NotImplementedError, ImportError) as error:
        if any(word in f"{type(error).__name__} {error}" for word in ("imagecodecs", "compression")):
            what = _coding(tags)
            feature = f"{name}: reading a TIFF with {what}"
            raise MissingExtraError(feature, "codecs") from error
        raise


def _coding(tags: tiff.Directory) -> str:
    """Describe what is uncommon about a page's coding, as the end of a sentence."""
    coding = int(tags.get(tiff.COMPRESSION, (1,))[0])
    if coding in _UNCOMMON_CODINGS:
        return f"{_UNCOMMON_CODINGS[coding]} compression"
    bits = sorted({int(b) for b in tags.get(tiff.BITS_PER_SAMPLE, (1,))})
    if not set(bits) <= {1, 2, 4, 8, 16, 32, 64}:
        return f"samples of {' and '.join(map(str, bits))} bits"
    return {5: "LZW compression", 7: "jpeg compression"}.get(
        coding, f"compression {coding}"
    ) + " of this layout"


def _check_whole(page: Any, size: int) -> None:
    """Raise `DamageError` unless all coded pixels lie inside the file."""
    segments = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    if not segments or any(count <= 0 or offset + count > size for offset, count in segments):
        raise DamageError("pixels beyond the end of the file")


def _straight(stored: Stored, colours: int, alpha: int) -> Stored:
    """Colours divided by their opacity."""
    largest = np.iinfo(stored.dtype).max
    opacity = stored[..., alpha, None].astype(np.float32)
    divided = stored[..., :colours] * (largest / np.maximum(opacity, 1))
    straight = stored.copy()
    straight[..., :colours] = np.rint(np.minimum(divided, largest)).astype(stored.dtype)
    return straight


def _resolution(tags: tiff.Directory) -> tuple[float, float]:
    scale = {2: 1 / 25.4, 3: 1 / 10}.get(int(tags.get(tiff.RESOLUTION_UNIT, (2,))[0]))
    x, y = (tags.get(tag, (0,))[0] for tag in (tiff.X_RESOLUTION, tiff.Y_RESOLUTION))
    return (x * scale, y * scale) if scale and x > 0 and y > 0 else (1.0, 1.0)


def _photometric(tags: tiff.Directory) -> int:
    return int(tags.get(tiff.PHOTOMETRIC, (-1,))[0])

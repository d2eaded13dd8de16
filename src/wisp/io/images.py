"""Picture files to arrays and back, through libvips.

What a file is, its content decides, never its suffix. Only the formats of `formats.READABLE` are ever
decoded, the pixel limit is checked on the header before any pixel is, and a file that is damaged or cut
short is an error rather than a half-grey picture. What is read comes upright, in sRGB and straight (not
premultiplied); ``-`` is standard input or output. Masks, trimaps and alphas are read by `wisp.io.guidance`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import numpy as np

from wisp.core.arrays import Alpha, Bits, Float, Image, Matte, Stored, from_float, to_float
from wisp.core.errors import InputError, is_out_of_memory
from wisp.core.limits import MAX_PIXELS
from wisp.io import guidance, profiles, spaces, tiff
from wisp.io.atomic import check_output, write_files
from wisp.io.decoding import EXIF_HEADER, Decoded, decode
from wisp.io.formats import (
    Format,
    best_bits,
    check_holds,
    format_of,
)
from wisp.io.vips import libvips

__all__ = [
    "SAVE_OPTIONS",
    "Output",
    "Photo",
    "Pixels",
    "encode_image",
    "read_photo",
    "write_image",
    "write_images",
]

Pixels: TypeAlias = Float | Matte
"""float32 (H, W, 3) image, (H, W, 4) straight cut-out, or (H, W) grey, all [0, 1]; or a matte, which is a
cut-out that needs no copy of its own."""

_UNTOUCHED: Final = 0.25 / 65535
"""How far a result's colour may be from the photo's and still be it: compositing rounds in float32."""
_ROWS: Final = 32
"""Rows that are compared at a time."""
_GREY: Final = 0.5 / 255
"""How far the channels of a grey result may be apart: a grey profile's conversion rounds each by itself."""

_MOVED: Final = ("read_alpha", "read_grey", "read_mask", "read_trimap")

SAVE_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "png": {"compression": 3, "filter": "up"},
    "tiff": {"compression": "deflate", "predictor": "horizontal"},
    "webp": {"lossless": True, "exact": True, "effort": 0},
    "avif": {"compression": "av1", "Q": 95, "effort": 0, "subsample_mode": "off"},
    "jpeg": {"Q": 95, "subsample_mode": "off", "optimize_coding": True},
}
"""What each format is written with: lossless but for AVIF and JPEG, full-size chroma so that thin hair keeps
its colour, and the effort that docs/decisions/002-colour-profiles.md measures."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture that was read, and what of its file a result carries over.

    Attributes:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1], upright.
        alpha: float32 (H, W), [0, 1], of a file that has an alpha channel, else None.
        bits: 8, or 16 when the file holds more than 8 bits a channel.
        icc_profile: the file's ICC profile, unchanged, or one that says what the file tells by numbers (cICP,
            gAMA and cHRM, nclx); None for sRGB without a profile, and for a profile that cannot be used.
        resolution: pixels per millimetre, (x, y) of the upright picture; None when the file says none.
        exif: the file's EXIF block from its ``Exif`` header on, unchanged.
        encoded: uint8 or uint16 (H, W, 1 | 3), upright: the colours in `icc_profile` itself, where these are
            not sRGB. A result gets them back wherever `image` was left as it is.
    """

    image: Image
    alpha: Alpha | None
    bits: Bits
    icc_profile: bytes | None
    resolution: tuple[float, float] | None
    exif: bytes | None
    encoded: Stored | None = None


@dataclass(frozen=True, eq=False)
class Output:
    """One picture to write; see `write_images`.

    Attributes:
        path: where to; ``-`` is standard output.
        pixels: see `Pixels`.
        bits: bits a channel; None takes what the photo had, or the most the format holds below it.
        format: a key of `FORMATS`; None goes by the suffix.
    """

    path: Path | str
    pixels: Pixels
    bits: Bits | None = None
    format: str | None = None


def read_photo(source: Path | str, *, page: int | None = None, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read a picture: JPEG, PNG, TIFF, WebP, AVIF, GIF, BMP, PNM, or HEIC (with the ``heic`` extra).

    The orientation tag is applied; what an embedded ICC profile (grey, RGB or CMYK) or the file's own numbers
    (cICP, gAMA and cHRM, nclx) say of the colours is converted to sRGB; grey becomes three equal channels;
    and alpha is returned beside the image. Of several pictures in a HEIF container the primary one is read.

    Args:
        source: a path, or ``-`` for standard input.
        page: which page or frame, counted from 1; needed where there are several.
        max_pixels: the largest width × height that is decoded.

    Raises:
        InputError: no such file, not one of these formats, damaged or cut short, coded in a way that is not
            read, too many pixels, an animation or several pages without `page`, or no such `page`.
        MissingExtraError: a HEIC file without the ``heic`` extra, or a rare coding of TIFF or JPEG without
            the ``codecs`` extra.

    Warns:
        ProfileWarning: the colours could not be taken as the file means them.
    """
    decoded = decode(source, page, max_pixels)
    stored = _upright(decoded.stored, decoded.orientation)
    colours = stored.shape[2] - decoded.has_alpha
    alpha = to_float(stored[..., colours]) if decoded.has_alpha else None
    colour = stored[..., :colours]
    resolution = decoded.resolution
    if resolution is not None and decoded.orientation >= 5:
        resolution = resolution[::-1]
    colour, profile = _with_profile(colour, decoded, str(source))
    kept = profile is not None and colours < 4 and not profiles.is_srgb(profile)
    return Photo(
        image=profiles.to_srgb(colour, profile),
        alpha=alpha,
        bits=8 if stored.dtype == np.uint8 else 16,
        icc_profile=profile,
        resolution=resolution,
        exif=decoded.exif,
        encoded=colour if kept else None,
    )


def write_image(
    path: Path | str,
    pixels: Pixels,
    *,
    bits: Bits | None = None,
    format: str | None = None,
    like: Photo | None = None,
    keep_metadata: bool = False,
    overwrite: bool = False,
) -> None:
    """Write one picture; it appears whole or not at all.

    Args:
        path: where to; ``-`` is standard output.
        pixels: see `Pixels`. Colours are sRGB; those under zero alpha are kept.
        bits: bits a channel; None takes what `like` had, or the most the format holds below it.
        format: a key of `FORMATS`; None goes by the suffix.
        like: the photo whose ICC profile and resolution are carried over; see `encode_image`.
        keep_metadata: whether its EXIF is too.
        overwrite: whether a file already there may be replaced.

    Raises:
        InputError: the format cannot hold the picture or the EXIF, or `path` cannot be written.
    """
    write_images(
        [Output(path, pixels, bits, format)], like=like, keep_metadata=keep_metadata, overwrite=overwrite
    )


def write_images(
    outputs: Sequence[Output],
    *,
    like: Photo | None = None,
    keep_metadata: bool = False,
    overwrite: bool = False,
) -> None:
    """Write a result and its companions; they appear together or not at all.

    Args:
        outputs: the pictures, each with a path of its own.
        like: see `write_image`.
        keep_metadata: see `write_image`; grey outputs never carry EXIF.
        overwrite: see `write_image`.

    Raises:
        InputError: see `write_image`.
    """
    contents: dict[str, bytes] = {}
    for output in outputs:
        check_output(output.path, overwrite=overwrite)
        if str(output.path) in contents:
            raise InputError(
                output.path, "is named for two outputs", "a path of its own for each is accepted"
            )
        row = format_of(output.path, output.format)
        contents[str(output.path)] = encode_image(
            output.pixels, row, bits=output.bits, like=like, keep_metadata=keep_metadata, name=output.path
        )
    write_files(contents, overwrite=overwrite)


def encode_image(
    pixels: Pixels,
    row: Format,
    *,
    bits: Bits | None = None,
    like: Photo | None = None,
    keep_metadata: bool = False,
    name: Path | str = "image",
) -> bytes:
    """A picture as the bytes of a file.

    The pixels are converted back into the profile of `like`, which is embedded unchanged, when it is an RGB
    profile, or a grey one and both picture and format are grey; pixels that are the photo's own get its own
    values. A photo with any other profile gives sRGB with an sRGB profile (so does one whose profile goes one
    way only, and linear light in 8 bits), one without a profile gives none. Grey (H, W) pixels are values,
    not colours: they get no profile and no EXIF. Outputs are upright and carry no orientation but 1.

    Args:
        pixels: see `write_image`.
        row: one of `FORMATS`.
        bits: see `write_image`.
        like: see `write_image`.
        keep_metadata: see `write_image`.
        name: what errors call the picture.

    Raises:
        InputError: the format cannot hold it.
    """
    colour, alpha = _layers(pixels, name)
    depth = bits or best_bits(row, like.bits if like else 8)
    height, width = colour.shape[:2]
    check_holds(name, row, alpha=alpha is not None, bits=depth, width=width, height=height)
    exif = like.exif if like is not None and keep_metadata and colour.ndim == 3 else None
    if exif is not None and not row.exif:
        raise InputError(name, f"{row.name} cannot hold EXIF", "png, webp, avif and jpeg can")
    stored, profile = _stored(colour, depth, like, row)
    if alpha is not None:
        stored = _with_alpha(stored, from_float(alpha, depth))
    pyvips = libvips()
    picture = profiles.as_vips(stored)
    keep = []
    if like is not None and like.resolution is not None:
        picture = picture.copy(xres=like.resolution[0], yres=like.resolution[1])
        if row.name not in ("png", "tiff"):  # the others have no place for it but EXIF
            keep.append("exif")
    if profile is not None:
        picture.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
        keep.append("icc")
    if exif is not None:
        picture.set_type(pyvips.GValue.blob_type, "exif-data", _without_thumbnail(exif))
        picture.set_type(pyvips.GValue.gint_type, "orientation", 1)
        keep.append("exif")
    saver = {"avif": "heifsave_buffer"}.get(row.name, f"{row.name}save_buffer")
    try:
        return bytes(
            getattr(picture, saver)(keep=":".join(dict.fromkeys(keep)) or "none", **SAVE_OPTIONS[row.name])
        )
    except pyvips.Error as error:
        if is_out_of_memory(error):
            raise MemoryError(f"{name}: there is not enough memory to write it") from error
        raise InputError(name, f"cannot be written as {row.name} ({error.detail.strip()})") from error


def _without_thumbnail(exif: bytes) -> bytes:
    return EXIF_HEADER + tiff.without_next(exif.removeprefix(EXIF_HEADER))


def _upright(stored: Stored, orientation: int) -> Stored:
    """Undo an EXIF orientation (1 to 8) of (H, W, C)."""
    if orientation in (2, 3, 7, 8):
        stored = stored[:, ::-1]
    if orientation in (3, 4, 6, 7):
        stored = stored[::-1]
    return stored.swapaxes(0, 1) if orientation >= 5 else stored


def _with_profile(colour: Stored, decoded: Decoded, name: str) -> tuple[Stored, bytes | None]:
    """Colours of a space that an ICC profile describes, and that profile; None where they are sRGB.

    Args:
        colour: uint8 or uint16 (H, W, 1 | 3 | 4), upright.
        decoded: what the file says of them.
        name: the file, for warnings.
    """
    space = decoded.space if colour.shape[2] < 4 else None
    if space is None or not decoded.space_first:
        profile = profiles.matching_profile(decoded.icc_profile, colour.shape[2], name)
        if profile is not None:
            return colour, profile
    if space is None:
        if decoded.floats:
            problem = (
                "floating-point samples without a profile are taken as sRGB's values, not as linear light"
            )
            warnings.warn(f"{name}: {problem}", profiles.ProfileWarning, stacklevel=3)
        return colour, None
    colour, space = spaces.to_ordinary(colour, space, name)
    return colour, None if space.is_srgb else spaces.to_profile(space)


def _layers(pixels: Pixels, name: Path | str) -> tuple[Float, Alpha | None]:
    """Colours (H, W, 3) or grey (H, W), and the alpha beside them."""
    if isinstance(pixels, Matte):
        return pixels.foreground, pixels.alpha
    if (
        pixels.dtype != np.float32
        or pixels.shape[2:] not in ((), (3,), (4,))
        or not pixels.size
        or pixels.ndim < 2
    ):
        raise InputError(
            name, f"pixels are {pixels.dtype} {pixels.shape}", "float32 (H, W), (H, W, 3 or 4) are accepted"
        )
    return (pixels[..., :3], pixels[..., 3]) if pixels.shape[2:] == (4,) else (pixels, None)


def _stored(colour: Float, bits: Bits, like: Photo | None, row: Format) -> tuple[Stored, bytes | None]:
    """Working colours as stored values (H, W, C), in the profile of `like` if possible, and the profile."""
    if colour.ndim == 2:
        return from_float(colour, bits)[..., None], None
    profile = None if like is None else like.icc_profile
    if like is None or profile is None or not profiles.is_whole(profile) or not profiles.is_usable(profile):
        return from_float(colour, bits), None
    channels = profiles.channels_of(profile)
    if channels == 3 and profiles.is_srgb(profile):
        return from_float(colour, bits), profile
    fits = channels == 3 or (channels == 1 and row.grey and float(np.ptp(colour, axis=2).max()) <= _GREY)
    coarse = bits < like.bits and profiles.is_coarse(profile)
    if not fits or coarse or not profiles.is_writable(profile):
        return from_float(colour, bits), profiles.srgb_profile()
    stored = profiles.from_srgb(colour, profile, bits)
    if like.encoded is not None and like.image.shape == colour.shape:
        _restore(stored, colour, like.encoded, like.image)
    return stored, profile


def _restore(stored: Stored, colour: Float, encoded: Stored, image: Image) -> None:
    """Put a photo's own values back, in place, where the working colours are the photo's.

    On the way through sRGB colours outside its gamut are clipped; pixels that nothing was done to come back
    without that loss.

    Args:
        stored: uint8 or uint16 (H, W, 1 | 3), the converted colours.
        colour: float32 (H, W, 3) that they were converted from.
        encoded: the photo's own values; one channel stands for three.
        image: the photo's working colours, of the shape of `colour`.
    """
    for first in range(0, len(colour), _ROWS):
        rows = slice(first, first + _ROWS)
        apart = np.abs(colour[rows] - image[rows])
        same = np.maximum(np.maximum(apart[..., 0], apart[..., 1]), apart[..., 2]) <= _UNTOUCHED
        values = encoded[rows]
        if values.dtype != stored.dtype:
            wide = values.astype(np.uint32)
            scaled = wide * 257 if stored.dtype == np.uint16 else (wide + 128) // 257
            values = cast(Stored, scaled.astype(stored.dtype))
        np.copyto(stored[rows], values, where=same[..., None])


def _with_alpha(colour: Stored, alpha: Stored) -> Stored:
    """(H, W, C) and (H, W) → (H, W, C + 1)."""
    stored: Stored = np.empty((*alpha.shape, colour.shape[2] + 1), colour.dtype)
    stored[..., :-1] = colour
    stored[..., -1] = alpha
    return stored


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Old path of what `wisp.io.guidance` reads; it goes in version 0.4."""
        if name not in _MOVED:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        warnings.warn(
            f"wisp.io.images.{name} has moved to wisp.io.guidance", DeprecationWarning, stacklevel=2
        )
        return getattr(guidance, name)

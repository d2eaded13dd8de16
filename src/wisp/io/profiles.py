"""ICC profiles: stored colours to the working sRGB and back, through libvips and Little CMS at 16 bits.

docs/decisions/002-colour-profiles.md says why, and what a round trip costs.
"""

from __future__ import annotations

import struct
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

from wisp.core.arrays import Bits, Image, from_float, to_float
from wisp.io.vips import libvips

Stored = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

_SPACES: Final = {b"GRAY": 1, b"RGB ": 3, b"CMYK": 4}
_INTENT: Final[dict[str, Any]] = {"intent": "relative", "black_point_compensation": True}
_PROBE_STEPS: Final = 9
_SAME: Final = 0.5 / 255
"""A profile that moves no colour of the probe further than this is taken to be sRGB itself."""


class ProfileWarning(UserWarning):
    """A colour profile that wisp had to ignore; its text names the file."""


def channels_of(profile: bytes) -> int | None:
    """How many channels the colours of an ICC profile have: 1 grey, 3 RGB, 4 CMYK, None for others."""
    return _SPACES.get(profile[16:20])


def is_whole(profile: bytes) -> bool:
    """Whether bytes have the structure of an ICC profile (ICC.1, section 7): signature, size, tags inside."""
    if profile[36:40] != b"acsp" or len(profile) < int.from_bytes(profile[:4], "big"):
        return False
    count = int.from_bytes(profile[128:132], "big")
    if not 0 < count <= (len(profile) - 132) // 12:
        return False
    tags = (struct.unpack_from(">II", profile, 136 + 12 * i) for i in range(count))
    return all(offset + size <= len(profile) for offset, size in tags)


def fitting(profile: bytes | None, channels: int, name: str) -> bytes | None:
    """`profile` if it is whole and for colours of so many channels, else None with a warning.

    A grey picture may have an RGB profile: it is R = G = B in it.

    Args:
        profile: as found in a file.
        channels: 1 grey, 3 RGB, 4 CMYK.
        name: the file, for the warning.
    """
    if profile is None:
        return None
    if not is_whole(profile):
        warnings.warn(f"{name}: its ICC profile is damaged and is ignored", ProfileWarning, stacklevel=2)
        return None
    found = channels_of(profile)
    if found != channels and (channels, found) != (1, 3):
        warnings.warn(
            f"{name}: its ICC profile is for other channels and is ignored", ProfileWarning, stacklevel=2
        )
        return None
    return profile


def to_srgb(colour: Stored, profile: bytes | None) -> Image:
    """Stored colours to working sRGB.

    Grey becomes three equal channels, CMYK without a profile is read as coated paper (libvips's built-in
    profile), and everything else without a profile is taken as sRGB. Relative colorimetric intent with
    black point compensation; colours outside sRGB are clipped.

    Args:
        colour: uint8 or uint16 (H, W, 1 | 3 | 4): grey, RGB or CMYK, without alpha.
        profile: ICC profile that is `fitting`.

    Returns:
        float32 (H, W, 3), [0, 1].
    """
    channels = colour.shape[2]
    if profile is None:
        if channels == 4:
            return to_float(_transform(colour, None))
        return to_float(colour) if channels == 3 else np.repeat(to_float(colour), 3, axis=2)
    if channels == 1 and channels_of(profile) == 3:
        colour, channels = cast(Stored, np.repeat(colour, 3, axis=2)), 3
    if channels == 3 and is_srgb(profile):
        return to_float(colour)
    return to_float(_transform(colour, profile))


def from_srgb(image: Image, profile: bytes, bits: Bits) -> Stored:
    """Working sRGB to the colours of a grey or RGB profile: the inverse of `to_srgb` inside sRGB's gamut.

    Args:
        image: float32 (H, W, 3), [0, 1].
        profile: a whole profile whose `channels_of` is 1 or 3.
        bits: 8 or 16.

    Returns:
        uint8 or uint16 (H, W, 1 | 3).
    """
    if channels_of(profile) == 3 and is_srgb(profile):
        return from_float(image, bits)
    picture = as_vips(from_float(image, 16))
    try:
        with TemporaryDirectory() as folder:  # libvips takes the profile of an output from a file alone
            file = Path(folder, "output.icc")
            file.write_bytes(profile)
            return from_vips(
                picture.icc_transform(str(file), input_profile="srgb", embedded=False, depth=bits, **_INTENT)
            )
    except OSError:  # nowhere to put it; the way through Lab takes three times as long
        lab = picture.icc_import(input_profile="srgb", embedded=False, **_INTENT).copy()
        lab.set_type(libvips().GValue.blob_type, "icc-profile-data", profile)
        return from_vips(lab.icc_export(depth=bits, **_INTENT))


def srgb_profile() -> bytes:
    """The bytes of an sRGB ICC profile."""
    return bytes(libvips().Operation.call("profile_load", "srgb"))


def is_srgb(profile: bytes) -> bool:
    """Whether an RGB profile shows every colour as sRGB does, within half a step of 8 bits.

    Found by sending a coarse grid of all colours through it. Such a profile needs no conversion, which
    saves time and keeps the stored values exact.
    """
    levels = np.linspace(0, 1, _PROBE_STEPS, dtype=np.float32)
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(1, -1, 3)
    moved = to_float(_transform(from_float(grid, 16), profile))
    return bool(np.abs(moved - grid).max() <= _SAME)


def _transform(colour: Stored, profile: bytes | None) -> npt.NDArray[np.uint16]:
    """Colours of `profile` (None: libvips's CMYK) to sRGB, as uint16 (H, W, 3).

    Little CMS shortens a direct way from 16 bits to a coarse table, which is off by up to 14/255 where it
    clips to sRGB's gamut; the way through Lab in floats is not, and so 16-bit grey and RGB take it.
    """
    picture = as_vips(colour)
    source: dict[str, Any] = {"input_profile": "cmyk", "embedded": False}
    if profile is not None:
        picture.set_type(libvips().GValue.blob_type, "icc-profile-data", profile)
        source = {"embedded": True}
    if colour.shape[2] == 4:
        picture = picture.copy(interpretation="cmyk")
    if colour.dtype == np.uint16 and colour.shape[2] != 4:
        lab = picture.icc_import(**source, **_INTENT)
        moved = lab.icc_export(output_profile="srgb", depth=16, **_INTENT)
    else:
        moved = picture.icc_transform("srgb", depth=16, **source, **_INTENT)
    return cast(npt.NDArray[np.uint16], from_vips(moved))


def as_vips(stored: Stored) -> Any:
    """A libvips image over uint8 or uint16 (H, W, C): grey to two channels, else RGB or RGBA."""
    height, width, channels = stored.shape
    wide = stored.dtype == np.uint16
    data = np.ascontiguousarray(stored).data
    picture = libvips().Image.new_from_memory(data, width, height, channels, "ushort" if wide else "uchar")
    if channels <= 2:
        return picture.copy(interpretation="grey16" if wide else "b-w")
    return picture.copy(interpretation="rgb16" if wide else "srgb")


def from_vips(picture: Any) -> Stored:
    """The pixels of an 8- or 16-bit libvips image: uint8 or uint16 (H, W, C)."""
    dtype = {"uchar": np.uint8, "ushort": np.uint16}[picture.format]
    data = np.frombuffer(picture.write_to_memory(), dtype)
    return data.reshape(picture.height, picture.width, picture.bands)

"""ICC profiles: stored colours to the working sRGB and back, through libvips and Little CMS at 16 bits.

docs/decisions/002-colour-profiles.md says why, and what a round trip costs.
"""

from __future__ import annotations

import struct
import warnings
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

from wisp.core.arrays import Bits, Image, Stored, from_float, to_float
from wisp.io.vips import libvips

_SPACES: Final = {b"GRAY": 1, b"RGB ": 3, b"CMYK": 4}
_INTENT: Final[dict[str, Any]] = {"intent": "relative", "black_point_compensation": True}
_TYPES: Final = {
    "uchar": np.uint8,
    "char": np.int8,
    "ushort": np.uint16,
    "short": np.int16,
    "uint": np.uint32,
    "int": np.int32,
    "float": np.float32,
    "double": np.float64,
    "complex": np.complex64,
    "dpcomplex": np.complex128,
}
_PROBE_STEPS: Final = 9
_TABLES: Final = frozenset({b"mft1", b"mft2", b"mAB ", b"mBA "})
_CURVES: Final = frozenset({b"curv", b"para"})
_NOT_OF_DEVICES: Final = frozenset({b"link", b"abst", b"nmcl"})
"""Profile classes that describe no device's colours: from device to device, of effects, of named colours."""
_COARSE: Final = 8 / 255
_SAME: Final = 0.5 / 255
"""A profile that moves no colour of the probe further than this is taken to be sRGB itself."""


class ProfileWarning(UserWarning):
    """Colours that could not be taken as their file means them; the text names the file."""


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


def matching_profile(profile: bytes | None, channels: int, name: str) -> bytes | None:
    """`profile` if it is whole, can be used and is for colours of so many channels, else None with a warning.

    A grey picture may have an RGB profile: it is R = G = B in it.

    Args:
        profile: as found in a file.
        channels: 1 grey, 3 RGB, 4 CMYK.
        name: the file, for the warning.
    """
    if profile is None:
        return None
    found = channels_of(profile)
    if not is_whole(profile):
        problem = "is damaged"
    elif found is None or (found != channels and (channels, found) != (1, 3)):
        problem = "is for other channels"
    elif not is_usable(profile):
        problem = "says nothing that colours could be converted by"
    else:
        return profile
    warnings.warn(f"{name}: its ICC profile {problem} and is ignored", ProfileWarning, stacklevel=2)
    return None


@lru_cache(maxsize=32)
def is_usable(profile: bytes) -> bool:
    """Whether colours can be converted from a whole profile: it has tables, or curves (and a matrix), for it.

    libvips takes a profile that it cannot use for its own of as many channels without a word. So the tags
    that ICC.1 requires (section 8) are looked for, and a probe goes through.
    """
    kinds = _tags(profile)
    by_table = any(kinds.get(name) in _TABLES for name in (b"A2B0", b"A2B1", b"A2B2"))
    if profile[12:16] in _NOT_OF_DEVICES or not (by_table or _has_curves(kinds, channels_of(profile))):
        return False
    channels = channels_of(profile)
    probe: Stored = np.linspace(0, 255, 5 * (channels or 1)).astype(np.uint8).reshape(1, -1, channels or 1)
    try:
        _transform(probe, profile)
    except libvips().Error:
        return False
    return True


@lru_cache(maxsize=32)
def is_writable(profile: bytes) -> bool:
    """Whether colours can be converted to a usable grey or RGB profile; a scanner's may lack the way back."""
    kinds = _tags(profile)
    by_table = any(kinds.get(name) in _TABLES for name in (b"B2A0", b"B2A1", b"B2A2"))
    if not (by_table or _has_curves(kinds, channels_of(profile))):
        return False
    try:
        from_srgb(np.zeros((1, 1, 3), np.float32), profile, 8)
    except libvips().Error:
        return False
    return True


@lru_cache(maxsize=32)
def is_coarse(profile: bytes) -> bool:
    """Whether 8 bits are too few for a profile, as for linear light: the first step from black is wide."""
    channels = channels_of(profile) or 3
    step = to_srgb(np.full((1, 1, channels), 257, np.uint16), profile)
    return bool(step.max() > _COARSE)


def _tags(profile: bytes) -> dict[bytes, bytes]:
    """The type of each tag's data, by the tag's name."""
    (count,) = struct.unpack_from(">I", profile, 128)
    found = {}
    for i in range(count):
        name, offset, _ = struct.unpack_from(">4sII", profile, 132 + 12 * i)
        found[name] = profile[offset : offset + 4]
    return found


def _has_curves(kinds: dict[bytes, bytes], channels: int | None) -> bool:
    if channels == 1:
        return kinds.get(b"kTRC") in _CURVES
    colours = (b"r", b"g", b"b")
    return channels == 3 and all(
        kinds.get(c + b"TRC") in _CURVES and kinds.get(c + b"XYZ") == b"XYZ " for c in colours
    )


def to_srgb(colour: Stored, profile: bytes | None) -> Image:
    """Stored colours to working sRGB.

    Grey becomes three equal channels, CMYK without a profile is read as coated paper (libvips's built-in
    profile), and everything else without a profile is taken as sRGB. Relative colorimetric intent with
    black point compensation; colours outside sRGB are clipped.

    Args:
        colour: uint8 or uint16 (H, W, 1 | 3 | 4): grey, RGB or CMYK, without alpha.
        profile: ICC profile, one that `matching_profile` gives back; None for a picture without.

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


def lab_to_srgb(stored: Stored, *, shifted: bool) -> npt.NDArray[np.uint16]:
    """CIE L*a*b* under D50, as TIFF stores it, to sRGB; channels behind the colours are widened.

    Args:
        stored: uint8 or uint16 (H, W, 3 or more): L* from 0 to the largest value, a* and b* in whole steps
            of 8 bits, with fractions below them in 16.
        shifted: whether a* and b* begin at -128 (ICC L*a*b*) rather than being signed numbers.

    Returns:
        uint16 (H, W, 3 or more).
    """
    bits = 8 * stored.dtype.itemsize
    lab = np.empty((*stored.shape[:2], 3), np.float32)
    top = 65280 if shifted and bits == 16 else 2**bits - 1
    lab[..., 0] = stored[..., 0] * np.float32(100 / top)
    signed = stored[..., 1:3] ^ stored.dtype.type(2 ** (bits - 1)) if shifted else stored[..., 1:3]
    lab[..., 1:] = np.ascontiguousarray(signed).view(f"i{bits // 8}") / np.float32(2 ** (bits - 8))
    picture = libvips().Image.new_from_memory(lab.data, lab.shape[1], lab.shape[0], 3, "float")
    picture = picture.copy(interpretation="lab")
    colour = from_vips(picture.icc_export(output_profile="srgb", depth=16, **_INTENT))
    others = stored[..., 3:].astype(np.uint16) * np.uint16(257 if bits == 8 else 1)
    return cast(npt.NDArray[np.uint16], np.concatenate([colour, others], axis=2))


def srgb_profile() -> bytes:
    """The bytes of an sRGB ICC profile."""
    return bytes(libvips().Operation.call("profile_load", "srgb"))


@lru_cache(maxsize=32)
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
    return cast(Stored, any_from_vips(picture))


def any_from_vips(picture: Any) -> npt.NDArray[Any]:
    """The pixels of a libvips image as they are: (H, W, C) of the type of its samples."""
    data = np.frombuffer(picture.write_to_memory(), _TYPES[picture.format])
    return data.reshape(picture.height, picture.width, picture.bands)

"""BMP and the PNM family (PBM, PGM, PPM, PAM), which libvips does not read as it is shipped.

BMP as Microsoft documents its headers (BITMAPCOREHEADER to BITMAPV5HEADER), PNM as Netpbm does. Both hold
pixels as they are; what little is coded otherwise (run lengths, a JPEG or PNG inside a BMP) is refused.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
import numpy.typing as npt

from wisp.core.arrays import Bytes
from wisp.core.errors import InputError
from wisp.io.profiles import Stored
from wisp.io.refusals import DamageError

Check = Callable[[int, int], None]
"""Raises for a width and height that are not to be decoded."""


_CORE_HEADER: Final = 12
_PLAIN, _RLE8, _RLE4, _FIELDS, _JPEG, _PNG, _ALPHA_FIELDS = 0, 1, 2, 3, 4, 5, 6
_USUAL_FIELDS: Final = {16: (0x7C00, 0x3E0, 0x1F, 0), 32: (0xFF0000, 0xFF00, 0xFF, 0)}
_EMBEDDED: Final = 0x4D424544
_TOKEN: Final = re.compile(rb"(?:\s|#[^\n\r]*[\n\r])*([^\s#]+)")


@dataclass(frozen=True, eq=False)
class Bitmap:
    """A picture as its file has it.

    Attributes:
        stored: uint8 or uint16 (H, W, C), alpha last.
        has_alpha: whether the last channel is alpha.
        icc_profile: an embedded profile.
        resolution: pixels per millimetre, (x, y); None when the file says none.
    """

    stored: Stored
    has_alpha: bool
    icc_profile: bytes | None = None
    resolution: tuple[float, float] | None = None


def read_bmp(data: bytes, name: str, check: Check) -> Bitmap:
    """A BMP of 1, 4, 8, 16, 24 or 32 bits a pixel.

    Args:
        data: the file.
        name: the file, for errors.
        check: called with the size before pixels are decoded.

    Raises:
        InputError: run-length coded, or a JPEG or PNG in a BMP's clothes.
        DamageError: damaged or cut short.
    """
    try:
        return _read_bmp(data, name, check)
    except (struct.error, ValueError, IndexError) as error:
        raise DamageError(str(error)) from error


def _read_bmp(data: bytes, name: str, check: Check) -> Bitmap:
    start, size = struct.unpack_from("<I", data, 10)[0], struct.unpack_from("<I", data, 14)[0]
    coding, used, resolution, fields, profile = _PLAIN, 0, None, None, None
    if size == _CORE_HEADER:
        width, height, _, depth = struct.unpack_from("<HHHH", data, 18)
    else:
        width, height, _, depth, coding, _, x, y, used = struct.unpack_from("<iiHHIIiiI", data, 18)
        resolution = (x / 1000, y / 1000) if x > 0 and y > 0 else None
        if coding in (_FIELDS, _ALPHA_FIELDS) or size >= 56:
            count = 4 if size >= 56 or coding == _ALPHA_FIELDS else 3
            fields = (*struct.unpack_from(f"<{count}I", data, 54), 0)[:4]
        if size >= 124 and struct.unpack_from("<I", data, 70)[0] == _EMBEDDED:
            place, length = struct.unpack_from("<II", data, 14 + 112)
            profile = data[14 + place : 14 + place + length]
    if coding not in (_PLAIN, _FIELDS, _ALPHA_FIELDS):
        inside = {_JPEG: "a JPEG inside", _PNG: "a PNG inside"}.get(coding, "run-length coding")
        raise InputError(name, f"is a BMP with {inside}", "a BMP without compression is accepted")
    upside_down, height = height > 0, abs(height)
    if width <= 0 or height == 0 or depth not in (1, 4, 8, 16, 24, 32):
        raise DamageError(f"{width}×{height} of {depth} bits")
    check(width, height)
    stride = (width * depth + 31) // 32 * 4
    rows = _values(data, start, height * stride).reshape(height, stride)
    if upside_down:
        rows = rows[::-1]
    if depth <= 8:
        entry = 3 if size == _CORE_HEADER else 4
        places = start - 14 - size  # all that lies between header and pixels
        palette = _values(data, 14 + size, min(places, entry * (used or 2**depth))).reshape(-1, entry)
        colours = palette[:, 2::-1]
        stored = colours[_unpacked(rows, depth)[:, :width]]
        grey = bool((colours == colours[:, :1]).all())
        return Bitmap(stored[..., :1] if grey else stored, has_alpha=False, resolution=resolution)
    if depth == 24:
        stored = rows[:, : 3 * width].reshape(height, width, 3)[..., ::-1]
        return Bitmap(stored, has_alpha=False, icc_profile=profile, resolution=resolution)
    if fields is None or coding == _PLAIN:
        alpha_field = fields[3] if fields is not None and depth == 32 else 0
        fields = (*_USUAL_FIELDS[depth][:3], alpha_field)
    pixels = np.ascontiguousarray(rows[:, : width * depth // 8]).view("<u2" if depth == 16 else "<u4")
    channels = [_field(pixels, mask) for mask in fields if mask]
    if len(channels) == 4 and not channels[3].any():  # programs that leave the fourth byte empty
        channels = channels[:3]
    return Bitmap(np.dstack(channels), len(channels) == 4, icc_profile=profile, resolution=resolution)


def _field(pixels: npt.NDArray[np.unsignedinteger], mask: int) -> Bytes:
    """The bits of `mask` as 8-bit values."""
    shift = (mask & -mask).bit_length() - 1
    largest = mask >> shift
    values = (pixels & mask) >> shift
    return cast(Bytes, np.rint(values * np.float32(255 / largest)).astype(np.uint8))


def read_pnm(data: bytes, check: Check) -> Bitmap:
    """A PBM, PGM, PPM or PAM, the first of several in a file; values are stretched to all 8 or 16 bits.

    Args:
        data: the file.
        check: called with the size before pixels are decoded.

    Raises:
        DamageError: damaged, cut short, or more than four channels.
    """
    try:
        return _read_pam(data, check) if data[:2] == b"P7" else _read_pnm(data, check)
    except (ValueError, KeyError, IndexError) as error:
        raise DamageError(str(error)) from error


def _read_pnm(data: bytes, check: Check) -> Bitmap:
    kind = data[1] - ord("0")
    plain, channels = kind <= 3, 3 if kind in (3, 6) else 1
    place = 2
    header = []
    for _ in range(2 if kind in (1, 4) else 3):
        number, place = _number(data, place)
        header.append(number)
    width, height, largest = (*header, 1)[:3]
    check(width, height)
    count = width * height * channels
    if kind == 1:  # digits may touch
        body = re.sub(rb"#[^\n\r]*", b"", data[place:])
        values = np.frombuffer(body.translate(None, b" \t\r\n\v\f")[:count], np.uint8) - ord("0")
    elif plain:
        words = re.sub(rb"#[^\n\r]*", b"", data[place:]).split(None, count)[:count]
        values = np.array(words, np.int64)
    elif kind == 4:
        stride = (width + 7) // 8
        packed = _values(data, place + 1, height * stride).reshape(height, stride)
        values = _unpacked(packed, 1)[:, :width]
    else:
        return _stretched(data, place + 1, (height, width, channels), largest)
    if values.size < count:
        raise DamageError(f"{values.size} of {count} values")
    if kind in (1, 4):
        values = 1 - values  # 1 is black
    if values.min(initial=0) < 0 or values.max(initial=0) > largest:
        raise DamageError(f"a value above {largest}")
    return Bitmap(_scaled(values.reshape(height, width, channels), largest), has_alpha=False)


def _read_pam(data: bytes, check: Check) -> Bitmap:
    end = data.index(b"ENDHDR")
    said = dict(line.split(None, 1) for line in data[2:end].splitlines() if len(line.split(None, 1)) == 2)
    width, height, channels, largest = (int(said[k]) for k in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL"))
    check(width, height)
    if not 1 <= channels <= 4:
        raise DamageError(f"{channels} channels")
    found = _stretched(data, data.index(b"\n", end) + 1, (height, width, channels), largest)
    return Bitmap(found.stored, has_alpha=channels in (2, 4))


def _stretched(data: bytes, place: int, shape: tuple[int, int, int], largest: int) -> Bitmap:
    wide = largest > 255
    raw = _values(data, place, int(np.prod(shape)) * (2 if wide else 1))
    values = raw.view(">u2") if wide else raw
    return Bitmap(_scaled(values.reshape(shape), largest), has_alpha=False)


def _scaled(values: npt.NDArray[np.integer], largest: int) -> Stored:
    if not 0 < largest < 65536:
        raise DamageError(f"a largest value of {largest}")
    kind, full = (np.uint8, 255) if largest < 256 else (np.uint16, 65535)
    if largest == full:
        return cast(Stored, values.astype(kind))
    return cast(Stored, np.rint(np.minimum(values, largest) * (full / largest)).astype(kind))


def _number(data: bytes, place: int) -> tuple[int, int]:
    """The next number of a PNM header, and the place behind it."""
    found = _TOKEN.match(data, place)
    if found is None:
        raise DamageError("no number where one belongs")
    value = int(found[1])
    if value <= 0:
        raise DamageError(f"a header that says {value}")
    return value, found.end()


def _unpacked(rows: Bytes, depth: int) -> Bytes:
    """Values of 1, 4 or 8 bits that share bytes, the first in the upper bits: (H, bytes) → (H, values)."""
    if depth == 8:
        return rows
    if depth == 1:
        return np.unpackbits(rows, axis=1)
    return np.stack([rows >> 4, rows & 15], axis=2).reshape(len(rows), -1)


def _values(data: bytes, place: int, count: int) -> Bytes:
    if place + count > len(data) or count < 0:
        raise DamageError(f"{max(0, len(data) - place)} of {count} bytes")
    return np.frombuffer(data, np.uint8, count, place)

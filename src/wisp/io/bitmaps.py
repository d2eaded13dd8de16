"""BMP and the PNM family (PBM, PGM, PPM, PAM), which libvips does not read as it is shipped.

BMP as Microsoft documents its headers (BITMAPCOREHEADER to BITMAPV5HEADER) and run lengths, PNM as Netpbm
does. A JPEG or PNG inside a BMP is refused.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
import numpy.typing as npt

from wisp.core.arrays import Bytes, Stored
from wisp.core.errors import InputError
from wisp.io.refusals import DamageError
from wisp.io.spaces import Chromaticities, Space, from_gamma

Check = Callable[[int, int], None]
"""Raises for a width and height that are not to be decoded."""


_CORE_HEADER: Final = 12
_PLAIN, _RLE8, _RLE4, _FIELDS, _JPEG, _PNG, _ALPHA_FIELDS = 0, 1, 2, 3, 4, 5, 6
_USUAL_FIELDS: Final = {16: (0x7C00, 0x3E0, 0x1F, 0), 32: (0xFF0000, 0xFF00, 0xFF, 0)}
_EMBEDDED: Final = 0x4D424544
_CALIBRATED: Final = 0
_D65: Final = (0.3127, 0.3290)
_TOKEN: Final = re.compile(rb"(?:\s|#[^\n\r]*[\n\r])*([^\s#]+)")


@dataclass(frozen=True, eq=False)
class Bitmap:
    """A picture as its file has it.

    Attributes:
        stored: uint8 or uint16 (H, W, C), alpha last.
        has_alpha: whether the last channel is alpha.
        icc_profile: an embedded profile.
        space: what the header says of the colours in numbers; None where it says nothing.
        resolution: pixels per millimetre, (x, y); None when the file says none.
    """

    stored: Stored
    has_alpha: bool
    icc_profile: bytes | None = None
    space: Space | None = None
    resolution: tuple[float, float] | None = None


def read_bmp(data: bytes, name: str, check: Check) -> Bitmap:
    """A BMP of 1, 4, 8, 16, 24 or 32 bits a pixel.

    Args:
        data: the file.
        name: the file, for errors.
        check: called with the size before pixels are decoded.

    Raises:
        InputError: a JPEG or PNG in a BMP's clothes, or what `check` raises.
        DamageError: damaged or cut short.
    """
    try:
        return _read_bmp(data, name, check)
    except InputError:
        raise
    except (struct.error, ValueError, IndexError) as error:
        raise DamageError(str(error)) from error


def _read_bmp(data: bytes, name: str, check: Check) -> Bitmap:
    start, size = struct.unpack_from("<I", data, 10)[0], struct.unpack_from("<I", data, 14)[0]
    coding, used, resolution, fields, profile, space = _PLAIN, 0, None, None, None, None
    if size == _CORE_HEADER:
        width, height, _, depth = struct.unpack_from("<HHHH", data, 18)
    else:
        width, height, _, depth, coding, _, x, y, used = struct.unpack_from("<iiHHIIiiI", data, 18)
        resolution = (x / 1000, y / 1000) if x > 0 and y > 0 else None
        if coding in (_FIELDS, _ALPHA_FIELDS) or size >= 56:
            count = 4 if size >= 56 or coding == _ALPHA_FIELDS else 3
            fields = (*struct.unpack_from(f"<{count}I", data, 54), 0)[:4]
        if size >= 108:
            space = _told_colours(data)
        if size >= 124 and struct.unpack_from("<I", data, 70)[0] == _EMBEDDED:
            place, length = struct.unpack_from("<II", data, 14 + 112)
            profile = data[14 + place : 14 + place + length]
    if coding in (_JPEG, _PNG):
        inside = "a JPEG inside" if coding == _JPEG else "a PNG inside"
        raise InputError(name, f"is a BMP with {inside}", "a BMP that holds pixels is accepted")
    upside_down, height = height > 0, abs(height)
    depths = {_RLE8: (8,), _RLE4: (4,)}.get(coding, (1, 4, 8, 16, 24, 32))
    if width <= 0 or height == 0 or depth not in depths or coding > _ALPHA_FIELDS:
        raise DamageError(f"{width}×{height} of {depth} bits, coded as {coding}")
    check(width, height)
    if coding in (_RLE8, _RLE4):
        rows = _without_runs(data, start, width, height, two_a_byte=coding == _RLE4)
    else:
        stride = (width * depth + 31) // 32 * 4
        rows = _values(data, start, height * stride).reshape(height, stride)
    if upside_down:
        rows = rows[::-1]
    if depth <= 8:
        entry = 3 if size == _CORE_HEADER else 4
        places = start - 14 - size  # all that lies between header and pixels
        palette = _values(data, 14 + size, min(places, entry * (used or 2**depth))).reshape(-1, entry)
        colours = palette[:, 2::-1]
        indices = rows if coding in (_RLE8, _RLE4) else _unpacked(rows, depth)[:, :width]
        grey = bool((colours == colours[:, :1]).all())
        stored, has_alpha = colours[indices][..., : 1 if grey else 3], False
    elif depth == 24:
        stored, has_alpha = rows[:, : 3 * width].reshape(height, width, 3)[..., ::-1], False
    else:
        if fields is None or coding == _PLAIN:
            alpha_field = fields[3] if fields is not None and depth == 32 else 0
            fields = (*_USUAL_FIELDS[depth][:3], alpha_field)
        pixels = np.ascontiguousarray(rows[:, : width * depth // 8]).view("<u2" if depth == 16 else "<u4")
        channels = [_field(pixels, mask) for mask in fields if mask]
        if len(channels) == 4 and not channels[3].any():  # programs that leave the fourth byte empty
            channels = channels[:3]
        stored, has_alpha = np.dstack(channels), len(channels) == 4
    return Bitmap(stored, has_alpha, profile, space, resolution)


def _told_colours(data: bytes) -> Space | None:
    """The space of a calibrated BITMAPV4HEADER: CIE XYZ of red, green and blue, and their gammas."""
    if struct.unpack_from("<I", data, 70)[0] != _CALIBRATED:
        return None
    ends = np.array(struct.unpack_from("<9i", data, 74)).reshape(3, 3) / 2**30
    sums = ends.sum(axis=1)
    primaries: Chromaticities | None = None
    if (sums > 0).all():
        x, y = (ends / sums[:, None])[:, :2].T.tolist()
        total = ends.sum(axis=0)
        # Many write chromaticities here, which add up to 1 each and say nothing of the white.
        white = _D65 if np.allclose(sums, 1, atol=0.01) else tuple((total / total.sum())[:2].tolist())
        primaries = (x[0], y[0], x[1], y[1], x[2], y[2], *white)
    gammas = [value / 65536 for value in struct.unpack_from("<3I", data, 110)]
    return from_gamma(1 / gammas[1] if gammas[1] > 0 else None, primaries)


def _without_runs(data: bytes, place: int, width: int, height: int, *, two_a_byte: bool) -> Bytes:
    """The indices that run lengths of 8 or 4 bits stand for, (height, width), in the order of the file.

    What is jumped over is 0. Runs that leave the picture are cut off at its edge.
    """
    rows = np.zeros((height, width), np.uint8)
    x = y = 0
    while y < height:
        if place + 2 > len(data):
            raise DamageError(f"{y} of {height} rows")
        count, value = data[place], data[place + 1]
        place += 2
        if count:  # a run, of two values in turn where they share a byte
            pair = (value >> 4, value & 15) if two_a_byte else (value, value)
            rows[y, x : x + count : 2], rows[y, x + 1 : x + count : 2] = pair
            x += count
        elif value == 0:
            x, y = 0, y + 1
        elif value == 1:
            break
        elif value == 2:
            right, up = _values(data, place, 2).tolist()
            x, y, place = x + right, y + up, place + 2
        else:
            length = (value + 1) // 2 if two_a_byte else value
            literal = _values(data, place, length)[None]
            here = rows[y, x : x + value]
            here[:] = (_unpacked(literal, 4) if two_a_byte else literal)[0, : len(here)]
            x, place = x + value, place + length + length % 2
    return rows


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
    except InputError:
        raise
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
        values = np.array([min(int(word), largest + 1) for word in words], np.int64)
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
    if width < 1 or height < 1:
        raise DamageError(f"a header that says {width}×{height}")
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

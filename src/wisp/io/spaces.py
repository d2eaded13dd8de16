"""RGB spaces that files tell in numbers rather than by an ICC profile, and the profiles that say the same.

PNG has cICP, gAMA and cHRM (PNG, third edition, section 11.3.2), AVIF and HEIC have the nclx box (ISO/IEC
23008-12). cICP and nclx hold code points of ITU-T H.273, whose tables are `_PRIMARIES` and `_CURVES`.

A space of ordinary range becomes an ICC profile, so that everything downstream knows one kind of colour. PQ
and HLG (ITU-R BT.2100) say how much light there is rather than which share of white: they are first brought
to ordinary range, where white is the 203 cd/m² of diffuse white (ITU-R BT.2408) and light above it is cut.
"""

from __future__ import annotations

import struct
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from wisp.core.arrays import Stored
from wisp.io.profiles import ProfileWarning

Chromaticities: TypeAlias = tuple[float, float, float, float, float, float, float, float]
"""x and y of red, green, blue and white, CIE 1931."""

Curve: TypeAlias = tuple[float, ...]
"""Encoded value to light: (exponent,), or (g, a, b, c, d) of (a·V + b)^g from d up and c·V below."""

Light: TypeAlias = npt.NDArray[np.float64]

_D65: Final = (0.3127, 0.3290)
_C: Final = (0.310, 0.316)
SRGB_PRIMARIES: Final[Chromaticities] = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *_D65)
_PRIMARIES: Final[dict[int, Chromaticities]] = {
    1: SRGB_PRIMARIES,
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, *_C),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *_D65),
    6: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65),
    7: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65),
    8: (0.681, 0.319, 0.243, 0.692, 0.145, 0.049, *_C),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65),
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_D65),
    22: (0.630, 0.340, 0.295, 0.605, 0.155, 0.077, *_D65),
}
SRGB_CURVE: Final[Curve] = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_BT709_CURVE: Final[Curve] = (1 / 0.45, 1 / 1.0992968, 0.0992968 / 1.0992968, 1 / 4.5, 0.0812429)
_SMPTE240_CURVE: Final[Curve] = (1 / 0.45, 1 / 1.1115722, 0.1115722 / 1.1115722, 1 / 4, 0.0912864)
_CURVES: Final[dict[int, Curve]] = {
    1: _BT709_CURVE,
    4: (2.2,),
    5: (2.8,),
    6: _BT709_CURVE,
    7: _SMPTE240_CURVE,
    8: (1.0,),
    11: _BT709_CURVE,
    12: _BT709_CURVE,
    13: SRGB_CURVE,
    14: _BT709_CURVE,
    15: _BT709_CURVE,
}
_PQ, _HLG = 16, 18
_UNSPECIFIED: Final = 2
_VIDEO_PRIMARIES: Final = frozenset({1, _UNSPECIFIED, 5, 6, 7, 22})
_VIDEO_TRANSFERS: Final = frozenset({1, _UNSPECIFIED, 6, 11, 12, 13, 14, 15})
"""Primaries and transfers of standard video, which is shown as sRGB everywhere and taken so in clips too."""

WHITE: Final = 203.0
"""cd/m² that become white: diffuse white of HDR (ITU-R BT.2408, table 1)."""
_HLG_PEAK: Final = 1000.0
_ABOVE: Final = 1.1
"""Light, in shares of white, that is above it beyond what lossy coding stirs up."""
_SEEN: Final = 1e-4
_NEAR: Final = 0.005
"""Chromaticities this near to sRGB's are meant to be sRGB's: cHRM and other rounded tables."""
_GAMMA: Final = (0.44, 0.47)
"""gAMA values that are the usual stand-in for sRGB's curve (0.45455 in the PNG specification)."""
_ROWS: Final = 256


@dataclass(frozen=True)
class Space:
    """An RGB space.

    Attributes:
        primaries: of red, green, blue and white.
        transfer: a `Curve`, or ``"pq"`` or ``"hlg"`` for light without an upper end.
        narrow: whether values run over video's 16–235 of 255 (and so on for more bits).
    """

    primaries: Chromaticities
    transfer: Curve | Literal["pq", "hlg"]
    narrow: bool = False

    @property
    def is_srgb(self) -> bool:
        """Whether it is sRGB itself, as far as rounded numbers tell."""
        return self.transfer == SRGB_CURVE and self.primaries == SRGB_PRIMARIES and not self.narrow


SRGB: Final = Space(SRGB_PRIMARIES, SRGB_CURVE)
ADOBE_RGB: Final = Space((0.64, 0.33, 0.21, 0.71, 0.15, 0.06, *_D65), (563 / 256,))


def from_code_points(primaries: int, transfer: int, *, full: bool, name: str) -> Space | None:
    """The space of H.273's code points.

    Standard video (BT.709 and BT.601 with any of their transfers) is sRGB, as everywhere.

    Args:
        primaries: ColourPrimaries; 2 says nothing.
        transfer: TransferCharacteristics; 2 says nothing.
        full: VideoFullRangeFlag, of a picture whose samples are R'G'B' themselves.
        name: the file, for the warning.

    Returns:
        The space; None where the numbers say nothing, or, with a warning, what wisp does not know.
    """
    if primaries == transfer == _UNSPECIFIED and full:
        return None
    if primaries in _VIDEO_PRIMARIES and transfer in _VIDEO_TRANSFERS:
        return Space(SRGB_PRIMARIES, SRGB_CURVE, narrow=not full)
    colours = SRGB_PRIMARIES if primaries == _UNSPECIFIED else _PRIMARIES.get(primaries)
    curve: Curve | Literal["pq", "hlg"] | None
    if transfer == _PQ:
        curve = "pq"
    elif transfer == _HLG:
        curve = "hlg"
    else:
        curve = SRGB_CURVE if transfer == _UNSPECIFIED else _CURVES.get(transfer)
    if colours is None or curve is None:
        warnings.warn(
            f"{name}: its colours ({primaries}/{transfer} of H.273) are not known and are taken as sRGB",
            ProfileWarning,
            stacklevel=2,
        )
        return None
    return Space(colours, curve, narrow=not full)


def from_gamma(gamma: float | None, chromaticities: Chromaticities | None) -> Space | None:
    """The space of PNG's gAMA and cHRM.

    Args:
        gamma: exponent from light to stored value, as gAMA has it (0.45455 is usual); None without one.
        chromaticities: as cHRM has them; None without one.

    Returns:
        The space; None where neither says anything usable.
    """
    if chromaticities is not None and not _is_possible(chromaticities):
        chromaticities = None
    if gamma is not None and not 0.01 <= gamma <= 100:
        gamma = None
    if gamma is None and chromaticities is None:
        return None
    primaries = chromaticities or SRGB_PRIMARIES
    if np.abs(np.subtract(primaries, SRGB_PRIMARIES)).max() < _NEAR:
        primaries = SRGB_PRIMARIES
    usual = gamma is None or (primaries == SRGB_PRIMARIES and _GAMMA[0] < gamma < _GAMMA[1])
    return Space(primaries, SRGB_CURVE if usual or gamma is None else (1 / gamma,))


def to_ordinary(colour: Stored, space: Space, name: str) -> tuple[Stored, Space]:
    """Colours of any space as full-range values of a space that an ICC profile can describe.

    Narrow range is stretched. PQ and HLG are read as light on a display of BT.2100 (HLG: 1000 cd/m²), cut
    at `WHITE` with a warning, and encoded with sRGB's curve; their primaries stay.

    Args:
        colour: uint8 or uint16 (H, W, 1 | 3).
        space: that of `colour`.
        name: the file, for the warning.

    Returns:
        The values, of the same shape and type, and their space.
    """
    largest = int(np.iinfo(colour.dtype).max)
    values = np.linspace(0, 1, largest + 1)
    if space.narrow:
        step = (largest + 1) / 256 / largest  # one of 255 steps, as a share of the whole range
        values = np.clip((values - 16 * step) / (219 * step), 0, 1)
    if space.transfer == "hlg":
        return _from_hlg(colour, values, space, name), Space(space.primaries, SRGB_CURVE)
    if space.transfer == "pq":
        light = _pq_light(values) / WHITE
        _tell_highlights(float((light > _ABOVE)[colour].mean()), name)
        return _encoded(light, largest)[colour], Space(space.primaries, SRGB_CURVE)
    if space.narrow:
        table = _rounded(values, largest)
        return table[colour], Space(space.primaries, space.transfer)
    return colour, space


@lru_cache(maxsize=8)
def to_profile(space: Space) -> bytes:
    """An ICC profile (version 4, matrix and curves) that describes a space of ordinary range.

    Args:
        space: full range, its transfer a `Curve`.
    """
    if isinstance(space.transfer, str) or space.narrow:
        raise ValueError(f"no ICC profile describes {space}")
    columns = _adaptation(space.primaries[6:]) @ rgb_to_xyz(space.primaries)
    kind = 0 if len(space.transfer) == 1 else 3
    curve = b"para" + bytes(4) + struct.pack(">HH", kind, 0) + _fixed(*space.transfer)
    tags = {
        b"desc": _text("RGB told by the picture's file"),
        b"cprt": _text("No copyright, use freely"),
        b"wtpt": b"XYZ " + bytes(4) + _fixed(*_D50),
        b"chad": b"sf32" + bytes(4) + _fixed(*_adaptation(space.primaries[6:]).ravel()),
        **{
            name: b"XYZ " + bytes(4) + _fixed(*columns[:, i])
            for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))
        },
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(
        ">I4sI4s4s4s6H4s", start + len(body), b"", 0x04300000, b"mntr", b"RGB ", b"XYZ ", 2026, 1, 1, 0, 0, 0,
        b"acsp",
    )  # fmt: skip
    return (head + bytes(28) + _fixed(*_D50)).ljust(128, b"\x00") + table + body


_D50: Final = (0.9642, 1.0, 0.8249)
_BRADFORD: Final = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def rgb_to_xyz(primaries: Chromaticities) -> Light:
    """The matrix from linear RGB to CIE XYZ, (3, 3), in which the space's white has Y = 1."""
    x, y = np.array(primaries[0:6:2]), np.array(primaries[1:6:2])
    columns = np.array([x / y, np.ones(3), (1 - x - y) / y])
    shares: Light = columns * np.linalg.solve(columns, _white(primaries[6:]))
    return shares


def _white(xy: tuple[float, ...]) -> Light:
    return np.array([xy[0] / xy[1], 1, (1 - xy[0] - xy[1]) / xy[1]])


def _adaptation(white: tuple[float, ...]) -> Light:
    """Bradford's matrix from colours under `white` to those under the D50 of ICC profiles."""
    cones = _BRADFORD @ np.array(_D50) / (_BRADFORD @ _white(white))
    adapted: Light = np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD
    return adapted


def _is_possible(chromaticities: Chromaticities) -> bool:
    """Whether red, green and blue span a triangle with a white inside."""
    xy = np.array(chromaticities).reshape(4, 2)
    if (xy < 0).any() or (xy[:, 1] <= 0).any():
        return False
    triangle = np.column_stack([xy[:3], np.ones(3)]).T
    if abs(np.linalg.det(triangle)) < 1e-4:
        return False
    return bool((np.linalg.solve(triangle, [*xy[3], 1]) > 0).all())


def _pq_light(values: Light) -> Light:
    """PQ values [0, 1] to cd/m² on the display (ITU-R BT.2100, table 4)."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = values ** (1 / m2)
    light: Light = 10000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)
    return light


def _hlg_scene(values: Light) -> Light:
    """HLG values [0, 1] to light of the scene, [0, 1] (ITU-R BT.2100, table 5)."""
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * np.log(4 * a)
    scene: Light = np.where(values <= 0.5, values**2 / 3, (np.exp((values - c) / a) + b) / 12)
    return scene


def _from_hlg(colour: Stored, values: Light, space: Space, name: str) -> Stored:
    """HLG colours encoded with sRGB's curve; a display's system gamma of 1.2 acts on luminance."""
    scene = _hlg_scene(values).astype(np.float32)
    largest = int(np.iinfo(colour.dtype).max)
    weights = rgb_to_xyz(space.primaries)[1].astype(np.float32) if colour.shape[2] == 3 else np.ones(1, "f4")
    result = np.empty_like(colour)
    fine = _encoded(np.linspace(0, 1, 65536), largest)
    above = 0
    for first in range(0, len(colour), _ROWS):
        light = scene[colour[first : first + _ROWS]]
        luminance = light @ weights
        light *= (luminance ** np.float32(0.2) * np.float32(_HLG_PEAK / WHITE))[..., None]
        above += int((light > _ABOVE).sum())
        result[first : first + _ROWS] = fine[np.rint(np.minimum(light, 1) * 65535).astype(np.uint16)]
    _tell_highlights(above / colour.size, name)
    return result


def _encoded(light: Light, largest: int) -> Stored:
    """Light, 1 for white, as whole numbers with sRGB's curve, cut at white."""
    light = np.clip(light, 0, 1)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return _rounded(encoded, largest)


def _rounded(values: Light, largest: int) -> Stored:
    return cast(Stored, np.rint(values * largest).astype(np.uint8 if largest == 255 else np.uint16))


def _tell_highlights(share: float, name: str) -> None:
    """Warn where a share of the values that could be seen is cut at white."""
    if share > _SEEN:
        problem = f"is in HDR; light above diffuse white ({WHITE:.0f} cd/m²) is cut off"
        warnings.warn(f"{name}: {problem}", ProfileWarning, stacklevel=5)


def _fixed(*values: float) -> bytes:
    """S15Fixed16 numbers of ICC.1, section 4.6."""
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _text(text: str) -> bytes:
    """A multiLocalizedUnicodeType with one record."""
    words = text.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(words), 28) + words

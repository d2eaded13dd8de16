"""The arrays wisp works on, their ranges, and the only conversions between stored and working values.

Every word has one form (see docs/decisions and the vocabulary in CONTRIBUTING.md):

==============  ==================================================  ======================
``Image``       the photo I, sRGB-encoded, [0, 1]                   float32 (H, W, 3)
``Alpha``       α, [0, 1]                                           float32 (H, W)
``Mask``        soft segmentation, [0, 1]                           float32 (H, W)
``Trimap``      0 background, 128 unknown, 255 foreground           uint8 (H, W)
``Motion``      four neighbouring frames in grey, [0, 1]            float32 (H, W, 4)
``Foreground``  F, straight (never premultiplied), sRGB, [0, 1]     float32 (H, W, 3)
==============  ==================================================  ======================
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, cast, overload

import numpy as np
import numpy.typing as npt

from wisp.core.errors import InputError

Float: TypeAlias = npt.NDArray[np.float32]
Image: TypeAlias = Float
Foreground: TypeAlias = Float
Background: TypeAlias = Float
Alpha: TypeAlias = Float
Mask: TypeAlias = Float
Motion: TypeAlias = Float
Trimap: TypeAlias = npt.NDArray[np.uint8]
Bytes: TypeAlias = npt.NDArray[np.uint8]
Stored: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
Region: TypeAlias = npt.NDArray[np.bool_]
Bits: TypeAlias = Literal[8, 16]

_CHUNK: Final = 1 << 16
"""Values that are converted at a time."""
_ROUNDING: Final = 1e-3
"""How far floats may leave [0, 1] by computing in half precision; they are clipped."""
_SURELY: Final = 0.1
"""Greys of a trimap up to this are background, and down to 1 less this subject."""

BACKGROUND: Final = 0
UNKNOWN: Final = 128
FOREGROUND: Final = 255

LUMA: Final = (0.299, 0.587, 0.114)
"""Shares of sRGB-encoded red, green and blue in grey (ITU-R BT.601), as cameras and OpenCV have it."""

CLEAR: Final = 0.5 / 255
"""Alpha below this is 0 in a file of 8 bits."""


@dataclass(frozen=True, eq=False)
class Matte:
    """A subject cut out: how much of each pixel it covers, and its own colours there.

    Two mattes are equal only if they are the same object; ``numpy.array_equal`` compares their arrays.

    Args:
        alpha: float32 (H, W), [0, 1]; or what `as_alpha` converts.
        foreground: float32 (H, W, 3), sRGB-encoded, straight, [0, 1]; or what `as_image` converts.

    Raises:
        InputError: an array of another kind, values out of [0, 1] or NaN, or two sizes.
    """

    alpha: Alpha
    foreground: Foreground

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", as_alpha(self.alpha))
        object.__setattr__(self, "foreground", as_image(self.foreground, "foreground"))
        check_same_size("foreground", self.foreground, "alpha", self.alpha)

    @property
    def empty(self) -> bool:
        """Whether no pixel belongs to the subject."""
        return not bool(self.alpha.any())

    def rgba(self) -> Float:
        """The cut-out as straight RGBA: float32 (H, W, 4), [0, 1]."""
        straight = np.empty((*self.alpha.shape, 4), np.float32)
        straight[..., :3] = self.foreground
        straight[..., 3] = self.alpha
        return straight


def check_image(image: npt.NDArray[Any], name: str = "image") -> Image:
    """Return `image` if it is float32 (H, W, 3) with at least one pixel; its values are not looked at.

    Raises:
        InputError: otherwise, saying what was received.
    """
    if image.dtype != np.float32 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise InputError(name, f"is {_describe(image)}", "float32 (H, W, 3) in [0, 1] is accepted")
    return image


def check_alpha(alpha: npt.NDArray[Any], name: str = "alpha") -> Alpha:
    """Return `alpha` if it is float32 (H, W) with at least one pixel, else raise `InputError`."""
    if alpha.dtype != np.float32 or alpha.ndim != 2 or alpha.size == 0:
        raise InputError(name, f"is {_describe(alpha)}", "float32 (H, W) in [0, 1] is accepted")
    return alpha


def check_motion(motion: npt.NDArray[Any], name: str = "motion") -> Motion:
    """Return `motion` if it is float32 (H, W, 4) with at least one pixel, else raise `InputError`."""
    if motion.dtype != np.float32 or motion.ndim != 3 or motion.shape[2] != 4 or motion.size == 0:
        raise InputError(name, f"is {_describe(motion)}", "float32 (H, W, 4) in [0, 1] is accepted")
    return motion


def check_trimap(trimap: npt.NDArray[Any], name: str = "trimap") -> Trimap:
    """Return `trimap` with 127 and 129 taken as unknown.

    Raises:
        InputError: not uint8 (H, W), or a value other than 0, 127–129 and 255 (the first is shown).
    """
    if trimap.dtype != np.uint8 or trimap.ndim != 2 or trimap.size == 0:
        raise InputError(name, f"is {_describe(trimap)}", "uint8 (H, W) with 0, 128 and 255 is accepted")
    allowed = np.zeros(256, bool)
    allowed[[0, 127, 128, 129, 255]] = True
    good = allowed[trimap]
    if not good.all():
        row, column = np.unravel_index(int(np.argmin(good)), trimap.shape)
        raise InputError(
            name,
            f"has the value {trimap[row, column]} at row {row}, column {column}",
            "0 (background), 128 (unknown) and 255 (foreground) are accepted",
        )
    return np.where((trimap == BACKGROUND) | (trimap == FOREGROUND), trimap, np.uint8(UNKNOWN))


class TrimapWarning(UserWarning):
    """A trimap holds greys other than 0, 128 and 255, which were told apart by `as_trimap`."""


def as_image(values: object, name: str = "image") -> Image:
    """Colours that a caller holds, as the float32 (H, W, 3) in [0, 1] that wisp works on.

    Args:
        values: an array, or what offers itself as one: (H, W, 3), or grey (H, W) or (H, W, 1). uint8 and
            uint16 count from 0 to 255 and 65535, floats (of any width) from 0 to 1.
        name: what errors call it.

    Returns:
        `values` itself where it has this form already.

    Raises:
        InputError: no such array, NaN or infinity in it, or floats out of [0, 1].
    """
    array = _as_array(values, name)
    array = array[..., None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[2] not in (1, 3) or array.size == 0:
        hint = f" ({name}[..., :3] leaves the alpha channel out)" if array.shape[2:] == (4,) else ""
        raise InputError(name, f"is {_describe(array)}", f"(H, W, 3) or grey (H, W) is accepted{hint}")
    colours = _as_unit(array, name)
    return colours if array.shape[2] == 3 else np.repeat(colours, 3, axis=2)


def as_photo(values: object, name: str = "image") -> tuple[Image, Alpha | None]:
    """Colours as `as_image` gives them, and the alpha beside them.

    Args:
        values: see `as_image`; straight RGBA (H, W, 4) and grey with alpha (H, W, 2) as well.
        name: what errors call it.

    Returns:
        image float32 (H, W, 3), and alpha float32 (H, W); None without an alpha channel.

    Raises:
        InputError: see `as_image`.
    """
    array = _as_array(values, name)
    if array.ndim == 3 and array.shape[2] in (2, 4):
        return as_image(array[..., :-1], name), np.ascontiguousarray(_as_unit(array[..., -1], name))
    return as_image(array, name), None


def as_alpha(values: object, name: str = "alpha") -> Alpha:
    """An alpha that a caller holds, as the float32 (H, W) in [0, 1] that wisp works on.

    Args:
        values: an array of (H, W) or (H, W, 1): uint8 and uint16 count from 0 to 255 and 65535, floats from
            0 to 1, bool is 0 and 1.
        name: what errors call it.

    Returns:
        `values` itself where it has this form already.

    Raises:
        InputError: no such array, NaN or infinity in it, floats out of [0, 1], or integers of which the
            largest is 1 of 255 or less: labels, or eight bits in the place of sixteen.
    """
    array = _as_plane(values, name)
    if array.dtype.kind == "u" and 0 < int(array.max()) <= np.iinfo(array.dtype).max // 255:
        raise _too_dark(array, name, "alpha")
    return _as_unit(array, name)


def as_mask(values: object, name: str = "mask") -> Mask:
    """A mask that a caller holds, as the float32 (H, W) in [0, 1] that wisp works on.

    Args:
        values: see `as_alpha`.
        name: what errors call it.

    Returns:
        `values` itself where it has this form already.

    Raises:
        InputError: see `as_alpha`; integers of which the largest is below one half, so that nothing of the
            picture would be subject, as those of label pictures.
    """
    array = _as_plane(values, name)
    if array.dtype.kind == "u" and 0 < int(array.max()) < (np.iinfo(array.dtype).max + 1) // 2:
        raise _too_dark(array, name, "mask")
    return _as_unit(array, name)


def as_trimap(values: object, name: str = "trimap") -> Trimap:
    """A trimap that a caller or a painting program made, as the uint8 (H, W) that wisp works on.

    Up to a tenth of the largest value is background, from nine tenths on subject, and everything between is
    unknown: what JPEG and soft brushes make of three greys is taken for what was meant.

    Args:
        values: an array of (H, W) or (H, W, 1): uint8 and uint16 count from 0 to 255 and 65535, floats from
            0 to 1.
        name: what errors and warnings call it.

    Returns:
        uint8 (H, W): 0 background, 128 unknown, 255 foreground. `values` itself where it has this form.

    Warns:
        TrimapWarning: there are greys other than black, one middle grey of 127 to 129 (of 255), and white.

    Raises:
        InputError: no such array, NaN or infinity in it, floats out of [0, 1], or nothing above a tenth
            though not all is 0: labels such as 0, 1 and 2.
    """
    array = _as_plane(values, name)
    if array.dtype == bool:
        raise InputError(name, f"is {_describe(array)}", "a trimap has three values; mask= takes two")
    if array.dtype == np.uint8 and ((array == UNKNOWN) | (array == FOREGROUND) | (array == BACKGROUND)).all():
        return array
    levels = _as_unit(array, name)
    largest = float(levels.max())
    if 0 < largest <= _SURELY:
        told = f"is {largest:.3g}" if array.dtype.kind == "f" else _told(array)
        accepted = "0 (background), 128 (unknown) and 255 (foreground) are accepted"
        raise InputError(name, f"holds labels or is too dark: its largest value {told}", accepted)
    trimap = np.full(levels.shape, UNKNOWN, np.uint8)
    trimap[levels <= _SURELY] = BACKGROUND
    trimap[levels >= 1 - _SURELY] = FOREGROUND
    grey = from_float(levels)
    other = (grey != trimap) & ~((trimap == UNKNOWN) & (grey >= 127) & (grey <= 129))
    if other.any():
        share = np.count_nonzero(other) / other.size
        warnings.warn(
            f"{name}: {max(share, 0.0001):.2%} of its pixels are other greys than 0, 128 and 255; up to 10 % "
            "is taken as background, from 90 % on as subject, and the rest as unknown",
            TrimapWarning,
            stacklevel=2,
        )
    return trimap


def check_number(value: object, name: str, low: float, high: float, unit: str = "a number") -> float:
    """Raise `InputError` unless `value` is a number in [`low`, `high`]; NaN and truth values are none."""
    number = _as_number(value)
    if not low <= number <= high:
        raise InputError(name, f"is {value!r}"[:80], f"{unit} in [{low:g}, {high:g}] is accepted")
    return number


def check_at_least(least: float, **numbers: object) -> None:
    """Raise `InputError` unless each is a number of `least` and above; NaN and truth values are none."""
    for name, value in numbers.items():
        if not _as_number(value) >= least:
            raise InputError(name, f"is {value!r}"[:80], f"{least:g} and above is accepted")


def check_above_zero(**numbers: object) -> None:
    """Raise `InputError` unless each is a number above zero; NaN and truth values are none."""
    for name, value in numbers.items():
        if not _as_number(value) > 0:
            raise InputError(name, f"is {value!r}"[:80], "a number above zero is accepted")


def check_same_size(name: str, array: npt.NDArray[Any], other: str, reference: npt.NDArray[Any]) -> None:
    """Raise `InputError` unless `array` has the height and width of `reference`."""
    if array.shape[:2] != reference.shape[:2]:
        (h, w), (rh, rw) = array.shape[:2], reference.shape[:2]
        raise InputError(name, f"is {w}×{h}", f"the size of the {other}, {rw}×{rh}, is accepted")


def to_float(stored: Stored) -> Float:
    """Stored integers to working floats: uint8 0–255 or uint16 0–65535 → float32 [0, 1], same shape."""
    largest = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}.get(stored.dtype)
    if largest is None:
        raise InputError("pixels", f"are {stored.dtype}", "uint8 and uint16 are accepted")
    return np.multiply(stored, np.float32(1 / largest), dtype=np.float32)


def as_floats(values: Float | Stored) -> Float:
    """Working floats as they are, stored integers by `to_float`."""
    return cast(Float, values) if values.dtype == np.float32 else to_float(cast(Stored, values))


@overload
def from_float(values: Float, bits: Literal[8] = 8) -> npt.NDArray[np.uint8]: ...
@overload
def from_float(values: Float, bits: Bits) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]: ...
def from_float(values: Float, bits: Bits = 8) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """Working floats to stored integers, clipped to [0, 1] and rounded to nearest.

    Args:
        values: float32, any shape with at least one axis.
        bits: 8 → uint8 0–255, 16 → uint16 0–65535.
    """
    stored = np.empty(values.shape, np.uint8 if bits == 8 else np.uint16)
    rows = max(1, _CHUNK * len(values) // max(values.size, 1))
    for first in range(0, len(values), rows):  # a few at a time: large photos take no second copy in floats
        scaled = np.clip(values[first : first + rows], 0, 1)
        scaled *= 255 if bits == 8 else 65535
        scaled += 0.5
        stored[first : first + rows] = scaled
    return stored


def to_luma(image: Image) -> Float:
    """Luma of sRGB-encoded colours: float32 (H, W, 3) → (H, W)."""
    return np.asarray(image @ np.array(LUMA, np.float32), np.float32)


def motion_of_still(image: Image) -> Motion:
    """The motion cue of a still, its own grey four times: float32 (H, W, 3) → (H, W, 4)."""
    return np.repeat(to_luma(image)[..., None], 4, 2)


def hide_transparent(image: Image, opacity: Alpha) -> Image:
    """A picture whose hidden colours, those of fully transparent pixels, are replaced by grey.

    Args:
        image: float32 (H, W, 3), [0, 1].
        opacity: float32 (H, W), [0, 1].
    """
    hidden = opacity <= 0
    return np.where(hidden[..., None], np.float32(0.5), image) if hidden.any() else image


def constant_image(colour: npt.NDArray[Any], size: tuple[int, ...]) -> npt.NDArray[Any]:
    """One colour (3,) all over a picture (H, W, 3); by rows, since numpy repeats three numbers slowly."""
    height, width = size
    return np.tile(np.tile(colour, width), (height, 1)).reshape(height, width, 3)


def srgb_to_linear(encoded: Float) -> Float:
    """SRGB-encoded to linear light, both float32 [0, 1], any shape (IEC 61966-2-1)."""
    linear = ((encoded + 0.055) / 1.055) ** 2.4
    return np.where(encoded <= 0.04045, encoded / 12.92, linear).astype(np.float32)


def linear_to_srgb(linear: Float) -> Float:
    """Linear light to sRGB-encoded, both float32 [0, 1], any shape (IEC 61966-2-1)."""
    encoded = 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, linear * 12.92, encoded).astype(np.float32)


def _as_number(value: object) -> float:
    """The number, or NaN where it is none."""
    number = isinstance(value, float | int | np.floating | np.integer) and not isinstance(value, bool)
    return float(value) if number else math.nan  # type: ignore[arg-type]


def _as_array(values: object, name: str) -> npt.NDArray[Any]:
    """An array that NumPy sees in `values` without guessing; no lists, text, or objects."""
    if not (isinstance(values, np.ndarray) or hasattr(values, "__array__") or hasattr(values, "__dlpack__")):
        raise InputError(name, f"is {_kind(values)}", "an array is accepted (numpy.asarray makes one)")
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise InputError(name, "is a masked array that hides values", f"{name}.filled(…) says what they are")
    try:
        array = np.asarray(values if hasattr(values, "__array__") else np.from_dlpack(values))  # type: ignore[arg-type]
    except Exception as error:  # whatever the object's own package raises: of torch, tensors with gradients
        told = (str(error).strip().splitlines() or [type(error).__name__])[0]
        problem = f"is {_kind(values)} that NumPy cannot read ({told})"
        raise InputError(name, problem, "an array in main memory is accepted") from error
    if array.dtype.kind == "u" and not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype not in (np.uint8, np.uint16, bool) and array.dtype.kind != "f":
        raise InputError(
            name,
            f"is {_describe(array)}",
            "uint8 of 0 to 255, uint16 of 0 to 65535, or floats in [0, 1] are accepted "
            f"({name}.astype(numpy.uint8) converts whole numbers up to 255)",
        )
    return array


def _as_plane(values: object, name: str) -> npt.NDArray[Any]:
    """An array (H, W) with at least one pixel."""
    array = _as_array(values, name)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim != 2 or array.size == 0:
        hint = f" ({name}[..., 0] takes one of its channels)" if array.ndim == 3 else ""
        raise InputError(name, f"is {_describe(array)}", f"(H, W) is accepted{hint}")
    return array


def _as_unit(array: npt.NDArray[Any], name: str) -> Float:
    """Values of any accepted kind as float32 in [0, 1]; the array itself where it holds that."""
    if array.dtype == bool:
        return array.astype(np.float32)
    if array.dtype.kind == "u":
        return to_float(array)
    least, greatest = array.min(), array.max()  # NaN where there is any
    if least >= 0 and greatest <= 1:
        return np.asarray(array, np.float32)
    if not (np.isfinite(least) and np.isfinite(greatest)):
        place = np.unravel_index(int(np.argmin(np.isfinite(array))), array.shape)
        where = f"row {place[0]}, column {place[1]}"
        raise InputError(name, f"holds {array[place]} at {where}", "finite values in [0, 1] are accepted")
    if least < -_ROUNDING or greatest > 1 + _ROUNDING:
        hint = f"; uint8 counts from 0 to 255 ({name}.astype(numpy.uint8))" if greatest > 2 else ""
        problem = f"has values from {float(least):g} to {float(greatest):g}"
        raise InputError(name, problem, f"floats in [0, 1] are accepted{hint}")
    clipped: Float = np.clip(array, 0, 1).astype(np.float32, copy=False)
    return clipped


def _too_dark(array: npt.NDArray[Any], name: str, kind: str) -> InputError:
    """The error for a label picture in the place of a mask or an alpha."""
    largest = int(array.max())
    accepted = f"{kind} values of 0 to {np.iinfo(array.dtype).max} are accepted"
    recipe = f"; multiplying by {np.iinfo(array.dtype).max // largest} makes them such"
    return InputError(
        name, f"holds labels or is too dark: its largest value {_told(array)}", accepted + recipe
    )


def _told(array: npt.NDArray[Any]) -> str:
    return f"is {int(array.max())} of {np.iinfo(array.dtype).max}"


def _kind(value: object) -> str:
    if value is None:
        return "None"
    return f"a {type(value).__name__}" if not isinstance(value, str) else f"the text {value[:40]!r}"


def _describe(array: npt.NDArray[Any]) -> str:
    return f"{array.dtype} {tuple(array.shape)}"

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

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, overload

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
Bits: TypeAlias = Literal[8, 16]

_CHUNK: Final = 1 << 16
"""Values that are converted at a time."""

BACKGROUND: Final = 0
UNKNOWN: Final = 128
FOREGROUND: Final = 255


@dataclass(frozen=True)
class Matte:
    """What matting yields: how much of each pixel is subject, and the subject's own colours there.

    Attributes:
        alpha: float32 (H, W), [0, 1].
        foreground: float32 (H, W, 3), sRGB-encoded, straight, [0, 1].
    """

    alpha: Alpha
    foreground: Foreground

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        check_image(self.foreground, "foreground")
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
    """Return `image` if it is float32 (H, W, 3) with at least one pixel.

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


def check_same_size(name: str, array: npt.NDArray[Any], other: str, reference: npt.NDArray[Any]) -> None:
    """Raise `InputError` unless `array` has the height and width of `reference`."""
    if array.shape[:2] != reference.shape[:2]:
        (h, w), (rh, rw) = array.shape[:2], reference.shape[:2]
        raise InputError(name, f"is {w}×{h}", f"the size of the {other}, {rw}×{rh}, is accepted")


def to_float(stored: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> Float:
    """Stored integers to working floats: uint8 0–255 or uint16 0–65535 → float32 [0, 1], same shape."""
    largest = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}.get(stored.dtype)
    if largest is None:
        raise InputError("pixels", f"are {stored.dtype}", "uint8 and uint16 are accepted")
    return np.multiply(stored, np.float32(1 / largest), dtype=np.float32)


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


def plain(colour: npt.NDArray[Any], size: tuple[int, ...]) -> npt.NDArray[Any]:
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


def _describe(array: npt.NDArray[Any]) -> str:
    return f"{array.dtype} {tuple(array.shape)}"

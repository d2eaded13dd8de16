"""A frame's subject on another background, as pixels that are written: quickly, for clips and cameras."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wisp.clips.colours import SoftColours, thrice
from wisp.clips.io.colour import Pixels
from wisp.core.arrays import Alpha, Float, constant_image, from_float, to_float
from wisp.core.opencv import opencv


def composite_frame(pixels: Pixels, alpha: Alpha, soft: SoftColours, behind: Pixels) -> Pixels:
    """αF + (1 − α)B in encoded values, as `wisp.compositing.over.over`, computed where alpha is soft alone.

    Args:
        pixels: of the frame, uint8 or uint16 (H, W, 3), sRGB-encoded.
        alpha: float32 (H, W), [0, 1].
        soft: the subject's own colours where alpha is soft, by `wisp.clips.colours.estimate_soft_colours`.
        behind: of the same type, (H, W, 3), or (3,) for one colour everywhere.

    Returns:
        of the same type, (H, W, 3).

    Raises:
        MissingExtraError: OpenCV is not installed.
    """
    result = constant_image(behind, alpha.shape) if behind.ndim == 1 else behind.copy()
    opencv().copyTo(pixels, (alpha >= 1).view(np.uint8), result)
    hidden = to_float(behind if behind.ndim == 1 else behind.reshape(-1, 3).take(soft.places, 0))
    opacity = thrice(alpha.reshape(-1).take(soft.places))
    mixed = hidden + opacity * (soft.colours - hidden)
    put_pixels(result, soft.places, to_integers(mixed, 8 * result.itemsize))
    return result


def put_pixels(picture: Pixels, places: npt.NDArray[np.intp], values: Pixels) -> None:
    """Write some pixels of a picture, each as one item: several times faster than NumPy writes three.

    Args:
        picture: (H, W, 3), contiguous; it is changed.
        places: N indices into the flattened picture.
        values: of its type, (N, 3), contiguous.
    """
    item = f"V{3 * picture.itemsize}"
    np.put(picture.reshape(-1).view(item), places, values.reshape(-1).view(item))


def to_integers(values: Float, bits: int) -> Pixels:
    """Values in [0, 1] as integers of 8 or, above 8 bits, 16."""
    return from_float(values, 16 if bits > 8 else 8)

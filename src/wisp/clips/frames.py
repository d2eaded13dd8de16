"""A frame's subject on another background, as pixels that are written: quickly, for clips and cameras."""

from __future__ import annotations

import numpy as np

from wisp.clips.colours import SoftColours
from wisp.clips.io.colour import Pixels
from wisp.core.arrays import Alpha, Background, Float, Image, constant_image, from_float
from wisp.core.opencv import opencv
from wisp.core.regions import bounding_box


def composite_frame(
    image: Image,
    alpha: Alpha,
    soft: SoftColours,
    behind: Background,
    bits: int = 8,
    pixels: Pixels | None = None,
) -> Pixels:
    """αF + (1 − α)B in encoded values, as `wisp.compositing.over.over`, computed where alpha is soft alone.

    Args:
        image: the frame, float32 (H, W, 3), sRGB-encoded, [0, 1].
        alpha: float32 (H, W), [0, 1].
        soft: the subject's own colours where alpha is soft, by `wisp.clips.colours.estimate_soft_colours`.
        behind: float32 (H, W, 3), sRGB-encoded, [0, 1]; or float32 (3,), one colour everywhere.
        bits: of the result; above 8 it has 16.
        pixels: the image as integers, (H, W, 3), if they are at hand; made use of where they have those bits.

    Returns:
        uint8 or uint16 (H, W, 3).

    Raises:
        MissingExtraError: OpenCV is not installed.
    """
    result = to_integers(behind, bits)
    if result.ndim == 1:
        result = constant_image(result, alpha.shape)
    box = bounding_box(alpha)
    if box is None:
        return result
    at_hand = pixels is not None and pixels.dtype == result.dtype
    subject = pixels[box.slices] if pixels is not None and at_hand else to_integers(image[box.slices], bits)
    whole = (alpha[box.slices] >= 1).view(np.uint8)
    result[box.slices] = opencv().copyTo(np.ascontiguousarray(subject), whole, result[box.slices].copy())
    hidden = behind if behind.ndim == 1 else behind.reshape(-1, 3).take(soft.places, 0)
    opacity = alpha.reshape(-1).take(soft.places)[:, None]
    mixed = to_integers(hidden + opacity * (soft.colours - hidden), bits)
    result.reshape(-1, 3)[soft.places] = mixed
    return result


def to_integers(values: Float, bits: int) -> Pixels:
    """Values in [0, 1] as integers of 8 or, above 8 bits, 16."""
    return from_float(values, 16 if bits > 8 else 8)

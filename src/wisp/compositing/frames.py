"""A frame's matte on its background, as pixels that are written: quickly, for clips and cameras."""

from __future__ import annotations

import numpy as np

from wisp.arrays import Background, Float, Matte, from_float
from wisp.io.video_colour import Pixels
from wisp.opencv import opencv
from wisp.quick import plain, presence


def composed(matte: Matte, behind: Background, bits: int = 8) -> Pixels:
    """αF + (1 − α)B in encoded values, as `wisp.compositing.over.over`, computed where alpha is soft alone.

    Args:
        matte: of the frame; its foreground counts where alpha is above 0.
        behind: float32 (H, W, 3), sRGB-encoded, [0, 1]; or float32 (3,), one colour everywhere.
        bits: of the result; above 8 it has 16.

    Returns:
        uint8 or uint16 (H, W, 3).
    """
    pixels = stored(behind, bits)
    if pixels.ndim == 1:
        pixels = plain(pixels, matte.alpha.shape)
    box = presence(matte.alpha)
    if box is None:
        return pixels
    alpha, foreground = matte.alpha[box.slices], matte.foreground[box.slices]
    part = np.ascontiguousarray(pixels[box.slices])
    opencv().copyTo(stored(foreground, bits), (alpha >= 1).view(np.uint8), part)
    soft = np.nonzero((alpha > 0) & (alpha < 1))
    hidden = behind if behind.ndim == 1 else behind[box.slices][soft]
    part[soft] = stored(hidden + alpha[soft][:, None] * (foreground[soft] - hidden), bits)
    pixels[box.slices] = part
    return pixels


def stored(values: Float, bits: int) -> Pixels:
    """Values in [0, 1] as integers of 8 or, above 8 bits, 16."""
    return from_float(values, 16 if bits > 8 else 8)

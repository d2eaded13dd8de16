"""Blur fusion: foreground colours from blurred images, with no system to solve.

Forte 2021, "Approximate Fast Foreground Colour Estimation" (ICIP).

F̂ and B̂ are local averages of the image, weighted by α and by 1 − α. What they leave unexplained at a pixel
goes to F in proportion to α: F = F̂ + α (I − αF̂ − (1 − α)B̂). A second pass averages the F and B of the first
over a small window, which brings local colours back.

Deviations from the paper: F = I where α = 1 and B = I where α = 0, exactly; where a window holds nothing of a
layer its average is the layer's mean over the image, not zero.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import ndimage

from wisp.core.arrays import Alpha, Background, Float, Foreground, Image

WINDOW: Final = 91
"""Side of the first pass's window in pixels; the paper's 90, made odd so that it is centred."""

SECOND_WINDOW: Final = 7
"""Side of the second pass's window in pixels; the paper's 6, made odd."""

_EPSILON = np.float32(1e-4)


def estimate_blur_fusion(
    image: Image, alpha: Alpha, *, passes: int = 2, window: int = WINDOW, second_window: int = SECOND_WINDOW
) -> tuple[Foreground, Background]:
    """Foreground and background colours by blur fusion.

    Args:
        image: float32 (H, W, 3), [0, 1].
        alpha: float32 (H, W), [0, 1].
        passes: 1 or 2 ("×1" and "×2" in the paper).
        window: side in pixels of the box over which the first pass averages.
        second_window: side in pixels of the box of the second pass.

    Returns:
        foreground: float32 (H, W, 3), [0, 1]; the image where α = 1.
        background: float32 (H, W, 3), [0, 1]; the image where α = 0.
    """
    opacity = alpha[..., None]
    foreground, background = _fuse(image, image, image, opacity, window)
    if passes == 2:
        foreground, background = _fuse(image, foreground, background, opacity, second_window)
    np.clip(foreground, 0, 1, out=foreground)
    np.clip(background, 0, 1, out=background)
    np.copyto(foreground, image, where=opacity >= 1)
    np.copyto(background, image, where=opacity <= 0)
    return foreground, background


def _fuse(
    image: Image, foreground: Float, background: Float, opacity: Float, window: int
) -> tuple[Float, Float]:
    """Local averages of the given F and B, and the residual shared out by α."""
    transparency = 1 - opacity
    foreground = _average(foreground, opacity, window)
    background = _average(background, transparency, window)
    residual = image - opacity * foreground - transparency * background
    foreground += opacity * residual
    background += transparency * residual
    return foreground, background


def _average(colours: Float, weight: Float, window: int) -> Float:
    """Mean of `colours` under `weight` over a window; over the whole image where a window has no weight."""
    weighted = colours * weight
    mean = weighted.mean((0, 1), dtype=np.float64) / max(float(weight.mean(dtype=np.float64)), 1e-6)
    size = (window, window, 1)
    total = ndimage.uniform_filter(weighted, size, mode="constant")
    mass = ndimage.uniform_filter(weight, size, mode="constant")
    averaged: Float = (total + _EPSILON * mean.astype(np.float32)) / (mass + _EPSILON)
    return averaged

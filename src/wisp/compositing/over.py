"""Setting a subject on a background: I = αF + (1 − α)B, and plain copy-paste.

Porter, Duff 1984, "Compositing Digital Images" (the operator "over", here on straight colours and an opaque
background).
"""

from __future__ import annotations

import numpy as np

from wisp.core.arrays import (
    Alpha,
    Background,
    Foreground,
    Image,
    check_alpha,
    check_image,
    check_same_size,
    linear_to_srgb,
    srgb_to_linear,
)
from wisp.core.errors import InputError


def over(foreground: Foreground, alpha: Alpha, background: Background, *, linear: bool = False) -> Image:
    """The subject on a background: αF + (1 − α)B at every pixel.

    Mattes are estimated from sRGB-encoded photos, so that α and F explain encoded values; blending
    encoded values is therefore the default, and a subject put back on its background gives the photo. Linear
    light is what a lens does, and keeps the brightness of blurred edges, when α is a true coverage.

    Args:
        foreground: float32 (H, W, 3), straight colours, sRGB-encoded, [0, 1].
        alpha: float32 (H, W), [0, 1].
        background: float32 (H, W, 3), sRGB-encoded, [0, 1]; or float32 (3,), one colour everywhere.
        linear: blend in linear light instead of encoded values.

    Returns:
        float32 (H, W, 3), sRGB-encoded; within [0, 1] where the inputs are.

    Raises:
        InputError: an array of another type or size.
    """
    check_image(foreground, "foreground")
    check_alpha(alpha)
    check_same_size("alpha", alpha, "foreground", foreground)
    behind = _background(background, foreground)
    if linear:
        mixed = over(srgb_to_linear(foreground), alpha, srgb_to_linear(behind))
        return linear_to_srgb(mixed)
    composite = foreground - behind
    composite *= alpha[..., None]
    composite += behind
    return composite


def copy_paste(image: Image, alpha: Alpha, background: Background, *, hard: bool = False) -> Image:
    """The photo's own pixels on a background: the naive paste, which takes the old background along.

    Args:
        image: float32 (H, W, 3), the photo itself (no foreground estimation).
        alpha: float32 (H, W), [0, 1].
        background: float32 (H, W, 3), or float32 (3,), one colour everywhere.
        hard: take each pixel whole, from the photo where α ≥ 0.5 and from the background elsewhere; otherwise
            mix them by α, which leaves a rim of the old background.

    Returns:
        float32 (H, W, 3), [0, 1].

    Raises:
        InputError: an array of another type or size.
    """
    check_image(image)
    check_alpha(alpha)
    return over(image, (alpha >= 0.5).astype(np.float32) if hard else alpha, background)


def _background(background: Background, foreground: Foreground) -> Background:
    if background.shape == (3,) and background.dtype == np.float32:
        return np.broadcast_to(background, foreground.shape)
    if background.ndim == 1:
        raise InputError(
            "background",
            f"is {background.dtype} {background.shape}",
            "float32 (H, W, 3), or float32 (3,) for one colour, is accepted",
        )
    check_image(background, "background")
    check_same_size("background", background, "foreground", foreground)
    return background

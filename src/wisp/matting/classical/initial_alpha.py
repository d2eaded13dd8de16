"""A quick initial alpha from a trimap: closed-form matting at half size, for networks to start from.

A network sees tiles and learns from crops; closed-form matting carries alpha along colour lines across the
whole photo. At half size it costs a quarter of the time and keeps most of the shape (docs/decisions/014).
"""

from __future__ import annotations

import numpy as np

from wisp.core.arrays import (
    BACKGROUND,
    FOREGROUND,
    UNKNOWN,
    Alpha,
    Image,
    Trimap,
    check_image,
    check_same_size,
    check_trimap,
)
from wisp.matting.classical.closed_form import closed_form
from wisp.matting.classical.halving import double, halve


def estimate_initial_alpha(image: Image, trimap: Trimap) -> Alpha:
    """Alpha of closed-form matting at half size, enlarged bilinearly.

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1], of any size.
        trimap: uint8 (H, W), 0 background, 128 unknown, 255 foreground.

    Returns:
        float32 (H, W), [0, 1]: exactly 0 and 1 where the trimap is known; one half where it is unknown and
        names no foreground or no background, from which nothing follows.

    Raises:
        InputError: arrays of the wrong kind or of different sizes.
    """
    trimap = check_trimap(trimap)
    check_same_size("trimap", trimap, "image", check_image(image))
    unknown = trimap == UNKNOWN
    alpha: Alpha = (trimap == FOREGROUND).astype(np.float32)
    if not unknown.any():
        return alpha
    small, coarse = halve(image, trimap)
    if not ((coarse == FOREGROUND).any() and (coarse == BACKGROUND).any()):
        alpha[unknown] = 0.5
        return alpha
    found = closed_form(small, coarse, warn=False).alpha
    np.copyto(alpha, double(found, trimap.shape), where=unknown)
    return alpha

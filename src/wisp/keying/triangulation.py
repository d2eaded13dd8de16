"""Alpha and foreground of a subject photographed twice, in front of two known backgrounds.

Smith and Blinn 1996, "Blue Screen Matting" (Theorem 4, triangulation matting), as least squares over any
number of photos: with the premultiplied foreground c = αF, each photo says I_k = c + (1 − α)B_k. Let Ī and B̄
be the means over the photos; then

    1 − α = Σ (I_k − Ī)·(B_k − B̄) / Σ |B_k − B̄|²        c = Ī − (1 − α)B̄

Where every photo shows its background within its noise, alpha is 0; where all photos are the same within
theirs, it is 1. Nothing else is assumed of the foreground: glass, smoke and a foreground in the colour of a
screen come out right, as long as neither the subject nor the camera moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from wisp.core.arrays import Alpha, Background, Float, Image, Matte, check_image, check_same_size
from wisp.core.blur import blur_normalised, scipy_tools
from wisp.core.errors import InputError
from wisp.keying.screen import estimate_noise, within_noise

APART: Final = 0.02
"""How far apart the backgrounds must be on average (root mean square of a channel) to tell anything."""
_HIDDEN: Final = np.float32(1e-3)
_TRUST: Final = 1e-3  # below this weight a wider blur takes over
_TOOLS: Final = scipy_tools(truncate=3.5, padded=True)


def triangulate(images: Sequence[Image], backgrounds: Sequence[Background]) -> Matte:
    """Alpha and foreground from two or more photos of the same subject.

    Args:
        images: float32 (H, W, 3), [0, 1], each with the subject at the same pixels.
        backgrounds: float32 (H, W, 3), [0, 1], the background of each photo without the subject.

    Returns:
        Alpha and foreground; where alpha is 0 the foreground is continued from around.

    Raises:
        InputError: fewer than two photos, not one background for each, arrays of other types or sizes, or
            backgrounds that are too alike.
    """
    if len(images) < 2 or len(images) != len(backgrounds):
        problem = f"are {len(images)} for {len(backgrounds)} backgrounds"
        raise InputError("images", problem, "two or more, each with its background, are accepted")
    for name, arrays in (("image", images), ("background", backgrounds)):
        for array in arrays:
            check_image(array, name)
            check_same_size(name, array, "first image", images[0])
    mean_image = _mean(images)
    mean_background = _mean(backgrounds)
    shown = np.zeros(mean_image.shape[:2], np.float32)
    apart = np.zeros_like(shown)
    for image, background in zip(images, backgrounds, strict=True):
        offset = background - mean_background
        shown += ((image - mean_image) * offset).sum(axis=2)
        apart += (offset * offset).sum(axis=2)
    contrast = float(np.sqrt(apart.mean(dtype=np.float64) / (3 * len(images))))
    if contrast < APART:
        problem = f"differ by {255 * contrast:.1f} levels"
        raise InputError("backgrounds", problem, f"{255 * APART:.0f} of 255 levels or more are accepted")
    alpha = np.asarray(1 - shown / np.maximum(apart, np.float32(1e-6)), np.float32)
    alpha = np.clip(alpha, 0, 1, out=alpha)
    noises = [estimate_noise(*pair) for pair in zip(images, backgrounds, strict=True)]
    opaque, empty = np.ones_like(alpha, bool), np.ones_like(alpha, bool)
    for image, background, noise in zip(images, backgrounds, noises, strict=True):
        empty &= within_noise(image - background, noise)
        if image is not images[0]:
            opaque &= within_noise(image - images[0], noise + noises[0])
    alpha[opaque] = 1
    alpha[empty] = 0
    premultiplied = np.clip(mean_image - (1 - alpha[..., None]) * mean_background, 0, alpha[..., None])
    return Matte(alpha, _straight(premultiplied, alpha))


def _mean(arrays: Sequence[Float]) -> Float:
    total = arrays[0].copy()
    for array in arrays[1:]:
        total += array
    return total / np.float32(len(arrays))


def _straight(premultiplied: Float, alpha: Alpha) -> Float:
    """F of αF: divided where alpha is enough, continued from around elsewhere."""
    show = alpha[..., None]
    shown = np.clip(premultiplied, 0, show)
    weighted = np.concatenate([shown * show, show * show], axis=2)
    fallback = premultiplied.mean((0, 1), dtype=np.float64).astype(np.float32)
    continued = blur_normalised(weighted, 0.0, _TOOLS, trust=_TRUST, fallback=fallback).clip(0, 1)
    share = np.maximum(alpha, _HIDDEN)[..., None]
    return np.where(alpha[..., None] > 0.05, np.clip(premultiplied / share, 0, 1), continued)

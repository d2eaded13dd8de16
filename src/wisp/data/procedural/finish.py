"""What every foreground goes through last: a camera's softness, and colours where there is no subject."""

from __future__ import annotations

from typing import Final

import numpy as np

from wisp.core.arrays import Alpha, Float, Foreground
from wisp.data.procedural.fields import blur, spline

_LEAST: Final = np.float32(0.5 / 255)
"""Alpha below this is 0, and above 1 − this it is 1."""


def finish(drawn: Float, rng: np.random.Generator) -> tuple[Foreground, Alpha]:
    """Foreground and alpha of what was drawn, as sharp as a lens makes it, and now and then out of focus.

    Args:
        drawn: float32 (4, H, W), premultiplied colour and alpha.
        rng: random source.

    Returns:
        float32 (H, W, 3), straight, [0, 1], and float32 (H, W), [0, 1].
    """
    sigma = rng.uniform(0, 0.9)
    if rng.random() < 0.08:
        sigma += rng.uniform(0, 2) * min(drawn.shape[1:]) / 512
    if sigma >= 0.25:  # less makes no difference
        drawn = blur(drawn, sigma)
    return straighten(drawn[:3], drawn[3])


def straighten(premultiplied: Float, alpha: Alpha) -> tuple[Foreground, Alpha]:
    """Straight colours, carried on smoothly to where alpha is 0, so that resampling makes no fringe.

    Args:
        premultiplied: float32 (3, H, W).
        alpha: float32 (H, W).

    Returns:
        float32 (H, W, 3), [0, 1], and alpha, float32 (H, W): 0 and 1 where 8 bits would say so.
    """
    height, width = alpha.shape
    down, across = (spline(side, -(-side // 16) + 3) for side in (height, width))
    sums = [down.T @ plane @ across for plane in (*premultiplied, alpha)]
    far = np.float32(1e-3) * np.stack([plane.mean() for plane in sums])
    present = alpha >= _LEAST
    inverse = 1 / np.maximum(alpha, _LEAST)
    planes = np.empty_like(premultiplied)
    for c in range(3):
        around = (sums[c] + far[c]) / (sums[3] + far[3] + np.float32(1e-9))
        planes[c] = np.where(present, premultiplied[c] * inverse, down @ around @ across.T)
    alpha = np.where(present, alpha, 0)
    alpha[alpha > 1 - _LEAST] = 1
    np.clip(planes, 0, 1, out=planes)
    return np.ascontiguousarray(planes.transpose(1, 2, 0)), alpha

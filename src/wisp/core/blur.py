"""Blurs that count each pixel as much as it is known.

Normalised convolution (Knutsson, Westin 1993, "Normalized and differential convolution"), widened where
little is known nearby. What blurs and resizes is the caller's, so that photos need no OpenCV and clips may
use it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from wisp.core.arrays import Float
from wisp.core.resample import block_means, enlarge_blocks


class Tools(NamedTuple):
    """Functions that blur and resize arrays (h, w, C), of one library or another.

    Attributes:
        gaussian: f(values, sigma), zero beyond the border.
        halve: f(values), at half the size, rounded up or down.
        restore: f(values, (h, w)), the reverse.
    """

    gaussian: Callable[[Float, float], Float]
    halve: Callable[[Float], Float]
    restore: Callable[[Float, tuple[int, int]], Float]


def scipy_tools(*, truncate: float, padded: bool) -> Tools:
    """SciPy's Gaussian, cut off at so many standard deviations, and means over blocks of 2 × 2 pixels.

    Args:
        truncate: standard deviations.
        padded: as for `wisp.core.resample.block_means`.
    """

    def gaussian(values: Float, sigma: float) -> Float:
        found = ndimage.gaussian_filter(values, (sigma, sigma, 0), mode="constant", truncate=truncate)
        return np.asarray(found, np.float32)

    return Tools(
        gaussian,
        lambda values: block_means(values, 2, padded=padded),
        lambda values, size: enlarge_blocks(values, 2, size),
    )


def blur_normalised(
    values: Float, sigma: float, tools: Tools, *, trust: float, fallback: Float | None = None
) -> Float:
    """Weighted means of what is near; of what is farther away as well where little of it is near.

    Args:
        values: float32 (h, w, C + 1), each already times its weight, and the weight last.
        sigma: standard deviation of the Gaussian, pixels; 0 for none.
        tools: what blurs and resizes.
        trust: below this weight a wider blur takes over; at none it is all that counts.
        fallback: float32 (C,), where there is no weight at all; 0 when None.

    Returns:
        float32 (h, w, C).
    """
    sums = tools.gaussian(values, sigma) if sigma > 0 else values
    weight = sums[..., -1:]
    height, width = values.shape[:2]
    if float(weight.min()) >= trust or max(height, width) == 1:
        means = sums[..., :-1] / np.maximum(weight, np.float32(1e-9))
        if fallback is not None:
            means = np.where(weight > 1e-9, means, fallback)
        return np.asarray(means, np.float32)
    narrow = tools.halve(values)
    wider = tools.restore(
        blur_normalised(narrow, max(sigma, 1.0), tools, trust=trust, fallback=fallback), (height, width)
    )
    share = np.maximum(np.float32(trust) - weight, 0)
    mixed: Float = (sums[..., :-1] + share * wider) / (weight + share)
    return mixed

"""One alpha of two: closed-form matting's, and that of a network that is led by the mask."""

from __future__ import annotations

from typing import Final

import numpy as np

from wisp.core.arrays import UNKNOWN, Alpha, Trimap
from wisp.core.settings import AUTO

NETWORK_SHARE: Final = np.float32(AUTO.network_share)
"""The network's share where the mask's trimap is unknown and both agree; docs/decisions/024, 036 and 041."""
KNOWN: Final = np.float32(AUTO.known)
"""Largest difference between network and mask, [0, 1], at which the mask's known pixels stay as they are."""


def mix_alphas(first: Alpha, network: Alpha, trimap: Trimap) -> Alpha:
    """A mean of two alphas where a mask's trimap is unknown; elsewhere the mask, unless it is overruled.

    The network counts by as much as it differs from closed-form matting, less what counts as known, and where
    the trimap is unknown by `NETWORK_SHARE` at least. A mask is wrong in places that its trimap calls known:
    where the network is far from what is known there, it has seen more than the mask says.

    Args:
        first: closed-form matting's, float32 (H, W), [0, 1]; 0 and 1 where the trimap is known.
        network: the network's, float32 (H, W), [0, 1].
        trimap: uint8 (H, W), 0, 128 and 255.

    Returns:
        float32 (H, W), [0, 1].
    """
    difference = network - first
    far = (np.abs(difference) - KNOWN) / (1 - KNOWN)
    share = np.maximum(far, NETWORK_SHARE * (trimap == UNKNOWN))
    alpha: Alpha = first + share * difference
    return alpha

"""One alpha of two: closed-form matting's, and that of a network that is led by the mask."""

from __future__ import annotations

from typing import Final

import numpy as np

from wisp.core.arrays import UNKNOWN, Alpha, Trimap
from wisp.core.settings import AUTO

NETWORK_SHARE: Final = tuple(map(np.float32, AUTO.network_share))
"""The network's share of what ``auto`` makes without guidance: where it agrees with closed-form
matting, and where it does not; chosen in docs/decisions/024 and 036."""
DISAGREEMENT: Final = tuple(map(np.float32, AUTO.doubt))
"""Differences from closed-form matting between which the network's share goes from the one to the other;
chosen in docs/decisions/024 and 036. Of what the mask's trimap calls known it overrules as much."""


def mix_alphas(first: Alpha, network: Alpha, trimap: Trimap) -> Alpha:
    """A mean of two alphas where a mask's trimap is unknown; elsewhere the mask, unless it is overruled.

    A mask is wrong in places that its trimap calls known. Where the network is far from what is known there,
    it has seen more than the finder did.

    Args:
        first: closed-form matting's, float32 (H, W), [0, 1]; 0 and 1 where the trimap is known.
        network: the network's, float32 (H, W), [0, 1].
        trimap: uint8 (H, W), 0, 128 and 255.

    Returns:
        float32 (H, W), [0, 1].
    """
    (least, most), (agreeing, differing) = DISAGREEMENT, NETWORK_SHARE
    doubt = ((np.abs(network - first) - least) / (most - least)).clip(0, 1)
    share = np.where(trimap == UNKNOWN, agreeing + (differing - agreeing) * doubt, doubt)
    alpha: Alpha = first + share * (network - first)
    return alpha

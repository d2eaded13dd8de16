"""One alpha of two: closed-form matting's, and that of a network that knows people alone."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from wisp.core.arrays import FOREGROUND, UNKNOWN, Alpha, Trimap
from wisp.core.settings import AUTO

PORTRAIT_SHARE: Final = tuple(map(np.float32, AUTO.portrait_share))
"""The portrait network's share of what ``auto`` makes without guidance: where it agrees with closed-form
matting, and where it does not; chosen in docs/decisions/024."""
DISAGREEMENT: Final = tuple(map(np.float32, AUTO.doubt))
"""Differences from closed-form matting between which the network's share goes from the one to the other;
chosen in docs/decisions/024. Of what the mask's trimap calls known it overrules as much."""
PERSON: Final = AUTO.agreed
"""The network's least mean alpha over a subject's known foreground; below, it takes it for no person. Of 202
people's, none was below 0.99 (docs/decisions/026)."""


def find_persons(network: Alpha, trimap: Trimap) -> npt.NDArray[np.bool_]:
    """The pixels in and around the subjects that the portrait network takes for people, where it has a say.

    It knows people alone. A connected subject of whose known foreground it denies more than `PERSON` allows,
    such as a plush that a segmenter of the user's own has found, is none of its business.

    Args:
        network: the portrait network's alpha, float32 (H, W), [0, 1].
        trimap: uint8 (H, W), 0, 128 and 255.

    Returns:
        bool (H, W); the background counts wherever there is one such subject.
    """
    subjects, count = ndimage.label(trimap, np.ones((3, 3)))
    known = np.flatnonzero(trimap == FOREGROUND)
    number = subjects.ravel()[known]
    area = np.bincount(number, minlength=count + 1)
    agreed = np.bincount(number, network.ravel()[known], minlength=count + 1) >= PERSON * area
    agreed[0] = bool(agreed[1:].any())
    trusted: npt.NDArray[np.bool_] = agreed[subjects]
    return trusted


def mix_alphas(first: Alpha, network: Alpha, trimap: Trimap, trusted: npt.NDArray[np.bool_]) -> Alpha:
    """A mean of two alphas where a mask's trimap is unknown; elsewhere the mask, unless it is overruled.

    A mask is wrong in places that its trimap calls known. Where the network is far from what is known there,
    it has seen more than the segmenter did.

    Args:
        first: closed-form matting's, float32 (H, W), [0, 1]; 0 and 1 where the trimap is known.
        network: the portrait network's, float32 (H, W), [0, 1].
        trimap: uint8 (H, W), 0, 128 and 255.
        trusted: where the network has a say (`find_persons`); elsewhere the initial alpha stays.

    Returns:
        float32 (H, W), [0, 1].
    """
    (least, most), (agreeing, differing) = DISAGREEMENT, PORTRAIT_SHARE
    doubt = ((np.abs(network - first) - least) / (most - least)).clip(0, 1)
    share = np.where(trimap == UNKNOWN, agreeing + (differing - agreeing) * doubt, doubt)
    alpha: Alpha = first + np.where(trusted, share, np.float32(0)) * (network - first)
    return alpha

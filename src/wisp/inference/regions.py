"""Regions of a mask or an alpha that are judged by their size and place."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Region = npt.NDArray[np.bool_]


def small_enclosed(region: Region, largest: float) -> Region:
    """The small parts of a region that touch no border of the picture.

    Args:
        region: bool (H, W).
        largest: area of what is small at most, in pixels.

    Returns:
        bool (H, W): the 4-connected parts of at most that area.
    """
    parts, count = ndimage.label(region)
    small = np.bincount(parts.ravel(), minlength=count + 1) <= largest
    small[0] = False
    for border in (parts[0], parts[-1], parts[:, 0], parts[:, -1]):
        small[border] = False
    return small[parts] if small.any() else np.zeros(region.shape, bool)

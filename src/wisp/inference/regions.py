"""Regions of a mask or an alpha: where they are, and what is judged by their size and place."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from wisp.arrays import Alpha

Region = npt.NDArray[np.bool_]


class Box(NamedTuple):
    """A rectangle of pixels: rows top … bottom − 1 and columns left … right − 1."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """To index (H, W, …) arrays with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


def presence(alpha: Alpha | Region, margin: int = 0) -> Box | None:
    """The part of a picture outside of which α = 0, with a margin in pixels; None where it is 0 all over."""
    rows, columns = (np.flatnonzero(alpha.max(axis)) for axis in (1, 0))
    if not rows.size:
        return None
    height, width = alpha.shape
    return Box(
        max(0, int(rows[0]) - margin),
        max(0, int(columns[0]) - margin),
        min(height, int(rows[-1]) + 1 + margin),
        min(width, int(columns[-1]) + 1 + margin),
    )


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

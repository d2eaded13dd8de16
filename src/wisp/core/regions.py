"""Regions of a mask or an alpha: where they are, and what is judged by their size and place."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from wisp.core.arrays import Alpha, Mask, Region


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

    def widened(self, margin: int, size: tuple[int, ...]) -> Box:
        """The box and `margin` pixels around it, inside a picture of `size`."""
        height, width = size
        return Box(
            max(0, self.top - margin),
            max(0, self.left - margin),
            min(height, self.bottom + margin),
            min(width, self.right + margin),
        )

    def on_grid(self, step: int, size: tuple[int, ...]) -> Box:
        """The box widened to multiples of `step`, inside a picture of `size`."""
        height, width = size
        return Box(
            self.top // step * step,
            self.left // step * step,
            min(height, -(-self.bottom // step) * step),
            min(width, -(-self.right // step) * step),
        )


def bounding_box(alpha: Alpha | Region, margin: int = 0) -> Box | None:
    """The least part of a picture outside of which alpha is 0 (or a region False), and a margin around it.

    Args:
        alpha: float32 or bool (H, W).
        margin: pixels; the box stays inside the picture.

    Returns:
        None where alpha is 0 all over.
    """
    rows, columns = (np.flatnonzero(alpha.max(axis)) for axis in (1, 0))
    if not rows.size:
        return None
    box = Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
    return box.widened(margin, alpha.shape)


def label_regions(mask: Mask, floor: float) -> npt.NDArray[np.int32]:
    """The number of each pixel's region, from 1 on, int32 (H, W); 0 where there is none.

    Args:
        mask: float32 (H, W), [0, 1].
        floor: a region is an 8-connected set of pixels of at least this.
    """
    regions, _ = ndimage.label(mask >= floor, np.ones((3, 3)))
    return regions.astype(np.int32, copy=False)


def keep_regions(mask: Mask, seeds: Region, floor: float) -> tuple[Mask, int]:
    """The mask's regions in which a seed lies, 0 elsewhere, and how many they are.

    Args:
        mask: float32 (H, W), [0, 1].
        seeds: bool (H, W); those outside all regions count for nothing.
        floor: a region is an 8-connected set of pixels of at least this.
    """
    regions = label_regions(mask, floor)
    kept = np.zeros(int(regions.max()) + 1, bool)
    kept[regions[seeds]] = True
    kept[0] = False
    return np.where(kept[regions], mask, np.float32(0)), int(kept.sum())


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

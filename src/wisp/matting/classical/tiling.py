"""Photos with more unknown pixels than are solved at once, cut into tiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from wisp.core.arrays import Float, Region
from wisp.core.regions import Box

OVERLAP: Final = 32
"""Pixels by which overlapping tiles reach beyond their boxes: twice as many are blended between two."""
EASED: Final = 1 / 8
"""Share of the blend over which a tile's weight starts to rise, and over which it stops."""
CONTEXT: Final = 64
"""Pixels around those that it sees: its windows, and colours of what is known near it."""
AREA: Final = 4
"""Pixels of it, unknown or not, for each that may be unknown."""


@dataclass(frozen=True)
class Tile:
    """A part of a photo whose unknown pixels are solved while all others are held.

    Attributes:
        solved: rows and columns within which unknown pixels are solved.
        seen: rows and columns that the system is built of.
    """

    solved: tuple[slice, slice]
    seen: tuple[slice, slice]

    @property
    def inside(self) -> tuple[slice, ...]:
        """Rows and columns of what is solved, in what is seen."""
        return tuple(
            slice(solved.start - seen.start, solved.stop - seen.start)
            for solved, seen in zip(self.solved, self.seen, strict=True)
        )

    def unknown_of(self, unknown: Region) -> Region:
        """Mask, over the photo's unknown pixels, of those that this tile solves."""
        chosen = np.zeros_like(unknown[self.seen])
        chosen[self.inside] = unknown[self.solved]
        return chosen

    def weight(self, size: tuple[int, ...]) -> Float:
        """Weight of an overlapping tile in the blend: it rises from its edges over what the next one shares.

        It rises evenly but for its ends, where it eases in and out: at its edge a tile is held to what the
        half size gave, and differs most from what its neighbour solved.

        Args:
            size: height and width of the photo, whose border is no edge.

        Returns:
            float32, of the size of what is solved, above 0.
        """
        ramps = []
        for side, length in zip(self.solved, size, strict=True):
            place = np.arange(side.start, side.stop)
            before = place - side.start + 0.5 if side.start > 0 else np.full(len(place), 2 * OVERLAP)
            after = side.stop - place - 0.5 if side.stop < length else np.full(len(place), 2 * OVERLAP)
            ramps.append(_eased(np.minimum(np.minimum(before, after) / (2 * OVERLAP), 1)))
        weight: Float = np.outer(*ramps).astype(np.float32)
        return weight


def overlapping_tiles(unknown: Region, at_once: int) -> Iterator[Tile]:
    """Tiles, to be blended, that together hold every unknown pixel, each with at most `at_once` of them.

    They are cut at the median of the unknown pixels along the longer side; one that is no longer than the
    overlap is not cut.
    """
    rows, columns = np.nonzero(unknown)

    def cut(y: npt.NDArray[Any], x: npt.NDArray[Any]) -> Iterator[Tile]:
        box = Box(int(y.min()), int(x.min()), int(y.max()) + 1, int(x.max()) + 1)
        height, width = box.bottom - box.top, box.right - box.left
        solved = box.widened(OVERLAP, unknown.shape).slices
        crowded = np.count_nonzero(unknown[solved]) > at_once or height * width > AREA * at_once
        if not crowded or max(height, width) <= 2 * OVERLAP:
            yield Tile(solved, box.widened(OVERLAP + CONTEXT, unknown.shape).slices)
            return
        along = y if height >= width else x
        middle = min(max(int(np.median(along)), int(along.min()) + 1), int(along.max()))
        for side in (along < middle, along >= middle):
            yield from cut(y[side], x[side])

    if len(rows):
        yield from cut(rows, columns)


def adjoining_tiles(unknown: Region, at_once: int, margin: int) -> Iterator[Tile]:
    """Tiles that hold every unknown pixel once; what is solved is a box, and a margin around it is seen.

    Args:
        unknown: bool (H, W).
        at_once: how many of them a tile may see; more where its box is no larger than the margin.
        margin: in pixels, cut off at the border of the photo.
    """
    boxes = [Box(0, 0, *unknown.shape)]
    while boxes:
        box = boxes.pop()
        if not unknown[box.slices].any():
            continue
        around = box.widened(margin, unknown.shape)
        height, width = box.bottom - box.top, box.right - box.left
        if np.count_nonzero(unknown[around.slices]) <= at_once or max(height, width) <= margin:
            yield Tile(box.slices, around.slices)
        elif width > height:
            middle = (box.left + box.right) // 2
            boxes += box._replace(left=middle), box._replace(right=middle)
        else:
            middle = (box.top + box.bottom) // 2
            boxes += box._replace(top=middle), box._replace(bottom=middle)


def _eased(share: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """From 0 at 0 to 1 at 1, a line whose ends are parabolas over `EASED` of it."""
    end = np.minimum(share, 1 - share)
    rise = np.where(end < EASED, end * end / (2 * EASED), end - EASED / 2) / (1 - EASED)
    return np.where(share < 0.5, rise, 1 - rise)

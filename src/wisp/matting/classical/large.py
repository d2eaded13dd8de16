"""Photos with more unknown pixels than are solved at once: half sizes, and tiles of what is left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from wisp.core.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Float, Image, Trimap

Chosen = npt.NDArray[np.bool_]

OVERLAP: Final = 32
"""Pixels by which tiles reach beyond their boxes: twice as many are blended between two of them."""
EASED: Final = 1 / 8
"""Share of the blend over which a tile's weight starts to rise, and over which it stops."""
CONTEXT: Final = 64
"""Pixels around those that a tile sees: its windows, and colours of what is known near it."""
AREA: Final = 4
"""Pixels of a tile, unknown or not, for each that may be unknown."""


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

    def unknown_of(self, unknown: Chosen) -> Chosen:
        """Mask, over the photo's unknown pixels, of those that this tile solves."""
        chosen = np.zeros_like(unknown[self.seen])
        chosen[self.inside] = unknown[self.solved]
        return chosen

    def weight(self, size: tuple[int, ...]) -> Float:
        """Weight of the tile in the blend: it rises from its edges over the overlap with the next one.

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


def halve(image: Image, trimap: Trimap) -> tuple[Image, Trimap]:
    """Both at half size, rounded up. Of four pixels one that is known decides, unless another one disagrees.

    Args:
        image: float32 (H, W, 3), [0, 1].
        trimap: uint8 (H, W), 0 / 128 / 255.
    """
    height, width = trimap.shape
    if height % 2 or width % 2:
        after = (0, height % 2), (0, width % 2)
        image, trimap = np.pad(image, (*after, (0, 0)), "edge"), np.pad(trimap, after, "edge")
    pairs = image[::2] + image[1::2]
    small: Image = (pairs[:, ::2] + pairs[:, 1::2]) * np.float32(0.25)
    background, foreground = (_any_of_four(trimap == kind) for kind in (BACKGROUND, FOREGROUND))
    coarse = np.full(background.shape, UNKNOWN, np.uint8)
    coarse[background & ~foreground] = BACKGROUND
    coarse[foreground & ~background] = FOREGROUND
    return small, coarse


def tiles(unknown: Chosen, at_once: int) -> Iterator[Tile]:
    """Tiles that together hold every unknown pixel, each with at most `at_once` of them.

    They are cut at the median of the unknown pixels along the longer side; one that is no longer than the
    overlap is not cut.
    """
    rows, columns = np.nonzero(unknown)

    def cut(y: npt.NDArray[Any], x: npt.NDArray[Any]) -> Iterator[Tile]:
        top, bottom, left, right = y.min(), y.max() + 1, x.min(), x.max() + 1
        height, width = bottom - top, right - left
        box = ((top, bottom), (left, right))
        solved = _grown(box, OVERLAP, unknown.shape)
        crowded = np.count_nonzero(unknown[solved]) > at_once or height * width > AREA * at_once
        if not crowded or max(height, width) <= 2 * OVERLAP:
            yield Tile(solved, _grown(box, OVERLAP + CONTEXT, unknown.shape))
            return
        along = y if height >= width else x
        middle = min(max(int(np.median(along)), int(along.min()) + 1), int(along.max()))
        for side in (along < middle, along >= middle):
            yield from cut(y[side], x[side])

    if len(rows):
        yield from cut(rows, columns)


def _eased(share: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """From 0 at 0 to 1 at 1, a line whose ends are parabolas over `EASED` of it."""
    end = np.minimum(share, 1 - share)
    rise = np.where(end < EASED, end * end / (2 * EASED), end - EASED / 2) / (1 - EASED)
    return np.where(share < 0.5, rise, 1 - rise)


def _grown(
    box: tuple[tuple[int, int], tuple[int, int]], pixels: int, size: tuple[int, ...]
) -> tuple[slice, slice]:
    (top, bottom), (left, right) = box
    return (
        slice(max(0, int(top) - pixels), min(size[0], int(bottom) + pixels)),
        slice(max(0, int(left) - pixels), min(size[1], int(right) + pixels)),
    )


def _any_of_four(chosen: Chosen) -> Chosen:
    """Whether one of each 2×2 pixels is chosen: (2 h, 2 w) → (h, w)."""
    either = chosen[::2] | chosen[1::2]
    return either[:, ::2] | either[:, 1::2]

"""Clicks and a mask that say what the subject is, and the planes that the subject network takes them in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from wisp.core.arrays import Float, Mask
from wisp.core.regions import Box, keep_regions
from wisp.core.resample import resize
from wisp.core.settings import SUBJECT, SubjectSettings

Clicks: TypeAlias = tuple[tuple[float, float], ...]
"""Rows and columns, pixels."""
CLICK: Final = 5 / 384
"""Radius of a click's disk, of the longer side, as the network was trained."""


@dataclass(frozen=True, eq=False)
class Guidance:
    """Clicks and a mask that say what the subject is.

    Attributes:
        inside: clicks on the subject, rows and columns, pixels.
        outside: clicks on what is not the subject, likewise.
        before: the mask that there was, float32 (H, W), [0, 1]; None where there was none.
    """

    inside: Clicks = ()
    outside: Clicks = ()
    before: Mask | None = None

    def within(self, part: Box) -> Guidance:
        """The guidance of a part of the picture."""

        def moved(clicks: Clicks) -> Clicks:
            return tuple((y - part.top, x - part.left) for y, x in clicks)

        before = None if self.before is None else self.before[part.slices]
        return Guidance(moved(self.inside), moved(self.outside), before)

    def drawn(self, size: tuple[int, int], shape: tuple[int, int]) -> Float:
        """The network's second input, (1, 3, h, w), of a picture of `shape` that it sees at `size`."""
        planes = np.zeros((1, 3, *size), np.float32)
        for plane, clicks in zip(planes[0], (self.inside, self.outside), strict=False):
            for y, x in clicks:
                draw_click(plane, y * size[0] / shape[0], x * size[1] / shape[1])
        if self.before is not None:
            planes[0, 2] = resize(self.before, *size).clip(0, 1)
        return planes


NOTHING_SAID = Guidance()


def draw_click(plane: Float, row: float, column: float) -> None:
    """Set a disk of `CLICK` of the longer side to 1, as training and inference draw it.

    Args:
        plane: float32 (H, W); changed in place.
        row: the middle's, pixels; the disk may reach over the border.
        column: the middle's, pixels.
    """
    radius = max(1, round(CLICK * max(plane.shape)))
    top, left = max(0, math.ceil(row - radius)), max(0, math.ceil(column - radius))
    part = plane[top : math.floor(row + radius) + 1, left : math.floor(column + radius) + 1]
    rows, columns = np.ogrid[top : top + part.shape[0], left : left + part.shape[1]]
    part[(rows - row) ** 2 + (columns - column) ** 2 <= radius**2] = 1


def keep_touched_regions(mask: Mask, guidance: Guidance, settings: SubjectSettings = SUBJECT) -> Mask:
    """The mask's regions in which a click lies or the mask before was over one half.

    Args:
        mask: float32 (H, W), [0, 1].
        guidance: of the same picture.
        settings: a region is an 8-connected set of pixels of at least ``floor``.
    """
    touched = np.zeros(mask.shape, bool) if guidance.before is None else guidance.before > 0.5
    for y, x in guidance.inside:
        row, column = (min(max(int(at), 0), side - 1) for at, side in zip((y, x), mask.shape, strict=True))
        touched[row, column] = True
    return keep_regions(mask, touched, settings.floor)[0]

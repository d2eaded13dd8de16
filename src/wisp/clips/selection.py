"""Whom to follow through a clip, as the user says it on one of its frames."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from wisp.core.errors import InputError
from wisp.core.regions import Box
from wisp.engine.families.guidance import Guidance


@dataclass(frozen=True)
class Selection:
    """Clicks or a box on a frame. Lengths are pixels of the upright frame, from its top left corner.

    Attributes:
        points: clicks on the subject, (x, y).
        points_out: clicks on what is not the subject, likewise.
        box: (x, y, width, height) around it; None without one.
        at: time of the frame, seconds; None for the first one. Before it nobody is kept.

    Raises:
        InputError: neither a click on the subject nor a box, or both, or an empty box.
    """

    points: tuple[tuple[float, float], ...] = ()
    points_out: tuple[tuple[float, float], ...] = ()
    box: tuple[float, float, float, float] | None = None
    at: Fraction | None = None

    def __post_init__(self) -> None:
        if bool(self.points) == (self.box is not None):
            given = "are both given" if self.points else "are not there"
            raise InputError("point and box", given, "one of the two is accepted")
        if self.box is not None and min(self.box[2:]) <= 0:
            raise InputError(f"box {_told(self.box)}", "is empty", "a width and a height over 0 are accepted")

    def guidance(self, shape: tuple[int, int]) -> tuple[Guidance, Box]:
        """The guidance of a frame of a shape (height, width), and the part of it that holds the selection.

        A box is a click in its middle and a mask that fills it; the network sees as much again around it.

        Raises:
            InputError: a click or the box's middle is outside of the frame.
        """
        height, width = shape
        places = [*(("point", p) for p in self.points), *(("point-out", p) for p in self.points_out)]
        if self.box is not None:
            x, y, across, down = self.box
            places.append(("box", (x + across / 2, y + down / 2)))
        for name, (x, y) in places:
            if not (0 <= x < width and 0 <= y < height):
                told = self.box if name == "box" and self.box is not None else (x, y)
                problem = f"is outside of the picture, which is {width}×{height}"
                raise InputError(
                    f"{name} {_told(told)}", problem, "pixels from its top left corner are accepted"
                )
        inside = tuple((y, x) for name, (x, y) in places if name != "point-out")
        outside = tuple((y, x) for x, y in self.points_out)
        if self.box is None:
            return Guidance(inside, outside), Box(0, 0, height, width)
        filled = self._part(shape)
        before = np.zeros(shape, np.float32)
        before[filled.slices] = 1
        longer = max(filled.bottom - filled.top, filled.right - filled.left)
        return Guidance(inside, outside, before), filled.widened(longer // 2, shape)

    def resized(self, shape: tuple[int, ...], size: tuple[int, ...]) -> Selection:
        """The selection on a frame of a shape (height, width) for the same frame at another size.

        Raises:
            InputError: see `guidance`.
        """
        self.guidance((shape[0], shape[1]))
        down, across = size[0] / shape[0], size[1] / shape[1]

        def scaled(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
            return tuple((x * across, y * down) for x, y in points)

        box = self.box
        if box is not None:
            box = box[0] * across, box[1] * down, box[2] * across, box[3] * down
        return Selection(scaled(self.points), scaled(self.points_out), box, self.at)

    def _part(self, shape: tuple[int, int]) -> Box:
        assert self.box is not None
        x, y, across, down = self.box
        right, bottom = min(shape[1], round(x + across)), min(shape[0], round(y + down))
        return Box(max(0, min(round(y), bottom - 1)), max(0, min(round(x), right - 1)), bottom, right)


def _told(numbers: tuple[float, ...]) -> str:
    return ",".join(f"{number:g}" for number in numbers)

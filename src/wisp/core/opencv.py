"""OpenCV, which the video path resamples, filters and follows motion with; loaded at its first use."""

from __future__ import annotations

from functools import cache
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from wisp.core.arrays import Float, Stored
from wisp.core.extras import importing

Numbers = TypeVar("Numbers", bound=Float | Stored)

_ROW: Final = 1024
"""Places that are read side by side: OpenCV takes no picture of more than 32,767 columns or rows."""


@cache
def opencv() -> Any:
    """The `cv2` module, of whichever distribution brings it: opencv-python, its headless twin or another.

    Raises:
        MissingExtraError: it is not installed.
    """
    with importing("matting clips", "opencv"):
        import cv2
    return cv2


def shrink(values: Numbers, height: int, width: int) -> Numbers:
    """Resize an array (H, W) or (H, W, C) to a smaller or equal size by averaging areas, type kept."""
    if values.shape[:2] == (height, width):
        return values
    cv2 = opencv()
    small: Numbers = cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA)
    return small


def repeat_plane(plane: Float, count: int) -> Float:
    """A plane (H, W) as so many equal channels, (H, W, count).

    NumPy multiplies arrays of one shape several times faster than it spreads one over the other's channels.
    """
    repeated: Float = opencv().merge([plane] * count)
    return repeated


def read_enlarged(
    values: Float,
    scale: tuple[float, float],
    rows: npt.NDArray[np.intp],
    columns: npt.NDArray[np.intp],
    corner: tuple[int, int] = (0, 0),
) -> Float:
    """Some pixels of what bilinear enlargement would make of a picture, to a thirty-second of its pixels.

    Args:
        values: float32 (h, w, C), C from 1 to 4: the picture, or a part of it; its border repeats outside.
        scale: its pixels down and across for one pixel of the enlarged one.
        rows: of N pixels of the enlarged picture.
        columns: of the same.
        corner: row and column of the picture at which `values` begin.

    Returns:
        float32 (N, C).
    """
    cv2 = opencv()
    count = len(rows)
    places = np.zeros((2, -(-count // _ROW) * _ROW), np.float32)
    places[0, :count] = (columns + 0.5) * scale[1] - (0.5 + corner[1])
    places[1, :count] = (rows + 0.5) * scale[0] - (0.5 + corner[0])
    found: Float = np.empty((0, values.shape[2]), np.float32)
    if count:
        x, y = places.reshape(2, -1, _ROW)
        read = cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        found = read.reshape(-1, values.shape[2])[:count]
    return found

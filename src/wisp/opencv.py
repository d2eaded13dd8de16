"""OpenCV, which the video path resamples, filters and follows motion with; loaded at its first use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

import numpy as np

from wisp.arrays import Float
from wisp.errors import MissingExtraError

_ROW: Final = 1024
"""Places that are read side by side: OpenCV takes no picture of more than 32,767 columns or rows."""


@cache
def opencv() -> Any:
    """The `cv2` module.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingExtraError("video", "video") from error
    return cv2


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Holds OpenCV to one thread: where stages share the cores already, its threads only wait for each other.

    It has one setting for all threads of the program, which the block's end restores.

    Raises:
        MissingExtraError: it is not installed.
    """
    cv2 = opencv()
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def shrink(values: Float, height: int, width: int) -> Float:
    """Resize a float array (H, W) or (H, W, C) to a smaller or equal size by averaging areas."""
    if values.shape[:2] == (height, width):
        return values
    cv2 = opencv()
    small: Float = cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA)
    return small


def read_between(values: Float, y: Float, x: Float) -> Float:
    """Values read bilinearly between pixels, to a thirty-second of one; beyond the border they repeat.

    Args:
        values: float32 (h, w, C), C from 1 to 4.
        y: N rows; the first pixel's centre is at 0.
        x: N columns.

    Returns:
        float32 (N, C).
    """
    cv2 = opencv()
    count = len(y)
    places = np.zeros((2, -(-count // _ROW) * _ROW), np.float32)
    places[0, :count], places[1, :count] = x, y
    columns, rows = places.reshape(2, -1, _ROW)
    found: Float = np.empty((0, values.shape[2]), np.float32)
    if count:
        read = cv2.remap(values, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        found = read.reshape(-1, values.shape[2])[:count]
    return found

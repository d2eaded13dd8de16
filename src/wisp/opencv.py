"""OpenCV, which the video path resamples, filters and follows motion with; loaded at its first use."""

from __future__ import annotations

from functools import cache
from typing import Any

from wisp.errors import MissingExtraError


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

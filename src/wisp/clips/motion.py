"""The motion cue: four neighbouring frames in grey, two before a frame and two after it.

El Abdellaoui and Kachbal, background matting with DLMN-G and SSRN, section 3, after Sengupta et al. 2020,
"Background Matting: The World is Your Green Screen". A still repeats itself; so does the nearest frame at a
clip's ends and at a cut, beyond which nothing belongs to the same scene.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from wisp.clips.alpha import WarpedPrevious
from wisp.clips.flow import Small, is_cut, shrink_to_bytes
from wisp.core.arrays import Alpha, Float, Image, Motion, motion_of_still, to_luma
from wisp.core.settings import CLIPS

T = TypeVar("T")

REACH: Final = 2
"""Frames of a cue before its own frame, and after it."""


class MotionMethod(Protocol):
    """A function that mattes a frame with its motion cue."""

    def __call__(self, image: Image, motion: Motion, /) -> Alpha:
        """Image float32 (H, W, 3) and motion cue float32 (H, W, 4), [0, 1] → alpha float32 (H, W)."""


@dataclass(frozen=True)
class WithMotion:
    """A method that wants motion cues, which `pair_with_motion` gives it; an image alone is a still to it.

    Attributes:
        method: what mattes a frame with its cue.
    """

    method: MotionMethod

    def __call__(self, image: Image, past: WarpedPrevious | None = None, /) -> Alpha:
        """Alpha float32 (H, W) of a still float32 (H, W, 3), whatever was before it."""
        return self.method(image, motion_of_still(image))


def with_cues(frames: Iterable[T], image_of: Callable[[T], Image]) -> Iterator[tuple[T, Motion]]:
    """Each frame with its motion cue; reads `REACH` frames ahead.

    Args:
        frames: of a clip, in order.
        image_of: a frame's image, float32 (H, W, 3), [0, 1].

    Yields:
        The frame and its cue, float32 (H, W, 4), [0, 1].
    """
    window: list[_Seen[T] | None] = [None] * REACH  # before the first frame, there is none
    for frame in chain(frames, [None] * REACH):
        if frame is None:
            window.append(None)
        else:
            image = image_of(frame)
            window.append(_Seen(frame, to_luma(image), shrink_to_bytes(image, CLIPS.small_side)))
        if len(window) > 2 * REACH:
            own = window[REACH]
            if own is not None:
                yield own.frame, _cue(window)
            del window[0]


class _Seen(NamedTuple, Generic[T]):
    frame: T
    grey: Float
    small: Small


def _cue(window: list[_Seen[T] | None]) -> Motion:
    """The greys of a window of frames but that of its middle one."""
    found = {}
    for direction in (-1, 1):
        nearest = window[REACH]
        for step in range(1, REACH + 1):
            beyond = window[REACH + direction * step]
            if nearest is None or beyond is None or _apart(nearest, beyond):
                beyond = nearest
            nearest = found[direction * step] = beyond
    return np.stack([seen.grey for _, seen in sorted(found.items()) if seen is not None], -1)


def _apart(one: _Seen[T], other: _Seen[T]) -> bool:
    """Whether two frames are of different scenes."""
    return one.grey.shape != other.grey.shape or is_cut(one.small, other.small)

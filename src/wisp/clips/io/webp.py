"""Animated WebP as a clip, by libvips: FFmpeg has no decoder for it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import numpy as np

from wisp.clips.io.colour import Colour
from wisp.clips.io.frame import ClipInfo, Frame
from wisp.clips.io.tracks import Tap
from wisp.core.errors import InputError
from wisp.io.formats import READABLE
from wisp.io.vips import libvips

_ANIMATION: Final = 0x02
"""The bit of the ``VP8X`` chunk that says that there are several frames."""

_SRGB: Final = Colour(matrix=0, transfer=13, full=True)
_BROWSERS: Final = 100
"""Milliseconds for which browsers show a frame that asks for 10 or less."""


class WebpClip:
    """An animated WebP; see `wisp.clips.io.frame.Clip`. Its frames are decoded one after the other.

    Raises:
        InputError: it is damaged, or too large.
    """

    def __init__(self, path: Path, *, max_pixels: int) -> None:
        self.notes: list[str] = []
        self.tap: Tap | None = None
        self._path = path
        self._strip = self._open()
        single = self._strip.get_n_pages() == 1  # of which libvips tells no height of a page
        self._height: int = self._strip.height if single else self._strip.get("page-height")
        width = int(self._strip.width)
        if self._height * width > max_pixels:
            problem = f"is {width}×{self._height}, more than {max_pixels} pixels"
            raise InputError(path, problem, "--max-pixels sets how many are accepted")
        delays: list[int] = self._strip.get("delay")
        lengths = [Fraction(delay if delay > 10 else _BROWSERS, 1000) for delay in delays]
        self._lengths = lengths
        self._times = [Fraction(0), *accumulate(lengths)]
        self.info = ClipInfo(
            path,
            self._height,
            width,
            tick=Fraction(1, 1000),
            rate=len(lengths) / self._times[-1],
            duration=self._times[-1],
            colour=_SRGB,
            alpha=self._strip.bands == 4,
            variable=True,
        )

    def frames(self, start: Fraction = Fraction(0), end: Fraction | None = None) -> Iterator[Frame]:
        """Yield the frames from `start` to before `end`, seconds; `InputError` where there is none."""
        index = 0
        for number, length in enumerate(self._lengths):
            time = self._times[number]
            if end is not None and time >= end:
                break
            pixels = self._decode(number)
            if time >= start:
                yield Frame(index, time, length, pixels)
                index += 1
        if index == 0:
            raise InputError(self._path, f"has no frame from {float(start):g} s on")

    def stems(self, start: Fraction = Fraction(0), end: Fraction | None = None) -> list[str]:
        """Give no names, since the frames of an animation are no files of their own: an empty list."""
        return []

    def _open(self) -> Any:
        pyvips = libvips()
        try:
            return pyvips.Image.webpload(str(self._path), n=-1, access="sequential", fail_on="error")
        except pyvips.Error as error:
            raise InputError(self._path, "is a damaged WebP", READABLE) from error

    def _decode(self, number: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
        pyvips = libvips()
        try:
            part = self._strip.crop(0, number * self._height, self._strip.width, self._height)
            pixels: np.ndarray[Any, np.dtype[np.uint8]] = part.numpy()
        except pyvips.Error as error:
            problem = f"is damaged in frame {number + 1} of {len(self._lengths)}"
            raise InputError(self._path, problem, "--end before that is accepted") from error
        return pixels


def is_animated_webp(path: Path | str) -> bool:
    """Whether a file is a WebP of several frames; False where it cannot be read."""
    try:
        if not Path(path).is_file():
            return False
        with Path(path).open("rb") as file:
            head = file.read(21)
    except OSError:
        return False
    animated = len(head) == 21 and bool(head[20] & _ANIMATION)
    return head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and animated

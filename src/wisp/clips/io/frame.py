"""Frames of clips, and what is known of a clip before it is read to its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from wisp.clips.io.colour import STANDARD, Colour, Pixels
from wisp.clips.io.extras import Extras
from wisp.core.arrays import Alpha, Image, hide_transparent, to_float

if TYPE_CHECKING:
    from wisp.clips.io.tracks import Tap

STDIO: Final = "-"
"""The path that is standard input, or standard output."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a clip.

    Attributes:
        index: counted from 0, from where reading began.
        time: seconds since the clip's start, exact.
        duration: seconds that it is shown, 0 where the file does not say.
        pixels: uint8 or uint16 (H, W, 3), or (H, W, 4) with alpha; upright, straight colours.
    """

    index: int
    time: Fraction
    duration: Fraction
    pixels: Pixels

    @property
    def image(self) -> Image:
        """float32 (H, W, 3), sRGB-encoded, [0, 1]; grey where the clip's own alpha hides what is there."""
        image = to_float(np.ascontiguousarray(self.pixels[..., :3]))
        return image if self.opacity is None else hide_transparent(image, self.opacity)

    @property
    def opacity(self) -> Alpha | None:
        """The clip's own alpha channel, float32 (H, W), [0, 1]; None where it has none."""
        if self.pixels.shape[2] == 3:
            return None
        return to_float(np.ascontiguousarray(self.pixels[..., 3]))


@dataclass(frozen=True)
class ClipInfo:
    """A clip's size, rate, length, colour and companions, known before it is read to its end.

    Attributes:
        path: as it was given.
        height: of the upright picture, pixels.
        width: of the upright picture, pixels.
        tick: the unit of its times, seconds.
        rate: mean frames a second.
        duration: seconds, 0 where the file does not say.
        origin: what is subtracted from the file's own times, seconds.
        aspect: width of a pixel over its height, as shown upright.
        colour: what the file is in.
        bits: 8 or 16 a channel of what is read.
        depth: bits a channel in the file.
        alpha: whether frames have an alpha channel.
        audio: whether there is sound.
        subtitles: whether there are subtitles.
        extras: tags, chapters and time code.
        variable: whether frames are known to be shown for different times.
        constant: whether all are known to be shown for the same time.
    """

    path: Path
    height: int
    width: int
    tick: Fraction
    rate: Fraction
    duration: Fraction = Fraction(0)
    origin: Fraction = Fraction(0)
    aspect: Fraction = Fraction(1)
    colour: Colour = STANDARD
    bits: int = 8
    depth: int = 8
    alpha: bool = False
    audio: bool = False
    subtitles: bool = False
    extras: Extras = field(default_factory=Extras)
    variable: bool = False
    constant: bool = False


class Clip(Protocol):
    """An open clip: a video file, an animated WebP, or numbered pictures.

    Attributes:
        info: what is known of it.
        notes: what the user should know; more are added as it is read.
        tap: its sound and subtitles as they come by, where it cannot be read twice.
    """

    info: ClipInfo
    notes: list[str]
    tap: Tap | None

    def frames(self, start: Fraction = Fraction(0), end: Fraction | None = None) -> Iterator[Frame]:
        """The frames whose time is at least `start` and below `end`, in order. To be called once."""

    def stems(self, start: Fraction = Fraction(0), end: Fraction | None = None) -> list[str]:
        """File names without suffix of those frames where each is a file of its own; else empty."""

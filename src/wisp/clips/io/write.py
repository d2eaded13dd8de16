"""Clips to files: frames at their own times, tagged with what their colours mean, and sound beside them."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from wisp.clips.io.animations import ENDLESS, SHORTEST, TICKS, PalettePacker, set_length
from wisp.clips.io.codecs import FORMATS, Codec, suffix_of
from wisp.clips.io.colour import STANDARD, Colour, Packer, Pixels
from wisp.clips.io.extras import Extras, write_extras
from wisp.clips.io.ffmpeg import address, pyav, writing
from wisp.clips.io.tracks import WHOLE, Span, Tap, Tracks
from wisp.core.opencv import opencv


@dataclass(frozen=True)
class Layout:
    """Size, rate and colours of all frames, which a writer must know before the first.

    Attributes:
        height: pixels.
        width: pixels.
        channels: 1 (grey), 3, or 4 with straight alpha.
        bits: 8 or 16, what the pixels come in; codecs keep as many as they can.
        tick: the unit that all times are multiples of, seconds.
        rate: mean frames a second, which some encoders plan with.
        aspect: width of a pixel over its height.
        colour: what R'G'B' means; Y'CbCr is made with its matrix.
        variable: whether frames are known to be shown for different times.
        constant: whether all are known to be shown for the same time.
    """

    height: int
    width: int
    channels: int
    bits: int = 8
    tick: Fraction = Fraction(1, 90000)
    rate: Fraction = Fraction(30)
    aspect: Fraction = Fraction(1)
    colour: Colour = STANDARD
    variable: bool = False
    constant: bool = False


@dataclass(frozen=True)
class Sound:
    """The file that a clip's sound and subtitles come from, and the part of it that is taken.

    Attributes:
        source: the file.
        span: the part.
        tap: where the packets come by if the file can be read once only.
    """

    source: Path
    span: Span = WHOLE
    tap: Tap | None = None


class ClipWriter(Protocol):
    """A clip that is being written."""

    notes: list[str]

    def write(self, pixels: Pixels, time: Fraction, duration: Fraction = Fraction(0)) -> None:
        """Add a frame: uint8 or uint16 (H, W), (H, W, 3) or (H, W, 4), shown from `time` seconds on."""

    def finish(self) -> None:
        """Write all that is left. Without it the clip is not whole."""

    def close(self) -> None:
        """Let go of the file, finished or not."""


class FileWriter:
    """A clip written to a video file or an animation.

    Args:
        path: the file, or ``-`` for standard output; its suffix names the container.
        codec: a row of `wisp.clips.io.codecs.CODECS`.
        layout: of the frames.
        sound: what is heard, and subtitles; None for neither.
        extras: tags, chapters and time code, which the container must hold (`Extras.held_by`).
        piped: the suffix of what goes to standard output; empty for the usual one.

    Raises:
        InputError: the encoder refuses the layout, or the sound cannot be read.
        OSError: the file cannot be written, from here on in every call.
    """

    def __init__(
        self,
        path: Path,
        codec: Codec,
        layout: Layout,
        sound: Sound | None = None,
        *,
        extras: Extras | None = None,
        piped: str = "",
    ) -> None:
        self.notes: list[str] = []
        self._path = path
        self._suffix = suffix_of(path, piped)
        self._even = codec.even
        self._square: tuple[int, int] | None = None
        self._tick = TICKS.get(self._suffix, layout.tick)
        if self._suffix == ".avi" and layout.constant:
            self._tick = 1 / layout.rate  # an AVI's times are frames of one rate, and this is what it says
        self._first: Fraction | None = None
        self._last = -1
        self._final = Fraction(0)  # how long the frame before is shown
        self._lengths: dict[int, int] = {}  # of the frames that the encoder still holds, in ticks
        self._crowded = 0
        self._dropped = 0
        format = codec.pixel_format(channels=layout.channels, bits=layout.bits)
        colour = layout.colour
        described = pyav().VideoFormat(format)
        if described.is_rgb or described.has_palette:
            colour = replace(colour, matrix=0, full=True)
        elif format.startswith("gray"):
            colour = replace(colour, full=True)
        self._pack = PalettePacker() if format == "pal8" else Packer(format, colour)
        self._tracks: Tracks | None = None
        options = dict(ENDLESS.get(self._suffix, {}))
        if self._suffix in (".mp4", ".m4v", ".mov"):
            options["movflags"] = "+faststart"
        with writing(path):
            self._container = pyav().open(
                address(path, write=True), "w", format=FORMATS[self._suffix], options=options
            )
        try:
            with writing(path):
                self._stream = self._add_stream(codec, layout, format, colour)
            write_extras(extras or Extras(), self._container, self._stream)
            if sound is not None:
                self._tracks = Tracks(sound.source, self._container, self._suffix, sound.span, sound.tap)
                self.notes += self._tracks.notes
        except BaseException:
            self.close()
            raise

    def _add_stream(self, codec: Codec, layout: Layout, format: str, colour: Colour) -> Any:
        aspect, (high, wide) = layout.aspect, (layout.height, layout.width)
        if aspect != 1 and not codec.tells_aspect and self._suffix not in _TELL_ASPECT:
            self._square = high, wide = _square_size(high, wide, aspect)
            self.notes.append(
                f"its pixels ({aspect} to 1) are made square, {wide}×{high} of them: "
                f"{codec.name} in {self._suffix} has no others"
            )
            aspect = Fraction(1)
        height, width = (even(n) if codec.even else n for n in (high, wide))
        if (height, width) != (high, wide):
            old, new = f"{wide}×{high}", f"{width}×{height}"
            self.notes.append(
                f"{old} is padded to {new} by its last row and column: {codec.name} takes even sizes"
            )
        stream = self._container.add_stream(
            codec.encoder,
            rate=layout.rate.limit_denominator(100000),
            options=codec.options | (codec.ordered if layout.variable else {}),
        )
        stream.height, stream.width, stream.pix_fmt = height, width, format
        context = stream.codec_context
        stream.time_base = context.time_base = self._tick
        context.sample_aspect_ratio = stream.sample_aspect_ratio = aspect.limit_denominator(30000)
        context.thread_type = "AUTO"
        if codec.encoder == "libx265" and self._suffix != ".mkv":
            context.codec_tag = "hvc1"  # what QuickTime and browsers ask for
        if codec.encoder == "libsvtav1":
            os.environ.setdefault("SVT_LOG", "1")  # it prints its settings on stderr otherwise
        context.color_range = 2 if colour.full else 1
        context.colorspace = colour.matrix
        context.color_primaries = colour.primaries
        context.color_trc = colour.transfer
        return stream

    def write(self, pixels: Pixels, time: Fraction, duration: Fraction = Fraction(0)) -> None:
        """Encode a frame; one that is not after the one before is put one tick after it.

        An animation begins with its first frame, and frames that come sooner than it can tell are left out.
        """
        animated = self._suffix in ENDLESS
        if animated:
            self._first = time if self._first is None else self._first
            time -= self._first
        stamp = round(time / self._tick)
        shortest = SHORTEST.get(self._suffix)
        if shortest and self._last >= 0 and stamp < self._last + shortest:
            self._dropped += 1
            self._final += duration
            return
        if stamp <= self._last:
            stamp = self._last + 1
            self._crowded += 1
        self._last, self._final = stamp, duration
        if self._square is not None:
            cv2 = opencv()
            pixels = cv2.resize(pixels, self._square[::-1], interpolation=cv2.INTER_LINEAR)
        frame = self._pack(_padded(pixels) if self._even else pixels)
        frame.pts, frame.time_base = stamp, self._tick
        length = round((time + duration) / self._tick) - stamp if duration else 0
        self._lengths[stamp] = max(length, shortest or 0)
        with writing(self._path):
            if self._tracks is not None:
                self._tracks.mux_until(time)
            self._mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Encode what is waiting and end sound and container; without it the clip is not whole."""
        with writing(self._path):
            if self._tracks is not None:
                self._tracks.mux_until(None)
            self._mux(self._stream.encode(None))
            self._container.close()
        if self._suffix in (".webp", ".apng") and self._final and self._last > 0:
            moves = set_length(self._path, self._last * self._tick + self._final)
            if not moves:
                self.notes.append(
                    f"all frames are equal: {self._suffix} is a still picture, without a length"
                )
        if self._crowded:
            count = "1 frame" if self._crowded == 1 else f"{self._crowded} frames"
            self.notes.append(f"{count} came no later than the one before, and a tick after it now")
        if self._dropped:
            shortest = float(SHORTEST[self._suffix] * self._tick)
            self.notes.append(
                f"{self._dropped} frames are left out: {self._suffix} shows each for {shortest:g} s and more"
            )

    def close(self) -> None:
        """Close the file and its sound, finished or not."""
        if self._tracks is not None:
            self._tracks.close()
        try:
            self._container.close()
        except (pyav().FFmpegError, ValueError):
            pass  # what could not be written was told when it was written

    def _mux(self, packets: list[Any]) -> None:
        """Mux encoded frames, each with its own duration: encoders only know the mean rate."""
        for packet in packets:
            length = self._lengths.pop(round(packet.pts * packet.time_base / self._tick), 0)
            if length:
                packet.duration = round(length * self._tick / packet.time_base)
            self._container.mux(packet)


_TELL_ASPECT: Final = frozenset({".mp4", ".m4v", ".mov"})
"""Containers that tell the shape of pixels whatever the codec."""


def _square_size(height: int, width: int, aspect: Fraction) -> tuple[int, int]:
    """Height and width in square pixels; none of the picture's own is lost."""
    if aspect > 1:
        return height, round(width * aspect)
    return round(height / aspect), width


def even(side: int) -> int:
    """The side itself, or one more where it is odd."""
    return side + side % 2


def _padded(pixels: Pixels) -> Pixels:
    """The pixels with their last row and column repeated where a side is odd."""
    below, right = pixels.shape[0] % 2, pixels.shape[1] % 2
    if not below and not right:
        return pixels
    return np.pad(pixels, ((0, below), (0, right), *((0, 0),) * (pixels.ndim - 2)), mode="edge")

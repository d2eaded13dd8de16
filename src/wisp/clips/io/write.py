"""Clips to files: frames at their own times, tagged with what their colours mean, and sound beside them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from wisp.clips.io.audio import WHOLE, AudioTracks, Span
from wisp.clips.io.codecs import Codec
from wisp.clips.io.colour import STANDARD, Colour, Packer, Pixels
from wisp.clips.io.ffmpeg import pyav, writing


@dataclass(frozen=True)
class Layout:
    """What a writer must know of all frames beforehand.

    Attributes:
        height: pixels.
        width: pixels.
        channels: 1 (grey), 3, or 4 with straight alpha.
        bits: 8 or 16, what the pixels come in; codecs keep as many as they can.
        tick: the unit that all times are multiples of, seconds.
        rate: mean frames a second, which some encoders plan with.
        aspect: width of a pixel over its height.
        colour: what R'G'B' means; Y'CbCr is made with its matrix.
    """

    height: int
    width: int
    channels: int
    bits: int = 8
    tick: Fraction = Fraction(1, 90000)
    rate: Fraction = Fraction(30)
    aspect: Fraction = Fraction(1)
    colour: Colour = STANDARD


@dataclass(frozen=True)
class Sound:
    """Where a clip's sound comes from: a file, and the part of it that is taken."""

    source: Path
    span: Span = WHOLE


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
    """A clip written to a video file.

    Args:
        path: the file; its suffix names the container.
        codec: a row of `wisp.clips.io.codecs.CODECS`.
        layout: of the frames.
        sound: what is heard; None for a silent clip.

    Raises:
        InputError: the encoder refuses the layout, or the sound cannot be read.
        OSError: the file cannot be written, from here on in every call.
    """

    def __init__(self, path: Path, codec: Codec, layout: Layout, sound: Sound | None = None) -> None:
        self.notes: list[str] = []
        self._path = path
        self._even = codec.even
        self._tick = layout.tick
        self._last = -1
        self._lengths: dict[int, int] = {}  # of the frames that the encoder still holds, in ticks
        self._crowded = 0
        format = codec.pixel_format(channels=layout.channels, bits=layout.bits)
        colour = layout.colour
        if pyav().VideoFormat(format).is_rgb:
            colour = replace(colour, matrix=0, full=True)
        elif format.startswith("gray"):
            colour = replace(colour, full=True)
        self._pack = Packer(format, colour)
        self._audio: AudioTracks | None = None
        with writing(path):
            self._container = pyav().open(str(path), "w")
        try:
            with writing(path):
                self._stream = self._add_stream(codec, layout, format, colour)
            if sound is not None:
                self._audio = AudioTracks(sound.source, self._container, path.suffix.lower(), sound.span)
                self.notes += self._audio.notes
        except BaseException:
            self.close()
            raise

    def _add_stream(self, codec: Codec, layout: Layout, format: str, colour: Colour) -> Any:
        height, width = (even(n) if codec.even else n for n in (layout.height, layout.width))
        if (height, width) != (layout.height, layout.width):
            old, new = f"{layout.width}×{layout.height}", f"{width}×{height}"
            self.notes.append(
                f"{old} is padded to {new} by its last row and column: {codec.name} takes even sizes"
            )
        stream = self._container.add_stream(
            codec.encoder, rate=layout.rate.limit_denominator(100000), options=dict(codec.options)
        )
        stream.height, stream.width, stream.pix_fmt = height, width, format
        context = stream.codec_context
        stream.time_base = context.time_base = self._tick
        context.sample_aspect_ratio = stream.sample_aspect_ratio = layout.aspect.limit_denominator(30000)
        context.thread_type = "AUTO"
        context.color_range = 2 if colour.full else 1
        context.colorspace = colour.matrix
        context.color_primaries = colour.primaries
        context.color_trc = colour.transfer
        return stream

    def write(self, pixels: Pixels, time: Fraction, duration: Fraction = Fraction(0)) -> None:
        """See `ClipWriter`. A frame that is not after the one before is put one tick after it."""
        frame = self._pack(_padded(pixels) if self._even else pixels)
        stamp = round(time / self._tick)
        if stamp <= self._last:
            stamp = self._last + 1
            self._crowded += 1
        self._last = stamp
        frame.pts, frame.time_base = stamp, self._tick
        self._lengths[stamp] = round(duration / self._tick)
        with writing(self._path):
            if self._audio is not None:
                self._audio.mux_until(time)
            self._mux(self._stream.encode(frame))

    def finish(self) -> None:
        """See `ClipWriter`."""
        with writing(self._path):
            if self._audio is not None:
                self._audio.mux_until(None)
            self._mux(self._stream.encode(None))
            self._container.close()
        if self._crowded:
            count = "1 frame" if self._crowded == 1 else f"{self._crowded} frames"
            self.notes.append(f"{count} came no later than the one before, and a tick after it now")

    def close(self) -> None:
        """See `ClipWriter`."""
        if self._audio is not None:
            self._audio.close()
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


def even(side: int) -> int:
    """The side itself, or one more where it is odd."""
    return side + side % 2


def _padded(pixels: Pixels) -> Pixels:
    """The pixels with their last row and column repeated where a side is odd."""
    below, right = pixels.shape[0] % 2, pixels.shape[1] % 2
    if not below and not right:
        return pixels
    return np.pad(pixels, ((0, below), (0, right), *((0, 0),) * (pixels.ndim - 2)), mode="edge")

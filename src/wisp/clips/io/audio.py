"""The sound of a clip on its way into another file: packets as they are, or transcoded where they must be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from wisp.clips.io.ffmpeg import pyav, reading

_MP4: Final = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"})
_QUICKTIME: Final = frozenset({"aac", "mp3", "ac3", "eac3", "alac"})
_WEBM: Final = frozenset({"opus", "vorbis"})

COPIED: Final[dict[str, frozenset[str] | None]] = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": _QUICKTIME,
    ".webm": _WEBM,
    ".mkv": None,
    ".avi": frozenset({"mp3", "ac3", "aac"}),
}
"""Codecs that players read in each container, beside plain PCM in MOV, MKV and AVI; None is any."""

_ENCODERS: Final = {".webm": ("libopus", 48000), ".avi": ("libmp3lame", None)}


class Span(NamedTuple):
    """Which part of a clip is taken.

    Attributes:
        start: first time that counts, seconds since the clip's start.
        end: first time that no longer counts; None for all of it.
        origin: the clip's start in the file's own times, seconds.
    """

    start: Fraction = Fraction(0)
    end: Fraction | None = None
    origin: Fraction = Fraction(0)


WHOLE: Final = Span()
"""All of a clip whose times begin at 0."""


class AudioTracks:
    """All sound streams of a file, muxed into an open container as its pictures advance.

    The file is opened a second time, so that neither sound nor pictures wait in memory for the other.

    Args:
        source: file to take the sound from.
        container: PyAV's output container; its streams are added here.
        suffix: of the output, which says what it can hold.
        span: which part is taken.
    """

    def __init__(self, source: Path, container: Any, suffix: str, span: Span) -> None:
        self.notes: list[str] = []
        self._span = span
        self._container = container
        with reading(source):
            self._input = pyav().open(str(source), metadata_errors="replace")
        self._lanes: dict[int, _Lane] = {}
        try:
            for stream in self._input.streams.audio:
                lane = self._lane(stream, suffix)
                if lane is not None:
                    self._lanes[stream.index] = lane
        except BaseException:
            self._input.close()
            raise
        self._source = source
        self._packets = self._produce()
        self._waiting: tuple[Fraction, Any] | None = None

    def mux_until(self, time: Fraction | None) -> None:
        """Mux the sound that begins before `time`, seconds of the output; all that is left for None."""
        while True:
            if self._waiting is None:
                self._waiting = next(self._packets, None)
                if self._waiting is None:
                    return
            begins, packet = self._waiting
            if time is not None and begins >= time:
                return
            self._container.mux(packet)
            self._waiting = None

    def close(self) -> None:
        """Close the source."""
        self._input.close()

    def _lane(self, stream: Any, suffix: str) -> _Lane | None:
        name = stream.codec_context.name
        held = COPIED[suffix]
        pcm = name.startswith("pcm_") and suffix in (".mov", ".avi")
        if held is None or name in held or pcm:
            copy = self._container.add_stream_from_template(stream)
            self._keep_language(stream, copy)
            return _Copy(copy, self._shift)
        encoder, rate = _ENCODERS.get(suffix, ("aac", None))
        try:
            pyav().codec.Codec(name, "r")
        except ValueError:
            self.notes.append(f"its sound ({name}) cannot be decoded and is left out")
            return None
        target = encoder.removeprefix("lib")
        self.notes.append(f"its sound is transcoded from {name} to {target}, which {suffix} holds")
        made = self._container.add_stream(
            encoder, rate=rate or stream.codec_context.sample_rate, layout=stream.codec_context.layout.name
        )
        self._keep_language(stream, made)
        return _Transcoder(stream, made, self._shift)

    def _keep_language(self, source: Any, stream: Any) -> None:
        if language := source.metadata.get("language"):
            stream.metadata["language"] = language

    @property
    def _shift(self) -> Fraction:
        """What is subtracted from the source's times."""
        return self._span.origin + self._span.start

    def _produce(self) -> Iterator[tuple[Fraction, Any]]:
        """Output packets with the time that they begin at, in the order of the file."""
        if not self._lanes:
            return
        streams = [self._input.streams[index] for index in self._lanes]
        with reading(self._source):
            if self._span.start > 0:
                self._input.seek(int(self._shift * pyav().time_base))
            for packet in self._input.demux(streams):
                if packet.size and packet.pts is not None and self._within(packet):
                    yield from self._lanes[packet.stream.index].take(packet)
            for lane in self._lanes.values():
                yield from lane.finish()

    def _within(self, packet: Any) -> bool:
        time = packet.pts * packet.time_base - self._span.origin
        # What comes before the start of an uncut clip is the encoder's own priming: it belongs to it.
        begun = self._span.start == 0 or time >= self._span.start
        return bool(begun and (self._span.end is None or time < self._span.end))


class _Lane(Protocol):
    """One stream on its way."""

    def take(self, packet: Any) -> Iterator[tuple[Fraction, Any]]:
        """Output packets that a packet of the source gives, each with the time that it begins at."""

    def finish(self) -> Iterator[tuple[Fraction, Any]]:
        """What is left at the end."""


class _Copy:
    def __init__(self, stream: Any, shift: Fraction) -> None:
        self._stream = stream
        self._shift = shift

    def take(self, packet: Any) -> Iterator[tuple[Fraction, Any]]:
        ticks = round(self._shift / packet.time_base)
        packet.pts -= ticks
        if packet.dts is not None:
            packet.dts -= ticks
        begins = Fraction(packet.pts * packet.time_base)
        packet.stream = self._stream
        yield begins, packet

    def finish(self) -> Iterator[tuple[Fraction, Any]]:
        yield from ()


class _Transcoder:
    def __init__(self, source: Any, stream: Any, shift: Fraction) -> None:
        av = pyav()
        self._source = source
        self._shift = shift
        self._encoder = stream.codec_context
        self._encode: Callable[[Any], list[Any]] = stream.encode
        if not self._encoder.is_open:
            self._encoder.open()  # only now it has a frame size
        self._resampler = av.AudioResampler(
            self._encoder.format,
            self._encoder.layout,
            self._encoder.sample_rate,
            self._encoder.frame_size or None,
        )

    def take(self, packet: Any) -> Iterator[tuple[Fraction, Any]]:
        try:
            frames = packet.decode()
        except pyav().error.InvalidDataError:
            frames = []
        for frame in frames:
            if frame.pts is not None:
                frame.pts -= round(self._shift / frame.time_base)
            yield from self._resample(frame)

    def finish(self) -> Iterator[tuple[Fraction, Any]]:
        yield from self._resample(None)
        yield from self._timed(self._encode(None))

    def _resample(self, frame: Any) -> Iterator[tuple[Fraction, Any]]:
        for part in self._resampler.resample(frame):
            yield from self._timed(self._encode(part))

    def _timed(self, packets: list[Any]) -> Iterator[tuple[Fraction, Any]]:
        for packet in packets:
            yield Fraction((packet.pts or 0) * packet.time_base), packet

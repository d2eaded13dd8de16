"""Sound and subtitles of a clip on their way into another file: packets as they are, or transcoded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from wisp.clips.io.ffmpeg import open_input, pyav, reading

_MP4: Final = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"})
_QUICKTIME: Final = frozenset({"aac", "mp3", "ac3", "eac3", "alac"})
_WEBM: Final = frozenset({"opus", "vorbis"})

COPIED: Final[dict[str, frozenset[str] | None]] = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": _QUICKTIME,
    ".webm": _WEBM,
    ".mkv": None,
    ".nut": None,
    ".avi": frozenset({"mp3", "ac3", "aac"}),
}
"""Codecs of sound that players read in each container, beside plain PCM in MOV, MKV and AVI; None is any."""

_MATROSKA_TEXT: Final = frozenset({"srt", "subrip", "ass", "ssa", "webvtt"})
_MATROSKA_PICTURES: Final = frozenset({"hdmv_pgs_subtitle", "pgssub", "dvd_subtitle", "dvdsub", "dvbsub"})

SUBTITLES_COPIED: Final[dict[str, frozenset[str]]] = {
    ".mp4": frozenset({"mov_text"}),
    ".m4v": frozenset({"mov_text"}),
    ".mov": frozenset({"mov_text"}),
    ".mkv": _MATROSKA_TEXT | _MATROSKA_PICTURES,
    ".webm": frozenset({"webvtt"}),
}
"""Codecs of subtitles that each container holds."""

_TEXT: Final = _MATROSKA_TEXT | {"mov_text", "text"}
_TEXT_ENCODERS: Final = {
    ".mp4": "mov_text",
    ".m4v": "mov_text",
    ".mov": "mov_text",
    ".mkv": "srt",
    ".webm": "webvtt",
}

_QUICKTIME_CODES: Final = {
    "bod": "tib",
    "cym": "wel",
    "deu": "ger",
    "ell": "gre",
    "eus": "baq",
    "fas": "per",
    "hye": "arm",
    "isl": "ice",
    "kat": "geo",
    "mkd": "mac",
    "mri": "mao",
    "msa": "may",
    "mya": "bur",
    "nld": "dut",
    "sqi": "alb",
    "zho": "chi",
    "cze": "ces",
    "fre": "fra",
    "rum": "ron",
    "slo": "slk",
}
"""The codes that QuickTime knows of languages for which ISO 639-2 has two."""

_ENCODERS: Final = {".webm": ("libopus", 48000), ".avi": ("libmp3lame", None)}
_USUAL_LAYOUTS: Final = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
_USUAL_RATES: Final = (48000, 44100)
_MILLISECOND: Final = Fraction(1, 1000)
_COARSE: Final = Fraction(1, 10)
"""Seconds by which the times of a container that counts in packets of sound may be off."""


class Span(NamedTuple):
    """A part of a clip.

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


class Tap:
    """The packets of sound and subtitles that come by while the pictures of a pipe are read.

    Args:
        container: PyAV's, opened for reading; it belongs to whoever reads the pictures.
    """

    def __init__(self, container: Any) -> None:
        self.container = container
        self._packets: deque[Any] = deque()
        self._ended = False
        self._discarded = False

    def take(self, packet: Any) -> None:
        """Keep a packet, from the thread that reads."""
        if not self._discarded and packet.stream.type in ("audio", "subtitle"):
            self._packets.append(packet)

    def discard(self) -> None:
        """Keep nothing: nobody asks for the packets."""
        self._discarded = True
        self._packets.clear()

    def end(self) -> None:
        """Tell that no more will come."""
        self._ended = True

    def packets(self) -> Iterator[Any]:
        """Every packet, and None where the next has not been read yet."""
        while True:
            if self._packets:
                yield self._packets.popleft()
            elif self._ended:
                return
            else:
                yield None


class Tracks:
    """All sound and subtitles of a file, muxed into an open container as its pictures advance.

    A file is opened a second time, so that neither sound nor pictures wait in memory for the other; of a pipe
    the packets come from its `Tap`.

    Args:
        source: file to take them from.
        container: PyAV's output container; its streams are added here.
        suffix: of the output, which says what it can hold.
        span: which part is taken.
        tap: of a source that is read once only.

    Raises:
        InputError: the source cannot be read, or its sound not be encoded.
    """

    def __init__(
        self, source: Path, container: Any, suffix: str, span: Span = WHOLE, tap: Tap | None = None
    ) -> None:
        self.notes: list[str] = []
        self._source = source
        self._span = span
        self._container = container
        self._suffix = suffix
        self._tap = tap
        self._input = open_input(source) if tap is None else tap.container
        self._lanes: dict[int, _Lane] = {}
        try:
            for stream in (*self._input.streams.audio, *self._input.streams.subtitles):
                lane = self._sound(stream) if stream.type == "audio" else self._subtitles(stream)
                if lane is not None:
                    self._lanes[stream.index] = lane
        except BaseException:
            self.close()
            raise
        self._packets = self._produce()
        self._waiting: tuple[Fraction, Any] | None = None

    def mux_until(self, time: Fraction | None) -> None:
        """Mux what begins before `time`, seconds of the output; all that is left for None."""
        if time is None and self._tap is not None:
            self._tap.end()
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
        if self._tap is None:
            self._input.close()

    def _sound(self, stream: Any) -> _Lane | None:
        name = stream.codec_context.codec.canonical_name
        held = COPIED[self._suffix]
        pcm = name.startswith("pcm_") and self._suffix in (".mov", ".avi")
        if held is None or name in held or pcm:
            return self._copied(stream)
        encoder, rate = _ENCODERS.get(self._suffix, ("aac", None))
        try:
            pyav().codec.Codec(stream.codec_context.name, "r")
        except ValueError:
            self.notes.append(f"its sound ({name}) cannot be decoded and is left out")
            return None
        context = stream.codec_context
        found = _find_settings(encoder, rate or context.sample_rate, context.layout)
        if found is None:
            self.notes.append(
                f"its sound ({name}, {context.sample_rate} Hz) cannot be encoded and is left out"
            )
            return None
        rate, layout = found
        target = encoder.removeprefix("lib")
        changed = [] if rate == context.sample_rate else [f"{rate} Hz for {context.sample_rate}"]
        if pyav().AudioLayout(layout).nb_channels != context.layout.nb_channels:
            changed.append(f"{layout} for {context.layout.name}")
        how = f" ({', '.join(changed)})" if changed else ""
        self.notes.append(f"its sound is transcoded from {name} to {target}{how}, which {self._suffix} holds")
        made = self._container.add_stream(encoder, rate=rate, layout=layout)
        _keep_labels(stream, made, self._suffix)
        return _Transcoder(stream, made, self._shift)

    def _subtitles(self, stream: Any) -> _Lane | None:
        name = stream.codec_context.name if stream.codec_context else "unknown"
        held = SUBTITLES_COPIED.get(self._suffix, frozenset())
        if name in held:
            return self._copied(stream)
        encoder = _TEXT_ENCODERS.get(self._suffix)
        if encoder is not None and name in _TEXT:
            self.notes.append(
                f"its subtitles are rewritten from {name} to {encoder}, which {self._suffix} holds"
            )
            made = self._container.add_stream(encoder)
            _keep_labels(stream, made, self._suffix)
            return _Text(stream, made, self._shift)
        container = (
            f"{self._suffix} holds {', '.join(sorted(held))}" if held else f"{self._suffix} holds none"
        )
        self.notes.append(f"its subtitles ({name}) are left out: {container}")
        return None

    def _copied(self, stream: Any) -> _Lane:
        copy = self._container.add_stream_from_template(stream)
        _keep_labels(stream, copy, self._suffix)
        return _Copy(copy, self._shift)

    @property
    def _shift(self) -> Fraction:
        """Seconds that are subtracted from the source's times."""
        return self._span.origin + self._span.start

    def _produce(self) -> Iterator[tuple[Fraction, Any] | None]:
        """Output packets with the time that they begin at, in the order of the file; None: not there yet."""
        if not self._lanes:
            return
        with reading(self._source):
            for packet in self._source_packets():
                if packet is None:
                    yield None
                elif packet.size and packet.pts is not None and self._within(packet):
                    lane = self._lanes.get(packet.stream.index)
                    yield from () if lane is None else lane.take(packet)
            for lane in self._lanes.values():
                yield from lane.finish()

    def _source_packets(self) -> Iterator[Any]:
        if self._tap is not None:
            yield from self._tap.packets()
            return
        if self._span.start > 0:
            self._input.seek(int(self._shift * pyav().time_base))
        yield from self._input.demux([self._input.streams[index] for index in self._lanes])

    def _within(self, packet: Any) -> bool:
        time = packet.pts * packet.time_base - self._span.origin
        # What comes before the start of an uncut clip is the encoder's own priming: it belongs to it.
        begun = self._span.start == 0 or time >= self._span.start
        return bool(begun and (self._span.end is None or time < self._span.end))


def _keep_labels(source: Any, stream: Any, suffix: str) -> None:
    """Give a stream the language, the title and the part (default, comment …) of its source."""
    for name in ("language", "title"):
        if text := source.metadata.get(name):
            stream.metadata[name] = _QUICKTIME_CODES.get(text, text) if suffix == ".mov" else text
    stream.disposition = source.disposition


def _find_settings(encoder: str, rate: int, layout: Any) -> tuple[int, str] | None:
    """The sample rate and the layout nearest to the source's that an encoder takes; None for none."""
    av = pyav()
    codec = av.codec.Codec(encoder, "w")
    known = sorted(codec.audio_rates or (rate,), key=lambda other: (other < rate, abs(other - rate)))
    usual = _USUAL_LAYOUTS.get(layout.nb_channels)
    layouts = [name for name in (layout.name, usual, "stereo", "mono") if name is not None]
    for name in dict.fromkeys(layouts):
        for candidate in dict.fromkeys((rate, known[0], *_USUAL_RATES)):
            context = av.CodecContext.create(encoder, "w")
            try:
                context.sample_rate, context.format = candidate, codec.audio_formats[0]
                context.layout = name
                context.time_base = Fraction(1, candidate)
                context.open()
            except (av.FFmpegError, ValueError):
                continue
            return candidate, name
    return None


class _Lane(Protocol):
    """One stream on its way."""

    def take(self, packet: Any) -> Iterator[tuple[Fraction, Any]]:
        """Output packets that a packet of the source gives, each with the time that it begins at."""

    def finish(self) -> Iterator[tuple[Fraction, Any]]:
        """Output packets that are left at the end."""


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


class _Text:
    """Subtitles of text, decoded and encoded anew."""

    def __init__(self, source: Any, stream: Any, shift: Fraction) -> None:
        self._decoder = source.codec_context
        self._stream = stream
        self._shift = shift
        if not self._decoder.is_open:
            self._decoder.open()  # only now it has a header
        self._encoder = stream.codec_context
        self._encoder.subtitle_header = self._decoder.subtitle_header
        self._encoder.time_base = stream.time_base = _MILLISECOND
        self._encoder.open()

    def take(self, packet: Any) -> Iterator[tuple[Fraction, Any]]:
        begins = packet.pts * packet.time_base - self._shift
        length = (packet.duration or 0) * packet.time_base
        try:
            found = self._decoder.decode2(packet)
        except pyav().error.InvalidDataError:
            found = None
        if found is None or begins < 0:  # MP4 has empty ones where nothing is said
            return
        made = self._encoder.encode_subtitle(found)
        made.stream, made.time_base = self._stream, _MILLISECOND
        made.pts = made.dts = round(begins / _MILLISECOND)
        made.duration = round(length / _MILLISECOND)
        yield begins, made

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
        self._due: Fraction | None = None
        """When the next frame begins if none is missing, seconds."""

    def take(self, packet: Any) -> Iterator[tuple[Fraction, Any]]:
        try:
            frames = packet.decode()
        except pyav().error.InvalidDataError:
            frames = []
        for frame in frames:
            if frame.pts is not None:
                self._time(frame)
            yield from self._resample(frame)

    def _time(self, frame: Any) -> None:
        """Let a frame follow the one before where a container's times are too coarse, as AVI's are."""
        begins = frame.pts * frame.time_base - self._shift
        if self._due is not None and abs(begins - self._due) < _COARSE:
            begins = self._due
        frame.time_base = Fraction(1, frame.sample_rate)
        frame.pts = round(begins * frame.sample_rate)
        self._due = begins + Fraction(frame.samples, frame.sample_rate)

    def finish(self) -> Iterator[tuple[Fraction, Any]]:
        yield from self._resample(None)
        yield from self._timed(self._encode(None))

    def _resample(self, frame: Any) -> Iterator[tuple[Fraction, Any]]:
        for part in self._resampler.resample(frame):
            yield from self._timed(self._encode(part))

    def _timed(self, packets: list[Any]) -> Iterator[tuple[Fraction, Any]]:
        for packet in packets:
            yield Fraction((packet.pts or 0) * packet.time_base), packet

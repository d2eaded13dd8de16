"""Clips from files: frames upright, in order, each with its own time; memory does not grow with length.

Times are exact fractions of a second, counted from the clip's start, so that variable frame rates survive.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import Any, Final

from wisp.clips.io.colour import Unpacker, colour_of, has_alpha, turn_of, upright
from wisp.clips.io.extras import read_extras
from wisp.clips.io.ffmpeg import READABLE, open_input, pyav, reading, what_ffmpeg_says
from wisp.clips.io.fields import Deinterlacer
from wisp.clips.io.folders import FolderClip
from wisp.clips.io.frame import STDIO, Clip, ClipInfo, Frame
from wisp.clips.io.sequences import find_sequence
from wisp.clips.io.tracks import Tap
from wisp.clips.io.webp import WebpClip, is_animated_webp
from wisp.core.errors import InputError
from wisp.core.limits import MAX_PIXELS

SLACK: Final = Fraction(1, 2)
"""A file may end this much before the length its header gives, in seconds, and still be whole."""

_LATE: Final = Fraction(1)
"""Where no stream of a file begins before this time, seconds, its times are counted from its first."""

_BROADCAST: Final = ("mpegts", "mpeg")
_ANIMATIONS: Final = ("gif", "apng")
_FASTEST: Final = 1000
"""Frames a second above which a rate is a container's clock rather than a rate."""

_MILLISECOND: Final = Fraction(1, 1000)


@contextmanager
def open_clip(
    path: Path | str, *, fps: Fraction | None = None, max_pixels: int = MAX_PIXELS
) -> Iterator[Clip]:
    """Open a clip: a video file, an animated WebP, or numbered pictures.

    Args:
        path: the file, whatever FFmpeg reads, of which the first video stream counts; ``-`` is standard
            input, for what can be read in one go (Matroska, NUT, MPEG-TS); a folder of pictures or a
            pattern (`wisp.clips.io.sequences.find_sequence`).
        fps: frames a second of pictures; None is their ``timestamps.txt``, else `folders.RATE`.
        max_pixels: the largest width × height that is decoded.

    Yields:
        the clip; what the user should know is added to its `notes` as it is read.

    Raises:
        InputError: no such file, no video in it, no frame in that, too large ones; `fps` for a file that has
            a rate of its own.
        MissingExtraError: PyAV is not installed.
    """
    sequence = None if str(path) == STDIO else find_sequence(path)
    if sequence is not None:
        yield FolderClip(Path(path), sequence, fps=fps, max_pixels=max_pixels)
        return
    if fps is not None:
        raise InputError("--fps", f"is for pictures; {path} has times of its own", "a folder is accepted")
    if is_animated_webp(path):
        yield WebpClip(Path(path), max_pixels=max_pixels)
        return
    with ExitStack() as closing:
        try:
            container = open_input(path)
            closing.callback(container.close)
            clip = FileClip(Path(path), container, max_pixels=max_pixels)
        except InputError as error:
            if error.accepted != READABLE or not is_stream(path):
                raise
            accepted = "what can be read in one go (Matroska, NUT, MPEG-TS) is accepted from a pipe"
            raise InputError(path, error.problem, accepted) from error
        yield clip


def is_stream(path: Path | str) -> bool:
    """Whether a path is standard input or a pipe, which can be read once only."""
    return str(path) == STDIO or (
        Path(path).exists() and not Path(path).is_file() and not Path(path).is_dir()
    )


class FileClip:
    """A clip in a video file; see `Clip`.

    Args:
        path: for messages; what it names decides whether it can be read twice.
        container: PyAV's, opened for reading.
        whole: whether an early end is an error; a camera has no end.
        max_pixels: the largest width × height that is decoded.

    Raises:
        InputError: no video in it, no frame in that, or too large ones.
    """

    def __init__(
        self, path: Path, container: Any, *, whole: bool = True, max_pixels: int = MAX_PIXELS
    ) -> None:
        self.notes: list[str] = []
        self._path = path
        self._container = container
        self._whole = whole
        self._stream = self._choose_stream()
        self._check_size(max_pixels)
        self.tap = Tap(container) if whole and is_stream(path) else None
        self._decoder = self._open_decoder(max_pixels)
        self._last_end = Fraction(0)
        self._damaged = 0
        self._patched = 0
        self._interlaced = False
        self._decoded = self._decode()
        first = next(self._decoded, None)
        if first is None:
            raise InputError(path, "has no frame that can be decoded", READABLE)
        self._first = first
        self._turn = turn_of(first)
        self._unpack = Unpacker((first.height, first.width))
        self._grid: Fraction | None = None
        self.info = self._describe(first)
        self._tell_what_is_unusual()

    def frames(self, start: Fraction = Fraction(0), end: Fraction | None = None) -> Iterator[Frame]:
        """The frames whose time is at least `start` and below `end`, in order. To be called once.

        Raises:
            InputError: the file ends before it should, or holds no frame in that span.
        """
        index, resized, previous = 0, False, None
        for decoded in self._from(start):
            time = self._time(decoded, previous)
            if time < start:
                continue
            if end is not None and time >= end:
                break
            previous = time
            resized = resized or (decoded.height, decoded.width) != (self._first.height, self._first.width)
            pixels = upright(self._unpack(decoded), self._turn)
            yield Frame(index, time, self._length(decoded), pixels)
            index += 1
        else:
            self._check_whole(index)
        if index == 0:
            length = f" of {float(self.info.duration):g} s" if self.info.duration else ""
            raise InputError(
                self._path, f"has no frame from {float(start):g} s on", f"a part{length} is accepted"
            )
        if resized:
            self.notes.append("frames change their size on the way; all are brought to that of the first")
        if self._interlaced:
            self.notes.append("it is interlaced, and deinterlaced: a picture for each two fields")
        if self._damaged:
            self.notes.append(f"{_counted(self._damaged, 'damaged packet')} passed over")
        if self._patched:
            self.notes.append(f"{_counted(self._patched, 'damaged frame')} shown as far as decoded")

    def stems(self, start: Fraction = Fraction(0), end: Fraction | None = None) -> list[str]:
        """Give no names, since the frames of a file are no files of their own: an empty list."""
        return []

    def _choose_stream(self) -> Any:
        """The first video stream that is no cover picture."""
        videos = [stream for stream in self._container.streams.video if not _is_cover(stream)]
        if not videos:
            problem = "has no video in it"
            problem += ", only a cover picture" if self._container.streams.video else ""
            raise InputError(self._path, problem, READABLE)
        if len(videos) > 1:
            self.notes.append(f"of its {len(videos)} videos the first is taken")
        return videos[0]

    def _check_size(self, max_pixels: int) -> None:
        height, width = self._stream.codec_context.height, self._stream.codec_context.width
        if height * width > max_pixels:
            most = f"{max_pixels:_}".replace("_", " ")
            raise InputError(
                self._path,
                f"is {width}×{height}, more than {most} pixels",
                "--max-pixels sets how many are accepted",
            )

    def _open_decoder(self, max_pixels: int) -> Any:
        """The stream's own decoder; for VP8 and VP9 with alpha libvpx, since FFmpeg's own drops it."""
        context = self._stream.codec_context
        by_libvpx = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(context.name)
        if self._stream.metadata.get("alpha_mode") == "1" and by_libvpx:
            decoder = pyav().CodecContext.create(by_libvpx, "r")
            decoder.extradata = context.extradata
            return decoder
        self._stream.thread_type = "AUTO"
        context.options = {**context.options, "max_pixels": str(max_pixels)}
        return context

    def _decode(self) -> Iterator[Any]:
        """Decoded frames from where the container stands; damaged packets are counted and passed over."""
        fields = Deinterlacer(Fraction(self._stream.time_base))
        for frame in self._decode_as_stored():
            self._patched += frame.is_corrupt
            yield from fields.push(frame)
            self._interlaced = self._interlaced or fields.active
        yield from fields.flush()

    def _decode_as_stored(self) -> Iterator[Any]:
        av = pyav()
        failed: Exception | None = None
        with reading(self._path):
            for packet in self._container.demux():
                self._note_end(packet)
                if packet.stream is not self._stream:
                    if self.tap is not None:
                        self.tap.take(packet)
                    continue
                try:
                    frames = self._decoder.decode(packet if packet.size else None)
                except av.error.InvalidDataError as error:
                    failed = error
                    self._damaged += 1
                    continue
                except av.error.EOFError:
                    break
                if frames:
                    failed = None
                yield from frames
        if self.tap is not None:
            self.tap.end()
        if failed is not None and self._whole:
            raise InputError(self._path, f"ends in a damaged frame ({what_ffmpeg_says(failed)})", _CUT)

    def _note_end(self, packet: Any) -> None:
        """Keep the latest time at which anything ends; a frame that tells no length has the usual one."""
        if packet.pts is None:
            return
        length = Fraction(packet.duration or 0) * packet.time_base
        rate = self._stream.average_rate
        if not length and packet.stream is self._stream and rate:
            length = 1 / Fraction(rate)
        self._last_end = max(self._last_end, packet.pts * packet.time_base + length)

    def _from(self, start: Fraction) -> Iterator[Any]:
        """Decoded frames from the key frame before `start` on; from the first where nothing can be sought."""
        if start <= self._time(self._first, None) or self.tap is not None:
            yield self._first
        elif start > 0:
            with reading(self._path):
                place = int((start + self.info.origin) / self._stream.time_base)
                self._container.seek(place, stream=self._stream)
            self._damaged = self._patched = 0
            self._decoded = self._decode()
        yield from self._decoded

    def _time(self, frame: Any, previous: Fraction | None) -> Fraction:
        """Seconds since the clip's start; for a frame that does not say, one frame after the previous."""
        stamp = frame.pts if frame.pts is not None else frame.dts
        if stamp is None:
            return Fraction(0) if previous is None else previous + 1 / self.info.rate
        time: Fraction = stamp * (frame.time_base or self._stream.time_base) - self.info.origin
        return time if self._grid is None else self._on_grid(time)

    def _on_grid(self, time: Fraction) -> Fraction:
        """The time that a container which counts milliseconds has rounded, where it fits the frame rate."""
        first = self._start(self._first)
        exact = first + round((time - first) * self.info.rate) / self.info.rate
        return exact if abs(exact - time) <= _MILLISECOND else time

    def _length(self, frame: Any) -> Fraction:
        length = Fraction((frame.duration or 0) * (frame.time_base or self._stream.time_base))
        usual = 1 / self.info.rate
        return usual if self._grid is not None and abs(length - usual) <= _MILLISECOND else length

    def _describe(self, first: Any) -> ClipInfo:
        stream, container = self._stream, self._container
        height, width = self._turn.size(first.height, first.width)
        aspect = stream.sample_aspect_ratio or self._stream.codec_context.sample_aspect_ratio or 1
        aspect = Fraction(aspect) if aspect > 0 else Fraction(1)
        rates = (stream.average_rate, stream.guessed_rate, stream.base_rate)
        rate = next((Fraction(found) for found in rates if found and 0 < found <= _FASTEST), Fraction(30))
        origin, late = self._find_origin(first)
        if late:
            self.notes.append(f"its times begin at {float(origin):.3f} s and are counted from there")
        if stream.duration is not None:
            duration = Fraction(stream.duration * stream.time_base)
        else:
            duration = Fraction(container.duration or 0, pyav().time_base) - (origin if late else 0)
        tick = Fraction(stream.time_base)
        rounded = tick == _MILLISECOND and rate.numerator < 10**6
        self._grid = rate if rounded and 1000 % rate else None
        depth = max(part.bits for part in first.format.components)
        return ClipInfo(
            self._path,
            height,
            width,
            tick=tick if self._grid is None else Fraction(1, lcm(1000, rate.numerator)),
            rate=rate,
            duration=max(Fraction(0), duration),
            origin=origin,
            aspect=1 / aspect if self._turn.transposed else aspect,
            colour=colour_of(first),
            bits=16 if depth > 8 else 8,
            depth=depth,
            alpha=has_alpha(first),
            audio=bool(container.streams.audio),
            subtitles=bool(container.streams.subtitles),
            extras=read_extras(container, stream, origin),
            variable=container.format.name in _ANIMATIONS,
            constant=bool(stream.average_rate) and stream.average_rate == stream.base_rate,
        )

    def _start(self, first: Any) -> Fraction:
        """The first frame's time, seconds since the clip's start, as the container says it."""
        if first.pts is None:
            return Fraction(0)
        return Fraction(first.pts * (first.time_base or self._stream.time_base)) - self.info.origin

    def _find_origin(self, first: Any) -> tuple[Fraction, bool]:
        """Find the file's time at which the clip begins, and whether that is surprisingly late.

        Broadcast streams begin at any time; others at 0, unless a frame comes before that or nothing for long
        after it.
        """
        starts = [
            Fraction(s.start_time * s.time_base)
            for s in (self._stream, *self._container.streams.audio)
            if s.start_time is not None
        ]
        if first.pts is not None:
            starts.append(Fraction(first.pts * (first.time_base or self._stream.time_base)))
        if not starts:
            return Fraction(0), False
        if self._container.format.name in _BROADCAST or not self._whole:
            return min(starts), False
        late = min(starts) >= _LATE
        return (min(starts) if late else min(Fraction(0), *starts)), late

    def _tell_what_is_unusual(self) -> None:
        if not self.info.colour.standard:
            self.notes.append(f"its {self.info.colour.name} colours are converted to BT.709")
        if not self._turn.exact:
            self.notes.append("it is turned by an odd angle; the nearest quarter turn is taken")
        if self._whole:
            streams = self._container.streams
            data = sum(not _is_timecode(stream) for stream in streams.data)
            if data and self._container.format.name.startswith("mov") and self._container.chapters():
                data -= 1  # QuickTime keeps the chapters' names as a track of their own
            for count, thing in ((data, "data track"), (len(streams.attachments), "attachment")):
                if count:
                    self.notes.append(f"{_counted(count, thing)} left out")

    def _check_whole(self, count: int) -> None:
        """Raise `InputError` where the file stops long before the length that its header promises."""
        if not self._whole or self._container.format.name in _BROADCAST:
            return  # of these the length is guessed from the file's end
        promised = Fraction(self._container.duration or 0, pyav().time_base)
        begun = Fraction(self._container.start_time or 0, pyav().time_base)
        end = min(promised, begun + promised)  # some count the length from 0, whenever the first frame comes
        missing = end - self._last_end
        if count and promised and missing > max(SLACK if promised > 5 else promised / 10, 3 / self.info.rate):
            raise InputError(
                self._path, f"breaks off at {float(self._last_end):.3g} s of {float(end):.3g} s", _CUT
            )


_CUT: Final = "a whole file, or --end before that, is accepted"


def _counted(number: int, thing: str) -> str:
    return f"1 {thing} is" if number == 1 else f"{number} {thing}s are"


def _is_cover(stream: Any) -> bool:
    """Whether a stream is a cover picture, as music files have."""
    return bool(int(stream.disposition) & int(pyav().stream.Disposition.attached_pic))


def _is_timecode(stream: Any) -> bool:
    """Whether a data stream is QuickTime's time code, which is carried as text."""
    return "timecode" in stream.metadata

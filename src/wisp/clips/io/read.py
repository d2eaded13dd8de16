"""Clips from files: frames upright, in order, each with its own time; memory does not grow with length.

Times are exact fractions of a second, counted from the clip's start, so that variable frame rates survive.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from wisp.clips.io.colour import Unpacker, colour_of, has_alpha, turn_of, upright
from wisp.clips.io.ffmpeg import READABLE, pyav, reading, what_ffmpeg_says
from wisp.clips.io.folders import FolderClip
from wisp.clips.io.frame import Clip, ClipInfo, Frame
from wisp.core.errors import InputError

SLACK: Final = Fraction(1, 2)
"""A file may end this much before the length its header gives, in seconds, and still be whole."""


@contextmanager
def open_clip(path: Path | str) -> Iterator[Clip]:
    """Open a video file, or a folder of pictures as a clip.

    Args:
        path: the file; whatever FFmpeg reads. Its first video stream counts.

    Yields:
        the clip; what the user should know is added to its `notes` as it is read.

    Raises:
        InputError: no such file, no video in it, or no frame in that.
        MissingExtraError: PyAV is not installed.
    """
    if Path(path).is_dir():
        yield FolderClip(Path(path))
        return
    with reading(path):
        container = pyav().open(str(path), metadata_errors="replace")
    try:
        yield FileClip(Path(path), container)
    finally:
        container.close()


class FileClip:
    """A clip in a video file; see `Clip`."""

    def __init__(self, path: Path, container: Any, *, whole: bool = True) -> None:
        if not container.streams.video:
            raise InputError(path, "has no video in it", READABLE)
        self.notes: list[str] = []
        self._path = path
        self._container = container
        self._whole = whole  # whether an early end is an error; a camera has no end
        self._stream = next(
            (s for s in container.streams.video if not _is_cover(s)), container.streams.video[0]
        )
        self._decoder = self._open_decoder()
        self._last_end = Fraction(0)
        self._damaged = 0
        self._decoded = self._decode()
        first = next(self._decoded, None)
        if first is None:
            raise InputError(path, "has no frame that can be decoded", READABLE)
        self._first = first
        self._turn = turn_of(first)
        self._unpack = Unpacker((first.height, first.width))
        self.info = self._describe(first)
        self._tell_what_is_unusual(first)

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
        if self._damaged:
            self.notes.append(f"{self._damaged} damaged packets were passed over")

    def _open_decoder(self) -> Any:
        """The stream's own decoder; for VP8 and VP9 with alpha libvpx, since FFmpeg's own drops it."""
        context = self._stream.codec_context
        by_libvpx = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(context.name)
        if self._stream.metadata.get("alpha_mode") == "1" and by_libvpx:
            decoder = pyav().CodecContext.create(by_libvpx, "r")
            decoder.extradata = context.extradata
            return decoder
        self._stream.thread_type = "AUTO"
        return context

    def _decode(self) -> Iterator[Any]:
        """Decoded frames from where the container stands; damaged packets are counted and passed over."""
        av = pyav()
        failed: Exception | None = None
        with reading(self._path):
            for packet in self._container.demux():
                if packet.pts is not None and packet.duration:
                    self._last_end = max(self._last_end, (packet.pts + packet.duration) * packet.time_base)
                if packet.stream is not self._stream:
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
        if failed is not None and self._whole:
            raise InputError(self._path, f"ends in a damaged frame ({what_ffmpeg_says(failed)})", _CUT)

    def _from(self, start: Fraction) -> Iterator[Any]:
        """Decoded frames from the key frame before `start` on."""
        if start <= self._time(self._first, None):
            yield self._first
        elif start > 0:
            with reading(self._path):
                place = int((start + self.info.origin) / self._stream.time_base)
                self._container.seek(place, stream=self._stream)
            self._decoded = self._decode()
        yield from self._decoded

    def _time(self, frame: Any, previous: Fraction | None) -> Fraction:
        """Seconds since the clip's start; for a frame that does not say, one frame after the previous."""
        stamp = frame.pts if frame.pts is not None else frame.dts
        if stamp is None:
            return Fraction(0) if previous is None else previous + 1 / self.info.rate
        time: Fraction = stamp * (frame.time_base or self._stream.time_base) - self.info.origin
        return time

    def _length(self, frame: Any) -> Fraction:
        duration = frame.duration or 0
        return Fraction(duration * (frame.time_base or self._stream.time_base))

    def _describe(self, first: Any) -> ClipInfo:
        stream, container = self._stream, self._container
        height, width = self._turn.size(first.height, first.width)
        aspect = stream.sample_aspect_ratio or self._stream.codec_context.sample_aspect_ratio or 1
        aspect = Fraction(aspect) if aspect > 0 else Fraction(1)
        rate = stream.average_rate or stream.guessed_rate or stream.base_rate or 30
        if stream.duration is not None:
            duration = Fraction(stream.duration * stream.time_base)
        else:
            duration = Fraction(container.duration or 0, pyav().time_base)
        colour = colour_of(first)
        deep = max(part.bits for part in first.format.components) > 8
        return ClipInfo(
            self._path,
            height,
            width,
            tick=Fraction(stream.time_base),
            rate=Fraction(rate) if rate > 0 else Fraction(30),
            duration=duration,
            origin=self._find_origin(first),
            aspect=1 / aspect if self._turn.transposed else aspect,
            colour=colour,
            bits=16 if deep else 8,
            alpha=has_alpha(first),
            audio=bool(container.streams.audio),
        )

    def _find_origin(self, first: Any) -> Fraction:
        """Broadcast streams begin at any time; others at 0, unless a frame comes before that."""
        starts = [
            Fraction(s.start_time * s.time_base)
            for s in (self._stream, *self._container.streams.audio)
            if s.start_time is not None
        ]
        if first.pts is not None:
            starts.append(Fraction(first.pts * (first.time_base or self._stream.time_base)))
        if not starts:
            return Fraction(0)
        broadcast = self._container.format.name in ("mpegts", "mpeg") or not self._whole
        return min(starts) if broadcast else min(Fraction(0), *starts)

    def _tell_what_is_unusual(self, first: Any) -> None:
        if not self.info.colour.standard:
            self.notes.append(f"its {self.info.colour.name} colours are converted to BT.709")
        if first.interlaced_frame:
            self.notes.append("it is interlaced; each frame is taken as it is, with both its fields")
        if not self._turn.exact:
            self.notes.append("it is turned by an odd angle; the nearest quarter turn is taken")

    def _check_whole(self, count: int) -> None:
        """Raise `InputError` where the file stops long before the length that its header promises."""
        if not self._whole or self._container.format.name in ("mpegts", "mpeg"):
            return  # of these the length is guessed from the file's end
        promised = Fraction(self._container.duration or 0, pyav().time_base)
        begun = Fraction(self._container.start_time or 0, pyav().time_base)
        missing = begun + promised - self._last_end
        if count and promised and missing > max(SLACK if promised > 5 else promised / 10, 3 / self.info.rate):
            end, length = float(self._last_end - begun), float(promised)
            raise InputError(self._path, f"breaks off at {end:.3g} s of {length:.3g} s", _CUT)


_CUT: Final = "a whole file, or --end before that, is accepted"


def _is_cover(stream: Any) -> bool:
    """Whether a stream is a cover picture, as music files have."""
    return bool(int(stream.disposition) & int(pyav().stream.Disposition.attached_pic))

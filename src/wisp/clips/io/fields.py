"""Interlaced frames to whole pictures, by FFmpeg's bwdif (Bob Weaver); progressive ones are left alone."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from wisp.clips.io.ffmpeg import pyav


class Deinterlacer:
    """Frames in, frames out, one for each at the same time; a frame behind once an interlaced one has come.

    Args:
        tick: the unit of the times of frames that do not tell theirs, seconds.

    Attributes:
        active: whether an interlaced frame has come.
    """

    def __init__(self, tick: Fraction) -> None:
        self.active = False
        self._tick = tick
        self._graph: Any = None
        self._form: tuple[int, int, str] | None = None
        self._lengths: dict[Fraction, Fraction] = {}  # by the time of the frame, of those in the filter

    def push(self, frame: Any) -> Iterator[Any]:
        """The frames that can be given out now that `frame` is there."""
        if not self.active and not frame.interlaced_frame:
            yield frame
            return
        self.active = True
        frame.time_base = frame.time_base or self._tick
        form = (frame.width, frame.height, frame.format.name)
        if form != self._form:
            yield from self.flush()
            self._form = form
            self._graph = self._build(frame)
        if frame.pts is not None:
            self._lengths[frame.pts * frame.time_base] = (frame.duration or 0) * frame.time_base
        self._graph.push(frame)
        yield from self._ready()

    def flush(self) -> Iterator[Any]:
        """The frames that are left at the end."""
        if self._graph is not None:
            self._graph.push(None)
            yield from self._ready()
            self._graph, self._form = None, None

    def _ready(self) -> Iterator[Any]:
        av = pyav()
        while True:
            try:
                frame = self._graph.pull()
            except (BlockingIOError, av.error.EOFError):
                return
            if frame.pts is not None:  # the filter guesses the length of the last one
                length = self._lengths.pop(frame.pts * frame.time_base, Fraction(0))
                frame.duration = round(length / frame.time_base)
            yield frame

    def _build(self, frame: Any) -> Any:
        graph = pyav().filter.Graph()
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        filter = graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
        source.link_to(filter)
        filter.link_to(graph.add("buffersink"))
        graph.configure()
        return graph

"""A live camera, whose newest frame is always the next one; older ones are dropped.

A device that is lost is waited for. A video file can stand in for a device (`wisp.clips.devices`); it is
played at its own pace.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from wisp.clips.devices import Wanted, open_device
from wisp.clips.io.frame import ClipInfo, Frame
from wisp.clips.io.read import FileClip
from wisp.core.errors import InputError
from wisp.core.opencv import opencv

PATIENCE: Final = 10.0
"""Seconds without a frame after which a camera counts as gone."""

AGAIN: Final = 1.0
"""Seconds between two attempts to open a camera that was lost."""


class Camera:
    """An open device that hands out its newest frame.

    Args:
        device: its number, from 0; or the path of a device or of a video file.
        wanted: size, rate and kind of pictures that it is asked for; files are brought to them.
        tell: called with what the user should know while it runs: that the device is lost, or back.

    Attributes:
        info: size, rate and colour.
        dropped: frames so far that came and went while nobody asked for one.
        arrived: when the frame that was handed out last came, by `time.monotonic`.

    Raises:
        MissingDeviceError: no such device.
        InputError: a device that cannot be used (`wisp.clips.devices.open_device`).
        MissingExtraError: PyAV is not installed.
    """

    def __init__(
        self,
        device: str = "0",
        wanted: Wanted | None = None,
        *,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._device = device
        self._wanted = wanted or Wanted()
        self._tell = tell
        self._container, self._live = self._open()
        if self._wanted.mjpeg and not self._live:
            self._container.close()
            raise InputError("--mjpeg", f"is for devices; {device} is a file", "leave it out")
        self._clip = self._read_head()
        self.info: ClipInfo = self._describe()
        self.dropped = 0
        self.arrived = 0.0
        self._fresh = threading.Condition()
        self._newest: tuple[Frame, float] | None = None
        self._error: BaseException | None = None
        self._ended = False
        self._lost = False
        self._stop = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the device back."""
        self._stop.set()
        if self._reader.is_alive():
            self._reader.join()
        self._container.close()

    def frames(self) -> Iterator[Frame | None]:
        """The newest frame, whenever the next is asked for, until the device ends; None while it is lost.

        Raises:
            InputError: a file that cannot be read, or a device that gives nothing for `PATIENCE` seconds.
        """
        while True:
            with self._fresh:
                came = self._fresh.wait_for(
                    lambda: self._newest is not None or self._ended or self._lost, PATIENCE
                )
                newest, self._newest = self._newest, None
                lost = self._lost
            if newest is not None:
                frame, self.arrived = newest
                yield frame
            elif self._error is not None:
                raise self._error
            elif lost and not self._ended:
                self._stop.wait(0.1)
                yield None
            elif not came:
                raise InputError(f"--device {self._device}", f"gave no picture for {PATIENCE:g} s")
            else:
                return

    def _open(self) -> tuple[Any, bool]:
        return open_device(self._device, self._wanted)

    def _read_head(self) -> FileClip:
        try:
            return FileClip(Path(self._device), self._container, whole=not self._live)
        except BaseException:
            self._container.close()
            raise

    def _describe(self) -> ClipInfo:
        """The clip's info with the size and the rate that are handed out."""
        info = self._clip.info
        size, fps = self._wanted.size, self._wanted.fps
        height, width = size or (info.height, info.width)
        rate = info.rate if fps is None else min(fps, info.rate)
        return ClipInfo(info.path, height, width, info.tick, rate, colour=info.colour, bits=info.bits)

    def _read(self) -> None:
        """Keep the newest frame, and open a device again that is lost."""
        try:
            while True:
                try:
                    self._play()
                except InputError:
                    if not self._live:
                        raise
                if not self._live or self._stop.is_set() or not self._open_again():
                    return
        except BaseException as error:  # handed to whoever waits for a frame
            self._error = error
        finally:
            with self._fresh:
                self._ended = True
                self._fresh.notify()

    def _play(self) -> None:
        """Hand out the frames of what is open; a file is played at its own pace."""
        began, due = time.monotonic(), Fraction(0)
        for frame in self._clip.frames():
            if not self._live:
                if frame.time < due:
                    continue
                due = max(due + 1 / self.info.rate, frame.time) if self._wanted.fps else due
                self._stop.wait(max(0.0, began + float(frame.time) - time.monotonic()))
            if self._stop.is_set():
                return
            arrived = time.monotonic()
            fitting = self._fitted(frame)
            with self._fresh:
                self.dropped += self._newest is not None
                self._newest = fitting, arrived
                self._fresh.notify()

    def _fitted(self, frame: Frame) -> Frame:
        """The frame at the size that is handed out."""
        size = (self.info.height, self.info.width)
        if frame.pixels.shape[:2] == size:
            return frame
        cv2 = opencv()
        kernel = cv2.INTER_AREA if size[1] < frame.pixels.shape[1] else cv2.INTER_LINEAR
        pixels = cv2.resize(frame.pixels, size[::-1], interpolation=kernel)
        return Frame(frame.index, frame.time, frame.duration, pixels)

    def _open_again(self) -> bool:
        """Wait for a lost device; False when the session ends before it is back."""
        self._tell("the camera is gone; waiting for it")
        with self._fresh:
            self._lost = True
            self._fresh.notify()
        self._container.close()
        while not self._stop.wait(AGAIN):
            with suppress(InputError):
                self._container, self._live = self._open()
                self._clip = self._read_head()
                with self._fresh:
                    self._lost = False
                self._tell("the camera is back")
                return True
        return False

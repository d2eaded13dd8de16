"""A live camera, matted as it comes: the newest frame is always the next one, older ones are dropped.

Devices are read through FFmpeg: Video4Linux on Linux, AVFoundation on macOS, DirectShow on Windows. A video
file can stand in for a device; it is played at its own pace.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

import numpy as np
import numpy.typing as npt

from wisp.clips.alpha import quick_alpha
from wisp.clips.backdrops import GREEN, Backdrop
from wisp.clips.colours import soft_colours
from wisp.clips.frames import composed
from wisp.clips.io.ffmpeg import pyav, reading
from wisp.clips.io.frame import ClipInfo, Frame
from wisp.clips.io.read import FileClip
from wisp.clips.steady import STEADY, AlphaMethod, State, Steadiness, steady_alpha
from wisp.compositing.backgrounds import colour
from wisp.core.errors import InputError

Picture = npt.NDArray[np.uint8]

PATIENCE: Final = 10.0
"""Seconds without a frame after which a camera counts as gone."""


class Camera:
    """An open device that hands out its newest frame.

    Args:
        device: its number, from 0; or the path of a device or of a video file.

    Attributes:
        info: size, rate and colour.
        dropped: frames so far that came and went while nobody asked for one.

    Raises:
        InputError: no such device, or one that another program holds.
        MissingExtraError: PyAV is not installed.
    """

    def __init__(self, device: str = "0") -> None:
        self._device = device
        self._container, self._live = _open(device)
        try:
            self._clip = FileClip(Path(device), self._container, whole=not self._live)
        except BaseException:
            self._container.close()
            raise
        self.info: ClipInfo = self._clip.info
        self.dropped = 0
        self._fresh = threading.Condition()
        self._newest: Frame | None = None
        self._error: BaseException | None = None
        self._ended = False
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

    def frames(self) -> Iterator[Frame]:
        """The newest frame, whenever the next is asked for, until the device ends.

        Raises:
            InputError: the device fails, or gives nothing for `PATIENCE` seconds.
        """
        while True:
            with self._fresh:
                came = self._fresh.wait_for(lambda: self._newest is not None or self._ended, PATIENCE)
                frame, self._newest = self._newest, None
            if frame is not None:
                yield frame
            elif self._error is not None:
                raise self._error
            elif not came:
                raise InputError(self._device, f"gave no picture for {PATIENCE:g} s")
            else:
                return

    def _read(self) -> None:
        """Keep the newest frame; a file is played at its own pace."""
        began = time.monotonic()
        try:
            for frame in self._clip.frames():
                if not self._live:
                    self._stop.wait(max(0.0, began + float(frame.time) - time.monotonic()))
                if self._stop.is_set():
                    return
                with self._fresh:
                    self.dropped += self._newest is not None
                    self._newest = frame
                    self._fresh.notify()
        except BaseException as error:  # handed to whoever waits for a frame
            self._error = error
        finally:
            with self._fresh:
                self._ended = True
                self._fresh.notify()


class Screen(Protocol):
    """Where live pictures go."""

    def show(self, picture: Picture) -> bool:
        """Show a picture, uint8 (H, W, 3); False when the user has closed it."""


@dataclass(frozen=True)
class Shown:
    """How a live session went: pictures shown, frames dropped, seconds."""

    shown: int
    dropped: int
    seconds: float


def run_camera(
    camera: Camera,
    backdrop: Backdrop | None,
    screens: Sequence[Screen],
    alpha_of: AlphaMethod = quick_alpha,
    *,
    steadiness: Steadiness = STEADY,
) -> Shown:
    """Matte a camera's frames as they come, until it ends or a screen is closed.

    Args:
        camera: opened, inside its ``with``.
        backdrop: what goes behind the subject; None is a green screen, since screens show no alpha.
        screens: where pictures go.
        alpha_of: mattes a single frame.
        steadiness: how alpha is held steady.
    """
    green = np.array(colour(GREEN), np.float32)
    state: State | None = None
    began, shown = time.monotonic(), 0
    for frame in camera.frames():
        image = frame.image
        alpha, state = steady_alpha(image, state, alpha_of, steadiness=steadiness)
        soft = soft_colours(image, alpha)
        behind = green if backdrop is None else backdrop(frame.time, image, alpha, soft)
        picture = composed(image, alpha, soft, behind, pixels=frame.pixels[..., :3])
        open_ones = [screen.show(picture) for screen in screens]  # each of them gets the picture
        if not all(open_ones):
            break
        shown += 1
    return Shown(shown, camera.dropped, time.monotonic() - began)


class VirtualCamera:
    """A camera that other programs see, by `pyvirtualcam`.

    Args:
        info: of the real camera.

    Raises:
        InputError: the package is missing, or the system has no virtual camera.
    """

    def __init__(self, info: ClipInfo) -> None:
        try:
            import pyvirtualcam
        except ImportError as error:
            advice = "pip install pyvirtualcam brings it (GPL-2.0)"
            raise InputError("--virtual-camera", "needs the package pyvirtualcam", advice) from error
        try:
            self._camera: Any = pyvirtualcam.Camera(
                info.width, info.height, float(info.rate), fmt=pyvirtualcam.PixelFormat.RGB
            )
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[0]
            raise InputError("--virtual-camera", f"is not there ({reason})") from error

    def show(self, picture: Picture) -> bool:
        """See `Screen`; never closed."""
        self._camera.send(picture)
        return True

    def close(self) -> None:
        """Give the virtual camera back."""
        self._camera.close()


class Preview:
    """A window; closing it ends the session.

    Args:
        title: of the window.

    Raises:
        InputError: there is no display, or this Python has no Tk.
    """

    def __init__(self, title: str = "wisp") -> None:
        try:
            import tkinter
        except ImportError as error:
            raise InputError("--preview", "needs Tk, which this Python lacks") from error
        try:
            self._window = tkinter.Tk()
        except tkinter.TclError as error:
            raise InputError("--preview", f"has no display to show on ({error})") from error
        self._window.title(title)
        self._window.protocol("WM_DELETE_WINDOW", self._close)
        self._label = tkinter.Label(self._window)
        self._label.pack()
        self._tk = tkinter
        self._open = True

    def show(self, picture: Picture) -> bool:
        """See `Screen`."""
        if self._open:
            image = self._tk.PhotoImage(data=as_ppm(picture), format="PPM")
            self._label.configure(image=image)
            self._shown = image  # Tk keeps no reference of its own
            self._window.update()
        return self._open

    def close(self) -> None:
        """Close the window."""
        if self._open:
            self._close()

    def _close(self) -> None:
        self._open = False
        self._window.destroy()


def as_ppm(picture: Picture) -> bytes:
    """uint8 (H, W, 3) as the bytes of a PPM file."""
    height, width = picture.shape[:2]
    return b"P6 %d %d 255 " % (width, height) + np.ascontiguousarray(picture).tobytes()


def _open(device: str) -> tuple[Any, bool]:
    """FFmpeg's container of a device, or of a file that stands in for it; and whether it is live."""
    av = pyav()
    if not device.isdecimal() and Path(device).is_file():
        with reading(device):
            return av.open(device, metadata_errors="replace"), False
    name, format = _source(device)
    try:
        return av.open(name, format=format, options={}), True
    except (av.FFmpegError, ValueError) as error:
        accepted = "the number of a camera that no other program uses, or a video file, is accepted"
        raise InputError(f"--device {device}", "cannot be opened", accepted) from error


def _source(device: str, platform: str = sys.platform) -> tuple[str, str]:
    """What FFmpeg calls a device, and the name of its driver.

    Raises:
        InputError: Windows has no device of that number.
    """
    if platform == "darwin":
        return device, "avfoundation"
    if platform != "win32":
        return (f"/dev/video{device}" if device.isdecimal() else device), "v4l2"
    if not device.isdecimal():
        return f"video={device}", "dshow"
    found = [item for item in pyav().device.enumerate_input_devices("dshow") if "video" in item.media_types]
    if int(device) >= len(found):
        names = ", ".join(item.description for item in found) or "none"
        raise InputError(f"--device {device}", "is not there", f"cameras: {names}")
    return f"video={found[int(device)].name}", "dshow"

"""A live camera, matted as it comes: the newest frame is always the next one, older ones are dropped.

A device that is lost is waited for. A video file can stand in for a device (`wisp.clips.devices`); it is
played at its own pace.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

import numpy as np
import numpy.typing as npt

from wisp.clips.alpha import PORTRAIT, SIDES, upsample_to_frame
from wisp.clips.backdrops import GREEN, Backdrop, blur_own_background, open_backdrop
from wisp.clips.colours import estimate_soft_colours
from wisp.clips.devices import Wanted, open_device
from wisp.clips.frames import composite_frame
from wisp.clips.io.frame import ClipInfo, Frame
from wisp.clips.io.read import FileClip
from wisp.clips.steady import STEADY, AlphaMethod, State, Steadiness, filter_alpha
from wisp.compositing import backgrounds
from wisp.core.arrays import Alpha, Image
from wisp.core.errors import InputError
from wisp.core.opencv import opencv, shrink

Picture = npt.NDArray[np.uint8]

PATIENCE: Final = 10.0
"""Seconds without a frame after which a camera counts as gone."""

AGAIN: Final = 1.0
"""Seconds between two attempts to open a camera that was lost."""

IDLE: Final = 2.0
"""Seconds without a subject after which a held picture stands still."""

_PRESENT: Final = 0.002
"""Share of a picture that alpha must cover for somebody to be there."""

_KEPT: Final = 10_000
"""Latencies that are remembered, of the last pictures."""

KEYS: Final[dict[str, str]] = {
    "space": "effect on or off",
    "f": "freeze",
    "+": "blur stronger",
    "-": "blur weaker",
    "n": "next background",
    "h": "hold still while nobody is there",
    "m": "mirror",
    "q": "quit",
}
"""The keys that `Controls` knows."""


@dataclass
class Controls:
    """The switches of a live session, as keys change them.

    Attributes:
        on: whether the background is replaced at all.
        frozen: whether the last picture stays.
        hold: whether the last picture with somebody in it stays while nobody is there.
        mirrored: whether the camera's picture is mirrored.
        background: which of the backgrounds is shown, from 0.
        sigma: standard deviation of the blur, pixels; None until it is changed.
        ended: whether the session is over.
    """

    on: bool = True
    frozen: bool = False
    hold: bool = False
    mirrored: bool = False
    background: int = 0
    sigma: float | None = None
    ended: bool = False

    def press(self, key: str, usual_sigma: float = 1.0) -> None:
        """Do what a key of `KEYS` stands for; others do nothing.

        Args:
            key: its character, or ``space``.
            usual_sigma: the blur to start from where it has not been changed yet.
        """
        if key in ("space", " "):
            self.on = not self.on
        elif key == "f":
            self.frozen = not self.frozen
        elif key == "h":
            self.hold = not self.hold
        elif key == "m":
            self.mirrored = not self.mirrored
        elif key == "n":
            self.background += 1
        elif key in ("+", "=", "-"):
            factor = 0.8 if key == "-" else 1.25
            self.sigma = max(0.5, (usual_sigma if self.sigma is None else self.sigma) * factor)
        elif key == "q":
            self.ended = True


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


class Screen(Protocol):
    """A place where live pictures are shown."""

    def show(self, picture: Picture, status: str) -> bool:
        """Show a picture, uint8 (H, W, 3), and a line about it; False when the user has closed it."""


@dataclass(frozen=True)
class Shown:
    """How a live session went.

    Attributes:
        shown: pictures.
        dropped: frames that came and went.
        seconds: that it took.
        latencies: of the last pictures, seconds from a frame's arrival until it was handed to the screens.
        side: the longer side of the picture that was matted last, pixels.
    """

    shown: int
    dropped: int
    seconds: float
    latencies: tuple[float, ...] = ()
    side: int = 0

    @property
    def rate(self) -> float:
        """Pictures a second."""
        return self.shown / max(self.seconds, 1e-3)

    def latency(self, share: float = 0.5) -> float:
        """The latency, seconds, that so large a share of the pictures did not exceed; 0 without pictures."""
        return float(np.quantile(self.latencies, share)) if self.latencies else 0.0


class WorkingSide:
    """The longer side of the picture that is matted, as large as the machine sustains.

    It falls by a step when pictures take longer than the camera gives them time, and rises by one when they
    have taken less than half of that for a while.

    Args:
        interval: seconds that the camera gives a picture.
        sides: from the largest down, pixels.

    Attributes:
        side: of the next picture.
    """

    SIDES: Final = (SIDES["alpha"], 544, 416, 320, 256)
    DECIDE: Final = 12
    """Pictures after which it may fall."""
    RISE: Final = 90
    """Pictures after which it may rise."""

    def __init__(self, interval: float, sides: Sequence[int] = SIDES) -> None:
        self._interval = interval
        self._sides = sides
        self._step = 0
        self._times: deque[float] = deque(maxlen=self.RISE)

    @property
    def side(self) -> int:
        """Of the next picture, pixels."""
        return self._sides[self._step]

    def took(self, seconds: float) -> None:
        """Tell how long a picture took."""
        self._times.append(seconds)
        count = len(self._times)
        recent = float(np.median(list(self._times)[-self.DECIDE :]))
        if count >= self.DECIDE and recent > self._interval and self._step + 1 < len(self._sides):
            self._step += 1
            self._times.clear()
        elif count == self.RISE and self._step and np.quantile(self._times, 0.9) < self._interval / 2:
            self._step -= 1
            self._times.clear()


@dataclass
class _Matting:
    """Alpha of frame after frame, on a picture that may be smaller than the frame."""

    alpha_of: AlphaMethod
    steadiness: Steadiness
    working: WorkingSide | None
    state: State | None = None
    side: int = 0

    def __call__(self, image: Image) -> Alpha:
        height, width = image.shape[:2]
        longer = max(height, width)
        side = longer if self.working is None else min(longer, self.working.side)
        if side != self.side:
            self.side, self.state = side, None
        part = image
        if side < longer:
            part = shrink(image, max(1, round(height * side / longer)), max(1, round(width * side / longer)))
        held, self.state = filter_alpha(part, self.state, self.alpha_of, steadiness=self.steadiness)
        return upsample_to_frame(image, *held)


class Backgrounds:
    """The backgrounds of a live session, which keys change from one to the next.

    Args:
        names: each as `wisp.clips.backdrops.open_backdrop` takes it; ``transparent`` is a green screen, since
            screens show no alpha.
        size: height and width of the frames.

    Raises:
        InputError: one of them cannot be opened.
    """

    def __init__(self, names: Sequence[str], size: tuple[int, int]) -> None:
        self.names = tuple(names)
        self._size = size
        self._stack = ExitStack()
        green = np.array(backgrounds.parse_colour(GREEN), np.float32)
        try:
            opened = [self._stack.enter_context(open_backdrop(name, size)) for name in names]
        except BaseException:
            self._stack.close()
            raise
        plain: Backdrop = lambda time, image, alpha, soft: green  # noqa: E731
        self._backdrops = [plain if backdrop is None else backdrop for backdrop in opened]

    def close(self) -> None:
        """Close the files."""
        self._stack.close()

    def usual_sigma(self, controls: Controls) -> float:
        """Standard deviation of the blur, pixels, as long as no key has changed it."""
        name = self.names[controls.background % len(self.names)]
        told = name.removeprefix("blur").removeprefix(":")
        return float(told) if name.startswith("blur:") else backgrounds.SIGMA * min(self._size)

    def chosen(self, controls: Controls) -> Backdrop:
        """The background that the controls say, blurred as strongly as they say."""
        number = controls.background % len(self.names)
        sigma = controls.sigma
        if sigma is not None and self.names[number].split(":")[0] == "blur":
            return lambda time, image, alpha, soft: blur_own_background(image, alpha, soft, sigma)
        return self._backdrops[number]


def run_camera(
    camera: Camera,
    behind: Backgrounds,
    screens: Sequence[Screen],
    alpha_of: AlphaMethod = PORTRAIT,
    *,
    steadiness: Steadiness = STEADY,
    controls: Controls | None = None,
    pressed: Callable[[], Iterator[str]] = lambda: iter(()),
    light: bool = False,
) -> Shown:
    """Matte a camera's frames as they come, until it ends, a screen is closed or the controls say so.

    Args:
        camera: opened, inside its ``with``.
        behind: what goes behind the subject.
        screens: where pictures go.
        alpha_of: mattes a single frame.
        steadiness: how alpha is held steady.
        controls: the switches to begin with.
        pressed: gives the keys that have been pressed since it was called last.
        light: matte a smaller picture where the machine does not keep up (`WorkingSide`).
    """
    controls = controls or Controls()
    working = WorkingSide(1 / float(camera.info.rate)) if light else None
    matting = _Matting(alpha_of, steadiness, working)
    latencies: deque[float] = deque(maxlen=_KEPT)
    recent: deque[float] = deque(maxlen=30)
    picture: Picture | None = None
    present: Picture | None = None
    began, shown, seen = time.monotonic(), 0, time.monotonic()
    for frame in camera.frames():
        for key in pressed():
            controls.press(key, behind.usual_sigma(controls))
        if controls.ended:
            break
        now = time.monotonic()
        if frame is not None and not (controls.frozen and picture is not None):
            picture, somebody = _made(frame, controls, behind, matting)
            if somebody:
                present, seen = picture, now
        if picture is None:
            continue
        still = controls.hold and present is not None and now - seen > IDLE
        shown_now = present if still and present is not None else picture
        if frame is not None:
            took = time.monotonic() - camera.arrived
            latencies.append(took)
            recent.append(now)
            if working is not None:
                working.took(time.monotonic() - now)
        status = _status(controls, recent, latencies, matting.side, lost=frame is None)
        open_ones = [screen.show(shown_now, status) for screen in screens]  # each of them gets the picture
        if not all(open_ones):
            break
        shown += frame is not None
    return Shown(shown, camera.dropped, time.monotonic() - began, tuple(latencies), matting.side)


def _made(frame: Frame, controls: Controls, behind: Backgrounds, matting: _Matting) -> tuple[Picture, bool]:
    """The picture to show of a frame, and whether somebody is in it."""
    pixels = frame.pixels[..., :3]
    if controls.mirrored:
        pixels = np.ascontiguousarray(pixels[:, ::-1])
        frame = Frame(frame.index, frame.time, frame.duration, pixels)
    if not controls.on:
        matting.state = None
        return np.ascontiguousarray(pixels), True
    image = frame.image
    alpha = matting(image)
    soft = estimate_soft_colours(image, alpha)
    backdrop = behind.chosen(controls)
    picture = composite_frame(image, alpha, soft, backdrop(frame.time, image, alpha, soft), pixels=pixels)
    return picture, bool(alpha.mean() > _PRESENT)


def _status(
    controls: Controls, recent: Sequence[float], latencies: Sequence[float], side: int, *, lost: bool
) -> str:
    """A line on rate, latency and switches."""
    if lost:
        return "camera gone, waiting"
    rate = (len(recent) - 1) / max(recent[-1] - recent[0], 1e-3) if len(recent) > 1 else 0.0
    words = [f"{rate:.1f} a second", f"{1000 * latencies[-1]:.0f} ms" if latencies else "", f"{side} px"]
    words += ["off"] * (not controls.on) + ["frozen"] * controls.frozen + ["hold"] * controls.hold
    return "  ".join(filter(None, words))


class VirtualCamera:
    """A camera that other programs see, by `pyvirtualcam`.

    Args:
        info: of the real camera.
        backend: pyvirtualcam's name of a driver; None takes the first that works.

    Raises:
        InputError: the package is missing, or the system has no virtual camera.
    """

    def __init__(self, info: ClipInfo, backend: str | None = None) -> None:
        try:
            import pyvirtualcam
        except ImportError as error:
            advice = "pip install pyvirtualcam brings it (GPL-2.0)"
            raise InputError("--virtual-camera", "needs the package pyvirtualcam", advice) from error
        try:
            self._camera: Any = pyvirtualcam.Camera(
                info.width,
                info.height,
                float(info.rate),
                fmt=pyvirtualcam.PixelFormat.RGB,
                **({} if backend is None else {"backend": backend}),
            )
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[0]
            advice = "docs/camera.md says how one is set up"
            raise InputError("--virtual-camera", f"is not there ({reason})", advice) from error

    def show(self, picture: Picture, status: str = "") -> bool:
        """Send a picture to the virtual camera; True, as nobody can close it."""
        self._camera.send(picture)
        return True

    def close(self) -> None:
        """Give the virtual camera back."""
        self._camera.close()


class Preview:
    """A window with a line on rate and latency; closing it ends the session.

    Attributes:
        pressed: keys since they were taken last, as `Controls.press` knows them.

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
        self._status = tkinter.Label(self._window, anchor="w", font="TkFixedFont")
        self._status.pack(fill="x")
        self.pressed: list[str] = []
        self._window.bind("<Key>", lambda event: self.pressed.append(_key_of(event.keysym, event.char)))
        self._tk = tkinter
        self._open = True

    def show(self, picture: Picture, status: str = "") -> bool:
        """Show a picture and the line under it; False once the window is closed."""
        if self._open:
            self._status.configure(text=status)
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


def _key_of(symbol: str, character: str) -> str:
    """The name of a key that Tk calls so: ``space``, or its character."""
    return "space" if symbol == "space" else character or symbol


def as_ppm(picture: Picture) -> bytes:
    """uint8 (H, W, 3) as the bytes of a PPM file."""
    height, width = picture.shape[:2]
    return b"P6 %d %d 255 " % (width, height) + np.ascontiguousarray(picture).tobytes()

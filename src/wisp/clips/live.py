"""A live session: a camera's frames matted as they come, set on a background, and shown; keys switch it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import numpy as np

from wisp.clips.alpha import PORTRAIT, upsample_to_frame
from wisp.clips.backdrops import GREEN, Backdrop, blur_own_background, open_backdrop, parse_backdrop
from wisp.clips.camera import Camera
from wisp.clips.colours import estimate_soft_colours
from wisp.clips.frames import composite_frame, to_integers
from wisp.clips.io.frame import Frame
from wisp.clips.screens import Picture, Screen
from wisp.clips.steady import STEADY, AlphaMethod, State, Steadiness, filter_alpha
from wisp.compositing import backgrounds
from wisp.core.arrays import Alpha, Image
from wisp.core.opencv import shrink
from wisp.core.settings import CLIPS

IDLE: Final = 2.0
"""Seconds without a subject after which a held picture stands still."""

_PRESENT: Final = 0.002
"""Share of a picture that alpha must cover for somebody to be there."""

_KEPT: Final = 10_000
"""Latencies that are remembered, of the last pictures."""


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
        """Do what a key stands for; others do nothing.

        Args:
            key: ``space`` (the effect on or off), ``f`` (freeze), ``+`` and ``-`` (blur), ``n`` (next
                background), ``h`` (hold still while nobody is there), ``m`` (mirror) or ``q`` (quit).
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

    SIDES: Final = (CLIPS.alpha_side, 544, 416, 320, 256)
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
        found = map(parse_backdrop, names)
        self._blurs = [one if isinstance(one, backgrounds.Blur) else None for one in found]
        self._size = size
        self._stack = ExitStack()
        green = to_integers(np.array(backgrounds.parse_colour(GREEN), np.float32), 8)
        try:
            opened = [self._stack.enter_context(open_backdrop(name, size)) for name in names]
        except BaseException:
            self._stack.close()
            raise
        plain: Backdrop = lambda time, pixels, alpha, soft: green  # noqa: E731
        self._backdrops = [plain if backdrop is None else backdrop for backdrop in opened]

    def close(self) -> None:
        """Close the files."""
        self._stack.close()

    def usual_sigma(self, controls: Controls) -> float:
        """Standard deviation of the blur, pixels, as long as no key has changed it."""
        blur = self._blurs[controls.background % len(self._blurs)]
        usual = backgrounds.SIGMA * min(self._size)
        return usual if blur is None or blur.sigma is None else blur.sigma

    def chosen(self, controls: Controls) -> Backdrop:
        """The background that the controls say, blurred as strongly as they say."""
        number = controls.background % len(self._blurs)
        sigma = controls.sigma
        if sigma is not None and self._blurs[number] is not None:
            return lambda time, pixels, alpha, soft: blur_own_background(pixels, alpha, soft, sigma)
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
    pixels = pixels if pixels.dtype == np.uint8 else to_integers(image, 8)
    alpha = matting(image)
    soft = estimate_soft_colours(pixels, alpha)
    backdrop = behind.chosen(controls)
    picture = composite_frame(pixels, alpha, soft, backdrop(frame.time, pixels, alpha, soft))
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

"""What goes behind the subject of a clip: a colour, a picture, another clip, its own background blurred."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from wisp.clips.colours import SoftColours, thrice
from wisp.clips.frames import put_pixels, to_integers
from wisp.clips.io.colour import Pixels
from wisp.clips.io.frame import Frame
from wisp.clips.io.read import open_clip
from wisp.compositing import backgrounds
from wisp.core.arrays import Alpha, Float, to_float
from wisp.core.blur import Tools, blur_normalised
from wisp.core.opencv import opencv, repeat_plane, shrink
from wisp.io.images import read_photo

TRANSPARENT: Final = "transparent"
GREEN: Final = "#00b140"
"""The green of keying screens, which ``green`` means here (CSS's own is ``#008000``)."""


class Backdrop(Protocol):
    """A background for a frame, by its time, pixels and alpha."""

    def __call__(self, time: Fraction, pixels: Pixels, alpha: Alpha, soft: SoftColours) -> Pixels:
        """The background of the frame at `time` seconds: (H, W, 3), or (3,) for a colour, as deep as it.

        Pixels, uint8 or uint16 (H, W, 3), alpha and soft colours
        (`wisp.clips.colours.estimate_soft_colours`) are the frame's.
        """


@contextmanager
def open_backdrop(text: str, size: tuple[int, int], bits: int = 8) -> Iterator[Backdrop | None]:
    """The background that a text names, opened: a colour, a picture, a clip, a blur; None for transparency.

    Args:
        text: ``transparent``, ``green``, a colour (`wisp.compositing.backgrounds.parse_colour`), ``blur``,
            ``blur:SIGMA`` with σ in pixels, or the path of a picture, a video or a folder of frames; a file
            that is called like a colour is meant by ``./red``. Pictures and videos cover the frame, the
            centre kept; a video that is too short begins again.
        size: height and width of the frames.
        bits: of their pixels, 8 or 16.

    Yields:
        a function of time, a frame's pixels, its alpha and soft colours; None for ``transparent``.

    Raises:
        InputError: none of these, or a file that cannot be read.
    """
    found = parse_backdrop(text)
    if found is None:
        yield None
    elif isinstance(found, backgrounds.Blur):
        sigma = found.sigma
        yield lambda time, pixels, alpha, soft: blur_own_background(pixels, alpha, soft, sigma)
    elif not isinstance(found, Path):
        plain = to_integers(np.array(found, np.float32), bits)
        yield lambda time, pixels, alpha, soft: plain
    elif _is_picture(text):
        picture = to_integers(backgrounds.fit_to_size(read_photo(text).image, size), bits)
        yield lambda time, pixels, alpha, soft: picture
    else:
        film = _Film(Path(text), size, bits)
        try:
            yield film
        finally:
            film.close()


def parse_backdrop(text: str) -> backgrounds.Colour | backgrounds.Blur | Path | None:
    """The background that a text names to `open_backdrop`, None for transparency; files are not read yet.

    Raises:
        InputError: nothing that it takes.
    """
    if text == TRANSPARENT:
        return None
    accepted = "a picture, a video, a colour, blur[:SIGMA], transparent or green is accepted"
    return backgrounds.parse_background(GREEN if text == "green" else text, accepted)


def blur_own_background(
    pixels: Pixels, alpha: Alpha, soft: SoftColours, sigma: float | None = None
) -> Pixels:
    """A frame's own background, blurred, with nothing of the subject in it: (H, W, 3), of the frame's type.

    Quicker than `wisp.compositing.backgrounds.blur_background`: on a picture that is reduced at once. What
    is blurred there has as many bits as the frame, rounding errors of single pixels being blurred, too.

    Args:
        pixels: of the frame, uint8 or uint16 (H, W, 3).
        alpha: of the frame, float32 (H, W), [0, 1].
        soft: the subject's colours where alpha is soft.
        sigma: standard deviation in pixels; None is `backgrounds.SIGMA` times the shorter side.
    """
    cv2 = opencv()
    height, width = alpha.shape
    bits, largest = 8 * pixels.itemsize, np.iinfo(pixels.dtype).max
    sigma = backgrounds.SIGMA * min(height, width) if sigma is None else sigma
    factor = max(1, int(sigma / backgrounds.FINE))
    size = max(1, round(height / factor)), max(1, round(width / factor))
    behind = cv2.copyTo(pixels, (alpha < 1).view(np.uint8))  # (1 − α)B = I − αF
    seen = to_float(behind.reshape(-1, 3).take(soft.places, 0))
    opacity = thrice(alpha.reshape(-1).take(soft.places))
    put_pixels(behind, soft.places, to_integers(seen - opacity * soft.colours, bits))
    plane = 1 - _shrink_twice(alpha, *size)
    show = repeat_plane(plane, 3)
    shown = np.minimum(to_float(_shrink_twice(behind, *size)), show)
    weighted = cv2.merge([shown * show, plane * plane])
    mean = np.array(cv2.mean(pixels)[:3], np.float32) / np.float32(largest)
    trust = backgrounds.TRUST
    smooth = blur_normalised(weighted, sigma / factor, _tools(), trust=trust, fallback=mean)
    large: Pixels = cv2.resize(to_integers(smooth, bits), (width, height), interpolation=cv2.INTER_LINEAR)
    return large


def _shrink_twice(values: Any, height: int, width: int) -> Any:
    """An array made smaller by averaging areas, by way of half its size, which OpenCV does fast."""
    half = values.shape[0] // 2, values.shape[1] // 2
    return shrink(shrink(values, *half) if half[0] >= height and half[1] >= width else values, height, width)


def _tools() -> Tools:
    """OpenCV's ways to blur and to resize."""
    cv2 = opencv()

    def halve(values: Float) -> Float:
        height, width = values.shape[:2]
        return shrink(values, max(1, height // 2), max(1, width // 2))

    return Tools(
        lambda values, sigma: cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT),
        halve,
        lambda values, size: cv2.resize(values, size[::-1]),
    )


class _Film:
    """A clip as a background: at each time the last of its frames that has begun, from the start again."""

    def __init__(self, path: Path, size: tuple[int, int], bits: int) -> None:
        self._path = path
        self._size = size
        self._bits = bits
        self._frames = self._play()
        self._next: Frame | None = next(self._frames)
        self._now: Pixels = to_integers(np.zeros((*size, 3), np.float32), bits)

    def __call__(self, time: Fraction, pixels: Pixels, alpha: Alpha, soft: SoftColours) -> Pixels:
        due = None
        while self._next is not None and self._next.time <= time:
            due, self._next = self._next, next(self._frames, None)
        if due is not None:
            shown = _covering(due.pixels[..., :3], self._size)
            same = 8 * shown.itemsize == self._bits
            self._now = shown if same else to_integers(to_float(shown), self._bits)
        return self._now

    def close(self) -> None:
        """Close the file."""
        self._frames.close()  # type: ignore[attr-defined]  # a generator

    def _play(self) -> Iterator[Frame]:
        shift = Fraction(0)
        while True:
            with open_clip(self._path) as clip:
                end = shift
                for number, frame in enumerate(clip.frames()):
                    begins = shift + (frame.time if number else Fraction(0))
                    end = begins + (frame.duration or 1 / clip.info.rate)
                    yield Frame(frame.index, begins, frame.duration, frame.pixels)
            shift = end


def _covering(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Pixels resized and cropped about their centre to cover `size`: (H, W, 3), of their type."""
    cv2 = opencv()
    height, width = size
    h, w = pixels.shape[:2]
    scale = max(height / h, width / w)
    rows, columns = max(height, round(h * scale)), max(width, round(w * scale))
    kernel = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    resized = cv2.resize(np.ascontiguousarray(pixels), (columns, rows), interpolation=kernel)
    top, left = (rows - height) // 2, (columns - width) // 2
    return np.ascontiguousarray(resized[top : top + height, left : left + width])


def _is_picture(path: str) -> bool:
    """True where a file, by its first bytes, is a picture that wisp reads as a photo, but no GIF."""
    from wisp.io.formats import SNIFF_BYTES, is_sequence, sniff

    if Path(path).is_dir():
        return False
    with Path(path).open("rb") as file:
        head = file.read(SNIFF_BYTES)
    return sniff(head) not in (None, "gif") and not is_sequence(head)

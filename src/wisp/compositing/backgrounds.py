"""New backgrounds: a colour by name, a picture made to fit, or the photo's own background blurred.

The blur is a normalised convolution (Knutsson, Westin 1993, "Normalized and differential convolution"): what
is averaged is the background alone, each pixel counting as much as it shows of it, so that the subject cannot
bleed into it.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from wisp.compositing.css_colours import CSS_COLOURS
from wisp.core.arrays import (
    Alpha,
    Background,
    Foreground,
    Image,
    check_alpha,
    check_image,
    check_same_size,
)
from wisp.core.blur import blur_normalised, scipy_tools
from wisp.core.errors import InputError
from wisp.core.resample import block_means, enlarge_blocks
from wisp.io.paths import refuse_address
from wisp.matting.foreground import estimate_foreground

Fit: TypeAlias = Literal["cover", "contain", "stretch"]
Anchor: TypeAlias = Literal[
    "centre", "top", "bottom", "left", "right", "top-left", "top-right", "bottom-left", "bottom-right"
]

Colour: TypeAlias = tuple[float, float, float]
"""Red, green and blue, sRGB-encoded, [0, 1]."""

SIGMA: Final = 0.025
"""Default blur, as a part of the image's shorter side."""

FINE: Final = 3.0
"""The blur works on pixels no finer than σ / 3."""
TRUST: Final = 1e-3
"""Below this weight a wider blur takes over."""

_TOOLS: Final = scipy_tools(truncate=3.5, padded=True)

_COLOURS_ACCEPTED = "a CSS name, '#rgb', '#rrggbb' or 'rgb(r, g, b)' with 0–255 or percentages is accepted"
_RGB = re.compile(r"rgb\(\s*([^\s,]+)(?:\s*,\s*|\s+)([^\s,]+)(?:\s*,\s*|\s+)([^\s,]+)\s*\)")
_CHANNEL = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(%?)")


class Blur(NamedTuple):
    """The photo's own background, blurred.

    Attributes:
        sigma: standard deviation of the Gaussian, pixels; None is `SIGMA` times the shorter side.
    """

    sigma: float | None


def parse_background(
    text: str, accepted: str = "a picture, a colour (a CSS name or #rrggbb) or blur[:SIGMA] is accepted"
) -> Colour | Blur | Path:
    """The background that a text names: ``blur`` or ``blur:SIGMA``, or what `parse_colour_or_path` takes.

    Args:
        text: as the user wrote it.
        accepted: what an error says is accepted.

    Raises:
        InputError: none of these, or a σ that is no number of pixels.
    """
    if text != "blur" and not text.startswith("blur:"):
        return parse_colour_or_path(text, accepted)
    try:
        sigma = None if text == "blur" else float(text.removeprefix("blur:"))
    except ValueError:
        sigma = -1.0
    if sigma is not None and not 0 <= sigma < math.inf:
        accepted = "blur, or blur: and a number of pixels from 0 up, is accepted"
        raise InputError(text, "does not say how much to blur", accepted)
    return Blur(sigma)


def parse_colour_or_path(text: str, accepted: str) -> Colour | Path:
    """The colour that a text names, whatever files are called, or else the path of a file that is there.

    Raises:
        InputError: neither, or an address of the internet.
    """
    try:
        return parse_colour(text)
    except InputError:
        refuse_address(text)
        if not Path(text).exists():
            raise InputError(text, "is no file and no colour", accepted) from None
    return Path(text)


def parse_colour(text: str) -> Colour:
    """An opaque colour from its text.

    Args:
        text: ``"#fff"``, ``"#ffffff"``, ``"rgb(255, 255, 255)"``, ``"rgb(100%, 100%, 100%)"`` or a CSS name;
            capitals and outer blanks do not matter.

    Returns:
        Red, green and blue, sRGB-encoded, [0, 1].

    Raises:
        InputError: anything else.
    """
    plain = text.strip().lower()
    digits = CSS_COLOURS.get(plain) or plain.removeprefix("#")
    if plain in CSS_COLOURS or re.fullmatch(r"#([0-9a-f]{3}|[0-9a-f]{6})", plain):
        if len(digits) == 3:
            digits = "".join(2 * digit for digit in digits)
        red, green, blue = (int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
        return red, green, blue
    if match := _RGB.fullmatch(plain):
        red, green, blue = (_channel(part, text) for part in match.groups())
        return red, green, blue
    raise InputError(text, "is no colour", _COLOURS_ACCEPTED)


def _channel(part: str, text: str) -> float:
    match = _CHANNEL.fullmatch(part)
    value = float(match[1]) / (100 if match[2] else 255) if match else math.inf
    if not match or value > 1:
        raise InputError(text, f"has the channel {part!r}", _COLOURS_ACCEPTED)
    return value


def fit_to_size(
    image: Image,
    size: tuple[int, int],
    fit: Fit = "cover",
    anchor: Anchor = "centre",
    *,
    fill: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Background:
    """A picture at another size, as a background.

    Args:
        image: float32 (h, w, 3), [0, 1].
        size: height and width wanted.
        fit: ``"cover"`` keeps the proportions and crops what is too much; ``"contain"`` keeps them and shows
            all of the picture, with bars of `fill`; ``"stretch"`` changes the proportions.
        anchor: which part stays when cropped, or where the picture lies between bars.
        fill: colour of the bars, [0, 1].

    Returns:
        float32 (H, W, 3), [0, 1], resampled with a Lanczos kernel.

    Raises:
        InputError: an image of another type, a size below 1×1, or an unknown fit or anchor.
    """
    check_image(image, "background")
    height, width = size
    if height < 1 or width < 1:
        raise InputError("size", f"is {width}×{height}", "at least 1×1 is accepted")
    for name, value, names in (("fit", fit, get_args(Fit)), ("anchor", anchor, get_args(Anchor))):
        if value not in names:
            raise InputError(name, f"is {value!r}", f"{', '.join(names)} are accepted")
    h, w = image.shape[:2]
    if fit == "stretch":
        return _resize(image, height, width)
    choose = max if fit == "cover" else min
    scale = choose(height / h, width / w)
    limit_h, limit_w = (max, max) if fit == "cover" else (min, min)
    scaled_h, scaled_w = limit_h(height, round(h * scale)), limit_w(width, round(w * scale))
    resized = _resize(image, max(1, scaled_h), max(1, scaled_w))
    top = _offset(height - resized.shape[0], "top" in anchor, "bottom" in anchor)
    left = _offset(width - resized.shape[1], "left" in anchor, "right" in anchor)
    if fit == "cover":
        return np.ascontiguousarray(resized[-top : height - top, -left : width - left])
    canvas = np.empty((height, width, 3), np.float32)
    canvas[:] = fill
    canvas[top : top + resized.shape[0], left : left + resized.shape[1]] = resized
    return canvas


def _offset(room: int, at_start: bool, at_end: bool) -> int:
    """Place something that leaves `room` pixels free, or is `-room` too large: its first pixel."""
    if at_start:
        return 0
    return room if at_end else -(-room // 2) if room < 0 else room // 2


def _resize(image: Image, height: int, width: int) -> Image:
    h, w = image.shape[:2]
    if (h, w) == (height, width):
        return image.copy()
    from wisp.io.vips import libvips

    source = libvips().Image.new_from_array(np.ascontiguousarray(image))
    pixels = np.asarray(source.resize(width / w, vscale=height / h, kernel="lanczos3").numpy(), np.float32)
    return np.clip(pixels.reshape(height, width, 3), 0, 1)


def blur_background(
    image: Image, alpha: Alpha, sigma: float | None = None, *, foreground: Foreground | None = None
) -> Background:
    """The photo's own background, blurred, with nothing of the subject in it.

    Where the subject hides the background over more than the blur reaches, wider and wider blurs fill in.

    Args:
        image: float32 (H, W, 3), [0, 1].
        alpha: float32 (H, W), [0, 1], the subject's.
        sigma: standard deviation of the Gaussian in pixels; 0 only fills in behind the subject; None is
            `SIGMA` times the shorter side.
        foreground: float32 (H, W, 3), the subject's colours if they are known already; else estimated.

    Returns:
        float32 (H, W, 3), [0, 1]. With α = 1 everywhere there is no background: the image's mean colour.

    Raises:
        InputError: an array of another type or size, or a sigma that is negative or not finite.
    """
    check_image(image)
    check_alpha(alpha)
    check_same_size("alpha", alpha, "image", image)
    if sigma is None:
        sigma = SIGMA * min(alpha.shape)
    if not 0 <= sigma < math.inf:
        raise InputError("sigma", f"is {sigma}", "a number of pixels from 0 on is accepted")
    if foreground is None:
        foreground = estimate_foreground(image, alpha)
    check_same_size("foreground", foreground, "image", image)
    # (1 − α)B, and once more (1 − α): pixels that hardly show the background say little about its colour.
    show = (1 - alpha)[..., None]
    shown = np.clip(image - alpha[..., None] * foreground, 0, show)
    pixels = np.concatenate([shown * show, show * show], axis=2)
    factor = max(1, int(sigma / FINE))
    small = block_means(pixels, factor, padded=True)
    fallback = image.mean((0, 1), dtype=np.float64).astype(np.float32)
    smooth = blur_normalised(small, sigma / factor, _TOOLS, trust=TRUST, fallback=fallback)
    result = enlarge_blocks(smooth, factor, alpha.shape)
    return np.clip(result, 0, 1, out=result)

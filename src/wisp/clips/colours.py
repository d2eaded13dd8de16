"""The subject's own colours in some thousandths of a second, for video.

Forte 2021, "Approximate Fast Foreground Colour Estimation" (ICIP), see
`wisp.matting.foreground.blur_fusion`. Its averages vary slowly, so a picture some times smaller yields nearly
the same; what they leave unexplained is shared out at full size, where alpha is soft.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from wisp.core.arrays import (
    Alpha,
    Float,
    Foreground,
    Image,
    Stored,
    as_floats,
    check_alpha,
    check_image,
    check_same_size,
    constant_image,
)
from wisp.core.opencv import opencv, read_enlarged, repeat_plane, shrink
from wisp.core.regions import Box, bounding_box
from wisp.core.settings import CLIPS

_EPSILON = np.float32(1e-4)


class SoftColours(NamedTuple):
    """The subject's own colours where alpha is neither 0 nor 1.

    Attributes:
        places: where that is: N indices into the flattened picture, in order.
        colours: float32 (N, 3), sRGB-encoded, [0, 1].
    """

    places: npt.NDArray[np.intp]
    colours: Float


def estimate_colours(image: Image, alpha: Alpha) -> Foreground:
    """The subject's own colours.

    Args:
        image: float32 (H, W, 3), [0, 1].
        alpha: float32 (H, W), [0, 1].

    Returns:
        float32 (H, W, 3), [0, 1]: the image where α = 1, a continuation of the subject's colours where α = 0,
        one colour far away from it; the image itself where there is no subject.

    Raises:
        InputError: an array of another type or size.
        MissingExtraError: OpenCV is not installed.
    """
    cv2 = opencv()
    check_same_size("alpha", check_alpha(alpha), "image", check_image(image))
    box = _reach(alpha)
    if box is None:
        return image.copy()
    opacity = alpha[box.slices]
    nearer, farther = _averages(image[box.slices], opacity)
    size = (opacity.shape[1], opacity.shape[0])
    part: Foreground = cv2.resize(nearer.clip(0, 1), size, interpolation=cv2.INTER_LINEAR)
    cv2.copyTo(image[box.slices], (opacity >= 1).view(np.uint8), part)
    foreground = part
    if part.shape != image.shape:
        foreground = constant_image(np.array(cv2.mean(part)[:3], np.float32), alpha.shape)
        foreground[box.slices] = part
    soft = _soft(image, alpha, box, nearer, farther)
    foreground.reshape(-1, 3)[soft.places] = soft.colours
    return foreground


def estimate_soft_colours(image: Image | Stored, alpha: Alpha) -> SoftColours:
    """Foreground colours where alpha is neither 0 nor 1: all of `estimate_colours` that compositing needs.

    Args:
        image: float32 (H, W, 3), [0, 1], or the same as uint8 or uint16, which takes less time.
        alpha: float32 (H, W), [0, 1].

    Raises:
        InputError: an array of another type or size.
        MissingExtraError: OpenCV is not installed.
    """
    check_same_size("alpha", check_alpha(alpha), "image", image)
    if image.dtype not in (np.uint8, np.uint16) or image.shape[2:] != (3,):
        check_image(image)
    box = _reach(alpha)
    if box is None:
        return SoftColours(np.zeros(0, np.intp), np.zeros((0, 3), np.float32))
    return _soft(image, alpha, box, *_averages(image[box.slices], alpha[box.slices]))


def soft_part(foreground: Foreground, alpha: Alpha) -> SoftColours:
    """The colours of a whole foreground, float32 (H, W, 3), where alpha is neither 0 nor 1.

    Raises:
        InputError: an array of another type or size.
    """
    check_same_size("alpha", check_alpha(alpha), "foreground", check_image(foreground, "foreground"))
    places = np.flatnonzero((alpha > 0) & (alpha < 1))
    return SoftColours(places, foreground.reshape(-1, 3).take(places, 0))


def _reach(alpha: Alpha) -> Box | None:
    """Find the box that averages reach around the subject, on the grid of reduced pixels; None for nobody."""
    box = bounding_box(alpha, CLIPS.colour_reduction * CLIPS.colour_windows[0] // 2)
    return None if box is None else box.on_grid(CLIPS.colour_reduction, alpha.shape)


def _averages(image: Image | Stored, alpha: Alpha) -> tuple[Float, Float]:
    """Colours of the subject and of what is behind it, float32 (h, w, 3) each, of a reduced picture."""
    height, width = alpha.shape
    size = max(1, round(height / CLIPS.colour_reduction)), max(1, round(width / CLIPS.colour_reduction))
    half = max(1, round(height / 2)), max(1, round(width / 2))
    seen_half, alpha_half = as_floats(shrink(image, *half)), shrink(alpha, *half)
    opacity = repeat_plane(shrink(alpha_half, *size), 3)
    transparency = 1 - opacity
    shown = shrink(seen_half * repeat_plane(alpha_half, 3), *size)
    hidden = shrink(seen_half, *size) - shown
    wide, narrow = CLIPS.colour_windows
    nearer, farther = _blurred(shown, opacity, wide), _blurred(hidden, transparency, wide)
    residual = shown + hidden - opacity * nearer - transparency * farther
    nearer += opacity * residual
    farther += transparency * residual
    nearer = _blurred(nearer * opacity, opacity, narrow)
    farther = _blurred(farther * transparency, transparency, narrow)
    return nearer, farther


def _soft(image: Image | Stored, alpha: Alpha, box: Box, nearer: Float, farther: Float) -> SoftColours:
    """Correct both layers' averages where alpha is soft, by sharing out what they leave unexplained."""
    opacity = alpha[box.slices]
    rows, columns = np.divmod(np.flatnonzero((opacity > 0) & (opacity < 1)), opacity.shape[1])
    scale = (nearer.shape[0] / opacity.shape[0], nearer.shape[1] / opacity.shape[1])
    own, behind = (read_enlarged(values, scale, rows, columns) for values in (nearer, farther))
    places = (rows + box.top) * alpha.shape[1] + (columns + box.left)
    seen, a = as_floats(image.reshape(-1, 3).take(places, 0)), thrice(alpha.reshape(-1).take(places))
    colours = own + a * (seen - a * own - (1 - a) * behind)
    return SoftColours(places, colours.clip(0, 1))


def thrice(values: Float) -> Float:
    """Values (N,) for three channels, (N, 3): NumPy multiplies arrays of one shape several times faster."""
    return values.repeat(3).reshape(-1, 3)


def _blurred(weighted: Float, weight: Float, window: int) -> Float:
    """Σ w c / Σ w over a window, (h, w, 3); the picture's own mean where a window has no weight."""
    cv2 = opencv()
    mean = np.divide(cv2.mean(weighted)[:3], max(cv2.mean(weight)[0], 1e-6))
    size = (window, window)
    total = cv2.boxFilter(weighted, -1, size, borderType=cv2.BORDER_CONSTANT, normalize=True)
    mass = cv2.boxFilter(weight, -1, size, borderType=cv2.BORDER_CONSTANT, normalize=True)
    total += constant_image((_EPSILON * mean).astype(np.float32), total.shape[:2])
    blurred: Float = np.divide(total, mass + _EPSILON, out=total)
    return blurred

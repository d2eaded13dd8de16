"""The plain background of a photo: its colour at every pixel, and the noise upon it.

Where the subject hides it, the background is continued: its lighting is a polynomial of the second degree in
the place, fitted to what is seen of it, and what the polynomial leaves over is smoothed. Which pixels those
are is found together with the fit: first those near the colour that is densest along the photo's edge, then,
turn by turn, those near the fit. Only smooth places take part: hair and cloth are not, a wall is.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from wisp.core.arrays import Background, Float, Image, Region, check_image, check_same_size
from wisp.core.errors import InputError
from wisp.core.resample import block_means, enlarge_blocks

Double = npt.NDArray[np.float64]

SIDE: Final = 192
"""The field is fitted to a photo whose longer side is at most this, in pixels."""
RING: Final = 0.06
"""Along the photo's edge the background is looked for: as a part of the longer side."""
LEAST: Final = 0.02
"""Of the photo, what must be seen of a background for it to be one."""

_BINS: Final = 32
_TURNS: Final = 12
_WIDEST: Final = 0.16  # what the first turn takes for background, ± of each channel
_NARROWEST: Final = 0.02
_SMOOTHING: Final = 1 / 25  # sigma of what the polynomial leaves over, of the longer side
_CORE: Final = 9.35  # squared distance, in noise, within which 97.5 % of three channels lie
_CORE_SHARE: Final = 0.927  # of the variance, what lies within
_SAME: Final = 16.3  # squared distance, in noise, within which 99.9 % of pixels lie
_SAME_MEAN: Final = 25.0  # of the mean of nine pixels
_SPECK: Final = 12  # smaller spots, in pixels, are not believed
_QUANTISATION: Final = (0.3 / 255) ** 2  # variance of rounding to 8 bits, at least assumed


@dataclass(frozen=True, eq=False)
class Screen:
    """A known background.

    Attributes:
        background: float32 (H, W, 3), sRGB-encoded, [0, 1]: its colour at every pixel, without noise.
        noise: float64 (3, 3), the covariance of the photo's noise upon it.
        share: the part of the photo in which it is seen.
    """

    background: Background
    noise: Double
    share: float


def estimate_screen(image: Image, colour: tuple[float, float, float] | None = None) -> Screen:
    """The plain background of a photo.

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1].
        colour: its colour, roughly, [0, 1]; None looks for it along the photo's edge.

    Returns:
        The background, its noise, and how much of it is seen.

    Raises:
        InputError: an array of another type, or no plain background in it.
    """
    check_image(image)
    factor = max(1, ceil(max(image.shape[:2]) / SIDE))
    small = block_means(image, factor).astype(np.float64)
    rough = _roughness(small)
    start = _densest(small, rough) if colour is None else np.asarray(colour, np.float64)
    fitted, seen = _fit(small, start, rough)
    if seen.mean() < LEAST:
        found = ", ".join(f"{255 * value:.0f}" for value in start)
        problem = f"has no plain background of the colour rgb({found})"
        raise InputError("image", problem, "a photo of which a fiftieth or more shows it is accepted")
    left = _smooth_rest(small - fitted, seen)
    background = enlarge_blocks((fitted + left).astype(np.float32), factor, image.shape)
    background = np.clip(background, 0, 1)
    return Screen(background, estimate_noise(image, background), float(seen.mean()))


def estimate_noise(image: Image, background: Background) -> Double:
    """The covariance of a photo's noise, from the pixels that show a known background.

    Args:
        image: float32 (H, W, 3), [0, 1].
        background: float32 (H, W, 3), [0, 1].

    Returns:
        float64 (3, 3), positive definite.

    Raises:
        InputError: arrays of other types or sizes.
    """
    check_image(image)
    check_image(background, "background")
    check_same_size("background", background, "image", image)
    difference = image - background
    # Haze differs from its background by more around a pixel, too; noise does not.
    around = ndimage.uniform_filter(difference, (5, 5, 0), mode="nearest")
    step = max(1, image.shape[0] * image.shape[1] // 200_000)
    values, means = (array.reshape(-1, 3)[::step].astype(np.float64) for array in (difference, around))
    close = np.abs(values).max(axis=1) < 3 * _NARROWEST
    values, means = values[close], means[close]
    quantisation = _QUANTISATION * np.eye(3)
    covariance = (_NARROWEST / 2) ** 2 * np.eye(3)
    for _ in range(6):
        inverse = np.linalg.inv(covariance)
        distance, offset = (np.einsum("ni,ij,nj->n", x, inverse, x) for x in (values, means))
        core = values[(distance < _CORE) & (offset < 1)]
        if len(core) < 16:
            break
        covariance = core.T @ core / (_CORE_SHARE * len(core)) + quantisation
    return covariance


def _roughness(small: Double) -> Double:
    """The standard deviation of colour in the 5×5 pixels around each."""
    mean = ndimage.uniform_filter(small, (5, 5, 0), mode="nearest")
    spread = ndimage.uniform_filter(small**2, (5, 5, 0), mode="nearest") - mean**2
    rough: Double = np.sqrt(np.maximum(spread.sum(axis=2), 0))
    return rough


def _densest(small: Double, rough: Double) -> Double:
    """The colour that is densest along the edge, among those parts of it that are smooth."""
    longer = max(small.shape[:2])
    width = max(1, round(RING * longer))
    ring = np.ones(small.shape[:2], bool)
    ring[width:-width, width:-width] = False
    smooth = ring & (rough <= max(_NARROWEST, float(np.quantile(rough[ring], 0.25))))
    pixels = small[smooth]
    places = np.minimum((pixels * _BINS).astype(np.intp), _BINS - 1)
    counts = np.zeros((_BINS,) * 3)
    np.add.at(counts, tuple(places.T), 1)
    peak = np.unravel_index(int(ndimage.uniform_filter(counts, 3, mode="constant").argmax()), counts.shape)
    near = np.abs(pixels - (np.array(peak) + 0.5) / _BINS).max(axis=1) <= 2.5 / _BINS
    mean_colour: Double = pixels[near].mean(axis=0)
    return mean_colour


def _fit(small: Double, start: Double, rough: Double) -> tuple[Double, Region]:
    """The polynomial at every pixel, and where the photo shows it."""
    terms = _terms(small.shape)
    fitted = np.broadcast_to(start, small.shape)
    tolerance = _WIDEST
    for _ in range(_TURNS):
        distance = np.abs(small - fitted).max(axis=2)
        seen = (distance < tolerance) & (rough < max(2 * _NARROWEST, tolerance / 2))
        if seen.sum() <= terms.shape[2]:
            return fitted, np.zeros(seen.shape, bool)
        known = terms[seen]
        ridge = 1e-5 * seen.sum() * np.diag([0.0, 1, 1, 1, 1, 1])  # keeps the unseen corners calm
        fitted = terms @ np.linalg.solve(known.T @ known + ridge, known.T @ small[seen])
        distance = np.abs(small - fitted).max(axis=2)
        spread = 1.4826 * float(np.median(distance[seen]))
        tolerance = max(_NARROWEST, min(0.8 * tolerance, 4 * spread))
    return fitted, distance < tolerance


def _terms(shape: tuple[int, ...]) -> Double:
    """1, x, y, x², xy, y² at every pixel, with x and y from −1 to 1: (h, w, 6)."""
    y, x = ((np.arange(n) + 0.5) / n * 2 - 1 for n in shape[:2])
    xs, ys = np.meshgrid(x, y)
    return np.stack([np.ones_like(xs), xs, ys, xs * xs, xs * ys, ys * ys], axis=2)


def _smooth_rest(rest: Double, seen: Region) -> Double:
    """Smooth what the polynomial leaves over where it is seen, and fade it out where it is not."""
    sigma = _SMOOTHING * max(seen.shape)
    weighted = np.dstack([rest * seen[..., None], seen])
    sums = ndimage.gaussian_filter(weighted, (sigma, sigma, 0), mode="constant")
    smooth: Double = sums[..., :3] / (sums[..., 3:] + 0.05)
    return smooth


def within_noise(difference: Float, noise: Double) -> Region:
    """The pixels at which two pictures differ by no more than noise does, but for specks.

    Args:
        difference: float32 (H, W, 3).
        noise: float64 (3, 3), the covariance of the difference where there is nothing but noise.

    Returns:
        bool (H, W).
    """
    lower = np.linalg.cholesky(np.linalg.inv(noise)).astype(np.float32)
    apart = difference @ lower  # with the identity for covariance
    mean = ndimage.uniform_filter(apart, (3, 3, 0), mode="nearest")
    same = ((apart**2).sum(axis=2) < _SAME) & (9 * (mean**2).sum(axis=2) < _SAME_MEAN)
    labels, count = ndimage.label(same)
    if count:
        same &= ~(np.bincount(labels.ravel()) < _SPECK)[labels]
    return np.asarray(same)

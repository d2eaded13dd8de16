"""Alpha and foreground of a photo whose background is known at every pixel.

Chuang, Curless, Salesin and Szeliski 2001, "A Bayesian Approach to Digital Matting": at a pixel, the colours
of the foreground are normally distributed with mean μ and covariance Σ, estimated around it, the photo's
noise has the covariance N, and the background B is known. Then the photo's colour given α is normal,

    I | α  ~  N( αμ + (1 − α)B,  α²Σ + N )

and the α of the highest posterior probability is wanted. Departures from the paper: B is known, so only α is
searched for, over a grid, in the basis in which N is the identity and Σ is diagonal; μ and Σ come from a wide
neighbourhood, widened where it holds no foreground, in which what lies deeper inside the subject counts for
more; and the prior probability of an opaque pixel rises with its depth. A pixel that a green or blue screen
still tints, as glass and smoke are, has no depth, however far inside it lies. Where nothing has any depth,
the foreground is taken to be as far from the background as colours go.

The foreground that is returned explains the photo where alpha is high and is μ where alpha is low.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import ndimage

from wisp.core.arrays import (
    Alpha,
    Background,
    Float,
    Foreground,
    Image,
    Matte,
    Region,
    check_image,
    check_same_size,
)
from wisp.core.blur import blur_normalised, scipy_tools
from wisp.core.errors import InputError
from wisp.core.resample import block_means, enlarge_blocks
from wisp.keying.screen import Double, estimate_noise, within_noise

REACH: Final = 0.0375
"""Depth at which a pixel counts as surely inside the subject, as a part of the photo's longer side."""

_LEVELS: Final = 17  # of alpha, on the grid
_TURNS: Final = 2  # of estimating foreground colours and alpha
_SIGMA: Final = 0.65  # of the neighbourhood, over the reach
_FINE: Final = 4.0  # the neighbourhood is averaged on pixels no finer than sigma / this
_DEEPEST: Final = 2.0  # depths beyond this many reaches are opaque without question
_TRUST: Final = 1e-3  # below this weight a wider neighbourhood takes over
_TOOLS: Final = scipy_tools(truncate=3, padded=False)
_TINTED: Final = (0.35, 0.55)  # screen in a colour from which depth shrinks, and at which it is none
_SATURATED: Final = 0.08  # how much a green or blue screen's channel is above the others
_CHUNK: Final = 65536
_PAIRS: Final = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
_CONTINUED: Final = np.float32(0.02)  # from about α² = this the foreground is the photo's rather than μ


def pull_matte(
    image: Image, background: Background, *, noise: Double | None = None, reach: float = REACH
) -> Matte:
    """Alpha and foreground of a photo in front of a known background.

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1].
        background: float32 (H, W, 3), the same place without the subject: a clean photo of it, or
            `wisp.keying.screen.estimate_screen`.
        noise: float64 (3, 3), covariance of the photo's noise; None estimates it.
        reach: how deep inside the subject a pixel surely is opaque, as a part of the longer side. More for
            wider soft edges, less for subjects with much detail.

    Returns:
        Alpha and foreground. Where nothing but background is seen, alpha is exactly 0.

    Raises:
        InputError: arrays of other types or sizes, or a reach that is not in (0, 1].
    """
    check_image(image)
    check_image(background, "background")
    check_same_size("background", background, "image", image)
    if not 0 < reach <= 1:
        raise InputError("reach", f"is {reach}", "a part of the longer side in (0, 1] is accepted")
    noise = estimate_noise(image, background) if noise is None else noise
    pixels = max(4.0, reach * max(image.shape[:2]))
    empty = within_noise(image - background, noise)
    depth = _depth(image, background, empty, pixels)
    unknown = ~empty & (depth < _DEEPEST)
    alpha = np.where(empty, np.float32(0), np.float32(1))
    if not unknown.any():
        return Matte(alpha, image)
    weight = np.where(empty, 0, np.minimum(depth, 1) ** 20 * np.maximum(depth, 1) ** 2).astype(np.float32)
    penalty = depth[unknown].astype(np.float64) ** 2
    colours = image
    if not weight.any():  # nothing solid is seen, as of a lone pane of glass
        weight, colours = (~empty).astype(np.float32), _purest(image, background)
    for _ in range(_TURNS):
        mean, usual = _usual_colours(colours, weight, _SIGMA * pixels)
        alpha[unknown] = _most_probable(image, background, mean, usual, noise, unknown, penalty)
        weight = np.where(alpha > 0.3, alpha**4 * np.minimum(depth, 1) ** 4, np.float32(0))
        if not weight.any():
            break
        colours = np.where((alpha > 0.3)[..., None], _explained(image, alpha, background), mean)
    return Matte(alpha, _foreground(image, alpha, background, mean))


def despill(foreground: Foreground, background: Background) -> Foreground:
    """A foreground without the light that a green or blue screen threw on it.

    Nowhere is the screen's channel higher than the higher one of the other two. Foregrounds that are green
    or blue themselves turn grey; of screens of other colours nothing is taken off.

    Args:
        foreground: float32 (H, W, 3), [0, 1].
        background: float32 (H, W, 3), the screen.

    Returns:
        float32 (H, W, 3).

    Raises:
        InputError: arrays of other types or sizes.
    """
    check_image(foreground, "foreground")
    check_image(background, "background")
    check_same_size("background", background, "foreground", foreground)
    channel = _screen_channel(background)
    if channel is None:
        return foreground
    cleaned = foreground.copy()
    np.minimum(cleaned[..., channel], _others(foreground, channel), out=cleaned[..., channel])
    return cleaned


def _depth(image: Image, background: Background, empty: Region, reach: float) -> Float:
    """How far each pixel lies from the background that is seen, in reaches, at most `_DEEPEST`."""
    if not empty.any():
        return np.full(empty.shape, _DEEPEST, np.float32)
    depth = np.minimum(ndimage.distance_transform_edt(~empty) / reach, _DEEPEST).astype(np.float32)
    channel = _screen_channel(background)
    if channel is not None:
        key, full = (picture[..., channel] - _others(picture, channel) for picture in (image, background))
        tint = ndimage.uniform_filter(key, 3, mode="nearest") / np.maximum(full, 0.05)
        low, high = _TINTED
        depth *= np.clip((high - tint) / (high - low), 0, 1)
    return depth


def _screen_channel(background: Background) -> int | None:
    """The channel of a green (1) or blue (2) screen; None for any other background."""
    colour = background.mean(axis=(0, 1), dtype=np.float64)
    channel, ordered = int(colour.argmax()), np.sort(colour)
    return channel if channel and ordered[2] - ordered[1] > _SATURATED else None


def _others(picture: Image, channel: int) -> Float:
    """The higher one of the other two channels: float32 (H, W)."""
    first, second = (other for other in range(3) if other != channel)
    return np.maximum(picture[..., first], picture[..., second])


@dataclass(frozen=True)
class _Usual:
    """Covariances of the foreground's colours: float64 (h, w, 3, 3), one for each block of pixels."""

    covariance: Double
    factor: int


def _usual_colours(colours: Foreground, weight: Float, sigma: float) -> tuple[Foreground, _Usual]:
    """Weighted mean and covariance of colours around each pixel.

    Args:
        colours: float32 (H, W, 3).
        weight: float32 (H, W), 0 and above.
        sigma: of the Gaussian neighbourhood, pixels.

    Returns:
        mean: float32 (H, W, 3).
        usual: the covariances.
    """
    weight = weight / max(float(weight.max()), 1e-30)
    factor = max(1, int(sigma / _FINE))
    small = np.dstack([block_means(moment * weight[..., None], factor) for moment in _moments(colours)])
    small = blur_normalised(small, sigma / factor, _TOOLS, trust=_TRUST)
    covariance = np.empty((*small.shape[:2], 3, 3))
    for k, (i, j) in enumerate(_PAIRS):
        covariance[..., i, j] = covariance[..., j, i] = small[..., 3 + k] - small[..., i] * small[..., j]
    return enlarge_blocks(small[..., :3], factor, weight.shape), _Usual(covariance, factor)


def _moments(colours: Foreground) -> Iterator[Float]:
    """Channels, their products and 1, (H, W, 1) each; one after the other, as all would fill the memory."""
    channels = np.split(colours, 3, axis=2)
    yield from channels
    for i, j in _PAIRS:
        yield channels[i] * channels[j]
    yield np.ones_like(channels[0])


def _most_probable(
    image: Image,
    background: Background,
    mean: Foreground,
    usual: _Usual,
    noise: Double,
    wanted: Region,
    penalty: Double,
) -> Float:
    """The most probable alpha of some pixels.

    Args:
        image: float32 (H, W, 3).
        background: float32 (H, W, 3).
        mean: float32 (H, W, 3), of the foreground's colours around.
        usual: their covariances.
        noise: float64 (3, 3).
        wanted: bool (H, W), the n pixels.
        penalty: float64 (n,), what is added to the negative logarithm of the posterior unless a pixel is
            opaque.

    Returns:
        float32 (n,).
    """
    lower = np.linalg.cholesky(np.linalg.inv(noise))
    spread, basis = np.linalg.eigh(lower.T @ usual.covariance @ lower)
    to_basis = lower @ basis  # colours are rows: (I − B) → its parts, in units of noise
    rows, columns = np.nonzero(wanted)
    alpha = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _CHUNK):
        part = slice(start, start + _CHUNK)
        place = rows[part], columns[part]
        block = rows[part] // usual.factor, columns[part] // usual.factor
        behind, parts = background[place], to_basis[block]
        seen, solid = (np.einsum("ni,nij->jn", x[place] - behind, parts) for x in (image, mean))
        alpha[part] = _search(seen, solid, np.maximum(spread[block], 0).T, penalty[part])
    return alpha


def _search(seen: Double, solid: Double, spread: Double, penalty: Double) -> Double:
    """The alpha in [0, 1] of the least −log p, from a grid and the parabola around its least value.

    Args:
        seen: float64 (3, n), I − B in the basis of the foreground's spread.
        solid: float64 (3, n), μ − B in it.
        spread: float64 (3, n), variances of the foreground, in units of the noise's.
        penalty: float64 (n,), as above.
    """
    grid = np.linspace(0, 1, _LEVELS)
    cost = np.empty((_LEVELS, seen.shape[1]))
    for level, alpha in enumerate(grid):
        variance = alpha * alpha * spread + 1
        cost[level] = 0.5 * ((seen - alpha * solid) ** 2 / variance + np.log(variance)).sum(axis=0)
    cost[:-1] += penalty
    cost[0] += penalty
    least = cost.argmin(axis=0)
    middle = np.clip(least, 2, _LEVELS - 3)  # the parabola must not span the ends, which the prior sets apart
    before, at, after = (np.take_along_axis(cost, middle[None] + step, 0)[0] for step in (-1, 0, 1))
    bend = before - 2 * at + after
    step = np.clip(0.5 * (before - after) / np.where(bend > 1e-12, bend, np.inf), -1, 1)
    inside = (least > 1) & (least < _LEVELS - 2)
    found: Double = np.where(inside, grid[middle] + step * grid[1], grid[least])
    return found


def _purest(image: Image, background: Background) -> Foreground:
    """The colours farthest from the background that may have made the photo: those of the least alpha."""
    away = image - background
    room = np.where(away > 0, 1 - background, background)
    reach = np.min(room / np.maximum(np.abs(away), np.float32(1e-3)), axis=2, keepdims=True)
    return np.asarray(np.clip(background + away * reach, 0, 1), np.float32)


def _explained(image: Image, alpha: Alpha, background: Background) -> Foreground:
    """The foreground that explains the photo exactly, as far as it is a colour."""
    share = np.maximum(alpha, np.float32(1e-3))[..., None]
    return np.clip((image - (1 - alpha[..., None]) * background) / share, 0, 1)


def _foreground(image: Image, alpha: Alpha, background: Background, mean: Foreground) -> Foreground:
    """The foreground between what explains the photo and what is usual around, by how much of it is seen."""
    share = alpha[..., None]
    shown = image - (1 - share) * background
    foreground = (share * shown + _CONTINUED * mean) / (share * share + _CONTINUED)
    return np.clip(np.where(share == 1, image, foreground), 0, 1)

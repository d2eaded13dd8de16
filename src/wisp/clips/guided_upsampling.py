"""Alpha made to follow its picture by the Fast Guided Filter (He and Sun 2015), in thousandths of a second.

Affine functions of colour are fitted to alpha over windows of a small picture and applied to a larger one: to
draw an alpha to the edges of its frame (`guided_enlargement`), and to find hair in a haze (`refine_hair`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wisp.core.arrays import Alpha, Float, Image, Mask, Stored, as_floats
from wisp.core.opencv import opencv, read_enlarged, shrink
from wisp.core.regions import bounding_box
from wisp.core.settings import CLIPS

_SOFT = np.float32(0.5 / 255)


def guided_enlargement(
    small: Image,
    mask: Mask | Alpha,
    image: Image | Stored,
    *,
    radius: int,
    epsilon: float = CLIPS.guide_epsilon,
) -> Alpha:
    """A small mask at the size of its picture, with that picture's edges.

    Args:
        small: the picture reduced, float32 (h, w, 3), [0, 1].
        mask: float32 (h, w), [0, 1].
        image: the picture itself, float32 (H, W, 3), [0, 1], or the same as uint8 or uint16.
        radius: windows are (2 radius + 1)² pixels of the small picture, mirrored at its border.
        epsilon: variance of colours below which a window counts as flat.

    Returns:
        float32 (H, W), [0, 1]. Where the mask is the same all over a window's reach, alpha is the mask.
    """
    cv2 = opencv()
    height, width = image.shape[:2]
    base: Alpha = cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR)
    mean_p, spread = _averaged(mask, radius)
    box = bounding_box((mean_p > _SOFT) & (mean_p < 1 - _SOFT), 3 * radius + 2)
    if box is None:
        return base
    reach = cv2.resize(spread, (width, height), interpolation=cv2.INTER_LINEAR)
    places = np.flatnonzero((reach > _SOFT) & (reach < 1 - _SOFT))
    lines = _affine(small[box.slices], mask[box.slices], radius, epsilon)
    rows, columns = np.divmod(places, width)
    scale = (mask.shape[0] / height, mask.shape[1] / width)
    large = read_enlarged(lines, scale, rows, columns, corner=(box.top, box.left))
    values = _applied(large, as_floats(image.reshape(-1, 3).take(places, 0)))
    base.reshape(-1)[places] = values.clip(0, 1)
    return base


def refine_hair(picture: Image, alpha: Alpha) -> Alpha:
    """An alpha whose wide soft parts, hair above all, follow the picture's colours.

    There the network gives a haze, but knows what lies inside and outside of it. So alpha is fitted as an
    affine function of colour over windows that hold both: the Fast Guided Filter (He and Sun 2015) with the
    picture as its guide. Where edges are narrow the network is more exact, and its alpha stays.

    Args:
        picture: float32 (h, w, 3), [0, 1].
        alpha: float32 (h, w), [0, 1].

    Returns:
        float32 (h, w), [0, 1].
    """
    cv2 = opencv()
    softness = cv2.boxFilter(4 * alpha * (1 - alpha), -1, (CLIPS.hair_window, CLIPS.hair_window))
    share = ((softness - CLIPS.hair_least) / (CLIPS.hair_full - CLIPS.hair_least)).clip(0, 1)
    box = bounding_box(share, 2 * CLIPS.hair_radius)
    if box is None:
        return alpha
    part, known, share = picture[box.slices], alpha[box.slices], share[box.slices]
    height, width = known.shape
    size = max(1, round(height / CLIPS.hair_reduction)), max(1, round(width / CLIPS.hair_reduction))
    radius = CLIPS.hair_radius // CLIPS.hair_reduction
    lines = _affine(shrink(part, *size), shrink(known, *size), radius, CLIPS.guide_epsilon)
    lines = cv2.resize(lines, (width, height), interpolation=cv2.INTER_LINEAR)
    fitted = _applied(lines, part)
    gain = CLIPS.hair_max_gain  # of alpha, and of 1 − α
    fitted = np.minimum(np.maximum(fitted, 1 - gain * (1 - known)), gain * known).clip(0, 1)
    drawn = alpha.copy()
    drawn[box.slices] += share * (fitted - known)
    return drawn


def _averaged(mask: Mask, radius: int) -> tuple[Mask, Mask]:
    """The mask averaged over windows, and once more: over all that a pixel's line depends on; (h, w) each."""
    once = _window_mean(mask, radius)
    return once, _window_mean(once, radius)


def _window_mean(plane: Float, radius: int) -> Float:
    """Mean over (2 radius + 1)² windows, mirrored at the border; (h, w) or (h, w, C)."""
    cv2 = opencv()
    size = (2 * radius + 1, 2 * radius + 1)
    averaged: Float = cv2.boxFilter(plane, -1, size, borderType=cv2.BORDER_REFLECT)
    return averaged


def _affine(small: Image, mask: Mask, radius: int, epsilon: float) -> Float:
    """Slopes (3) and offset of alpha as a function of colour, averaged over windows: float32 (h, w, 4)."""
    mean_p = _window_mean(mask, radius)
    varied = np.flatnonzero((mean_p > _SOFT) & (mean_p < 1 - _SOFT))

    def mean(plane: Float) -> Float:
        return _window_mean(plane, radius).reshape(-1).take(varied)

    colours = opencv().split(small)
    means = [mean(plane) for plane in colours]
    p = mean_p.reshape(-1).take(varied)
    covariance = [mean(c * mask) - m * p for c, m in zip(colours, means, strict=True)]
    pairs = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
    variance = [mean(colours[i] * colours[j]) - means[i] * means[j] for i, j in pairs]
    for i in (0, 3, 5):  # of one colour with itself
        variance[i] += np.float32(epsilon)
    slopes = _solve(variance, covariance)
    lines = np.zeros((*mask.shape, 4), np.float32)
    lines[..., 3] = mean_p
    flat = lines.reshape(-1, 4)
    offset = p - sum(slope * m for slope, m in zip(slopes, means, strict=True))
    flat[varied] = np.stack([*slopes, offset], 1)
    return _window_mean(lines, radius)


def _applied(lines: Float, colours: Float) -> Float:
    """Slopes and offset (…, 4) applied to colours (…, 3): (…); colour by colour, faster than at once."""
    values: Float = lines[..., 3].copy()
    for channel in range(3):
        values += lines[..., channel] * colours[..., channel]
    return values


def _solve(matrix: Sequence[Float], right: Sequence[Float]) -> list[Float]:
    """Symmetric 3 × 3 systems by Cramer's rule.

    In double precision: where a window holds two colours only, the determinant nearly vanishes.

    Args:
        matrix: the entries 11, 12, 13, 22, 23 and 33, (N,) each.
        right: three of (N,).

    Returns:
        three of float32 (N,).
    """
    a, b, c, d, e, f = (entry.astype(np.float64) for entry in matrix)
    ad, be, cd = d * f - e * e, c * e - b * f, b * e - c * d
    adjugate = ((ad, be, cd), (be, a * f - c * c, b * c - a * e), (cd, b * c - a * e, a * d - b * b))
    factor = 1 / np.maximum(a * ad + b * be + c * cd, 1e-20)
    x, y, z = right
    return [((u * x + v * y + w * z) * factor).astype(np.float32) for u, v, w in adjugate]

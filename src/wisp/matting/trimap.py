"""Trimaps from a soft mask or from an alpha: what is surely subject, surely background, and the band between.

The band is made by erosion and dilation with a disc, so that its width is the same in every direction.
Widths are fractions of the subject's size, defined by `subject_size` as the square root of the subject's
area. Unlike the sides of a bounding box, it barely moves when an arm is stretched out or a stray pixel is set
far away, and unlike the sides of the photo it stays with the subject: the same photo enlarged or cropped gets
the same band.

Whatever lies beyond the border of the photo is unseen rather than background: a subject cut off by the border
stays known up to it.
"""

from __future__ import annotations

from math import ceil, isqrt, sqrt
from typing import Final

import numpy as np

from wisp.core.arrays import (
    BACKGROUND,
    CLEAR,
    FOREGROUND,
    UNKNOWN,
    Alpha,
    Mask,
    Region,
    Trimap,
    as_alpha,
    as_mask,
    check_number,
    check_trimap,
)
from wisp.core.errors import InputError
from wisp.core.regions import bounding_box
from wisp.core.settings import AUTO

WIDTH: Final = AUTO.band_width
"""The band's default width, as a fraction of the subject's size; chosen in docs/decisions/005."""


def trimap_from_mask(
    mask: Mask,
    *,
    width: float = WIDTH,
    low: float = AUTO.known,
    high: float = 1 - AUTO.known,
) -> Trimap:
    """A trimap from a soft segmentation, whose edge is only roughly right.

    Known foreground is where the mask exceeds `high`, eroded; known background is where the mask is below
    `low`, eroded just as much (the subject dilated). All the rest is unknown: the band along the edge and
    every value between `low` and `high`. A structure thinner than the band is unknown as a whole; it is never
    taken for background.

    Args:
        mask: float32 (H, W), [0, 1].
        width: width of the band along a hard edge, half of it on either side, as a fraction of the subject's
            size (`subject_size`), in [0, 1]. Any width but 0 gives at least one pixel on either side.
        low: below this a mask value says background, in (0, 0.5].
        high: above this a mask value says foreground, in [0.5, 1).

    Returns:
        uint8 (H, W): 0 background, 128 unknown, 255 foreground. All background when the mask has no subject,
        that is, when it is below 0.5 everywhere.

    Raises:
        InputError: not (H, W) in [0, 1] (`wisp.core.arrays.as_mask`), or a width or threshold out of range.
    """
    mask = as_mask(mask)
    if not 0 < low <= 0.5 <= high < 1:
        raise InputError("thresholds", f"are {low} and {high}", "0 < low ≤ 0.5 ≤ high < 1 is accepted")
    radius = _radius(mask, width)
    if mask.max() < 0.5:
        return np.full(mask.shape, BACKGROUND, np.uint8)
    return _trimap(mask > high, mask >= low, erosion=radius, dilation=radius)


def trimap_from_alpha(alpha: Alpha, *, width: float = WIDTH) -> Trimap:
    """A trimap from an alpha: unknown is every pixel that is partly subject, and a band around these.

    Args:
        alpha: float32 (H, W), [0, 1]. Values that eight bits would store as 0 or 255 count as 0 or 1.
        width: width of the band along a hard edge, half of it on either side, as a fraction of the subject's
            size (`subject_size`), in [0, 1]. 0 leaves exactly the mixed pixels unknown.

    Returns:
        uint8 (H, W): 0 background, 128 unknown, 255 foreground. All background when alpha is 0 everywhere.

    Raises:
        InputError: not (H, W) in [0, 1] (`wisp.core.arrays.as_alpha`), or a width out of range.
    """
    alpha = as_alpha(alpha)
    radius = _radius(alpha, width)
    return _trimap(alpha > 1 - CLEAR, alpha >= CLEAR, erosion=radius, dilation=radius)


def random_trimap(
    alpha: Alpha,
    rng: np.random.Generator,
    *,
    erosion: tuple[int, int] = (1, 30),
    dilation: tuple[int, int] = (1, 30),
) -> Trimap:
    """A trimap as a careless user might have drawn it, to train on: its two widths are drawn independently.

    Xu et al., "Deep Image Matting" (CVPR 2017) dilate the true alpha's mixed pixels at random so that the
    network does not come to rely on where the band ends.

    Args:
        alpha: float32 (H, W), [0, 1], the true alpha.
        rng: where the widths come from: first the erosion, then the dilation, each a whole number of pixels.
        erosion: least and greatest number of pixels taken off the known foreground.
        dilation: least and greatest number of pixels taken off the known background.

    Returns:
        uint8 (H, W): 0 background, 128 unknown, 255 foreground. Every mixed pixel of `alpha` is unknown.

    Raises:
        InputError: not (H, W) in [0, 1] (`wisp.core.arrays.as_alpha`), or a range that is empty or negative.
    """
    alpha = as_alpha(alpha)
    for name, (least, greatest) in (("erosion", erosion), ("dilation", dilation)):
        if not 0 <= least <= greatest:
            raise InputError(name, f"is {least} to {greatest}", "0 ≤ least ≤ greatest is accepted")
    inward = int(rng.integers(*erosion, endpoint=True))
    outward = int(rng.integers(*dilation, endpoint=True))
    return _trimap(alpha > 1 - CLEAR, alpha >= CLEAR, erosion=inward, dilation=outward)


def mask_from_trimap(trimap: Trimap) -> Mask:
    """A soft mask that says what a trimap knows: 0, 1, and 0.5 where it is unknown; float32 (H, W)."""
    return check_trimap(trimap).astype(np.float32) / np.float32(FOREGROUND)


def impose_known(alpha: Alpha, trimap: Trimap) -> Alpha:
    """Alpha where a trimap is unknown, elsewhere what it knows: exactly 0 or 1; float32 (H, W)."""
    known = (trimap == FOREGROUND).astype(np.float32)
    return np.where(trimap == UNKNOWN, alpha, known)


def subject_size(mask: Mask) -> float:
    """The square root of the subject's area, in pixels: the side of the square that covers as much.

    Args:
        mask: float32 (H, W), [0, 1]; an alpha as well. A pixel counts for as much as its value.
    """
    return sqrt(float(np.sum(mask, dtype=np.float64)))


def _radius(mask: Mask, width: float) -> float:
    check_number(width, "width", 0, 1, "a fraction of the subject's size")
    return max(1.0, width * subject_size(mask) / 2) if width > 0 else 0.0


def _trimap(sure: Region, possible: Region, *, erosion: float, dilation: float) -> Trimap:
    """Foreground is `sure`, eroded; background is what `possible`, dilated, leaves over."""
    trimap = np.full(sure.shape, BACKGROUND, np.uint8)
    box = bounding_box(possible, ceil(max(erosion, dilation)))
    if box is None:
        return trimap
    near = box.slices
    inside = trimap[near]
    inside[_dilate(possible[near], dilation)] = UNKNOWN
    # Dilating what is not sure, instead of eroding what is, leaves alone what lies beyond the photo's border.
    inside[~_dilate(~sure[near], erosion)] = FOREGROUND
    return trimap


def _dilate(region: Region, radius: float) -> Region:
    """The pixels whose centre is at most `radius` from that of a pixel of `region`: dilation with a disc.

    A disc is a row of columns: `step` columns to the left or right they reach √(radius² − step²) rows up and
    down. Taken from the outermost inwards they only grow, which leaves four cheap passes over the picture for
    every pixel of the radius: exact, and faster than a distance transform.
    """
    reach = int(radius)
    dilated = region.copy()
    tall, height = region.copy(), 0
    for step in range(reach, -1, -1):
        for rows in range(height + 1, isqrt(int(radius * radius) - step * step) + 1):
            tall[rows:] |= region[:-rows]
            tall[:-rows] |= region[rows:]
            height = rows
        if step == 0:
            dilated |= tall
        else:
            dilated[:, step:] |= tall[:, :-step]
            dilated[:, :-step] |= tall[:, step:]
    return dilated

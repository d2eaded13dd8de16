"""How a clip moves: small pictures, cuts between scenes, optical flow, and alphas moved along it.

Motion is estimated on small pictures by Dense Inverse Search (Kroeger et al. 2016, "Fast Optical Flow using
Dense Inverse Search", ECCV).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from wisp.core.arrays import Float, Image, Region
from wisp.core.opencv import opencv, shrink
from wisp.core.resample import size_within
from wisp.core.settings import CLIPS

Small: TypeAlias = npt.NDArray[np.uint8]


def is_cut(before: Small, after: Small, threshold: float = CLIPS.cut) -> bool:
    """Whether two small pictures, uint8 (h, w, 3) of one size, are of different scenes.

    Two things must hold: their colours differ (half the L1 distance of histograms with 8 bins a channel, so
    that motion alone is no cut), and so do most of their places.
    """
    cv2 = opencv()
    one, other = (
        cv2.calcHist([picture], [0, 1, 2], None, [8] * 3, [0, 256] * 3) for picture in (before, after)
    )
    distance = float(np.abs(one - other).sum() / (2 * one.sum()))
    if distance <= threshold:
        return False
    moved = np.abs(before.astype(np.int16) - after).mean(2) > _CHANGED
    return bool(moved.mean() > 0.5)


_CHANGED: Final = 20  # of 255: what noise and small motion stay below


def shrink_to_bytes(image: Image, side: int, picture: Image | None = None) -> Small:
    """The image with its longer side reduced to `side`, never enlarged: uint8 (h, w, 3).

    Args:
        image: float32 (H, W, 3), [0, 1].
        side: pixels.
        picture: the image, somewhat reduced already; made use of where it is large enough.
    """
    size = size_within(image.shape, side)
    enough = picture is not None and all(a >= b for a, b in zip(picture.shape, size, strict=False))
    small = shrink(picture if picture is not None and enough else image, *size)
    rounded: Small = (small * 255 + 0.5).clip(0, 255).astype(np.uint8)
    return rounded


def find_flow(before: Small, after: Small) -> Float:
    """The optical flow from a small picture back to the earlier one: displacements x, y, (h, w, 2)."""
    cv2 = opencv()
    height, width = after.shape[:2]
    if min(height, width) < 16:  # too small to search in: nothing moves
        return np.zeros((height, width, 2), np.float32)
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (after, before)]
    flow: Float = search.calc(grey[0], grey[1], None)
    return flow


def stillness(before: Small, after: Small, limit: float) -> Float:
    """How surely each place of a small picture shows the same as in the earlier one: float32 (h, w), [0, 1].

    Args:
        before: uint8 (h, w, 3).
        after: uint8 (h, w, 3).
        limit: difference of colour, mean over 3 × 3 pixels, on the scale 0–1, up to which it is noise.
    """
    cv2 = opencv()
    red, green, blue = cv2.split(cv2.absdiff(after, before))
    largest = np.maximum(np.maximum(red, green), blue).astype(np.float32)
    difference = cv2.boxFilter(largest, -1, (3, 3)) / np.float32(255 * limit)
    still: Float = np.exp(-(difference**4))
    return still


def unexplained(before: Small, after: Small, flow: Float) -> Float:
    """How much of a small picture the earlier one, moved along, does not explain: float32 (h, w), [0, 1]."""
    cv2 = opencv()
    moved = cv2.remap(before, sources(flow), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    red, green, blue = cv2.split(cv2.absdiff(after, moved))
    difference: Float = np.maximum(np.maximum(red, green), blue).astype(np.float32) / 255
    return difference


def warp(old: Float, flow: Float, *, cubic: bool) -> Float:
    """An alpha, or several side by side, (h, w) or (h, w, C), moved along a flow of any size.

    Cubic does not blur what is moved again and again.
    """
    cv2 = opencv()
    height, width = old.shape[:2]
    if flow.shape[:2] != (height, width):
        scale = width / flow.shape[1], height / flow.shape[0], 1.0, 1.0
        flow = cv2.resize(cv2.multiply(flow, scale), (width, height), interpolation=cv2.INTER_LINEAR)
    kernel = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    moved: Float = cv2.remap(old, sources(flow), None, kernel, borderMode=cv2.BORDER_REPLICATE)
    return moved


def come_in(flow: Float) -> Region:
    """The places of a small picture whose flow points outside of the earlier one, bool (h, w)."""
    height, width = flow.shape[:2]
    column, row = opencv().split(sources(flow))
    inside: Region = (column >= -0.5) & (row >= -0.5) & (column <= width - 0.5) & (row <= height - 0.5)
    return ~inside


def sources(flow: Float) -> Float:
    """Columns and rows that a flow points to: float32 (h, w, 2)."""
    found: Float = flow + _places(*flow.shape[:2])
    return found


@lru_cache(maxsize=4)
def _places(height: int, width: int) -> Float:
    """The column and the row of every pixel: float32 (h, w, 2)."""
    row, column = np.indices((height, width), np.float32)
    places: Float = np.stack([column, row], 2)
    places.setflags(write=False)
    return places

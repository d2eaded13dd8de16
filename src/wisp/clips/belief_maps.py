"""A clip's belief as a stack of maps, and what can be read from it: people, things, what was left out."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from wisp.core.arrays import Bytes, Float, Mask, Region
from wisp.core.opencv import opencv, shrink
from wisp.core.settings import CLIPS

Places: TypeAlias = npt.NDArray[np.integer[Any]]
"""Numbers of regions, 0 for none, (h, w)."""

PEOPLE, THING, SEGMENTED, KIND, DECIDED = range(5)
"""Channels of a belief: people and subject by the subject network, people by the segmenter, how surely what
is there is a person by itself (0.5: nobody has looked yet), and the mask that follows."""

AROUND: Final = np.ones((3, 3), bool)
"""Pixels that belong to one region touch along sides or corners."""

SURE: Final = 0.05
"""Kinds nearer than this to 0.5 are not known."""


def people_in(belief: Float) -> bool:
    """True where a belief or a look, float32 (h, w, 5), holds people."""
    return bool(persons_in(belief).any())


def persons_in(belief: Float) -> Region:
    """The region of the people that are believed in, bool (h, w)."""
    persons: Region = (belief[..., PEOPLE] > CLIPS.believed[0]) & (belief[..., KIND] > 0.5)
    return persons


def believed_subject(belief: Float, size: tuple[int, int]) -> Mask:
    """The mask that was decided on, at a size (height, width): float32, [0, 1]."""
    large: Mask = opencv().resize(belief[..., DECIDED], size[::-1], interpolation=opencv().INTER_LINEAR)
    return large


def believed_things(belief: Float) -> Region:
    """The decided regions in which nobody is, bool (h, w)."""
    regions, count = ndimage.label(belief[..., DECIDED] > 0.05, AROUND)
    held = np.zeros(count + 1, bool)
    held[np.unique(regions[persons_in(belief)])] = True
    held[0] = True
    things: Region = ~held[regions]
    return things


def left_out(belief: Float) -> Region:
    """The region in which something is seen that is not the subject and no part of a person, bool (h, w)."""
    out: Region = (belief[..., THING] > 0.5) & (belief[..., DECIDED] < 0.05) & (belief[..., KIND] <= 0.5)
    return out


def reach_of(mask: Mask, share: float = CLIPS.reach) -> Bytes:
    """A mask made wider by a share of its longer side, as what a subject can reach; uint8 (h, w), 0 or 1."""
    extent = 2 * round(share * max(mask.shape)) + 1
    wider: Bytes = opencv().dilate((mask > 0.5).view(np.uint8), np.ones((extent, extent), np.uint8))
    return wider


def distance_to(place: Region) -> Float:
    """How far every pixel is from a region, (h, w), pixels; infinite where the region is empty."""
    if not place.any():
        return np.full(place.shape, np.inf, np.float32)
    far: Float = opencv().distanceTransform((~place).view(np.uint8), opencv().DIST_L2, 3)
    return far


def reduced(masks: Float) -> Float:
    """Masks (H, W, C), at most four, at a belief's size."""
    height, width = masks.shape[:2]
    scale = min(1.0, CLIPS.evidence_side / max(height, width))
    return shrink(masks, max(1, round(height * scale)), max(1, round(width * scale)))

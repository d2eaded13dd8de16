"""A clip's belief as a stack of maps, and what can be read from it: people, things, what was left out."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from wisp.core.arrays import Bytes, Float, Mask, Region
from wisp.core.opencv import opencv, shrink
from wisp.core.resample import size_within
from wisp.core.settings import CLIPS

Places: TypeAlias = npt.NDArray[np.integer[Any]]
"""Numbers of regions, 0 for none, (h, w)."""

AROUND: Final = np.ones((3, 3), bool)
"""Pixels that belong to one region touch along sides or corners."""

SURE: Final = 0.05
"""Kinds nearer than this to 0.5 are not known."""


class SubjectMaps(NamedTuple):
    """Maps of what a look at a frame shows, or of what is believed after several: float32 (h, w), [0, 1].

    Attributes:
        people: by the subject network.
        subject: people and things, by the subject network.
        segmented: people by the segmenter; 0 where it did not look.
        is_person: how surely what is there is a person by itself; 0.5 where nobody has looked yet.
        mask: of the subject, as it follows from the others (`wisp.clips.belief.decide_mask`); 0 in a look.
    """

    people: Mask
    subject: Mask
    segmented: Mask
    is_person: Float
    mask: Mask

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.mask.shape[0], self.mask.shape[1]

    def stacked(self) -> Float:
        """The maps as channels, float32 (h, w, 5)."""
        stack: Float = opencv().merge(self)
        return stack

    @classmethod
    def unstacked(cls, stack: Float) -> SubjectMaps:
        """The maps of such channels."""
        return cls(*opencv().split(stack))

    def faded(self, share: Float | np.float32) -> SubjectMaps:
        """The maps with this share of all that is believed; what is a person stays one.

        Args:
            share: of everything, or of every place, (h, w).
        """
        people, subject, segmented, mask = (
            plane * share for plane in (self.people, self.subject, self.segmented, self.mask)
        )
        return SubjectMaps(people, subject, segmented, self.is_person, mask)


def people_in(maps: SubjectMaps) -> bool:
    """True where a belief or a look holds people."""
    return bool(persons_in(maps).any())


def persons_in(maps: SubjectMaps) -> Region:
    """The region of the people that are believed in, bool (h, w)."""
    persons: Region = (maps.people > CLIPS.believed[0]) & (maps.is_person > 0.5)
    return persons


def believed_subject(belief: SubjectMaps, size: tuple[int, int]) -> Mask:
    """The mask that was decided on, at a size (height, width): float32, [0, 1]."""
    large: Mask = opencv().resize(belief.mask, size[::-1], interpolation=opencv().INTER_LINEAR)
    return large


def believed_things(belief: SubjectMaps) -> Region:
    """The decided regions in which nobody is, bool (h, w)."""
    regions, count = ndimage.label(belief.mask > 0.05, AROUND)
    held = np.zeros(count + 1, bool)
    held[np.unique(regions[persons_in(belief)])] = True
    held[0] = True
    things: Region = ~held[regions]
    return things


def left_out(belief: SubjectMaps) -> Region:
    """The region in which something is seen that is not the subject and no part of a person, bool (h, w)."""
    out: Region = (belief.subject > 0.5) & (belief.mask < 0.05) & (belief.is_person <= 0.5)
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
    return shrink(masks, *size_within(masks.shape, CLIPS.evidence_side))

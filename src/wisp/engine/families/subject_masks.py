"""Where the subject network looks, how its looks are put together, and which regions of a mask stay."""

from __future__ import annotations

import math

import numpy as np

from wisp.core.arrays import Float, Mask
from wisp.core.regions import Box, keep_regions, label_regions
from wisp.core.settings import SUBJECT, SubjectSettings

PEOPLE_MASK, SUBJECT_MASK = 0, 1
"""Places of the two masks and presence values in the network's outputs."""


def overlapping_views(shape: tuple[int, int], wide: float) -> list[Box]:
    """Parts that a photo is looked at in: all of it, or, where it is long, squares that overlap by a third.

    Args:
        shape: height and width, pixels.
        wide: from this ratio of the sides on it is long.
    """
    height, width = shape
    longer, shorter = max(shape), min(shape)
    if longer <= wide * shorter:
        return [Box(0, 0, height, width)]
    extent = round(1.5 * shorter)
    count = math.ceil((longer - extent) / (extent * 2 / 3)) + 1
    starts = [round(i * (longer - extent) / (count - 1)) for i in range(count)]
    if width > height:
        return [Box(0, start, height, start + extent) for start in starts]
    return [Box(start, 0, start + extent, width) for start in starts]


def weights_of_view(shape: tuple[int, int], axis: int) -> Float:
    """Weights of one of several overlapping views: 1 in its middle along an axis, a hundredth at its ends.

    Args:
        shape: height and width of the view, pixels.
        axis: along which the views overlap, 0 for rows.

    Returns:
        float32 (H, W, 1).
    """
    line = np.sin(np.pi * (np.arange(shape[axis], dtype=np.float32) + 0.5) / shape[axis]) + np.float32(0.01)
    along = line[:, None, None] if axis == 0 else line[None, :, None]
    return np.broadcast_to(along, (*shape, 1)).astype(np.float32)


def enlarge_to_surroundings(
    box: Box, shape: tuple[int, int], settings: SubjectSettings = SUBJECT
) -> Box | None:
    """Enlarge a box to the part that a second look sees; None where that is most of the photo.

    Args:
        box: around what was found.
        shape: the photo's height and width, pixels.
        settings: ``small`` says what is most of it, ``around`` how much is seen beside the box.
    """
    if max(box.bottom - box.top, box.right - box.left) > settings.small * max(shape):
        return None
    return surroundings_of(box, shape, settings)


def surroundings_of(box: Box, shape: tuple[int, int], settings: SubjectSettings = SUBJECT) -> Box:
    """A box and what lies beside it, inside the photo.

    Args:
        box: around what was found.
        shape: the photo's height and width, pixels.
        settings: ``around`` says how much is seen beside the box.
    """
    longer = max(box.bottom - box.top, box.right - box.left)
    return box.widened(math.ceil((settings.around - 1) / 2 * longer) + 8, shape)


def put_back(masks: Float, closer: Float, near: Box) -> Float:
    """Masks with a closer look in its place, faded in over a tenth of its extent where it ends inside.

    Args:
        masks: of the whole photo, float32 (H, W, C), [0, 1].
        closer: of the part, float32 (h, w, C), [0, 1].
        near: where the part lies.
    """
    height, width = closer.shape[:2]
    fade = np.ones((height, width), np.float32)
    for axis, (start, end, extent, whole) in enumerate(
        ((near.top, near.bottom, height, masks.shape[0]), (near.left, near.right, width, masks.shape[1]))
    ):
        places = (np.arange(extent, dtype=np.float32) + 0.5) / max(1.0, extent / 10)
        line = np.ones(extent, np.float32)
        if start > 0:
            line = np.minimum(line, places)
        if end < whole:
            line = np.minimum(line, places[::-1])
        fade = fade * (line[:, None] if axis == 0 else line[None])
    out = masks.copy()
    before = out[near.slices]
    out[near.slices] = before + fade[..., None] * (closer - before)
    return out


def keep_with_people(mask: Mask, people: Mask, settings: SubjectSettings = SUBJECT) -> tuple[Mask, int]:
    """The mask's regions that hold people, and how many they are; all of them where none does.

    Args:
        mask: float32 (H, W), [0, 1].
        people: float32 (H, W), [0, 1].
        settings: of the regions.
    """
    kept, held = keep_regions(mask, people >= settings.sure, settings.floor)
    return (kept, held) if held else (mask, int(label_regions(mask, settings.floor).max()))


def largeness(share: float, settings: SubjectSettings = SUBJECT) -> float:
    """How far a subject that covers a share of the photo is a large one, [0, 1].

    Args:
        share: of the photo's area, [0, 1].
        settings: of ``large`` it is one altogether, of half of that it begins to be.
    """
    return min(1.0, max(0.0, 2 * share / settings.large - 1))


def join_where_both_see(
    masks: Float, people: Mask, large: float = 0.0, settings: SubjectSettings = SUBJECT
) -> Float:
    """Means of both masks and a segmenter's, but for regions of the subject that it does not see at all.

    A person of some pixels, or what somebody holds, is no business of a network that overlooks it. Of a large
    subject what two of the three masks say counts as the subject's: then an animal that touches people is no
    part of them, nor is a patterned jumper none that the segmenter alone does not know.

    Args:
        masks: of people and of the subject, float32 (H, W, 2), [0, 1].
        people: the segmenter's, float32 (H, W), [0, 1].
        large: how far the subject is a large one, [0, 1].
        settings: a region is an 8-connected set of pixels of the subject of at least ``floor``; it is seen
            where the segmenter reaches ``sure``.
    """
    if large > 0:
        one, other = masks[..., PEOPLE_MASK], masks[..., SUBJECT_MASK]
        median = np.clip(people, np.minimum(one, other), np.maximum(one, other))
        masks = masks.copy()
        masks[..., SUBJECT_MASK] += np.float32(large) * (median - masks[..., SUBJECT_MASK])
    subject = masks[..., SUBJECT_MASK]
    seen, _ = keep_regions(subject, people >= settings.sure, settings.floor)
    overlooked = (seen == 0) & (subject >= settings.floor)
    mean: Float = (masks + people[..., None]) * np.float32(0.5)
    both: Float = np.where(overlooked[..., None], masks, mean)
    return both

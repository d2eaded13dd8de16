"""Kinds of the regions of a look, people or not, as a map: each that stands apart is looked at alone.

Beside people the subject network takes animals and things for people, too; shown one of them alone it does
not. What a region was found to be is kept with its place.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Final

import numpy as np
from scipy import ndimage

from wisp.clips.belief_maps import AROUND, SURE, Places, SubjectMaps, distance_to, reach_of
from wisp.core.arrays import Float, Image, Region
from wisp.core.opencv import opencv
from wisp.core.regions import Box
from wisp.core.settings import CLIPS, SUBJECT
from wisp.engine.engine import ENGINE, Engine
from wisp.engine.families.subject import see
from wisp.engine.families.subject_masks import PEOPLE_MASK

GLANCE: Final = replace(SUBJECT, side=CLIPS.glance_side, people_side=0, small=0.0)
"""How the subject network looks between whole looks, and at a region alone: once, at a smaller picture."""


def classify_regions(
    small: Image, look: SubjectMaps, known: Float, engine: Engine = ENGINE, *, alone: bool = True
) -> SubjectMaps:
    """A look in which every region is a person or not, as far as that is known (`SubjectMaps.is_person`).

    A region that nobody has looked at by itself, or not for long, is shown to the subject network alone: it
    is a person where people are found all over it then. Parts of different kinds stay apart when they touch:
    every pixel is of the kind of the nearest one that is known.

    Args:
        small: the frame, reduced, float32 (H, W, 3), [0, 1].
        look: people and subject.
        known: what was a person before, moved along, float32 (h, w), [0, 1], 0.5 where nobody knew.
        engine: what runs the network.
        alone: whether any region is looked at alone; else what is known is spread over the regions.
    """
    kept = CLIPS.forget if alone else 1.0
    kinds = np.float32(0.5) + np.float32(kept) * (known - np.float32(0.5))
    regions, _ = ndimage.label(np.maximum(look.people, look.subject) > 0.5, AROUND)
    kinds[regions == 0] = 0.5 + (1 - np.float32(CLIPS.depart)) * (kinds[regions == 0] - 0.5)
    areas, places = np.bincount(regions.ravel()), ndimage.find_objects(regions)
    maybe = np.bincount(regions[kinds > 0.5 - SURE], minlength=areas.size) > 0.5 * areas  # somebody
    maybe &= areas >= CLIPS.speck * regions.size
    maybe[0] = False
    for number in 1 + np.argsort(-areas[1:]):  # the largest first
        slices, area = places[number - 1], areas[number]
        if area < CLIPS.speck * regions.size:
            break
        region, before = regions[slices] == number, kinds[slices]
        persons, others = region & (before > 0.5 + SURE), region & (before < 0.5 - SURE)
        shares = np.array([np.count_nonzero(persons), np.count_nonzero(others)]) / area
        if shares.min() > CLIPS.mixed:
            nearer = distance_to(persons) <= distance_to(others)
            before[region] = np.where(nearer, before[persons].mean(), before[others].mean())[region]
            continue
        familiar = shares.sum() > CLIPS.familiar
        judged = float(before[persons | others].mean()) if familiar else 0.5
        coming = judged < 0.5 and bool(_borders(slices, regions.shape))
        if alone and (coming or abs(judged - 0.5) < CLIPS.doubted):
            beside = _large_beside(regions, areas, number)
            if beside is None and not familiar:
                beside = _person_cut_off_beside(regions, areas, places, kinds, number)
            if beside is None:
                only = maybe.sum() <= maybe[number]
                person = _people_alone(small, look, slices, region, engine, only=only)
                gain = CLIPS.judge_up if person > judged else CLIPS.judge
                judged += (gain if familiar else 1) * (person - judged)
            elif not familiar:  # a limb, or the rest of them is outside
                judged = float(kinds[beside].mean())
        before[region] = judged
    return look._replace(is_person=kinds)


def _large_beside(regions: Places, areas: Places, number: int) -> Region | None:
    """The largest region, bool (h, w), of which a region near it may be a limb; None where there is none."""
    large = CLIPS.limb * areas > areas[number]
    large[0] = False
    if not large.any():
        return None
    near = np.unique(regions[reach_of((regions == number).astype(np.float32)) > 0])
    near = near[large[near]]
    return regions == near[areas[near].argmax()] if near.size else None


def _person_cut_off_beside(
    regions: Places, areas: Places, places: list[Any], kinds: Float, number: int
) -> Region | None:
    """The largest region of a person, bool (h, w), of which a region may be a part; None where there is none.

    Those who come in are cut off by the border: hair or a hand is seen before it hangs together with them. So
    what is smaller, near, and cut off by the same side of the picture belongs to them until it is known.
    """
    own = _borders(places[number - 1], regions.shape)
    if not own:
        return None
    near = np.unique(regions[reach_of((regions == number).astype(np.float32)) > 0])
    for other in sorted(near[near > 0], key=lambda other: -areas[other]):
        cut_off = own & _borders(places[other - 1], regions.shape)
        region: Region = regions == other
        if areas[other] > areas[number] and cut_off and kinds[region].mean() > 0.5:
            return region
    return None


def _borders(place: tuple[slice, slice], shape: tuple[int, ...]) -> set[str]:
    """The sides of a picture, (h, w), that a box touches."""
    rows, columns = place
    touched = {
        "top": rows.start == 0,
        "left": columns.start == 0,
        "bottom": rows.stop == shape[0],
        "right": columns.stop == shape[1],
    }
    return {side for side, touches in touched.items() if touches}


def _people_alone(
    small: Image,
    look: SubjectMaps,
    place: tuple[slice, slice],
    region: Region,
    engine: Engine,
    *,
    only: bool,
) -> float:
    """1 where the mask of people covers a region of a look that is shown alone, else 0.

    Args:
        small: the frame, reduced, float32 (H, W, 3), [0, 1].
        look: people and subject.
        place: the region's box in it.
        region: the region in that box, bool.
        engine: what runs the network.
        only: whether nobody else may be there; the look itself tells then.
    """
    if only:
        return float(look.people[place][region].mean() > CLIPS.person)
    rows, columns = place
    box = Box(rows.start, columns.start, rows.stop, columns.stop)
    around = box.widened(round(_SURROUNDINGS * max(region.shape)) + 4, look.size)
    scale = small.shape[0] / look.size[0], small.shape[1] / look.size[1]
    near = small[
        int(scale[0] * around.top) : math.ceil(scale[0] * around.bottom),
        int(scale[1] * around.left) : math.ceil(scale[1] * around.right),
    ]
    people = see(near, engine=engine, settings=GLANCE).masks[..., PEOPLE_MASK]
    size = (around.right - around.left, around.bottom - around.top)
    people = opencv().resize(people, size, interpolation=opencv().INTER_LINEAR)
    inside = np.zeros(people.shape, bool)
    inside[box.top - around.top :, box.left - around.left :][: region.shape[0], : region.shape[1]] = region
    return float(people[inside].mean() > CLIPS.person)


_SURROUNDINGS: Final = 0.25
"""Margin around a region that is shown alone, as a share of its longer side."""

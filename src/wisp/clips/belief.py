"""A map of belief in what a clip's subject is, to which looks add and which moves along with the picture.

A look is what the networks see in a frame. One look is not trusted: what is new is believed at once only
where a subject can come from, which is beside one or at the picture's border; elsewhere it has to be seen
again, and what is missed once stays for a while. Things are believed slowly while no person has been seen.

Beside people the subject network takes animals and things for people, too; shown one of them alone it does
not. So whatever stands apart is looked at alone, and whether it is a person is kept with its place. Where
there are people the subject is they and what they hold: what is no person, though it touches one, is held
where it is small, and else stands behind them.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from wisp.clips.selection import Selection
from wisp.core.arrays import Bytes, Float, Image, Mask, Region
from wisp.core.errors import InputError
from wisp.core.opencv import opencv, repeat_plane, shrink
from wisp.core.regions import Box
from wisp.core.settings import CLIPS, SUBJECT, ClipSettings
from wisp.engine.engine import ENGINE, Engine
from wisp.engine.families import Wanted
from wisp.engine.families.guidance import Clicks
from wisp.engine.families.subject import Seen, find_selected, see
from wisp.engine.families.subject_masks import largeness

Places: TypeAlias = npt.NDArray[np.integer[Any]]
"""Numbers of regions, 0 for none, (h, w)."""

PEOPLE, THING, SEGMENTED, KIND, DECIDED = range(5)
"""Channels of a belief: people and subject by the subject network, people by the segmenter, how surely what
is there is a person by itself (0.5: nobody has looked yet), and the mask that follows."""

GLANCE: Final = replace(SUBJECT, side=CLIPS.look_side, people_side=0, small=0.0)
"""How the subject network looks between whole looks, and at a region alone: once, at a smaller picture."""

ONCE: Final = replace(SUBJECT, people_side=0, small=0.0)
"""How the subject network looks for whom was selected: once, alone."""

_AROUND: Final = np.ones((3, 3), bool)


def begin(
    small: Image,
    wanted: Wanted,
    things: float = CLIPS.thing,
    engine: Engine = ENGINE,
    settings: ClipSettings = CLIPS,
) -> Float:
    """The belief after a whole look at a clip's first frame, float32 (h, w, 5), [0, 1].

    Args:
        small: the frame, reduced, float32 (H, W, 3), [0, 1]; the belief has at most `evidence_side` pixels.
        wanted: ``auto``, ``people`` or ``anything``.
        things: how far a look at a thing is believed in ``auto`` while nobody has been seen, [0, 1].
        engine: what runs the networks.
        settings: how looks are believed.
    """
    belief = _reduced(see(small, engine=engine), settings)
    belief = told_apart(small, belief, belief[..., KIND], engine, settings)
    if wanted == "auto" and not people_in(belief):
        belief[..., :KIND] *= np.float32(things)
    return decided(belief, wanted, settings)


def look_again(
    small: Image,
    belief: Float,
    wanted: Wanted,
    *,
    whole: bool,
    things: float = CLIPS.thing,
    engine: Engine = ENGINE,
    settings: ClipSettings = CLIPS,
) -> Float:
    """The belief after a further look.

    Args:
        small: the frame, reduced, float32 (H, W, 3), [0, 1].
        belief: before, moved along to the frame, float32 (h, w, 5), [0, 1].
        wanted: as in `begin`.
        whole: whether both networks look, as at a photo; else the subject network glances at a smaller
            picture, and both look if something new is there.
        things: as in `begin`.
        engine: what runs the networks.
        settings: how looks are believed.
    """
    seen = _reduced(see(small, engine=engine, settings=SUBJECT if whole else GLANCE), settings)
    if belief.shape != seen.shape:
        return begin(small, wanted, things, engine, settings)
    if not whole:
        new = (seen[..., THING] > 0.5) & (belief[..., THING] < settings.believed[0])
        if new.mean() > settings.fresh:
            return look_again(
                small, belief, wanted, whole=True, things=things, engine=engine, settings=settings
            )
        seen = np.maximum(seen, belief)  # a glance adds to what is believed and takes nothing away
    seen = told_apart(small, seen, belief[..., KIND], engine, settings, look=whole)
    return decided(updated(belief, seen, wanted, things, settings), wanted, settings)


def told_apart(
    small: Image,
    seen: Float,
    kind: Float,
    engine: Engine = ENGINE,
    settings: ClipSettings = CLIPS,
    *,
    look: bool = True,
) -> Float:
    """A look with the kind of every region in it, float32 (h, w, 5).

    A region that nobody has looked at by itself, or not for long, is shown to the subject network alone: it
    is a person where people are found all over it then. Parts of different kinds stay apart when they touch:
    every pixel is of the kind of the nearest one that is known.

    Args:
        small: the frame, reduced, float32 (H, W, 3), [0, 1].
        seen: the look, float32 (h, w, 5), [0, 1].
        kind: what was known before, moved along, float32 (h, w), [0, 1], 0.5 where nothing.
        engine: what runs the network.
        settings: when a region is looked at, and how far that is believed.
        look: whether anything is looked at; else what is known is spread over the regions alone.
    """
    kept = settings.forget if look else 1.0
    kinds = np.float32(0.5) + np.float32(kept) * (kind - np.float32(0.5))
    regions, _ = ndimage.label(seen[..., [PEOPLE, THING]].max(2) > 0.5, _AROUND)
    kinds[regions == 0] = 0.5 + (1 - np.float32(settings.depart)) * (kinds[regions == 0] - 0.5)
    areas, places = np.bincount(regions.ravel()), ndimage.find_objects(regions)
    maybe = np.bincount(regions[kinds > 0.5 - _SURE], minlength=areas.size) > 0.5 * areas  # somebody
    maybe &= areas >= settings.speck * regions.size
    maybe[0] = False
    for number in 1 + np.argsort(-areas[1:]):  # the largest first
        slices, area = places[number - 1], areas[number]
        if area < settings.speck * regions.size:
            break
        region, before = regions[slices] == number, kinds[slices]
        persons, others = region & (before > 0.5 + _SURE), region & (before < 0.5 - _SURE)
        shares = np.array([np.count_nonzero(persons), np.count_nonzero(others)]) / area
        if shares.min() > settings.mixed:
            nearer = _distance(persons) <= _distance(others)
            before[region] = np.where(nearer, before[persons].mean(), before[others].mean())[region]
            continue
        known = shares.sum() > settings.familiar
        judged = float(before[persons | others].mean()) if known else 0.5
        coming = judged < 0.5 and bool(_borders(slices, regions.shape))
        if look and (coming or abs(judged - 0.5) < settings.doubted):
            beside = _large_beside(regions, areas, number, settings)
            if beside is None and not known:
                beside = _person_cut_off_beside(regions, areas, places, kinds, number, settings)
            if beside is None:
                alone = _people_alone(
                    small, seen, slices, region, engine, settings, only=maybe.sum() <= maybe[number]
                )
                gain = settings.judge_up if alone > judged else settings.judge
                judged += (gain if known else 1) * (alone - judged)
            elif not known:  # a limb, or the rest of them is outside
                judged = float(kinds[beside].mean())
        before[region] = judged
    told = seen.copy()
    told[..., KIND] = kinds
    return told


def _large_beside(regions: Places, areas: Places, number: int, settings: ClipSettings) -> Region | None:
    """The largest region, bool (h, w), of which a region near it may be a limb; None where there is none."""
    large = settings.limb * areas > areas[number]
    large[0] = False
    if not large.any():
        return None
    near = np.unique(regions[reach_of((regions == number).astype(np.float32), settings) > 0])
    near = near[large[near]]
    return regions == near[areas[near].argmax()] if near.size else None


def _person_cut_off_beside(
    regions: Places, areas: Places, places: list[Any], kinds: Float, number: int, settings: ClipSettings
) -> Region | None:
    """The largest region of a person, bool (h, w), of which a region may be a part; None where there is none.

    Those who come in are cut off by the border: hair or a hand is seen before it hangs together with them. So
    what is smaller, near, and cut off by the same side of the picture belongs to them until it is known.
    """
    own = _borders(places[number - 1], regions.shape)
    if not own:
        return None
    near = np.unique(regions[reach_of((regions == number).astype(np.float32), settings) > 0])
    for other in sorted(near[near > 0], key=lambda other: -areas[other]):
        cut_off = own & _borders(places[other - 1], regions.shape)
        region: Region = regions == other
        if areas[other] > areas[number] and cut_off and kinds[region].mean() > 0.5:
            return region
    return None


_SURE: Final = 0.05
"""Kinds nearer than this to 0.5 are not known."""


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
    seen: Float,
    place: tuple[slice, slice],
    region: Region,
    engine: Engine,
    settings: ClipSettings,
    *,
    only: bool,
) -> float:
    """1 where the mask of people covers a region of a look that is shown alone, else 0.

    Args:
        small: the frame, reduced, float32 (H, W, 3), [0, 1].
        seen: the look, float32 (h, w, 5), [0, 1].
        place: the region's box in it.
        region: the region in that box, bool.
        engine: what runs the network.
        settings: how much of it that is.
        only: whether nobody else may be there; the look itself tells then.
    """
    if only:
        return float(seen[place][region][:, PEOPLE].mean() > settings.person)
    rows, columns = place
    box = Box(rows.start, columns.start, rows.stop, columns.stop)
    around = box.widened(round(_SURROUNDINGS * max(region.shape)) + 4, seen.shape[:2])
    scale = small.shape[0] / seen.shape[0], small.shape[1] / seen.shape[1]
    near = small[
        int(scale[0] * around.top) : math.ceil(scale[0] * around.bottom),
        int(scale[1] * around.left) : math.ceil(scale[1] * around.right),
    ]
    people = see(near, engine=engine, settings=GLANCE).masks[..., PEOPLE]
    size = (around.right - around.left, around.bottom - around.top)
    people = opencv().resize(people, size, interpolation=opencv().INTER_LINEAR)
    inside = np.zeros(people.shape, bool)
    inside[box.top - around.top :, box.left - around.left :][: region.shape[0], : region.shape[1]] = region
    return float(people[inside].mean() > settings.person)


_SURROUNDINGS: Final = 0.25
"""Margin around a region that is shown alone, as a share of its longer side."""


def updated(
    belief: Float,
    seen: Float,
    wanted: Wanted,
    things: float = CLIPS.thing,
    settings: ClipSettings = CLIPS,
) -> Float:
    """A belief with a look added to it, float32 (h, w, 5).

    Args:
        belief: before, moved along to the frame, float32 (h, w, 5), [0, 1].
        seen: the look, likewise.
        wanted: as in `begin`.
        things: as in `begin`.
        settings: how far a single look is believed.
    """
    new = belief[..., THING] < settings.believed[0]
    if wanted == "auto" and not people_in(belief) and not people_in(seen):
        rise = np.where(new, np.float32(things), np.float32(1))
    else:
        near = _reachable(belief[..., DECIDED], settings)
        if not belief[..., DECIDED].any():  # nobody is there yet: whoever is seen is somebody
            near[:] = True
        rise = np.where(new & ~near, np.float32(settings.arrive), np.float32(1))
    rises = repeat_plane(rise, belief.shape[2])
    gain = np.where(seen > belief, rises, np.float32(settings.depart))
    after: Float = belief + gain * (seen - belief)
    after[..., KIND], after[..., DECIDED] = seen[..., KIND], belief[..., DECIDED]
    return after


def decided(belief: Float, wanted: Wanted, settings: ClipSettings = CLIPS) -> Float:
    """A belief whose last channel is the mask that follows from the others, float32 (h, w, 5).

    Args:
        belief: float32 (h, w, 5), [0, 1].
        wanted: as in `begin`.
        settings: what is held.
    """
    low, high = settings.believed
    mask = belief[..., PEOPLE if wanted == "people" else THING]
    person = _persons(belief, settings)
    area = float((person if person.any() else mask > 0.5).mean())
    found = ((_joined(belief, mask, area) - low) / (high - low)).clip(0, 1)
    kind = belief[..., KIND]
    if wanted != "anything" and person.any():
        found, kind = _with_people(found, person, kind, settings)
    elif wanted == "people":
        found = np.zeros_like(found)
    after = belief.copy()
    after[..., KIND], after[..., DECIDED] = kind, found
    return after


def select(
    small: Image, selection: Selection, engine: Engine = ENGINE, settings: ClipSettings = CLIPS
) -> Float:
    """The belief after clicks or a box on a frame, whoever else is there: as `begin` gives it.

    Args:
        small: the frame, reduced, float32 (H, W, 3), [0, 1].
        selection: in pixels of the reduced frame.
        engine: what runs the network.
        settings: how large the belief is.

    Raises:
        InputError: a place outside of the frame, or nothing was found there.
    """
    guidance, near = selection.guidance(small.shape[:2])
    mask = np.zeros(small.shape[:2], np.float32)
    mask[near.slices] = find_selected(small[near.slices], guidance.within(near), engine=engine)
    if guidance.before is not None:
        mask *= opencv().dilate(guidance.before, np.ones((9, 9), np.uint8))
    if not (mask > 0.5).any():
        raise InputError("selection", "holds nothing that could be a subject", "another place is accepted")
    mask *= _nearer(guidance.inside, guidance.outside, mask.shape)
    masks = see(small, engine=engine, settings=ONCE).masks
    people = np.minimum(masks[..., PEOPLE], mask)
    subject = np.maximum(masks[..., THING], mask)
    people, subject, mask = np.moveaxis(_resized(np.dstack([people, subject, mask]), settings), -1, 0)
    return np.dstack([people, subject, people, _kind_of(mask, people), mask])


def follow(small: Image, belief: Float, engine: Engine = ENGINE, settings: ClipSettings = CLIPS) -> Float:
    """The belief after a further look at whom was selected.

    What is seen is theirs where it is nearer to where they were than to anybody else: both are moved along
    with the picture, so that those who touch stay apart. Who comes out from behind them becomes theirs.

    Args:
        small: the frame, reduced, float32 (H, W, 3), [0, 1].
        belief: before, moved along, float32 (h, w, 5), [0, 1].
        engine: what runs the network.
        settings: how looks are believed.
    """
    seen = _resized(see(small, engine=engine, settings=ONCE).masks[..., THING], settings)
    mine, subject = belief[..., DECIDED], belief[..., THING]
    if seen.shape != mine.shape or not (mine > 0.5).any():
        return np.dstack([belief[..., :DECIDED], np.zeros_like(mine)])
    distances = [_distance(place) for place in (mine > 0.5, left_out(belief))]
    near = (distances[0] <= distances[1]) & (distances[0] < settings.reach * max(mine.shape))
    theirs = np.where(near, seen, np.float32(0))
    gain = np.where(theirs > mine, np.float32(1), np.float32(settings.depart))
    after = np.asarray(mine + gain * (theirs - mine), np.float32)
    person = belief[..., PEOPLE][mine > 0.5].mean() > 0.5
    people = after if person else np.zeros_like(after)
    subject = subject + np.where(seen > subject, np.float32(1), np.float32(settings.depart)) * (
        seen - subject
    )
    return np.dstack([people, np.maximum(subject, after), people, _kind_of(after, people), after])


def _kind_of(mask: Mask, people: Mask) -> Float:
    """A map of kinds after a selection: that of the selected where they are, unknown elsewhere, (H, W)."""
    inside = mask > 0.5
    person = inside.any() and people[inside].mean() > 0.5
    return np.where(inside, np.float32(person), np.float32(0.5))


def _distance(place: Region) -> Float:
    """How far every pixel is from a region, (h, w), pixels; infinite where the region is empty."""
    if not place.any():
        return np.full(place.shape, np.inf, np.float32)
    far: Float = opencv().distanceTransform((~place).view(np.uint8), opencv().DIST_L2, 3)
    return far


def _nearer(inside: Clicks, outside: Clicks, shape: tuple[int, ...]) -> Mask:
    """1 where a click inside is nearer than every click outside, else 0, (H, W)."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]

    def least(clicks: Clicks) -> Float:
        far = np.full(shape, np.inf, np.float32)
        for y, x in clicks:
            far = np.minimum(far, np.hypot(rows - y, columns - x))
        return far

    return (least(inside) <= least(outside)).astype(np.float32)


def people_in(belief: Float, settings: ClipSettings = CLIPS) -> bool:
    """True where a belief or a look, float32 (h, w, 5), holds people."""
    return bool(_persons(belief, settings).any())


def believed_subject(belief: Float, size: tuple[int, int]) -> Mask:
    """The mask that was decided on, at a size (height, width): float32, [0, 1]."""
    large: Mask = opencv().resize(belief[..., DECIDED], size[::-1], interpolation=opencv().INTER_LINEAR)
    return large


def believed_things(belief: Float, settings: ClipSettings = CLIPS) -> Region:
    """The decided regions in which nobody is, bool (h, w)."""
    regions, count = ndimage.label(belief[..., DECIDED] > 0.05, _AROUND)
    held = np.zeros(count + 1, bool)
    held[np.unique(regions[_persons(belief, settings)])] = True
    held[0] = True
    things: Region = ~held[regions]
    return things


def left_out(belief: Float) -> Region:
    """The region in which something is seen that is not the subject and no part of a person, bool (h, w)."""
    out: Region = (belief[..., THING] > 0.5) & (belief[..., DECIDED] < 0.05) & (belief[..., KIND] <= 0.5)
    return out


def reach_of(mask: Mask, settings: ClipSettings = CLIPS) -> Bytes:
    """A mask made wider by `ClipSettings.reach`: what a subject can reach; uint8 (h, w), 0 or 1."""
    extent = 2 * round(settings.reach * max(mask.shape)) + 1
    wider: Bytes = opencv().dilate((mask > 0.5).view(np.uint8), np.ones((extent, extent), np.uint8))
    return wider


def _reduced(seen: Seen, settings: ClipSettings) -> Float:
    """A look as a belief, of which nothing is decided yet."""
    segmented = np.zeros_like(seen.masks[..., 0]) if seen.people is None else seen.people
    masks = _resized(opencv().merge([seen.masks, segmented]), settings)
    kind, nothing = np.full(masks.shape[:2], 0.5, np.float32), np.zeros(masks.shape[:2], np.float32)
    belief: Float = opencv().merge([masks, kind, nothing])
    return belief


def _resized(masks: Float, settings: ClipSettings) -> Float:
    """Masks (H, W, C), at most four, at a belief's size."""
    height, width = masks.shape[:2]
    scale = min(1.0, settings.evidence_side / max(height, width))
    return shrink(masks, max(1, round(height * scale)), max(1, round(width * scale)))


def segmenter_share(share: float) -> float:
    """The person segmenter's share of a clip's mask: a half for small subjects, all of it for large ones.

    It knows large people better; small ones it overlooks.

    Args:
        share: of the picture's area that the subject covers, [0, 1].
    """
    return 0.5 + 0.5 * largeness(share)


def _joined(belief: Float, mask: Mask, area: float) -> Mask:
    """The mean of both networks' masks where both see a region, as for photos.

    What people hold, which the segmenter may not know, is the subject network's.

    Args:
        belief: float32 (h, w, 5), [0, 1].
        mask: one of the subject network's masks in it.
        area: of the people, or of the subject where nobody is, as a share of the picture's.
    """
    segmented = belief[..., SEGMENTED]
    regions, count = ndimage.label(mask >= SUBJECT.floor, _AROUND)
    both = np.zeros(count + 1, bool)
    both[np.unique(regions[segmented >= SUBJECT.sure])] = True
    held = (belief[..., THING] - belief[..., PEOPLE] > 0.5) & (segmented < 0.5)
    share = np.float32(segmenter_share(area))
    joined: Mask = np.where(both[regions] & ~held, mask + share * (segmented - mask), mask)
    return joined


def _persons(belief: Float, settings: ClipSettings) -> Region:
    """The region of the people that are believed in, bool (h, w)."""
    persons: Region = (belief[..., PEOPLE] > settings.believed[0]) & (belief[..., KIND] > 0.5)
    return persons


def _with_people(mask: Mask, person: Region, kind: Float, settings: ClipSettings) -> tuple[Mask, Float]:
    """The mask with people and what they hold alone, and the kinds, where what is not held is no person."""
    touching = opencv().dilate((mask > 0.05).view(np.uint8), np.ones((7, 7), np.uint8))
    regions, count = ndimage.label(touching, _AROUND)
    people_area = np.bincount(regions[person], minlength=count + 1)
    people_area[0] = 0
    rest = (mask > 0.05) & ~person
    parts, part_count = ndimage.label(_opened(rest))
    area = np.bincount(parts.ravel(), minlength=part_count + 1)
    home = np.zeros(part_count + 1, np.intp)
    home[parts[parts > 0]] = regions[parts > 0]
    foreign = area > settings.holdable * people_area[home]
    before = np.bincount(parts[kind < 0.5 - _SURE], minlength=part_count + 1) > 0.5 * area
    foreign |= before & (area > settings.mixed * people_area[home])
    foreign[0] = False
    away = foreign[parts] | ((regions > 0) & (people_area[regions] == 0))
    grown = opencv().dilate(away.view(np.uint8), np.ones((7, 7), np.uint8)).astype(bool) & ~person
    kept: Mask = np.where(away | (grown & rest), np.float32(0), mask)
    foreign &= people_area[home] > 0  # what stands apart is looked at, and may be somebody yet
    return kept, np.where(foreign[parts], np.float32(0), kind)


def _opened(region: Region) -> Region:
    """The parts of a region, bool (h, w), that hold whole squares of 5 × 5 pixels, cut off by the border."""
    cv2 = opencv()
    square = np.ones((5, 5), np.uint8)
    edge = {"borderType": cv2.BORDER_CONSTANT, "borderValue": 0}
    opened: Region = cv2.dilate(cv2.erode(region.view(np.uint8), square, **edge), square, **edge).view(bool)
    return opened


def _reachable(subject: Mask, settings: ClipSettings) -> Region:
    """The region in which new parts of a subject may appear, near it and near the border; bool (h, w)."""
    near: Region = reach_of(subject, settings).astype(bool)
    edge = max(1, round(settings.reach * max(subject.shape)))
    near[:edge] = near[-edge:] = True
    near[:, :edge] = near[:, -edge:] = True
    return near

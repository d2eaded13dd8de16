"""A map of belief in what a clip's subject is, to which looks add and which moves along with the picture.

A look is what the networks see in a frame. One look is not trusted: what is new is believed at once only
where a subject can come from, which is beside one or at the picture's border; elsewhere it has to be seen
again, and what is missed once stays for a while. So whoever enters is there at once, and what is taken for a
subject for a moment is not shown. Things are believed slowly while no person has been seen.

Where there are people the subject is they and what they hold. What both networks call people is; what is no
person, though part of a subject, is held where it is small beside the person, and else stands behind them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from wisp.clips.selection import Selection
from wisp.core.arrays import Bytes, Float, Image, Mask, Region
from wisp.core.errors import InputError
from wisp.core.opencv import opencv, shrink
from wisp.core.settings import CLIPS, SUBJECT, ClipSettings
from wisp.engine.engine import ENGINE, Engine
from wisp.engine.families import Wanted
from wisp.engine.families.guidance import Clicks
from wisp.engine.families.subject import Seen, find_selected, see
from wisp.engine.families.subject_masks import segmenter_share

Places: TypeAlias = npt.NDArray[np.integer[Any]]
"""Numbers of regions, 0 for none, (h, w)."""

PEOPLE, THING, SEGMENTED, DECIDED = range(4)
"""Channels of a belief: people and subject by the subject network, people by the segmenter, what follows."""

FINDER: Final = "subject-mobile-clip"
"""The subject network of clips, whose numbers were chosen with this edition (docs/decisions/036)."""
GLANCE: Final = replace(SUBJECT, side=CLIPS.look_side, people_side=0, small=0.0)
"""How the subject network looks between whole looks: once, at a smaller picture, alone."""

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
    """The belief after a whole look at a clip's first frame, float32 (h, w, 4), [0, 1].

    Args:
        small: the frame, reduced, float32 (H, W, 3), [0, 1]; the belief has at most `evidence_side` pixels.
        wanted: ``auto``, ``people`` or ``anything``.
        things: how far a look at a thing is believed in ``auto`` while nobody has been seen, [0, 1].
        engine: what runs the networks.
        settings: how looks are believed.
    """
    belief = _reduced(see(small, model=FINDER, engine=engine), settings)
    if wanted == "auto" and not people_in(belief):
        belief *= np.float32(things)
    return decided(belief, wanted, settings=settings)


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
        belief: before, moved along to the frame, float32 (h, w, 4), [0, 1].
        wanted: as in `begin`.
        whole: whether both networks look, as at a photo; else the subject network glances at a smaller
            picture, and both look if something new is there.
        things: as in `begin`.
        engine: what runs the networks.
        settings: how looks are believed.
    """
    seen = _reduced(see(small, model=FINDER, engine=engine, settings=SUBJECT if whole else GLANCE), settings)
    if belief.shape != seen.shape:
        return begin(small, wanted, things, engine, settings)
    if not whole:
        new = (seen[..., THING] > 0.5) & (belief[..., THING] < settings.believed[0])
        if new.mean() > settings.fresh:
            return look_again(
                small, belief, wanted, whole=True, things=things, engine=engine, settings=settings
            )
        seen = np.maximum(seen, belief)  # a glance adds to what is believed and takes nothing away
    after = updated(belief, seen, wanted, things, settings)
    return decided(after, wanted, left_out(belief), settings)


def updated(
    belief: Float,
    seen: Float,
    wanted: Wanted,
    things: float = CLIPS.thing,
    settings: ClipSettings = CLIPS,
) -> Float:
    """A belief with a look added to it, float32 (h, w, 4).

    Args:
        belief: before, moved along to the frame, float32 (h, w, 4), [0, 1].
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
    gain = np.where(seen > belief, rise[..., None], np.float32(settings.depart))
    for channel in (PEOPLE, SEGMENTED):  # what is known already is judged by many looks
        rises = seen[..., channel] > belief[..., channel]
        gain[..., channel] = np.where(
            new,
            gain[..., channel],
            np.where(rises, np.float32(settings.judge_up), np.float32(settings.judge)),
        )
    rising = (belief[..., DECIDED] > 0.5) & (seen[..., PEOPLE] > belief[..., PEOPLE])
    gain[..., PEOPLE][rising & ~new] = 1  # whoever is followed is sooner believed than doubted
    after: Float = belief + gain * (seen - belief)
    after[..., DECIDED] = belief[..., DECIDED]
    return after


def decided(
    belief: Float, wanted: Wanted, away: Region | None = None, settings: ClipSettings = CLIPS
) -> Float:
    """A belief whose last channel is the mask that follows from the others, float32 (h, w, 4).

    Args:
        belief: float32 (h, w, 4), [0, 1]; its last channel is what was decided before.
        wanted: as in `begin`.
        away: what was left out before, bool (h, w), see `left_out`; None for nothing.
        settings: what makes a person.
    """
    away = np.zeros(belief.shape[:2], bool) if away is None else away
    low, high = settings.believed
    mask = belief[..., PEOPLE if wanted == "people" else THING]
    person = _persons(belief, away, settings)
    area = float((person if person.any() else mask > 0.5).mean())
    found = ((_joined(belief, mask, area) - low) / (high - low)).clip(0, 1)
    if wanted != "anything" and person.any():
        found = _with_people(found, person, away, settings)
    elif wanted == "people":
        found = np.zeros_like(found)
    return np.dstack([belief[..., :DECIDED], found])


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
    mask[near.slices] = find_selected(small[near.slices], guidance.within(near), model=FINDER, engine=engine)
    if guidance.before is not None:
        mask *= opencv().dilate(guidance.before, np.ones((9, 9), np.uint8))
    if not (mask > 0.5).any():
        raise InputError("selection", "holds nothing that could be a subject", "another place is accepted")
    mask *= _nearer(guidance.inside, guidance.outside, mask.shape)
    masks = see(small, model=FINDER, engine=engine, settings=ONCE).masks
    people = np.minimum(masks[..., PEOPLE], mask)
    subject = np.maximum(masks[..., THING], mask)
    return _resized(np.dstack([people, subject, people, mask]), settings)


def follow(small: Image, belief: Float, engine: Engine = ENGINE, settings: ClipSettings = CLIPS) -> Float:
    """The belief after a further look at whom was selected.

    What is seen is theirs where it is nearer to where they were than to anybody else: both are moved along
    with the picture, so that those who touch stay apart. Who comes out from behind them becomes theirs.

    Args:
        small: the frame, reduced, float32 (H, W, 3), [0, 1].
        belief: before, moved along, float32 (h, w, 4), [0, 1].
        engine: what runs the network.
        settings: how looks are believed.
    """
    seen = _resized(see(small, model=FINDER, engine=engine, settings=ONCE).masks[..., THING], settings)
    mine, subject = belief[..., DECIDED], belief[..., THING]
    if seen.shape != mine.shape or not (mine > 0.5).any():
        return np.dstack([belief[..., :3], np.zeros_like(mine)])
    distances = [_distance(place) for place in (mine > 0.5, left_out(belief))]
    near = (distances[0] <= distances[1]) & (distances[0] < settings.reach * max(mine.shape))
    theirs = np.where(near, seen, np.float32(0))
    after = mine + np.where(theirs > mine, np.float32(1), np.float32(settings.depart)) * (theirs - mine)
    person = belief[..., PEOPLE][mine > 0.5].mean() > 0.5
    people = after if person else np.zeros_like(after)
    subject = subject + np.where(seen > subject, np.float32(1), np.float32(settings.depart)) * (
        seen - subject
    )
    return np.dstack([people, np.maximum(subject, after), people, after])


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
    """True where a belief or a look, float32 (h, w, 4), holds people, by `ClipSettings.person`."""
    return bool(_persons(belief, np.zeros(belief.shape[:2], bool), settings).any())


def believed_subject(belief: Float, size: tuple[int, int]) -> Mask:
    """The mask that was decided on, at a size (height, width): float32, [0, 1]."""
    large: Mask = opencv().resize(belief[..., DECIDED], size[::-1], interpolation=opencv().INTER_LINEAR)
    return large


def believed_things(belief: Float, settings: ClipSettings = CLIPS) -> Region:
    """The decided regions in which nobody is, bool (h, w)."""
    regions, count = ndimage.label(belief[..., DECIDED] > 0.05, _AROUND)
    held = np.zeros(count + 1, bool)
    held[np.unique(regions[_persons(belief, np.zeros(regions.shape, bool), settings)])] = True
    held[0] = True
    things: Region = ~held[regions]
    return things


def left_out(belief: Float) -> Region:
    """The region in which something is seen that is not the subject, bool (h, w)."""
    out: Region = (belief[..., THING] > 0.5) & (belief[..., DECIDED] < 0.05)
    return out


def reach_of(mask: Mask, settings: ClipSettings = CLIPS) -> Bytes:
    """A mask made wider by `ClipSettings.reach`: what a subject can reach; uint8 (h, w), 0 or 1."""
    extent = 2 * round(settings.reach * max(mask.shape)) + 1
    wider: Bytes = opencv().dilate((mask > 0.5).view(np.uint8), np.ones((extent, extent), np.uint8))
    return wider


def _reduced(seen: Seen, settings: ClipSettings) -> Float:
    """A look as a belief, of which nothing is decided yet."""
    segmented = np.zeros_like(seen.masks[..., 0]) if seen.people is None else seen.people
    return _resized(np.dstack([seen.masks, segmented, np.zeros_like(segmented)]), settings)


def _resized(masks: Float, settings: ClipSettings) -> Float:
    """Masks (H, W, C) at a belief's size."""
    height, width = masks.shape[:2]
    scale = min(1.0, settings.evidence_side / max(height, width))
    return shrink(masks, max(1, round(height * scale)), max(1, round(width * scale)))


def _joined(belief: Float, mask: Mask, area: float) -> Mask:
    """The mean of both networks' masks where both see a region, as for photos.

    What people hold, which the segmenter may not know, is the subject network's.

    Args:
        belief: float32 (h, w, 4), [0, 1].
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


def _persons(belief: Float, away: Region, settings: ClipSettings) -> Region:
    """The region of the people that are believed in, bool (h, w).

    A region of people is believed where four fifths of its inside are surely people, a large one where the
    segmenter sees people, too; less is enough for what was decided on before, without the segmenter. Where no
    region is so sure the surest is taken. What was left out before is judged by itself as well, though it
    touches them now.
    """
    likely = belief[..., PEOPLE] > 0.5
    whole, parts, others = (ndimage.label(x, _AROUND)[0] for x in (likely, likely & ~away, likely & away))
    sure_whole, sure_parts, sure_others = (_sureness(belief, x, settings) for x in (whole, parts, others))
    surest = float(max(x.max() for x in (sure_whole, sure_parts, sure_others)))
    least = settings.person if surest >= settings.person else max(settings.doubtful_person, surest - 0.05)
    accepted = (sure_whole >= least)[whole] | (sure_parts >= least)[parts]
    persons: Region = (accepted & ~away & likely) | ((sure_others >= least)[others] & (others > 0))
    return persons


def _sureness(belief: Float, regions: Places, settings: ClipSettings) -> Float:
    """How surely each region is people, (count + 1,): 0 for what the segmenter should see and does not."""
    people = belief[..., PEOPLE]
    sure = np.zeros(int(regions.max()) + 1, np.float32)
    for number, slices in enumerate(ndimage.find_objects(regions), 1):
        part = regions[slices] == number
        inside = ndimage.binary_erosion(part)
        inside = inside if np.count_nonzero(inside) > 30 else part
        known = belief[..., DECIDED][slices][part].mean() > 0.5
        large = np.count_nonzero(part) > settings.overlooked * people.size
        seen = belief[..., SEGMENTED][slices][part].mean() >= settings.segmented
        if known or seen or not large:
            sure[number] = np.quantile(people[slices][inside], 0.2) + settings.known * float(known)
    return sure


def _with_people(mask: Mask, person: Region, away: Region, settings: ClipSettings) -> Mask:
    """The mask with people and what they hold alone, which was not left out before."""
    touching = opencv().dilate((mask > 0.05).view(np.uint8), np.ones((7, 7), np.uint8))
    regions, count = ndimage.label(touching, _AROUND)
    people_area = np.bincount(regions[person], minlength=count + 1)
    people_area[0] = 0
    rest = (mask > 0.05) & ~person
    parts, part_count = ndimage.label(ndimage.binary_opening(rest, np.ones((5, 5), bool)))
    area = np.bincount(parts.ravel(), minlength=part_count + 1)
    home = np.zeros(part_count + 1, np.intp)
    home[parts[parts > 0]] = regions[parts > 0]
    foreign = area > settings.holdable * people_area[home]
    before = np.bincount(parts[away], minlength=part_count + 1) > 0.5 * area
    foreign |= before & (area > settings.limb * people_area[home])
    foreign[0] = False
    away = foreign[parts] | ((regions > 0) & (people_area[regions] == 0))
    grown = opencv().dilate(away.view(np.uint8), np.ones((7, 7), np.uint8)).astype(bool) & ~person
    kept: Mask = np.where(away | (grown & rest), np.float32(0), mask)
    return kept


def _reachable(subject: Mask, settings: ClipSettings) -> Region:
    """The region in which new parts of a subject may appear, near it and near the border; bool (h, w)."""
    near: Region = reach_of(subject, settings).astype(bool)
    edge = max(1, round(settings.reach * max(subject.shape)))
    near[:edge] = near[-edge:] = True
    near[:, :edge] = near[:, -edge:] = True
    return near

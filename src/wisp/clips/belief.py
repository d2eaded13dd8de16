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

import numpy as np
from scipy import ndimage

from wisp.clips.belief_maps import (
    AROUND,
    SURE,
    SubjectMaps,
    people_in,
    persons_in,
    reach_of,
    reduced,
)
from wisp.clips.kinds import GLANCE, classify_regions
from wisp.core.arrays import Float, Image, Mask, Region
from wisp.core.opencv import opencv
from wisp.core.settings import CLIPS, SUBJECT
from wisp.engine.engine import ENGINE, Engine
from wisp.engine.families import Wanted
from wisp.engine.families.subject import Seen, see
from wisp.engine.families.subject_masks import largeness


def begin(
    small: Image,
    wanted: Wanted,
    things: float = CLIPS.thing,
    engine: Engine = ENGINE,
) -> SubjectMaps:
    """The belief after a whole look at a clip's first frame.

    Args:
        small: the frame, reduced, float32 (H, W, 3), [0, 1]; of the belief's longer side see
            `ClipSettings.evidence_side`.
        wanted: ``auto``, ``people`` or ``anything``.
        things: how far a look at a thing is believed in ``auto`` while nobody has been seen, [0, 1].
        engine: what runs the networks.
    """
    look = _look(see(small, engine=engine))
    look = classify_regions(small, look, look.is_person, engine)
    if wanted == "auto" and not people_in(look):
        look = look.faded(np.float32(things))
    return decide_mask(look, wanted)


def look_again(
    small: Image,
    belief: SubjectMaps,
    wanted: Wanted,
    *,
    whole: bool,
    things: float = CLIPS.thing,
    engine: Engine = ENGINE,
) -> SubjectMaps:
    """The belief after a further look.

    Args:
        small: the frame, reduced, float32 (H, W, 3), [0, 1].
        belief: before, moved along to the frame.
        wanted: as in `begin`.
        whole: whether both networks look, as at a photo; else the subject network glances at a smaller
            picture, and both look if something new is there.
        things: as in `begin`.
        engine: what runs the networks.
    """
    look = _look(see(small, engine=engine, settings=SUBJECT if whole else GLANCE))
    if belief.size != look.size:
        return begin(small, wanted, things, engine)
    if not whole:
        new = (look.subject > 0.5) & (belief.subject < CLIPS.believed[0])
        if new.mean() > CLIPS.fresh:
            return look_again(small, belief, wanted, whole=True, things=things, engine=engine)
        # A glance adds to what is believed and takes nothing away.
        look = SubjectMaps(*map(np.maximum, look, belief))
    look = classify_regions(small, look, belief.is_person, engine, alone=whole)
    return decide_mask(add_look(belief, look, wanted, things), wanted)


def add_look(
    belief: SubjectMaps, look: SubjectMaps, wanted: Wanted, things: float = CLIPS.thing
) -> SubjectMaps:
    """A belief with a look added to it; its mask is still that of before.

    Args:
        belief: before, moved along to the frame.
        look: with the kinds of its regions.
        wanted: as in `begin`.
        things: as in `begin`.
    """
    new = belief.subject < CLIPS.believed[0]
    if wanted == "auto" and not people_in(belief) and not people_in(look):
        rise = np.where(new, np.float32(things), np.float32(1))
    else:
        near = _reachable(belief.mask)
        if not belief.mask.any():  # nobody is there yet: whoever is seen is somebody
            near[:] = True
        rise = np.where(new & ~near, np.float32(CLIPS.arrive), np.float32(1))

    def nearer(before: Mask, seen: Mask) -> Mask:
        gain = np.where(seen > before, rise, np.float32(CLIPS.depart))
        return np.asarray(before + gain * (seen - before), np.float32)

    people, subject, segmented = map(nearer, belief[:3], look[:3])
    return SubjectMaps(people, subject, segmented, look.is_person, belief.mask)


def decide_mask(belief: SubjectMaps, wanted: Wanted) -> SubjectMaps:
    """A belief whose mask follows from its other maps, and where what is not held is known to be no person.

    Args:
        belief: whatever its mask is.
        wanted: as in `begin`.
    """
    low, high = CLIPS.believed
    mask = belief.people if wanted == "people" else belief.subject
    person = persons_in(belief)
    area = float((person if person.any() else mask > 0.5).mean())
    found = ((_joined(belief, mask, area) - low) / (high - low)).clip(0, 1)
    is_person = belief.is_person
    if wanted != "anything" and person.any():
        found, is_person = _with_people(found, person, is_person)
    elif wanted == "people":
        found = np.zeros_like(found)
    return belief._replace(is_person=is_person, mask=found)


def _look(seen: Seen) -> SubjectMaps:
    """The maps of what is seen, at a belief's size; nothing is decided yet."""
    segmented = np.zeros_like(seen.masks[..., 0]) if seen.people is None else seen.people
    masks = reduced(opencv().merge([seen.masks, segmented]))
    people, subject, segmented = opencv().split(masks)
    return SubjectMaps(people, subject, segmented, np.full_like(people, 0.5), np.zeros_like(people))


def segmenter_share(share: float) -> float:
    """The person segmenter's share of a clip's mask: a half for small subjects, all of it for large ones.

    It knows large people better; small ones it overlooks.

    Args:
        share: of the picture's area that the subject covers, [0, 1].
    """
    return 0.5 + 0.5 * largeness(share)


def _joined(belief: SubjectMaps, mask: Mask, area: float) -> Mask:
    """The mean of both networks' masks where both see a region, as for photos.

    What people hold, which the segmenter may not know, is the subject network's.

    Args:
        belief: with the segmenter's people.
        mask: one of the subject network's masks in it.
        area: of the people, or of the subject where nobody is, as a share of the picture's.
    """
    regions, count = ndimage.label(mask >= SUBJECT.floor, AROUND)
    both = np.zeros(count + 1, bool)
    both[np.unique(regions[belief.segmented >= SUBJECT.sure])] = True
    held = (belief.subject - belief.people > 0.5) & (belief.segmented < 0.5)
    share = np.float32(segmenter_share(area))
    joined: Mask = np.where(both[regions] & ~held, mask + share * (belief.segmented - mask), mask)
    return joined


def _with_people(mask: Mask, person: Region, is_person: Float) -> tuple[Mask, Float]:
    """The mask of people and what they hold alone, and `is_person`, where what is not held is none."""
    touching = opencv().dilate((mask > 0.05).view(np.uint8), np.ones((7, 7), np.uint8))
    regions, count = ndimage.label(touching, AROUND)
    people_area = np.bincount(regions[person], minlength=count + 1)
    people_area[0] = 0
    rest = (mask > 0.05) & ~person
    parts, part_count = ndimage.label(_opened(rest))
    area = np.bincount(parts.ravel(), minlength=part_count + 1)
    home = np.zeros(part_count + 1, np.intp)
    home[parts[parts > 0]] = regions[parts > 0]
    foreign = area > CLIPS.holdable * people_area[home]
    before = np.bincount(parts[is_person < 0.5 - SURE], minlength=part_count + 1) > 0.5 * area
    foreign |= before & (area > CLIPS.mixed * people_area[home])
    foreign[0] = False
    away = foreign[parts] | ((regions > 0) & (people_area[regions] == 0))
    grown = opencv().dilate(away.view(np.uint8), np.ones((7, 7), np.uint8)).astype(bool) & ~person
    kept: Mask = np.where(away | (grown & rest), np.float32(0), mask)
    foreign &= people_area[home] > 0  # what stands apart is looked at, and may be somebody yet
    return kept, np.where(foreign[parts], np.float32(0), is_person)


def _opened(region: Region) -> Region:
    """The parts of a region, bool (h, w), that hold whole squares of 5 × 5 pixels, cut off by the border."""
    cv2 = opencv()
    square = np.ones((5, 5), np.uint8)
    edge = {"borderType": cv2.BORDER_CONSTANT, "borderValue": 0}
    opened: Region = cv2.dilate(cv2.erode(region.view(np.uint8), square, **edge), square, **edge).view(bool)
    return opened


def _reachable(subject: Mask) -> Region:
    """The region in which new parts of a subject may appear, near it and near the border; bool (h, w)."""
    near: Region = reach_of(subject).astype(bool)
    edge = max(1, round(CLIPS.reach * max(subject.shape)))
    near[:edge] = near[-edge:] = True
    near[:, :edge] = near[:, -edge:] = True
    return near

"""Whoever was selected in a clip by clicks or a box, and followed from then on: nobody else is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from wisp.clips.belief_maps import SubjectMaps, distance_to, left_out, reduced
from wisp.clips.selection import Selection
from wisp.core.arrays import Float, Image, Mask
from wisp.core.errors import InputError
from wisp.core.opencv import opencv
from wisp.core.settings import CLIPS, SUBJECT
from wisp.engine.engine import ENGINE, Engine
from wisp.engine.families.guidance import Clicks
from wisp.engine.families.subject import find_selected, see
from wisp.engine.families.subject_masks import PEOPLE_MASK, SUBJECT_MASK

ONCE: Final = replace(SUBJECT, people_side=0, small=0.0)
"""How the subject network looks for whom was selected: once, alone."""


def select(small: Image, selection: Selection, engine: Engine = ENGINE) -> SubjectMaps:
    """The belief after clicks or a box on a frame, whoever else is there: as `begin` gives it.

    Args:
        small: the frame, reduced, float32 (H, W, 3), [0, 1].
        selection: in pixels of the reduced frame.
        engine: what runs the network.

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
    people = np.minimum(masks[..., PEOPLE_MASK], mask)
    subject = np.maximum(masks[..., SUBJECT_MASK], mask)
    people, subject, mask = opencv().split(reduced(np.dstack([people, subject, mask])))
    return SubjectMaps(people, subject, people, _is_person(mask, people), mask)


def follow(small: Image, belief: SubjectMaps, engine: Engine = ENGINE) -> SubjectMaps:
    """The belief after a further look at whom was selected.

    What is seen is theirs where it is nearer to where they were than to anybody else: both are moved along
    with the picture, so that those who touch stay apart. Who comes out from behind them becomes theirs.

    Args:
        small: the frame, reduced, float32 (H, W, 3), [0, 1].
        belief: before, moved along.
        engine: what runs the network.
    """
    seen = reduced(see(small, engine=engine, settings=ONCE).masks[..., SUBJECT_MASK])
    mine, subject = belief.mask, belief.subject
    if seen.shape != mine.shape or not (mine > 0.5).any():
        return belief._replace(mask=np.zeros_like(mine))
    distances = [distance_to(place) for place in (mine > 0.5, left_out(belief))]
    near = (distances[0] <= distances[1]) & (distances[0] < CLIPS.reach * max(mine.shape))
    theirs = np.where(near, seen, np.float32(0))
    gain = np.where(theirs > mine, np.float32(1), np.float32(CLIPS.depart))
    after = np.asarray(mine + gain * (theirs - mine), np.float32)
    person = belief.people[mine > 0.5].mean() > 0.5
    people = after if person else np.zeros_like(after)
    subject = subject + np.where(seen > subject, np.float32(1), np.float32(CLIPS.depart)) * (seen - subject)
    return SubjectMaps(people, np.maximum(subject, after), people, _is_person(after, people), after)


def _is_person(mask: Mask, people: Mask) -> Float:
    """`SubjectMaps.is_person` after a selection: of the selected where they are, else unknown; (H, W)."""
    inside = mask > 0.5
    person = inside.any() and people[inside].mean() > 0.5
    return np.where(inside, np.float32(person), np.float32(0.5))


def _nearer(inside: Clicks, outside: Clicks, shape: tuple[int, ...]) -> Mask:
    """1 where a click inside is nearer than every click outside, else 0, (H, W)."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]

    def least(clicks: Clicks) -> Float:
        far = np.full(shape, np.inf, np.float32)
        for y, x in clicks:
            far = np.minimum(far, np.hypot(rows - y, columns - x))
        return far

    return (least(inside) <= least(outside)).astype(np.float32)

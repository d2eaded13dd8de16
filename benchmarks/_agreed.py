"""Labels for photos that nobody labelled: what several networks say, trusted as far as they agree.

A network learns nothing from its own answers, and a teacher's mistakes become its own. Where networks that
were trained on other photos agree with each other against it, it is likely to be wrong, and those places are
what a photo without a label is worth (docs/decisions/049). Where they contradict each other nothing is
learned.

People and things are told apart before, by whoever collected the photos or by boxes that somebody drew:
networks that know nothing but people take animals for people.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from wisp.core.arrays import Alpha, Float
from wisp.core.regions import Box
from wisp.evaluation.metrics import iou

LEAST_PEOPLE: Final = 0.004
"""Share of the picture, [0, 1], that the people of a photo cover at least."""
LEAST_THING: Final = 0.01
"""Share of the picture, [0, 1], that the thing of a photo covers at least."""
SAME_PEOPLE: Final = 0.35
"""Intersection over union of the teacher's people and the others' mean below which a photo is left out."""
SAME_THING: Final = 0.75
"""Intersection over union of a third network's answer with either of two below which a thing is left out."""
LIKE_EACH_OTHER: Final = 0.85
"""Intersection over union from which two networks need no third."""
OUTVOTED: Final = 0.6
"""Trust where the teacher and one of the others agree against the rest."""
HELD: Final = 0.1
"""Most trust in what the subject network keeps beside people: they may hold, wear or ride it."""
MARGIN: Final = 0.06
"""By how much of its sides a box drawn around a person is widened on each, and three pixels more."""
BOXED: Final = 0.9
"""Trust in there being nobody outside of all boxes."""
FILLED: Final = 0.12
"""Share of a person's box, [0, 1], that alpha fills at least; else that person was missed."""
COARSE: Final = 0.4
"""Most trust in the soft edge of a mean of two coarse masks."""


class Agreed(NamedTuple):
    """A label that networks agree on.

    Attributes:
        alpha: float32 (H, W), [0, 1].
        trust: in each pixel of it, float32 (H, W), [0, 1].
    """

    alpha: Alpha
    trust: Float


def agree_on_people(
    teacher: Alpha, others: Sequence[Alpha], subject: Alpha, persons: Sequence[Box] = ()
) -> Agreed | None:
    """The teacher's alpha of the people in a photo, trusted as far as other networks say the same.

    Args:
        teacher: of the network that finds people best, float32 (H, W), [0, 1].
        others: people by other networks, two or three, each float32 (H, W).
        subject: what a person would cut out by the subject network, people or not, float32 (H, W).
        persons: boxes that somebody drew around every person in the photo, where there are some: nobody is
            elsewhere, and what lies in a box that the teacher leaves empty is not known.

    Returns:
        None where nobody is found, or where the others see nearly all of them elsewhere.
    """
    inside = _inside(persons, teacher.shape)
    if persons:
        teacher = np.where(inside, teacher, np.float32(0))
    mean = np.mean(others, 0)
    if (teacher > 0.5).mean() < LEAST_PEOPLE or iou(teacher, mean) < SAME_PEOPLE:
        return None
    trust: Float = np.clip(1.15 - 1.5 * np.abs(teacher - mean), 0, 1).astype(np.float32)
    seconded = (teacher > 0.5) & (np.sum([other > 0.5 for other in others], 0) >= 1)
    denied = (teacher < 0.3) & (np.sum([other > 0.3 for other in others], 0) <= 1)
    trust = np.where(seconded | denied, np.maximum(trust, np.float32(OUTVOTED)), trust)
    beside = (subject > 0.5) & (teacher < 0.3) & (mean < 0.5)
    trust = np.where(beside, np.minimum(trust, np.float32(HELD)), trust)
    if persons:
        trust = np.where(inside, trust, np.where(subject > 0.5, np.float32(HELD), np.float32(BOXED)))
        for box in persons:
            if (teacher[box.slices] > 0.5).mean() < FILLED:
                trust[box.slices] = 0
    return Agreed(teacher, trust)


def agree_on_thing(first: Alpha, second: Alpha, third: Alpha | None = None) -> Agreed | None:
    """Alpha of the thing in a photo that two networks, or a finer third and one of the two, agree on.

    Args:
        first: a network's answer, float32 (H, W), [0, 1].
        second: another's.
        third: that of a network with a finer edge, where the two are not `like_each_other`.

    Returns:
        None where nothing is found, or the third agrees with neither.
    """
    if third is None:
        alpha: Alpha = np.float32(0.5) * (first + second)
        trust: Float = np.clip(1.1 - 1.3 * np.abs(first - second), 0, 1).astype(np.float32)
        trust = np.where((alpha > 0.1) & (alpha < 0.9), np.minimum(trust, np.float32(COARSE)), trust)
    else:
        alpha = third
        if max(iou(third, first), iou(third, second)) < SAME_THING:
            return None
        apart = np.minimum(np.abs(third - first), np.abs(third - second))
        trust = np.clip(1.1 - 1.5 * apart, 0, 1).astype(np.float32)
    if (alpha > 0.5).mean() < LEAST_THING:
        return None
    return Agreed(alpha, trust)


def like_each_other(first: Alpha, second: Alpha) -> bool:
    """True where two answers for a thing are so much alike that no third is asked."""
    return iou(first, second) >= LIKE_EACH_OTHER


def _inside(boxes: Sequence[Box], shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    inside = np.zeros(shape, bool)
    for box in boxes:
        down, across = (MARGIN * length + 3 for length in (box.bottom - box.top, box.right - box.left))
        inside[
            max(0, round(box.top - down)) : round(box.bottom + down),
            max(0, round(box.left - across)) : round(box.right + across),
        ] = True
    return inside

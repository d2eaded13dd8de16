"""What a person would cut out of a photo: the subject network's masks, looked at as closely as they need.

The network sees the whole photo at `SubjectSettings.side` pixels. Where all that it finds lies in a small
part of the photo it looks again at that part alone, and a photo much longer than wide is seen in overlapping
views: what counts is pixels on the subject. Each further look replaces the mask where it looked.

Where it finds people, the person segmenter looks too, at `SubjectSettings.people_side` pixels, and a mean of
both masks counts: they err in different places (docs/decisions/032). Of a large subject the network's part in
that mean is what two of its masks and the segmenter's say (docs/decisions/040). Of several regions each is
shown to the network alone, since beside people it takes animals and things for people, too
(docs/decisions/037).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple, get_args

import numpy as np
from scipy import ndimage

from wisp.core.arrays import Float, Image, Mask, check_image
from wisp.core.errors import InputError
from wisp.core.regions import Box, bounding_box, keep_regions, label_regions
from wisp.core.resample import resize
from wisp.core.settings import SUBJECT, SubjectSettings
from wisp.engine.engine import ENGINE, Engine
from wisp.engine.families import Wanted
from wisp.engine.families.guidance import NOTHING_SAID, Guidance, keep_touched_regions
from wisp.engine.families.segmenter import segment
from wisp.engine.families.subject_masks import (
    PEOPLE_MASK,
    SUBJECT_MASK,
    enlarge_to_surroundings,
    join_where_both_see,
    keep_with_people,
    largeness,
    overlapping_views,
    put_back,
    surroundings_of,
    weights_of_view,
)
from wisp.engine.models import Model, find_model
from wisp.engine.sessions import Session, check_ports

DOUBTFUL: Final = 0.95
"""Presence, [0, 1], below which what was found is told to be in doubt."""
LIKELY: Final = 0.5
"""Presence of people, [0, 1], from which somebody is likelier there than not."""
FOUND_ALONE: Final = 0.5
"""Of several regions those are people of whose people more than half is found again when they are shown
alone: of people of half a 0.87 and more is, of others 0.35 at most (docs/decisions/037)."""
TINY: Final = 0.02
"""Share of the photo's area, [0, 1], below which a subject is told to be small."""


@dataclass(frozen=True)
class Finding:
    """A mask of what was found in a photo, with how sure that is and of which kind.

    Attributes:
        mask: soft mask of what is to be cut out, float32 (H, W), [0, 1].
        people: soft mask of people alone, float32 (H, W), [0, 1].
        presence: how sure the network is that there is a subject, [0, 1].
        people_presence: how sure it is that there are people, [0, 1].
        count: separate regions of the mask.
        share: of the photo's area that the mask covers, [0, 1].
        cut: whether the photo's border cuts it.
        looks: how often the network looked.
    """

    mask: Mask
    people: Mask
    presence: float
    people_presence: float
    count: int
    share: float
    cut: bool
    looks: int

    @property
    def kind(self) -> Literal["nothing", "people", "something else"]:
        """Kind of subject: ``nothing``, ``people`` or ``something else``."""
        if not self.count:
            return "nothing"
        return "people" if self.people_presence >= LIKELY else "something else"

    @property
    def doubtful(self) -> bool:
        """True where something was found with a presence below `DOUBTFUL`."""
        return bool(self.count) and self.presence < DOUBTFUL

    def describe(self) -> str:
        """A short sentence without a full stop: what was found, how often, how sure, whether it is cut."""
        if not self.count:
            return f"no subject was found ({self.presence:.0%} sure of one)"
        told = [f"found {self.kind}"]
        if self.count > 1:
            told.append(f"in {self.count} places")
        if self.share < TINY:
            told.append(f"small ({self.share:.1%} of the photo)")
        if self.cut:
            told.append("cut by the frame")
        told.append(
            f"in doubt: only {self.presence:.0%} sure" if self.doubtful else f"{self.presence:.0%} sure"
        )
        return ", ".join(told)


def find_subject(
    image: Image,
    *,
    wanted: Wanted = "auto",
    model: str | Path | None = None,
    engine: Engine = ENGINE,
    settings: SubjectSettings = SUBJECT,
) -> Finding:
    """Soft masks of the subject and of the people in a photo, and what is known of them.

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1], of any size.
        wanted: ``auto``: what a person would cut out, which is people, where there are any, with what they
            hold and wear; ``people``: people alone; ``anything``: all that could be a subject.
        model: the name of a subject network or an ONNX file, or of a segmenter, whose mask counts as people;
            None for the default.
        engine: what to run it on.
        settings: tuned numbers.

    Returns:
        Masks of the photo's size; they are 0 everywhere where nothing is found.

    Raises:
        InputError: an array of the wrong kind, no such word, network, device or precision, or a file that is
            no subject network.
    """
    check_image(image)
    if wanted not in get_args(Wanted):
        raise InputError("subject", f"is {wanted}", f"{', '.join(get_args(Wanted))} are accepted")
    row = find_model(model, "subject")
    session = engine.session_of(row)
    if "guidance" not in {port.name for port in session.inputs}:
        return _by_segmenter(segment(image, model=model, engine=engine))
    chosen = PEOPLE_MASK if wanted == "people" else SUBJECT_MASK
    masks, presence, seen, looks = see(image, chosen=chosen, model=model, engine=engine, settings=settings)
    if seen is not None:
        share = float((masks[..., SUBJECT_MASK] > 0.5).mean())
        masks = join_where_both_see(masks, seen, largeness(share, settings), settings)
    mask, people = masks[..., chosen], masks[..., PEOPLE_MASK]
    if not is_present(presence, chosen, settings):
        mask = np.zeros_like(mask)
    mask, count = keep_regions(mask, mask >= settings.sure, settings.floor)
    if wanted != "anything" and is_present(presence, PEOPLE_MASK, settings):
        if wanted == "auto":
            mask, count = keep_with_people(mask, people, settings)
        if count > 1:
            alone = _people_alone(image, mask, people, session, row, settings)
            mask, dropped = _without_mistaken(mask, alone, settings)
            count, looks = count - dropped, looks + len(alone)
    sure, sure_of_people = float(presence[chosen]), float(presence[PEOPLE_MASK])
    return _finding(mask, people, sure, sure_of_people, count, looks)


def _people_alone(
    image: Image, mask: Mask, people: Mask, session: Session, row: Model, settings: SubjectSettings
) -> dict[int, float]:
    """By a region's number, the share of its people who are found again when it is shown alone.

    Beside people the network takes animals and things for people, too; alone it does not. What somebody
    rides or holds does not count, as it is no people either way. Regions much smaller than the largest one
    are left out: they may be limbs.
    """
    regions = label_regions(mask, settings.floor)
    areas = np.bincount(regions[mask > 0.5], minlength=int(regions.max()) + 1)
    areas[0] = 0
    found = {}
    for number, (rows, columns) in enumerate(ndimage.find_objects(regions), 1):
        if areas[number] < settings.limb * areas.max():
            continue
        box = Box(rows.start, columns.start, rows.stop, columns.stop)
        near = surroundings_of(box, mask.shape, settings)
        masks, _ = _look(session, row, image[near.slices], settings)
        inside = (regions[near.slices] == number) & (people[near.slices] > 0.5)
        found[number] = float(masks[inside][:, PEOPLE_MASK].mean()) if inside.any() else 1.0
    return found


def _without_mistaken(mask: Mask, alone: dict[int, float], settings: SubjectSettings) -> tuple[Mask, int]:
    """The mask without regions that are no people when they are shown alone, and how many those are.

    All of them stay where none is people.
    """
    mistaken = [number for number, share in alone.items() if share < FOUND_ALONE]
    if len(mistaken) == len(alone):
        return mask, 0
    dropped = np.isin(label_regions(mask, settings.floor), mistaken)
    return np.where(dropped, np.float32(0), mask), len(mistaken)


class Seen(NamedTuple):
    """The masks of both networks of a picture.

    Attributes:
        masks: the subject network's, of people and of the subject, float32 (H, W, 2), [0, 1].
        presence: how sure it is of each, (2,).
        people: the person segmenter's mask, float32 (H, W), [0, 1]; None where it was not asked.
        looks: how often they looked.
    """

    masks: Float
    presence: Float
    people: Mask | None
    looks: int


def see(
    image: Image,
    *,
    chosen: int = SUBJECT_MASK,
    model: str | Path | None = None,
    engine: Engine = ENGINE,
    settings: SubjectSettings = SUBJECT,
) -> Seen:
    """The masks of a picture, before anything is decided.

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1], of any size.
        chosen: `PEOPLE_MASK` or `SUBJECT_MASK`: the mask that a second look is for.
        model: as in `find_subject`; the segmenter is asked beside wisp's own alone.
        engine: what to run the networks on.
        settings: sizes, and when to look again.

    Raises:
        InputError: no such network, device or precision, or a file that is no subject network.
    """
    row = find_model(model, "subject")
    session = engine.session_of(row)
    views = overlapping_views(image.shape[:2], settings.wide)
    masks, presence = _look_at_views(session, row, image, views, settings)
    looks = len(views)
    box = bounding_box(masks[..., chosen] > 0.5)
    if len(views) == 1 and box is not None and is_present(presence, chosen, settings):
        near = enlarge_to_surroundings(box, image.shape[:2], settings)
        if near is not None:
            closer, _ = _look(session, row, image[near.slices], settings)  # presence is the whole photo's
            masks = put_back(masks, closer, near)
            looks += 1
    people = None
    if row.shipped and settings.people_side and is_present(presence, PEOPLE_MASK, settings):
        segmenter = find_model(None, "segmenter")
        side = min(settings.people_side, max(settings.side, *image.shape[:2]))  # no more than is there
        people = _segmented(image, engine.session_of(segmenter), segmenter, side)
        looks += 1
    return Seen(masks, presence, people, looks)


def is_present(presence: Float, chosen: int, settings: SubjectSettings = SUBJECT) -> bool:
    """True where people, or the subject, are believed to be in the photo.

    Args:
        presence: float32 (2,), [0, 1], of people and of a subject.
        chosen: `PEOPLE_MASK` or `SUBJECT_MASK`.
        settings: `present` is the least of a subject's; of people's it is `LIKELY`.
    """
    return bool(presence[chosen] >= (LIKELY if chosen == PEOPLE_MASK else settings.present))


def _finding(
    mask: Mask, people: Mask, presence: float, people_presence: float, count: int, looks: int
) -> Finding:
    inside = mask > 0.5
    rim = (inside[0], inside[-1], inside[:, 0], inside[:, -1])
    cut = any(bool(line.any()) for line in rim)
    return Finding(mask, people, presence, people_presence, count, float(inside.mean()), cut, looks)


def _by_segmenter(mask: Mask) -> Finding:
    """Make a finding of the mask of people alone; its surest pixel stands for presence."""
    count = int(label_regions(mask, SUBJECT.floor).max())
    surest = float(mask.max())
    return _finding(mask, mask, surest, surest, count, 1)


def find_selected(
    image: Image,
    guidance: Guidance,
    *,
    model: str | Path | None = None,
    engine: Engine = ENGINE,
    settings: SubjectSettings = SUBJECT,
) -> Mask:
    """A soft mask of what clicks and the mask before select, whatever else could be a subject.

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1], of any size.
        guidance: at least a click inside or a mask.
        model: a subject network, as in `find_subject`.
        engine: what to run the network on.
        settings: a selection in a small part of the picture is looked at again there.

    Returns:
        float32 (H, W), [0, 1]; 0 where the regions that clicks or mask touch are not.

    Raises:
        InputError: an array of the wrong kind, or a network, device or precision that is not here.
    """
    check_image(image)
    row = find_model(model, "subject")
    session = engine.session_of(row)
    masks, _ = _look(session, row, image, settings, guidance)
    mask = keep_touched_regions(masks[..., SUBJECT_MASK], guidance, settings)
    box = bounding_box(mask > 0.5)
    near = None if box is None else enlarge_to_surroundings(box, image.shape[:2], settings)
    if near is not None:
        closer, _ = _look(session, row, image[near.slices], settings, guidance.within(near))
        mask = keep_touched_regions(put_back(masks, closer, near)[..., SUBJECT_MASK], guidance, settings)
    return mask


def _look_at_views(
    session: Session, row: Model, image: Image, views: list[Box], settings: SubjectSettings
) -> tuple[Float, Float]:
    """Masks (H, W, 2), where views overlap a mean that favours each one's middle, and presence (2,)."""
    if len(views) == 1:
        return _look(session, row, image, settings)
    total = np.zeros((*image.shape[:2], 2), np.float32)
    weights = np.zeros((*image.shape[:2], 1), np.float32)
    presence = np.zeros(2, np.float32)
    for view in views:
        masks, there = _look(session, row, image[view.slices], settings)
        weight = weights_of_view(masks.shape[:2], axis=int(image.shape[1] > image.shape[0]))
        total[view.slices] += masks * weight
        weights[view.slices] += weight
        presence = np.maximum(presence, there)
    total /= weights
    return total, presence


def _look(
    session: Session,
    row: Model,
    image: Image,
    settings: SubjectSettings,
    guidance: Guidance = NOTHING_SAID,
) -> tuple[Float, Float]:
    """Masks (H, W, 2) and presence (2,) of a picture, seen at ``side`` pixels."""
    height, width = image.shape[:2]
    seen = _shrink_to_batch(image, settings.side, row.multiple)
    wrong = InputError(
        row.file,
        "is no subject network",
        "an ONNX file with the inputs image and guidance (N, 3, H, W) and the outputs masks (N, 2, H, W) and "
        "presence (N, 2) is accepted",
    )
    check_ports(session, {"image": 3, "guidance": 3}, {"masks": 2}, wrong)
    if "presence" not in {port.name for port in session.outputs}:
        raise wrong
    drawn = guidance.drawn((seen.shape[2], seen.shape[3]), (height, width))
    answer = session.run({"image": seen, "guidance": drawn})
    masks, presence = answer["masks"], answer["presence"]
    if masks.shape != (1, 2, *seen.shape[2:]) or presence.shape != (1, 2):
        raise wrong
    return resize(np.ascontiguousarray(masks[0].transpose(1, 2, 0)), height, width).clip(0, 1), presence[0]


def _segmented(image: Image, session: Session, row: Model, side: int) -> Mask:
    """The person segmenter's mask, (H, W), of a picture seen at `side` pixels."""
    mask = session.run({"image": _shrink_to_batch(image, side, row.multiple)})["mask"][0, 0]
    return resize(mask, *image.shape[:2]).clip(0, 1)


def _shrink_to_batch(image: Image, side: int, multiple: int) -> Float:
    """The picture with a longer side of about `side` pixels, (1, 3, h, w), both sides multiples."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = [max(multiple, round(length * scale / multiple) * multiple) for length in (height, width)]
    return np.ascontiguousarray(resize(image, size[0], size[1]).transpose(2, 0, 1)[None])

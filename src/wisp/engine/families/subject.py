"""What a person would cut out of a photo: the subject network's masks, looked at as closely as they need.

The network sees the whole photo at `SubjectSettings.side` pixels. Where all that it finds lies in a small
part of the photo it looks again at that part alone, and a photo much longer than wide is seen in overlapping
views: what counts is pixels on the subject. Each further look replaces the mask where it looked.

Where it finds people, the person segmenter looks too, at `SubjectSettings.people_side` pixels, and a mean of
both masks counts: they err in different places, and the segmenter knows large people better
(docs/decisions/032).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from scipy import ndimage

from wisp.core.arrays import Float, Image, Mask, check_image
from wisp.core.errors import InputError
from wisp.core.regions import Box, bounding_box
from wisp.core.resample import resize
from wisp.core.settings import SUBJECT as NUMBERS
from wisp.core.settings import SubjectSettings
from wisp.engine.engine import ENGINE, Engine
from wisp.engine.families import Wanted
from wisp.engine.families.segmenter import segment
from wisp.engine.models import Model, find_model
from wisp.engine.sessions import Session

Clicks: TypeAlias = tuple[tuple[float, float], ...]
"""Rows and columns, pixels."""

PEOPLE, SUBJECT = 0, 1
"""Places of the two masks and presence values in the network's outputs."""


@dataclass(frozen=True, eq=False)
class Guidance:
    """Clicks and a mask that say what the subject is.

    Attributes:
        inside: clicks on the subject, rows and columns, pixels.
        outside: clicks on what is not the subject, likewise.
        before: the mask that there was, float32 (H, W), [0, 1]; None where there was none.
    """

    inside: Clicks = ()
    outside: Clicks = ()
    before: Mask | None = None

    def within(self, part: Box) -> Guidance:
        """The guidance of a part of the picture."""

        def moved(clicks: Clicks) -> Clicks:
            return tuple((y - part.top, x - part.left) for y, x in clicks)

        before = None if self.before is None else self.before[part.slices]
        return Guidance(moved(self.inside), moved(self.outside), before)

    def drawn(self, size: tuple[int, int], shape: tuple[int, int]) -> Float:
        """The network's second input, (1, 3, h, w), of a picture of `shape` that it sees at `size`."""
        planes = np.zeros((1, 3, *size), np.float32)
        rows, columns = np.ogrid[: size[0], : size[1]]
        radius = max(1, round(NUMBERS.click * max(size)))
        for plane, clicks in zip(planes[0], (self.inside, self.outside), strict=False):
            for y, x in clicks:
                down, across = y * size[0] / shape[0], x * size[1] / shape[1]
                plane[(rows - down) ** 2 + (columns - across) ** 2 <= (radius + 0.5) ** 2] = 1
        if self.before is not None:
            planes[0, 2] = resize(self.before, *size).clip(0, 1)
        return planes


NOTHING_SAID = Guidance()


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
        return "people" if self.people_presence >= NUMBERS.present else "something else"

    @property
    def doubtful(self) -> bool:
        """Whether it is believed less than `SubjectSettings.doubtful`."""
        return bool(self.count) and self.presence < NUMBERS.doubtful

    def describe(self) -> str:
        """A short sentence without a full stop: what was found, how often, how sure, whether it is cut."""
        if not self.count:
            return f"no subject was found ({self.presence:.0%} sure of one)"
        told = [f"found {self.kind}"]
        if self.count > 1:
            told.append(f"in {self.count} places")
        if self.share < NUMBERS.tiny:
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
    settings: SubjectSettings = NUMBERS,
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
    session = engine.session_of(find_model(model, "subject"))
    if "guidance" not in {port.name for port in session.inputs}:
        return _by_segmenter(segment(image, model=model, engine=engine))
    chosen = PEOPLE if wanted == "people" else SUBJECT
    masks, presence, seen, looks = see(image, chosen=chosen, model=model, engine=engine, settings=settings)
    if seen is not None:
        share = float((masks[..., SUBJECT] > 0.5).mean())
        masks = join_where_both_see(masks, seen, segmenter_share(share, settings), settings)
    mask, people = masks[..., chosen], masks[..., PEOPLE]
    if presence[chosen] < settings.present:
        mask = np.zeros_like(mask)
    mask, count = keep_sure_regions(mask, settings)
    if wanted == "auto" and presence[PEOPLE] >= settings.present:
        mask, count = keep_with_people(mask, people, settings)
    sure, sure_of_people = float(presence[chosen]), float(presence[PEOPLE])
    return _finding(mask, people, sure, sure_of_people, count, looks)


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
    chosen: int = SUBJECT,
    model: str | Path | None = None,
    engine: Engine = ENGINE,
    settings: SubjectSettings = NUMBERS,
) -> Seen:
    """The masks of a picture, before anything is decided.

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1], of any size.
        chosen: `PEOPLE` or `SUBJECT`: the mask that a second look is for.
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
    if len(views) == 1 and box is not None and presence[chosen] >= settings.present:
        near = _surroundings(box, image.shape[:2], settings)
        if near is not None:
            closer, _ = _look(session, row, image[near.slices], settings)  # presence is the whole photo's
            masks = _replace(masks, closer, near)
            looks += 1
    people = None
    if row.shipped and settings.people_side and presence[PEOPLE] >= settings.present:
        people = _look_for_people(image, engine, float((masks[..., SUBJECT] > 0.5).mean()), settings)
        looks += 1
    return Seen(masks, presence, people, looks)


def _finding(
    mask: Mask, people: Mask, presence: float, people_presence: float, count: int, looks: int
) -> Finding:
    inside = mask > 0.5
    rim = (inside[0], inside[-1], inside[:, 0], inside[:, -1])
    cut = any(bool(line.any()) for line in rim)
    return Finding(mask, people, presence, people_presence, count, float(inside.mean()), cut, looks)


def _by_segmenter(mask: Mask) -> Finding:
    """Make a finding of the mask of people alone; its surest pixel stands for presence."""
    _, count = ndimage.label(mask >= NUMBERS.floor, np.ones((3, 3)))
    surest = float(mask.max())
    return _finding(mask, mask, surest, surest, int(count), 1)


def find_selected(
    image: Image,
    guidance: Guidance,
    *,
    model: str | Path | None = None,
    engine: Engine = ENGINE,
    settings: SubjectSettings = NUMBERS,
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
    mask = keep_touched_regions(masks[..., SUBJECT], guidance, settings)
    box = bounding_box(mask > 0.5)
    near = None if box is None else _surroundings(box, image.shape[:2], settings)
    if near is not None:
        closer, _ = _look(session, row, image[near.slices], settings, guidance.within(near))
        mask = keep_touched_regions(_replace(masks, closer, near)[..., SUBJECT], guidance, settings)
    return mask


def keep_touched_regions(mask: Mask, guidance: Guidance, settings: SubjectSettings = NUMBERS) -> Mask:
    """The mask's regions in which a click lies or the mask before was over one half.

    Args:
        mask: float32 (H, W), [0, 1].
        guidance: of the same picture.
        settings: a region is an 8-connected set of pixels of at least ``floor``.
    """
    regions, count = ndimage.label(mask >= settings.floor, np.ones((3, 3)))
    touched = np.zeros(count + 1, bool)
    if guidance.before is not None:
        touched[np.unique(regions[guidance.before > 0.5])] = True
    for y, x in guidance.inside:
        row, column = (min(max(int(at), 0), side - 1) for at, side in zip((y, x), mask.shape, strict=True))
        touched[regions[row, column]] = True
    touched[0] = False
    return np.where(touched[regions], mask, np.float32(0))


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


def keep_sure_regions(mask: Mask, settings: SubjectSettings = NUMBERS) -> tuple[Mask, int]:
    """The mask without regions of which the network is nowhere sure, and how many are left.

    Args:
        mask: float32 (H, W), [0, 1].
        settings: a region is an 8-connected set of pixels of at least ``floor``; it stays where it reaches
            ``sure``.
    """
    regions, count = ndimage.label(mask >= settings.floor, np.ones((3, 3)))
    sure = np.zeros(count + 1, bool)
    sure[np.unique(regions[mask >= settings.sure])] = True
    sure[0] = False
    return np.where(sure[regions], mask, np.float32(0)), int(sure.sum())


def keep_with_people(mask: Mask, people: Mask, settings: SubjectSettings = NUMBERS) -> tuple[Mask, int]:
    """The mask's regions that hold people, and how many they are; all of them where none does.

    Args:
        mask: float32 (H, W), [0, 1].
        people: float32 (H, W), [0, 1].
        settings: of the regions.
    """
    regions, count = ndimage.label(mask >= settings.floor, np.ones((3, 3)))
    held = np.zeros(count + 1, bool)
    held[np.unique(regions[people >= settings.sure])] = True
    held[0] = False
    if not held.any():
        return mask, count
    return np.where(held[regions], mask, np.float32(0)), int(held.sum())


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
        weight = _towards_the_middle(masks.shape[:2], axis=int(image.shape[1] > image.shape[0]))
        total[view.slices] += masks * weight
        weights[view.slices] += weight
        presence = np.maximum(presence, there)
    total /= weights
    return total, presence


def _towards_the_middle(shape: tuple[int, int], axis: int) -> Float:
    """(H, W, 1): 1 in the middle along an axis, a hundredth at its ends."""
    line = np.sin(np.pi * (np.arange(shape[axis], dtype=np.float32) + 0.5) / shape[axis]) + np.float32(0.01)
    along = line[:, None, None] if axis == 0 else line[None, :, None]
    return np.broadcast_to(along, (*shape, 1)).astype(np.float32)


def _look(
    session: Session,
    row: Model,
    image: Image,
    settings: SubjectSettings,
    guidance: Guidance = NOTHING_SAID,
) -> tuple[Float, Float]:
    """Masks (H, W, 2) and presence (2,) of a picture, seen at ``side`` pixels."""
    height, width = image.shape[:2]
    scale = settings.side / max(height, width)
    size = [max(row.multiple, round(side * scale / row.multiple) * row.multiple) for side in (height, width)]
    seen = np.ascontiguousarray(resize(image, size[0], size[1]).transpose(2, 0, 1)[None])
    wrong = InputError(
        row.file,
        "is no subject network",
        "an ONNX file with the inputs image and guidance (N, 3, H, W) and the outputs masks (N, 2, H, W) and "
        "presence (N, 2) is accepted",
    )
    try:
        drawn = guidance.drawn((size[0], size[1]), (height, width))
        answer = session.run({"image": seen, "guidance": drawn})
        masks, presence = answer["masks"], answer["presence"]
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        raise wrong from error
    if masks.shape != (1, 2, *seen.shape[2:]) or presence.shape != (1, 2):
        raise wrong
    return resize(np.ascontiguousarray(masks[0].transpose(1, 2, 0)), height, width).clip(0, 1), presence[0]


def segmenter_share(share: float, settings: SubjectSettings = NUMBERS) -> float:
    """The person segmenter's share of the mask: a half for small subjects, all of it for large ones.

    It learnt large people and knows them better; small ones it overlooks.

    Args:
        share: of the photo's area that the subject covers, [0, 1].
        settings: between which it grows.
    """
    low, high = settings.people_alone
    return 0.5 + 0.5 * min(1.0, max(0.0, (share - low) / (high - low)))


def join_where_both_see(
    masks: Float, people: Mask, share: float = 0.5, settings: SubjectSettings = NUMBERS
) -> Float:
    """Means of both masks and a segmenter's, but for regions of the subject that it does not see at all.

    A person of some pixels, or what somebody holds, is no business of a network that overlooks it.

    Args:
        masks: of people and of the subject, float32 (H, W, 2), [0, 1].
        people: the segmenter's, float32 (H, W), [0, 1].
        share: its share of the mean, [0, 1].
        settings: a region is an 8-connected set of pixels of the subject of at least ``floor``; it is seen
            where the segmenter reaches ``sure``.
    """
    regions, count = ndimage.label(masks[..., SUBJECT] >= settings.floor, np.ones((3, 3)))
    seen = np.zeros(count + 1, bool)
    seen[np.unique(regions[people >= settings.sure])] = True
    seen[0] = True
    mean = masks + np.float32(share) * (people[..., None] - masks)
    both: Float = np.where(seen[regions][..., None], mean, masks)
    return both


def _look_for_people(image: Image, engine: Engine, share: float, settings: SubjectSettings) -> Mask:
    """The person segmenter's mask, (H, W); of a subject that fills the photo the mean of two sizes."""
    row = find_model(None, "segmenter")
    mask = _segmented(image, engine.session_of(row), row, settings.people_side)
    if share <= settings.filled:
        return mask
    return (mask + _segmented(image, engine.session_of(row), row, row.input_size)) * np.float32(0.5)


def _segmented(image: Image, session: Session, row: Model, side: int) -> Mask:
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = [max(row.multiple, round(side * scale / row.multiple) * row.multiple) for side in (height, width)]
    seen = np.ascontiguousarray(resize(image, size[0], size[1]).transpose(2, 0, 1)[None])
    mask = session.run({"image": seen})["mask"][0, 0]
    return resize(mask, height, width).clip(0, 1)


def _surroundings(box: Box, shape: tuple[int, int], settings: SubjectSettings) -> Box | None:
    """Enlarge a box to the part that a second look sees; None where that is most of the photo."""
    longer = max(box.bottom - box.top, box.right - box.left)
    if longer > settings.small * max(shape):
        return None
    return box.widened(math.ceil((settings.around - 1) / 2 * longer) + 8, shape)


def _replace(masks: Float, closer: Float, near: Box) -> Float:
    """Masks with a closer look in its place, faded in over a tenth of its extent where it ends inside."""
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

"""Alpha in some hundredths of a second a picture, for video; photos are worth more time.

The expensive parts work on a small picture, and what is left for the full size is done where alpha is soft.
In a clip the portrait network is led by its own last alpha, moved along (Perazzi et al. 2017, "Learning Video
Object Segmentation from Static Images", CVPR), as far as it agrees with what is believed of the subject
(`wisp.clips.belief`): the subject network is asked only now and then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple, get_args

import numpy as np

from wisp.clips.belief import begin, look_again
from wisp.clips.belief_maps import (
    SubjectMaps,
    believed_subject,
    believed_things,
    left_out,
    people_in,
    reach_of,
)
from wisp.clips.following import follow, select
from wisp.clips.guided_upsampling import guided_enlargement, refine_hair
from wisp.clips.selection import Selection
from wisp.core.arrays import Alpha, Float, Image, Mask, Motion, Region, Stored, as_floats, check_image
from wisp.core.errors import InputError
from wisp.core.opencv import opencv, shrink
from wisp.core.regions import Box, bounding_box, small_enclosed
from wisp.core.resample import size_within
from wisp.core.settings import AUTO, CLIPS
from wisp.engine.engine import ENGINE, Engine
from wisp.engine.families import Wanted
from wisp.engine.families.dlmn import dlmn
from wisp.engine.families.portrait import crop_around, generate
from wisp.engine.families.segmenter import segment
from wisp.engine.families.subject import find_subject
from wisp.engine.models import find_model


class WarpedPrevious(NamedTuple):
    """The last alpha moved along to a frame, its age, and the frame reduced.

    Attributes:
        alpha: of the frame before, moved along to this one: float32, as large as the method's own.
        age: frames since the beginning or the last cut, at least 1.
        picture: this frame reduced to the alpha's size, float32 (h, w, 3), where that is known already.
        belief: what is believed of the subject (`wisp.clips.belief`), moved along, too, and smaller; None
            from a method that keeps none.
    """

    alpha: Alpha
    age: int
    picture: Image | None = None
    belief: SubjectMaps | None = None


class Decided(NamedTuple):
    """An alpha with what is believed of the subject from then on.

    Attributes:
        alpha: float32 (h, w), [0, 1].
        belief: see `WarpedPrevious`.
    """

    alpha: Alpha
    belief: SubjectMaps


@dataclass(frozen=True)
class PortraitMethod:
    """The portrait network on a small picture, led by its last alpha and by what is believed of the subject.

    Attributes:
        model: a portrait network other than the default: its name or an ONNX file.
        engine: what runs the networks.
        subject: what to look for: ``auto`` (people with what they hold; a thing where for a while nobody is
            seen), ``people`` or ``anything``.
        things: how far a look at a thing is believed in ``auto`` while nobody has been seen, [0, 1]: 0 never,
            1 at once.
        selected: clicks or a box on the first frame: nobody else is kept. After a cut they hold again.
        follows: whether whoever was there is followed and nobody else, as after `selected`.

    Raises:
        InputError: another word, or no selection that the network can tell.
    """

    model: str | Path | None = None
    engine: Engine = ENGINE
    subject: Wanted = "auto"
    things: float = CLIPS.thing
    selected: Selection | None = None
    follows: bool = False

    def __post_init__(self) -> None:
        if self.subject not in get_args(Wanted):
            raise InputError("subject", f"is {self.subject}", f"{', '.join(get_args(Wanted))} are accepted")

    def __call__(self, image: Image, past: WarpedPrevious | None = None, /) -> Alpha:
        """Alpha alone, of `decide`."""
        return self.decide(image, past).alpha

    def decide(self, image: Image, past: WarpedPrevious | None = None, /) -> Decided:
        """Alpha of a frame, and the belief to hand on.

        Args:
            image: float32 (H, W, 3), sRGB-encoded, [0, 1], of any size.
            past: what the frames before say; None to look for the subject anew.

        Returns:
            alpha: that of `working_picture`, whose longer side is `ClipSettings.alpha_side` at most.
            belief: where what is believed to be.

        Raises:
            InputError: no such network, a file that is no portrait network, or a selection of nothing.
            MissingExtraError: OpenCV is not installed.
        """
        size = size_within(check_image(image).shape, CLIPS.alpha_side)
        known = None if past is None else past.picture
        small = known if known is not None and known.shape[:2] == size else shrink(image, *size)
        row = find_model(self.model, "portrait")
        if self.model is None:
            row = replace(row, input_size=CLIPS.network_side)
        session = self.engine.session_of(row)
        belief, looked = self._believe(image, small, past)
        subject = believed_subject(belief, size)
        led = past if past is not None and past.alpha.shape == size else None
        allowed = _allowed(belief, size)
        lead = lead_of(subject, None if led is None else led.alpha, looked=looked) * allowed
        alpha = np.zeros(size, np.float32)
        found = crop_around(lead)
        if found is None:
            return Decided(alpha, belief)
        box = found.on_grid(CLIPS.grid, size)  # then its view changes seldom
        part = small[box.slices]
        things = believed_things(belief)
        if not things.any() or (belief.mask > things).any():
            view = _view(image, small, box)
            seen_alpha = np.ascontiguousarray(generate(session, row, view, lead[box.slices], smallest=0))
            seen_alpha = refine_hair(shrink(view, *seen_alpha.shape), seen_alpha)
            alpha[box.slices] = _resized(seen_alpha, *part.shape[:2])
        place = _enlarged(things, size)[box.slices]
        near = bounding_box(place, 3 * CLIPS.mask_radius + 2)  # as far as the filter reaches
        if near is not None:  # what is no person is none of the network's business
            seen, led_by = part[near.slices], lead[box.slices][near.slices]
            drawn = guided_enlargement(seen, led_by, seen, radius=CLIPS.mask_radius)
            np.copyto(alpha[box.slices][near.slices], drawn, where=place[near.slices])
        alpha *= allowed
        return Decided(alpha, belief)

    def primed_by(self, frames: Iterable[Image]) -> PortraitMethod:
        """The method for a clip of which some frames are known.

        Where people come in it, things are never taken for the subject while nobody is there yet; where they
        do not, things are from the first frame on. Without frames it is what it was, and so is a method that
        is told what to look for: no frame is read.

        Args:
            frames: float32 (H, W, 3), [0, 1], from all over the clip; read until one shows people.
        """
        if self.subject != "auto" or self.selected is not None:
            return self
        things = None
        for image in frames:
            things = 1.0
            if people_in(begin(working_picture(image, CLIPS.alpha_side), "people", engine=self.engine)):
                return replace(self, things=0.0)
        return self if things is None else replace(self, things=things)

    def _believe(self, image: Image, small: Image, past: WarpedPrevious | None) -> tuple[SubjectMaps, bool]:
        """The belief, and whether it is new: of a whole look, a glance, or what was believed before."""
        before = None if past is None else past.belief
        if past is None or before is None:
            if self.selected is not None:
                return select(
                    small, self.selected.resized(image.shape[:2], small.shape[:2]), self.engine
                ), True
            return begin(small, self.subject, self.things, self.engine), True
        lost = not before.mask.any()
        if past.age % CLIPS.glance_every and not lost:
            return before, False
        if self.selected is not None or self.follows:
            return follow(small, before, self.engine), True
        whole = past.age % CLIPS.look_every == 0 or lost
        return (
            look_again(small, before, self.subject, whole=whole, things=self.things, engine=self.engine),
            True,
        )


PORTRAIT: Final = PortraitMethod()
"""The usual one."""


def lead_of(subject: Mask, last: Alpha | None, *, looked: bool) -> Mask:
    """The mask that leads the portrait network: the last alpha as far as it is believed, without holes.

    Hair and edges are finer than what is believed, so beside it the last alpha may say more. Twice the width
    of an unknown band away what nobody believes goes, or it would lead to itself for ever.

    Args:
        subject: what is believed, float32 (h, w), [0, 1].
        last: the last alpha moved along, likewise; None where there is none.
        looked: whether the belief is new; else the last alpha leads alone.
    """
    if last is None:
        return _without_holes(subject)
    last = last.clip(0, 1)
    if not looked:
        return _without_holes(last)
    slack = np.float32(CLIPS.mask_slack)
    above = subject + slack * reach_of(subject, 2 * AUTO.band_width)
    return _without_holes(np.clip(last, subject - slack, above).clip(0, 1))


def _view(image: Image, small: Image, box: Box) -> Image:
    """The part of a frame that the portrait network is shown, (h, w, 3): of a small subject more pixels.

    Args:
        image: the frame, float32 (H, W, 3), [0, 1].
        small: the frame reduced.
        box: the part, in pixels of the reduced frame.
    """
    part = small[box.slices]
    height, width = part.shape[:2]
    scale = CLIPS.view_side / max(height, width)
    if scale <= 1 or box.left == 0 or box.right == small.shape[1]:
        return part
    down, across = image.shape[0] / small.shape[0], image.shape[1] / small.shape[1]
    rows = slice(round(box.top * down), round(box.bottom * down))
    columns = slice(round(box.left * across), round(box.right * across))
    return _resized(image[rows, columns], round(height * scale), round(width * scale)).clip(0, 1)


def _resized(values: Float, height: int, width: int) -> Float:
    """An array (h, w) or (h, w, C) at another size: areas averaged where it is smaller, else linear."""
    cv2 = opencv()
    smaller = height < values.shape[0]
    resized: Float = cv2.resize(
        values, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    )
    return resized


def _enlarged(things: Region, size: tuple[int, int]) -> Region:
    """Regions and a rim around them at a size, bool (h, w)."""
    wider = opencv().dilate(things.view(np.uint8), np.ones((9, 9), np.uint8))
    return np.asarray(opencv().resize(wider, size[::-1], interpolation=opencv().INTER_NEAREST) > 0)


def _allowed(belief: SubjectMaps, size: tuple[int, int]) -> Mask:
    """1 where alpha may be, 0 where no subject is near or something else is, ramps between; float32."""
    cv2 = opencv()
    wider = reach_of(belief.mask).astype(np.float32)
    extent = 2 * round(CLIPS.reach * max(wider.shape) / 2) + 1
    near = (2 * cv2.boxFilter(wider, -1, (extent, extent))).clip(0, 1)
    other = cv2.dilate(left_out(belief).view(np.uint8), np.ones((5, 5), np.uint8)).astype(np.float32)
    other[belief.mask > 0.05] = 0
    near *= 1 - cv2.boxFilter(other, -1, (3, 3))
    large: Mask = cv2.resize(near, size[::-1], interpolation=cv2.INTER_LINEAR)
    return large


def _without_holes(alpha: Alpha) -> Mask:
    """An alpha or a mask whose small enclosed holes are nearly closed.

    What the network doubts in one frame it doubts more when its own doubt leads it in the next, until a hole
    is open. So it is asked anew, every time: a gap through which the background is seen stays open.
    """
    solid = alpha >= CLIPS.solid
    around = bounding_box(solid, 1)
    if around is None:
        return alpha
    holes = small_enclosed(~solid[around.slices], CLIPS.hole * np.count_nonzero(solid))
    if not holes.any():
        return alpha
    closed: Mask = alpha.copy()
    closed[around.slices][holes] = CLIPS.doubtful
    return closed


def upsample_to_frame(image: Image | Stored, alpha: Alpha, picture: Image | None = None) -> Alpha:
    """An alpha at the size of its picture, with the picture's edges: a smaller one by `guided_enlargement`.

    What is enlarged is exactly 0 or 1 where it is nearer to that than 1/255.

    Args:
        image: float32 (H, W, 3), [0, 1], or the same as uint8 or uint16.
        alpha: float32 (H, W) or smaller, [0, 1].
        picture: the image reduced to the alpha's size, where that is known already.
    """
    if alpha.shape == image.shape[:2]:
        return alpha
    small = shrink(as_floats(image), *alpha.shape) if picture is None else picture
    drawn = guided_enlargement(small, alpha, image, radius=CLIPS.alpha_radius)
    cv2 = opencv()
    # A network is never quite sure; what no file of eight bits could show is work for nothing.
    for _ in range(2):  # below 1/255 it is 0; so is what is hidden, 1 − α, the second time
        cv2.threshold(drawn, CLIPS.faint, 0, cv2.THRESH_TOZERO, dst=drawn)
        np.subtract(1, drawn, out=drawn)
    return drawn


def matte_by_dlmn(
    image: Image,
    motion: Motion,
    /,
    *,
    model: str | Path | None = None,
    engine: Engine = ENGINE,
    ssrn: bool | None = None,
) -> Alpha:
    """Alpha of the subject of a frame by DLMN-G, which is shown the neighbouring frames, at a small size.

    The mask that it begins with is that of `find_subject`, as in photos: the segmenter of people missed whole
    clips.

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1], of any size.
        motion: four neighbouring frames in grey, float32 (H, W, 4), [0, 1].
        model: a network of the family ``dlmn`` other than the default: its name or an ONNX file.
        engine: what runs the network.
        ssrn: as `wisp.engine.families.dlmn.dlmn` takes it.

    Returns:
        float32 (h, w), [0, 1], of the small picture, as `PortraitMethod`.

    Raises:
        InputError: see `wisp.engine.families.dlmn.dlmn`.
        MissingExtraError: OpenCV is not installed.
    """
    cv2 = opencv()
    small = working_picture(check_image(image), CLIPS.alpha_side)
    size = (small.shape[1], small.shape[0])
    frames = np.asarray(cv2.resize(motion, size, interpolation=cv2.INTER_AREA), np.float32)
    mask = find_subject(small, engine=engine).mask
    return dlmn(small, mask, motion=frames, model=model, engine=engine, refined=False, ssrn=ssrn)


def matte_by_segmenter(
    image: Image,
    past: WarpedPrevious | None = None,
    /,
    *,
    model: str | Path | None = None,
    engine: Engine = ENGINE,
) -> Alpha:
    """Alpha by the segmenter alone, which is coarser, drawn to the frame's edges.

    Fast Guided Filter (He and Sun 2015): affine functions of colour are fitted on the small picture and
    applied to the large one.

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1], of any size.
        past: not looked at.
        model: a segmentation network other than the default: its name or an ONNX file.
        engine: what runs the network.

    Returns:
        float32 (H, W), [0, 1].

    Raises:
        InputError: see `wisp.engine.families.segmenter.segment`.
        MissingExtraError: OpenCV is not installed.
    """
    small = working_picture(check_image(image), CLIPS.mask_side)
    mask = segment(small, model=model, engine=engine)
    return guided_enlargement(small, mask, image, radius=CLIPS.mask_radius)


def working_picture(image: Image, side: int) -> Image:
    """The image with its longer side reduced to `side`, never enlarged: float32 (h, w, 3)."""
    return shrink(image, *size_within(image.shape, side))

"""Frames → mattes that do not flicker: any method that mattes one frame, led and steadied along the motion.

`step` is pure: frame and state go in, matte and the next state come out. What the state holds is the last
alpha and a small picture of the last frame, so memory does not grow.

1. Motion is estimated on small pictures by Dense Inverse Search (Kroeger et al. 2016, "Fast Optical Flow
   using Dense Inverse Search", ECCV).
2. The last alpha is moved along and handed to the method, which may take it for where the subject is: that is
   steadier than looking for it again, and saves the time.
3. Around the subject's edge the subject's own motion is taken, since that is what alpha's edge moves with,
   whatever the background does. How far old alpha is believed depends on how well the last picture, moved
   along in the same way, explains this one: what moved, changed or came into view is taken from the new alpha
   alone, so that nothing trails.
4. Motion that is a little wrong would make old alpha lag behind, so it is corrected until old and new alpha
   lie on each other (Lucas and Kanade 1981, "An Iterative Image Registration Technique with an Application
   to Stereo Vision", IJCAI), over windows in which flicker averages out.
5. What is left of the difference between old and new, where the picture says that nothing changed, is
   flicker, and most of it is not shown.
6. A method may give a smaller alpha than its frame. It is held steady at its own size and drawn to the
   frame's edges afterwards.
7. Where the picture itself did not change by more than its noise alpha stays where it is.
8. In every second frame the method rests, if along the edge the last picture, moved along, explains this one:
   the last alpha, moved along, is this one's.
9. What comes out from behind the subject, and was seen there before, is no part of it
   (`wisp.clips.uncovered`).
10. A cut, seen in the small pictures, starts afresh.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, TypeVar

import numpy as np
from scipy import ndimage

from wisp.clips.alpha import PortraitMethod, WarpedPrevious, upsample_to_frame
from wisp.clips.belief_maps import SubjectMaps
from wisp.clips.colours import estimate_colours
from wisp.clips.edge_motion import align, edge_motion
from wisp.clips.flow import (
    Small,
    come_in,
    find_flow,
    is_cut,
    shrink_to_bytes,
    stillness,
    unexplained,
    warp,
)
from wisp.clips.motion import MotionMethod, WithMotion, with_cues
from wisp.clips.uncovered import (
    Background,
    give_up_uncovered,
    move_along,
    remember,
    remember_nothing,
)
from wisp.core.arrays import (
    Alpha,
    Float,
    Foreground,
    Image,
    Mask,
    Matte,
    Motion,
    check_alpha,
    check_image,
    check_same_size,
)
from wisp.core.opencv import opencv, repeat_plane, shrink
from wisp.core.resample import size_within
from wisp.core.settings import CLIPS

T = TypeVar("T")


class AlphaMethod(Protocol):
    """A function that mattes a single frame."""

    def __call__(self, image: Image, past: WarpedPrevious | None = None, /) -> Alpha:
        """Image float32 (H, W, 3), sRGB-encoded, [0, 1] → alpha float32 (H, W) or smaller, [0, 1].

        `past` is None at the beginning and after a cut; a method need not look at it.
        """


class ForegroundMethod(Protocol):
    """A function that finds the subject's own colours in a single frame."""

    def __call__(self, image: Image, alpha: Alpha, /) -> Foreground:
        """Image and alpha → foreground float32 (H, W, 3), [0, 1]."""


@dataclass(frozen=True)
class Steadiness:
    """How alpha is held steady.

    Attributes:
        hold: how much of the moved old alpha is kept where the picture says that nothing changed, in [0, 1);
            0 mattes every frame by itself.
        change: difference of colour, on the scale 0–1, at which old alpha is believed e times less.
        slack: how far old alpha may lie outside of what the new alpha says nearby before it is cut off there.
        side: length of the longer side of the small pictures, pixels.
        cut: share of a picture's colours, [0, 1], that must differ for a cut.
        rest: how far old alpha may be disbelieved along the edge, [0, 1], for the method to rest in every
            second frame; 0 for never. Where there is no edge, anywhere in the picture.
        still: difference of colour, on the scale 0–1, up to which a place stands still: its alpha stays where
            it is, whatever moves around it.
        stay: how much of the old alpha is kept there, in [0, 1).
    """

    hold: float = CLIPS.hold
    change: float = CLIPS.change
    slack: float = CLIPS.slack
    side: int = CLIPS.small_side
    cut: float = CLIPS.cut
    rest: float = CLIPS.skip_below
    still: float = CLIPS.still
    stay: float = CLIPS.stay


@dataclass(frozen=True, eq=False)
class State:
    """The last alpha, held steady, the last frame reduced, and its age: what one frame hands to the next.

    Attributes:
        alpha: of the last frame, held steady, at the method's own size: float32 (h, w).
        small: the last frame reduced, uint8 (h, w, 3).
        age: frames since the beginning or the last cut, from 0.
        belief: where people and the subject are believed to be, see `wisp.clips.belief`; None from a method
            that keeps none.
        background: what was seen where no subject was (`wisp.clips.uncovered`), likewise.
    """

    alpha: Alpha
    small: Small
    age: int
    belief: SubjectMaps | None = None
    background: Background | None = None


STEADY: Final = Steadiness()
"""Chosen by ``benchmarks/video.py``'s way of measuring, on clips of people that are trained on."""


def step(
    image: Image,
    state: State | None,
    alpha_of: AlphaMethod,
    *,
    steadiness: Steadiness = STEADY,
    foreground_of: ForegroundMethod = estimate_colours,
) -> tuple[Matte, State]:
    """Matte one frame.

    Args:
        image: the frame, float32 (H, W, 3), sRGB-encoded, [0, 1].
        state: what the step before gave; None at the beginning.
        alpha_of: mattes the frame by itself.
        steadiness: how alpha is held steady.
        foreground_of: finds the subject's colours.

    Returns:
        matte: alpha and foreground of the frame.
        state: for the next step.

    Raises:
        InputError: a frame, or an alpha from `alpha_of`, of the wrong kind.
        MissingExtraError: OpenCV is not installed.
    """
    alpha, state = steady_alpha(image, state, alpha_of, steadiness=steadiness)
    return Matte(alpha, foreground_of(image, alpha)), state


def matte_frames(
    frames: Iterable[Image],
    alpha_of: AlphaMethod,
    *,
    steadiness: Steadiness = STEADY,
    foreground_of: ForegroundMethod = estimate_colours,
) -> Iterator[Matte]:
    """The mattes of a clip's frames, in order. Arguments and errors are those of `step`.

    A method that wants motion cues (`wisp.clips.motion.WithMotion`) is given them.
    """
    state: State | None = None
    for image, own in pair_with_motion(frames, alpha_of, lambda frame: frame):
        matte, state = step(image, state, own, steadiness=steadiness, foreground_of=foreground_of)
        yield matte


def pair_with_motion(
    frames: Iterable[T], alpha_of: AlphaMethod, image_of: Callable[[T], Image]
) -> Iterator[tuple[T, AlphaMethod]]:
    """Each frame with what mattes it: a method that wants motion cues has the frame's cue bound to it.

    Args:
        frames: of a clip, in order.
        alpha_of: the method.
        image_of: a frame's image, float32 (H, W, 3), [0, 1].
    """
    if not isinstance(alpha_of, WithMotion):
        for frame in frames:
            yield frame, alpha_of
        return
    for frame, motion in with_cues(frames, image_of):
        yield frame, _Bound(alpha_of.method, motion)


@dataclass(frozen=True)
class _Bound:
    """A method with a frame's cue."""

    method: MotionMethod
    motion: Motion

    def __call__(self, image: Image, past: WarpedPrevious | None = None, /) -> Alpha:
        return self.method(image, self.motion)


def steady_alpha(
    image: Image, state: State | None, alpha_of: AlphaMethod, *, steadiness: Steadiness = STEADY
) -> tuple[Alpha, State]:
    """Alpha of a frame, float32 (H, W), and the state for the next one; arguments and errors of `step`."""
    held, state = filter_alpha(image, state, alpha_of, steadiness=steadiness)
    return upsample_to_frame(image, *held), state


class LowResolutionAlpha(NamedTuple):
    """An alpha that is held steady, before `upsample_to_frame` draws it to the frame's edges.

    Attributes:
        alpha: at the method's own size, float32 (h, w), [0, 1].
        picture: the frame reduced to that size, float32 (h, w, 3), where that is known already.
    """

    alpha: Alpha
    picture: Image | None


def filter_alpha(
    image: Image,
    state: State | None,
    alpha_of: AlphaMethod,
    *,
    steadiness: Steadiness = STEADY,
    picture: Image | None = None,
) -> tuple[LowResolutionAlpha, State]:
    """The steady alpha of a frame before it is enlarged, and the state for the next one.

    Args:
        image: the frame, as in `step`.
        state: as in `step`.
        alpha_of: as in `step`.
        steadiness: as in `step`.
        picture: the frame reduced, float32 (h, w, 3), if it is at hand; taken where alphas are so large.
    """
    size = size_within(check_image(image).shape, steadiness.side)
    if state is not None and state.small.shape[:2] != size:
        state = None
    if picture is None or state is None or picture.shape[:2] != state.alpha.shape:
        picture = None if state is None else _as_large(image, state.alpha)
    small = shrink_to_bytes(image, steadiness.side, picture)
    if state is None or not steadiness.hold or is_cut(state.small, small, steadiness.cut):
        alpha, belief = _decided(alpha_of, image, None)
        return LowResolutionAlpha(alpha, None), _state(alpha, small, 0, belief, remember_nothing(small))
    past = _carry(state, small, steadiness)
    if steadiness.rest and past.age % 2 and past.age > 1 and past.disbelief() < steadiness.rest:
        alpha = warp(state.alpha, past.own, cubic=True).clip(0, 1)
        kept = _state(alpha, small, past.age, past.belief, past.background)
        return LowResolutionAlpha(alpha, picture), kept
    expected = warp(state.alpha, past.flow, cubic=False)
    alpha, belief = _decided(alpha_of, image, WarpedPrevious(expected, past.age, picture, past.belief))
    if alpha.shape == state.alpha.shape:
        alpha = _hold(alpha, belief, state, past, steadiness)
    background = past.background
    if background is not None and belief is not None:
        alpha, belief, background = _give_up(alpha, belief, background, small)
    found = _state(alpha, small, past.age, belief, background)
    return LowResolutionAlpha(alpha, _fitting(picture, alpha)), found


class _Carried(NamedTuple):
    """The last frame's state in the place of the next frame, both reduced to (h, w).

    Attributes:
        small: the frame, uint8 (h, w, 3).
        age: as in `State`, of the frame.
        flow: back to the last frame, float32 (h, w, 2), pixels.
        still: how surely each place stands still, float32 (h, w), [0, 1].
        own: the flow with the subject's own around its edge, and none where the picture stands still.
        trust: how far that is believed, float32 (h, w), [0, 1].
        last: the last alpha, float32 (h, w).
        opacity: the last alpha moved along, likewise.
        belief: moved along.
        background: moved along.
    """

    small: Small
    age: int
    flow: Float
    still: Mask
    own: Float
    trust: Float
    last: Alpha
    opacity: Alpha
    belief: SubjectMaps | None
    background: Background | None

    def disbelief(self) -> float:
        """How far the moved alpha is disbelieved along its edge, mean over it, [0, 1].

        Where nobody is, how far at most: somebody may be coming in.
        """
        if not self.opacity.any():
            return float(1 - self.trust.min())
        edge = opencv().dilate(4 * self.opacity * (1 - self.opacity), np.ones((5, 5), np.uint8))
        return float(((1 - self.trust) * edge).sum() / max(float(edge.sum()), 1e-6))


def _carry(state: State, small: Small, steadiness: Steadiness) -> _Carried:
    """Move what is known of the last frame along to the next one."""
    flow = find_flow(state.small, small)
    last = shrink(state.alpha, *small.shape[:2])
    opacity = warp(last, flow, cubic=False)
    still = stillness(state.small, small, steadiness.still)
    own, trust = edge_motion(state.small, small, flow, opacity, steadiness.change)
    own *= repeat_plane(1 - still, 2)
    belief = None if state.belief is None else _moved_belief(state.belief, state.small, small, own)
    background = None if state.background is None else move_along(state.background, flow, opacity)
    return _Carried(small, state.age + 1, flow, still, own, trust, last, opacity, belief, background)


def _hold(
    new: Alpha, belief: SubjectMaps | None, state: State, past: _Carried, steadiness: Steadiness
) -> Alpha:
    """Mix the last alpha, moved along, into the new one as far as it is believed.

    Args:
        new: as large as the last one.
        belief: of the frame.
        state: of the last frame.
        past: the same in the frame's place.
        steadiness: how much is kept.
    """
    opacity = shrink(new, *past.small.shape[:2])
    own, trust = edge_motion(state.small, past.small, past.flow, opacity, steadiness.change)
    own = align(own, past.last, opacity, trust)
    own *= repeat_plane(1 - past.still, 2)
    counted = past.age / (past.age + 1)  # the first frames count alike
    trust *= min(steadiness.hold, counted)
    trust = np.maximum(trust, past.still * np.float32(min(steadiness.stay, counted)))
    if past.belief is not None and belief is not None:
        trust *= 1 - _newcomers(past.belief.mask, belief.mask, trust.shape)
    return _mixed(new, state.alpha, own, trust, steadiness.slack)


def _give_up(
    alpha: Alpha, belief: SubjectMaps, background: Background, small: Small
) -> tuple[Alpha, SubjectMaps, Background]:
    """Take what came out from behind the subject from alpha and from what is believed."""
    size = small.shape[:2]
    taken = np.maximum(_at_size(belief.mask, size), shrink(alpha, *size))
    free, background = give_up_uncovered(background, small, taken)
    if not free.any():
        return alpha, belief, background
    alpha = alpha * (1 - _at_size(free, alpha.shape))
    return alpha, belief.faded(1 - _at_size(free, belief.size)), background


def _state(
    alpha: Alpha, small: Small, age: int, belief: SubjectMaps | None, background: Background | None
) -> State:
    """The state after a frame; what is seen of the background is remembered beside a belief alone."""
    if belief is None or background is None:
        return State(alpha, small, age, belief)
    seen = remember(background, small, shrink(alpha, *small.shape[:2]))
    return State(alpha, small, age, belief, seen)


def _at_size(mask: Mask, size: tuple[int, ...]) -> Mask:
    resized: Mask = opencv().resize(mask, size[::-1], interpolation=opencv().INTER_LINEAR)
    return resized


def _newcomers(before: Mask, after: Mask, size: tuple[int, ...]) -> Mask:
    """1 where a subject is that was not believed in a frame before, else 0: float32, of a size (h, w).

    What alpha was there says nothing: nobody knew of them.

    Args:
        before: the mask that was decided on, moved along, float32 (h, w), [0, 1].
        after: the one that was decided on now, likewise.
        size: wanted.
    """
    if before.shape != after.shape or not (after > 0.5).any():
        return np.zeros(size, np.float32)
    regions, count = ndimage.label(after > 0.5, np.ones((3, 3), bool))
    known = np.bincount(regions[before > 0.5], minlength=count + 1)
    new = known < 0.5 * np.bincount(regions.ravel(), minlength=count + 1)
    new[0] = False
    wider = opencv().dilate(new[regions].view(np.uint8), np.ones((5, 5), np.uint8)).astype(np.float32)
    resized: Mask = opencv().resize(wider, size[::-1], interpolation=opencv().INTER_NEAREST)
    return resized


def _moved_belief(belief: SubjectMaps, before: Small, after: Small, flow: Float) -> SubjectMaps:
    """A belief moved along, and given up where the earlier picture does not explain the later one.

    What kind something is is not given up with it, but nobody knows it of what comes into the picture. The
    flow is the subject's own around its edge: what stands behind somebody would else take their place where
    they pass it.
    """
    cv2 = opencv()
    moved = SubjectMaps.unstacked(warp(belief.stacked(), flow, cubic=False))
    difference = cv2.boxFilter(unexplained(before, after, flow), -1, (5, 5))
    trust = np.exp(-((difference / np.float32(CLIPS.unexplained)) ** 2))
    trust = _at_size(trust, moved.size)
    outside = come_in(flow).view(np.uint8)
    outside = cv2.resize(outside, moved.size[::-1], interpolation=cv2.INTER_NEAREST)
    is_person = np.where(outside > 0, np.float32(0.5), moved.is_person)
    return moved.faded(trust)._replace(is_person=is_person)


def _decided(
    alpha_of: AlphaMethod, image: Image, past: WarpedPrevious | None
) -> tuple[Alpha, SubjectMaps | None]:
    """A method's alpha of a frame, and what it believes of the subject from then on."""
    if isinstance(alpha_of, PortraitMethod):
        found = alpha_of.decide(image, past)
        return _checked(found.alpha, image), found.belief
    return _checked(alpha_of(image) if past is None else alpha_of(image, past), image), None


def _as_large(image: Image, alpha: Alpha) -> Image | None:
    """The frame reduced to the size of the last alpha; None where that is larger than the frame."""
    larger = any(a > b for a, b in zip(alpha.shape, image.shape, strict=False))
    return None if larger else shrink(image, *alpha.shape)


def _fitting(picture: Image | None, alpha: Alpha) -> Image | None:
    """The reduced frame, if it is as large as the alpha."""
    return picture if picture is not None and picture.shape[:2] == alpha.shape else None


def _checked(alpha: Alpha, image: Image) -> Alpha:
    """An alpha of the frame's size, or a smaller one of its proportions."""
    (height, width), (rows, columns) = image.shape[:2], check_alpha(alpha).shape
    alike = abs(rows - height * columns / width) <= 1 or abs(columns - width * rows / height) <= 1
    if rows > height or columns > width or not alike:
        check_same_size("alpha", alpha, "image", image)
    return alpha


def _mixed(new: Alpha, old: Alpha, flow: Float, believed: Float, slack: float) -> Alpha:
    """The new alpha with the old one, moved along and kept within reason, mixed in as far as believed."""
    cv2 = opencv()
    height, width = new.shape
    moved = warp(old, flow, cubic=True)
    window = np.ones((5, 5), np.uint8)
    most = cv2.dilate(new, window)
    near = cv2.dilate((new > 0).view(np.uint8), np.ones((13, 13), np.uint8))
    most += np.float32(slack) * near  # where nothing is left, nothing of the old alpha is kept
    moved = np.minimum(np.maximum(moved, cv2.erode(new, window) - slack), most)
    share = cv2.resize(believed, (width, height), interpolation=cv2.INTER_LINEAR)
    held: Alpha = new + share * (moved - new)
    return held.clip(0, 1)

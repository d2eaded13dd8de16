"""The remembered background of a clip, and the mask of what comes out from behind the subject again.

The networks see single frames. An animal or a rock that somebody passed, and that now shows beside them, may
be taken for a part of them though it stood there before. So the picture of what was seen where no subject
was is kept, and moved along as the background moves. A place that the subject covered since then and that
shows again what is remembered is background: its alpha, and what is believed there, are given up.

Only what was covered in between counts. A hand that the networks overlook for some frames is remembered as
background, too, but it is not held to be that once they find it. Where what is remembered has no texture
that could be found again, nothing is given up: a black coat may pass a black wall.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from wisp.clips.flow import Small, find_flow, sources
from wisp.core.arrays import Alpha, Bytes, Float, Mask, Region
from wisp.core.opencv import opencv
from wisp.core.regions import bounding_box
from wisp.core.settings import CLIPS


class Background(NamedTuple):
    """The memory of what was seen where no subject was, as small as the pictures in which motion is searched.

    Attributes:
        picture: its colours where they are known, uint8 (h, w, 3).
        seen: how often they were seen there, up to `OFTEN`; 0 where they are not known; uint8 (h, w).
        covered: 1 where a subject hid them since, uint8 (h, w).
        given_up: 1 where they were taken for the subject in the last frame, uint8 (h, w).
    """

    picture: Small
    seen: Bytes
    covered: Bytes
    given_up: Bytes


OFTEN: Final = 3
"""Frames by which a place must have been seen more often than contradicted to be known well."""
_FAINT: Final = 0.05
_SMALL: Final = np.ones((3, 3), np.uint8)
_SQUARE: Final = np.ones((5, 5), np.uint8)
_WIDE: Final = np.ones((CLIPS.narrow, CLIPS.narrow), np.uint8)
"""Alpha's edge is not trusted nearer than this, and what is narrower is no part of anything but that edge."""


def remember_nothing(small: Small) -> Background:
    """A memory of nothing, as large as a small picture, uint8 (h, w, 3)."""
    nothing = np.zeros(small.shape[:2], np.uint8)
    return Background(small, nothing, nothing, nothing)


def remember(background: Background, small: Small, opacity: Alpha) -> Background:
    """The memory after a frame: with what is seen beside the subject, and with what that covers.

    Args:
        background: before, in the frame's place.
        small: the frame, uint8 (h, w, 3).
        opacity: its alpha, as small, float32 (h, w), [0, 1].
    """
    cv2 = opencv()
    fits, known = _fits(background, small), cv2.erode(background.seen, _SQUARE)
    beside = cv2.dilate((opacity > _FAINT).view(np.uint8), _WIDE) == 0
    seen = background.seen.astype(np.int8)
    seen[beside & fits] += 1
    seen[beside & ~fits & (known > 0)] -= 1
    new = beside & (seen <= 0)
    seen[new] = 1
    picture, covered = background.picture.copy(), background.covered.copy()
    cv2.copyTo(small, (new | (beside & (fits | (known == 0)))).view(np.uint8), picture)
    covered[new] = 0
    hidden = (opacity > 0.5) & (known > 0)
    covered[hidden & ~fits & (known == OFTEN)] = 1
    closed = cv2.morphologyEx(covered, cv2.MORPH_CLOSE, _WIDE)  # here and there colours are alike
    covered |= closed & hidden.view(np.uint8)
    return Background(picture, seen.clip(0, OFTEN).astype(np.uint8), covered, background.given_up)


def move_along(background: Background, flow: Float, opacity: Alpha) -> Background:
    """The memory in the place of the next frame.

    Args:
        background: of the earlier frame.
        flow: from the later frame back to the earlier one, float32 (h, w, 2), pixels.
        opacity: alpha of the later one as far as it is known, float32 (h, w), [0, 1].
    """
    motion = _background_motion(flow, opacity)
    if motion is None:
        return background
    cv2, (height, width) = opencv(), opacity.shape
    inverse = cv2.WARP_INVERSE_MAP
    picture = cv2.warpAffine(
        *(background.picture, motion, (width, height)),
        flags=cv2.INTER_CUBIC | inverse,
        borderMode=cv2.BORDER_REPLICATE,
    )
    flags = (
        cv2.warpAffine(plane, motion, (width, height), flags=cv2.INTER_NEAREST | inverse)
        for plane in background[1:]
    )
    return Background(picture, *flags)


def give_up_uncovered(background: Background, small: Small, mask: Mask) -> tuple[Mask, Background]:
    """1 where a mask holds what came out from behind the subject, else 0, with the memory of that.

    What was given up in the frame before is given up as long as it shows.

    Args:
        background: in the frame's place.
        small: the frame, uint8 (h, w, 3).
        mask: what is taken for the subject in it, float32 (h, w), [0, 1].

    Returns:
        float32 (h, w), [0, 1], soft at its edges; and the memory.
    """
    cv2 = opencv()
    given_up = np.zeros_like(background.covered)
    maybe = (background.covered > 0) & (mask > 0.5) & _fits(background, small, reach=CLIPS.search_radius)
    where = cv2.erode(maybe.view(np.uint8), _WIDE) | background.given_up
    box = bounding_box(where > 0, CLIPS.texture_window)
    if box is None:
        return given_up.astype(np.float32), background._replace(given_up=given_up)
    near = Background(*(plane[box.slices] for plane in background))
    shown = _shown_again(near, small[box.slices])
    wrong = cv2.erode(shown & (mask[box.slices] > 0.5).view(np.uint8), _WIDE) | (near.given_up & shown)
    given_up[box.slices] = cv2.dilate(wrong, np.ones((15, 15), np.uint8)) & shown
    soft: Mask = cv2.blur(cv2.dilate(given_up, _SMALL).astype(np.float32), (3, 3))
    return soft, background._replace(given_up=given_up)


def _shown_again(background: Background, small: Small) -> Bytes:
    """1 where a small picture shows what is remembered and was covered, as its texture tells; (h, w)."""
    cv2 = opencv()
    places = sources(find_flow(background.picture, small).clip(-CLIPS.search_radius, CLIPS.search_radius))
    seen = np.minimum(background.seen, cv2.remap(background.seen, places, None, cv2.INTER_NEAREST))
    picture = cv2.remap(background.picture, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    found = background._replace(picture=picture, seen=seen)
    covered = background.covered > 0
    fits = _fits(found, small) & covered
    grey = cv2.cvtColor(found.picture, cv2.COLOR_RGB2GRAY)
    differences = cv2.absdiff(cv2.dilate(grey, _SQUARE), cv2.erode(grey, _SQUARE))
    texture = (differences > round(255 * CLIPS.texture)) & covered
    told, agreed = (
        cv2.boxFilter(plane.astype(np.float32), -1, (CLIPS.texture_window, CLIPS.texture_window))
        for plane in (texture, texture & fits)
    )
    sure = fits & (agreed > CLIPS.agreed * told) & (told > _FAINT)
    opened: Bytes = cv2.morphologyEx(sure.view(np.uint8), cv2.MORPH_OPEN, _SMALL)
    return opened


def _fits(background: Background, small: Small, reach: int = 1) -> Region:
    """True where a small picture shows what is remembered, up to some pixels aside and noise; bool (h, w)."""
    cv2 = opencv()
    around = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    above = cv2.subtract(small, cv2.dilate(background.picture, around))
    below = cv2.subtract(cv2.erode(background.picture, around), small)
    red, green, blue = cv2.split(cv2.max(above, below))
    largest = np.maximum(np.maximum(red, green), blue)
    fits: Region = (largest <= round(255 * CLIPS.same)) & (cv2.erode(background.seen, _SQUARE) > 0)
    return fits


def _background_motion(flow: Float, opacity: Alpha) -> npt.NDArray[np.float64] | None:
    """The affine map from places to where they were in the earlier frame, (2, 3); None where little moves.

    That of what is not the subject: least squares over a grid, reweighted so that what moves by
    itself has little say.
    """
    cv2, (height, width) = opencv(), opacity.shape
    rows, columns = height // _STEP, width // _STEP
    if not rows or not columns:
        return None
    reduced = cv2.resize(opacity, (columns, rows), interpolation=cv2.INTER_AREA)
    beside = cv2.dilate(reduced, _SMALL) < _FAINT
    if np.count_nonzero(beside) < 12:
        return None
    row, column = (_STEP * found + _STEP // 2 for found in np.nonzero(beside))
    places = np.stack([column, row, np.ones_like(row)], 1).astype(np.float64)
    moves = flow[row, column].astype(np.float64)
    found, weight = np.zeros((3, 2)), np.ones(len(places))
    for _ in range(4):
        weighted = (places * weight[:, None]).T
        found = np.asarray(np.linalg.solve(weighted @ places + np.eye(3), weighted @ moves), np.float64)
        far = np.abs(moves - places @ found).max(1)
        weight = 1 / (1 + (far / max(0.25, float(np.median(far)))) ** 2)
    corners = np.array([[x, y, 1] for x in (0, width) for y in (0, height)], np.float64)
    if np.abs(corners @ found).max() < _FAINT:
        return None
    still: npt.NDArray[np.float64] = np.eye(2, 3)
    return still + found.T


_STEP: Final = 16

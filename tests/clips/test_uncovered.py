"""What comes out from behind a subject is given up, and nothing else is."""

import numpy as np
import pytest
from scipy import ndimage

from wisp.clips import uncovered
from wisp.clips.alpha import Decided, PortraitMethod
from wisp.clips.belief_maps import SubjectMaps
from wisp.clips.steady import Steadiness, filter_alpha
from wisp.clips.uncovered import give_up_uncovered, move_along, remember, remember_nothing
from wisp.core.arrays import to_float

SIZE = (72, 128)
ROWS, WIDTH = slice(20, 60), 24
NOISE = np.random.default_rng(5).normal(0, 1, (72, 256, 3))
GROUND = np.clip(90 + 160 * ndimage.gaussian_filter(NOISE, (1.5, 1.5, 0)), 0, 255).astype(np.uint8)
PLAIN = np.full((72, 256, 3), 90, np.uint8)
CLOTH = (np.array([200, 40, 30]) + 20 * NOISE).clip(0, 255).astype(np.uint8)


def passing(left, *, ground=GROUND, camera=0):
    """A frame, uint8 (h, w, 3), in which somebody covers columns from `left` on, and their alpha."""
    picture, alpha = ground[:, camera : camera + SIZE[1]].copy(), np.zeros(SIZE, np.float32)
    columns = slice(max(left, 0), max(left + WIDTH, 0))
    picture[ROWS, columns] = CLOTH[ROWS, : alpha[0, columns].size]
    alpha[ROWS, columns] = 1
    return picture, alpha


def remembered(lefts, *, ground=GROUND, pan=0):
    """The memory after somebody stood at these columns, frame by frame, in the last frame's place."""
    memory = None
    for number, left in enumerate(lefts):
        picture, alpha = passing(left, ground=ground, camera=(60 if pan < 0 else 0) + pan * number)
        if memory is None:
            memory = remember_nothing(picture)
        else:
            memory = move_along(memory, np.full((*SIZE, 2), (pan, 0), np.float32), alpha)
        memory = remember(memory, picture, alpha)
    return memory, picture, alpha


LEFTS = [10] * 5 + list(range(10, 80, 4))
BESIDE = (slice(24, 56), slice(50, 66))
"""Where somebody went by and is no more."""
INNER = (slice(26, 54), slice(52, 64))


def taken(alpha, place=BESIDE):
    """The mask of a network that takes a place for the subject, too."""
    mask = alpha.copy()
    mask[place] = 1
    return mask


def test_what_somebody_passed_is_given_up_and_nobody_is():
    memory, picture, alpha = remembered(LEFTS)
    free, _ = give_up_uncovered(memory, picture, taken(alpha))
    assert free[BESIDE].min() > 0.9
    assert free[alpha > 0].mean() < 0.02


def test_a_right_mask_stays_as_it_is():
    memory, picture, alpha = remembered(LEFTS)
    free, after = give_up_uncovered(memory, picture, alpha)
    assert not free.any()
    assert not after.given_up.any()


def test_what_was_never_covered_stays():
    memory, picture, alpha = remembered(LEFTS)
    aside = (slice(24, 56), slice(106, 124))
    assert not give_up_uncovered(memory, picture, taken(alpha, aside))[0][aside].any()


def test_what_looks_otherwise_stays():
    memory, picture, alpha = remembered(LEFTS)
    picture[BESIDE] = CLOTH[BESIDE]
    assert not give_up_uncovered(memory, picture, taken(alpha))[0][BESIDE].any()


def test_where_nothing_can_be_told_apart_all_stays():
    memory, picture, alpha = remembered(LEFTS, ground=PLAIN)
    assert memory.covered[BESIDE].mean() > 0.5
    assert not give_up_uncovered(memory, picture, taken(alpha))[0].any()


def test_what_is_of_the_subjects_colours_here_and_there_was_covered_too():
    alike = np.zeros(SIZE, bool)
    alike[30:50:6, 54:64:4] = True
    memory = None
    for left in LEFTS:
        picture, alpha = passing(left)
        picture[alike] = GROUND[:, : SIZE[1]][alike]  # shows through wherever somebody stands
        memory = remember(remember_nothing(picture) if memory is None else memory, picture, alpha)
    assert memory.covered[alike].all()


@pytest.mark.parametrize("pan", [1, -1])
def test_it_moves_with_the_camera(pan):
    memory, picture, alpha = remembered(LEFTS, pan=pan)
    place = (slice(24, 56), slice(62, 74))  # seen before it was covered in both
    free, _ = give_up_uncovered(memory, picture, taken(alpha, place))
    assert free[place].mean() > 0.9
    assert free[alpha > 0].mean() < 0.05


def test_it_is_found_some_pixels_aside():
    """A thing that stands still on the screen while the camera moves."""
    memory, picture, alpha = remembered(LEFTS)
    aside = np.where(alpha[..., None] > 0, picture, np.roll(GROUND, 3, 1)[:, : SIZE[1]])
    assert give_up_uncovered(memory, aside, taken(alpha))[0][BESIDE].mean() > 0.6


def test_it_stays_given_up_while_it_shows():
    memory, picture, alpha = remembered(LEFTS)
    _, memory = give_up_uncovered(memory, picture, taken(alpha))
    free, _ = give_up_uncovered(memory, picture, alpha)
    assert free[BESIDE].min() > 0.9
    picture[BESIDE] = CLOTH[BESIDE]
    assert not give_up_uncovered(memory, picture, alpha)[0][INNER].any()


def test_what_is_overlooked_for_some_frames_is_not_given_up_when_it_is_found():
    memory, picture, _ = remembered([10] * 8)
    alpha = np.zeros(SIZE, np.float32)
    memory = remember_nothing(picture)
    for _ in range(8):
        memory = remember(memory, picture, alpha)  # nobody is found
    found = passing(10)[1]
    for _ in range(3):
        free, memory = give_up_uncovered(memory, picture, found)
        assert not free.any()
        memory = remember(memory, picture, found)


def test_what_changes_is_learnt_anew():
    memory, picture, alpha = remembered(LEFTS)
    for _ in range(uncovered.OFTEN + 2):
        picture = picture.copy()
        picture[BESIDE] = CLOTH[BESIDE]
        memory = remember(memory, picture, alpha)
    assert not memory.covered[INNER].any()
    np.testing.assert_array_equal(memory.picture[INNER], picture[INNER])


@pytest.mark.parametrize("size", [(1, 1), (7, 200), (40, 9)])
def test_odd_sizes(size):
    picture = GROUND[: size[0], : size[1]]
    alpha = np.zeros(size, np.float32)
    memory = remember(remember_nothing(picture), picture, alpha)
    memory = move_along(memory, np.ones((*size, 2), np.float32), alpha)
    free, memory = give_up_uncovered(memory, picture, np.ones(size, np.float32))
    assert free.shape == memory.seen.shape == size
    assert not free.any()


def test_a_clip_loses_what_comes_out_from_behind_somebody(monkeypatch):
    """The networks hold a place for the subject from when it comes out on; neither alpha nor belief do."""
    frames = [passing(left) for left in LEFTS]
    number = 0

    def decide(self, image, past=None, /):
        _, alpha = frames[number]
        mask = taken(alpha) if number > 17 else alpha
        return Decided(mask, SubjectMaps(mask, mask, 0 * mask, np.ones_like(mask), mask))

    monkeypatch.setattr(PortraitMethod, "decide", decide)
    state = None
    for number, (picture, alpha) in enumerate(frames):  # noqa: B007 - `decide` reads it
        held, state = filter_alpha(
            to_float(picture), state, PortraitMethod(), steadiness=Steadiness(hold=0.01, rest=0)
        )
    assert held.alpha[INNER].max() < 0.1
    assert held.alpha[alpha > 0].mean() > 0.95
    believed = state.belief.people, state.belief.subject, state.belief.mask
    assert max(plane[INNER].max() for plane in believed) < 0.1
    assert state.belief.is_person[INNER].min() == 1

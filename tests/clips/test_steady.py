"""Mattes over time: flicker falls, nothing trails, a cut starts afresh, and step is pure."""

import numpy as np
import pytest
from scipy import ndimage

from tiny_clips import moving_disc
from wisp.clips import steady
from wisp.clips.alpha import Decided, PortraitMethod, upsample_to_frame
from wisp.clips.belief_maps import SubjectMaps
from wisp.clips.flow import is_cut, shrink_to_bytes, stillness
from wisp.clips.steady import STEADY, State, Steadiness, filter_alpha, matte_frames, steady_alpha, step
from wisp.core.arrays import to_float
from wisp.core.errors import InputError
from wisp.core.opencv import shrink
from wisp.evaluation.video_metrics import clip_scores

SIZE = (72, 128)
TEXTURE = ndimage.gaussian_filter(np.random.default_rng(3).normal(0, 1, (72, 256, 3)), (2, 2, 0)) * 120


def frame(index, *, step=2.0):
    """A textured disc that moves over a textured ground, float32, and its alpha."""
    _, alpha = moving_disc(index, *SIZE, step=step)
    shift = round(step * index)
    ground = np.clip(60 + TEXTURE[:, 100:228], 0, 255)
    subject = np.clip(190 + np.roll(TEXTURE, shift, axis=1)[:, :128], 0, 255)
    picture = alpha[..., None] * subject + (1 - alpha[..., None]) * ground
    return to_float(np.rint(picture).astype(np.uint8)), alpha.astype(np.float32)


def flickering(alpha, seed):
    """What a nervous network would say: the edge moves in and out, and its level wavers."""
    rng = np.random.default_rng(seed)
    wavering = ndimage.gaussian_filter(rng.normal(0, 1, alpha.shape), 2)
    wavering *= 0.12 / wavering.std()
    soft = np.exp(-((np.abs(ndimage.gaussian_filter(alpha, 2) - 0.5) / 0.4) ** 2))
    return (alpha + wavering * soft).clip(0, 1).astype(np.float32)


def says(alpha):
    """A method that gives this alpha, whatever it is shown."""
    return lambda image, past=None: alpha


def steadied(frames, alphas, steadiness=STEADY):
    state, held = None, []
    for image, alpha in zip(frames, alphas, strict=True):
        shown, state = steady_alpha(image, state, says(alpha), steadiness=steadiness)
        held.append(shown)
    return held


@pytest.mark.parametrize("speed", [0.0, 1.5])
def test_flicker_falls_and_alpha_follows_the_motion(speed):
    frames, truths = zip(*[frame(index, step=speed) for index in range(16)], strict=True)
    noisy = [flickering(truth, seed) for seed, truth in enumerate(truths)]
    before, after = clip_scores(noisy, truths), clip_scores(steadied(frames, noisy), truths)
    assert after["dtssd"] < 0.6 * before["dtssd"]
    assert after["mad"] < 0.95 * before["mad"]


def test_nothing_trails_behind_a_fast_subject():
    """A perfect alpha stays nearly perfect: what old alpha says of where the subject was is not believed."""
    frames, truths = zip(*[frame(index, step=5) for index in range(8)], strict=True)
    held = steadied(frames, truths)
    assert clip_scores(held, truths)["mad"] < 4
    still = steadied([frames[0]] * 8, truths)  # a picture that stands still would trail: the test can tell
    assert clip_scores(still, truths)["mad"] > 8


def test_motion_that_is_a_little_wrong_makes_nothing_lag(monkeypatch):
    frames, truths = zip(*[frame(index, step=1.5) for index in range(12)], strict=True)
    search = steady.find_flow
    monkeypatch.setattr(steady, "find_flow", lambda *pictures: search(*pictures) + np.float32(0.4))
    always = Steadiness(rest=0)
    aligned = clip_scores(steadied(frames, truths, always), truths)["mad"]
    monkeypatch.setattr(steady, "align", lambda flow, *_: flow)
    lagging = clip_scores(steadied(frames, truths, always), truths)["mad"]
    assert aligned < 0.5 * lagging


def test_a_subject_that_vanishes_is_gone_at_once():
    image, alpha = frame(0)
    empty = frame(0)[0].copy()
    empty[alpha > 0] = 60 / 255
    _, state = steady_alpha(image, None, says(alpha))
    held, _ = steady_alpha(empty, state, says(np.zeros_like(alpha)))
    assert held.max() < 0.31  # the slack; without clamping, old alpha would show through
    assert held.mean() < 0.02 * alpha.mean()


def test_a_cut_starts_afresh():
    image, alpha = frame(3)
    other = 1 - image[::-1]
    _, state = steady_alpha(image, None, says(alpha))
    _, state = steady_alpha(image, state, says(alpha))
    assert state.age == 1
    held, state = steady_alpha(other, state, says(alpha[::-1].copy()))
    assert state.age == 0
    np.testing.assert_array_equal(held, alpha[::-1])


def test_motion_and_exposure_are_no_cuts():
    pictures = [shrink_to_bytes(frame(index, step=6)[0], 128) for index in (0, 1)]
    assert not is_cut(*pictures)
    assert not is_cut(pictures[0], (pictures[0] * 0.9).astype(np.uint8))
    assert is_cut(pictures[0], 255 - pictures[0][::-1])
    assert not is_cut(pictures[0], pictures[0][:, ::-1])  # the same colours elsewhere


@pytest.mark.parametrize(("columns", "cut"), [(45, False), (55, True), (65, True)])
def test_more_than_half_of_the_colours_are_other_ones_after_a_cut(columns, cut):
    before = np.full((60, 100, 3), 200, np.uint8)
    after = before.copy()
    after[:, :columns] = (200, 20, 20)
    assert is_cut(before, after) is cut


def test_what_is_held_can_be_enlarged_later():
    state = one = None
    for index in range(3):
        image, alpha = frame(index)
        small = shrink(alpha, 36, 64)
        held, one = filter_alpha(image, one, says(small))
        assert held.alpha.shape == (36, 64)
        steady, state = steady_alpha(image, state, says(small))
        np.testing.assert_array_equal(upsample_to_frame(image, *held), steady)
        np.testing.assert_array_equal(one.alpha, state.alpha)


def test_the_first_frames_count_alike():
    """Of a still every alpha is the mean of those so far."""
    image, _ = frame(0)
    levels, state, shown = (0.5, 0.6, 0.4, 0.5), None, []
    for level in levels:
        alpha = np.full(SIZE, level, np.float32)
        held, state = filter_alpha(image, state, says(alpha), steadiness=Steadiness(rest=0))
        shown.append(float(held.alpha.mean()))
    np.testing.assert_allclose(shown, [0.5, 0.55, 0.5, 0.5], atol=1e-4)


def test_another_size_starts_afresh():
    image, alpha = frame(0)
    _, state = steady_alpha(image, None, says(alpha))
    image, alpha = frame(1)
    held, state = steady_alpha(image[:50, :60].copy(), state, says(alpha[:50, :60].copy()))
    assert held.shape == (50, 60)
    assert state.age == 0


def test_step_is_pure():
    image, alpha = frame(0)
    _, state = step(image, None, says(alpha))
    copies = image.copy(), state.alpha.copy(), state.small.copy()
    first = step(image, state, says(alpha * np.float32(0.9)))
    again = step(image, state, says(alpha * np.float32(0.9)))
    np.testing.assert_array_equal(first[0].alpha, again[0].alpha)
    np.testing.assert_array_equal(first[0].foreground, again[0].foreground)
    for now, then in zip((image, state.alpha, state.small), copies, strict=True):
        np.testing.assert_array_equal(now, then)


def test_without_holding_every_frame_is_its_own():
    frames, truths = zip(*[frame(index) for index in range(3)], strict=True)
    found = iter(truths)
    for matte, truth in zip(
        matte_frames(frames, lambda image, past=None: next(found), steadiness=Steadiness(hold=0)),
        truths,
        strict=True,
    ):
        np.testing.assert_array_equal(matte.alpha, truth)


def test_a_method_is_told_where_the_subject_went():
    told = []

    def method(image, past=None):
        told.append(past)
        return frame(len(told) - 1, step=3)[1]

    state = None
    for index in range(4):
        _, state = steady_alpha(frame(index, step=3)[0], state, method)
    assert told[0] is None
    assert [past.age for past in told[1:]] == [1, 2, 3]
    for index, past in enumerate(told[1:], 1):
        now, then = frame(index, step=3)[1], frame(index - 1, step=3)[1]
        assert np.abs(past.alpha - now).mean() < 0.4 * np.abs(then - now).mean()
    steady_alpha(1 - frame(4)[0][::-1], state, method)
    assert told[-1] is None  # after a cut nothing is known


def test_a_smaller_alpha_is_held_and_drawn_to_the_edges_of_the_frame():
    image, alpha = frame(0)
    small = shrink(alpha, 36, 64)
    shown, state = steady_alpha(image, None, says(small))
    assert state.alpha.shape == (36, 64)
    assert shown.shape == alpha.shape
    assert np.abs(shown - alpha).mean() < 0.01


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (7, 5), (33, 17)])
def test_odd_sizes(size):
    image, alpha = np.full((*size, 3), 0.5, np.float32), np.full(size, 0.7, np.float32)
    matte, state = step(image, None, says(alpha))
    matte, state = step(image, state, says(alpha))
    assert isinstance(state, State)
    np.testing.assert_allclose(matte.alpha, 0.7, atol=1e-5)


def test_a_smaller_alpha_of_a_very_wide_frame():
    image = np.full((10, 500, 3), 0.5, np.float32)
    matte, state = step(image, None, says(np.full((2, 80), 0.7, np.float32)))
    matte, _ = step(image, state, says(np.full((2, 80), 0.7, np.float32)))
    np.testing.assert_allclose(matte.alpha, 0.7, atol=1e-4)


def test_an_alpha_of_another_size_is_refused():
    with pytest.raises(InputError, match="alpha: is 10×10"):
        step(frame(0)[0], None, says(np.zeros((10, 10), np.float32)))


@pytest.mark.parametrize(
    ("rest", "appearance", "expected"),
    [
        (STEADY.rest, "steady", [0, 1, 2, 4, 6, 8]),
        (0.0, "steady", list(range(10))),
        (STEADY.rest, "changing", list(range(10))),
    ],
)
def test_the_method_rests_in_every_second_frame_unless_the_edge_changes(rest, appearance, expected):
    asked, state = [], None
    rng = np.random.default_rng(0)
    for index in range(10):
        image, truth = frame(index, step=1.0)
        if appearance == "changing":
            image = (image + rng.normal(0, 0.15, (1, 1, 3)).astype(np.float32)).clip(0, 1)

        def method(_, past=None, /, index=index, truth=truth):
            asked.append(index)
            return truth

        alpha, state = steady_alpha(image, state, method, steadiness=Steadiness(rest=rest))
        assert np.abs(alpha - truth).mean() < 0.01
    assert asked == expected


def test_an_empty_picture_lets_the_method_rest_but_not_for_long():
    asked, state = [], None
    empty = np.zeros(SIZE, np.float32)
    image, _ = frame(0)
    for index in range(6):
        _, state = steady_alpha(image, state, lambda *_, i=index: asked.append(i) or empty)
    assert asked == [0, 1, 2, 4]


def test_an_empty_picture_into_which_something_comes_lets_no_method_rest():
    asked, state = [], None
    empty = np.zeros(SIZE, np.float32)
    image, _ = frame(0)
    for index in range(6):
        coming = image.copy()
        coming[:, : 5 * index] = 1 - image[:, : 5 * index]
        _, state = steady_alpha(coming, state, lambda *_, i=index: asked.append(i) or empty)
    assert asked == [0, 1, 2, 3, 4, 5]


def test_alpha_stays_where_the_picture_stands_still_beside_what_moves():
    """The network wavers beside a subject that moves; the wall there does not."""
    state, changes = None, []
    wavering = np.random.default_rng(5)
    for index in range(12):
        image, truth = frame(index)
        beside = truth.copy()
        beside[4:12, 4:12] = wavering.uniform(0.4, 0.6)
        alpha, next_state = steady_alpha(image, state, says(beside))
        if index > 5:
            changes.append(float(np.abs(alpha - state.alpha)[6:10, 6:10].max()))
        state = next_state
        assert np.abs(alpha - truth)[20:].mean() < 0.01
    assert max(changes) < 0.02  # four fifths held would be 0.04


def test_stillness_is_lost_within_a_few_levels_of_change_and_not_beside_it():
    before = np.full((20, 30, 3), 100, np.uint8)
    after = before.copy()
    after[:, 10:15, 1] += 2
    after[:, 15:] += 8
    found = stillness(before, after, 0.014)
    assert found[:, :9].min() == 1
    assert found[:, 11:14] == pytest.approx(np.exp(-((2 / 255 / 0.014) ** 4)), abs=1e-5)
    assert found[:, 16:].max() < 1e-9


def test_what_stands_behind_somebody_does_not_take_their_place_when_they_pass_it(monkeypatch):
    """A disc passes over a ground that is known to be no person; its rim stays a person's."""
    pasts = []

    def decide(self, image, past=None, /):
        pasts.append(past)
        alpha = frame(len(pasts) - 1, step=4.0)[1]
        if past is not None:
            return Decided(alpha, past.belief)
        return Decided(alpha, SubjectMaps(alpha, alpha, 0 * alpha, alpha, alpha))

    monkeypatch.setattr(PortraitMethod, "decide", decide)
    state = None
    for index in range(8):
        image, truth = frame(index, step=4.0)
        _, state = filter_alpha(image, state, PortraitMethod(), steadiness=Steadiness(rest=0))
    kind = state.belief.is_person
    wrong = (kind > 0.5) != (truth > 0.5)
    assert wrong.mean() < 0.018  # by the picture's own motion 0.024


def told_to_believe_everything(monkeypatch, alpha):
    """What a method that says `alpha` and believes in it everywhere is told of the past, frame by frame."""
    pasts = []

    def decide(self, image, past=None, /):
        pasts.append(past)
        return Decided(alpha, SubjectMaps(*5 * [np.ones(SIZE, np.float32)]))

    monkeypatch.setattr(PortraitMethod, "decide", decide)
    return pasts


def test_what_is_believed_is_given_up_where_motion_does_not_explain_the_picture(monkeypatch):
    image, alpha = frame(0)
    pasts = told_to_believe_everything(monkeypatch, alpha)
    _, state = filter_alpha(image, None, PortraitMethod())
    other = image.copy()
    other[20:52, 80:120] = 1 - other[20:52, 80:120]
    filter_alpha(other, state, PortraitMethod())
    belief = pasts[1].belief
    believed = np.dstack([belief.people, belief.subject, belief.segmented, belief.mask])
    assert believed[28:44, 90:110].mean() < 0.1
    assert believed[:, :40].mean() > 0.95
    assert belief.is_person.min() == 1  # of what kind something is stays known


@pytest.mark.parametrize(("known", "least", "most"), [(False, 0.995, 1), (True, 0.6, 0.8)])
def test_who_is_new_is_not_held_back_by_what_was_there(monkeypatch, known, least, most):
    image, truth = frame(0)
    frames = []

    def decide(self, image, past=None, /):
        frames.append(past)
        there = len(frames) > 3
        believed = truth if there or known else 0 * truth
        return Decided(truth if there else 0 * truth, SubjectMaps(*4 * [0 * truth], believed))

    monkeypatch.setattr(PortraitMethod, "decide", decide)
    state = None
    for _ in range(4):
        held, state = filter_alpha(image, state, PortraitMethod(), steadiness=Steadiness(rest=0))
    assert least <= held.alpha[truth == 1].mean() <= most
    held, state = filter_alpha(image, state, PortraitMethod(), steadiness=Steadiness(rest=0))
    assert held.alpha[truth == 1].mean() > least


def test_what_comes_into_the_picture_is_of_no_known_kind(monkeypatch):
    image, alpha = frame(0)
    pasts = told_to_believe_everything(monkeypatch, alpha)
    monkeypatch.setattr(steady, "find_flow", lambda before, after: np.full((*SIZE, 2), (-3, 0), np.float32))
    _, state = filter_alpha(image, None, PortraitMethod())
    filter_alpha(np.roll(image, 3, 1), state, PortraitMethod(), steadiness=Steadiness(still=1e-6))
    kind = pasts[1].belief.is_person
    assert (kind[:, :2] == 0.5).all()
    assert kind[:, 3:].min() == 1

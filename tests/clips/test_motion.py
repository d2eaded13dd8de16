"""Motion cues: which frames they hold at the ends, at cuts, of stills, and that methods are given them."""

import numpy as np
import pytest

from wisp.clips.motion import WithMotion, with_cues
from wisp.clips.steady import matte_frames, pair_with_motion
from wisp.core.arrays import motion_of_still, to_luma


def frames(count, seed=0):
    """Noise whose brightness is the frame's number in hundredths, float32 (H, W, 3)."""
    noise = np.random.default_rng(seed).normal(0, 0.002, (8, 12, 3))
    return [(0.3 + 0.01 * number + noise).astype(np.float32) for number in range(count)]


def numbers(motion):
    """Which frames a cue holds."""
    return [round((float(motion[..., n].mean()) - 0.3) * 100) for n in range(4)]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, [[0, 0, 0, 0]]),
        (2, [[0, 0, 1, 1], [0, 0, 1, 1]]),
        (3, [[0, 0, 1, 2], [0, 0, 2, 2], [0, 1, 2, 2]]),
        (
            6,
            [
                [0, 0, 1, 2],
                [0, 0, 2, 3],
                [0, 1, 3, 4],
                [1, 2, 4, 5],
                [2, 3, 5, 5],
                [3, 4, 5, 5],
            ],
        ),
    ],
)
def test_two_frames_before_and_two_after_the_nearest_repeating_at_the_ends(count, expected):
    clip = frames(count)
    found = list(with_cues(clip, lambda image: image))
    assert [numbers(motion) for _, motion in found] == expected
    for (own, motion), image in zip(found, clip, strict=True):
        assert own is image
        assert motion.shape == (8, 12, 4)
        assert motion.dtype == np.float32


def test_nothing_is_seen_beyond_a_cut():
    other = [np.dstack([f[..., 0] * 0, f[..., 1], f[..., 2] * 0 + 1]).astype(np.float32) for f in frames(3)]
    clip = [*frames(3), *other]
    cues = [motion for _, motion in with_cues(clip, lambda image: image)]
    np.testing.assert_array_equal(cues[2][..., 2], to_luma(clip[2]))
    np.testing.assert_array_equal(cues[2][..., 3], to_luma(clip[2]))
    np.testing.assert_array_equal(cues[1][..., 3], to_luma(clip[2]))
    np.testing.assert_array_equal(cues[3][..., 0], to_luma(clip[3]))
    np.testing.assert_array_equal(cues[4][..., 0], to_luma(clip[3]))
    np.testing.assert_array_equal(cues[3][..., 3], to_luma(clip[5]))


def test_it_reads_two_frames_ahead_and_no_more():
    read = []

    def source():
        for number, image in enumerate(frames(9)):
            read.append(number)
            yield image

    cues = with_cues(source(), lambda image: image)
    next(cues)
    assert read == [0, 1, 2]
    next(cues)
    assert read == [0, 1, 2, 3]


def test_no_frames_no_cues():
    assert list(with_cues([], lambda image: image)) == []


def test_a_method_that_wants_cues_is_given_them_and_others_are_left_alone():
    clip = frames(4)
    seen = []

    def method(image, motion, /):
        seen.append(numbers(motion))
        return image[..., 0]

    found = list(pair_with_motion(clip, WithMotion(method), lambda image: image))
    assert [np.array_equal(own(image), image[..., 0]) for image, own in found] == [True] * 4
    assert seen[1] == [0, 0, 2, 3]
    np.testing.assert_array_equal(WithMotion(method)(clip[2]), clip[2][..., 0])
    assert seen[-1] == [2, 2, 2, 2]

    def plain(image, /):
        return image[..., 1]

    assert [own for _, own in pair_with_motion(clip, plain, lambda image: image)] == [plain] * 4


def test_the_mattes_of_a_clip_are_made_with_cues():
    seen = []

    def method(image, motion, /):
        seen.append(numbers(motion))
        return image[..., 0]

    assert len(list(matte_frames(frames(3), WithMotion(method)))) == 3
    assert seen == [[0, 0, 1, 2], [0, 0, 2, 2], [0, 1, 2, 2]]


def test_of_a_still_its_own_grey():
    image = np.zeros((1, 3, 3), np.float32)
    image[0] = np.eye(3)
    np.testing.assert_allclose(motion_of_still(image)[0, :, 3], [0.299, 0.587, 0.114])
    assert motion_of_still(image).shape == (1, 3, 4)

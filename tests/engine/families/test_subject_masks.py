"""Views of long photos, looks that are put together, and the regions of a mask that stay."""

import numpy as np
import pytest

from wisp.core.regions import Box
from wisp.engine.families.subject_masks import (
    PEOPLE_MASK,
    SUBJECT_MASK,
    enlarge_to_surroundings,
    join_where_both_see,
    keep_with_people,
    overlapping_views,
    put_back,
    weights_of_view,
)


def test_long_photos_are_seen_in_views_that_cover_them():
    for shape in ((100, 201), (100, 1000), (900, 110), (64, 640)):
        views = overlapping_views(shape, 2.0)
        covered = np.zeros(shape, int)
        for view in views:
            covered[view.slices] += 1
        assert len(views) > 1
        assert covered.min() >= 1
    assert overlapping_views((100, 200), 2.0) == [(0, 0, 100, 200)]


def test_without_people_every_region_stays():
    mask = np.zeros((20, 40), np.float32)
    mask[5:10, 5:10] = mask[5:10, 25:30] = 0.9
    kept, count = keep_with_people(mask, np.zeros_like(mask))
    assert count == 2
    assert np.array_equal(kept, mask)


def test_a_segmenter_has_no_say_where_it_sees_nothing():
    masks = np.zeros((20, 40, 2), np.float32)
    masks[5:10, 5:10] = masks[5:10, 25:30] = 0.9
    people = np.zeros((20, 40), np.float32)
    people[5:10, 5:9] = 1.0
    joined = join_where_both_see(masks, people)
    assert joined[7, 6, SUBJECT_MASK] == pytest.approx(0.95)
    assert joined[7, 9, SUBJECT_MASK] == pytest.approx(0.45)  # a part of a region that it sees
    assert joined[7, 27, SUBJECT_MASK] == pytest.approx(0.9)  # a region that it overlooks
    assert joined[7, 9, PEOPLE_MASK] == pytest.approx(0.45)
    people[15, 35] = 1.0
    assert join_where_both_see(masks, people)[15, 35, SUBJECT_MASK] == pytest.approx(0.5)


def test_of_a_large_subject_two_of_three_masks_decide():
    """A jumper that the segmenter does not know, an animal that only one mask has, a man under a hat."""
    masks = np.zeros((1, 4, 2), np.float32)
    masks[0, :, SUBJECT_MASK] = 0.9
    masks[0, :, PEOPLE_MASK] = [0.9, 0.1, 0.1, 0.9]
    people = np.array([[0.0, 0.0, 1.0, 1.0]], np.float32)
    small = join_where_both_see(masks, people)[0]
    assert small[:, SUBJECT_MASK] == pytest.approx([0.45, 0.45, 0.95, 0.95])
    large = join_where_both_see(masks, people, 1.0)[0]
    assert large[:, SUBJECT_MASK] == pytest.approx([0.45, 0.05, 0.95, 0.95])
    assert large[:, PEOPLE_MASK] == pytest.approx(small[:, PEOPLE_MASK])
    half = join_where_both_see(masks, people, 0.5)[0]
    assert half[:, SUBJECT_MASK] == pytest.approx([0.45, 0.25, 0.95, 0.95])
    assert masks[0, 1, SUBJECT_MASK] == np.float32(0.9)  # the given masks stay


def test_a_view_counts_most_in_its_middle():
    weights = weights_of_view((4, 9), axis=1)
    assert weights.shape == (4, 9, 1)
    assert weights[0, 4, 0] == pytest.approx(1.01)
    assert weights[0, 0, 0] == pytest.approx(np.sin(np.pi / 18) + 0.01)
    assert np.ptp(weights, axis=0).max() == 0


def test_a_small_box_is_looked_at_with_as_much_as_half_of_it_around():
    near = enlarge_to_surroundings(Box(100, 100, 140, 120), (400, 300))
    assert near == (82, 82, 158, 138)
    assert enlarge_to_surroundings(Box(0, 0, 201, 10), (400, 300)) is None


def test_a_closer_look_fades_in_where_it_ends_inside_the_photo():
    masks = np.zeros((60, 60, 2), np.float32)
    closer = np.ones((40, 40, 2), np.float32)
    out = put_back(masks, closer, Box(0, 0, 40, 40))
    assert out[0, 0, 0] == 1  # the photo's own corner
    assert out[20, 39, 0] == pytest.approx(0.5 / 4)
    assert out[20, 36, 0] == pytest.approx(3.5 / 4)
    assert out[20, 35, 0] == 1
    assert out[20, 40, 0] == 0
    assert not masks.any()

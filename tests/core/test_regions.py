import numpy as np

from wisp.core.regions import Box, bounding_box, keep_regions, label_regions, small_enclosed


def test_regions_without_a_seed_are_left_out():
    mask = np.zeros((20, 30), np.float32)
    mask[2:6, 2:6] = 0.9  # a rock that looks a little like somebody
    mask[10:15, 10:15] = 0.5
    mask[12, 12] = 0.97
    mask[15, 15] = 0.06  # touches the second region at a corner: a wisp of it
    mask[0, 29] = 0.04
    assert label_regions(mask, 0.05).max() == 2
    expected = mask.copy()
    expected[:9] = 0
    kept, count = keep_regions(mask, mask >= 0.95, 0.05)
    np.testing.assert_array_equal(kept, expected)
    assert count == 1
    outside = np.zeros(mask.shape, bool)
    outside[0, 29] = True
    kept, count = keep_regions(mask, outside, 0.05)
    assert (kept.any(), count) == (False, 0)


def test_of_nothing_nothing_is_kept_and_of_a_full_mask_all():
    empty, full = np.zeros((1, 1), np.float32), np.ones((3, 4), np.float32)
    assert keep_regions(empty, empty >= 0.95, 0.05) == (empty, 0)
    kept, count = keep_regions(full, full >= 0.95, 0.05)
    np.testing.assert_array_equal(kept, full)
    assert count == 1


def test_parts_are_judged_by_area_and_border():
    region = np.zeros((12, 14), bool)
    region[2, 2] = region[5:7, 5:7] = region[9:11, 9:12] = True  # 1, 4 and 6 pixels inside
    region[0, 7] = region[4, 13] = region[11, 0] = True  # at borders
    found = small_enclosed(region, 4)
    expected = np.zeros_like(region)
    expected[2, 2] = expected[5:7, 5:7] = True
    np.testing.assert_array_equal(found, expected)
    assert not small_enclosed(region, 0).any()


def test_corners_do_not_connect():
    region = np.zeros((5, 5), bool)
    region[1, 1] = region[2, 2] = True
    assert small_enclosed(region, 1).sum() == 2


def test_the_bounding_box_holds_all_of_an_alpha():
    alpha = np.zeros((8, 9), np.float32)
    assert bounding_box(alpha) is None
    alpha[2, 3], alpha[5, 7] = 0.1, 1
    assert bounding_box(alpha) == bounding_box(alpha > 0) == Box(2, 3, 6, 8)
    assert bounding_box(alpha, 3) == Box(0, 0, 8, 9)


def test_boxes_are_widened_inside_the_picture():
    box = Box(5, 6, 9, 13)
    assert box.widened(2, (10, 20)) == Box(3, 4, 10, 15)
    assert box.on_grid(4, (10, 20)) == Box(4, 4, 10, 16)

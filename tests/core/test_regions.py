import numpy as np

from wisp.core.regions import Box, bounding_box, small_enclosed


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

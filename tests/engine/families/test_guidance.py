"""Clicks and masks as the subject network takes them, and the regions that they touch."""

import numpy as np

from wisp.engine.families.guidance import NOTHING_SAID, Guidance, draw_click, keep_touched_regions


def test_the_planes_of_two_clicks():
    planes = Guidance(((50, 100),), ((0, 0),)).drawn((50, 100), (100, 200))
    assert planes.shape == (1, 3, 50, 100)
    assert np.argwhere(planes[0, 0]).tolist() == [[24, 50], [25, 49], [25, 50], [25, 51], [26, 50]]
    assert np.argwhere(planes[0, 1]).tolist() == [[0, 0], [0, 1], [1, 0]]
    assert not planes[0, 2].any()


def test_nothing_is_three_empty_planes():
    planes = NOTHING_SAID.drawn((32, 64), (100, 200))
    assert planes.shape == (1, 3, 32, 64)
    assert not planes.any()


def test_the_plane_of_a_mask():
    before = np.zeros((100, 200), np.float32)
    before[:, :100] = 1
    planes = Guidance(before=before).drawn((50, 100), (100, 200))
    assert planes[0, 2, 25, 40] == 1
    assert planes[0, 2, 25, 60] == 0
    assert not planes[0, :2].any()


def test_a_disk_follows_the_size():
    small, large = np.zeros((96, 96), np.float32), np.zeros((384, 384), np.float32)
    draw_click(small, 48, 48)
    draw_click(large, 192, 192)
    assert small.sum() == 5  # grid points within 1
    assert large.sum() == 81  # grid points within 5
    assert large[192, 187] == 1
    assert large[192, 186] == 0


def test_a_disk_is_cut_at_the_border():
    plane = np.zeros((384, 200), np.float32)
    draw_click(plane, 0, 199.6)
    assert np.argwhere(plane).max(0).tolist() == [4, 199]
    assert np.argwhere(plane).min(0).tolist() == [0, 195]


def test_a_part_has_the_clicks_and_the_mask_of_the_part():
    from wisp.core.regions import Box

    before = np.arange(20, dtype=np.float32).reshape(4, 5) / 20
    part = Guidance(((3, 4),), ((0, 0),), before).within(Box(1, 2, 4, 5))
    assert (part.inside, part.outside) == (((2, 2),), ((-1, -2),))
    assert np.array_equal(part.before, before[1:4, 2:5])


def test_touched_regions_stay_and_no_others():
    mask = np.zeros((20, 60), np.float32)
    mask[5:10, 5:10] = mask[5:10, 25:30] = mask[5:10, 45:50] = 0.9
    before = np.zeros_like(mask)
    before[8, 27] = 1
    kept = keep_touched_regions(mask, Guidance(inside=((6, 6),), outside=((6, 46),), before=before))
    assert np.array_equal(kept[:, :40], mask[:, :40])
    assert not kept[:, 40:].any()

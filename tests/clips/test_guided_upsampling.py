"""An alpha that follows its picture: edges of a larger one, and hair in a haze."""

import numpy as np

from tiny_networks import bright_disc
from wisp.clips.guided_upsampling import guided_enlargement, refine_hair
from wisp.core.opencv import opencv, shrink
from wisp.core.settings import CLIPS
from wisp.matting.classical.guided_filter import guided_filter


def test_the_guided_filter_is_that_of_photos():
    image, alpha = bright_disc(120, 150, softness=9)
    mask = shrink(alpha, 60, 75).round()
    small = shrink(image, 60, 75)
    inner = np.s_[14:-14, 14:-14]  # borders are mirrored here and cut off there
    found = guided_enlargement(small, mask, small, radius=6, epsilon=1e-4)
    np.testing.assert_allclose(
        found[inner], guided_filter(small, mask, radius=6, epsilon=1e-4)[inner], atol=1e-4
    )


def test_an_enlarged_mask_gets_the_edges_of_the_large_picture():
    image, alpha = bright_disc(400, 600, softness=1)
    small = shrink(image, 200, 300)
    hard = (shrink(alpha, 200, 300) > 0.5).astype(np.float32)
    plain = opencv().resize(hard, (600, 400))
    drawn = guided_enlargement(small, hard, image, radius=6)
    assert np.abs(drawn - alpha).mean() < 0.6 * np.abs(plain - alpha).mean()
    assert drawn.min() >= 0
    assert drawn.max() <= 1


def test_flat_masks_stay_as_they_are():
    image, _ = bright_disc(40, 50)
    for value in (0, 1):
        mask = np.full((20, 25), value, np.float32)
        np.testing.assert_array_equal(guided_enlargement(shrink(image, 20, 25), mask, image, radius=6), value)


def test_hair_follows_the_colours_and_narrow_edges_stay():
    rng = np.random.default_rng(0)
    columns = np.mgrid[:160, :240][1]
    fringe = np.clip((columns - 60) / 120, 0, 1)
    strands = opencv().GaussianBlur((rng.random((160, 240)) < fringe).astype(np.float32), (0, 0), 0.8)
    truth = np.where(columns > 180, 1, np.where(columns < 60, 0, strands)).astype(np.float32)
    ground = np.array([0.8, 0.7, 0.4], np.float32)
    picture = truth[..., None] * np.array([0.2, 0.15, 0.1], np.float32) + (1 - truth[..., None]) * ground
    haze = opencv().GaussianBlur(truth, (0, 0), 6)
    found = refine_hair(picture, haze)
    assert np.abs(found - truth).mean() < 0.5 * np.abs(haze - truth).mean()
    assert (found <= CLIPS.hair_max_gain * haze + 1e-6).all()
    assert (1 - found <= CLIPS.hair_max_gain * (1 - haze) + 1e-6).all()

    image, alpha = bright_disc(160, 240, softness=4)
    np.testing.assert_array_equal(refine_hair(image, alpha), alpha)


def test_a_part_is_drawn_as_in_the_whole_from_the_windows_reach_on():
    image, alpha = bright_disc(120, 150, softness=9)
    radius, part = 4, np.s_[5:70, 5:85]
    reach = 3 * radius + 2
    inner = np.s_[reach:-reach, reach:-reach]
    whole = guided_enlargement(image, alpha, image, radius=radius)
    found = guided_enlargement(image[part], alpha[part], image[part], radius=radius)
    assert 0.1 < whole[part][inner].mean() < 0.9
    np.testing.assert_allclose(found[inner], whole[part][inner], atol=1e-5)

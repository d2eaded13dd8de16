"""Foreground colours for video: nearly those of the slow ways, at odd sizes too."""

import numpy as np
import pytest
from scipy import ndimage

from tiny_networks import bright_disc
from wisp.clips.colours import estimate_colours, estimate_soft_colours, soft_part
from wisp.compositing.over import over
from wisp.core.errors import InputError
from wisp.matting.foreground.blur_fusion import estimate_blur_fusion

pytest.importorskip("cv2")


def composed(height, width):
    """A soft disc of known colours over a background of others: image, alpha, foreground."""
    _, alpha = bright_disc(height, width, softness=min(height, width) / 6)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    foreground = np.dstack([0.6 + 0.3 * columns / width, 0.3 + 0.3 * rows / height, 0.2 + 0 * rows])
    background = np.dstack([0.1 + 0 * rows, 0.8 - 0.2 * columns / width, 0.6 + 0.3 * rows / height])
    return over(foreground, alpha, background), alpha, foreground


@pytest.mark.parametrize(("height", "width"), [(200, 321), (31, 47), (5, 3), (1, 1)])
def test_foreground_takes_no_old_background_colour(height, width):
    image, alpha, truth = composed(height, width)
    found = estimate_colours(image, alpha)
    assert found.shape == truth.shape
    np.testing.assert_array_equal(found[alpha == 1], image[alpha == 1])
    if height > 30:
        soft = (alpha > 0.05) & (alpha < 1)
        slow = estimate_blur_fusion(image, alpha)[0]
        error, naive = (np.abs(f - truth)[soft].mean() for f in (found, image))
        assert error < 0.35 * naive
        assert error < 1.5 * np.abs(slow - truth)[soft].mean()
        beyond = (alpha == 0) & (np.abs(image - truth).max(2) > 0.2)
        assert np.abs(found - truth)[beyond].mean() < 0.5 * np.abs(image - truth)[beyond].mean()


def test_foreground_of_hard_patches_stays_within_what_colours_can_be():
    rng = np.random.default_rng(134)
    alpha = np.kron(rng.random((4, 4)), np.ones((24, 32)))
    alpha = ndimage.gaussian_filter((4 * alpha - 1.5).clip(0, 1), 6).clip(0, 1).astype(np.float32)
    alpha[alpha < 0.05] = 0
    image = np.kron(rng.random((8, 8, 3)) > 0.5, np.ones((12, 16, 1))).astype(np.float32)
    found = estimate_colours(image, alpha)
    assert found.min() >= 0
    assert found.max() <= 1


def test_foreground_of_nothing_and_of_everything():
    image = composed(40, 60)[0]
    np.testing.assert_array_equal(estimate_colours(image, np.ones((40, 60), np.float32)), image)
    assert np.isfinite(estimate_colours(image, np.zeros((40, 60), np.float32))).all()


@pytest.mark.parametrize("find", [estimate_colours, estimate_soft_colours])
def test_arrays_of_other_sizes_are_refused(find):
    with pytest.raises(InputError, match="alpha: is 4×4"):
        find(np.zeros((5, 5, 3), np.float32), np.zeros((4, 4), np.float32))


@pytest.mark.parametrize("off_centre", [0, 60])
def test_soft_colours_are_the_foregrounds_where_alpha_is_soft(off_centre):
    image, alpha, _ = composed(120, 321)
    alpha = np.roll(alpha, off_centre, 1)
    alpha[:, : 2 * off_centre] = 0
    found, whole = estimate_soft_colours(image, alpha), estimate_colours(image, alpha)
    soft = (alpha > 0) & (alpha < 1)
    np.testing.assert_array_equal(found.places, np.flatnonzero(soft))
    np.testing.assert_array_equal(found.colours, whole[soft])


def test_the_soft_part_of_a_foreground():
    image, alpha, truth = composed(40, 60)
    found = soft_part(truth, alpha)
    np.testing.assert_array_equal(found.colours, truth[(alpha > 0) & (alpha < 1)])
    np.testing.assert_array_equal(found.places, estimate_soft_colours(image, alpha).places)
    with pytest.raises(InputError, match="alpha: is 4×4"):
        soft_part(truth, alpha[:4, :4])


def test_where_nobody_is_there_are_no_soft_colours():
    found = estimate_soft_colours(composed(40, 60)[0], np.zeros((40, 60), np.float32))
    assert found.places.shape == (0,)
    assert found.colours.shape == (0, 3)

"""Frames on backgrounds are what compositing in floats makes of them."""

import numpy as np
import pytest

from wisp.clips.colours import estimate_colours, estimate_soft_colours
from wisp.clips.frames import composite_frame, to_integers
from wisp.compositing.over import over
from wisp.core.arrays import from_float

pytest.importorskip("cv2")


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:90, :120]
    alpha = np.clip((30 - np.hypot(rows - 50, columns - 70)) / 9 + 0.5, 0, 1).astype(np.float32)
    return rng.random((90, 120, 3), np.float32), alpha, rng.random((90, 120, 3), np.float32)


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("one_colour", [True, False])
@pytest.mark.parametrize("at_hand", [True, False])
def test_pixels_are_those_of_over(frame, bits, one_colour, at_hand):
    image, alpha, background = frame
    behind = np.array([0.1, 0.7, 0.3], np.float32) if one_colour else background
    foreground = estimate_colours(image, alpha)
    pixels = composite_frame(
        image,
        alpha,
        estimate_soft_colours(image, alpha),
        behind,
        bits,
        to_integers(image, bits) if at_hand else None,
    )
    expected = from_float(over(foreground, alpha, behind), 16 if bits > 8 else 8)
    assert pixels.dtype == expected.dtype
    assert np.abs(pixels.astype(int) - expected).max() <= 1  # a multiplication less where alpha is 0 or 1
    np.testing.assert_array_equal(pixels[alpha == 0], expected[alpha == 0])


def test_pixels_of_other_bits_are_not_taken(frame):
    image, alpha, background = frame
    soft = estimate_soft_colours(image, alpha)
    found = composite_frame(image, alpha, soft, background, 10, to_integers(1 - image, 8))
    np.testing.assert_array_equal(found, composite_frame(image, alpha, soft, background, 10))


def test_nobody_leaves_the_background(frame):
    image, alpha, background = frame
    nobody = np.zeros_like(alpha)
    pixels = composite_frame(image, nobody, estimate_soft_colours(image, nobody), background)
    np.testing.assert_array_equal(pixels, to_integers(background, 8))

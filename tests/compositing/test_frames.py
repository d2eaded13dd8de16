"""Frames on backgrounds are what compositing in floats makes of them."""

import numpy as np
import pytest

from wisp.arrays import Matte, from_float
from wisp.compositing.frames import composed, stored
from wisp.compositing.over import over
from wisp.quick import quick_foreground, shown_foreground

pytest.importorskip("cv2")


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:90, :120]
    alpha = np.clip((30 - np.hypot(rows - 50, columns - 70)) / 9 + 0.5, 0, 1).astype(np.float32)
    return rng.random((90, 120, 3), np.float32), alpha, rng.random((90, 120, 3), np.float32)


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("one_colour", [True, False])
def test_pixels_are_those_of_over(frame, bits, one_colour):
    image, alpha, background = frame
    behind = np.array([0.1, 0.7, 0.3], np.float32) if one_colour else background
    pixels = composed(Matte(alpha, image), behind, bits)
    expected = from_float(over(image, alpha, behind), 16 if bits > 8 else 8)
    assert pixels.dtype == expected.dtype
    assert np.abs(pixels.astype(int) - expected).max() <= 1  # a multiplication less where alpha is 0 or 1
    np.testing.assert_array_equal(pixels[alpha == 0], expected[alpha == 0])


def test_nobody_leaves_the_background(frame):
    image, alpha, background = frame
    pixels = composed(Matte(np.zeros_like(alpha), image), background)
    np.testing.assert_array_equal(pixels, stored(background, 8))


def test_shown_foreground_is_the_whole_one_where_anything_is_seen(frame):
    image, alpha, _ = frame
    shown, whole = shown_foreground(image, alpha), quick_foreground(image, alpha)
    np.testing.assert_array_equal(shown[alpha > 0], whole[alpha > 0])
    nobody = np.zeros_like(alpha)
    np.testing.assert_array_equal(shown_foreground(image, nobody), image)
    assert shown_foreground(image, nobody) is not image

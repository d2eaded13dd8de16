"""Frames on backgrounds are what compositing in floats makes of them."""

from fractions import Fraction

import numpy as np
import pytest

from wisp.clips.colours import estimate_colours, estimate_soft_colours
from wisp.clips.frames import composite_frame, put_pixels, to_integers
from wisp.clips.io.frame import Frame
from wisp.compositing.over import over
from wisp.core.arrays import from_float, to_float

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
    behind = to_integers(np.array([0.1, 0.7, 0.3], np.float32) if one_colour else background, bits)
    given = behind.copy()
    foreground = estimate_colours(image, alpha)
    pixels = composite_frame(to_integers(image, bits), alpha, estimate_soft_colours(image, alpha), behind)
    expected = from_float(over(foreground, alpha, to_float(behind)), 16 if bits > 8 else 8)
    assert pixels.dtype == expected.dtype
    assert np.abs(pixels.astype(int) - expected).max() <= 1  # a multiplication less where alpha is 0 or 1
    np.testing.assert_array_equal(pixels[alpha == 0], expected[alpha == 0])
    np.testing.assert_array_equal(behind, given)


def test_nobody_leaves_the_background(frame):
    image, alpha, background = frame
    nobody, behind = np.zeros_like(alpha), to_integers(background, 8)
    pixels = composite_frame(to_integers(image, 8), nobody, estimate_soft_colours(image, nobody), behind)
    np.testing.assert_array_equal(pixels, behind)


def test_hidden_colours_of_a_frame_are_grey():
    pixels = np.full((4, 6, 4), 200, np.uint8)
    pixels[1, 2] = 7, 8, 9, 0
    hidden = np.zeros((4, 6), bool)
    hidden[1, 2] = True
    image = Frame(0, Fraction(0), Fraction(1), pixels).image
    np.testing.assert_array_equal(image[hidden], [[0.5, 0.5, 0.5]])
    np.testing.assert_allclose(image[~hidden], 200 / 255, atol=1e-6)
    np.testing.assert_allclose(
        Frame(0, Fraction(0), Fraction(1), pixels[..., :3]).image[1, 2] * 255, (7, 8, 9)
    )


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_pixels_are_put_where_they_belong(kind):
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 255, (8, 9, 3)).astype(kind)
    places, values = np.array([0, 13, 71]), rng.integers(0, 255, (3, 3)).astype(kind)
    expected = picture.copy()
    expected.reshape(-1, 3)[places] = values
    put_pixels(picture, places, values)
    np.testing.assert_array_equal(picture, expected)

"""I = αF + (1 − α)B."""

import numpy as np
import pytest

from wisp.compositing.over import copy_paste, over
from wisp.core.arrays import linear_to_srgb, srgb_to_linear
from wisp.core.errors import InputError


@pytest.fixture
def layers():
    rng = np.random.default_rng(0)
    return (
        rng.random((7, 5, 3), np.float32),
        rng.random((7, 5), np.float32),
        rng.random((7, 5, 3), np.float32),
    )


@pytest.mark.parametrize("linear", [False, True])
def test_alpha_of_one_and_zero_give_foreground_and_background(layers, linear):
    foreground, _, background = layers
    for value, expected in ((1, foreground), (0, background)):
        alpha = np.full((7, 5), value, np.float32)
        np.testing.assert_allclose(over(foreground, alpha, background, linear=linear), expected, atol=1e-6)


def test_over_is_the_compositing_equation(layers):
    foreground, alpha, background = layers
    expected = alpha[..., None] * foreground + (1 - alpha[..., None]) * background
    np.testing.assert_allclose(over(*layers), expected, atol=1e-6)


def test_linear_light_mixes_light(layers):
    foreground, alpha, background = layers
    a = alpha[..., None]
    light = a * srgb_to_linear(foreground) + (1 - a) * srgb_to_linear(background)
    np.testing.assert_allclose(over(*layers, linear=True), linear_to_srgb(light), atol=1e-6)


def test_linear_light_is_brighter_between_black_and_white():
    half = np.full((1, 1), 0.5, np.float32)
    white, black = np.ones((1, 1, 3), np.float32), np.zeros((1, 1, 3), np.float32)
    assert over(white, half, black)[0, 0, 0] == pytest.approx(0.5)
    assert over(white, half, black, linear=True)[0, 0, 0] == pytest.approx(0.7354, abs=1e-3)


def test_a_colour_stands_for_a_whole_background(layers):
    foreground, alpha, _ = layers
    colour = np.array([0.1, 0.5, 0.9], np.float32)
    whole = np.broadcast_to(colour, foreground.shape).copy()
    np.testing.assert_array_equal(over(foreground, alpha, colour), over(foreground, alpha, whole))


def test_hard_copy_paste_takes_whole_pixels(layers):
    image, alpha, background = layers
    pasted = copy_paste(image, alpha, background, hard=True)
    np.testing.assert_allclose(pasted[alpha >= 0.5], image[alpha >= 0.5], atol=1e-6)
    np.testing.assert_array_equal(pasted[alpha < 0.5], background[alpha < 0.5])
    np.testing.assert_array_equal(copy_paste(image, alpha, background), over(image, alpha, background))


def test_inputs_are_left_alone(layers):
    copies = [a.copy() for a in layers]
    over(*layers)
    over(*layers, linear=True)
    for array, copy in zip(layers, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_bad_input_is_refused(layers):
    foreground, alpha, background = layers
    with pytest.raises(InputError, match="background: is 5×6"):
        over(foreground, alpha, background[:6])
    with pytest.raises(InputError, match="alpha: is 5×6"):
        over(foreground, alpha[:6], background)
    with pytest.raises(InputError, match="one colour"):
        over(foreground, alpha, np.zeros(4, np.float32))

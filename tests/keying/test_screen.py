"""The background field and its noise, found in photos that show them."""

import numpy as np
import pytest

from keying_scenes import SCREENS, screen, shot, subject
from wisp.core.errors import InputError
from wisp.keying.screen import estimate_noise, estimate_screen, within_noise


@pytest.mark.parametrize("name", SCREENS)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_field_is_found_behind_the_subject_too(name, seed):
    """Measured over four seeds and four screens: 0.21 to 0.29 levels off on average, 1.4 at most."""
    foreground, alpha = subject(seed=seed)
    background = screen(alpha.shape, name, seed)
    found = estimate_screen(shot(foreground, alpha, background, seed=seed))
    error = 255 * np.abs(found.background - background).max(axis=2)
    assert error[alpha < 1].mean() < 0.5
    assert error[alpha < 1].max() < 2.5
    assert error.mean() < 1
    assert found.share == pytest.approx((alpha == 0).mean(), abs=0.05)


@pytest.mark.parametrize("noise", [0.004, 0.012, 0.02])
def test_noise_is_measured_on_the_background_alone(noise):
    foreground, alpha = subject()
    background = screen(alpha.shape, "green")
    found = estimate_screen(shot(foreground, alpha, background, noise)).noise
    np.testing.assert_allclose(np.sqrt(np.diag(found)), noise, rtol=0.12, atol=0.0003)
    assert np.linalg.eigvalsh(found).min() > 0


def test_a_colour_says_which_background_where_there_are_two():
    image = np.empty((120, 90, 3), np.float32)
    image[:80], image[80:] = (0.2, 0.7, 0.3), (0.7, 0.7, 0.75)
    found = estimate_screen(image).background
    np.testing.assert_allclose(found, np.broadcast_to(image[0, 0], found.shape), atol=0.004)
    other = estimate_screen(image, (0.75, 0.7, 0.7)).background
    np.testing.assert_allclose(other[85:], np.broadcast_to(image[85:], other[85:].shape), atol=0.004)
    with pytest.raises(InputError, match=r"has no plain background of the colour rgb\(255, 0, 0\)"):
        estimate_screen(image, (1.0, 0.0, 0.0))


def test_a_photo_without_a_plain_background_is_refused():
    noise = np.random.default_rng(0).random((90, 80, 3)).astype(np.float32)
    with pytest.raises(InputError, match="a photo of which a fiftieth or more shows it"):
        estimate_screen(noise)
    with pytest.raises(InputError, match="float32"):
        estimate_screen(noise.astype(np.float64))


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (1, 40), (40, 1), (9, 7), (501, 33)])
def test_odd_sizes(shape):
    image = np.full((*shape, 3), (0.1, 0.6, 0.2), np.float32)
    if image[..., 0].size <= 6:
        with pytest.raises(InputError, match="no plain background"):
            estimate_screen(image)
        return
    found = estimate_screen(image)
    np.testing.assert_allclose(found.background, image, atol=1e-3)
    assert found.background.dtype == np.float32


def test_what_noise_explains():
    rng = np.random.default_rng(1)
    covariance = np.array([[4, 1, 0], [1, 3, 1], [0, 1, 2]]) * 1e-4
    difference = rng.multivariate_normal(np.zeros(3), covariance, (80, 90)).astype(np.float32)
    assert within_noise(difference, covariance).mean() > 0.97
    difference[20:60, 20:60] += 0.02  # less than the noise of a pixel, but all the same way
    same = within_noise(difference, covariance)
    assert same[22:58, 22:58].mean() < 0.35
    assert same[:18].mean() > 0.97
    lone = np.full((30, 30, 3), 0.5, np.float32)
    lone[10:13, 10:13] = 0
    assert not within_noise(lone, covariance).any()  # a speck


def test_noise_of_a_photo_that_shows_little_of_its_plate():
    image = np.full((40, 40, 3), 0.5, np.float32)
    assert np.isfinite(estimate_noise(image, np.zeros_like(image))).all()
    with pytest.raises(InputError, match="background: is 39×40"):
        estimate_noise(image, image[:, 1:].copy())


def test_haze_is_no_noise():
    background = np.full((60, 64, 3), (0.1, 0.6, 0.2), np.float32)
    share = np.clip(np.linspace(-0.2, 1, 64, dtype=np.float32), 0, 1)[None, :, None]
    found = estimate_noise((1 - share) * background + share * np.float32(0.9), background)
    assert np.sqrt(np.diag(found)).max() < 0.005

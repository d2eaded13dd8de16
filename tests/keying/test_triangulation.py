"""Two photos on two backgrounds: exact without noise, and about as good as the noise allows with it."""

import numpy as np
import pytest

from keying_scenes import screen, shot, subject
from wisp.compositing.over import over
from wisp.core.errors import InputError
from wisp.keying.screen import estimate_screen
from wisp.keying.triangulation import triangulate


def backgrounds(shape, *names):
    return [screen(shape, name, seed) for seed, name in enumerate(names)]


@pytest.mark.parametrize("names", [("green", "blue"), ("white", "dark"), ("green", "blue", "white")])
def test_exact_without_noise(names):
    foreground, alpha = subject()
    behind = backgrounds(alpha.shape, *names)
    matte = triangulate([over(foreground, alpha, b) for b in behind], behind)
    assert np.abs(matte.alpha - alpha).max() < 2e-3  # beyond that, too little to tell from noise
    assert (np.abs(matte.foreground - foreground) * alpha[..., None]).max() < 0.005


def test_glass_and_a_foreground_in_the_colour_of_the_screen():
    alpha = np.tile(np.linspace(0, 1, 64).astype(np.float32), (40, 1))
    foreground = np.full((40, 64, 3), (0.13, 0.62, 0.22), np.float32)
    behind = backgrounds(alpha.shape, "green", "blue")
    matte = triangulate([over(foreground, alpha, b) for b in behind], behind)
    assert np.abs(matte.alpha - alpha).max() < 0.01
    np.testing.assert_allclose(matte.foreground[:, 10:], foreground[:, 10:], atol=0.02)


@pytest.mark.parametrize("seed", [0, 1])
def test_noisy_photos_on_estimated_screens(seed):
    """Measured on three seeds, noise of 3 levels: alpha off by 0.004, by 0.024 where it is mixed; colours by
    1.8 levels as far as they show.
    """
    foreground, alpha = subject(seed=seed)
    images = [
        shot(foreground, alpha, b, seed=seed + k)
        for k, b in enumerate(backgrounds(alpha.shape, "green", "blue"))
    ]
    matte = triangulate(images, [estimate_screen(image).background for image in images])
    error = np.abs(matte.alpha - alpha)
    assert error.mean() < 0.007
    assert error[(alpha > 0) & (alpha < 1)].mean() < 0.035
    colour = np.abs(matte.foreground - foreground).mean(axis=2) * alpha
    assert 255 * colour[alpha > 0].mean() < 2.7


def test_colours_are_carried_past_the_edge():
    foreground, alpha = subject()
    behind = backgrounds(alpha.shape, "green", "blue")
    matte = triangulate([over(foreground, alpha, b) for b in behind], behind)
    assert matte.foreground[alpha == 0].max() < 0.95
    assert matte.foreground[alpha == 0].mean() > 0.1


def test_refusals():
    image = np.full((6, 5, 3), 0.5, np.float32)
    other = np.full((6, 5, 3), 0.2, np.float32)
    with pytest.raises(InputError, match="images: are 1 for 1 backgrounds; two or more"):
        triangulate([image], [other])
    with pytest.raises(InputError, match="images: are 2 for 1 backgrounds"):
        triangulate([image, image], [other])
    with pytest.raises(InputError, match=r"backgrounds: differ by 0\.0 levels; 5 of 255"):
        triangulate([image, image], [other, other])
    with pytest.raises(InputError, match="is 4×6; the size of the first image, 5×6"):
        triangulate([image, image[:, 1:].copy()], [other, other])

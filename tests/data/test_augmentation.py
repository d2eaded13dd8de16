"""Augmentation keeps ranges, and does what its settings say."""

import numpy as np
import pytest

from wisp.data.augmentation import Appearance, Geometry, degrade, recolour, soften

NOTHING = Appearance(0, 1, 1, 0, 1, 0, (0, 0), (0, 0), (0, 100))


@pytest.fixture
def image():
    return np.random.default_rng(0).random((24, 32, 3), np.float32)


def test_nothing_set_changes_nothing(image):
    rng = np.random.default_rng(1)
    np.testing.assert_allclose(recolour(image, rng, NOTHING), image, atol=1e-5)
    assert soften(image, rng, NOTHING) is image
    np.testing.assert_array_equal(degrade(image, rng, NOTHING), (image * 255 + 0.5).astype(np.uint8))


@pytest.mark.parametrize("seed", range(8))
def test_colours_stay_in_range(image, seed):
    rng = np.random.default_rng(seed)
    out = recolour(
        image, rng, Appearance(brightness=2, contrast=3, saturation=3, cast=0.5, gamma=2, grey=0.3)
    )
    assert out.dtype == np.float32
    assert out.min() >= 0
    assert out.max() <= 1
    assert np.isfinite(out).all()


def test_grey_means_grey(image):
    out = recolour(image, np.random.default_rng(0), Appearance(grey=1.0))
    assert np.ptp(out, axis=2).max() < 1e-5


def test_noise_blur_and_jpeg_apply_by_chance(image):
    flat = np.full((64, 64, 3), 0.5, np.float32)
    noisy = degrade(flat, np.random.default_rng(0), Appearance(noise=(1.0, 0.1), jpeg=(0, 50)))
    assert noisy.std() > 1
    assert abs(noisy.mean() - 127.5) < 2
    blurred = soften(image, np.random.default_rng(0), Appearance(blur=(1.0, 3.0)))
    assert blurred.std() < image.std()
    squeezed = degrade(image, np.random.default_rng(0), Appearance(noise=(0, 0), jpeg=(1.0, 40)))
    assert squeezed.shape == image.shape
    assert (squeezed != (image * 255 + 0.5).astype(np.uint8)).any()


def test_geometry_centres_the_source_and_fits_its_longer_side():
    still = Geometry(zoom=(1, 1), rotation=0, shear=0, stretch=1, shift=0, flip=0)
    matrix = still.sample(np.random.default_rng(0), (50, 100), 200)
    np.testing.assert_allclose(matrix, [[2, 0, 0], [0, 2, 50]])


def test_geometry_mirrors_always_or_never():
    for chance, sign in ((1.0, -1), (0.0, 1)):
        geometry = Geometry(flip=chance)
        for seed in range(5):
            assert (
                np.sign(np.linalg.det(geometry.sample(np.random.default_rng(seed), (8, 8), 8)[:, :2])) == sign
            )

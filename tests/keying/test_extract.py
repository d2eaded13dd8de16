"""Which of the ways is taken, by what is known."""

import numpy as np
import pytest

from keying_scenes import SCREENS, screen, shot, subject
from wisp.core.errors import InputError
from wisp.keying.extract import Known, extract_matte


@pytest.fixture
def scene():
    foreground, alpha = subject()
    behind = [screen(alpha.shape, name, seed) for seed, name in enumerate(("green", "blue"))]
    return alpha, behind, [shot(foreground, alpha, b, 0.006, seed) for seed, b in enumerate(behind)]


def error(matte, alpha):
    return np.abs(matte.alpha - alpha).mean()


def test_every_way_finds_the_subject(scene):
    alpha, (green, blue), (image, second) = scene
    assert error(extract_matte(image), alpha) < 0.02
    assert error(extract_matte(image, known=Known(colour=SCREENS["green"])), alpha) < 0.02
    assert error(extract_matte(image, known=Known(plate=green)), alpha) < 0.02
    assert error(extract_matte(image, second), alpha) < 0.005
    assert error(extract_matte(image, second, Known(plate=green, second_plate=blue)), alpha) < 0.005


def test_despill(scene):
    _, (green, _), (image, _) = scene
    spilt = np.clip(image + np.float32([0, 0.05, 0]), 0, 1)
    foreground = extract_matte(spilt, known=Known(plate=green, despill=True)).foreground
    assert (foreground[..., 1] <= foreground[..., [0, 2]].max(axis=2) + 1e-6).all()


def test_a_wrong_colour_is_told(scene):
    with pytest.raises(InputError, match="no plain background"):
        extract_matte(scene[2][0], known=Known(colour=(1.0, 0.0, 1.0)))

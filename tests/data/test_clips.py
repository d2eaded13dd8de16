"""Clips from stills: exact composition, motions that do what their names say, the same every time."""

import numpy as np
import pytest

from wisp.compositing.over import over
from wisp.core.errors import InputError
from wisp.data.clips import Motion, Scenario, clip, freeze_motion, scenario
from wisp.data.datasets import Labelled

SIZE = (48, 64)


@pytest.fixture(scope="module")
def person():
    rows, columns = np.mgrid[:60, :50]
    alpha = np.clip((16 - np.hypot(rows - 30, columns - 25)) / 2 + 0.5, 0, 1)
    image = np.dstack([200 + 0 * rows, 60 + 2 * rows, 40 + 3 * columns]).astype(np.uint8)
    return Labelled(image, np.rint(alpha * 255).astype(np.uint8), np.full((60, 50), 255, np.uint8))


@pytest.fixture(scope="module")
def scene():
    rng = np.random.default_rng(0)
    return np.kron(rng.integers(0, 256, (12, 16, 3)), np.ones((8, 8, 1))).astype(np.uint8)


def middle(alpha):
    rows, columns = np.indices(alpha.shape)
    return np.array([(columns * alpha).sum(), (rows * alpha).sum()]) / alpha.sum()


def test_every_frame_is_its_layers_composed(person, scene):
    frames = list(clip(person, scene, scenario(3, SIZE, frames=5)))
    assert len(frames) == 5
    quiet = Scenario(SIZE, 3, subject=Motion(drift=(0.3, 0)), shutter=0.5)
    for frame in clip(person, scene, quiet):
        assert frame.alpha.shape == SIZE
        np.testing.assert_allclose(
            frame.image, over(frame.foreground, frame.alpha, frame.background), atol=1e-6
        )
        for layer in frame:
            assert layer.dtype == np.float32
            assert layer.min() >= 0
            assert layer.max() <= 1


def test_the_same_scenario_gives_the_same_clip(person, scene):
    one, other = (list(clip(person, scene, scenario(2, SIZE, frames=3))) for _ in range(2))
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first.image, second.image)
    assert scenario(2, SIZE) != scenario(3, SIZE)
    assert scenario(2, SIZE) != scenario(2, SIZE, seed=1)


def test_drift_moves_by_its_share_of_the_height_a_second(person, scene):
    moving = Scenario(SIZE, 11, rate=10, subject=Motion(drift=(0.2, -0.1)), shutter=0)
    frames = list(clip(person, scene, moving))
    np.testing.assert_allclose(middle(frames[10].alpha) - middle(frames[0].alpha), [9.6, -4.8], atol=0.2)
    np.testing.assert_array_equal(frames[10].background, frames[0].background)


def test_zoom_enlarges_by_its_factor_a_second(person, scene):
    frames = list(clip(person, scene, Scenario(SIZE, 11, rate=10, subject=Motion(zoom=1.2), shutter=0)))
    assert frames[10].alpha.sum() / frames[0].alpha.sum() == pytest.approx(1.44, rel=0.03)


def test_sway_returns_after_a_period(person, scene):
    motion = Motion(sway=0.1, turn=5, period=1)
    frames = list(clip(person, scene, Scenario(SIZE, 11, rate=10, subject=motion, shutter=0)))
    np.testing.assert_allclose(frames[10].alpha, frames[0].alpha, atol=0.02)
    assert abs(middle(frames[2].alpha)[0] - middle(frames[0].alpha)[0]) > 3


def test_shake_is_seeded_and_begins_at_rest(person, scene):
    one, other = (Motion(shake=0.02, seed=seed) for seed in (1, 2))
    np.testing.assert_allclose(one.matrix(0, SIZE), [[1, 0, 0], [0, 1, 0]], atol=1e-9)
    assert np.abs(one.matrix(0.3, SIZE) - other.matrix(0.3, SIZE)).max() > 0.05
    places = np.array([one.matrix(t, SIZE)[:, 2] for t in np.arange(0, 20, 0.05)])
    assert 0.4 < places.std(0).max() / (0.02 * SIZE[0]) < 2


def test_parallax_moves_the_background_less(person, scene):
    camera = Motion(drift=(0.5, 0))
    for share in (0.0, 0.5):
        moving = Scenario(SIZE, 2, rate=1, camera=camera, parallax=share, shutter=0)
        first, second = clip(person, scene, moving)
        shift = round(share * 0.5 * SIZE[0])
        kept = np.roll(first.background, shift, axis=1)[:, shift:]
        np.testing.assert_allclose(second.background[:, shift:], kept, atol=0.05)
        assert middle(second.alpha)[0] - middle(first.alpha)[0] > 10


def test_motion_blur_widens_the_edge_along_the_motion(person, scene):
    fast = Motion(drift=(3, 0))

    def softness(alpha, axis):
        return np.abs(np.diff(alpha, axis=axis)).max()

    sharp, blurred = (
        next(clip(person, scene, Scenario(SIZE, 1, subject=fast, shutter=shutter))).alpha
        for shutter in (0, 1)
    )
    assert softness(blurred, 1) < 0.7 * softness(sharp, 1)
    assert softness(blurred, 0) > 0.8 * softness(sharp, 0)
    assert blurred.sum() == pytest.approx(sharp.sum(), rel=0.02)


def test_a_person_cut_off_by_the_photo_stays_cut_off_by_the_canvas(scene):
    alpha = np.zeros((60, 50), np.uint8)
    alpha[20:, 10:40] = 255
    person = Labelled(np.full((60, 50, 3), 99, np.uint8), alpha, alpha)
    moving = Scenario(SIZE, 8, rate=8, subject=Motion(sway=0.02, drift=(0, -0.05)), height=0.9)
    for frame in clip(person, scene, moving):
        assert frame.alpha[-1].max() > 0.99


def test_a_still_scenario_has_only_noise(person, scene):
    frames = list(clip(person, scene, freeze_motion(scenario(0, SIZE, frames=3))))
    np.testing.assert_array_equal(frames[0].alpha, frames[2].alpha)
    np.testing.assert_array_equal(frames[0].background, frames[2].background)


@pytest.mark.parametrize(
    "wrong", [{"frames": 0}, {"size": (0, 5)}, {"shutter": 2}, {"exposures": 0}, {"rate": 0}]
)
def test_scenarios_without_sense_are_refused(wrong):
    with pytest.raises(InputError):
        Scenario(**wrong)

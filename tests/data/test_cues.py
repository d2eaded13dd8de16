"""Masks, trimaps and motion cues of training samples: functions of seed and index, and what they show."""

from dataclasses import replace

import numpy as np
import pytest

from wisp.core.errors import InputError
from wisp.data import cues as module
from wisp.data.cues import (
    Cues,
    CueSamples,
    Shot,
    Unlabelled,
    imperfect_mask,
    motion_cue,
    shots,
    to_luma,
)
from wisp.data.datasets import backgrounds, corpus
from wisp.data.synthesis import Samples, Synthesis
from wisp.training.loader import Batch, batches, to_batch


@pytest.fixture(autouse=True)
def bright_is_subject(monkeypatch):
    """A segmenter that finds what is red, instead of the shipped one."""
    monkeypatch.setattr(module, "segment", lambda image: (image[..., 0] > 0.4).astype(np.float32))


@pytest.fixture
def samples(corpus_folder):
    people = corpus(corpus_folder / "people", "train")
    scenes = backgrounds(corpus_folder / "backgrounds")
    return Samples(people, scenes, Synthesis(size=64, kinds=("composite", "real", "empty"), pair=0.0))


def test_a_sample_is_a_function_of_seed_and_index(samples):
    one, other = CueSamples(samples, Cues()), CueSamples(samples, Cues())
    for index in range(3):
        for mine, theirs in zip(one[index], other[index], strict=True):
            np.testing.assert_array_equal(mine, theirs)
    assert not np.array_equal(one[0].motion, one[3].motion)


def test_shapes_and_values(samples):
    source = CueSamples(samples, Cues())
    for index in range(6):
        example = source[index]
        assert example.motion.shape == (4, 64, 64)
        assert example.mask.shape == example.trimap.shape == (1, 64, 64)
        assert set(np.unique(example.trimap)) <= {0, 128, 255}
        assert all(x.dtype == np.uint8 for x in example)


def test_batches_carry_the_cues_by_name(samples):
    import torch

    source = CueSamples(samples, Cues())
    (tensors,) = batches(source, batch=3, first=0, count=1, workers=0)
    batch = to_batch(tensors, torch.device("cpu"))
    assert isinstance(batch, Batch)
    for name in ("mask", "trimap", "motion"):
        stored = np.stack([getattr(source[index], name) for index in range(3)])
        np.testing.assert_allclose(getattr(batch, name).numpy(), stored / 255, atol=1e-6)
    assert batch.prior is None


def test_a_still_repeats_itself_and_a_clip_does_not(samples):
    still = CueSamples(samples, Cues(still=1.0))[0]
    image = still.image.transpose(1, 2, 0)
    for frame in still.motion:
        np.testing.assert_array_equal(frame, to_luma(image))
    for smooth in (0.0, 1.0):
        moving = CueSamples(samples, Cues(still=0.0, smooth=smooth, noise=0.0))[0]
        differences = np.abs(moving.motion.astype(int) - to_luma(image).astype(int)).mean((1, 2))
        assert (differences > 0.05).all()


def test_moving_frames_are_of_the_same_layers(samples):
    """With nothing moving, a cue is the composition itself, up to noise and JPEG of the image."""
    example = samples[0]
    front, behind = (to_luma(x).astype(float) for x in (example.foreground, example.background))
    a = example.alpha[0] / 255
    cues = Cues(
        still=0.0,
        smooth=0.0,
        noise=0.0,
        subject=replace(Cues().subject, zoom=(1, 1), rotation=0, shear=0, shift=0),
        scene=replace(Cues().scene, zoom=(1, 1), rotation=0, shear=0, shift=0),
    )
    found = motion_cue(example, np.random.default_rng(0), cues)
    np.testing.assert_allclose(found, np.broadcast_to(a * front + (1 - a) * behind, found.shape), atol=2.5)


def test_imperfect_masks_resemble_alpha_but_are_not_it():
    y, x = np.mgrid[:64, :64] - 31.5
    alpha = (np.clip((20 - np.hypot(x, y)) / 6 + 0.5, 0, 1) * 255).astype(np.uint8)
    rng = np.random.default_rng(0)
    found = [imperfect_mask(alpha, rng, Cues(patch=0.0)) for _ in range(20)]
    areas = [mask.sum() / alpha.sum() for mask in found]
    assert min(areas) < 0.95
    assert max(areas) > 1.05
    for mask in found:
        overlap = np.minimum(mask, alpha).sum() / np.maximum(mask, alpha).sum()
        assert 0.6 < overlap < 0.999
    lost = [imperfect_mask(alpha, rng, Cues(patch=1.0, grow=0.0)) for _ in range(10)]
    assert max(np.abs(mask.astype(int) - alpha).max() for mask in lost) > 200


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (33, 65)])
def test_imperfect_masks_of_any_size(shape):
    for value in (0, 255):
        mask = imperfect_mask(np.full(shape, value, np.uint8), np.random.default_rng(0), Cues(patch=0.0))
        assert mask.shape == shape
        assert np.abs(mask.astype(int) - value).max() <= 1


def test_photos_without_labels(corpus_folder):
    people = corpus(corpus_folder / "people", "train")
    scenes = backgrounds(corpus_folder / "backgrounds")
    source = Unlabelled([Shot(p.photo) for p in people], scenes, Synthesis(size=64), Cues())
    example = source[5]
    assert not example.weight.any()
    assert not example.exact.any()
    np.testing.assert_array_equal(example.foreground, example.image)
    np.testing.assert_array_equal(example.alpha, example.mask)
    assert np.abs(example.background.astype(int) - example.image).mean() > 5
    for mine, theirs in zip(example, source[5], strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_frames_have_their_real_neighbours(corpus_folder):
    folder = corpus_folder / "people/photo"
    found = shots([folder], frames=True)
    names = [[path.stem for path in shot.neighbours] for shot in found]
    assert names[0] == ["p-0", "p-0", "p-1", "p-2"]
    assert names[2] == ["p-0", "p-1", "p-3", "p-4"]
    assert names[-1] == ["p-3", "p-4", "p-5", "p-5"]
    assert all(not shot.neighbours for shot in shots([folder]))
    scenes = backgrounds(corpus_folder / "backgrounds")
    example = Unlabelled(found[2:3], scenes, Synthesis(size=64), Cues())[0]
    different = [np.abs(frame.astype(int) - to_luma(example.image)).mean() > 0.5 for frame in example.motion]
    assert all(different)


def test_places_without_photos_are_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        shots([tmp_path / "none"])
    with pytest.raises(InputError, match="holds no images"):
        shots([tmp_path])

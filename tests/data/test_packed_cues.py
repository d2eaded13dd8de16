"""Cues and squares of packed photos: what is moved, which masks, which sizes."""

from dataclasses import replace

import numpy as np
import pytest

from wisp.core.arrays import to_float
from wisp.data.cues import Cues, to_luma, vips_warp
from wisp.data.matting_samples import MattingSamples, MattingSynthesis
from wisp.data.packed_cues import PackedCues, PackedPhotos, opencv_warp
from wisp.data.packed_squares import RATIO, PackedSquares
from wisp.data.subject_samples import Sizes, SubjectMix

pytestmark = pytest.mark.usefixtures("red_is_subject")


def samples(packed, **mix):
    chosen = SubjectMix(**{"turned": 0.0, "degraded": 0.0, **mix})
    synthesis = MattingSynthesis(size=64, sizes=Sizes(((1.0, (64,)),), wide=0.0), mix=chosen)
    return MattingSamples(packed, synthesis, batch=2, steps=4, seed=3)


ALONE = {"person": 0.0, "thing": 0.0, "several": 0.0, "small": 0.0, "held": 0.0, "poster": 0.0, "empty": 0.0}


def test_a_sample_is_that_of_its_index(packed):
    source = PackedCues(samples(packed), Cues())
    first, again, other = source[5], source[5], source[6]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first.image, other.image)
    assert first.image.shape == (3, 64, 64)
    assert first.motion.shape == (4, 64, 64)
    assert set(np.unique(first.trimap)) <= {0, 128, 255}


@pytest.mark.parametrize("segmented", [0.0, 1.0])
def test_masks_are_the_networks_or_damaged_truth(packed, segmented):
    source = PackedCues(samples(packed, **ALONE), Cues(segmented=segmented))
    for index in range(6):
        example = source[index]
        red = np.where(to_float(example.image[0]) > 0.4, 255, 0)
        assert np.array_equal(example.mask[0], red) == bool(segmented)


def test_a_still_repeats_its_grey_and_a_moving_one_does_not(packed):
    for still in (True, False):
        source = PackedCues(samples(packed, **ALONE), Cues(still=float(still), noise=0.0))
        example = source[0]
        shown = np.repeat(to_luma(example.image)[None], 4, 0)
        apart = np.abs(example.motion.astype(int) - shown).mean((1, 2))
        assert (apart == 0).all() == still
        assert (apart > 0).all() != still


def test_frames_are_moved_as_libvips_moves_them():
    rng = np.random.default_rng(0)
    picture = np.kron(rng.integers(0, 255, (8, 12)), np.ones((8, 8))).astype(np.uint8)
    angle = np.deg2rad(2)
    linear = 1.02 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.column_stack([linear, [1.5, -2.25]])
    for mirrored in (True, False):
        ours = opencv_warp(picture, matrix, mirrored=mirrored).astype(int)
        theirs = vips_warp(picture, matrix, mirrored=mirrored).astype(int)
        assert np.abs(ours - theirs)[6:-6, 6:-6].mean() < 1.5
        assert np.abs(ours - theirs).mean() < 4


def test_photos_without_labels_have_no_weight_and_another_background(packed):
    source = PackedPhotos(samples(packed), Cues())
    example = source[0]
    assert not example.weight.any()
    assert not example.exact.any()
    assert np.array_equal(example.foreground, example.image)
    assert not np.array_equal(example.background, example.image)
    assert np.array_equal(example.alpha, example.mask)
    assert all(np.array_equal(a, b) for a, b in zip(example, source[0], strict=True))


def test_squares_are_made_at_proportions_of_their_own(packed, monkeypatch):
    source = PackedSquares(samples(packed), 64)
    asked = []
    make = MattingSamples.example
    monkeypatch.setattr(
        MattingSamples, "example", lambda self, rng, size: asked.append(size) or make(self, rng, size)
    )
    for index in range(8):
        example = source[index]
        assert example.image.shape == (3, 64, 64)
        assert example.alpha.shape == example.weight.shape == (1, 64, 64)
    ratios = [height / width for height, width in asked]
    assert min(ratios) < 0.95
    assert max(ratios) > 1.05
    assert all(1 / RATIO - 0.05 < ratio < RATIO + 0.05 for ratio in ratios)
    assert all(0.9 < height * width / 64**2 < 1.1 for height, width in asked)


def test_sizes_of_a_step_are_one_size(packed):
    synthesis = replace(MattingSynthesis(), sizes=Sizes(((0.5, (64,)), (1.0, (96,))), wide=0.0))
    source = MattingSamples(packed, synthesis, batch=2, steps=4)
    assert [source.size_of(index) for index in range(8)] == [(64, 64)] * 4 + [(96, 96)] * 4

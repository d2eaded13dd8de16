"""Samples with trimaps: exact composites, reproducible, centred on unknown pixels, as varied as asked for."""

from dataclasses import replace

import numpy as np
import pytest

from wisp.core.arrays import from_float, to_float
from wisp.data import datasets, trimap_samples
from wisp.data.augmentation import Appearance, Geometry
from wisp.data.trimap_samples import (
    Cropping,
    Cutout,
    TrimapSamples,
    compose,
    crop,
    dilated,
    shift_colour,
    steepen,
    window,
)
from wisp.matting.classical.initial_alpha import estimate_initial_alpha
from wisp.training.loader import batches, to_batch

CLEAR = Appearance(0, 1, 1, 0, 1, 0, (0, 0), (0, 0), (0, 100))


@pytest.fixture
def cropping():
    return Cropping(size=64, crops=(40, 64), widths=(1, 6), procedural=0.0, pool=4, uses=2, drawn=64)


@pytest.fixture
def samples(corpus_folder, cropping):
    scenes = datasets.backgrounds(corpus_folder / "backgrounds")
    return TrimapSamples(datasets.corpus(corpus_folder / "people", "train"), scenes, cropping)


def soft_disc(size=96, radius=30.0):
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return (np.clip((radius - np.hypot(x, y)) / 4 + 0.5, 0, 1) * 255).astype(np.uint8)


def test_a_sample_is_a_function_of_seed_and_index(samples):
    first = samples[5]
    trimap_samples.photographed_cutout.cache_clear()
    for a, b in zip(first, samples[5], strict=True):
        assert np.array_equal(a, b)
    other = TrimapSamples(samples.cutouts, samples.scenes, samples.cropping, seed=1)[5]
    assert not np.array_equal(first.image, other.image)
    assert not np.array_equal(first.image, samples[6].image)


def test_layers_compose_to_the_image_and_the_trimap_holds_every_mixed_pixel(samples):
    calm = replace(samples.cropping, camera=CLEAR)
    for index in range(6):
        example = TrimapSamples(samples.cutouts, samples.scenes, calm)[index]
        alpha = example.alpha / 255.0
        composed = alpha * example.foreground + (1 - alpha) * example.background
        assert np.abs(composed - example.image).max() <= 1.5  # three roundings to 8 bits
        mixed = (example.alpha > 0) & (example.alpha < 255)
        assert set(np.unique(example.trimap)) <= {0, 128, 255}
        assert (example.trimap[mixed] == 128).all()
        assert np.array_equal(example.weight == 255, example.trimap == 128)
        assert (example.alpha[example.trimap == 255] == 255).all()
        assert (example.alpha[example.trimap == 0] == 0).all()


def test_crops_lie_around_mixed_pixels(cropping):
    alpha = soft_disc()
    rng = np.random.default_rng(0)
    steady = replace(cropping, off_centre=0.0, crops=(20,))
    for _ in range(20):
        matrix = window(alpha, rng, steady)
        middle = np.linalg.solve(matrix[:, :2], np.array([32, 32]) - matrix[:, 2])
        column, row = np.floor(middle + 1e-9).astype(int)
        assert 2 < alpha[row, column] < 253


def test_crops_stay_within_the_source_where_they_fit(cropping):
    alpha = soft_disc(96, 46.0)
    rng = np.random.default_rng(0)
    upright = replace(cropping, off_centre=0.0, rotation=0.0, shear=0.0, stretch=1.0, crops=(60,), zoom=1.0)
    for _ in range(20):
        matrix = window(alpha, rng, upright)
        corners = np.linalg.solve(matrix[:, :2], np.array([[0, 64], [0, 64]]) - matrix[:, 2:])
        assert corners.min() >= -1e-6
        assert corners.max() <= 96 + 1e-6
    wide = window(alpha, rng, replace(upright, crops=(200,)))
    np.testing.assert_allclose(np.linalg.solve(wide[:, :2], [32, 32] - wide[:, 2]), [48, 48], atol=1e-6)


def test_crops_have_every_size_and_turn_and_mirror(cropping):
    alpha = soft_disc()
    rng = np.random.default_rng(0)
    matrices = np.stack([window(alpha, rng, replace(cropping, zoom=1.0))[:, :2] for _ in range(200)])
    scales = np.sqrt(np.abs(np.linalg.det(matrices)))
    found = {side: np.isclose(scales, 64 / side).mean() for side in cropping.crops}
    assert min(found.values()) > 0.3
    assert sum(found.values()) == 1
    mirrored = np.linalg.det(matrices) < 0
    assert 0.3 < mirrored.mean() < 0.7
    turned = np.degrees(np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0]))[~mirrored]
    assert np.abs(turned).max() <= 30 + 1e-6
    assert np.abs(turned).max() > 20


def test_a_subject_without_mixed_pixels_is_cropped_too(cropping):
    rng = np.random.default_rng(0)
    for alpha in (np.zeros((50, 70), np.uint8), np.full((50, 70), 255, np.uint8)):
        foreground, found = crop(Cutout(np.zeros((50, 70, 3), np.uint8), alpha), rng, cropping)
        assert foreground.shape == (64, 64, 3)
        assert np.ptp(found) < 1e-6


def test_a_crop_beyond_the_source_shows_no_straight_cut(cropping):
    """Half of the source is subject up to its side: so is the crop's half, wherever the source ends."""
    alpha = np.zeros((40, 40), np.uint8)
    alpha[:, 20:] = 255
    alpha[:, 19] = 128
    steady = replace(cropping, rotation=0.0, shear=0.0, stretch=1.0, look=CLEAR, crops=(80,), flip=0.0)
    _, found = crop(Cutout(np.zeros((40, 40, 3), np.uint8), alpha), np.random.default_rng(0), steady)
    assert np.ptp(found, axis=0).max() < 0.02  # every row alike: no end above or below


def test_two_foregrounds_are_merged(samples):
    single = TrimapSamples(samples.cutouts, samples.scenes, replace(samples.cropping, pair=0.0))
    double = TrimapSamples(samples.cutouts, samples.scenes, replace(samples.cropping, pair=1.0))
    share = [np.mean([s[i].alpha / 255.0 for i in range(12)]) for s in (single, double)]
    assert share[1] > share[0]
    assert all((double[i].alpha >= single[i].alpha - 1.0).all() for i in range(4))


def test_trimap_widths_are_drawn_apart(cropping):
    alpha = soft_disc(96) / np.float32(255)
    rng = np.random.default_rng(0)
    known = np.array([[(t == v).sum() for v in (0, 255)] for t in
                      (dilated(alpha, rng, (1, 20)) for _ in range(30))])  # fmt: skip
    assert known.std(0).min() > 100
    assert abs(np.corrcoef(known.T)[0, 1]) < 0.6


def test_layers_are_jittered_apart_and_noise_is_shared(cropping):
    """The same grey in both layers: jitter tells them apart, the camera's noise does not."""
    flat = np.full((64, 64, 3), 0.5, np.float32)
    alpha = np.zeros((64, 64), np.float32)
    alpha[:, 32:] = 1
    noisy = replace(cropping, camera=Appearance(noise=(1.0, 0.05), jpeg=(0, 100)))
    example = compose(flat, alpha, flat, np.random.default_rng(1), noisy)
    halves = [example.image[..., :32].astype(float), example.image[..., 32:].astype(float)]
    assert halves[0].std() == pytest.approx(halves[1].std(), rel=0.15)
    assert halves[0].std() > 0.5
    cutout = Cutout(np.full((96, 96, 3), 128, np.uint8), soft_disc())
    rng = np.random.default_rng(0)
    tones = {float(crop(cutout, rng, cropping)[0].mean().round(3)) for _ in range(8)}
    assert len(tones) == 8


def test_pool_members_change_one_after_the_other(samples):
    seen = [{samples._member(index, np.random.default_rng(k)) for k in range(40)} for index in range(64)]
    generations = [sorted(generation for _, generation in members) for members in seen]
    assert len(seen[0]) == samples.cropping.pool
    changes = [len(seen[i] ^ seen[i + 1]) // 2 for i in range(63)]
    assert max(changes) == 1  # never the whole pool at once
    period = samples.cropping.pool * samples.cropping.uses
    assert sum(changes[:period]) == samples.cropping.pool
    assert generations[0][0] < generations[-1][0]


def test_similar_colours_and_steep_alphas():
    rng = np.random.default_rng(0)
    background = (0.1 + 0.2 * rng.random((8, 8, 3))).astype(np.float32)
    foreground = np.broadcast_to(np.array([0.6, 0.5, 0.4], np.float32), (8, 8, 3))
    alpha = np.ones((8, 8), np.float32)
    found = shift_colour(background, foreground, alpha)
    np.testing.assert_allclose(found.mean((0, 1)), [0.6, 0.5, 0.4], atol=1e-3)
    np.testing.assert_allclose(np.ptp(found), np.ptp(found), atol=1e-6)
    assert np.array_equal(shift_colour(background, foreground, 0 * alpha), background)
    steep = steepen(np.array([[0.0, 0.4, 0.5, 0.9]], np.float32), 2.0)
    np.testing.assert_allclose(steep, [[0, 0.3, 0.5, 1]], atol=1e-6)


def test_procedural_foregrounds_need_no_photos(corpus_folder, cropping):
    scenes = datasets.backgrounds(corpus_folder / "backgrounds")
    example = TrimapSamples([], scenes, cropping)[0]
    assert example.image.shape == (3, 64, 64)
    assert example.alpha.max() > 0


def test_cut_outs_keep_their_own_colours(tmp_path):
    from wisp.data import vips

    rgba = np.dstack(
        [np.random.default_rng(0).integers(0, 255, (40, 40, 3)).astype(np.uint8), soft_disc(40, 12)]
    )
    vips.as_image(rgba).pngsave(str(tmp_path / "a.png"))
    (entry,) = datasets.rgba_folder(tmp_path)
    cutout = trimap_samples.photographed_cutout(entry)
    assert np.array_equal(cutout.foreground, rgba[..., :3])


def test_batches_carry_the_trimap(samples):
    import torch

    (tensors,) = list(batches(samples, batch=3, first=0, count=1, workers=0))
    batch = to_batch(tensors, torch.device("cpu"))
    assert batch.trimap is not None
    assert batch.trimap.shape == (3, 1, 64, 64)
    assert {round(255 * value, 3) for value in batch.trimap.unique().tolist()} <= {0, 128, 255}
    assert torch.equal(batch.weight > 0.5, (batch.trimap > 0.25) & (batch.trimap < 0.75))


def test_a_prior_is_made_where_it_is_asked_for(samples):
    example = replace(samples, cropping=replace(samples.cropping, prior=True))[0]
    plain = samples[0]
    assert np.array_equal(example.image, plain.image)
    assert (plain.prior == 128).all()
    image = to_float(np.ascontiguousarray(example.image.transpose(1, 2, 0)))
    assert np.array_equal(example.prior[0], from_float(estimate_initial_alpha(image, example.trimap[0])))


def test_islands_turn_known_pixels_unknown_and_nothing_else():
    trimap = np.zeros((90, 120), np.uint8)
    trimap[:, 60:] = 255
    found = [trimap_samples.with_islands(trimap, np.random.default_rng(seed)) for seed in range(20)]
    for islands in found:
        changed = islands != trimap
        assert (islands[changed] == 128).all()
        assert changed.mean() < 0.5
    assert sum((islands != trimap).any() for islands in found) > 15
    assert np.array_equal(found[3], trimap_samples.with_islands(trimap, np.random.default_rng(3)))


def test_strands_are_drawn_on_photographed_cutouts(samples):
    entry = samples.cutouts[0]
    plain = trimap_samples.photographed_cutout(entry)
    strands = [trimap_samples.photographed_cutout(entry, (seed,)) for seed in range(8)]
    assert any((cutout.alpha > plain.alpha + 20).any() for cutout in strands)
    assert all((cutout.alpha.astype(int) >= plain.alpha.astype(int) - 1).all() for cutout in strands)


def test_backgrounds_are_sometimes_out_of_focus(samples):
    sharp = replace(samples.cropping, defocus=(0.0, 0.1), look=CLEAR, scene=Geometry((1.5, 1.5)))
    soft = replace(sharp, defocus=(1.0, 0.2))
    pixels = np.random.default_rng(0).integers(0, 255, (90, 90, 3)).astype(np.uint8)
    texture = [
        trimap_samples.backdrop(pixels, np.random.default_rng(3), recipe).std() for recipe in (sharp, soft)
    ]
    assert texture[1] < 0.7 * texture[0]

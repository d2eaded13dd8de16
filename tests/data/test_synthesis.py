"""Samples: exact composites, seeds, geometry."""

from dataclasses import replace

import numpy as np
import pytest

from wisp.data import datasets, synthesis, vips
from wisp.data.augmentation import Appearance, Geometry
from wisp.data.datasets import Labelled
from wisp.data.synthesis import Samples, Synthesis
from wisp.training.loader import batches

CALM = Appearance(0, 1, 1, 0, 1, 0, (0, 0), (0, 0), (0, 100))
STILL = Geometry(zoom=(1, 1), rotation=0, shear=0, stretch=1, shift=0, flip=0)


@pytest.fixture
def samples(corpus_folder):
    people = datasets.corpus(corpus_folder / "people", "train")
    return Samples(people, datasets.backgrounds(corpus_folder / "backgrounds"), Synthesis(size=64), seed=3)


def test_every_batch_has_composites_real_photos_and_an_empty_scene(samples):
    examples = [samples[i] for i in range(8)]
    assert sum(not e.alpha.any() for e in examples) == 1
    assert sum(int(e.exact[0]) for e in examples) == 5
    for e in examples:
        assert e.image.shape == e.foreground.shape == e.background.shape == (3, 64, 64)
        assert e.alpha.shape == e.weight.shape == (1, 64, 64)
        assert all(field.dtype == np.uint8 for field in e)


def test_a_sample_depends_on_seed_and_index_alone(samples):
    for index in (0, 1, 7):
        for a, b in zip(samples[index], samples[index], strict=True):
            np.testing.assert_array_equal(a, b)
    other = replace(samples, seed=4)
    assert any((a != b).any() for a, b in zip(samples[0], other[0], strict=True))


def test_composite_is_exact_before_the_camera(samples):
    exact = replace(
        samples, synthesis=replace(samples.synthesis, camera=CALM, kinds=("composite",), pair=1.0)
    )
    for index in range(3):
        image, alpha, weight, foreground, background, flag = (x.astype(np.float64) for x in exact[index])
        composed = (foreground * alpha + background * (255 - alpha)) / 255
        assert np.abs(composed - image).max() <= 1.6  # four roundings to 8 bits
        assert (weight == 255).all()
        assert flag == 1


def test_foreground_carries_no_ring_of_the_old_background(samples):
    still = Synthesis(size=64, person=STILL, look=CALM, camera=CALM, kinds=("composite",), pair=0)
    example = replace(samples, synthesis=still)[0]
    alpha = example.alpha[0].astype(float) / 255
    edge = (alpha > 0.3) & (alpha < 0.95)
    red, blue = example.foreground[0][edge].astype(float), example.foreground[2][edge].astype(float)
    assert edge.sum() > 50
    assert red.mean() > 180  # the subject is (200, 40, 30) plus noise, what was behind it (20, 40, 180)
    assert blue.mean() < 70


def test_real_photo_has_no_trust_outside_its_frame(samples):
    away = Synthesis(size=64, person=replace(STILL, zoom=(0.5, 0.5)), look=CALM, camera=CALM, kinds=("real",))
    example = replace(samples, synthesis=away)[0]
    assert (example.weight[0, :8] == 0).all()
    assert example.weight[0, 32, 32] == 255
    assert example.image[:, :8].mean() > 20  # mirrored, not black


@pytest.mark.parametrize("mirror", [1, -1])
@pytest.mark.parametrize("side", ["bottom", "left", "right", "top"])
def test_cut_sides_stay_cut(side, mirror):
    alpha = np.zeros((40, 60), np.uint8)
    alpha[{"bottom": np.s_[-20:, 25:35], "top": np.s_[:20, 25:35], "left": np.s_[15:25, :20],
           "right": np.s_[15:25, -20:]}[side]] = 255  # fmt: skip
    linear = np.diag([0.5 * mirror, 0.5])
    matrix = np.column_stack([linear, np.array([32, 32]) - linear @ np.array([30, 20])])
    warped = vips.warp(alpha, synthesis.keep_cut_sides(matrix, alpha, 64), 64)
    expected = {"left": "right", "right": "left"}.get(side, side) if mirror < 0 else side
    touching = {"top": warped[0], "bottom": warped[-1], "left": warped[:, 0], "right": warped[:, -1]}
    assert touching[expected].max() > 100
    assert sum(values.max() > 100 for values in touching.values()) == 1


def test_merged_layers_compose_like_one_after_the_other():
    rng = np.random.default_rng(0)
    f1, f2, b = rng.random((3, 5, 5, 3), np.float32)
    a1, a2 = rng.random((2, 5, 5), np.float32)
    foreground, alpha = synthesis.merge(f1, a1, f2, a2)
    behind = f2 * a2[..., None] + b * (1 - a2[..., None])
    expected = f1 * a1[..., None] + behind * (1 - a1[..., None])
    np.testing.assert_allclose(
        foreground * alpha[..., None] + b * (1 - alpha[..., None]), expected, atol=1e-6
    )


def test_blurred_layer_keeps_a_constant_colour():
    alpha = np.zeros((32, 32), np.float32)
    alpha[8:24, 8:24] = 1
    foreground = np.full((32, 32, 3), 0.7, np.float32)
    soft_foreground, soft = synthesis.blur_layer(foreground, alpha, 2.0)
    np.testing.assert_allclose(soft_foreground, 0.7, atol=1e-3)
    assert soft.sum() == pytest.approx(alpha.sum(), rel=1e-3)


def test_warp_places_pixels_by_their_corners():
    source = np.zeros((4, 4), np.uint8)
    source[1, 2] = 200
    doubled = vips.warp(source, np.array([[2.0, 0, 0], [0, 2.0, 0]]), 8)
    y, x = np.mgrid[:8, :8] + 0.5
    weight = doubled / doubled.sum()
    assert (weight * x).sum() == pytest.approx(5, abs=0.05)
    assert (weight * y).sum() == pytest.approx(3, abs=0.05)
    shifted = vips.warp(source, np.array([[1.0, 0, -1], [0, 1.0, 1]]), 4)
    assert shifted[2, 1] == 200


def test_loader_gives_the_same_batches_whatever_the_workers(samples):
    alone = list(batches(samples, batch=4, first=1, count=2, workers=0))
    helped = list(batches(samples, batch=4, first=1, count=2, workers=2))
    assert len(alone) == len(helped) == 2
    for a, b in zip(alone, helped, strict=True):
        for x, y in zip(a.values(), b.values(), strict=True):
            np.testing.assert_array_equal(x.numpy(), y.numpy())
    np.testing.assert_array_equal(alone[0]["image"][2].numpy(), samples[6].image)


def test_oblong_samples_fit_the_source_and_keep_compositing_exact(samples):
    oblong = Synthesis(size=(48, 96), person=STILL, look=CALM, camera=CALM, pair=0, defocus=0)
    square = replace(oblong, size=(48, 48))
    for kind in ("composite", "real", "empty"):
        example = replace(samples, synthesis=replace(oblong, kinds=(kind,)))[0]
        assert example.image.shape == example.foreground.shape == example.background.shape == (3, 48, 96)
        assert example.alpha.shape == example.weight.shape == (1, 48, 96)
    wide = replace(samples, synthesis=replace(oblong, kinds=("composite",)))[0]
    narrow = replace(samples, synthesis=replace(square, kinds=("composite",)))[0]
    np.testing.assert_array_equal(wide.alpha[..., 24:72], narrow.alpha)  # fitted by its height, centred
    one = replace(samples, synthesis=replace(square, size=48, kinds=("composite",)))[0]
    for a, b in zip(one, narrow, strict=True):
        np.testing.assert_array_equal(a, b)


def test_hair_grows_on_composites_and_keeps_them_exact(samples):
    plain = replace(samples.synthesis, size=128, camera=CALM, kinds=("composite",), pair=0)
    grown = 0.0
    for index in range(4):
        before = replace(samples, synthesis=plain)[index]
        after = replace(samples, synthesis=replace(plain, hair=1.0))[index]
        grown += float(after.alpha.sum()) - float(before.alpha.sum())
        alpha, image = after.alpha.astype(float), after.image.astype(float)
        composed = (after.foreground * alpha + after.background * (255 - alpha)) / 255
        assert np.abs(composed - image).max() <= 1.6
    assert grown > 0


def test_real_photos_are_trusted_less_at_their_border(samples):
    calm = replace(samples.synthesis, person=STILL, look=CALM, camera=CALM, kinds=("real",))
    full = replace(samples, synthesis=calm)[0]
    careful = replace(samples, synthesis=replace(calm, border_trust=0.25))[0]
    mixed = (full.alpha > 5) & (full.alpha < 250) & (full.weight == 255)
    assert mixed.sum() > 20
    assert (careful.weight[mixed] == 63).all()
    far = full.alpha == 0
    far[:, 1:] &= full.alpha[:, :-1] == 0
    far[:, :-1] &= full.alpha[:, 1:] == 0
    assert (careful.weight == full.weight)[far].mean() > 0.8
    np.testing.assert_array_equal(careful.alpha, full.alpha)


def cut_out(size=64):
    """A soft orange disc over colours that mean nothing, here a loud green."""
    y, x = np.mgrid[:size, :size] / size - 0.5
    alpha = (np.clip((0.3 - np.hypot(x, y)) * size / 4 + 0.5, 0, 1) * 255).astype(np.uint8)
    image = np.where(alpha[..., None] > 0, np.uint8([240, 130, 20]), np.uint8([0, 255, 0]))
    return Labelled(image.astype(np.uint8), alpha, np.full_like(alpha, 255), cut_out=True)


def test_colours_under_the_transparent_part_of_a_cut_out_never_show():
    turned = Geometry(zoom=(0.7, 1.3), rotation=40, shear=0.1, stretch=1.2, shift=0.1, flip=0.5)
    for seed in range(6):
        rng = np.random.default_rng(seed)
        foreground, alpha = synthesis.layer(cut_out(), rng, Synthesis(size=48, person=turned, look=CALM))
        error = np.abs(foreground * 255 - np.array([240, 130, 20])).max(-1)
        assert (alpha > 0.02).mean() > 0.1
        assert (error * alpha).max() < 8  # as far as it shows, of 255
        assert error[alpha == 0].max() < 8


def test_cut_outs_are_composited_where_a_real_photo_is_due(samples, tmp_path):
    shown = cut_out()
    (tmp_path / "cut").mkdir()
    vips.as_image(np.dstack([shown.image, shown.alpha])).pngsave(str(tmp_path / "cut/a.png"))
    cut_outs = replace(samples, people=datasets.rgba_folder(tmp_path / "cut"))
    examples = [cut_outs[i] for i in range(8)]
    assert sum(int(e.exact[0]) for e in examples) == 8
    assert all((e.background != e.image).any() for e in examples if e.alpha.any())

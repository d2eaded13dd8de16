"""Samples as two papers publish them: what is on, and that all else is off."""

from dataclasses import replace

import numpy as np
import pytest

import data_trees as trees
from wisp.data import layouts, vips
from wisp.data.composites import cover, over
from wisp.data.published import FIVE_STRATEGIES, Composites, PublishedComposites, PublishedCrops, square


@pytest.fixture
def composites(tmp_path):
    """Three cut-outs of 12×15 pixels before four of nine scenes each."""
    people = layouts.read_folder(trees.composition_1k(tmp_path / "adobe")).entries
    return Composites(people, sorted(trees.scenes(tmp_path / "scenes").rglob("*.jpg")), seed=5, count=4)


def test_an_epoch_has_each_pair_once_and_the_next_the_same_pairs_in_another_order(composites):
    assert len(composites) == 12
    first, second = ([composites.pair(start + i) for i in range(12)] for start in (0, 12))
    assert len(set(first)) == 12
    assert set(first) == set(second)
    assert first != second
    for person in composites.people:
        assert len({scene for entry, scene in first if entry == person}) == 4
    assert replace(composites, count=100).each == len(composites.scenes)


def test_a_composite_is_that_of_wisp_compose(composites):
    for index in range(3):
        entry, scene = composites.pair(index)
        photo = entry.load()
        layers = composites[index]
        background = cover(vips.read_rgb(scene), photo.alpha.shape)
        np.testing.assert_array_equal(layers.background, background)
        np.testing.assert_array_equal(layers.foreground, photo.image)
        np.testing.assert_array_equal(layers.image, over(photo.image, photo.alpha, background))


def test_the_portrait_papers_samples_are_composites_and_nothing_else(composites):
    """At their own size not a pixel is changed: no colour, noise, blur, flip, hair, second person or JPEG."""
    samples = PublishedComposites(composites, (12, 15))
    for index in range(12):
        layers, sample = composites[index], samples[index]
        np.testing.assert_array_equal(sample.image, layers.image.transpose(2, 0, 1))
        np.testing.assert_array_equal(sample.alpha[0], layers.alpha)
        np.testing.assert_array_equal(sample.foreground, layers.foreground.transpose(2, 0, 1))
        np.testing.assert_array_equal(sample.background, layers.background.transpose(2, 0, 1))
        assert (sample.weight == 255).all()
    small = PublishedComposites(composites, (8, 10))[0]
    np.testing.assert_array_equal(small.image, vips.resize(composites[0].image, (8, 10)).transpose(2, 0, 1))


def test_the_five_strategies_have_nothing_else_on():
    c = FIVE_STRATEGIES
    assert c.crops == (320, 480, 640)
    assert (c.size, c.flip) == (320, 0.5)
    assert (c.zoom, c.stretch, c.contrast, c.rotation, c.shear, c.off_centre) == (1, 1, 1, 0, 0, 0)
    assert (c.pair, c.procedural, c.hair, c.islands, c.similar, c.photos) == (0, 0, 0, 0, 0, 0)
    assert c.defocus[0] == c.look.blur[0] == c.look.noise[0] == c.look.jpeg[0] == 0
    assert c.camera == c.look
    assert not c.prior


def test_a_crop_is_a_piece_of_the_composite_perhaps_mirrored(composites):
    """With a crop of the sample's own size, each is a window of the composite, pixel for pixel."""
    samples = PublishedCrops(composites, replace(FIVE_STRATEGIES, size=8, crops=(8,), widths=(1, 2)))
    seen = set()
    for index in range(24):
        layers, sample = composites[index], samples[index]
        image = sample.image.transpose(1, 2, 0)
        found = [
            (mirrored, row, column)
            for mirrored in (False, True)
            for row in range(5)
            for column in range(8)
            for piece in [layers.image[row : row + 8, column : column + 8]]
            if np.array_equal(piece[:, ::-1] if mirrored else piece, image)
        ]
        (window,) = found
        seen.add(window[0])
        assert ((sample.weight[0] == 255) == (sample.trimap[0] == 128)).all()
        mixed = (sample.alpha[0] > 0) & (sample.alpha[0] < 255)
        assert (sample.trimap[0][mixed] == 128).all()
        assert (sample.prior == 128).all()
    assert seen == {False, True}


def test_crops_are_made_anew_each_epoch_and_alike_for_the_same_seed(composites):
    samples = PublishedCrops(composites, replace(FIVE_STRATEGIES, size=8, crops=(8, 10), widths=(1, 2)))
    again = PublishedCrops(composites, samples.cropping)
    pairs = [composites.pair(index) for index in range(24)]
    later = 12 + pairs[12:].index(pairs[0])
    for one, other in zip(samples[0], again[0], strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(samples[0].image, samples[later].image)


def test_squares_are_around_mixed_pixels_and_mirror_what_is_too_small():
    alpha = np.zeros((10, 12), np.uint8)
    alpha[2, 9] = 100
    layers = np.arange(120, dtype=np.uint8).reshape(10, 12, 1)
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(square(layers, alpha, 4, rng), layers[0:4, 7:11])
    np.testing.assert_array_equal(square(layers, alpha, 8, rng), layers[0:8, 4:12])
    whole = square(layers, alpha, 14, rng)
    np.testing.assert_array_equal(whole[2:12, 1:13], layers)
    np.testing.assert_array_equal(whole[1, 1:13], layers[0])

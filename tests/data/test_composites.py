"""Which foreground goes on which background, and the arithmetic of the published sets."""

import math

import numpy as np
import pytest

import data_trees as trees
from wisp.core.errors import InputError
from wisp.data import composites, layouts, selection, vips
from wisp.data.datasets import Labelled


@pytest.fixture
def sets(tmp_path):
    return layouts.read_folder(trees.composition_1k(tmp_path / "adobe")), trees.scenes(tmp_path / "scenes")


def pairs(planned):
    return [(c.name, c.background.name.removeprefix("COCO_train2014_")) for c in planned]


def test_listed_order_is_the_authors(sets):
    collection, scenes = sets
    planned = composites.plan([collection], scenes, count=2)
    assert pairs(planned) == [
        *[("cc.0_0", "005.jpg"), ("cc.0_1", "003.jpg")],
        *[("1-12IM_0", "001.jpg"), ("1-12IM_1", "004.jpg")],
        *[("a person_0", "000.jpg"), ("a person_1", "002.jpg")],
    ]
    first = composites.plan([collection], scenes, count=1)
    assert pairs(first) == pairs(planned)[::2]
    one = selection.select([collection], ["a person"], "list")
    assert composites.plan(one, scenes, count=2) == planned[4:]


def test_names_of_coco_2017(sets):
    collection, scenes = sets
    for photo in scenes.glob("COCO*"):
        photo.rename(photo.with_name(photo.name.removeprefix("COCO_train2014_")))
    assert pairs(composites.plan([collection], scenes, count=2))[0] == ("cc.0_0", "005.jpg")


def test_order_of_names_goes_on_and_begins_again(sets):
    collection, scenes = sets
    planned = composites.plan([collection], scenes, count=4, order="names")
    found = [name for _, name in pairs(planned)]
    everything = sorted(p.name.removeprefix("COCO_train2014_") for p in scenes.rglob("*.jpg"))
    in_order = [p.name.removeprefix("COCO_train2014_") for p in sorted(scenes.rglob("*.jpg"))]
    assert sorted(set(found)) == everything
    assert found == (in_order * 2)[:12]


def test_random_order_depends_on_the_seed_and_on_its_foreground_alone(sets):
    collection, scenes = sets
    planned = composites.plan([collection], scenes, count=5, order="random", seed=3)
    again = composites.plan(
        selection.select([collection], ["1-12IM"], ""), scenes, count=5, order="random", seed=3
    )
    assert planned[5:10] == again
    assert composites.plan([collection], scenes, count=5, order="random", seed=4) != planned
    for start in (0, 5, 10):
        assert len({c.background for c in planned[start : start + 5]}) == 5
    widths = {w for c in planned for w in (c.erosion, c.dilation)}
    assert len(widths) > 5
    assert 1 <= min(widths) <= max(widths) <= 30


def test_too_few_or_missing_backgrounds(sets):
    collection, scenes = sets
    with pytest.raises(InputError, match=r"holds 9 photos for 10 backgrounds a foreground; 10 or more"):
        composites.plan([collection], scenes, count=10, order="names")
    with pytest.raises(InputError, match=r"cc\.0\.png: has 2 backgrounds in the authors' list; up to 2, or"):
        composites.plan([collection], scenes, count=3)
    (scenes / "COCO_train2014_004.jpg").unlink()
    with pytest.raises(InputError, match=r"scenes: has no COCO_train2014_004\.jpg, which .* sets 1-12IM on"):
        composites.plan([collection], scenes, count=2)


def test_composition_is_that_of_the_published_code(sets):
    """αF + (1 − α)B in doubles, the fraction dropped, on a background as Pillow enlarges it."""
    image = pytest.importorskip("PIL.Image")
    collection, scenes = sets
    for composite in composites.plan([collection], scenes, count=2):
        photo = composite.entry.load()
        h, w = photo.alpha.shape
        behind = image.fromarray(vips.read_rgb(composite.background))
        ratio = max(w / behind.width, h / behind.height)
        if ratio > 1:
            size = (math.ceil(behind.width * ratio), math.ceil(behind.height * ratio))
            behind = behind.resize(size, image.Resampling.BICUBIC)
        behind = np.asarray(behind.crop((0, 0, w, h)))
        share = (photo.alpha / 255.0)[..., None]
        expected = (photo.image * share + behind * (1.0 - share)).astype(np.uint8)
        pictures = composites.render(composite, photo, composites.foreground_of(photo), layers=True)
        np.testing.assert_array_equal(pictures["bg"], behind)
        np.testing.assert_array_equal(pictures["image"], expected)
        np.testing.assert_array_equal(pictures["fg"], photo.image)
        assert set(pictures) == {"image", "alpha", "fg", "bg"}


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (7, 5), (60, 83), (300, 4)])
@pytest.mark.parametrize("size", [(300, 300), (301, 83)])
def test_enlarging_gives_pillows_bytes(shape, size):
    image = pytest.importorskip("PIL.Image")
    pixels = trees.colours(shape, 5)
    size = (max(size[0], shape[0]), max(size[1], shape[1]))
    expected = np.asarray(image.fromarray(pixels).resize(size[::-1], image.Resampling.BICUBIC))
    np.testing.assert_array_equal(composites.enlarge(pixels, size), expected)


def test_enlarging_without_pillow():
    """Reference values of Pillow 13.0.0: a row of 0, 255, 10, 20 enlarged to 9 pixels (BICUBIC)."""
    row = np.repeat(np.array([[0, 255, 10, 20]], np.uint8)[..., None], 3, 2)
    enlarged = composites.enlarge(row, (1, 9))[0, :, 0]
    np.testing.assert_array_equal(enlarged, [0, 32, 172, 253, 148, 18, 0, 16, 21])


def test_covering_keeps_large_backgrounds_as_they_are():
    background = trees.colours((30, 40), 1)
    np.testing.assert_array_equal(composites.cover(background, (20, 33)), background[:20, :33])
    assert composites.cover(background, (31, 33)).shape == (31, 33, 3)
    assert composites.cover(background[:1, :1], (3, 2)).shape == (3, 2, 3)


def test_opaque_and_empty_pixels_are_untouched():
    foreground, background = trees.colours((5, 6), 0), trees.colours((5, 6), 1)
    alpha = np.zeros((5, 6), np.uint8)
    alpha[:, 3:] = 255
    image = composites.over(foreground, alpha, background)
    np.testing.assert_array_equal(image[:, 3:], foreground[:, 3:])
    np.testing.assert_array_equal(image[:, :3], background[:, :3])


def test_real_photos_lose_their_own_background():
    """Of a photo with a label, not a cut-out, the colours of the edge are estimated."""
    alpha = np.tile(np.clip(np.arange(-16, 32) * 16, 0, 255).astype(np.uint8), (40, 1))
    share = alpha[..., None] / 255
    subject, behind = np.array([200, 60, 40]), np.array([20, 40, 220])
    photo = Labelled((share * subject + (1 - share) * behind).round().astype(np.uint8), alpha, alpha)
    estimated = composites.foreground_of(photo)
    assert np.abs(estimated[:, 18:].astype(int) - subject).max() <= 4
    cut_out = Labelled(photo.image, alpha, alpha, cut_out=True)
    assert composites.foreground_of(cut_out) is photo.image


def test_trimaps(sets, tmp_path):
    collection, scenes = sets
    (own, *_) = composites.plan([collection], scenes, count=2, seed=1)
    photo = own.entry.load()
    made = composites.render(own, photo, photo.image, trimap=True)["trimap"]
    soft = (photo.alpha > 0) & (photo.alpha < 255)
    assert (made[soft] == 128).all()
    test = layouts.read_folder(tmp_path / "adobe", "test")
    planned = composites.plan([test], scenes, count=3)
    for number, composite in enumerate(planned):
        drawn = composites.render(composite, composite.entry.load(), photo.image, trimap=True)["trimap"]
        np.testing.assert_array_equal(drawn, vips.read_grey(test.trimaps / f"t-shirt_{number}.png"))
    assert composites.plan([test], scenes, count=3, order="names")[0].trimap is None
    trees.write(test.trimaps / "t-shirt_1.png", np.zeros((12, 14)))
    with pytest.raises(InputError, match=r"t-shirt_1\.png: is 14×12; its foreground's size, 15×12"):
        composites.render(planned[1], planned[1].entry.load(), photo.image, trimap=True)

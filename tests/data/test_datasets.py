"""Readers of the three layouts, and what they say about broken ones."""

import numpy as np
import pytest

from wisp.core.errors import InputError
from wisp.data import datasets, vips


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    vips.as_image(pixels).write_to_file(str(path))


def test_corpus_reads_split_weight_and_licence(corpus_folder):
    people = corpus_folder / "people"
    train, held_out = datasets.corpus(people, "train"), datasets.corpus(people, "val")
    assert [e.name for e in train] == ["p-0", "p-1", "p-2", "p-3"]
    assert [e.name for e in held_out] == ["p-4", "p-5"]
    labelled = train[0].load()
    assert labelled.image.shape == (64, 64, 3)
    assert labelled.alpha.shape == labelled.weight.shape == (64, 64)
    assert labelled.alpha[32, 32] == 255
    assert labelled.weight.min() == 255


def test_corpus_filters_by_licence(corpus_folder):
    assert [e.name for e in datasets.corpus(corpus_folder / "people", "train", ["cc0"])] == ["p-1", "p-3"]
    with pytest.raises(InputError, match=r"its licences are: CC0-1\.0, research use"):
        datasets.corpus(corpus_folder / "people", "train", ["MIT"])


def test_corpus_row_without_photo_is_named(corpus_folder):
    (corpus_folder / "people/photo/p-2.jpg").unlink()
    with pytest.raises(InputError, match="names p-2, which has no photo"):
        datasets.corpus(corpus_folder / "people", "train")


def test_corpus_row_without_label_is_named_before_anything_is_drawn(corpus_folder):
    (corpus_folder / "people/alpha/p-2.png").unlink()
    with pytest.raises(InputError, match=r"names p-2, which has no label; alpha/p-2.png is accepted"):
        datasets.corpus(corpus_folder / "people", "train")


def test_a_manifest_without_its_columns_is_named(corpus_folder):
    (corpus_folder / "people/manifest.csv").write_text("junk\n")
    with pytest.raises(InputError, match=r"manifest.csv: has no column name; name, split and licence are"):
        datasets.corpus(corpus_folder / "people", "train")


def test_small_edition_keeps_alpha_in_the_photo(corpus_folder):
    people = corpus_folder / "people"
    entry = datasets.corpus(people, "train")[0]
    labelled = entry.load()
    rgba = np.dstack([labelled.image, labelled.alpha])
    (people / "photo/p-0.jpg").unlink()
    (people / "alpha/p-0.png").unlink()
    vips.as_image(rgba).webpsave(str(people / "photo/p-0.webp"), lossless=True, exact=True)
    again = datasets.corpus(people, "train")[0].load()
    np.testing.assert_array_equal(again.alpha, labelled.alpha)
    np.testing.assert_array_equal(again.image, labelled.image)


def test_image_alpha_folder_pairs_by_relative_stem(tmp_path):
    for name in ("a", "deep/b"):
        write(tmp_path / f"image/{name}.jpg", np.zeros((8, 6, 3), np.uint8))
        write(tmp_path / f"alpha/{name}.png", np.full((8, 6), 7, np.uint8))
    entries = datasets.image_alpha_folder(tmp_path)
    assert [e.name for e in entries] == ["a", "deep/b"]
    assert (entries[1].load().alpha == 7).all()


def test_missing_alpha_and_other_size_are_named(tmp_path):
    write(tmp_path / "image/a.png", np.zeros((8, 6, 3), np.uint8))
    write(tmp_path / "alpha/b.png", np.zeros((8, 6), np.uint8))
    with pytest.raises(InputError, match=r"a\.png: has no alpha"):
        datasets.image_alpha_folder(tmp_path)
    write(tmp_path / "alpha/a.png", np.zeros((9, 6), np.uint8))
    with pytest.raises(InputError, match="is 6×9; its photo's size, 6×8"):
        datasets.image_alpha_folder(tmp_path)[0].load()


def test_rgba_folder(tmp_path):
    write(tmp_path / "cut.png", np.dstack([np.full((4, 5, 3), 9, np.uint8), np.full((4, 5), 100, np.uint8)]))
    (entry,) = datasets.rgba_folder(tmp_path)
    assert entry.cut_out
    assert (entry.load().alpha == 100).all()
    assert (entry.load().image == 9).all()
    write(tmp_path / "flat.png", np.zeros((4, 5, 3), np.uint8))
    with pytest.raises(InputError, match=r"flat\.png: has no alpha channel"):
        datasets.rgba_folder(tmp_path)[1].load()


@pytest.mark.parametrize("reader", [datasets.rgba_folder, datasets.image_alpha_folder, datasets.backgrounds])
def test_empty_and_missing_folders(reader, tmp_path):
    with pytest.raises(InputError, match="accepted"):
        reader(tmp_path)
    with pytest.raises(InputError, match="is no folder"):
        reader(tmp_path / "nothing")


def test_damaged_photo_is_named(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image at all")
    with pytest.raises(InputError, match=r"a\.png: cannot be read as an image"):
        datasets.rgba_folder(tmp_path)[0].load()


def test_hold_out_is_disjoint_complete_and_repeatable():
    kept, held = datasets.hold_out(list(range(50)))
    assert len(held) == 5
    assert sorted(kept + held) == list(range(50))
    assert datasets.hold_out(list(range(50))) == (kept, held)
    assert datasets.hold_out([1, 2])[1]
    with pytest.raises(InputError, match="at least two"):
        datasets.hold_out([1])

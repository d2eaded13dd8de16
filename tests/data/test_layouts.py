"""Readers of the published sets, on tiny copies of their folders."""

import shutil

import numpy as np
import pytest

import data_trees as trees
from wisp.core.errors import InputError
from wisp.data import layouts, vips


def names(collection):
    return [entry.name for entry in collection.entries]


@pytest.mark.parametrize(
    ("make", "layout", "train", "test"),
    [
        (trees.composition_1k, "composition-1k", ["cc.0", "1-12IM", "a person"], ["t-shirt"]),
        (trees.distinctions_646, "distinctions-646", ["test_3", "h_10"], ["test_3"]),
        (trees.p3m_10k, "p3m-10k", ["p_1", "p_2"], ["P3M-500-P/p_3", "P3M-500-NP/p_3"]),
        (trees.am_2k, "am-2k", ["m_1"], ["m_2"]),
    ],
)
def test_sets_with_splits(make, layout, train, test, tmp_path):
    folder = make(tmp_path / "set")
    found, root = layouts.find_layout(folder)
    assert (found.name, found.splits, root) == (layout, True, folder)
    assert names(layouts.read_folder(folder, "train")) == train
    assert names(layouts.read_folder(folder)) == train
    assert names(layouts.read_folder(folder, "test")) == test
    kept, held_out = layouts.split_folders([folder])
    assert ([e.name for e in kept], [e.name for e in held_out]) == (train, test)
    cut_out = layout in ("composition-1k", "distinctions-646")
    for entry in (*kept, *held_out):
        labelled = entry.load()
        assert labelled.cut_out == entry.cut_out == cut_out
        assert labelled.image.shape == (12, 15, 3)
        assert np.isin([0, 255], labelled.alpha).all()


@pytest.mark.parametrize(
    ("make", "layout", "stem"),
    [
        (trees.aim_500, "aim-500", "o_1"),
        (trees.ppm_100, "ppm-100", "1_o"),
        (trees.photomatte85, "cut-outs", "1"),
        (
            trees.human_matting,
            "human-matting",
            "1803151818/clip_00000000/1803151818-00000001",
        ),
    ],
)
def test_sets_without_splits(make, layout, stem, tmp_path):
    folder = make(tmp_path / "set")
    found = layouts.read_folder(folder)
    assert found.layout == layout
    assert len(found.entries) == 3
    assert names(found)[1] == stem
    assert found.entries[1].cut_out == (layout == "cut-outs")
    assert layouts.read_folder(folder, "train").entries + layouts.read_folder(folder, "test").entries
    kept, held_out = layouts.split_folders([folder])
    assert len(kept) == 2
    assert {e.name for e in kept} | {e.name for e in held_out} == set(names(found))
    alpha = found.entries[1].load().alpha.astype(int)
    assert np.abs(alpha - trees.alpha((12, 15), 1)).max() <= (8 if layout == "ppm-100" else 0)  # a JPEG there


def test_the_colours_read_are_those_stored(tmp_path):
    entry = layouts.read_folder(trees.distinctions_646(tmp_path), "test").entries[0]
    np.testing.assert_array_equal(entry.load().image, trees.colours((12, 15), 20))
    np.testing.assert_array_equal(entry.load().alpha, trees.alpha((12, 15), 20))


def test_authors_backgrounds_belong_to_their_foregrounds(tmp_path):
    train = layouts.read_folder(trees.composition_1k(tmp_path / "adobe"))
    assert train.listed == (
        ("COCO_train2014_005.jpg", "COCO_train2014_003.jpg"),
        ("COCO_train2014_001.jpg", "COCO_train2014_004.jpg"),
        ("COCO_train2014_000.jpg", "COCO_train2014_002.jpg"),
    )
    test = layouts.read_folder(tmp_path / "adobe", "test")
    assert test.listed == (("2008_1.jpg", "2008_2.jpg", "2008_0.jpg"),)
    assert test.trimaps is not None
    windows = layouts.read_folder(trees.distinctions_646(tmp_path / "d646"))
    assert windows.listed == (("COCO_train2014_002.jpg",), ("COCO_train2014_001.jpg",))
    (tmp_path / "d646/Train/bg_train.txt").unlink()
    assert layouts.read_folder(tmp_path / "d646").listed == ((), ())


def test_sets_one_level_down_and_mac_archives(tmp_path):
    trees.composition_1k(tmp_path / "download/Combined_Dataset")
    (tmp_path / "download/__MACOSX").mkdir()
    licensed = tmp_path / "download/Combined_Dataset/Training_set/Adobe-licensed images"
    (licensed / "fg/._1-12IM.png").write_bytes(b"not a picture")
    found = layouts.read_folder(tmp_path / "download")
    assert names(found) == ["cc.0", "1-12IM", "a person"]


def test_own_folders(tmp_path):
    trees.pair(tmp_path / "a/fg", tmp_path / "a/alpha", "deep/x")
    trees.pair(tmp_path / "b/image", tmp_path / "b/alpha", "y")
    assert layouts.read_folder(tmp_path / "a").entries[0].cut_out
    assert not layouts.read_folder(tmp_path / "b").entries[0].cut_out
    assert names(layouts.read_folder(tmp_path / "a")) == ["deep/x"]


def test_composites_are_held_out_by_subject(tmp_path):
    rows = ["name,foreground,background,erosion,dilation"]
    for subject in range(4):
        for number in range(5):
            trees.pair(tmp_path / "image", tmp_path / "alpha", f"s{subject}_{number}")
            rows.append(f"s{subject}_{number},s{subject},b.jpg,1,1")
    (tmp_path / "pairs.csv").write_text("\n".join(rows))
    kept, held_out = layouts.split_folders([tmp_path])
    assert len(held_out) == 5
    assert {e.subject for e in kept} & {e.subject for e in held_out} == set()


def test_corpus(corpus_folder):
    kept, held_out = layouts.split_folders([corpus_folder], ["CC0"])
    assert ([e.name for e in kept], [e.name for e in held_out]) == (["p-1", "p-3"], ["p-5"])
    assert names(layouts.read_folder(corpus_folder, "test")) == ["p-4", "p-5"]


def test_without_the_test_part_a_share_is_held_out(tmp_path):
    folder = trees.composition_1k(tmp_path)
    shutil.rmtree(folder / "Test_set")
    kept, held_out = layouts.split_folders([folder])
    assert (len(kept), len(held_out)) == (2, 1)
    with pytest.raises(InputError, match=r"fg: is no folder; Test_set/Adobe-licensed images/"):
        layouts.read_folder(folder, "test")


def test_a_subject_in_both_parts_is_refused(tmp_path):
    folder = trees.distinctions_646(tmp_path)
    layouts.split_folders([folder])  # the same name alone is no harm
    for kind in ("FG", "GT"):
        shutil.copy(folder / f"Train/{kind}/test_3.png", folder / f"Test/{kind}/test_3.png")
    with pytest.raises(
        InputError, match=r"Test/FG/test_3\.png: is also trained on, as .*Train/FG/test_3\.png"
    ):
        layouts.split_folders([folder])


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda f: shutil.rmtree(f / "Train/GT"), r"Train/GT: is no folder; Train/ with FG/ and GT/"),
        (
            lambda f: (f / "Train/GT/h_10.png").unlink(),
            r"Train/FG/h_10\.png: has no alpha; .*GT/h_10\.png is",
        ),
        (lambda f: (f / "Train/FG/h_10.png").unlink(), r"fg_train\.txt: names h_10\.png, which is not among"),
        (
            lambda f: (f / "Train/bg_train.txt").write_text("a\nb\nc\n"),
            r"bg_train\.txt: lists 3 backgrounds for 2 foregrounds; as many for each",
        ),
        (
            lambda f: (f / "Train/fg_train.txt").write_bytes(b"\xff\xfe\x00"),
            r"fg_train\.txt: .* no text in UTF-8",
        ),
    ],
)
def test_what_is_missing_is_named(damage, complaint, tmp_path):
    damage(trees.distinctions_646(tmp_path))
    with pytest.raises(InputError, match=complaint) as error:
        layouts.read_folder(tmp_path)
    assert "\n" not in str(error.value)


def test_other_size_is_named(tmp_path):
    folder = trees.am_2k(tmp_path)
    trees.write(folder / "train/mask/m_1.png", trees.alpha((12, 16)))
    with pytest.raises(InputError, match=r"mask/m_1\.png: is 16×12; its photo's size, 15×12, is accepted"):
        layouts.read_folder(folder).entries[0].load()


def test_two_photos_of_one_name(tmp_path):
    folder = trees.aim_500(tmp_path)
    shutil.copy(folder / "original/o_0.jpg", folder / "original/o_0.png")
    with pytest.raises(InputError, match=r"o_0\.png: has the same name as o_0\.jpg"):
        layouts.read_folder(folder)


def test_unknown_layouts_say_which_are_known(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        layouts.find_layout(tmp_path / "none")
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file; a folder is accepted"):
        layouts.find_layout(tmp_path / "file")
    trees.write(tmp_path / "photos/opaque.png", trees.colours((5, 4), 0))
    for folder in (tmp_path / "photos", tmp_path):
        with pytest.raises(InputError, match="no data set that wisp knows") as error:
            layouts.find_layout(folder)
        for word in ("composition-1k (Training_set/", "distinctions-646", "ppm-100", "cut-outs", "corpus"):
            assert word in str(error.value)
    with pytest.raises(InputError, match=r"has no manifest\.csv"):
        layouts.read_folder(trees.aim_500(tmp_path / "aim"), licences=["CC0"])


def test_merged_person_subsets(tmp_path):
    folders = [trees.composition_1k(tmp_path / "adobe"), trees.distinctions_646(tmp_path / "d646")]
    persons = tmp_path / "persons.txt"
    persons.write_text("a person.jpg\n1-12IM\nh_10.png\ntest_3.png\n")
    kept, held_out = layouts.split_folders(folders, names=persons)
    assert [e.name for e in kept] == ["1-12IM", "a person", "test_3", "h_10"]
    assert [e.name for e in held_out] == ["test_3"]
    persons.write_text("a person.jpg\n1-12IM\nh_10.png\n")
    kept, held_out = layouts.split_folders(folders, names=persons)
    assert (len(kept), len(held_out)) == (2, 1)
    persons.write_text("t-shirt\n")
    with pytest.raises(InputError, match=r"persons\.txt: leaves nothing to train on"):
        layouts.split_folders(folders, names=persons)


def test_cut_outs_with_a_manifest_are_no_corpus(tmp_path):
    folder = trees.photomatte85(tmp_path / "set")
    (folder / "manifest.csv").write_text("name,licence\n1,CC0\n")
    assert layouts.read_folder(folder).layout == "cut-outs"
    kept, held_out = layouts.split_folders([folder])
    assert len(kept) + len(held_out) == 3


def test_a_corpus_whose_manifest_lacks_a_column(tmp_path):
    (tmp_path / "photo").mkdir()
    (tmp_path / "manifest.csv").write_text("name,licence\n1,CC0\n")
    with pytest.raises(InputError, match=r"manifest\.csv: has no column split; name, split and licence are"):
        layouts.split_folders([tmp_path])


def test_backgrounds_beside_cut_outs_are_none_of_them(tmp_path):
    folder = trees.photomatte85(tmp_path)
    trees.write(folder / "backgrounds/a.png", trees.colours((5, 4), 0))
    assert names(layouts.read_folder(folder)) == ["0", "1", "2"]


def test_pascal_voc_is_read_by_its_lists(tmp_path):
    """Every class but the background is the subject; the painted borders of things are not trusted."""
    root = tmp_path / "VOCdevkit/VOC2012"
    for part in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / part).mkdir(parents=True)
    painted = np.zeros((8, 8, 3), np.uint8)
    painted[2:6, 2:6] = (128, 0, 0)
    painted[2:6, 6] = (224, 224, 192)
    for name in ("a", "b", "c"):
        vips.as_image(np.full((8, 8, 3), 90, np.uint8)).write_to_file(str(root / f"JPEGImages/{name}.jpg"))
        vips.as_image(painted).pngsave(str(root / f"SegmentationClass/{name}.png"), palette=True)
    (root / "ImageSets/Segmentation/train.txt").write_text("a\nb\n")
    (root / "ImageSets/Segmentation/val.txt").write_text("c\n")
    kept, held_out = layouts.split_folders([tmp_path / "VOCdevkit"])
    assert ([e.name for e in kept], [e.name for e in held_out]) == (["a", "b"], ["c"])
    photo = kept[0].load()
    assert (photo.alpha == 255).sum() == 16
    assert (photo.alpha[2:6, 2:6] == 255).all()
    assert (photo.weight == 0).sum() == 4
    assert (photo.weight[2:6, 6] == 0).all()
    (root / "JPEGImages/c.jpg").unlink()
    with pytest.raises(InputError, match=r"c\.jpg: does not exist; .*val\.txt names it"):
        layouts.split_folders([tmp_path / "VOCdevkit"])


def test_the_matte_of_human_matting_is_its_alpha_channel(tmp_path):
    folder = trees.human_matting(tmp_path / "set")
    found = layouts.read_folder(folder)
    assert [entry.cut_out for entry in found.entries] == [False] * 3
    for number, entry in enumerate(found.entries):
        np.testing.assert_array_equal(entry.load().alpha, trees.alpha((12, 15), number))
    matte = next((folder / "matting/1804010917").rglob("*.png"))
    matte.unlink()
    with pytest.raises(InputError, match=r"1804010917-00000002\.jpg: has no matte; .*/matting_0"):
        layouts.read_folder(folder)


def test_supervisely(tmp_path):
    folder = trees.supervisely(tmp_path / "set")
    (tmp_path / "set/ds1/ann/left.json").write_text("{}")  # an annotation without a photo is of no use
    for place in (folder, tmp_path):  # the folder, or what it was unpacked into
        found, root = layouts.find_layout(place)
        assert (found.name, root) == ("supervisely", folder)
    entries = layouts.read_folder(folder).entries
    assert [entry.name for entry in entries] == ["ds1/nobody", "ds1/one", "ds10/two"]
    nobody, one, two = (entry.load() for entry in entries)
    assert not nobody.alpha.any()
    assert (nobody.weight == 255).all()
    expected = np.zeros((12, 15), np.uint8)
    expected[range(5, 9), range(3, 7)] = 255
    np.testing.assert_array_equal(one.alpha, expected)
    expected[:] = 0
    expected[2:10, 2:10] = 255
    expected[4:6, 4:6] = 0
    np.testing.assert_array_equal(two.alpha, expected)
    trust = np.full((12, 15), 255, np.uint8)
    trust[:3] = 0
    np.testing.assert_array_equal(two.weight, np.where(expected > 0, 255, trust))
    assert sum(map(len, layouts.split_folders([folder]))) == 3
    (folder / "ds10/ann/two.jpg.json").unlink()
    with pytest.raises(InputError, match=r"two\.jpg: has no annotation; .*two\.jpg\.json is accepted"):
        layouts.read_folder(folder)

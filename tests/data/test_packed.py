"""Packed photos: what is kept, what is left out, and a teacher's say."""

import pickle

import numpy as np
import pytest

from wisp.core.errors import InputError
from wisp.data import datasets, vips
from wisp.data.datasets import Labelled
from wisp.data.packed import AGREED, TAUGHT, Pack, learn_from, pack


@pytest.fixture
def groups(corpus_folder):
    people = datasets.corpus(corpus_folder / "people", "train")
    return [("people", people), ("scenes", datasets.backgrounds(corpus_folder / "backgrounds"))]


def test_a_packed_photo_is_the_photo(groups, tmp_path):
    packed = pack(groups, tmp_path / "pack")
    entry = groups[0][1][0]
    loaded, kept = entry.load(), packed[0]
    assert np.array_equal(kept.photo[..., :3], loaded.image)
    assert np.array_equal(kept.photo[..., 3], loaded.alpha)
    assert np.array_equal(kept.layer[..., 3], loaded.weight)
    inside = loaded.alpha == 255
    assert np.array_equal(kept.layer[inside, :3], loaded.image[inside])
    assert kept.row.name == entry.name
    assert kept.row.group == "people"


def test_colours_are_carried_past_the_edge(groups, tmp_path):
    kept = pack(groups, tmp_path / "pack")[0]
    soft = (kept.photo[..., 3] > 20) & (kept.photo[..., 3] < 230)
    red, blue = kept.layer[soft, 0].mean(), kept.layer[soft, 2].mean()
    assert red > 150  # the subject is red, what is behind it blue
    assert blue < 100


def test_the_box_holds_the_subject(groups, tmp_path):
    kept = pack(groups, tmp_path / "pack")[0]
    top, left, bottom, right = kept.row.box
    inside = kept.photo[..., 3] > 127
    assert inside[top:bottom, left:right].sum() == inside.sum()
    assert inside[top].any()
    assert inside[bottom - 1].any()
    assert inside[:, left].any()
    assert inside[:, right - 1].any()


def test_an_unreadable_photo_is_told_and_left_out(groups, tmp_path):
    broken = groups[0][1][1].photo
    broken.write_bytes(broken.read_bytes()[:40])
    told = []
    packed = pack(groups, tmp_path / "pack", report=told.append)
    assert len(packed.group("people")) == 3
    assert broken.name in told[0]


def test_large_photos_are_shrunk(groups, tmp_path):
    packed = pack(groups, tmp_path / "pack", side=40)
    assert max(packed[0].photo.shape[:2]) == 40


def test_it_is_made_once(groups, tmp_path):
    first = pack(groups, tmp_path / "pack")
    groups[0][1][0].photo.unlink()
    again = pack(groups, tmp_path / "pack")
    assert np.array_equal(first[0].photo, again[0].photo)


def test_photos_that_are_not_asked_for_are_told(groups, tmp_path):
    pack(groups, tmp_path / "pack")
    told = []
    fewer = [("people", groups[0][1][1:]), groups[1]]
    assert len(pack(fewer, tmp_path / "pack", report=told.append)) > len(fewer[0][1])
    assert len(told) == 1
    assert f"1 of its {sum(len(entries) for _, entries in groups)} photos are not asked for" in told[0]
    pack(groups[1:], tmp_path / "pack", report=told.append)
    assert len(told) == 1


def test_it_travels_to_other_processes(groups, tmp_path):
    packed = pack(groups, tmp_path / "pack")
    stored = pickle.dumps(packed)
    assert len(stored) < 1000  # a path, no pixels
    assert np.array_equal(pickle.loads(stored)[1].photo, packed[1].photo)


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no packed photos"):
        Pack(tmp_path)


def test_a_teacher_counts_where_the_label_is_not_trusted():
    alpha = np.array([[0, 255, 0, 255]], np.uint8)
    weight = np.array([[255, 255, 0, 0]], np.uint8)
    teacher = np.array([[0, 0, 255, 128]], np.uint8)
    photo = Labelled(np.zeros((1, 4, 3), np.uint8), alpha, weight)
    taught = learn_from(teacher, photo)
    assert taught.alpha.tolist() == [[0, 255, 255, 128]]
    assert taught.weight[0, :2].tolist() == [255, 255]  # a trusted label stays, whatever the teacher says
    assert taught.weight[0, 2] == round(TAUGHT * 255)
    assert taught.weight[0, 3] < 5  # a teacher in doubt says nothing


def test_agreement_raises_trust():
    alpha = np.full((1, 1), 250, np.uint8)
    photo = Labelled(np.zeros((1, 1, 3), np.uint8), alpha, np.full((1, 1), 150, np.uint8))
    assert learn_from(np.full((1, 1), 255, np.uint8), photo).weight[0, 0] == round(AGREED * 255)


def test_teachers_are_found_by_name(groups, tmp_path):
    name = groups[0][1][0].name
    for path in (groups[0][1][0].weight,):
        vips.as_image(np.zeros((16, 16), np.uint8)).write_to_file(str(path))
    (tmp_path / "teachers").mkdir()
    vips.as_image(np.full((32, 32), 255, np.uint8)).write_to_file(str(tmp_path / "teachers" / f"{name}.png"))
    kept = pack(groups, tmp_path / "pack", teachers=tmp_path / "teachers")[0]
    assert (kept.photo[..., 3] == 255).mean() > 0.8

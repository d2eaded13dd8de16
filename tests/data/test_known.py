"""What comes with wisp to replay: people from photos, things and backgrounds drawn anew, each usable."""

import filecmp

import numpy as np

from wisp.data.known import own_replay
from wisp.data.vips import read_rgb


def test_half_of_it_shows_people_and_all_of_it_can_be_read(tmp_path):
    entries, scenes = own_replay(tmp_path / "known")
    people = [entry for entry in entries if not entry.cut_out]
    assert len(entries) == 2 * len(people) == 30
    assert len({entry.name for entry in entries}) == 30
    assert len({entry.subject for entry in people}) == 5
    for entry in entries:
        photo = entry.load()
        share = photo.alpha.mean() / 255
        assert photo.image.shape[:2] == photo.alpha.shape
        assert 0.01 < share < (0.8 if entry in people else 1)
    assert len(scenes) == 12
    assert all(read_rgb(path).std() > 1 for path in scenes)


def test_a_network_that_remembers_its_answers_gets_people_alone(tmp_path):
    whole, _ = own_replay(tmp_path / "whole")
    people, scenes = own_replay(tmp_path / "people", things=False)
    assert [entry.name for entry in people] == [entry.name for entry in whole if not entry.cut_out]
    assert len(scenes) == 12


def test_it_is_drawn_the_same_for_the_same_seed(tmp_path):
    drawn = {}
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        own_replay(tmp_path / name, seed)
        drawn[name] = sorted(path.name for path in (tmp_path / name).iterdir())
    names = drawn["a"]
    assert drawn["b"] == names
    assert filecmp.cmpfiles(tmp_path / "a", tmp_path / "b", names, shallow=False)[0] == names
    other = [read_rgb(tmp_path / name / "scene-0.png") for name in "ac"]
    assert not np.array_equal(*other)

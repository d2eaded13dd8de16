"""Lists of names, several sets as one, subjects kept apart."""

from pathlib import Path

import pytest

import data_trees as trees
from wisp.core.errors import InputError
from wisp.data import layouts, selection


@pytest.fixture
def both(tmp_path):
    return [
        layouts.read_folder(trees.composition_1k(tmp_path / "adobe")),
        layouts.read_folder(trees.distinctions_646(tmp_path / "d646")),
    ]


def names(collections):
    return [entry.name for collection in collections for entry in collection.entries]


def test_persons_of_two_sets_by_one_list(both, tmp_path):
    persons = tmp_path / "persons.txt"
    persons.write_bytes("\ufeff# people\r\na person.jpg\r\n\r\nh_10\r\n".encode())
    chosen = selection.select(both, selection.read_names(persons), persons)
    assert names(chosen) == ["a person", "h_10"]
    assert [c.places for c in chosen] == [(2,), (1,)]
    assert chosen[0].listed == (("COCO_train2014_000.jpg", "COCO_train2014_002.jpg"),)
    assert selection.merge(chosen)[1].places == (4,)


def test_an_unknown_name_is_told_with_its_list(both):
    with pytest.raises(InputError, match=r"p\.txt: names nobody, .*composition-1k and distinctions-646"):
        selection.select(both, ["h_10", "nobody"], "p.txt")


def test_merging_keeps_names_apart(both, tmp_path):
    assert names(selection.merge(both)) == ["cc.0", "1-12IM", "a person", "test_3", "h_10"]
    trees.pair(tmp_path / "own/fg", tmp_path / "own/alpha", "h_10")
    own = layouts.read_folder(tmp_path / "own")
    merged = selection.merge([*both, own])
    assert names(merged)[-2:] == ["distinctions-646/h_10", "fg and alpha/h_10"]
    assert [place for c in merged for place in c.places] == [0, 1, 2, 3, 4, 5]
    with pytest.raises(InputError, match=r"h_10\.png: has the name of .*h_10\.png"):
        selection.merge([own, own])


@pytest.mark.parametrize("text", ["", "\n \n# only a remark\n"])
def test_empty_lists(text, tmp_path):
    (tmp_path / "names.txt").write_text(text)
    with pytest.raises(InputError, match="lists no names"):
        selection.read_names(tmp_path / "names.txt")
    with pytest.raises(InputError, match="cannot be read: No such file"):
        selection.read_names(tmp_path / "other.txt")


def test_subjects_apart(both):
    train = both[0].entries
    selection.check_disjoint(train[:2], train[2:])
    with pytest.raises(InputError, match="is also trained on"):
        selection.check_disjoint(train, train[2:])


def test_the_lists_of_persons_name_eleven_each():
    """As many as section 4 of Yaman et al. 2022 counts."""
    benchmarks = Path(__file__).parents[2] / "benchmarks"
    for name in ("aim", "d646"):
        listed = selection.read_names(benchmarks / f"persons-{name}-test.txt")
        assert len(set(listed)) == len(listed) == 11

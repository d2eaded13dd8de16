"""Labels for photos that nobody labelled: what networks agree on, and the corpus that is made of it."""

import csv
import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from wisp.core.regions import Box
from wisp.io.guidance import read_grey
from wisp.io.images import write_image

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def script():
    """The script as a module; its neighbours are found as they are when it is run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("label")
    for name in ("label", "_agreed"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def rules(script):
    return sys.modules["_agreed"]


def picture(*columns):
    """A mask of 8 x 10 pixels that is 1 in these columns."""
    mask = np.zeros((8, 10), np.float32)
    mask[:, list(columns)] = 1
    return mask


def test_where_all_see_people_the_teacher_is_believed(rules):
    people = picture(2, 3, 4)
    agreed = rules.agree_on_people(people, [people, people, people], people)
    np.testing.assert_array_equal(agreed.alpha, people)
    np.testing.assert_array_equal(agreed.trust, 1)
    assert agreed.trust.dtype == np.float32


def test_people_whom_one_more_network_sees_are_believed_less(rules):
    teacher, seconds, misses = picture(2, 3, 4), picture(2, 3, 4), picture(2, 3)
    agreed = rules.agree_on_people(teacher, [seconds, misses, misses], misses)
    np.testing.assert_allclose(agreed.trust[:, 4], rules.OUTVOTED)
    np.testing.assert_array_equal(agreed.trust[:, [2, 3, 7]], 1)


def test_people_whom_nobody_else_sees_and_those_whom_the_teacher_alone_misses_teach_nothing(rules):
    agreed = rules.agree_on_people(picture(2, 3, 4), [picture(2, 3, 6)] * 3, picture(2, 3))
    np.testing.assert_array_equal(agreed.trust[:, 4], 0)
    np.testing.assert_array_equal(agreed.trust[:, 6], 0)


def test_an_animal_that_one_network_takes_for_a_person_is_believed_to_be_none(rules):
    animal = picture(2, 3, 4, 5)
    agreed = rules.agree_on_people(
        picture(2, 3, 4), [animal, picture(2, 3, 4), picture(2, 3, 4)], picture(2, 3, 4)
    )
    np.testing.assert_array_equal(agreed.alpha[:, 5], 0)
    assert (agreed.trust[:, 5] >= rules.OUTVOTED).all()


def test_what_the_subject_network_keeps_beside_people_is_in_doubt(rules):
    people = picture(2, 3)
    agreed = rules.agree_on_people(people, [people, people], picture(2, 3, 4))
    np.testing.assert_allclose(agreed.trust[:, 4], rules.HELD)


@pytest.mark.parametrize("others", [[picture(8, 9)] * 2, [picture()] * 2])
def test_photos_without_agreement_on_people_are_left_out(rules, others):
    assert rules.agree_on_people(picture(2, 3), others, picture(2, 3)) is None


def test_a_photo_without_people_is_left_out(rules):
    assert rules.agree_on_people(picture(), [picture(), picture()], picture()) is None


def test_of_two_coarse_masks_of_a_thing_the_edge_is_hardly_trusted(rules):
    first, second = picture(2, 3, 4), picture(2, 3, 4)
    first[:, 5], second[:, 5] = 0.5, 0.3
    agreed = rules.agree_on_thing(first, second)
    np.testing.assert_allclose(agreed.alpha[:, 5], 0.4)
    np.testing.assert_allclose(agreed.trust[:, 5], rules.COARSE)
    np.testing.assert_array_equal(agreed.trust[:, [3, 8]], 1)


def test_a_third_network_is_believed_where_one_of_the_two_says_the_same(rules):
    third = picture(2, 3, 4, 5)
    agreed = rules.agree_on_thing(picture(2, 3, 4, 5), picture(8), third)
    np.testing.assert_array_equal(agreed.alpha, third)
    np.testing.assert_array_equal(agreed.trust, 1)
    assert rules.agree_on_thing(picture(1), picture(8), third) is None
    assert rules.agree_on_thing(picture(), picture()) is None


def test_two_answers_are_alike_or_a_third_network_is_asked(rules):
    assert rules.like_each_other(picture(2, 3, 4), picture(2, 3, 4))
    assert rules.like_each_other(picture(), picture())
    assert not rules.like_each_other(picture(2, 3, 4), picture(2, 3, 4, 5))


def test_nobody_is_outside_of_the_boxes_and_an_empty_box_is_not_known(rules):
    """Columns 20 to 27: a person, 60 to 69: a horse that all take for one, 80 to 99: a person nobody sees."""
    seen = np.zeros((40, 120), np.float32)
    seen[:, 20:28] = seen[:, 60:70] = 1
    persons = [Box(0, 19, 40, 29), Box(0, 80, 40, 100)]
    agreed = rules.agree_on_people(seen, [seen, seen], seen, persons)
    assert (agreed.alpha[:, 20:28] == 1).all()
    assert (agreed.alpha[:, 60:70] == 0).all()
    np.testing.assert_array_equal(agreed.trust[:, 20:28], 1)
    np.testing.assert_allclose(agreed.trust[:, 60:70], rules.HELD)
    np.testing.assert_allclose(agreed.trust[:, 40:58], rules.BOXED)
    np.testing.assert_array_equal(agreed.trust[:, 80:100], 0)


def test_a_corpus_is_made_of_what_is_labelled_and_another_joins_it(script, rules, tmp_path, monkeypatch):
    photos, other, out = (tmp_path / name for name in ("photos", "other", "out"))
    for kind, name in (("people", "one"), ("people", "left"), ("scenes", "room")):
        (photos / kind).mkdir(parents=True, exist_ok=True)
        write_image(photos / kind / f"{name}.jpg", np.full((40, 48, 3), 0.5, np.float32))
    (photos / "sources.csv").write_text("name,source,licence\none.jpg,somewhere,CC0-1.0\n")
    (photos / "boxes.csv").write_text(
        "name,class,xmin,ymin,xmax,ymax\none.jpg,person,2,4,20,30\none.jpg,horse,0,0,9,8\n"
    )
    for part in ("photo", "alpha", "weight"):
        (other / "people" / part).mkdir(parents=True)
        write_image(other / "people" / part / "theirs.png", np.ones((8, 8), np.float32))
    (other / "people" / "manifest.csv").write_text("name,split,licence\ntheirs,train,MIT\n")
    (other / "backgrounds").mkdir()
    (other / "backgrounds" / "manifest.csv").write_text("name,licence\n")
    alpha = np.zeros((40, 48), np.float32)
    alpha[:, :24] = 1
    asked = []

    def label(image, kind, boxed, teachers):
        asked.append((kind, boxed))
        made = script.Label("people", rules.Agreed(alpha, np.ones_like(alpha)))
        return made if boxed is not None else None

    monkeypatch.setattr(script, "label", label)
    monkeypatch.setattr(script, "open_peer", lambda *_, **__: None)
    words = ["label.py", photos, "-o", out, "--with", other]
    words += [word for name in script.TEACHERS for word in (f"--{name}", tmp_path / name)]
    monkeypatch.setattr(sys, "argv", [str(word) for word in words])
    script.main()
    script.main()  # goes on: what is labelled is not asked for again
    boxed = script.Boxed((Box(4, 2, 30, 20),), (Box(0, 0, 8, 9),))
    assert asked == [("people", None), ("people", boxed), ("people", None)]
    with (out / "people" / "manifest.csv").open(newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["theirs", "one"]
    assert (rows["one"]["licence"], rows["one"]["source"]) == ("CC0-1.0", "somewhere")
    assert (rows["one"]["height"], rows["one"]["width"]) == ("40", "48")
    assert (float(rows["one"]["subject_share"]), float(rows["one"]["trust"])) == (0.5, 1)
    assert rows["theirs"]["licence"] == "MIT"
    np.testing.assert_array_equal(read_grey(out / "people" / "alpha" / "one.png"), alpha)
    assert read_grey(out / "people" / "weight" / "one.png").shape == (10, 12)
    assert (out / "people" / "photo" / "theirs.png").resolve() == other / "people" / "photo" / "theirs.png"
    assert sorted(path.name for path in (out / "backgrounds").iterdir()) == ["manifest.csv", "room.jpg"]
    assert not (out / "things").exists()

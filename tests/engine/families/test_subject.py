"""Finding the subject: masks, second looks, views of long photos, and what is told of it."""

from types import SimpleNamespace

import numpy as np
import onnx
import pytest

from tiny_networks import bright_disc, write_misled_subject, write_segmenter, write_subject
from wisp.core.arrays import hide_transparent
from wisp.core.errors import InputError
from wisp.core.resample import resize
from wisp.core.settings import SUBJECT
from wisp.engine.engine import ENGINE
from wisp.engine.families.guidance import Guidance
from wisp.engine.families.subject import find_subject
from wisp.engine.models import find_model
from wisp.io.images import read_photo
from wisp.pipeline import run


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return write_subject(tmp_path_factory.mktemp("networks") / "subject.onnx")


@pytest.fixture(scope="module")
def misled(tmp_path_factory):
    return write_misled_subject(tmp_path_factory.mktemp("networks") / "misled.onnx")


def spot(height, width, row, column, radius, colour):
    """A photo (H, W, 3) of a disc of one colour on a dark ground."""
    rows, columns = np.mgrid[:height, :width]
    inside = np.hypot(rows - row, columns - column) <= radius
    return np.where(inside[..., None], np.array(colour, np.float32), np.float32(0.1)).astype(
        np.float32
    ), inside


RED, GREY = (1.0, 0.8, 0.5), (0.9, 0.9, 0.9)


def test_it_finds_people(network):
    image, inside = spot(120, 160, 60, 80, 30, RED)
    found = find_subject(image, model=network)
    assert np.abs(found.mask - inside).mean() < 0.02
    assert found.kind == "people"
    assert (found.count, found.cut, found.looks) == (1, False, 2)
    assert abs(found.share - inside.mean()) < 0.01
    assert found.describe() == "found people, 100% sure"


class TestSeveralRegions:
    """A red disc, and a grey one that is people only while the red one is in the picture."""

    def picture(self, radius=20):
        image, people = spot(120, 230, 60, 60, 20, RED)
        other, thing = spot(120, 230, 60, 170, radius, GREY)
        return np.maximum(image, other), people, thing

    def test_what_is_no_person_alone_goes(self, misled):
        image, people, thing = self.picture()
        found = find_subject(image, model=misled)
        assert not found.mask[thing].any()
        assert found.mask[people].mean() > 0.9
        assert found.count == 1

    def test_people_alone_are_asked_for(self, misled):
        image, _, thing = self.picture()
        assert not find_subject(image, model=misled, wanted="people").mask[thing].any()

    def test_whoever_asks_for_anything_gets_it(self, misled):
        image, _, thing = self.picture()
        assert find_subject(image, model=misled, wanted="anything").mask[thing].mean() > 0.9

    def test_what_may_be_a_limb_stays(self, misled):
        image, _, thing = self.picture(radius=5)
        assert find_subject(image, model=misled).mask[thing].mean() > 0.7

    def test_all_stay_where_nobody_is_a_person_alone(self, misled, monkeypatch):
        monkeypatch.setattr("wisp.engine.families.subject._people_alone", lambda *_: {1: 0.0, 2: 0.0})
        image, people, thing = self.picture()
        found = find_subject(image, model=misled)
        assert found.mask[people].mean() > 0.9
        assert found.mask[thing].mean() > 0.9


def test_it_finds_other_things(network):
    image, inside = spot(120, 160, 60, 80, 30, GREY)
    found = find_subject(image, model=network)
    assert found.kind == "something else"
    assert np.abs(found.mask - inside).mean() < 0.02
    assert not find_subject(image, wanted="people", model=network).mask.any()


def test_nothing_is_told(network):
    found = find_subject(np.full((50, 70, 3), 0.1, np.float32), model=network)
    assert not found.mask.any()
    assert (found.kind, found.count, found.share) == ("nothing", 0, 0)
    assert found.describe().startswith("no subject was found (0% sure")


def test_auto_keeps_things_that_people_touch_and_no_others(network):
    person, first = spot(120, 200, 60, 50, 25, RED)
    held, second = spot(120, 200, 60, 80, 12, GREY)
    apart, third = spot(120, 200, 60, 170, 12, GREY)
    image = np.maximum(np.maximum(person, held), apart)
    auto = find_subject(image, model=network).mask
    anything = find_subject(image, wanted="anything", model=network).mask
    people = find_subject(image, wanted="people", model=network).mask
    assert auto[second].mean() > 0.9
    assert auto[third].mean() < 0.01
    assert anything[third].mean() > 0.9
    assert people[second & ~first].mean() < 0.1


def test_a_small_subject_is_told_and_looked_at_again(network):
    image, _ = spot(900, 900, 200, 700, 40, RED)
    found = find_subject(image, model=network)
    assert found.looks == 2
    assert "small (0.6% of the photo)" in found.describe()


def test_a_closer_look_is_sharper(network):
    image, inside = spot(2000, 2000, 500, 1500, 60, RED)
    near = find_subject(image, model=network).mask
    import dataclasses

    far = find_subject(image, model=network, settings=dataclasses.replace(SUBJECT, small=0.0)).mask
    assert np.abs(near - inside).sum() < 0.5 * np.abs(far - inside).sum()


def test_what_the_frame_cuts_is_told(network):
    image, _ = spot(100, 100, 0, 50, 40, RED)
    found = find_subject(image, model=network)
    assert found.cut
    assert "cut by the frame" in found.describe()


def test_doubt_is_told(tmp_path):
    faint = write_subject(tmp_path / "faint.onnx", bias=-13.7)
    image, _ = spot(100, 100, 50, 50, 30, GREY)
    found = find_subject(image, model=faint)
    assert found.doubtful
    assert "in doubt: only" in found.describe()


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (7, 5), (640, 33)])
def test_odd_sizes(network, size):
    image = np.full((*size, 3), 0.9, np.float32)
    assert find_subject(image, model=network).mask.shape == size


def test_the_answer_does_not_depend_on_the_photos_size(network):
    image, _ = bright_disc(480, 640)
    small = find_subject(image, model=network).mask
    large = find_subject(resize(image, 1920, 2560), model=network).mask
    assert np.abs(resize(large, 480, 640) - small).mean() < 0.01


def test_views_are_joined_without_seams(network):
    image = np.full((60, 400, 3), 0.1, np.float32)
    image[20:40] = RED
    mask = find_subject(image, model=network).mask
    assert np.ptp(mask[30]) < 0.02
    assert mask[5].max() < 0.02


@pytest.mark.parametrize(("longer", "seen"), [(200, SUBJECT.side), (500, 500), (900, SUBJECT.people_side)])
def test_the_segmenter_sees_no_more_pixels_than_there_are(longer, seen, monkeypatch):
    sides = []

    def segmented(image, session, row, side):
        sides.append(side)
        return np.zeros(image.shape[:2], np.float32)

    monkeypatch.setattr("wisp.engine.families.subject._segmented", segmented)
    photo = read_photo("examples/portrait.jpg").image
    height, width = photo.shape[:2]
    scale = longer / max(height, width)
    find_subject(resize(photo, round(height * scale), round(width * scale)).clip(0, 1))
    assert sides == [seen]


def test_a_segmenter_stands_in(tmp_path):
    segmenter = write_segmenter(tmp_path / "segmenter.onnx")
    image, alpha = bright_disc(100, 120)
    found = find_subject(image, model=segmenter)
    assert np.abs(found.mask - alpha).mean() < 0.02
    assert found.kind == "people"


def test_words_and_files_that_are_refused(network, tmp_path):
    image = np.zeros((20, 20, 3), np.float32)
    with pytest.raises(InputError, match="auto, people, anything are accepted"):
        find_subject(image, wanted="cats", model=network)
    with pytest.raises(InputError, match="is no known network and no file"):
        find_subject(image, model="nosuch")


def test_a_network_with_other_ports_is_refused(tmp_path, network):
    graph = onnx.load(network)
    for port in graph.graph.output:
        if port.name == "presence":
            port.name = "there"
    graph.graph.node[-1].output[0] = "there"
    onnx.save(graph, tmp_path / "other.onnx")
    with pytest.raises(InputError, match=r"other\.onnx: is no subject network; .*presence"):
        find_subject(np.zeros((40, 40, 3), np.float32), model=tmp_path / "other.onnx")


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (RuntimeError("std::bad_alloc"), MemoryError, "there is not enough memory for this network"),
        (RuntimeError("shapes differ"), InputError, r"fails when it is run \(shapes differ\)"),
        (ZeroDivisionError("a bug"), ZeroDivisionError, "a bug"),
    ],
)
def test_failures_are_told_as_what_they_are(tmp_path, monkeypatch, error, kind, told):
    """Not as a file of another kind."""

    class Failing:
        def infer(self, inputs, **options):
            raise error

    network = write_subject(tmp_path / "subject.onnx")
    session = ENGINE.session_of(find_model(network, "subject"))
    monkeypatch.setattr(session, "_network", SimpleNamespace(create_infer_request=Failing))
    with pytest.raises(kind, match=told):
        find_subject(np.zeros((40, 40, 3), np.float32), model=network)


def test_a_bug_in_the_drawing_of_clicks_is_no_fault_of_the_file(network, monkeypatch):
    def broken(self, *sizes):
        raise ValueError("a bug")

    monkeypatch.setattr(Guidance, "drawn", broken)
    with pytest.raises(ValueError, match=r"^a bug$"):
        find_subject(np.zeros((40, 40, 3), np.float32), model=network)


def test_a_result_tells_what_was_found(network):
    image, inside = spot(120, 160, 60, 80, 30, RED)
    result = run(image, model=network)
    assert result.finding is not None
    assert result.finding.kind == "people"
    assert np.abs(result.matte.alpha - inside).mean() < 0.02


def test_the_subject_is_no_question_beside_guidance():
    image = np.zeros((20, 20, 3), np.float32)
    with pytest.raises(InputError, match="says what the subject is"):
        run(image, mask=np.ones((20, 20), np.float32), subject="people")


def test_hidden_colours_are_not_seen(network):
    """A subject that the file hides is not found: its colours never reach the network."""
    image, inside = spot(120, 160, 60, 80, 30, RED)
    opacity = np.where(inside, np.float32(0), np.float32(1))
    assert not run(image, model=network, opacity=opacity).matte.alpha.any()
    assert hide_transparent(image, opacity)[inside].std() == 0
    assert hide_transparent(image, np.ones_like(opacity)) is image

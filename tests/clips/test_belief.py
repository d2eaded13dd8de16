"""What a clip's subject is, decided over time, on beliefs that are drawn by hand."""

import numpy as np
import pytest
from scipy import ndimage

from tiny_networks import write_subject
from wisp.clips import belief as belief_module
from wisp.clips import following, kinds
from wisp.clips.belief import add_look, begin, decide_mask, look_again, segmenter_share
from wisp.clips.belief_maps import SubjectMaps, believed_subject, believed_things, left_out
from wisp.clips.following import follow, select
from wisp.clips.kinds import classify_regions
from wisp.clips.selection import Selection
from wisp.core.errors import InputError
from wisp.engine.engine import Engine
from wisp.engine.families import subject as family
from wisp.engine.families.subject import Seen
from wisp.engine.models import find_model

SIZE = (100, 200)
MAN, BEAR, CUP = np.s_[20:90, 40:70], np.s_[30:80, 70:150], np.s_[40:50, 30:40]
APART, RIM = np.s_[30:80, 120:150], np.s_[30:80, 190:200]


def drawn(*parts):
    """A belief with parts, each a place and its values of the maps but the mask, which is 0."""
    belief = blank()
    for place, *values in parts:
        for plane, value in zip(belief, values, strict=False):
            plane[place] = value
    return belief


def blank(size=SIZE):
    """A belief in nothing."""
    return SubjectMaps(*(np.full(size, value, np.float32) for value in (0, 0, 0, 0.5, 0)))


SURE_MAN, LIKELY_BEAR = (MAN, 0.98, 0.98, 0.95, 1), (BEAR, 0.3, 0.98, 0.95, 0.5)


def test_what_is_large_and_no_person_stands_behind_people_and_what_is_small_is_held():
    belief = decide_mask(drawn(SURE_MAN, LIKELY_BEAR, (CUP, 0.1, 0.9, 0.0, 0.5)), "auto")
    found = belief.mask
    assert found[MAN].min() == 1
    assert found[CUP].mean() == 1
    assert found[30:80, 76:].max() == 0
    assert found[BEAR].mean() < 0.1
    assert belief.is_person[BEAR].mean() < 0.05  # known from now on
    assert belief.is_person[MAN].min() == 1
    assert decide_mask(drawn(SURE_MAN, LIKELY_BEAR), "anything").mask[BEAR].min() == 1
    people = decide_mask(drawn(SURE_MAN, (CUP, 0.1, 0.9, 0.0, 0.5)), "people").mask
    assert (people[MAN].min(), people[CUP].max()) == (1, 0)


def test_what_is_known_to_be_no_person_is_not_held_unless_it_is_very_small():
    for place, kept in ((np.s_[40:50, 70:80], 0.1), (np.s_[40:46, 70:76], 0.9)):
        held = decide_mask(drawn(SURE_MAN, (place, 0.2, 0.95, 0.9, 0.5)), "auto")
        assert held.mask[place].min() == 1  # in his hand from the beginning
        passed = decide_mask(drawn(SURE_MAN, (place, 0.2, 0.95, 0.9, 0)), "auto").mask[place]
        assert (passed.mean() < 0.1) if kept < 0.5 else (passed.min() == 1)


def test_what_is_doubted_of_a_person_is_not_left_out():
    away = left_out(drawn(SURE_MAN, (APART, 0.98, 0.98, 0.95, 0)))  # nothing is decided
    assert not away[MAN].any()
    assert away[APART].all()


def test_who_enters_is_believed_at_once_and_what_appears_elsewhere_when_it_is_seen_again():
    before = decide_mask(drawn(SURE_MAN), "auto")
    look = drawn(SURE_MAN, (APART, 0.98, 0.98, 0.95, 1), (RIM, 0.98, 0.98, 0.95, 1))
    once = add_look(before, look, "auto")
    np.testing.assert_allclose(once.subject[APART], 0.49, atol=1e-6)
    np.testing.assert_allclose(once.subject[RIM], 0.98, atol=1e-6)
    twice = add_look(decide_mask(once, "auto"), look, "auto")
    assert twice.subject[APART].min() > 0.65
    nobody = add_look(drawn(), drawn((APART, 0.98, 0.98, 0.95, 1)), "auto")
    np.testing.assert_allclose(nobody.subject[APART], 0.98, atol=1e-6)  # there was nobody yet
    gone = add_look(decide_mask(twice, "auto"), drawn(SURE_MAN), "auto")
    np.testing.assert_allclose(gone.subject[RIM], 0.49, atol=1e-6)


@pytest.fixture
def looks(monkeypatch):
    """What is bright is seen; beside anything red all of it is taken for people. The widths looked at."""
    widths = []

    def see(image, **_):
        widths.append(image.shape[1])
        bright = image[..., 0] > 0.5
        people = bright & (bright & (image[..., 1] < 0.5)).any()
        masks = np.dstack([people, bright]).astype(np.float32)
        return Seen(masks, np.ones(2, np.float32), masks[..., 0], 1)

    for module in (belief_module, kinds):
        monkeypatch.setattr(module, "see", see)
    return widths


RED, WHITE = (1.0, 0.0, 0.0), (1.0, 1.0, 1.0)


def scene(*parts):
    image = np.zeros((*SIZE, 3), np.float32)
    for place, colour in parts:
        image[place] = colour
    return image


def test_whatever_stands_apart_is_looked_at_alone_and_again_when_that_is_long_ago(looks):
    image = scene((MAN, RED), (APART, WHITE))
    belief = begin(image, "auto")
    assert looks == [200, 74, 62]  # the whole; 30 columns each with a quarter of 70 or 50 rows around, and 4
    assert belief.mask[MAN].min() == 1
    assert belief.mask[APART].max() == 0
    assert (belief.is_person[MAN].min(), belief.is_person[APART].max()) == (1, 0)
    told = []
    for _ in range(5):
        looks.clear()
        belief = look_again(image, belief, "auto", whole=True)
        told.append(len(looks))
    assert told == [1, 1, 1, 1, 2]  # 0.5 · 0.9⁵ < 0.3; beside what is no person the man is seen alone already
    assert looks == [200, 62]
    looks.clear()
    begin(scene((MAN, RED)), "auto")
    assert looks == [200]  # what is alone already is not looked at twice


def test_one_look_alone_does_not_change_the_kind_of_what_is_known(looks):
    image = scene((MAN, WHITE), (APART, WHITE))
    kind = np.full(SIZE, 0.5, np.float32)
    kind[MAN] = 0.75
    told = classify_regions(image, drawn((MAN, 1, 1, 1, 0.5), (APART, 1, 1, 1, 0.5)), kind)
    np.testing.assert_allclose(told.is_person[MAN], 0.725 * 0.65, atol=1e-6)
    assert told.is_person[APART].max() == 0  # what nobody knew is believed at once
    image[MAN] = RED
    kind[MAN] = 0.25
    told = classify_regions(image, drawn((MAN, 1, 1, 1, 0.5), (APART, 1, 1, 1, 0.5)), kind)
    np.testing.assert_allclose(told.is_person[MAN], 0.275 + 0.7 * 0.725, atol=1e-6)


def test_those_who_touch_stay_of_their_own_kind(looks):
    belief = begin(scene((MAN, RED), (APART, WHITE)), "auto")
    near = np.s_[30:80, 65:110]  # it has come nearer, and only half of it is where it is expected
    belief = SubjectMaps(*(np.roll(plane, -45, 1) for plane in belief))
    for plane, value in zip(belief, (*SURE_MAN[1:], 1), strict=True):
        plane[MAN] = value
    for whole in (False, True):
        looks.clear()
        after = look_again(scene((near, WHITE), (MAN, RED)), belief, "auto", whole=whole)
        assert after.mask[MAN].min() > 0.95
        assert after.mask[30:80, 75:110].max() < 0.05
        assert after.is_person[30:80, 75:110].max() < 0.1
        assert looks == ([200] if whole else [200, 200])  # where it is not expected it is new


def test_who_comes_in_part_by_part_is_there_when_enough_is_seen(looks):
    sliver, more = np.s_[20:90, 0:10], np.s_[20:90, 0:40]
    belief = begin(scene((sliver, WHITE), (APART, WHITE)), "auto", 0.0)  # a sleeve that is nobody's yet
    assert belief.is_person[sliver].max() == 0
    image = scene((sliver, WHITE), (np.s_[20:90, 10:40], RED), (APART, WHITE))
    after = look_again(image, belief, "auto", whole=True, things=0.0)
    np.testing.assert_allclose(after.is_person[more], 0.05 + 0.7 * 0.95, atol=1e-6)
    assert after.mask[more].min() == 1
    assert after.mask[APART].max() == 0


def test_a_small_part_near_somebody_is_theirs_and_not_looked_at(looks):
    near, far = np.s_[40:50, 20:30], np.s_[40:50, 5:15]
    belief = begin(scene((MAN, RED), (near, WHITE)), "auto")
    assert looks == [200, 74]
    assert (belief.is_person[near].min(), belief.mask[near].min()) == (1, 1)
    looks.clear()
    belief = begin(scene((MAN, RED), (far, WHITE)), "auto")
    assert len(looks) == 3
    assert belief.mask[far].max() == 0


def test_what_comes_in_beside_somebody_who_comes_in_is_theirs(looks):
    """Hair is cut off by the border, as the body is that it hangs together with outside of the picture."""
    body, hair, inside = np.s_[50:90, 0:20], np.s_[20:40, 0:15], np.s_[20:40, 2:17]
    belief = begin(scene((body, RED), (hair, WHITE)), "auto")
    assert looks == [200, 34]  # the whole, and the body alone
    assert (belief.is_person[hair].min(), belief.mask[hair].min()) == (1, 1)
    belief = begin(scene((body, RED), (inside, WHITE)), "auto")
    assert (belief.is_person[inside].max(), belief.mask[inside].max()) == (0, 0)
    belief = begin(scene((np.s_[50:62, 0:20], RED), (hair, WHITE)), "auto")  # the larger one has its own kind
    assert (belief.is_person[hair].max(), belief.mask[hair].max()) == (0, 0)
    belief = begin(scene((body, WHITE), (hair, WHITE)), "auto", 0.0)
    assert belief.mask.max() == 0


def test_specks_are_not_looked_at(looks):
    begin(scene((MAN, RED), (np.s_[10:13, 150:153], WHITE)), "auto")
    assert looks == [200]  # 9 pixels are less than a two-thousandth
    looks.clear()
    begin(scene((MAN, RED), (np.s_[10:14, 150:153], WHITE)), "auto")
    assert looks == [200, 74, 13]


def seen(image, **_):
    """Everything bright is a thing, nothing is people."""
    mask = (image.mean(2) > 0.5).astype(np.float32)
    return Seen(np.dstack([0 * mask, mask]), np.ones(2, np.float32), None, 1)


@pytest.mark.parametrize(("things", "expected"), [(1.0, [1, 1, 1]), (0.0, [0, 0, 0]), (0.4, [0, 1, 1])])
def test_things_are_believed_slowly_while_no_person_was_seen(monkeypatch, things, expected):
    for module in (belief_module, kinds):
        monkeypatch.setattr(module, "see", seen)
    image = np.zeros((*SIZE, 3), np.float32)
    image[APART] = 1
    belief, shown = begin(image, "auto", things), []
    for _ in range(3):
        shown.append(round(float(belief.mask[APART].mean())))
        assert bool(believed_things(belief)[APART].any()) == bool(belief.mask.any())
        belief = look_again(image, belief, "auto", whole=True, things=things)
    assert shown == expected
    assert begin(image, "anything").mask[APART].min() == 1
    assert not begin(image, "people").mask.any()


def test_a_glance_at_something_new_is_followed_by_a_whole_look(monkeypatch):
    sides = []

    def see(image, *, engine, settings=None):
        sides.append((settings.side, settings.people_side) if settings else "whole")
        mask = (image.mean(2) > 0.5).astype(np.float32)
        return Seen(np.dstack([mask, mask]), np.ones(2, np.float32), mask, 1)

    for module in (belief_module, kinds):
        monkeypatch.setattr(module, "see", see)
    image = np.zeros((*SIZE, 3), np.float32)
    belief = begin(image, "auto")
    look_again(image, belief, "auto", whole=False)
    image[RIM] = 1
    look_again(image, belief, "auto", whole=False)
    assert sides == ["whole", (320, 0), (320, 0), (416, 640)]
    known = decide_mask(drawn(SURE_MAN), "auto")
    blind = look_again(np.zeros_like(image), known, "auto", whole=False)
    np.testing.assert_allclose(blind, known, atol=1e-6)  # nothing is taken away at a glance
    assert look_again(np.zeros_like(image), known, "auto", whole=True).subject[MAN].max() < 0.5


def test_a_belief_of_another_size_is_begun_anew(monkeypatch):
    for module in (belief_module, kinds):
        monkeypatch.setattr(module, "see", seen)
    image = np.zeros((*SIZE, 3), np.float32)
    again = look_again(image, blank((9, 9)), "auto", whole=True)
    assert again.size == SIZE
    assert believed_subject(again, (50, 100)).shape == (50, 100)


@pytest.fixture
def bright(monkeypatch, tmp_path):
    """The subject network: what is bright is the subject, what is red people."""
    file = write_subject(tmp_path / "subject.onnx")
    monkeypatch.setattr(family, "find_model", lambda model, kind: find_model(file, kind))
    return Engine(precision="fp32")


def two_discs(shift=0):
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    image = np.full((*SIZE, 3), 0.1, np.float32)
    places = [np.hypot(rows - 50, columns - x) < 25 for x in (50 + shift, 150)]
    image[places[0]], image[places[1]] = (1.0, 0.8, 0.5), (0.9, 0.9, 0.9)
    return image, *places


def test_whom_a_click_or_a_box_selects_is_followed_and_nobody_else(bright):
    image, left, right = two_discs()
    for selection in (Selection(points=((60, 50),)), Selection(box=(20, 20, 60, 60))):
        belief = select(image, selection, bright)
        assert belief.mask[left].mean() > 0.95
        assert belief.mask[right].max() == 0
        assert belief.people[left].mean() > 0.95
    image, moved, right = two_discs(6)
    after = follow(image, belief, bright)
    assert after.mask[moved].mean() > 0.95
    assert after.mask[right].max() == 0
    lost = follow(np.full_like(image, 0.1), after, bright)
    np.testing.assert_allclose(lost.mask, 0.5 * after.mask, atol=1e-3)
    thing = select(image, Selection(points=((150, 50),)), bright)
    assert thing.mask[right].mean() > 0.95
    assert thing.people.max() < 0.1


def test_two_who_touch_stay_apart(bright):
    image, left, right = two_discs()
    belief = select(image, Selection(points=((60, 50),)), bright)
    image[45:55, 60:140] = 0.9  # they hold hands
    after = follow(image, belief, bright)
    assert after.mask[left].mean() > 0.95
    assert after.mask[right].max() < 0.05
    both = select(image, Selection(points=((60, 50),)), bright)
    assert both.mask[right].mean() > 0.95


def test_a_click_outside_takes_away_what_is_nearer_to_it(monkeypatch, bright):
    image, left, _ = two_discs()
    monkeypatch.setattr(following, "find_selected", lambda image, guidance, **_: left.astype(np.float32))
    belief = select(image, Selection(points=((60, 50),), points_out=((40, 50),)), bright)
    assert belief.mask[left].mean() == pytest.approx(0.5, abs=0.03)
    assert belief.mask[:, :49].max() == 0
    assert belief.mask[50, 52:70].min() == 1


def test_an_empty_place_selects_nothing(bright):
    image, _, _ = two_discs()
    with pytest.raises(InputError, match="selection: holds nothing"):
        select(image, Selection(points=((100, 50),)), bright)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ({}, "point and box: are not there; one of the two is accepted"),
        ({"points": ((1, 1),), "box": (0, 0, 2, 2)}, "point and box: are both given"),
        ({"box": (5, 5, 0, 3)}, "box 5,5,0,3: is empty"),
    ],
)
def test_selections_that_say_nothing(words, problem):
    with pytest.raises(InputError, match=problem):
        Selection(**words)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ({"points": ((200, 50),)}, "point 200,50: is outside of the picture, which is 200×100"),
        ({"points": ((2, 5),), "points_out": ((3, 100),)}, "point-out 3,100: is outside"),
        ({"box": (190, 90, 40, 40)}, "box 190,90,40,40: is outside"),
    ],
)
def test_places_outside_of_the_frame(words, problem):
    with pytest.raises(InputError, match=problem):
        Selection(**words).guidance(SIZE)


def test_guidance_of_a_box_and_of_clicks():
    guidance, near = Selection(box=(20, 30, 40, 20)).resized(SIZE, (50, 100)).guidance((50, 100))
    assert guidance.inside == ((20, 20),)
    assert np.argwhere(guidance.before).min(0).tolist() == [15, 10]
    assert np.argwhere(guidance.before).max(0).tolist() == [24, 29]
    assert near == (5, 0, 35, 40)


def test_the_segmenter_counts_the_more_the_larger_the_subject():
    shares = [segmenter_share(share) for share in (0.0, 0.175, 0.2625, 0.35, 0.9)]
    assert shares == pytest.approx([0.5, 0.5, 0.75, 1.0, 1.0])


def test_an_opened_region_is_that_of_scipy():
    region = np.random.default_rng(0).random((40, 60)) < 0.93
    region[:12, :20] = True
    opened = belief_module._opened(region)
    assert 0 < opened.sum() < region.sum()
    np.testing.assert_array_equal(opened, ndimage.binary_opening(region, np.ones((5, 5), bool)))

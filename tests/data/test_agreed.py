"""What networks agree on: labels for photos that nobody labelled."""

import numpy as np
import pytest

from wisp.core.regions import Box
from wisp.data.agreed import (
    BOXED,
    COARSE,
    HELD,
    OUTVOTED,
    agree_on_people,
    agree_on_thing,
    like_each_other,
)


def picture(*columns):
    """A mask of 8 x 10 pixels that is 1 in these columns."""
    mask = np.zeros((8, 10), np.float32)
    mask[:, list(columns)] = 1
    return mask


def test_where_all_see_people_the_teacher_is_believed():
    people = picture(2, 3, 4)
    agreed = agree_on_people(people, [people, people, people], people)
    np.testing.assert_array_equal(agreed.alpha, people)
    np.testing.assert_array_equal(agreed.trust, 1)
    assert agreed.trust.dtype == np.float32


def test_people_whom_one_more_network_sees_are_believed_less():
    teacher, seconds, misses = picture(2, 3, 4), picture(2, 3, 4), picture(2, 3)
    agreed = agree_on_people(teacher, [seconds, misses, misses], misses)
    np.testing.assert_allclose(agreed.trust[:, 4], OUTVOTED)
    np.testing.assert_array_equal(agreed.trust[:, [2, 3, 7]], 1)


def test_people_whom_nobody_else_sees_and_those_whom_the_teacher_alone_misses_teach_nothing():
    agreed = agree_on_people(picture(2, 3, 4), [picture(2, 3, 6)] * 3, picture(2, 3))
    np.testing.assert_array_equal(agreed.trust[:, 4], 0)
    np.testing.assert_array_equal(agreed.trust[:, 6], 0)


def test_an_animal_that_one_network_takes_for_a_person_is_believed_to_be_none():
    animal = picture(2, 3, 4, 5)
    agreed = agree_on_people(picture(2, 3, 4), [animal, picture(2, 3, 4), picture(2, 3, 4)], picture(2, 3, 4))
    np.testing.assert_array_equal(agreed.alpha[:, 5], 0)
    assert (agreed.trust[:, 5] >= OUTVOTED).all()


def test_what_the_subject_network_keeps_beside_people_is_in_doubt():
    people = picture(2, 3)
    agreed = agree_on_people(people, [people, people], picture(2, 3, 4))
    np.testing.assert_allclose(agreed.trust[:, 4], HELD)


@pytest.mark.parametrize("others", [[picture(8, 9)] * 2, [picture()] * 2])
def test_photos_without_agreement_on_people_are_left_out(others):
    assert agree_on_people(picture(2, 3), others, picture(2, 3)) is None


def test_a_photo_without_people_is_left_out():
    assert agree_on_people(picture(), [picture(), picture()], picture()) is None


def test_of_two_coarse_masks_of_a_thing_the_edge_is_hardly_trusted():
    first, second = picture(2, 3, 4), picture(2, 3, 4)
    first[:, 5], second[:, 5] = 0.5, 0.3
    agreed = agree_on_thing(first, second)
    np.testing.assert_allclose(agreed.alpha[:, 5], 0.4)
    np.testing.assert_allclose(agreed.trust[:, 5], COARSE)
    np.testing.assert_array_equal(agreed.trust[:, [3, 8]], 1)


def test_a_third_network_is_believed_where_one_of_the_two_says_the_same():
    third = picture(2, 3, 4, 5)
    agreed = agree_on_thing(picture(2, 3, 4, 5), picture(8), third)
    np.testing.assert_array_equal(agreed.alpha, third)
    np.testing.assert_array_equal(agreed.trust, 1)
    assert agree_on_thing(picture(1), picture(8), third) is None
    assert agree_on_thing(picture(), picture()) is None


def test_two_answers_are_alike_or_a_third_network_is_asked():
    assert like_each_other(picture(2, 3, 4), picture(2, 3, 4))
    assert like_each_other(picture(), picture())
    assert not like_each_other(picture(2, 3, 4), picture(2, 3, 4, 5))


def test_nobody_is_outside_of_the_boxes_and_an_empty_box_is_not_known():
    """Columns 20 to 27: a person, 60 to 69: a horse that all take for one, 80 to 99: a person nobody sees."""
    seen = np.zeros((40, 120), np.float32)
    seen[:, 20:28] = seen[:, 60:70] = 1
    persons = [Box(0, 19, 40, 29), Box(0, 80, 40, 100)]
    agreed = agree_on_people(seen, [seen, seen], seen, persons)
    assert (agreed.alpha[:, 20:28] == 1).all()
    assert (agreed.alpha[:, 60:70] == 0).all()
    np.testing.assert_array_equal(agreed.trust[:, 20:28], 1)
    np.testing.assert_allclose(agreed.trust[:, 60:70], HELD)
    np.testing.assert_allclose(agreed.trust[:, 40:58], BOXED)
    np.testing.assert_array_equal(agreed.trust[:, 80:100], 0)

import numpy as np
import pytest

from wisp.core.errors import InputError
from wisp.matting.cleaning import clean
from wisp.matting.trimap import subject_size


def person(height=400, width=300):
    """A head and shoulders, hard-edged: float32 (H, W)."""
    y, x = np.indices((height, width))
    head = np.hypot(y - 0.35 * height, x - 0.5 * width) < 0.2 * width
    body = (np.hypot((y - height) / 1.4, x - 0.5 * width) < 0.4 * width) & (y > 0.5 * height)
    return (head | body).astype(np.float32)


def test_a_clean_alpha_stays_as_it_is():
    alpha = person()
    np.testing.assert_array_equal(clean(alpha), alpha)
    assert clean(alpha) is not alpha


def test_haze_apart_from_the_subject_goes():
    alpha = person()
    hazy = alpha.copy()
    hazy[5:60, 5:60] = 0.02
    np.testing.assert_array_equal(clean(hazy), alpha)


def test_the_faint_end_of_a_wisp_stays():
    alpha = person()
    for step in range(40):
        alpha[79 - step, 150] = 0.6 - 0.0148 * step  # rises from the head, fading to 0.02
    np.testing.assert_array_equal(clean(alpha), alpha)


def test_stray_islands_go():
    alpha = person()
    spotted = alpha.copy()
    spotted[20:26, 20:26] = 1  # small and solid
    spotted[20:60, 240:290] = 0.4  # large and nowhere solid
    np.testing.assert_array_equal(clean(spotted), alpha)


def test_loose_strands_near_the_subject_stay():
    alpha = person()
    alpha[60:75, 148] = 0.3  # the head begins at row 81
    np.testing.assert_array_equal(clean(alpha), alpha)


def test_another_person_stays_however_far():
    alpha = person()
    alpha[10:50, 5:25] = 1
    np.testing.assert_array_equal(clean(alpha), alpha)


def test_a_hand_apart_from_the_subject_stays():
    """Half a hundredth of the subject's area, solid and far from it."""
    alpha = person()
    side = round(np.sqrt(0.006 * alpha.sum()))
    alpha[10 : 10 + side, 10 : 10 + side] = 1
    np.testing.assert_array_equal(clean(alpha), alpha)


def test_a_speck_is_close_within_a_thirtieth_of_the_subject_only():
    alpha = np.zeros((500, 500), np.float32)
    alpha[100:400, 100:400] = 1
    size = subject_size(alpha)
    for distance, stays in ((0.02, True), (0.05, False)):
        spotted = alpha.copy()
        column = 400 + round(distance * size)
        spotted[250:252, column : column + 2] = 1
        np.testing.assert_array_equal(clean(spotted), spotted if stays else alpha)


def test_holes_stay():
    alpha = person()
    alpha[330:360, 140:155] = 0  # between an arm and a body
    np.testing.assert_array_equal(clean(alpha), alpha)


@pytest.mark.parametrize("scale", [1, 3])
def test_limits_grow_with_the_photo(scale):
    alpha = person()
    alpha[20:24, 20:24] = 1
    large = np.repeat(np.repeat(alpha, scale, 0), scale, 1)
    expected = np.repeat(np.repeat(person(), scale, 0), scale, 1)
    np.testing.assert_array_equal(clean(large), expected)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (3, 4)])
@pytest.mark.parametrize("value", [0, 0.5, 1])
def test_small_and_constant_alphas(shape, value):
    alpha = np.full(shape, value, np.float32)
    np.testing.assert_array_equal(clean(alpha), alpha)


def test_no_other_arrays():
    with pytest.raises(InputError, match="alpha"):
        clean(np.zeros((3, 3, 3), np.float32))

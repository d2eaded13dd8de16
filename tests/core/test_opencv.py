"""What the video path has of OpenCV."""

import numpy as np
import pytest

from wisp.core.opencv import read_enlarged, repeat_plane, shrink

cv2 = pytest.importorskip("cv2")


@pytest.mark.parametrize("corner", [(0, 0), (4, 7)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pixels_of_an_enlarged_picture(channels, corner):
    picture = np.random.default_rng(0).random((30, 40, channels), np.float32)
    large = cv2.resize(picture, (160, 60), interpolation=cv2.INTER_LINEAR).reshape(60, 160, channels)
    rows, columns = np.indices((60, 160)).reshape(2, -1)
    inner = (rows >= 2 * corner[0] + 1) & (columns >= 4 * corner[1] + 2)
    part = np.ascontiguousarray(picture[corner[0] :, corner[1] :])
    found = read_enlarged(part, (0.5, 0.25), rows[inner], columns[inner], corner)
    np.testing.assert_allclose(found, large[rows[inner], columns[inner]], atol=1e-5)
    nothing = rows[:0]
    assert read_enlarged(part, (0.5, 0.25), nothing, nothing, corner).shape == (0, channels)


def test_parts_of_pictures_shrink_as_their_copies_do():
    values = np.random.default_rng(0).random((30, 40, 4), np.float32)
    for part in (values[3:21, 5:31], values[..., :3], values[::-1]):
        np.testing.assert_array_equal(shrink(part, 9, 13), shrink(part.copy(), 9, 13))
    assert shrink(values, 30, 40) is values


def test_a_repeated_plane_is_equal_in_all_channels():
    plane = np.random.default_rng(0).random((5, 7), np.float32)
    np.testing.assert_array_equal(repeat_plane(plane, 5), np.dstack([plane] * 5))

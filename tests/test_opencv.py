"""What the video path has of OpenCV."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from wisp.opencv import one_opencv_thread, read_between, shrink

cv2 = pytest.importorskip("cv2")


@pytest.mark.parametrize("count", [0, 1, 1024, 3000])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_values_are_read_bilinearly(count, channels):
    rng = np.random.default_rng(0)
    values = rng.random((30, 40, channels), np.float32)
    y, x = (rng.integers(-2 * 32, (n + 2) * 32, count) / np.float32(32) for n in values.shape[:2])
    found = read_between(values, y.astype(np.float32), x.astype(np.float32))
    expected = [map_coordinates(values[..., c], [y, x], order=1, mode="nearest") for c in range(channels)]
    np.testing.assert_allclose(found, np.stack(expected, 1), atol=1e-5)


def test_parts_of_pictures_shrink_as_their_copies_do():
    values = np.random.default_rng(0).random((30, 40, 4), np.float32)
    for part in (values[3:21, 5:31], values[..., :3], values[::-1]):
        np.testing.assert_array_equal(shrink(part, 9, 13), shrink(part.copy(), 9, 13))
    assert shrink(values, 30, 40) is values


def test_threads_are_as_many_as_before():
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    with one_opencv_thread():
        assert cv2.getNumThreads() == 1
    after = cv2.getNumThreads()
    cv2.setNumThreads(before)
    assert after == 2

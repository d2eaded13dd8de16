"""Photos at half size and back."""

import numpy as np
import pytest

from wisp.core.resample import resize
from wisp.matting.classical.halving import double, halve


def test_half_size_keeps_what_is_known_unless_pixels_disagree():
    image, trimap = np.zeros((3, 4, 3), np.float32), np.full((3, 4), 128, np.uint8)
    image[:2, :2] = np.float32([[0.1], [0.3]])[:, None]
    trimap[0, 0], trimap[0, 2], trimap[1, 3], trimap[2, 1] = 255, 255, 0, 0
    small, coarse = halve(image, trimap)
    assert small.shape == (2, 2, 3)
    np.testing.assert_allclose(small[0, 0], 0.2, atol=1e-6)
    assert coarse.tolist() == [[255, 128], [0, 128]]


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (7, 2), (12, 9)])
def test_doubling_is_bilinear(size):
    height, width = (-(-side // 2) for side in size)
    plane = np.random.default_rng(0).random((height, width)).astype(np.float32)
    doubled = double(plane, size)
    assert doubled.shape == size
    assert doubled.dtype == np.float32
    expected = resize(plane, 2 * height, 2 * width)[: size[0], : size[1]]
    np.testing.assert_allclose(doubled, expected, atol=2e-7)

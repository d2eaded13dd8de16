import numpy as np
import pytest

from wisp.core.resample import resize, size_within


def linear_taps(size, new):
    """Rows of the matrix that interpolates linearly between pixel centres, ends repeated."""
    position = np.clip((np.arange(new) + 0.5) * size / new - 0.5, 0, size - 1)
    left = np.minimum(np.floor(position).astype(int), max(size - 2, 0))
    taps = np.zeros((new, size))
    taps[np.arange(new), left] = 1 - (position - left)
    taps[np.arange(new), np.minimum(left + 1, size - 1)] += position - left
    return taps


@pytest.mark.parametrize(
    ("shape", "enlarge", "expected"),
    [
        ((480, 640, 3), False, (75, 100)),
        ((1, 4000), False, (1, 100)),
        ((30, 40), False, (30, 40)),
        ((30, 40), True, (75, 100)),
    ],
)
def test_the_longer_side_has_so_many_pixels(shape, enlarge, expected):
    assert size_within(shape, 100, enlarge=enlarge) == expected


@pytest.mark.parametrize(("height", "width"), [(17, 33), (5, 64), (31, 9)])
def test_enlarging_interpolates_between_pixel_centres(height, width):
    values = np.random.default_rng(0).random((5, 9), np.float32)
    expected = linear_taps(5, height) @ values @ linear_taps(9, width).T
    np.testing.assert_allclose(resize(values, height, width), expected, atol=1e-6)


@pytest.mark.parametrize("factor", [2, 4, 7])
def test_shrinking_keeps_a_ramp_in_place(factor):
    size = 40 * factor
    ramp = np.tile(np.arange(size, dtype=np.float32) / size, (size, 1))
    centres = (np.arange(40) + 0.5) / 40 - 0.5 / size
    inner = resize(ramp, 40, 40)[2:-2, 2:-2]
    np.testing.assert_allclose(inner, np.tile(centres[2:-2], (36, 1)), atol=0.02 / 40)


@pytest.mark.parametrize("new", [(11, 20), (13, 3), (30, 7)])
def test_shrinking_weighs_by_a_triangle_as_wide_as_two_output_pixels(new):
    values = np.random.default_rng(4).random((30, 40, 2), np.float32)
    expected = values.astype(np.float64)
    for axis, size in enumerate(new):
        old = values.shape[axis]
        step = old / size
        distance = np.arange(-40, 80) - ((np.arange(size) + 0.5) * step - 0.5)[:, None]
        taps = np.maximum(0, 1 - np.abs(distance) / max(step, 1))
        taps /= taps.sum(1, keepdims=True)
        matrix = np.zeros((size, old))
        np.add.at(matrix, (slice(None), np.arange(-40, 80).clip(0, old - 1)), taps)
        expected = np.moveaxis(np.tensordot(matrix, expected, (1, axis)), 0, axis)
    np.testing.assert_allclose(resize(values, *new), expected, atol=1e-6)


def test_shrinking_averages_what_the_output_cannot_hold():
    checkers = (np.indices((240, 320)).sum(0) % 2).astype(np.float32)
    np.testing.assert_allclose(resize(checkers, 30, 40), 0.5, atol=0.02)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (7, 90), (200, 3)])
@pytest.mark.parametrize("new", [(1, 1), (32, 512), (64, 3), (13, 13)])
def test_constants_and_ranges_survive_every_change_of_size(size, new):
    constant = np.full((*size, 3), 0.3, np.float32)
    resized = resize(constant, *new)
    assert resized.shape == (*new, 3)
    assert resized.dtype == np.float32
    np.testing.assert_allclose(resized, 0.3, atol=1e-6)
    noise = np.random.default_rng(1).integers(0, 2, size).astype(np.float32)
    resized = resize(noise, *new)
    assert resized.shape == new
    assert resized.min() >= -1e-6
    assert resized.max() <= 1 + 1e-6


def test_the_same_size_is_returned_as_it_is():
    values = np.random.default_rng(2).random((6, 7, 3), np.float32)
    assert resize(values, 6, 7) is values


def test_views_that_are_not_contiguous_are_read_rightly():
    values = np.random.default_rng(3).random((12, 16), np.float32)
    np.testing.assert_array_equal(resize(values.T, 8, 6), resize(np.ascontiguousarray(values.T), 8, 6))


@pytest.mark.parametrize("new", [(7, 30), (20, 9), (5, 6)])
def test_channels_are_resized_as_planes_are(new):
    values = np.random.default_rng(4).random((12, 16, 3), np.float32)
    resized = resize(values, *new)
    assert resized.flags.c_contiguous
    for channel in range(3):
        np.testing.assert_array_equal(resized[..., channel], resize(values[..., channel].copy(), *new))

"""The guided filter against its definition, window by window."""

import itertools

import numpy as np
import pytest

from wisp.core.errors import InputError
from wisp.matting.classical.guided_filter import guided_filter, guided_upsampling


def textbook(guide, alpha, radius, epsilon):
    """Fit a ridge regression in each window and average what the windows around a pixel say of it."""
    height, width = alpha.shape
    planes = np.atleast_3d(guide).astype(np.float64)
    total, windows = np.zeros(alpha.shape), np.zeros(alpha.shape)
    for y, x in itertools.product(range(height), range(width)):
        rows = slice(max(0, y - radius), y + radius + 1)
        columns = slice(max(0, x - radius), x + radius + 1)
        I = planes[rows, columns].reshape(-1, planes.shape[2])  # noqa: E741
        p = alpha[rows, columns].ravel().astype(np.float64)
        centred = I - I.mean(axis=0)
        variance = centred.T @ centred / len(p) + epsilon * np.eye(I.shape[1])
        a = np.linalg.solve(variance, centred.T @ (p - p.mean()) / len(p))
        b = p.mean() - a @ I.mean(axis=0)
        total[rows, columns] += planes[rows, columns] @ a + b
        windows[rows, columns] += 1
    return np.clip(total / windows, 0, 1)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (13, 18), (21, 9)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("radius", "epsilon"), [(1, 1e-4), (3, 1e-2), (30, 1e-3)])
def test_equals_its_definition(size, channels, radius, epsilon):
    rng = np.random.default_rng(1)
    guide = rng.random((*size, channels), np.float32)
    guide = guide[..., 0] if channels == 1 else guide
    alpha = rng.random(size, np.float32)
    result = guided_filter(guide, alpha, radius=radius, epsilon=epsilon)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, textbook(guide, alpha, radius, epsilon), atol=1e-5)


def test_keeps_edges_of_the_guide_and_removes_noise():
    rng = np.random.default_rng(2)
    truth = np.zeros((40, 40), np.float32)
    truth[:, 20:] = 1
    guide = np.dstack([0.2 + 0.6 * truth, 0.5 * np.ones_like(truth), 0.8 - 0.6 * truth]).astype(np.float32)
    noisy = np.clip(truth + 0.2 * rng.standard_normal(truth.shape), 0, 1).astype(np.float32)
    error = np.abs(guided_filter(guide, noisy) - truth)
    assert error[:, 18:22].mean() < 0.1
    assert error.mean() < 0.1 * 4 / 3
    assert error.std() < np.abs(noisy - truth).std() / 4


def test_colour_tells_apart_what_grey_does_not():
    truth = np.zeros((30, 30), np.float32)
    truth[:, 15:] = 1
    colour = np.where(truth[..., None] > 0, np.float32([0.6, 0.3, 0.3]), np.float32([0.3, 0.6, 0.3]))
    soft = np.clip((np.arange(30, dtype=np.float32) - 9) / 11, 0, 1)[None].repeat(30, axis=0)
    by_colour = guided_filter(colour, soft)
    by_grey = guided_filter(np.ascontiguousarray(colour.mean(axis=2)), soft)
    assert np.abs(by_colour - truth).mean() < np.abs(by_grey - truth).mean()
    step_by_colour, step_by_grey = by_colour[:, 15] - by_colour[:, 14], by_grey[:, 15] - by_grey[:, 14]
    assert step_by_colour.min() > 3 * step_by_grey.max()


@pytest.mark.parametrize("size", [(1, 1), (24, 30), (25, 31)])
def test_upsampling_restores_an_affine_function_of_colour(size):
    rng = np.random.default_rng(4)
    even = [n + n % 2 for n in size]
    guide = rng.random((*even, 3), np.float32)
    small = guide.reshape(even[0] // 2, 2, even[1] // 2, 2, 3).mean(axis=(1, 3))
    slope = np.float32([0.3, 0.2, 0.1])
    result = guided_upsampling(small, small @ slope + np.float32(0.2), guide[: size[0], : size[1]])
    assert result.dtype == np.float32
    tolerance = 2e-3 if size > (1, 1) else 0.5  # one pixel has no slope to fit
    np.testing.assert_allclose(result, guide[: size[0], : size[1]] @ slope + 0.2, atol=tolerance)


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_constant_guide_and_alpha(value):
    guide, alpha = np.full((9, 8, 3), value, np.float32), np.full((9, 8), value, np.float32)
    np.testing.assert_allclose(guided_filter(guide, alpha), value, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"guide": np.zeros((5, 5, 2), np.float32)}, "guide: is float32"),
        ({"guide": np.zeros((5, 5, 3))}, "guide: is float64"),
        ({"guide": np.zeros((4, 5, 3), np.float32)}, "guide: is 5×4"),
        ({"alpha": np.zeros((5, 5))}, "alpha: is float64"),
        ({"radius": 0}, "radius: is 0"),
        ({"epsilon": 0.0}, "epsilon: is 0"),
    ],
)
def test_bad_input(change, message):
    good = {"guide": np.zeros((5, 5, 3), np.float32), "alpha": np.zeros((5, 5), np.float32)}
    with pytest.raises(InputError, match=message):
        guided_filter(**{**good, **change})

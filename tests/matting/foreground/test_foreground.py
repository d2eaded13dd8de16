"""Foreground colours on mattes whose F and B are known."""

import numpy as np
import pytest
from scipy import ndimage

from wisp.core.errors import InputError
from wisp.matting.foreground import estimate_foreground, estimate_foreground_background
from wisp.matting.foreground.blur_fusion import estimate_blur_fusion
from wisp.matting.foreground.closed_form import estimate_closed_form

METHODS = ["multilevel", "closed-form", "bayesian", "blur-fusion", "blur-fusion-1x"]
SIZE = 160


def soft_disc(width):
    y, x = np.mgrid[:SIZE, :SIZE]
    distance = 0.3 * SIZE - np.hypot(y - SIZE / 2, x - SIZE / 2)
    return np.clip(distance / width + 0.5, 0, 1).astype(np.float32)


def hair(rng):
    alpha = soft_disc(2.0)
    for _ in range(80):
        turn, bend = rng.uniform(0, 2 * np.pi), rng.uniform(-1, 1)
        t = np.linspace(0, 1, 200)
        radius = SIZE * (0.28 + 0.17 * t)
        y = SIZE / 2 + radius * np.sin(turn + bend * t / 2)
        x = SIZE / 2 + radius * np.cos(turn + bend * t / 2)
        alpha[y.astype(int), x.astype(int)] = 1 - 0.6 * t
    return np.clip(ndimage.gaussian_filter(alpha, 0.8), 0, 1).astype(np.float32)


def wide_ramp():
    ramp = np.clip((np.arange(SIZE, dtype=np.float32) - 50) / 60, 0, 1)
    return np.tile(ramp, (SIZE, 1))


def noise(rng):
    field = ndimage.gaussian_filter(rng.normal(size=(SIZE, SIZE)), 2)
    return np.clip(0.5 + field / field.std(), 0, 1).astype(np.float32)


def gradient(rng):
    y, x = np.mgrid[:SIZE, :SIZE] / (SIZE - 1)
    first, down, across = rng.uniform(0.1, 0.5, 3), rng.uniform(-0.1, 0.2, 3), rng.uniform(-0.1, 0.2, 3)
    return np.clip(first + y[..., None] * down + x[..., None] * across, 0, 1).astype(np.float32)


def waves(rng):
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    channels = [
        0.5 + 0.3 * np.sin(2 * np.pi * (rng.uniform(-0.6, 0.6) * x + rng.uniform(-0.6, 0.6) * y) + phase)
        for phase in rng.uniform(0, 6, 3)
    ]
    return np.stack(channels, axis=-1).astype(np.float32)


def low_noise(rng):
    field = ndimage.gaussian_filter(rng.normal(size=(SIZE, SIZE, 3)), (SIZE / 5, SIZE / 5, 0))
    field = (field - field.min()) / np.ptp(field)
    return (0.1 + 0.8 * field).astype(np.float32)


def compose(foreground, alpha, background):
    return alpha[..., None] * foreground + (1 - alpha[..., None]) * background


MATTES = {
    "hard edge": lambda rng: soft_disc(3),
    "soft edge": lambda rng: soft_disc(16),
    "hair": hair,
    "noise": noise,
}
COLOURS = {"gradient": gradient, "waves": waves, "low noise": low_noise}


@pytest.mark.parametrize("colours", COLOURS)
@pytest.mark.parametrize("matte", MATTES)
def test_known_colours_come_back(matte, colours):
    rng = np.random.default_rng(5)
    alpha = MATTES[matte](rng)
    foreground, background, other = (COLOURS[colours](rng) for _ in range(3))
    estimate, behind = estimate_foreground_background(compose(foreground, alpha, background), alpha)
    soft = (alpha > 0.05) & (alpha < 0.95)
    assert np.abs(estimate - foreground)[soft].mean() <= 1 / 255
    assert np.abs(behind - background)[soft].mean() <= 1 / 255
    composite = compose(estimate, alpha, other) - compose(foreground, alpha, other)
    assert np.abs(composite)[soft].mean() <= 0.5 / 255


def test_shading_survives_a_wide_ramp():
    rng = np.random.default_rng(3)
    alpha = wide_ramp()
    foreground, background = gradient(rng), gradient(rng)
    estimate = estimate_foreground(compose(foreground, alpha, background), alpha)
    soft = (alpha > 0.05) & (alpha < 0.95)
    assert np.abs(estimate - foreground)[soft].mean() <= 1 / 255


def test_flat_colours_come_back():
    alpha = soft_disc(8)
    red, blue = np.array([0.8, 0.1, 0.1], np.float32), np.array([0.1, 0.2, 0.9], np.float32)
    foreground, background = estimate_foreground_background(compose(red, alpha, blue), alpha)
    soft = (alpha > 0.05) & (alpha < 0.95)
    assert np.abs(foreground - red)[soft].max() <= 0.5 / 255
    assert np.abs(background - blue)[soft].max() <= 0.5 / 255


def test_every_method_takes_away_the_rim_the_better_ones_more_of_it():
    rng = np.random.default_rng(1)
    alpha, foreground, background = hair(rng), waves(rng), gradient(rng)
    image = compose(foreground, alpha, background)
    soft = (alpha > 0.05) & (alpha < 0.95)
    rim = np.abs(image - foreground)[soft].mean()
    left = {m: np.abs(estimate_foreground(image, alpha, method=m) - foreground)[soft].mean() for m in METHODS}
    assert left["multilevel"] < 0.05 * rim
    assert left["multilevel"] < left["blur-fusion"] < left["blur-fusion-1x"] < 0.7 * rim


def test_blur_fusion_is_the_formula_of_the_paper():
    rng = np.random.default_rng(6)
    image, alpha = rng.random((9, 11, 3), np.float32), rng.uniform(0.2, 0.8, (9, 11)).astype(np.float32)
    expected = np.empty_like(image)
    for y, x in np.ndindex(9, 11):
        window = np.s_[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
        colours, a = image[window].reshape(-1, 3), alpha[window].reshape(-1, 1)
        f, b = (a * colours).sum(0) / a.sum(), ((1 - a) * colours).sum(0) / (1 - a).sum()
        own = alpha[y, x]
        expected[y, x] = f + own * (image[y, x] - own * f - (1 - own) * b)
    estimate, _ = estimate_blur_fusion(image, alpha, passes=1, window=5)
    np.testing.assert_allclose(estimate, np.clip(expected, 0, 1), atol=1e-3)


@pytest.mark.parametrize("method", ["closed-form", "bayesian"])
@pytest.mark.parametrize("width", [3, 16])
def test_flat_colours_come_back_by_every_model(method, width):
    alpha = soft_disc(width)
    first, second = np.array([0.9, 0.2, 0.1], np.float32), np.array([0.1, 0.6, 0.7], np.float32)
    layers = estimate_foreground_background(compose(first, alpha, second), alpha, method=method)
    soft = (alpha > 0.05) & (alpha < 0.95)
    for layer, colour in zip(layers, (first, second), strict=True):
        assert np.abs(layer - colour)[soft].max() < 0.02


def test_closed_form_is_the_minimum_of_its_docstring():
    """Densely, where the whole photo is soft and so nothing is left to the coarse model."""
    rng = np.random.default_rng(3)
    alpha = rng.uniform(0.05, 0.95, (7, 6)).astype(np.float32)
    image = rng.random((7, 6, 3), np.float32)
    n = alpha.size
    a, number = alpha.ravel().astype(np.float64), np.arange(n).reshape(alpha.shape)
    S = np.zeros((n, n))
    for first, second in ((number[:, :-1], number[:, 1:]), (number[:-1], number[1:])):
        for i, j in zip(first.ravel(), second.ravel(), strict=True):
            difference = np.zeros(n)
            difference[i], difference[j] = 1, -1
            S += (abs(a[i] - a[j]) + 1e-3) * np.outer(difference, difference)
    pull = 1e-6 * np.eye(n)
    A = np.block(
        [
            [np.diag(a * a) + S + pull, np.diag(a * (1 - a))],
            [np.diag(a * (1 - a)), np.diag((1 - a) ** 2) + S + pull],
        ]
    )
    seen = image.reshape(-1, 3)
    b = np.concatenate([(a[:, None] + 1e-6) * seen, (1 - a[:, None] + 1e-6) * seen])
    expected = np.linalg.solve(A, b).clip(0, 1)
    layers = estimate_foreground_background(image, alpha, method="closed-form")
    np.testing.assert_allclose(np.concatenate([x.reshape(-1, 3) for x in layers]), expected, atol=1e-4)


def test_closed_form_in_tiles_has_no_seams():
    rng = np.random.default_rng(4)
    alpha = noise(rng)
    image = compose(waves(rng), alpha, gradient(rng))
    whole, tiled = (estimate_closed_form(image, alpha, at_once=n) for n in (10**6, 12_000))
    assert len(whole.rows) > 20_000
    assert np.abs(whole.foreground() - tiled.foreground()).max() < 1 / 255
    assert np.abs(whole.background() - tiled.background()).max() < 1 / 255


def test_bayesian_tells_the_colours_of_a_striped_subject_apart():
    """Clusters keep both of its colours, where a smooth model would have their mean."""
    alpha = wide_ramp()
    stripes = np.where((np.arange(SIZE) // 8 % 2)[:, None, None] == 0, [0.9, 0.1, 0.1], [0.1, 0.1, 0.9])
    foreground = np.broadcast_to(stripes, (SIZE, SIZE, 3)).astype(np.float32)
    image = compose(foreground, alpha, np.array([0.1, 0.8, 0.1], np.float32))
    soft = (alpha > 0.1) & (alpha < 0.9)
    error = np.abs(estimate_foreground(image, alpha, method="bayesian") - foreground)[soft].mean()
    assert error < 0.02


@pytest.mark.parametrize("method", METHODS)
def test_known_pixels_are_kept_exactly(method):
    rng = np.random.default_rng(2)
    alpha = soft_disc(10)
    image = rng.random((SIZE, SIZE, 3), np.float32)
    foreground, background = estimate_foreground_background(image, alpha, method=method)
    np.testing.assert_array_equal(foreground[alpha == 1], image[alpha == 1])
    np.testing.assert_array_equal(background[alpha == 0], image[alpha == 0])


@pytest.mark.parametrize("width", [0.001, 6])
def test_resampling_a_cut_out_pulls_in_no_background(width):
    alpha = soft_disc(width)
    image = compose(np.array([0.9, 0.2, 0.1], np.float32), alpha, np.array([0.0, 0.9, 0.0], np.float32))
    foreground = estimate_foreground(image.astype(np.float32), alpha)
    near = ndimage.binary_dilation(alpha > 0, iterations=4) & (alpha == 0)
    assert np.abs(foreground[near] - [0.9, 0.2, 0.1]).max() < 0.02


def test_noisy_alpha_and_image_do_no_worse_than_the_image():
    rng = np.random.default_rng(9)
    alpha, foreground, background = hair(rng), waves(rng), gradient(rng)
    image = compose(foreground, alpha, background) + rng.normal(0, 0.01, (SIZE, SIZE, 3))
    rough = alpha + rng.normal(0, 0.03, alpha.shape) * ((alpha > 0) & (alpha < 1))
    image, rough = np.clip(image, 0, 1).astype(np.float32), np.clip(rough, 0, 1).astype(np.float32)
    soft = (alpha > 0.05) & (alpha < 0.95)
    error = np.abs(estimate_foreground(image, rough) - foreground)[soft].mean()
    assert error < 0.3 * np.abs(image - foreground)[soft].mean()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 2), (3, 5), (33, 17), (8, 200)])
def test_any_size_and_any_alpha_gives_colours(shape, method):
    rng = np.random.default_rng(0)
    lone = np.zeros(shape)
    lone[0, 0] = 1e-7
    image = rng.random((*shape, 3), np.float32)
    for alpha in (rng.random(shape), np.zeros(shape), np.ones(shape), np.full(shape, 0.5), lone, 1 - lone):
        for layer in estimate_foreground_background(image, alpha.astype(np.float32), method=method):
            assert layer.shape == image.shape
            assert layer.dtype == np.float32
            assert np.isfinite(layer).all()
            assert layer.min() >= 0
            assert layer.max() <= 1


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_nothing_to_tell_apart_gives_the_image(value):
    image = np.random.default_rng(0).random((9, 11, 3), np.float32)
    alpha = np.full((9, 11), value, np.float32)
    np.testing.assert_array_equal(estimate_foreground(image, alpha), image)


@pytest.mark.parametrize("method", METHODS)
def test_constant_image_stays_constant(method):
    image = np.full((40, 31, 3), 0.4, np.float32)
    alpha = np.random.default_rng(0).random((40, 31), np.float32)
    np.testing.assert_allclose(estimate_foreground(image, alpha, method=method), 0.4, atol=1e-3)


def test_inputs_are_left_alone():
    rng = np.random.default_rng(0)
    image, alpha = rng.random((20, 20, 3), np.float32), rng.random((20, 20), np.float32)
    copies = image.copy(), alpha.copy()
    for method in METHODS:
        estimate_foreground(image, alpha, method=method)
    np.testing.assert_array_equal(image, copies[0])
    np.testing.assert_array_equal(alpha, copies[1])


def test_bad_input_is_refused():
    image, alpha = np.zeros((4, 5, 3), np.float32), np.zeros((4, 5), np.float32)
    with pytest.raises(InputError, match="5×4"):
        estimate_foreground(image, np.zeros((5, 5), np.float32))
    with pytest.raises(InputError, match="int64"):
        estimate_foreground(image.astype(np.int64), alpha)
    with pytest.raises(InputError, match="multilevel, closed-form, bayesian, blur-fusion"):
        estimate_foreground(image, alpha, method="guess")

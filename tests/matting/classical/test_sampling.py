"""What the sampling methods do alike, on photos whose alpha and colours are known."""

import numpy as np
import pytest

from matting.classical.scenes import scene
from wisp.core.errors import InputError
from wisp.matting.classical.global_sampling import global_sampling
from wisp.matting.classical.sampling import (
    Samples,
    expand_trimap,
    smooth_alpha,
    solve_samples,
    unmix,
)
from wisp.matting.classical.shared import shared_sampling
from wisp.methods import METHODS, sampling_methods

F, B = np.array([0.9, 0.7, 0.2], np.float32), np.array([0.1, 0.2, 0.5], np.float32)

each_method = pytest.mark.parametrize(
    "method", [METHODS[name].load() for name in sampling_methods()], ids=sampling_methods()
)
smoothed_or_not = pytest.mark.parametrize("smooth", [False, True])


def ramp(size, width=16):
    """Alpha that falls from 1 to 0 in the middle columns, and the trimap of that."""
    height, columns = size
    alpha = np.clip((columns / 2 - np.arange(columns)) / width + 0.5, 0, 1)
    alpha = np.tile(alpha.astype(np.float32), (height, 1))
    trimap = np.full(size, 128, np.uint8)
    trimap[alpha == 1], trimap[alpha == 0] = 255, 0
    return alpha, trimap


def mixed(alpha, foreground=F, background=B):
    return alpha[..., None] * foreground + (1 - alpha[..., None]) * background


@each_method
@smoothed_or_not
@pytest.mark.parametrize("size", [(23, 41), (8, 60), (1, 45), (2, 44), (51, 40)])
def test_a_linear_ramp_between_two_flat_colours(method, smooth, size):
    alpha, trimap = ramp(size)
    solution = method(mixed(alpha), trimap, smooth=smooth)
    # Shared sampling takes what is within the variance around a sample for pure: here, the ends of the ramp.
    assert np.abs(solution.alpha - alpha).max() < (0.1 if method is shared_sampling else 0.04)
    assert np.abs(solution.alpha - alpha).mean() < 0.015
    inside = (alpha > 0.05) & (alpha < 0.95)
    assert np.abs(solution.foreground - F)[inside].max() < 0.04


@each_method
@smoothed_or_not
def test_hard_edges_between_two_flat_colours(method, smooth):
    alpha = np.zeros((33, 47), np.float32)
    alpha[7:20, 9:31] = 1
    trimap = np.full(alpha.shape, 128, np.uint8)
    trimap[:4], trimap[10:15, 14:25] = 0, 255
    solution = method(mixed(alpha), trimap, smooth=smooth)
    assert np.abs(solution.alpha - alpha).max() < 0.01


@each_method
@smoothed_or_not
def test_colours_that_lie_on_one_line(method, smooth):
    """Both sides vary along the line on which mixtures lie, too: alpha is only known to within that."""
    rng = np.random.default_rng(5)
    alpha, trimap = ramp((40, 60))
    spread = 0.05 * (rng.random((2, 40, 60, 1), np.float32) - 0.5) * (F - B)
    image = mixed(alpha, F + spread[0], B + spread[1])
    solution = method(image, trimap, smooth=smooth)
    assert np.abs(solution.alpha - alpha).max() < 0.12
    assert np.abs(solution.alpha - alpha).mean() < 0.02


@each_method
@smoothed_or_not
@pytest.mark.parametrize("value", [0.0, 0.25, 0.5, 1.0])
def test_one_unknown_pixel(method, smooth, value):
    alpha = np.zeros((9, 11), np.float32)
    alpha[:, :5] = 1
    alpha[4, 5] = value
    trimap = np.where(alpha == 1, 255, 0).astype(np.uint8)
    trimap[4, 5] = 128
    assert abs(method(mixed(alpha), trimap, smooth=smooth).alpha[4, 5] - value) < 0.01


@each_method
@smoothed_or_not
@pytest.mark.parametrize(("missing", "there", "expected"), [(255, 0, 0), (0, 255, 1)])
def test_no_known_foreground_or_background(method, smooth, missing, there, expected):
    image, trimap = scene((13, 15), "band")
    trimap[trimap == missing] = there
    trimap[trimap != there] = 128
    solution = method(image, trimap, smooth=smooth)
    assert (solution.alpha == expected).all()
    assert solution.foreground is None


@each_method
def test_known_colours_that_do_not_touch_the_unknown_part(method):
    """Foreground is known as one pixel amid known background."""
    alpha, trimap = ramp((20, 40))
    trimap[trimap == 255] = 128
    trimap[:, :3] = 0
    trimap[9, 1] = 255
    image = mixed(alpha)
    image[:, :3] = B
    image[9, 1] = F
    found = method(image, trimap, smooth=False).alpha
    assert np.abs(found - alpha)[:, 10:].max() < 0.05


@each_method
@smoothed_or_not
def test_the_same_seed_gives_the_same_alpha(method, smooth):
    image, trimap = scene((31, 37), "scribbles")
    first, second = (method(image.copy(), trimap.copy(), smooth=smooth) for _ in range(2))
    np.testing.assert_array_equal(first.alpha, second.alpha)
    np.testing.assert_array_equal(first.foreground, second.foreground)


@each_method
def test_the_foreground_is_the_photo_where_it_is_known(method):
    image, trimap = scene((31, 27), "band")
    foreground = method(image, trimap).foreground
    assert foreground.dtype == np.float32
    assert foreground.shape == image.shape
    np.testing.assert_array_equal(foreground[trimap == 255], image[trimap == 255])
    assert foreground.min() >= 0
    assert foreground.max() <= 1


@each_method
def test_not_a_number(method):
    image, trimap = scene((9, 9), "band")
    image[4, 4, 1] = np.nan
    with pytest.raises(InputError, match="image: has values that are no numbers"):
        method(image, trimap)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("bayesian", {"clusters": 0}),
        ("bayesian", {"turns": 0}),
        ("bayesian", {"sigma": 0.0}),
        ("shared-sampling", {"rays": 0}),
        ("shared-sampling", {"expansion": -1}),
        ("shared-sampling", {"expansion_threshold": -0.1}),
        ("global-sampling", {"colour_weight": -1.0}),
        ("global-sampling", {"rounds": 0}),
        ("global-sampling", {"expansion": -1}),
        ("comprehensive-sampling", {"colour_weight": -1.0}),
        ("comprehensive-sampling", {"spatial_weight": -1.0}),
        ("comprehensive-sampling", {"expansion_threshold": -0.1}),
    ],
)
def test_bad_parameters(name, arguments):
    image, trimap = scene((9, 9), "band")
    with pytest.raises(InputError, match=next(iter(arguments))):
        METHODS[name].load()(image, trimap, **arguments)


def test_global_sampling_depends_on_its_seed_only_a_little():
    image, trimap = scene((40, 44), "band")
    first, second = (global_sampling(image, trimap, seed=seed).alpha for seed in (0, 1))
    difference = np.abs(first - second)[trimap == 128]
    assert difference.max() > 0
    assert difference.mean() < 0.03


def test_unmixing_finds_the_share_and_what_is_left():
    rng = np.random.default_rng(0)
    foreground, background = rng.random((2, 3, 50)).astype(np.float32)
    share = rng.random(50).astype(np.float32)
    alpha, left = unmix(share * foreground + (1 - share) * background, foreground, background)
    np.testing.assert_allclose(alpha, share, atol=1e-4)
    assert left.max() < 1e-10


def test_unmixing_stays_on_the_line_between_the_colours():
    colour = np.array([[1.5], [0.0], [0.25]], np.float32)
    red, black = np.array([[[1.0], [0], [0]], [[0], [0], [0]]], np.float32)
    alpha, left = unmix(colour, red, black)
    assert alpha.tolist() == [1]
    np.testing.assert_allclose(left, 0.5**2 + 0.25**2)


def test_equal_colours_explain_what_is_left_and_nothing_else():
    colour = np.full((3, 2), 0.5, np.float32)
    alpha, left = unmix(colour, colour, colour)
    assert np.isfinite(alpha).all()
    assert left.tolist() == [0, 0]


class TestExpansion:
    def test_by_like_colours_within_the_radius(self):
        image = np.zeros((1, 30, 3), np.float32)
        image[0, 12:] = 0.5
        trimap = np.full((1, 30), 128, np.uint8)
        trimap[0, :3], trimap[0, 25:] = 0, 255
        expanded = expand_trimap(image, trimap, 6, 0.02)
        assert expanded[0, :9].tolist() == [0] * 9
        assert (expanded[0, 9:19] == 128).all()
        assert (expanded[0, 19:] == 255).all()

    def test_the_nearest_of_two_decides(self):
        image = np.full((1, 9, 3), 0.5, np.float32)
        trimap = np.full((1, 9), 128, np.uint8)
        trimap[0, 0], trimap[0, 8] = 0, 255
        assert expand_trimap(image, trimap, 5, 0.0)[0].tolist() == [0, 0, 0, 0, 0, 255, 255, 255, 255]

    def test_not_by_other_colours(self):
        image, trimap = scene((20, 20), "band")
        np.testing.assert_array_equal(expand_trimap(image, trimap, 0, 1.0), trimap)
        np.testing.assert_array_equal(expand_trimap(image, trimap, 10, 0.0), trimap)


class TestSmoothing:
    def test_solves_the_system_of_its_docstring(self):
        """Densely, with a Laplacian put together window by window."""
        image, trimap = scene((9, 11), "band")
        rng = np.random.default_rng(2)
        guess = rng.random(trimap.shape).astype(np.float32)
        confidence = rng.random(trimap.shape).astype(np.float32)
        L = np.zeros((99, 99))
        for y in range(7):
            for x in range(9):
                pixels = ((np.arange(3)[:, None] + y) * 11 + np.arange(3) + x).ravel()
                colours = image.reshape(-1, 3)[pixels].astype(np.float64)
                centred = colours - colours.mean(axis=0)
                inverse = np.linalg.inv(centred.T @ centred / 9 + 1e-7 / 9 * np.eye(3))
                L[np.ix_(pixels, pixels)] += np.eye(9) - (1 + centred @ inverse @ centred.T) / 9
        unknown, known = trimap.ravel() == 128, (trimap.ravel() == 255).astype(float)
        weight = 0.1 * confidence.ravel()[unknown]
        A = L[np.ix_(unknown, unknown)] + np.diag(weight)
        b = weight * guess.ravel()[unknown] - L[np.ix_(unknown, ~unknown)] @ known[~unknown]
        expected = known.copy()
        expected[unknown] = np.clip(np.linalg.solve(A, b), 0, 1)
        alpha, steps, residual = smooth_alpha(image, trimap, guess, confidence)
        np.testing.assert_allclose(alpha.ravel(), expected, atol=1e-4)
        assert steps > 0
        assert residual <= 1e-6

    def test_tiles_leave_no_seams(self):
        """Below 1/255 in a photo that is smoothed in a dozen tiles, with guesses that are mostly wrong."""
        image, trimap = scene((331, 423), "band")
        rng = np.random.default_rng(3)
        guess = np.clip(rng.random(trimap.shape), 0, 1).astype(np.float32)
        confidence = (0.2 + 0.8 * rng.random(trimap.shape)).astype(np.float32)
        assert np.count_nonzero(trimap == 128) > 40_000
        whole, *_ = smooth_alpha(image, trimap, guess, confidence)
        tiled, *_ = smooth_alpha(image, trimap, guess, confidence, at_once=12_000)
        assert np.abs(tiled - whole).max() < 1 / 255
        assert (tiled[trimap == 0] == 0).all()
        assert (tiled[trimap == 255] == 1).all()

    def test_repairs_what_is_not_trusted_and_keeps_what_is(self):
        alpha, trimap = ramp((40, 60))
        rng = np.random.default_rng(1)
        wrong = rng.random(alpha.shape) < 0.2
        guess = np.where(wrong, 1 - alpha, alpha)
        noise = 0.01 * rng.standard_normal((*alpha.shape, 3), np.float32)
        image = np.clip(mixed(alpha) + noise, 0, 1)
        confidence = np.where(wrong, np.float32(0), np.float32(1))
        smooth, *_ = smooth_alpha(image, trimap, guess, confidence)
        assert np.abs(guess - alpha)[wrong].mean() > 0.05
        assert np.abs(smooth - alpha).max() < 0.1
        believed, *_ = smooth_alpha(image, trimap, guess, np.full_like(confidence, 1e4))
        np.testing.assert_allclose(believed[trimap == 128], guess[trimap == 128], atol=0.01)


def test_a_method_may_decide_everything_by_expansion():
    image, trimap = scene((9, 12), "band")

    def find(image, trimap, _):
        decided = np.where(trimap == 128, 0, trimap).astype(np.uint8)
        none = np.empty(0, np.float32)
        return Samples(decided, np.empty((3, 0), np.float32), np.empty((3, 0), np.float32), none, none)

    solution = solve_samples(
        image, trimap, find, method="test", smooth=True, tolerance=1e-6, max_iterations=9
    )
    np.testing.assert_array_equal(solution.alpha, (trimap == 255).astype(np.float32))
    assert solution.converged

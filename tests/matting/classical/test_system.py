"""What every classical method does alike: odd inputs, warnings, repeatability, the solver itself."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from threadpoolctl import threadpool_info

from matting.classical.scenes import scene
from wisp.core.errors import InputError
from wisp.matting.classical import system, tiling
from wisp.matting.classical.closed_form import closed_form
from wisp.matting.classical.system import (
    COARSE,
    ConvergenceWarning,
    _Solver,
    conjugate_gradients,
    within,
)
from wisp.methods import METHODS, classical_methods

each_method = pytest.mark.parametrize(
    ("name", "method"), [(name, METHODS[name].load()) for name in classical_methods()]
)

each_solved = pytest.mark.parametrize(
    ("name", "method"),
    [
        (name, partial(METHODS[name].load(), **({"smooth": True} if METHODS[name].smooths else {})))
        for name in classical_methods()
    ],
)
"""Every method with a linear system: sampling methods need not have one."""
each_propagation = pytest.mark.parametrize(
    ("name", "method"),
    [(name, METHODS[name].load()) for name in classical_methods() if not METHODS[name].smooths],
)
"""Every method that carries alpha between pixels instead of sampling colours."""


@each_solved
def test_known_pixels_keep_their_alpha(name, method):
    image, trimap = scene((31, 27), "band")
    solution = method(image, trimap)
    assert solution.method == name
    assert solution.converged
    assert solution.iterations > 0
    assert 0 <= solution.residual <= 1e-3
    assert solution.alpha.dtype == np.float32
    assert solution.alpha.min() >= 0
    assert solution.alpha.max() <= 1
    assert (solution.alpha[trimap == 0] == 0).all()
    assert (solution.alpha[trimap == 255] == 1).all()
    assert 0.2 < solution.alpha[trimap == 128].mean() < 0.8


@each_method
def test_nothing_unknown(name, method):
    image, trimap = scene((7, 9), "band")
    trimap[trimap == 128] = 0
    solution = method(image, trimap)
    np.testing.assert_array_equal(solution.alpha, trimap / np.float32(255))
    assert (solution.iterations, solution.residual, solution.converged) == (0, 0.0, True)


@each_method
@pytest.mark.parametrize(("missing", "there", "expected"), [(255, 0, 0), (0, 255, 1)])
def test_no_known_foreground_or_background(name, method, missing, there, expected):
    image, trimap = scene((13, 15), "band")
    trimap[trimap == missing] = there
    trimap[trimap != there] = 128
    solution = method(image, trimap)
    assert (solution.alpha == expected).all()
    assert solution.converged


@each_method
def test_nothing_known(name, method):
    image, trimap = scene((13, 15), "band")
    solution = method(image, np.full_like(trimap, 128))
    assert (solution.alpha == 0).all()


@each_method
@pytest.mark.parametrize(("value", "expected"), [(0, 0), (128, 0), (255, 1)])
def test_one_pixel(name, method, value, expected):
    solution = method(np.full((1, 1, 3), 0.5, np.float32), np.full((1, 1), value, np.uint8))
    assert solution.alpha.tolist() == [[expected]]


@each_method
@pytest.mark.parametrize("kind", ["band", "corner", "specks"])
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_constant_photo(name, method, kind, level):
    image, trimap = scene((17, 20), kind)
    solution = method(np.full_like(image, level), trimap)
    assert solution.converged
    assert np.isfinite(solution.alpha).all()


@each_method
def test_single_unknown_pixels(name, method):
    image, trimap = scene((40, 45), "specks")
    solution = method(image, trimap)
    assert solution.converged
    y, x = np.mgrid[:40, :45]
    distance = np.hypot((y - 20) / 40, (x - 22.5) / 45)
    lowest, highest = (np.mean, np.mean) if name == "poisson" else (np.min, np.max)  # it follows noise
    assert lowest(solution.alpha[(distance < 0.2) & (trimap == 128)]) > 0.5
    assert highest(solution.alpha[(distance > 0.5) & (trimap == 128)]) < 0.5


ALONG = {"knn": 0.12, "random-walk": 0.1, "information-flow": 0.04}
"""How far methods may be off along a ramp; the others explain it exactly."""


def ramp(size=(20, 41)):
    """Alpha that rises from the left to the right, with a trimap that knows the first and the last column."""
    truth = np.linspace(0, 1, size[1], dtype=np.float32)[None].repeat(size[0], axis=0)
    trimap = np.full(size, 128, np.uint8)
    trimap[:, 0], trimap[:, -1] = 0, 255
    return truth, trimap


@each_propagation
@pytest.mark.parametrize("size", [(20, 41), (7, 33)])
def test_a_linear_ramp_between_two_flat_colours(name, method, size):
    truth, trimap = ramp(size)
    foreground, background = np.float32([0.9, 0.7, 0.1]), np.float32([0.1, 0.3, 0.8])
    image = truth[..., None] * foreground + (1 - truth[..., None]) * background
    assert np.abs(method(image, trimap).alpha - truth).max() < ALONG.get(name, 5e-3)


def test_foreground_colours_on_a_line():
    """F and B each vary along a line in colour space, and alpha is nearly affine in each window."""
    truth, trimap = ramp()
    shade = np.linspace(0.7, 1, 20, dtype=np.float32)[:, None, None]
    foreground, background = shade * np.float32([0.9, 0.5, 0.2]), shade * np.float32([0.1, 0.3, 0.7])
    image = truth[..., None] * foreground + (1 - truth[..., None]) * background
    for name in ("closed-form", "learning-based"):
        assert np.abs(METHODS[name].load()(image, trimap).alpha - truth).max() < 0.02, name


@each_propagation
@pytest.mark.parametrize("size", [(1, 41), (41, 1), (2, 2), (5, 3), (3, 64)])
def test_odd_sizes(name, method, size):
    rng = np.random.default_rng(4)
    image, trimap = rng.random((*size, 3), np.float32), np.full(size, 128, np.uint8)
    trimap.ravel()[0], trimap.ravel()[-1] = 0, 255
    solution = method(image, trimap)
    assert solution.alpha.shape == size
    assert solution.converged
    assert ((solution.alpha >= 0) & (solution.alpha <= 1)).all()
    assert (solution.alpha.ravel()[0], solution.alpha.ravel()[-1]) == (0, 1)


@each_method
def test_one_unknown_pixel(name, method):
    """Between known halves of two colours, a pixel of one of them belongs there."""
    image = np.full((11, 13, 3), 0.1, np.float32)
    image[:, 7:] = (0.9, 0.8, 0.7)
    trimap = np.where(np.arange(13) < 7, 0, 255).astype(np.uint8)[None].repeat(11, axis=0)
    for column, expected in ((3, 0), (6, 0), (7, 1), (10, 1)):
        given = trimap.copy()
        given[5, column] = 128
        alpha = method(image, given).alpha
        assert abs(alpha[5, column] - expected) < 0.05, column
        np.testing.assert_array_equal(
            np.delete(alpha.ravel(), 5 * 13 + column), np.delete(trimap.ravel() / 255, 5 * 13 + column)
        )


@each_propagation
def test_tiles_leave_no_seams(name, method, monkeypatch):
    """At their edges tiles change the alpha of a whole photo by less than a step of 8 bits."""
    monkeypatch.setattr(tiling, "OVERLAP", 10)
    monkeypatch.setattr(tiling, "CONTEXT", 20)
    image, trimap = scene((90, 110), "band")
    image = gaussian_filter(image, (1.5, 1.5, 0))
    at_once = np.count_nonzero(trimap == 128) // 2
    whole = method(image, trimap).alpha
    tiled = method(image, trimap, at_once=at_once)
    assert tiled.converged
    error = tiled.alpha - whole
    cuts = list(tiling.overlapping_tiles(trimap == 128, at_once))
    assert len(cuts) >= 4
    assert sum(tile.unknown_of(trimap == 128).sum() for tile in cuts) > np.count_nonzero(trimap == 128)
    steps = steps_at(error, cuts, 0)
    assert steps.mean() < 1 / 255
    if name in SEAMLESS:
        assert steps.max() < 1 / 255
    beside = np.concatenate([steps_at(error, cuts, shift) for shift in (-4, -3, 3, 4)])
    assert steps.mean() < beside.mean() + 0.1 / 255  # an edge is no more of a step than its surroundings


SEAMLESS = ("closed-form", "learning-based", "information-flow")
"""Methods of which no single step at a tile's edge is 1/255; others differ as much away from edges."""


@each_propagation
def test_a_blend_of_tiles_adds_no_step(name, method, monkeypatch):
    """What is left of a step from pixel to pixel without the steps of the tiles themselves is below 1/255."""
    monkeypatch.setattr(tiling, "OVERLAP", 10)
    monkeypatch.setattr(tiling, "CONTEXT", 20)
    image, trimap = scene((90, 110), "band")
    image = gaussian_filter(image, (1.5, 1.5, 0))
    cuts, found = [], []

    def cut(unknown, at_once):
        cuts.extend(tiling.overlapping_tiles(unknown, at_once))
        return cuts

    def fill(solver, part, alpha, progress, original=_Solver.fill):
        original(solver, part, alpha, progress)
        found.append(alpha)

    monkeypatch.setattr(system, "overlapping_tiles", cut)
    monkeypatch.setattr(_Solver, "fill", fill)
    alpha = method(image, trimap, at_once=np.count_nonzero(trimap == 128) // 2).alpha
    assert len(cuts) >= 2
    planes, weights = np.zeros((2, len(cuts), *alpha.shape))
    for plane, weight, tile, own in zip(planes, weights, cuts, found[-len(cuts) :], strict=True):
        plane[tile.solved], weight[tile.solved] = own[tile.inside], tile.weight(alpha.shape)
    for axis in (0, 1):
        before, after = np.delete(weights, -1, axis + 1), np.delete(weights, 0, axis + 1)
        both = np.minimum(before, after)
        within_tiles = (both * np.diff(planes, axis=axis + 1)).sum(axis=0)
        within_tiles /= np.maximum(both.sum(axis=0), 1e-9)
        unknown = trimap == 128
        pairs = np.delete(unknown, -1, axis) & np.delete(unknown, 0, axis) & (both.sum(axis=0) > 0)
        assert pairs.sum() > 1000
        assert np.abs(np.diff(alpha, axis=axis) - within_tiles)[pairs].max() < 1 / 255


def steps_at(error, cuts, shift):
    """By how much an error changes from one pixel to the next at tiles' edges, or some pixels beside them."""
    height, width = error.shape
    steps = []
    for tile in cuts:
        rows, columns = tile.solved
        edges = [y + shift for y in rows_of(rows, height) if 0 < y + shift < height]
        steps += [np.abs(error[y, columns] - error[y - 1, columns]) for y in edges]
        edges = [x + shift for x in rows_of(columns, width) if 0 < x + shift < width]
        steps += [np.abs(error[rows, x] - error[rows, x - 1]) for x in edges]
    return np.concatenate(steps)


def rows_of(side, size):
    """Where a tile begins and ends inside a photo."""
    return [edge for edge in (side.start, side.stop) if 0 < edge < size]


@each_solved
def test_progress_rises_to_the_end(name, method):
    image, trimap = scene((60, 70), "band")
    shares = []
    method(image, trimap, progress=shares.append)
    assert shares[-1] == 1
    assert all(0 <= share <= 1 for share in shares)
    assert len(set(shares)) > 2
    assert np.diff(shares).min() > -0.2  # a residual may rise for a few steps


@each_propagation
def test_progress_rises_to_the_end_in_tiles_too(name, method):
    image, trimap = scene((60, 70), "band")
    shares = []
    method(image, trimap, at_once=1500, progress=shares.append)
    assert shares[-1] == 1
    assert all(0 <= share <= 1 for share in shares)
    assert max(share for share in shares if share <= COARSE) > 0.9 * COARSE  # the half size
    assert len({share for share in shares if share > COARSE}) > 2  # the tiles


@each_method
def test_two_colours_in_hard_regions(name, method):
    """Windows of a single colour leave the covariance to epsilon, and the system nearly singular."""
    image = np.zeros((24, 24, 3), np.float32)
    image[6:18, 6:18] = 1
    image[10:12, 10:12] = (1, 0, 0)
    trimap = np.full((24, 24), 128, np.uint8)
    trimap[0], trimap[8, 8] = 0, 255
    solution = method(image, trimap)
    assert np.isfinite(solution.alpha).all()
    assert solution.alpha[7:17, 7:9].min() > 0.9
    assert solution.alpha[1:5].max() < 0.1


@each_method
def test_the_same_input_gives_the_same_alpha(name, method):
    image, trimap = scene((31, 37), "scribbles")
    first, second = method(image, trimap), method(image.copy(), trimap.copy())
    np.testing.assert_array_equal(first.alpha, second.alpha)
    assert first.residual == second.residual


@each_method
def test_inputs_are_left_alone(name, method):
    image, trimap = scene((12, 11), "band")
    trimap[trimap == 128] = 127
    before = image.copy(), trimap.copy()
    image.flags.writeable = trimap.flags.writeable = False
    solution = method(image, trimap)
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(trimap, before[1])
    assert 0.1 < solution.alpha[trimap == 127].mean() < 0.9


@each_solved
def test_warns_once_when_it_does_not_converge(name, method):
    image, trimap = scene((31, 27), "scribbles")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        solution = method(image, trimap, tolerance=0.0, max_iterations=1)
    assert not solution.converged
    assert solution.iterations == 1
    assert [w.category for w in caught] == [ConvergenceWarning]
    assert caught[0].filename == __file__
    text = str(caught[0].message)
    assert name in text
    for advice in ("max_iterations", "tolerance", "trimap with more known pixels"):
        assert advice in text
    assert np.isfinite(solution.alpha).all()


@each_method
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trimap": np.zeros((5, 4), np.uint8)}, "trimap: is 4×5"),
        ({"trimap": np.full((9, 9), 77, np.uint8)}, "has the value 77 at row 0"),
        ({"trimap": np.zeros((9, 9), np.float32)}, "trimap: is float32"),
        ({"image": np.zeros((9, 9, 3))}, "image: is float64"),
        ({"image": np.zeros((9, 9), np.float32)}, "image: is float32"),
        ({"tolerance": -1.0}, "tolerance: is -1"),
        ({"max_iterations": 0}, "max_iterations: is 0"),
    ],
)
def test_bad_input(name, method, change, message):
    image, trimap = scene((9, 9), "band")
    with pytest.raises(InputError, match=message):
        method(**{"image": image, "trimap": trimap, **change})


def test_blas_has_its_threads_back_after_solves_side_by_side():
    before = [library["num_threads"] for library in threadpool_info()]
    image, trimap = scene((60, 70), "scribbles")
    with ThreadPoolExecutor(4) as pool:
        alphas = [done.alpha for done in pool.map(closed_form, [image] * 8, [trimap] * 8)]
    assert [library["num_threads"] for library in threadpool_info()] == before
    for alpha in alphas[1:]:
        np.testing.assert_array_equal(alpha, alphas[0])


def test_conjugate_gradients_solves_a_small_system():
    rng = np.random.default_rng(0)
    B = rng.standard_normal((30, 30))
    A, b = B @ B.T + np.eye(30), rng.standard_normal(30)
    x, steps, residual = conjugate_gradients(lambda x: A @ x, b, lambda r: r / np.diag(A), 1e-12, 200)
    np.testing.assert_allclose(x, np.linalg.solve(A, b), atol=1e-8)
    assert residual <= 1e-12
    assert steps <= 60


def test_conjugate_gradients_begin_where_they_are_told():
    A, b = np.diag([1.0, 2.0, 3.0]), np.array([1.0, 4.0, 9.0])
    x, steps, residual = conjugate_gradients(
        lambda x: A @ x, b, lambda r: r, 1e-6, 10, start=np.array([1.0, 2.0, 3.0])
    )
    assert (x.tolist(), steps, residual) == ([1, 2, 3], 0, 0)
    x, steps, _ = conjugate_gradients(
        lambda x: A @ x, b, lambda r: r, 1e-12, 10, start=np.array([1.0, 2.0, 0.0])
    )
    np.testing.assert_allclose(x, [1, 2, 3], atol=1e-10)
    assert steps == 1


def test_conjugate_gradients_without_a_right_hand_side():
    x, steps, residual = conjugate_gradients(lambda x: x, np.zeros(3), lambda r: r, 1e-6, 10)
    assert (x.tolist(), steps, residual) == ([0, 0, 0], 0, 0)


def test_progress_of_a_part_of_the_work():
    shares = []
    tell = within(shares.append, 0.2, 0.6)
    tell(0.0)
    within(tell, 0.5)(0.5)
    tell(1.0)
    np.testing.assert_allclose(shares, [0.2, 0.5, 0.6])

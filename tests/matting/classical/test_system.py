"""What every classical method does alike: odd inputs, warnings, repeatability, the solver itself."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from matting.classical.scenes import scene
from wisp.core.errors import InputError
from wisp.matting.classical.closed_form import closed_form
from wisp.matting.classical.system import ConvergenceWarning, conjugate_gradients
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


@each_solved
def test_known_pixels_keep_their_alpha(name, method):
    image, trimap = scene((31, 27), "band")
    solution = method(image, trimap)
    assert solution.method == name
    assert solution.converged
    assert solution.iterations > 0
    assert 0 <= solution.residual <= 1e-4
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
    assert solution.alpha[(distance < 0.2) & (trimap == 128)].min() > 0.5
    assert solution.alpha[(distance > 0.5) & (trimap == 128)].max() < 0.5


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


def test_conjugate_gradients_without_a_right_hand_side():
    x, steps, residual = conjugate_gradients(lambda x: x, np.zeros(3), lambda r: r, 1e-6, 10)
    assert (x.tolist(), steps, residual) == ([0, 0, 0], 0, 0)

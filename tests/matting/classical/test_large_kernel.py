"""Large-kernel matting against its matrix, which it never forms."""

import numpy as np
import pytest

from matting.classical.scenes import scene
from matting.classical.test_closed_form import hold
from wisp.core.errors import InputError
from wisp.matting.classical.large_kernel import kernel_radii, large_kernel


def textbook(image, trimap, radii, epsilon=1e-7):
    """The matting Laplacian of a window around each unknown pixel, cut off at the border, solved densely."""
    height, width = trimap.shape
    colours = image.reshape(-1, 3).astype(np.float64)
    index = np.arange(height * width).reshape(height, width)
    L = np.zeros((height * width, height * width))
    for y, x, r in zip(*np.nonzero(trimap == 128), kernel_radii(trimap == 128, radii), strict=True):
        pixels = index[max(0, y - r) : y + r + 1, max(0, x - r) : x + r + 1].ravel()
        area, window = len(pixels), colours[pixels]
        centred = window - window.mean(axis=0)
        inverse = np.linalg.inv(centred.T @ centred / area + epsilon / area * np.eye(3))
        L[np.ix_(pixels, pixels)] += np.eye(area) - (1 + centred @ inverse @ centred.T) / area
    return hold(L, trimap)


@pytest.mark.parametrize("size", [(14, 17), (21, 9), (2, 30)])
@pytest.mark.parametrize("kind", ["band", "scribbles", "specks"])
@pytest.mark.parametrize("radii", [(1, 1), (2, 5)])
def test_equals_a_direct_solve_of_the_matrix(size, kind, radii):
    image, trimap = scene(size, kind)
    solution = large_kernel(image, trimap, radii=radii, epsilon=1e-4, tolerance=1e-10, max_iterations=5000)
    assert solution.converged
    np.testing.assert_allclose(solution.alpha, textbook(image, trimap, radii, 1e-4), atol=2e-5)


@pytest.mark.parametrize(("width", "radius"), [(4, 2), (40, 20)])
def test_kernels_grow_with_the_width_of_the_band(width, radius):
    unknown = np.zeros((100, 400), bool)
    unknown[20 : 20 + width] = True
    found = kernel_radii(unknown, (1, 50))
    assert found.max() == radius
    assert found.mean() > 0.7 * radius
    assert set(kernel_radii(unknown, (3, 7))) == {min(max(radius, 3), 7)}


def test_large_kernels_need_fewer_steps():
    image, trimap = scene((60, 70), "scribbles")
    small, large = (large_kernel(image, trimap, radii=(r, r), tolerance=1e-4) for r in (1, 8))
    assert large.iterations < small.iterations / 2


@pytest.mark.parametrize("arguments", [{"epsilon": 0.0}, {"radii": (0, 5)}, {"radii": (6, 5)}])
def test_bad_parameters(arguments):
    image, trimap = scene((9, 9), "band")
    with pytest.raises(InputError, match=next(iter(arguments))):
        large_kernel(image, trimap, **arguments)

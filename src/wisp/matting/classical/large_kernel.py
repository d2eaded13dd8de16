"""Large-kernel matting: He, Sun and Tang 2010, *Fast Matting Using Large Kernel Matting Laplacian Matrices*.

The energy is closed-form matting's, in windows as large as the unknown band is wide: alpha gets from the
known pixels to all others in few steps, and a window sees both sides. Its matrix L would have (4 r + 1)²
entries a row, and is never formed. With p̄, μ, Σ the means and the covariance of a window ::

    a = (Σ + ε/|w| · 1)⁻¹ (mean(p I) − p̄ μ) ,    b = p̄ − aᵀ μ
    (L p)_i = Σ_{w ∋ i} ( p_i − aᵀ I_i − b )

so that conjugate gradients need sums over boxes alone: those of p and p I in each window, and those of a and
b over the windows that hold a pixel. Both are four look-ups in an integral image, whatever the box.

Kernels grow with the trimap: a k-d tree cuts the unknown pixels into cells, and windows around the pixels of
a cell have the half width of its band as their radius, within `radii`.

Departures: the width is read from a distance transform; the cells are joined in one system, where the paper
solves them one after another, then all at a coarse size, then one after another again; there is a window
around each unknown pixel, none around known ones; windows are cut off at the border of the photo.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_cdt
from scipy.sparse import csr_array

from wisp.core.arrays import Image, Region, Trimap, check_above_zero
from wisp.core.errors import InputError
from wisp.core.progress import Progress, silent
from wisp.matting.classical.system import (
    Indices,
    Part,
    Solution,
    System,
    Vector,
    solve,
    warn_unless_converged,
)

METHOD: Final = "large-kernel"
CELL: Final = 1024
"""Unknown pixels in a cell of the k-d tree, at most."""
AT_ONCE: Final = 500_000
"""Unknown pixels that are solved at once."""


def large_kernel(
    image: Image,
    trimap: Trimap,
    *,
    epsilon: float = 1e-7,
    radii: tuple[int, int] = (2, 10),
    tolerance: float = 1e-3,
    max_iterations: int = 1000,
    at_once: int = AT_ONCE,
    progress: Progress = silent,
) -> Solution:
    """Estimate alpha by large-kernel matting (He, Sun and Tang 2010).

    Args:
        image: float32 (H, W, 3), [0, 1].
        trimap: uint8 (H, W), 0 / 128 / 255.
        epsilon: ε, weight of the penalty on steep affine functions; larger is smoother.
        radii: smallest and largest radius of windows; in bands wider than the largest, larger ones err more.
        tolerance: relative residual at which the solver stops.
        max_iterations: steps at which it gives up.
        at_once: unknown pixels that are solved at once, which bounds the memory.
        progress: called with the share of the work that is done, from 0 to 1.

    Returns:
        Alpha and how the solve went. With no known foreground alpha is 0 in the unknown part, with no known
        background 1.

    Raises:
        InputError: arrays of other types or sizes, an epsilon that is not above zero, radii below 1 or in the
            wrong order.

    Warns:
        ConvergenceWarning: when the tolerance was not reached.
    """
    check_above_zero(epsilon=epsilon)
    if not 1 <= radii[0] <= radii[1]:
        raise InputError(
            "radii", f"is {tuple(radii)}", "two numbers of at least 1, the smaller first, are accepted"
        )
    solution = solve(
        image,
        trimap,
        lambda part, _: _system(part, epsilon, radii),
        method=METHOD,
        tolerance=tolerance,
        max_iterations=max_iterations,
        at_once=at_once,
        progress=progress,
    )
    return warn_unless_converged(solution, tolerance, "a larger epsilon, or a trimap with more known pixels")


def kernel_radii(unknown: Region, radii: tuple[int, int]) -> npt.NDArray[np.int32]:
    """The radius of the window around each unknown pixel, int32 (n,), in the order of `numpy.nonzero`.

    Args:
        unknown: bool (H, W).
        radii: smallest and largest.
    """
    rows, columns = np.nonzero(unknown)
    if unknown.all():
        return np.full(len(rows), radii[1], np.int32)
    to_known = distance_transform_cdt(unknown, "chessboard")
    width = to_known[rows, columns]
    found = np.empty(len(rows), np.int32)
    for cell in _cells(rows, columns):
        found[cell] = width[cell].max()
    return np.clip(found, *radii)


def _cells(rows: Indices, columns: Indices) -> Iterator[Indices]:
    """Indices of the pixels in each leaf of a k-d tree, cut at the median of the longer side."""
    todo = [np.arange(len(rows))]
    while todo:
        cell = todo.pop()
        if len(cell) <= CELL:
            yield cell
            continue
        y, x = rows[cell], columns[cell]
        along = y if np.ptp(y) >= np.ptp(x) else x
        order = np.argsort(along, kind="stable")
        todo += [cell[order[: len(cell) // 2]], cell[order[len(cell) // 2 :]]]


def _system(part: Part, epsilon: float, radii: tuple[int, int]) -> System:
    window, pixels = _around(part.unknown, radii[1])
    image, unknown, alpha = part.image[window], part.unknown[window], part.alpha[window]
    rows, columns = np.nonzero(unknown)
    boxes = _Boxes(rows, columns, kernel_radii(unknown, radii), unknown.shape)
    area = boxes.area
    # Colours about 0, which loses fewer digits of integral images.
    I = np.asarray(image - np.float32(0.5), np.float64)  # noqa: E741
    own = I[rows, columns]
    mean = boxes.sums(I) / area[:, None]
    second = boxes.sums(np.stack([I[..., c] * I[..., d] for c, d in PAIRS], axis=-1)) / area[:, None]
    covariance = np.empty((len(rows), 3, 3))
    for k, (c, d) in enumerate(PAIRS):
        covariance[:, c, d] = covariance[:, d, c] = second[:, k] - mean[:, c] * mean[:, d]
    covariance[:, [0, 1, 2], [0, 1, 2]] += np.maximum(epsilon, ROUNDING * area)[:, None] / area[:, None]
    inverse = np.linalg.inv(covariance)

    def affine(p: npt.NDArray[np.float64], planes: npt.NDArray[np.float64]) -> Vector:
        """(b, a) of each window for p, (h, w), summed over the windows that hold an unknown pixel: (n, 4)."""
        planes[..., 0] = p
        np.multiply(p[..., None], I, out=planes[..., 1:])
        sums = boxes.sums(planes) / area[:, None]
        fit = np.empty((len(rows), 4))
        a = np.einsum("ncd,nd->nc", inverse, sums[:, 1:] - mean * sums[:, :1])
        fit[:, 1:] = a
        fit[:, 0] = sums[:, 0] - np.einsum("nc,nc->n", a, mean)
        return boxes.spread(fit)

    plane, planes = np.zeros(unknown.shape), np.empty((*unknown.shape, 4))

    def explained(p: npt.NDArray[np.float64]) -> Vector:
        sums = affine(p, planes)
        result: Vector = sums[:, 0] + np.einsum("nc,nc->n", sums[:, 1:], own)
        return result

    count = boxes.spread(np.ones((len(rows), 1)))[:, 0]

    def product(x: Vector) -> Vector:
        plane[rows, columns] = x
        return count * x - explained(plane)

    # Diagonal: Σ_{w∋i} 1 − (1 + (I_i − μ)ᵀ Δ (I_i − μ)) / |w|, a quadratic in I_i with sums as coefficients.
    D = inverse / area[:, None, None]
    Dm = np.einsum("ncd,nd->nc", D, mean)
    terms = np.column_stack([1 / area + np.einsum("nc,nc->n", Dm, mean), Dm, *(D[:, c, d] for c, d in PAIRS)])
    sums = boxes.spread(terms)
    quadratic = sum(
        (1 if c == d else 2) * sums[:, 4 + k] * own[:, c] * own[:, d] for k, (c, d) in enumerate(PAIRS)
    )
    diagonal = count - sums[:, 0] + 2 * np.einsum("nc,nc->n", sums[:, 1:4], own) - quadratic
    inverse_diagonal = 1 / np.where(diagonal > 0, diagonal, 1)
    rhs = explained(alpha.astype(np.float64))
    return System(product, rhs, lambda r: inverse_diagonal * r, pixels)


def _around(unknown: Region, margin: int) -> tuple[tuple[slice, slice], Indices]:
    """Rows and columns of the unknown pixels with a margin, and those pixels' flat indices in the photo."""
    rows, columns = np.nonzero(unknown)
    window = (
        slice(max(0, rows[0] - margin), rows[-1] + 1 + margin),
        slice(max(0, columns.min() - margin), columns.max() + 1 + margin),
    )
    return window, rows * unknown.shape[1] + columns


PAIRS: Final = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
ROUNDING: Final = 1e-12
"""Variance that rounding of integral images may make up."""


class _Boxes:
    """Windows around pixels, cut off at the border: sums over them, and of them.

    Args:
        rows: int (n,).
        columns: int (n,).
        radii: int (n,).
        size: height and width of the photo.
    """

    def __init__(
        self, rows: Indices, columns: Indices, radii: npt.NDArray[np.int32], size: tuple[int, ...]
    ) -> None:
        height, width = size
        top, bottom = np.maximum(rows - radii, 0), np.minimum(rows + radii + 1, height)
        left, right = np.maximum(columns - radii, 0), np.minimum(columns + radii + 1, width)
        self._size, stride = (height + 1, width + 1), width + 1
        self._own = rows * stride + columns
        corners = [y * stride + x for y, x in ((bottom, right), (top, right), (bottom, left), (top, left))]
        signs = np.tile([1.0, -1.0, -1.0, 1.0], len(rows))
        starts = np.arange(0, 4 * len(rows) + 1, 4)
        # Four look-ups a box in an integral image; its transpose lays boxes as steps at their corners.
        self._of_boxes = csr_array(
            (signs, np.stack(corners, axis=1).ravel(), starts), shape=(len(rows), self._size[0] * stride)
        )
        self._to_boxes = self._of_boxes.T
        self.area = ((bottom - top) * (right - left)).astype(np.float64)

    def sums(self, planes: npt.NDArray[np.float64]) -> Vector:
        """Sums over each box of planes (h, w, c): (n, c)."""
        integral = np.zeros((*self._size, planes.shape[2]))
        integral[1:, 1:] = planes
        _cumulate(integral)
        result: Vector = self._of_boxes @ integral.reshape(-1, planes.shape[2])
        return result

    def spread(self, values: Vector) -> Vector:
        """Sums, over the boxes that hold each of the pixels, of values (n, c): (n, c)."""
        steps = (self._to_boxes @ values).reshape(*self._size, -1)
        _cumulate(steps)
        result: Vector = steps.reshape(-1, values.shape[1])[self._own]
        return result


def _cumulate(planes: npt.NDArray[np.float64]) -> None:
    """Replace planes (h, w, c) by their integral images; a row at a time, which is six times as quick."""
    for y in range(1, len(planes)):
        planes[y] += planes[y - 1]
    np.cumsum(planes, axis=1, out=planes)

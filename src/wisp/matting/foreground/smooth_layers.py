"""The smoothest F and B over a coarse grid that explain a photo: where the multi-level estimate starts.

F and B are bilinear between the nodes of a regular grid, F = Φf and B = Φb. They minimise

    (nodes / pixels) Σ |αΦf + (1 − α)Φb − I|²  +  β (|∇∇f|² + |∇∇b|²)  +  τ (|∇f|² + |∇b|²)

the thin plate under tension (Terzopoulos 1986, "Regularization of Inverse Visual Problems Involving
Discontinuities"). The normal equations are those of two coupled layers,

    ⎡ Φᵀα²Φ + S       Φᵀα(1−α)Φ     ⎤ ⎡f⎤   ⎡ ΦᵀαI     ⎤
    ⎣ Φᵀα(1−α)Φ       Φᵀ(1−α)²Φ + S ⎦ ⎣b⎦ = ⎣ Φᵀ(1−α)I ⎦

With f and b side by side and the nodes numbered along the shorter side they are a narrow band: one Cholesky
factorisation solves for all three channels exactly, in about 0.1 s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.linalg import solveh_banded

from wisp.core.arrays import Alpha, Float, Image
from wisp.core.resample import Sparse, interpolation_matrix
from wisp.core.settings import AUTO
from wisp.core.threads import one_blas_thread

BENDING: Final = AUTO.layer_bending  # β
TENSION: Final = AUTO.layer_tension  # τ: where nothing is known, slopes carry on for √(β / τ) nodes
FLOOR: Final = 1e-12  # keeps the system definite where a layer weighs next to nothing anywhere
SHORT_SIDE: Final = AUTO.layer_nodes[0]  # nodes along the shorter side
LONG_SIDE: Final = AUTO.layer_nodes[1]
MARGIN: Final = AUTO.layer_margin  # of the box's height and width, what is looked at around it
SAMPLES: Final = 1 << 20  # pixels looked at, at most
BLOCK: Final = 16  # rows that are filled at a time
CHUNK: Final = 1 << 14  # single pixels that are

Double: TypeAlias = npt.NDArray[np.float64]
Places: TypeAlias = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class SmoothLayers:
    """F and B at the nodes of a regular grid over a box of the image; constant beyond the box.

    Attributes:
        nodes: float32 (2, ny, nx, 3), F and B, within [0, 1].
        origin: row and column of the first node, in pixels.
        spacing: pixels from one node to the next, down and across.
    """

    nodes: Float
    origin: tuple[int, int]
    spacing: tuple[float, float]

    def blocks(self, out: Float, layer: int) -> Iterator[tuple[slice, Float]]:
        """Write layer 0 (F) or 1 (B) into `out`, float32 (H, W, 3), some rows at a time.

        Yields:
            The rows, and `out` there, filled a moment ago and so still in the CPU's caches.
        """
        height, width = out.shape[:2]
        lines = self._lines(np.arange(width), layer)
        above, below, part = _between(np.arange(height), self.origin[0], self.spacing[0], lines.shape[0])
        bounds = np.concatenate([[0], np.flatnonzero(np.diff(above)) + 1, [height]])
        for first, last in pairwise(bounds.tolist()):
            upper = lines[above[first]]
            difference = lines[below[first]] - upper
            for begin in range(first, last, BLOCK):
                rows = slice(begin, min(begin + BLOCK, last))
                block = out[rows]
                np.multiply(part[rows, None, None], difference, out=block)
                block += upper
                yield rows, block

    def at_points(self, down: Places, across: Places, y: Places, x: Places) -> Float:
        """Both layers at single pixels.

        Args:
            down: rows, in pixels, that are looked at.
            across: columns alike.
            y: int (n,), the place of each pixel's row in `down`.
            x: int (n,), the place of its column in `across`.

        Returns:
            float32 (n, 6), F and B.
        """
        lines = np.concatenate([self._lines(across, layer) for layer in (0, 1)], axis=2)
        above, below, part = _between(down, self.origin[0], self.spacing[0], lines.shape[0])
        values = np.empty((y.size, 6), np.float32)
        for begin in range(0, y.size, CHUNK):
            some = slice(begin, begin + CHUNK)
            row, column = y[some], x[some]
            upper = lines[above[row], column]
            difference = lines[below[row], column]
            difference -= upper
            difference *= part[row, None]
            np.add(upper, difference, out=values[some])
        return values

    def _lines(self, columns: Places, layer: int) -> Float:
        """A layer at columns of pixels and rows of nodes: float32 (ny, len(columns), 3)."""
        nodes = self.nodes[layer]
        left, right, part = _between(columns, self.origin[1], self.spacing[1], nodes.shape[1])
        lines: Float = nodes[:, left] + part[:, None] * (nodes[:, right] - nodes[:, left])
        return lines


def fit_smooth_layers(image: Image, alpha: Alpha, box: tuple[slice, slice]) -> SmoothLayers:
    """The smoothest F and B that explain the image in a box and a margin around it.

    Args:
        image: float32 (H, W, 3), [0, 1].
        alpha: float32 (H, W), [0, 1].
        box: rows and columns to explain, with start and stop.
    """
    box = _widen(box[0], alpha.shape[0]), _widen(box[1], alpha.shape[1])
    h, w = box[0].stop - box[0].start, box[1].stop - box[1].start
    ny, nx = _nodes(h, w)
    spacing = (h - 1) / max(ny - 1, 1) or 1.0, (w - 1) / max(nx - 1, 1) or 1.0
    stride = max(1, int(np.sqrt(h * w / SAMPLES)))
    a = alpha[box][::stride, ::stride].astype(np.float64)
    colours = image[box][::stride, ::stride].astype(np.float64)
    down = interpolation_matrix(np.arange(0, h, stride) / spacing[0], ny)
    across = interpolation_matrix(np.arange(0, w, stride) / spacing[1], nx)

    weight = ny * nx / a.size
    ff, fb, bb = (_gram(weight * m, down, across) for m in (a * a, a * (1 - a), (1 - a) ** 2))
    smooth = BENDING * _bending(ny, nx) + TENSION * _tension(ny, nx) + FLOOR * sparse.eye_array(ny * nx)
    system = sparse.block_array([[ff + smooth, fb], [fb, bb + smooth]], format="coo")
    right_hand = np.empty((2, ny * nx, 3))
    for layer, share in enumerate((weight * a, weight * (1 - a))):
        for channel in range(3):
            sums = np.asarray(down.T @ (share * colours[..., channel]) @ across)
            right_hand[layer, :, channel] = sums.ravel()
    nodes = _solve(system, right_hand.reshape(-1, 3), ny, nx).reshape(2, ny, nx, 3)
    return SmoothLayers(np.clip(nodes, 0, 1).astype(np.float32), (box[0].start, box[1].start), spacing)


def _solve(system: sparse.coo_array, right_hand: Double, ny: int, nx: int) -> Double:
    """Banded Cholesky: nodes along the shorter side first, f and b of a node side by side."""
    grid = np.arange(2 * ny * nx).reshape(2, ny, nx)
    order = (grid.transpose(1, 2, 0) if nx <= ny else grid.transpose(2, 1, 0)).ravel()
    place = np.empty_like(order)
    place[order] = np.arange(order.size)
    row, column = place[system.row], place[system.col]
    lower = row >= column
    row, column = row[lower], column[lower]
    band = np.zeros((int((row - column).max()) + 1, order.size))
    np.add.at(band, (row - column, column), system.data[lower])
    solution = np.empty_like(right_hand)
    with one_blas_thread:
        solution[order] = solveh_banded(
            band, right_hand[order], lower=True, overwrite_ab=True, check_finite=False
        )
    return solution


def _between(places: Places, origin: int, spacing: float, n: int) -> tuple[Places, Places, Float]:
    """The nodes before and after each place, and how far it is between them; constant beyond the ends."""
    place = np.clip((places - origin) / spacing, 0, n - 1)
    first = np.minimum(place.astype(np.intp), max(n - 2, 0))
    return first, np.minimum(first + 1, n - 1), (place - first).astype(np.float32)


def _gram(weight: Double, down: Sparse, across: Sparse) -> Sparse:
    """Φᵀ diag(weight) Φ, symmetric with nine entries a row, by summing along rows, then along columns."""
    ny, nx = down.shape[1], across.shape[1]
    index = np.arange(ny * nx).reshape(ny, nx)
    gram = sparse.csr_array((ny * nx, ny * nx))
    for dx in (-1, 0, 1):
        sums = weight @ _products(across, dx)
        for dy in (0, 1):
            if (dy == 0 and dx < 0) or dy >= ny or abs(dx) >= nx:
                continue
            values = np.asarray(_products(down, dy).T @ sums)
            here = slice(0, ny - dy), slice(max(0, -dx), nx - max(0, dx))
            there = slice(dy, ny), slice(max(0, dx), nx + min(0, dx))
            entries = (values[here].ravel(), (index[here].ravel(), index[there].ravel()))
            part = sparse.coo_array(entries, shape=gram.shape).tocsr()
            gram = gram + (part if dx == dy == 0 else part + part.T)
    return gram


def _products(hats: Sparse, shift: int) -> Sparse:
    """Column k: hat k times hat k + shift, at every sample."""
    moved = hats @ sparse.eye_array(hats.shape[1], k=-shift, format="csr")
    return hats.multiply(moved).tocsr()


def _bending(ny: int, nx: int) -> Sparse:
    """Squares of the second differences: f_yy² + 2 f_xy² + f_xx²."""
    return (
        _energy(_difference(ny, 2), _difference(nx, 0))
        + _energy(_difference(ny, 0), _difference(nx, 2))
        + 2 * _energy(_difference(ny, 1), _difference(nx, 1))
    )


def _tension(ny: int, nx: int) -> Sparse:
    """Squares of the first differences: f_y² + f_x²."""
    return _energy(_difference(ny, 1), _difference(nx, 0)) + _energy(_difference(ny, 0), _difference(nx, 1))


def _energy(down: Sparse, across: Sparse) -> Sparse:
    matrix = sparse.kron(down, across, format="csr")
    energy: Sparse = (matrix.T @ matrix).tocsr()
    return energy


def _difference(n: int, order: int) -> Sparse:
    """The matrix of differences of an order, (max(n − order, 0), n)."""
    matrix = sparse.eye_array(n, format="csr")
    for _ in range(min(order, n)):
        matrix = matrix[1:] - matrix[:-1]
    return matrix


def _nodes(h: int, w: int) -> tuple[int, int]:
    """How many nodes down and across: one a pixel in small boxes, square cells within the limits in large."""
    spacing = max(1.0, min(h, w) / SHORT_SIDE, max(h, w) / LONG_SIDE)
    return max(1, round(h / spacing)), max(1, round(w / spacing))


def _widen(part: slice, size: int) -> slice:
    margin = round(MARGIN * (part.stop - part.start)) + 8
    return slice(max(0, part.start - margin), min(size, part.stop + margin))

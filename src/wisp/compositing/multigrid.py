"""Poisson's equation on the pixels of a region of any shape: conjugate gradients preconditioned by multigrid.

Tatebe 1993, "The multigrid preconditioned conjugate gradient method".

For the pixels p of a region Ω and their neighbours q within the image,

    (dₚ + λ) uₚ − Σ_{q ∈ Ω} u_q = bₚ

where dₚ counts the neighbours: u = 0 beyond the region (Dirichlet), and no condition at the image's own edge.

Pictures are flat here, with a rim of zeros, so that each neighbour is one contiguous shift away. A coarser
level has one cell for 2×2. Its links, its edge terms and its λ are the sums over what they stand for, times
½ for the links since the spacing doubles (halving the edge terms as well took twice the iterations); so
thin and ragged parts of a region stay connected as they are. Cells are interpolated bilinearly, and
residuals are carried down by the transpose of that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from wisp.core.arrays import Float, Region
from wisp.core.threads import one_blas_thread

DAMPING: Final = np.float32(0.8)  # of the Jacobi smoother
COARSEST: Final = 8  # cells across the level that is solved directly
ITERATIONS: Final = 200  # never reached in practice: each one divides the error by about five

Sides: TypeAlias = tuple[bool, bool, bool, bool]


def solve_poisson(
    region: Region, right_hand: Float, *, open_sides: Sides, screening: float = 0.0, tolerance: float = 4e-4
) -> Float:
    """Solve the equations above for several right-hand sides.

    Args:
        region: bool (h, w), Ω; it has to touch a pixel that is not Ω, unless `screening` is positive.
        right_hand: float32 (channels, h, w), b; ignored outside the region.
        open_sides: whether the image ends at the top, the bottom, the left and the right of these arrays;
            otherwise u = 0 beyond.
        screening: λ ≥ 0.
        tolerance: stops when the multigrid estimate of the largest error is below this. The last step is
            still taken, so that the error left is several times smaller.

    Returns:
        float32 (channels, h, w), u; 0 outside the region.
    """
    levels = _levels(region, open_sides, screening)
    solution = np.zeros_like(right_hand)
    height, width = region.shape
    # Large pictures channel by channel, which stays in cache; small ones together, with fewer calls.
    size = 1 if region.size > 1 << 15 else len(right_hand)
    for first in range(0, len(right_hand), size):
        part = slice(first, first + size)
        b = np.zeros((*right_hand[part].shape[:1], height + 2, width + 2), np.float32)
        np.multiply(right_hand[part], region, out=b[:, 1:-1, 1:-1])
        with one_blas_thread:
            u = _conjugate_gradients(levels, b.reshape(len(b), -1), tolerance)
        solution[part] = u.reshape(b.shape)[:, 1:-1, 1:-1]
    return solution


@dataclass(frozen=True, eq=False)
class _Level:
    """The equations on one grid; all arrays but `inverse` are flat with a rim of zeros.

    Attributes:
        shape: rows and columns without the rim.
        open_sides: top, bottom, left, right: whether the image ends there.
        region: float32, 1 in the region.
        diagonal: float32.
        relaxation: float32, damping over diagonal; 0 outside the region.
        east, south: float32, weight of the link to the next cell; None where it is 1 within the region.
        inverse: float64 (cells, cells) of the coarsest level, rim included.
    """

    shape: tuple[int, int]
    open_sides: Sides
    region: Float
    diagonal: Float
    relaxation: Float
    east: Float | None = None
    south: Float | None = None
    inverse: Float | None = None

    def times(self, u: Float) -> Float:
        """A u for u of (channels, cells), which is 0 outside the region."""
        w = self.shape[1] + 2
        here, up, down = slice(w, -w), slice(None, -2 * w), slice(2 * w, None)
        left, right = slice(w - 1, -w - 1), slice(w + 1, 1 - w)
        product = u * self.diagonal
        if self.east is None or self.south is None:
            total = u[:, up] + u[:, down]
            total += u[:, left]
            total += u[:, right]
            total *= self.region[here]
        else:
            total = u[:, up] * self.south[up]
            total += u[:, down] * self.south[here]
            total += u[:, left] * self.east[left]
            total += u[:, right] * self.east[here]
        product[:, here] -= total
        return product


def _levels(region: Region, open_sides: Sides, screening: float) -> list[_Level]:
    inside = np.pad(region, 1).astype(np.float32)
    east, south = np.zeros_like(inside), np.zeros_like(inside)
    east[:, :-1] = inside[:, :-1] * inside[:, 1:]
    south[:-1] = inside[:-1] * inside[1:]
    neighbours = np.full(region.shape, 4, np.float32)
    top, bottom, left, right = open_sides
    neighbours[0] -= top
    neighbours[-1] -= bottom
    neighbours[:, 0] -= left
    neighbours[:, -1] -= right
    edge = np.pad(neighbours, 1) * inside - _links(east, south)
    mass = inside * np.float32(screening)
    levels: list[_Level] = []
    half = np.float32(0.5)
    while True:
        diagonal = _links(east, south) + edge + mass
        inside = (diagonal > 0).astype(np.float32)
        relaxation = DAMPING * inside / np.maximum(diagonal, np.float32(1e-20))
        h, w = inside.shape[0] - 2, inside.shape[1] - 2
        coarsest = max(h, w) <= COARSEST
        levels.append(
            _Level(
                (h, w),
                open_sides,
                inside.ravel(),
                diagonal.ravel(),
                relaxation.ravel(),
                east.ravel() if levels else None,
                south.ravel() if levels else None,
                _invert(diagonal, east, south) if coarsest else None,
            )
        )
        if coarsest:
            return levels
        # Link 2k + 1 → 2k + 2 crosses from cell k to cell k + 1.
        across, down = east[1:-1, 2:-1:2], south[2:-1:2, 1:-1]
        edge, mass = _sum_blocks(edge), _sum_blocks(mass)
        east, south = np.zeros_like(edge), np.zeros_like(edge)
        pairs = half * np.add.reduceat(across, np.arange(0, h, 2), axis=0)
        east[1:-1, 1 : 1 + pairs.shape[1]] = pairs
        pairs = half * np.add.reduceat(down, np.arange(0, w, 2), axis=1)
        south[1 : 1 + pairs.shape[0], 1:-1] = pairs


def _links(east: Float, south: Float) -> Float:
    """Sum of the links of each cell."""
    total = east + south
    total[:, 1:] += east[:, :-1]
    total[1:] += south[:-1]
    return total


def _sum_blocks(cells: Float) -> Float:
    """Sums over 2×2 cells, within rims."""
    h, w = cells.shape[0] - 2, cells.shape[1] - 2
    even = np.pad(cells[1:-1, 1:-1], ((0, h % 2), (0, w % 2)))
    rows = even[0::2] + even[1::2]
    return np.pad(rows[:, 0::2] + rows[:, 1::2], 1)


def _invert(diagonal: Float, east: Float, south: Float) -> Float:
    """Inverse of a small system; rows and columns outside the region are 0."""
    n, w = diagonal.size, diagonal.shape[1]
    matrix = np.diag(diagonal.ravel().astype(np.float64))
    for links, shift in ((east.ravel(), 1), (south.ravel(), w)):
        k = np.flatnonzero(links)
        matrix[k, k + shift] = matrix[k + shift, k] = -links[k]
    inside = np.flatnonzero(diagonal.ravel() > 0)
    inverse = np.zeros((n, n))
    inverse[np.ix_(inside, inside)] = np.linalg.inv(matrix[np.ix_(inside, inside)])
    return inverse.astype(np.float32)


def _conjugate_gradients(levels: list[_Level], b: Float, tolerance: float) -> Float:
    """Solve A u = b for each row of b, which is overwritten."""
    finest = levels[0]
    u = np.zeros_like(b)
    residual, direction = b, np.zeros_like(b)
    before = np.ones(len(b), np.float32)
    for _ in range(ITERATIONS):
        correction = _cycle(levels, 0, residual)
        product = _dots(correction, residual)
        direction *= (product / before)[:, None]
        direction += correction
        image = finest.times(direction)
        curvature = _dots(direction, image)
        step = (product / np.where(curvature > 0, curvature, 1))[:, None]
        error = max(float(correction.max()), -float(correction.min()))
        u += step * direction
        if error <= tolerance:
            break
        image *= step
        residual -= image
        before = np.where(product > 0, product, 1)
    return u


def _dots(a: Float, b: Float) -> Float:
    return np.array([np.dot(x, y) for x, y in zip(a, b, strict=True)], np.float32)


def _cycle(levels: list[_Level], depth: int, b: Float) -> Float:
    """One symmetric V-cycle for A u = b from u = 0."""
    level = levels[depth]
    if level.inverse is not None:
        return b @ level.inverse
    u = b * level.relaxation
    residual = level.times(u)
    np.subtract(b, residual, out=residual)
    residual *= level.region
    u += _interpolate(
        _cycle(levels, depth + 1, _restrict(residual, level, levels[depth + 1])), level, levels[depth + 1]
    )
    residual = level.times(u)
    np.subtract(b, residual, out=residual)
    residual *= level.relaxation
    u += residual
    return u


_QUARTER = np.float32(0.25)
_THREE_QUARTERS = np.float32(0.75)


def _interpolate(coarse: Float, level: _Level, coarser: _Level) -> Float:
    """Coarse cells bilinearly at the finer cells of the region."""
    h, w = level.shape
    hc, wc = coarser.shape
    cells = coarse.reshape(-1, hc + 2, wc + 2)
    top, bottom, left, right = level.open_sides
    if top:
        cells[:, 0] = cells[:, 1]
    if bottom:
        cells[:, -1] = cells[:, -2]
    if left:
        cells[:, :, 0] = cells[:, :, 1]
    if right:
        cells[:, :, -1] = cells[:, :, -2]
    near, far = cells[:, 1:-1] * _THREE_QUARTERS, cells * _QUARTER
    rows = np.empty((len(cells), h, wc + 2), np.float32)
    np.add(near, far[:, :-2], out=rows[:, 0::2])
    np.add(near[:, : h // 2], far[:, 2 : 2 + h // 2], out=rows[:, 1::2])
    near, far = rows[:, :, 1:-1] * _THREE_QUARTERS, rows * _QUARTER
    fine = np.zeros((len(cells), h + 2, w + 2), np.float32)
    np.add(near, far[:, :, :-2], out=fine[:, 1:-1, 1:-1:2])
    np.add(near[:, :, : w // 2], far[:, :, 2 : 2 + w // 2], out=fine[:, 1:-1, 2:-1:2])
    flat = fine.reshape(len(cells), -1)
    flat *= level.region
    return flat


def _restrict(fine: Float, level: _Level, coarser: _Level) -> Float:
    """The transpose of `_interpolate`."""
    h, w = level.shape
    hc, wc = coarser.shape
    cells = fine.reshape(-1, h + 2, w + 2)[:, 1:-1, 1:-1]
    odd, even = cells[:, 1::2], cells[:, 0::2]
    rows = np.zeros((len(cells), hc + 2, w), np.float32)
    rows[:, 1:-1] = even * _THREE_QUARTERS
    rows[:, 1 : 1 + h // 2] += odd * _THREE_QUARTERS
    rows[:, :-2] += even * _QUARTER
    rows[:, 2 : 2 + h // 2] += odd * _QUARTER
    odd, even = rows[:, :, 1::2], rows[:, :, 0::2]
    coarse = np.zeros((len(cells), hc + 2, wc + 2), np.float32)
    coarse[:, :, 1:-1] = even * _THREE_QUARTERS
    coarse[:, :, 1 : 1 + w // 2] += odd * _THREE_QUARTERS
    coarse[:, :, :-2] += even * _QUARTER
    coarse[:, :, 2 : 2 + w // 2] += odd * _QUARTER
    top, bottom, left, right = level.open_sides
    if top:
        coarse[:, 1] += coarse[:, 0]
    if bottom:
        coarse[:, -2] += coarse[:, -1]
    if left:
        coarse[:, :, 1] += coarse[:, :, 0]
    if right:
        coarse[:, :, -2] += coarse[:, :, -1]
    coarse[:, [0, -1]] = 0
    coarse[:, :, [0, -1]] = 0
    flat = coarse.reshape(len(cells), -1)
    flat *= coarser.region
    return flat

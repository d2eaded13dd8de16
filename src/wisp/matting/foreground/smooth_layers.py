"""The smoothest F and B over a coarse grid that explain a photo: where the multi-level estimate starts.

F and B are bilinear between the nodes of a regular grid, F = Φf and B = Φb. They minimise

    (nodes / pixels) Σ |αΦf + (1 − α)Φb − I|²  +  β (|∇∇f|² + |∇∇b|²)

the thin plate (Terzopoulos 1986, "Regularization of Inverse Visual Problems Involving Discontinuities"; his
tension made no difference, docs/decisions/041). The normal equations are those of two coupled layers,

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

from wisp.core.arrays import Alpha, Float, Image, Region
from wisp.core.regions import Box, bounding_box
from wisp.core.resample import Sparse, interpolation_matrix
from wisp.core.settings import AUTO
from wisp.core.threads import one_blas_thread

BENDING: Final = AUTO.layer_bending  # β
FLOOR: Final = 1e-12  # keeps the system definite where a layer weighs next to nothing anywhere
NODES: Final = AUTO.layer_nodes  # along the longer side
MARGIN: Final = AUTO.margin  # of the box's height and width, what is looked at around it
SAMPLES: Final = 1 << 20  # pixels looked at, at most
BLOCK: Final = 16  # rows that are filled at a time
CHUNK: Final = 1 << 14  # single pixels that are

Double: TypeAlias = npt.NDArray[np.float64]
Places: TypeAlias = npt.NDArray[np.integer[Any]]
Shift: TypeAlias = tuple[int, int]


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


def fit_smooth_layers(image: Image, alpha: Alpha, region: Region) -> SmoothLayers:
    """The smoothest F and B that explain the image in the box of a region and a margin around it.

    Args:
        image: float32 (H, W, 3), [0, 1].
        alpha: float32 (H, W), [0, 1].
        region: bool (H, W); of an empty one all of the picture is explained.
    """
    top, left, bottom, right = bounding_box(region) or Box(0, 0, *alpha.shape)
    box = _widen(top, bottom, alpha.shape[0]), _widen(left, right, alpha.shape[1])
    h, w = box[0].stop - box[0].start, box[1].stop - box[1].start
    ny, nx = _nodes(h, w)
    spacing = (h - 1) / max(ny - 1, 1) or 1.0, (w - 1) / max(nx - 1, 1) or 1.0
    stride = max(1, int(np.sqrt(h * w / SAMPLES)))
    a = alpha[box][::stride, ::stride].astype(np.float64)
    colours = image[box][::stride, ::stride].reshape(a.shape[0], -1)
    down = interpolation_matrix(np.arange(0, h, stride) / spacing[0], ny)
    across = interpolation_matrix(np.arange(0, w, stride) / spacing[1], nx)

    weight = ny * nx / a.size
    sums = np.empty((2, ny * nx, 3))
    for layer, share in enumerate((weight * a, weight * (1 - a))):
        sums[layer] = _sums(np.repeat(share, 3, axis=1) * colours, down, across)
    maps = np.concatenate([weight * a * a, weight * a * (1 - a), weight * (1 - a) ** 2], axis=1)
    system = _system(_grams(maps, down, across), ny, nx)
    nodes = _solve(system, sums, ny, nx).reshape(2, ny, nx, 3)
    return SmoothLayers(np.clip(nodes, 0, 1).astype(np.float32), (box[0].start, box[1].start), spacing)


def _sums(colours: Double, down: Sparse, across: Sparse) -> Double:
    """Sums of colours (h, 3w) over the hats of each node, down (h, ny) and across (w, nx): (ny·nx, 3)."""
    lines = (down.T.tocsr() @ colours).reshape(-1, across.shape[0], 3)
    return np.stack([np.asarray(lines[..., channel] @ across) for channel in range(3)], axis=2).reshape(-1, 3)


def _grams(maps: Double, down: Sparse, across: Sparse) -> dict[Shift, Double]:
    """Φᵀ diag(map) Φ of three maps side by side (h, 3w): entries between nodes and those so much further.

    Each pair of nodes is there once, (ny, 3, nx). A row or column without a node so much further holds zeros.
    """
    grams = {}
    for dy in (0, 1):
        lines = (_products(down, dy).T.tocsr() @ maps).reshape(-1, across.shape[0])
        for dx in (-1, 0, 1) if dy else (0, 1):
            grams[dy, dx] = np.asarray(lines @ _products(across, dx)).reshape(-1, 3, across.shape[1])
    return grams


def _products(hats: Sparse, shift: int) -> Sparse:
    """Column k: hat k times hat k + shift, at every sample."""
    moved = hats @ sparse.eye_array(hats.shape[1], k=-shift, format="csr")
    return hats.multiply(moved).tocsr()


def _system(grams: dict[Shift, Double], ny: int, nx: int) -> Double:
    """The normal equations' lower band, as `scipy.linalg.solveh_banded` takes it."""
    smooth = _smoothness(ny, nx)
    nothing = np.zeros((ny, 3, nx))
    entries = []
    for dy, dx in smooth:
        rows, columns = slice(0, max(0, ny - dy)), slice(max(0, -dx), max(0, nx - max(0, dx)))
        here = _numbers(ny, nx)[rows, columns].ravel()
        there = _numbers(ny, nx)[dy:, max(0, dx) : nx + min(0, dx)].ravel()
        ff, fb, bb = grams.get((dy, dx), nothing)[rows, :, columns].transpose(1, 0, 2).reshape(3, -1)
        blocks = ((0, 0, ff + smooth[dy, dx].ravel()), (1, 1, bb + smooth[dy, dx].ravel()))
        mixed = ((1, 0, fb), (0, 1, fb)) if (dy, dx) != (0, 0) else ((1, 0, fb),)
        for one, other, values in (*blocks, *mixed):
            first, second = 2 * np.minimum(here, there) + other, 2 * np.maximum(here, there) + one
            entries.append((second - first, first, values))
    diagonals, places, values = (np.concatenate(parts) for parts in zip(*entries, strict=True))
    band = np.zeros((int(diagonals.max()) + 1, 2 * ny * nx))
    band[diagonals, places] = values
    return band


def _numbers(ny: int, nx: int) -> Places:
    """The nodes' numbers along the shorter side, (ny, nx): the band is as narrow as it can be."""
    numbers = np.arange(ny * nx)
    return numbers.reshape(ny, nx) if nx <= ny else numbers.reshape(nx, ny).T


def _solve(band: Double, right_hand: Double, ny: int, nx: int) -> Double:
    """Banded Cholesky, with F and B of a node side by side; (2, ny·nx, 3) in and out."""
    numbers = _numbers(ny, nx).ravel()
    ordered = np.empty((numbers.size, 2, 3))
    ordered[numbers] = right_hand.transpose(1, 0, 2)
    with one_blas_thread:
        solution = solveh_banded(
            band, ordered.reshape(-1, 3), lower=True, overwrite_ab=True, check_finite=False
        )
    return solution.reshape(-1, 2, 3)[numbers].transpose(1, 0, 2)


def _smoothness(ny: int, nx: int) -> dict[Shift, Double]:
    """Entries of β (f_yy² + 2 f_xy² + f_xx²) between nodes and those so much further.

    Those of a pair of nodes that both lie on the grid, (ny − dy, nx − |dx|).
    """
    energies = [
        (BENDING, 2, 0),
        (2 * BENDING, 1, 1),
        (BENDING, 0, 2),
        (FLOOR, 0, 0),
    ]
    moments_down, moments_across = ([_second_moments(n, order) for order in range(3)] for n in (ny, nx))
    entries = {}
    for dy in range(3):
        for dx in range(-2 if dy else 0, 3):
            if dy + abs(dx) <= 2 and dy < ny and abs(dx) < nx:
                entries[dy, dx] = np.sum(
                    [
                        weight * np.outer(moments_down[down][dy], moments_across[across][abs(dx)])
                        for weight, down, across in energies
                    ],
                    axis=0,
                )
    return entries


def _second_moments(n: int, order: int) -> list[Double]:
    """The diagonals of DᵀD, from the main one on, of the matrix D of differences of an order of n values."""
    differences = np.diff(np.eye(n), order, axis=0) if order < n else np.zeros((0, n))
    moments = differences.T @ differences
    return [np.diagonal(moments, offset) for offset in range(3)]


def _between(places: Places, origin: int, spacing: float, n: int) -> tuple[Places, Places, Float]:
    """The nodes before and after each place, and how far it is between them; constant beyond the ends."""
    place = np.clip((places - origin) / spacing, 0, n - 1)
    first = np.minimum(place.astype(np.intp), max(n - 2, 0))
    return first, np.minimum(first + 1, n - 1), (place - first).astype(np.float32)


def _nodes(h: int, w: int) -> tuple[int, int]:
    """How many nodes down and across: one a pixel in small boxes, square cells within the limits in large."""
    spacing = max(1.0, max(h, w) / NODES)
    return max(1, round(h / spacing)), max(1, round(w / spacing))


def _widen(start: int, stop: int, size: int) -> slice:
    margin = round(MARGIN * (stop - start)) + 8
    return slice(max(0, start - margin), min(size, stop + margin))

"""Multi-level foreground estimation.

Germer, Uelwer, Conrad, Harmeling 2020, "Fast Multi-Level Foreground Estimation" (ICPR).

F and B minimise, over pixels i and their four neighbours j,

    Σᵢ |αᵢFᵢ + (1 − αᵢ)Bᵢ − Iᵢ|²  +  Σᵢⱼ (ε + ω|αᵢ − αⱼ|) (|Fᵢ − Fⱼ|² + |Bᵢ − Bⱼ|²)

from coarse to fine: each level starts from the one below, takes the image at every n-th pixel (so that
I = αF + (1 − α)B stays exact) and improves each pixel by the 2×2 system of its own F and B.

Deviations from the paper, each because it measured better (``benchmarks/foreground.py``):

- The coarsest level is one exact solve of a smoother model (`wisp.foreground.smooth_layers`). The paper's own
  term prefers flat layers, which biases F wherever a soft edge is wide and the subject shaded.
- A finer level penalises the differences of what it *adds* to that model, not those of F and B themselves;
  ε is 1e-3, not 1e-5.
- Red-black instead of sequential Gauss-Seidel (vectorised), and only in the soft band and a rim around it:
  elsewhere F = I or B = I is known, and the other layer is the coarse model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import ndimage, sparse

from wisp.arrays import Alpha, Background, Float, Foreground, Image
from wisp.foreground.smooth_layers import SmoothLayers, fit_smooth_layers

EPSILON: Final = 1e-3  # ε
OMEGA: Final = 1.0  # ω
SWEEPS: Final = (
    4  # red-black sweeps over single pixels; each coarser level, with fewer pixels, takes two more
)
RIM: Final = 2  # known pixels around the soft band that are solved for along with it

Bools: TypeAlias = npt.NDArray[np.bool_]
Indices: TypeAlias = npt.NDArray[np.intp]
Sparse: TypeAlias = "sparse.csr_array[np.float32, tuple[int, int]]"


@dataclass(frozen=True)
class Layers:
    """F and B of a photo, ready to be written out where they are wanted.

    Attributes:
        image, alpha: what they were estimated from.
        smooth: the coarse model, None where there is nothing to tell apart (α = 0 or α = 1 everywhere).
        rows, columns: intp (n,), the pixels of the soft band.
        band: float32 (n, 6), F and B there.
    """

    image: Image
    alpha: Alpha
    smooth: SmoothLayers | None
    rows: Indices
    columns: Indices
    band: Float

    def foreground(self) -> Foreground:
        """F, float32 (H, W, 3), [0, 1]: the image where α = 1; off the band, the smooth model."""
        return self._dense(0, self.alpha >= 1)

    def background(self) -> Background:
        """B, float32 (H, W, 3), [0, 1]: the image where α = 0; off the band, the smooth model."""
        return self._dense(1, self.alpha <= 0)

    def _dense(self, layer: int, known: Bools) -> Float:
        if self.smooth is None:
            return self.image.copy()
        height, width = self.alpha.shape
        colours = self.smooth.at(np.arange(height), np.arange(width), layer)
        colours[self.rows, self.columns] = self.band[:, 3 * layer : 3 * layer + 3]
        np.clip(colours, 0, 1, out=colours)
        np.copyto(colours, self.image, where=known[..., None])
        return colours


def estimate_multilevel(image: Image, alpha: Alpha) -> Layers:
    """F and B from coarse to fine.

    Args:
        image: float32 (H, W, 3), [0, 1].
        alpha: float32 (H, W), [0, 1].
    """
    opaque, clear = alpha >= 1, alpha <= 0
    if opaque.all() or clear.all():
        nowhere = np.empty(0, np.intp)
        return Layers(image, alpha, None, nowhere, nowhere, np.empty((0, 6), np.float32))
    # The outline of what is opaque belongs to the band: a matte without soft pixels is continued, too.
    soft = ~(opaque | clear) | (opaque & ~ndimage.binary_erosion(opaque, border_value=1))
    active = ndimage.binary_dilation(soft, iterations=RIM)
    smooth = fit_smooth_layers(image, alpha, _bounds(active))
    rows, columns, band = _refine(image, alpha, active, smooth)
    return Layers(image, alpha, smooth, rows, columns, band)


def _refine(
    image: Image, alpha: Alpha, active: Bools, smooth: SmoothLayers
) -> tuple[Indices, Indices, Float]:
    """Add detail to the smooth model level by level, down to the single pixels that are active."""
    maps = [active]
    while 2 ** len(maps) <= max(smooth.spacing):
        maps.append(ndimage.binary_dilation(_halve(maps[-1]), np.ones((3, 3), np.bool_)))
    height, width = alpha.shape
    lattice, added = np.empty((0, 0), np.intp), np.empty((0, 6), np.float32)
    for power in reversed(range(len(maps))):
        level = maps[power]
        y, x = np.nonzero(level)
        black = ((y + x) & 1).astype(np.bool_)
        order = np.concatenate([np.flatnonzero(~black), np.flatnonzero(black)])
        y, x, reds = y[order], x[order], int(y.size - black.sum())
        start = np.zeros((y.size, 6), np.float32) if added.size == 0 else _double(added, lattice, y, x)
        lattice = np.full(level.shape, -1, np.intp)
        lattice[y, x] = np.arange(y.size)

        step = 2**power
        down, across = np.arange(0, height, step), np.arange(0, width, step)
        base = np.hstack([smooth.at(down, across, layer)[y, x] for layer in (0, 1)])
        a = alpha[y * step, x * step][:, None]
        unexplained = image[y * step, x * step] - a * base[:, :3] - (1 - a) * base[:, 3:]
        added = _relax(a, unexplained, _links(a[:, 0], lattice, reds, y, x), start, SWEEPS + 2 * power)
    return y, x, base + added


@dataclass(frozen=True)
class _Links:
    """Weights between red and black neighbours, as matrices that take weighted means.

    Attributes:
        to_red: (reds, blacks), rows sum to 1.
        to_black: (blacks, reds), rows sum to 1.
        total: float32 (n,), the sum of a pixel's weights, reds first.
    """

    to_red: Sparse
    to_black: Sparse
    total: Float


def _links(alpha: Float, lattice: Indices, reds: int, y: Indices, x: Indices) -> _Links:
    padded = np.pad(lattice, 1, constant_values=-1)
    sides = [padded[y[:reds] + 1 + dy, x[:reds] + 1 + dx] for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0))]
    neighbours = np.stack(sides, axis=1)
    linked = neighbours >= 0
    red, black = np.nonzero(linked)[0], neighbours[linked]
    weight = (EPSILON + OMEGA * np.abs(alpha[red] - alpha[black])).astype(np.float32)
    n = alpha.size
    total = np.bincount(red, weight, n) + np.bincount(black, weight, n)
    total = np.maximum(total, EPSILON).astype(np.float32)
    starts = np.concatenate([[0], np.cumsum(linked.sum(1))])
    to_red = sparse.csr_array((weight / total[red], black - reds, starts), shape=(reds, n - reds))
    to_black = sparse.csc_array((weight / total[black], black - reds, starts), shape=(n - reds, reds))
    return _Links(to_red, to_black.tocsr(), total)


def _relax(a: Float, unexplained: Float, links: _Links, start: Float, sweeps: int) -> Float:
    """Red-black sweeps; overwrites and returns `start`.

    With v = (α, 1 − α), the weighted mean m of the neighbours' two layers and the sum d of their weights, a
    pixel's 2×2 system (d + vvᵀ) x = dm + vr has the solution m + v (r − v·m) / (d + v·v).
    """
    reds = links.to_red.shape[0]
    b = 1 - a
    gain = 1 / (links.total[:, None] + a * a + b * b)
    red, black = slice(0, reds), slice(reds, None)
    for _ in range(sweeps):
        for own, other, means in ((red, black, links.to_red), (black, red, links.to_black)):
            layers = means @ start[other]
            left = unexplained[own] - a[own] * layers[:, :3]
            left -= b[own] * layers[:, 3:]
            left *= gain[own]
            layers[:, :3] += a[own] * left
            layers[:, 3:] += b[own] * left
            start[own] = layers
    return start


def _double(values: Float, lattice: Indices, y: Indices, x: Indices) -> Float:
    """`values` of a level, numbered by `lattice`, interpolated to rows y and columns x of the next finer."""
    padded = np.pad(lattice, ((0, 1), (0, 1)), constant_values=-1)
    top, left, odd_y, odd_x = y // 2, x // 2, y % 2, x % 2
    corners = [padded[top + dy * odd_y, left + dx * odd_x] for dy in (0, 1) for dx in (0, 1)]
    index = np.stack(corners, axis=1)
    weight = (index >= 0).astype(np.float32)
    weight /= weight.sum(1, keepdims=True)
    starts = np.arange(0, index.size + 1, 4)
    shape = (y.size, values.shape[0])
    result: Float = (
        sparse.csr_array((weight.ravel(), np.maximum(index, 0).ravel(), starts), shape=shape) @ values
    )
    return result


def _halve(active: Bools) -> Bools:
    """Whether any of 2×2 pixels is active."""
    h, w = active.shape
    even = np.pad(active, ((0, h % 2), (0, w % 2)))
    return even[0::2, 0::2] | even[1::2, 0::2] | even[0::2, 1::2] | even[1::2, 1::2]


def _bounds(active: Bools) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(active.any(1)), np.flatnonzero(active.any(0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)

"""Multi-level foreground estimation.

Germer, Uelwer, Conrad, Harmeling 2020, "Fast Multi-Level Foreground Estimation" (ICPR).

F and B minimise, over pixels i and their four neighbours j,

    Σᵢ |αᵢFᵢ + (1 − αᵢ)Bᵢ − Iᵢ|²  +  Σᵢⱼ (ε + |αᵢ − αⱼ|) (|Fᵢ − Fⱼ|² + |Bᵢ − Bⱼ|²)

from coarse to fine: each level starts from the one below, takes the image at every n-th pixel (so that
I = αF + (1 − α)B stays exact) and improves each pixel by the 2×2 system of its own F and B.

Deviations from the paper, each because it measured better (``benchmarks/foreground.py``):

- The coarsest level is one exact solve of a smoother model (`wisp.matting.foreground.smooth_layers`). The
  paper's own term prefers flat layers, which biases F wherever a soft edge is wide and the subject shaded.
- A finer level penalises the differences of what it *adds* to that model, not those of F and B themselves;
  ε is 1e-3, not 1e-5, and the paper's weight ω of |αᵢ − αⱼ| is 1.
- Red-black instead of sequential Gauss-Seidel (vectorised), and only in the soft band: elsewhere F = I or
  B = I is known, and the other layer is the coarse model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from wisp.core.arrays import Alpha, Background, Float, Foreground, Image, Region
from wisp.core.settings import AUTO
from wisp.core.threads import one_blas_thread
from wisp.matting.foreground.smooth_layers import SmoothLayers, fit_smooth_layers

EPSILON: Final = 1e-3  # ε, as of closed-form foregrounds; 1e-4 and 1e-2 are alike (docs/decisions/041)
SWEEPS: Final = AUTO.colour_sweeps
"""Red-black sweeps over single pixels; each coarser level, with fewer pixels, takes two more."""
CHUNK: Final = 1 << 14  # pixels that are worked on at a time

Lattice: TypeAlias = npt.NDArray[np.int32]
Sparse: TypeAlias = "sparse.csr_array[np.float32, tuple[int, int]]"


@dataclass(frozen=True, eq=False)
class Layers:
    """F and B of a photo, ready to be written out where they are wanted.

    Attributes:
        image, alpha: what they were estimated from.
        smooth: the coarse model, None where there is nothing to tell apart (α = 0 or α = 1 everywhere).
        rows, columns: int32 (n,), the pixels of the soft band.
        band: float32 (n, 6), F and B there.
    """

    image: Image
    alpha: Alpha
    smooth: SmoothLayers | None
    rows: Lattice
    columns: Lattice
    band: Float

    def foreground(self) -> Foreground:
        """F, float32 (H, W, 3), [0, 1]: the image where α = 1; off the band, the smooth model."""
        return self._dense(0, self.alpha >= 1)

    def background(self) -> Background:
        """B, float32 (H, W, 3), [0, 1]: the image where α = 0; off the band, the smooth model."""
        return self._dense(1, self.alpha <= 0)

    def _dense(self, layer: int, known: Region) -> Float:
        if self.smooth is None:
            return self.image.copy()
        colours = np.empty(self.image.shape, np.float32)
        for rows, block in self.smooth.blocks(colours, layer):
            np.copyto(block, self.image[rows], where=known[rows, :, None])
        mixed = ~known[self.rows, self.columns]
        band = self.band[mixed, 3 * layer : 3 * layer + 3]
        colours[self.rows[mixed], self.columns[mixed]] = band.clip(0, 1)
        return colours


def estimate_multilevel(image: Image, alpha: Alpha) -> Layers:
    """F and B from coarse to fine.

    Args:
        image: float32 (H, W, 3), [0, 1].
        alpha: float32 (H, W), [0, 1].
    """
    opaque, clear = alpha >= 1, alpha <= 0
    if opaque.all() or clear.all():
        nowhere = np.empty(0, np.int32)
        return Layers(image, alpha, None, nowhere, nowhere, np.empty((0, 6), np.float32))
    # The outline of what is opaque belongs to the band: a matte without soft pixels is continued, too.
    soft = ~(opaque | clear) | (opaque & _grown(~opaque))
    smooth = fit_smooth_layers(image, alpha, soft)
    rows, columns, band = _refine(image, alpha, soft, smooth)
    return Layers(image, alpha, smooth, rows, columns, band)


def _refine(
    image: Image, alpha: Alpha, active: Region, smooth: SmoothLayers
) -> tuple[Lattice, Lattice, Float]:
    """Add detail to the smooth model level by level, down to the single pixels that are active."""
    maps = [active]
    while 2 ** len(maps) <= max(smooth.spacing):
        maps.append(_grown(_halve(maps[-1]), diagonally=True))
    height, width = alpha.shape
    lattice, added = np.empty((2, 2), np.int32), np.empty((0, 6), np.float32)
    for power in reversed(range(len(maps))):
        level, step = maps[power], 2**power
        y, x = (place.astype(np.int32) for place in np.nonzero(level))
        black = ((y + x) & 1).astype(np.bool_)
        y, x = (np.concatenate([place[~black], place[black]]) for place in (y, x))
        reds = int(y.size - black.sum())
        start = np.zeros((y.size, 6), np.float32) if added.size == 0 else _double(added, lattice, y, x)
        lattice = np.full((level.shape[0] + 2, level.shape[1] + 2), -1, np.int32)
        lattice[y + 1, x + 1] = np.arange(y.size, dtype=np.int32)

        base = smooth.at_points(np.arange(0, height, step), np.arange(0, width, step), y, x)
        a = alpha[y * step, x * step]
        unexplained = image[y * step, x * step]
        unexplained -= a[:, None] * base[:, :3]
        unexplained -= (1 - a)[:, None] * base[:, 3:]
        added = _relax(a, unexplained, _links(a, lattice, reds, y, x), start, SWEEPS + 2 * power)
    base += added
    return y, x, base


@dataclass(frozen=True, eq=False)
class _Links:
    """How some pixels, all red or all black, hang on their neighbours, all of the other colour.

    Attributes:
        own: the pixels' numbers.
        means: (pixels, pixels of the other colour), takes weighted means: rows sum to 1.
        total: float32 (pixels, 1), the sum of a pixel's weights.
    """

    own: slice
    means: Sparse
    total: Float


def _links(alpha: Float, lattice: Lattice, reds: int, y: Lattice, x: Lattice) -> list[list[_Links]]:
    """The links of the red pixels, then those of the black ones, in chunks that fit into a cache.

    `lattice` holds the pixels' numbers, −1 where there is none, and a frame of one such pixel.
    """
    colours = []
    for first, last in ((0, reds), (reds, alpha.size)):
        other, others = (reds, alpha.size - reds) if first == 0 else (0, reds)
        chunks = []
        for begin in range(first, last, CHUNK):
            own = slice(begin, min(begin + CHUNK, last))
            below, right = y[own] + 1, x[own] + 1
            neighbours = np.empty((below.size, 4), np.int32)
            for side, (dy, dx) in enumerate(((0, 1), (0, -1), (1, 0), (-1, 0))):
                neighbours[:, side] = lattice[below + dy, right + dx]
            weight = np.abs(alpha[neighbours] - alpha[own, None])
            weight += EPSILON
            weight[neighbours < 0] = 0
            total = np.maximum(weight.sum(1, keepdims=True), np.float32(EPSILON))
            weight /= total
            neighbours -= other
            np.maximum(neighbours, 0, out=neighbours)  # those without a weight
            starts = np.arange(0, neighbours.size + 1, 4, dtype=np.int32)
            entries = (weight.ravel(), neighbours.ravel(), starts)
            chunks.append(_Links(own, sparse.csr_array(entries, shape=(below.size, others)), total))
        colours.append(chunks)
    return colours


def _relax(alpha: Float, unexplained: Float, colours: list[list[_Links]], start: Float, sweeps: int) -> Float:
    """Red-black sweeps; overwrites and returns `start`.

    With v = (α, 1 − α), the weighted mean m of the neighbours' two layers and the sum d of their weights, a
    pixel's 2×2 system (d + vvᵀ) x = dm + vr has the solution m + v (r − v·m) / (d + v·v). F and B lie side
    by side here, three channels each, and a product with ones adds one to the other.
    """
    reds = colours[0][-1].own.stop if colours[0] else 0
    others = (slice(reds, None), slice(0, reds))
    both = np.tile(np.eye(3, dtype=np.float32), (2, 2))
    v = np.repeat(np.stack([alpha, 1 - alpha], axis=1), 3, axis=1)
    total = np.concatenate([links.total for chunks in colours for links in chunks])
    gain = v / (total + (alpha * alpha + (1 - alpha) ** 2)[:, None])
    known = gain * np.tile(unexplained, 2)
    with one_blas_thread:
        for _ in range(sweeps):
            for chunks, other in zip(colours, others, strict=True):
                for links in chunks:
                    layers = links.means @ start[other]
                    seen = (layers * v[links.own]) @ both
                    seen *= gain[links.own]
                    layers -= seen
                    np.add(layers, known[links.own], out=start[links.own])
    return start


def _double(values: Float, lattice: Lattice, y: Lattice, x: Lattice) -> Float:
    """`values` of a level, numbered by `lattice`, interpolated to rows y and columns x of the next finer."""
    doubled = np.empty((y.size, values.shape[1]), np.float32)
    for begin in range(0, y.size, CHUNK):
        own = slice(begin, begin + CHUNK)
        top, left, odd_y, odd_x = y[own] // 2, x[own] // 2, y[own] % 2, x[own] % 2
        index = np.empty((top.size, 4), np.int32)
        for corner, (dy, dx) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
            index[:, corner] = lattice[top + 1 + dy * odd_y, left + 1 + dx * odd_x]
        weight = (index >= 0).astype(np.float32)
        weight /= weight.sum(1, keepdims=True)
        starts = np.arange(0, index.size + 1, 4, dtype=np.int32)
        entries = (weight.ravel(), np.maximum(index, 0).ravel(), starts)
        doubled[own] = sparse.csr_array(entries, shape=(top.size, values.shape[0])) @ values
    return doubled


def _grown(region: Region, *, diagonally: bool = False) -> Region:
    """The region and its pixels' four neighbours, or all eight."""
    grown = region.copy()
    grown[1:] |= region[:-1]
    grown[:-1] |= region[1:]
    across = grown.copy() if diagonally else region
    grown[:, 1:] |= across[:, :-1]
    grown[:, :-1] |= across[:, 1:]
    return grown


def _halve(active: Region) -> Region:
    """Whether any of 2×2 pixels is active."""
    h, w = active.shape
    even = np.pad(active, ((0, h % 2), (0, w % 2)))
    return even[0::2, 0::2] | even[1::2, 0::2] | even[0::2, 1::2] | even[1::2, 1::2]

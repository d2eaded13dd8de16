"""Closed-form foreground estimation.

Levin, Lischinski and Weiss 2008, "A Closed-Form Solution to Natural Image Matting", section 7: given α, F and
B minimise, over pixels i and their four neighbours j,

    Σᵢ |αᵢFᵢ + (1 − αᵢ)Bᵢ − Iᵢ|²  +  Σᵢⱼ (|αᵢ − αⱼ| + ε) (|Fᵢ − Fⱼ|² + |Bᵢ − Bⱼ|²)

so that both are smooth where alpha varies. The normal equations of the two coupled layers are

    ⎡ α² + S      α(1 − α)     ⎤ ⎡F⎤   ⎡ αI       ⎤
    ⎣ α(1 − α)    (1 − α)² + S ⎦ ⎣B⎦ = ⎣ (1 − α)I ⎦

with S the Laplacian of the graph of those weights; one factorisation serves all three channels.

Deviations: ε = 1e-3, without which nothing joins pixels of equal alpha, and a pull of 1e-6 to the photo,
which decides where nothing else does; the system is solved in the soft band and a rim around it, off which
both layers are the coarse model of `wisp.matting.foreground.multilevel`; above `AT_ONCE` pixels in tiles that
overlap.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_dilation
from scipy.sparse import coo_array, csr_array

from wisp.core.arrays import Alpha, Float, Image, Region
from wisp.core.threads import one_blas_thread
from wisp.matting.classical.cholesky import nested_dissection
from wisp.matting.classical.local_linear import factorise
from wisp.matting.classical.tiling import adjoining_tiles
from wisp.matting.foreground.multilevel import Layers, estimate_multilevel
from wisp.matting.foreground.smooth_layers import fit_smooth_layers

EPSILON: Final = 1e-3  # ε
PULL: Final = 1e-6  # to the photo
RIM: Final = 2  # known pixels around the soft band that are solved for along with it
AT_ONCE: Final = 500_000  # pixels that are solved at once
MARGIN: Final = 24  # pixels around a tile that are solved along with it and thrown away


def estimate_closed_form(image: Image, alpha: Alpha, *, at_once: int = AT_ONCE) -> Layers:
    """F and B by one sparse system.

    Args:
        image: float32 (H, W, 3), [0, 1].
        alpha: float32 (H, W), [0, 1].
        at_once: pixels of the band above which it is solved in tiles.
    """
    soft = (alpha > 0) & (alpha < 1)
    if not soft.any():
        return estimate_multilevel(image, alpha)
    active = binary_dilation(soft, iterations=RIM)
    rows, columns = np.nonzero(active)
    smooth = fit_smooth_layers(image, alpha, active)
    band = np.empty((len(rows), 6), np.float32)
    number = np.full(alpha.shape, -1, np.int32)
    number[active] = np.arange(len(rows), dtype=np.int32)
    with one_blas_thread:
        for tile in adjoining_tiles(active, at_once, MARGIN):
            inside = active[tile.seen]
            found = _solve(image[tile.seen], alpha[tile.seen], inside)
            mine = tile.unknown_of(active)[inside]
            band[number[tile.seen][inside][mine]] = found[mine]
    return Layers(image, alpha, smooth, rows.astype(np.int32), columns.astype(np.int32), band)


def _solve(image: Image, alpha: Alpha, active: Region) -> Float:
    """F and B side by side at the active pixels, row by row: float32 (n, 6)."""
    rows, columns = np.nonzero(active)
    count = len(rows)
    a = alpha[rows, columns].astype(np.float64)
    number = np.full(np.add(active.shape, 1), -1, np.int32)
    number[rows, columns] = np.arange(count, dtype=np.int32)
    total = np.zeros(count)
    ends: list[npt.NDArray[Any]] = []
    weights: list[npt.NDArray[np.float64]] = []
    for dy, dx in ((0, 1), (1, 0)):
        other = number[rows + dy, columns + dx]
        first = np.flatnonzero(other >= 0)
        second = other[first]
        weight = np.abs(a[first] - a[second]) + EPSILON
        np.add.at(total, first, weight)
        np.add.at(total, second, weight)
        ends.append(np.stack([first, second]))
        weights.append(weight)
    own = np.arange(count)
    joints, weight = np.concatenate(ends, axis=1), np.concatenate(weights)
    # Unknown 2 i is F of pixel i, unknown 2 i + 1 its B.
    pairs = np.concatenate(
        [
            np.stack([2 * own, 2 * own]),
            np.stack([2 * own + 1, 2 * own + 1]),
            np.stack([2 * own, 2 * own + 1]),
            2 * joints,
            2 * joints + 1,
        ],
        axis=1,
    )
    values = np.concatenate(
        [a * a + total + PULL, (1 - a) ** 2 + total + PULL, a * (1 - a), -weight, -weight]
    )
    ordering = nested_dissection(np.repeat(rows, 2), np.repeat(columns, 2), 1)
    place = np.empty(2 * count, np.intp)
    place[ordering.order] = np.arange(2 * count)
    pairs = place[pairs]
    upper: csr_array = coo_array(
        (values, (pairs.min(axis=0), pairs.max(axis=0))), shape=(2 * count, 2 * count)
    ).tocsr()
    factor = factorise(upper, ordering)
    colours = image[rows, columns].astype(np.float64)
    layers = np.empty((2 * count, 3))
    for channel in range(3):
        seen = colours[:, channel]
        rhs = np.stack([(a + PULL) * seen, (1 - a + PULL) * seen], axis=1).ravel()
        solved = factor.solve(rhs[ordering.order])
        residual = rhs[ordering.order] - (upper @ solved + upper.T @ solved - upper.diagonal() * solved)
        layers[ordering.order, channel] = solved + factor.solve(residual)
    found: Float = layers.reshape(count, 6).astype(np.float32)
    return found

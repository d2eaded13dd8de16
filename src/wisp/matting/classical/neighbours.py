"""Pixels that are near in colour and place, anywhere in a photo, and how they mix to another one's colour."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter
from scipy.spatial import cKDTree

from wisp.core.arrays import Region
from wisp.core.progress import Progress, silent
from wisp.matting.classical.system import Indices, Part

Features = npt.NDArray[np.float64]

CHUNK: Final = 1 << 16
"""Pixels whose neighbours are looked up at a time: the tree answers in 16 bytes a neighbour."""
LOOKED_AMONG: Final = 2_000_000
"""Pixels of a photo among which neighbours are sought, about: some 120 bytes each while they are."""
CLOSE: Final = 4
"""Pixels within this many rows and columns of an unknown one are always among them."""
NO_COLOUR: Final = 1e-10
"""Square of a difference in colour that is none: below that of one step of 16 bits."""


def looked_among(unknown: Region) -> Indices:
    """Sorted flat indices of the pixels that may be neighbours: all of a photo of up to `LOOKED_AMONG`.

    Of a larger one they are the unknown pixels, those around them, and every second, third … of the others,
    which are many times as many and much alike. Memory is then bounded whatever the size of the photo.

    Args:
        unknown: bool (h, w).
    """
    if unknown.size <= LOOKED_AMONG:
        return np.arange(unknown.size)
    chosen: Region = maximum_filter(unknown, 2 * CLOSE + 1)
    others = np.flatnonzero(~chosen)
    room = max(LOOKED_AMONG - (unknown.size - len(others)), LOOKED_AMONG // 2)
    chosen.ravel()[others[:: -(-len(others) // room)]] = True
    return np.flatnonzero(chosen)


def features(part: Part, distance_weight: float, pixels: Indices) -> Features:
    """RGB and position, the latter from 0 to `distance_weight` across the photo: float64 (n, 5).

    Args:
        part: what is seen of the photo.
        distance_weight: what crossing the photo counts for, where black to white in a channel counts 1.
        pixels: int (n,), flat indices.
    """
    rows, columns = np.divmod(pixels, part.unknown.shape[1])
    found = np.empty((len(pixels), 5))
    found[:, :3] = part.image[rows, columns]
    found[:, 3] = columns * (distance_weight / max(part.size[1] - 1, 1))
    found[:, 4] = rows * (distance_weight / max(part.size[0] - 1, 1))
    return found


def nearest(
    values: Features,
    pixels: Indices,
    k: int,
    *,
    among: Indices | None = None,
    approximation: float = 0.0,
    progress: Progress = silent,
) -> npt.NDArray[np.int32]:
    """The places of the features nearest to those of each of `pixels`, itself included where it may be one.

    Args:
        values: features, float64 (m, d).
        pixels: int (n,), those whose neighbours are sought, by their place in `values`.
        k: how many each; at most as many as there are.
        among: int, those that may be neighbours, by their place in `values`; all when None.
        approximation: how much farther than the nearest those found may be, as a share of their distance.
        progress: called with the share of the pixels that are looked up.

    Returns:
        int32 (n, k), nearest first.
    """
    pool = values if among is None else values[among]
    k = min(k, len(pool))
    # Boxes cut in their middle and not shrunk to their points are as quick to search and quicker to build.
    tree = cKDTree(pool, leafsize=24, balanced_tree=False, compact_nodes=False)
    # Pixels that the tree keeps together meet the same boxes, and in turn find them in the cache.
    rank = np.full(len(values), -1, np.int32)
    order = tree.indices if among is None else among[tree.indices]
    rank[order] = np.arange(len(order), dtype=np.int32)
    in_turn = np.argsort(rank[pixels], kind="stable")
    found = np.empty((len(pixels), k), np.int32)
    for begin in range(0, len(pixels), CHUNK):
        rows = in_turn[begin : begin + CHUNK]
        found[rows] = tree.query(values[pixels[rows]], k=[*range(1, k + 1)], eps=approximation)[1]
        progress(min(1.0, (begin + CHUNK) / len(pixels)))
    return found if among is None else among[found].astype(np.int32)


def mixing_weights(
    colours: npt.NDArray[Any], mixed: npt.NDArray[Any], regularization: float
) -> npt.NDArray[np.float64]:
    """Weights that sum to 1 and mix colours to another one (Roweis and Saul 2000, locally linear embedding).

    With Z the 3×k differences of the colours to the mixed one, they minimise |Z w|² + ρ |w|² ::

        w ∝ (ZᵀZ + ρ 1)⁻¹ 1 ∝ 1 − Zᵀ (Z Zᵀ + ρ 1)⁻¹ Z 1

    so that a 3×3 matrix is inverted instead of a k×k one.

    Args:
        colours: (n, k, 3), those that are mixed.
        mixed: (n, 3), what they should give.
        regularization: ρ as a share of the mean of |Z|², above zero.

    Returns:
        float64 (n, k); of either sign.
    """
    Z = np.asarray(colours, np.float64) - np.asarray(mixed, np.float64)[:, None]
    size = np.einsum("nkc,nkc->n", Z, Z) / Z.shape[1]
    inner = np.einsum("nkc,nkd->ncd", Z, Z)
    inner[:, [0, 1, 2], [0, 1, 2]] += (regularization * size + NO_COLOUR)[:, None]
    total = Z.sum(axis=1)
    weights = 1 - np.einsum("nkc,nc->nk", Z, np.linalg.solve(inner, total[..., None])[..., 0])
    # 1ᵀ(ZᵀZ + ρ 1)⁻¹1 is above zero, whatever Z is.
    normalised: npt.NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return normalised

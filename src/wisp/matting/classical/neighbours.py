"""Pixels that are near in colour and place, anywhere in a photo, and how they mix to another one's colour."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from wisp.matting.classical.system import Indices, Part

Features = npt.NDArray[np.float64]


def features(part: Part, distance_weight: float) -> Features:
    """RGB and position, the latter from 0 to `distance_weight` across the photo: float64 (h·w, 5)."""
    height, width = part.unknown.shape
    found = np.empty((height, width, 5))
    found[..., :3] = part.image
    found[..., 3] = np.arange(width) * (distance_weight / max(part.size[1] - 1, 1))
    found[..., 4] = np.arange(height)[:, None] * (distance_weight / max(part.size[0] - 1, 1))
    return found.reshape(-1, 5)


def nearest(among: Features, of: Features, k: int, approximation: float) -> npt.NDArray[np.int32]:
    """Rows of `among` that are nearest to each row of `of`, nearest first.

    Args:
        among: float64 (m, d).
        of: float64 (n, d).
        k: how many, at most m.
        approximation: how much farther than the nearest ones, as a share of their distance, those found may be.

    Returns:
        int32 (n, k).
    """
    # Boxes cut in their middle and not shrunk to their points are as quick to search and quicker to build.
    tree = cKDTree(among, leafsize=24, balanced_tree=False, compact_nodes=False)
    found = np.empty((len(of), k), np.int32)
    for begin in range(0, len(of), CHUNK):
        rows = slice(begin, begin + CHUNK)
        found[rows] = tree.query(of[rows], k=[*range(1, k + 1)], eps=approximation)[1]
    return found


def mixing_weights(
    colours: npt.NDArray[Any], mixed: npt.NDArray[Any], regularization: float
) -> npt.NDArray[np.float64]:
    """Weights that sum to 1 and mix colours to another one (Roweis and Saul 2000, locally linear embedding).

    With Z the differences of the colours to the mixed one, the weights minimise |Z w|² + ρ |w|² ::

        w ∝ (ZᵀZ + ρ 1)⁻¹ 1 ∝ 1 − Zᵀ (Z Zᵀ + ρ 1)⁻¹ Z 1

    so that a 3×3 matrix is inverted instead of a k×k one.

    Args:
        colours: (n, k, 3), those that are mixed.
        mixed: (n, 3), what they should give.
        regularization: ρ, as a share of the mean of |Z|².

    Returns:
        float64 (n, k); of either sign.
    """
    Z = np.asarray(colours, np.float64) - np.asarray(mixed, np.float64)[:, None]
    k = Z.shape[1]
    size = np.einsum("nkc,nkc->n", Z, Z)
    rho = regularization * size / k + np.finfo(np.float64).tiny
    inner = np.einsum("nkc,nkd->ncd", Z, Z)
    inner[:, [0, 1, 2], [0, 1, 2]] += (rho + 1e-12)[:, None]
    total = Z.sum(axis=1)
    weights = 1 - np.einsum("nkc,nc->nk", Z, np.linalg.solve(inner, total[..., None])[..., 0])
    sums = weights.sum(axis=1, keepdims=True)
    flat = ~(np.abs(sums) > 1e-12)
    return np.where(flat, 1 / k, weights / np.where(flat, 1, sums))


CHUNK = 1 << 16

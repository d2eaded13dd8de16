"""Resizing of float arrays: whole pictures for the networks, and smooth quantities by blocks of pixels.

`size_within` says how large a picture is whose longer side is to be so long. `resize` is antialiased when
smaller and bilinear when larger. `block_means` and `enlarge_blocks` go to a
coarse grid and back.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from wisp.core.arrays import Float

Sparse: TypeAlias = "csr_array[Any, tuple[int, int]]"
Double: TypeAlias = npt.NDArray[np.float64]


def size_within(shape: tuple[int, ...], side: int, *, enlarge: bool = False) -> tuple[int, int]:
    """Height and width, at least 1, at which the longer side has `side` pixels, proportions kept.

    Args:
        shape: (H, W, …).
        side: pixels.
        enlarge: whether a smaller picture becomes larger; else it stays as it is.
    """
    height, width = shape[:2]
    share = side / max(height, width)
    if not enlarge:
        share = min(1.0, share)
    return max(1, round(height * share)), max(1, round(width * share))


def resize(values: Float, height: int, width: int) -> Float:
    """Resize so that the corners of the picture, not the centres of its corner pixels, stay where they are.

    An axis that shrinks is averaged with a triangle as wide as two output pixels; one that grows is
    interpolated linearly between pixel centres. Neither overshoots the range of `values`.

    Args:
        values: float32 (H, W) or (H, W, C).
        height: of the result, at least 1.
        width: of the result, at least 1.

    Returns:
        float32 (height, width) or (height, width, C).
    """
    old_height, old_width = values.shape[:2]
    if (old_height, old_width) == (height, width):
        return values
    if values.ndim == 3:  # channel by channel: planes turn several times faster than pixels
        resized = np.empty((height, width, values.shape[2]), np.float32)
        for channel in range(values.shape[2]):
            resized[..., channel] = resize(values[..., channel], height, width)
        return resized
    rows_first = height * old_width < old_height * width  # what shrinks more leaves less to do
    for axis in (0, 1) if rows_first else (1, 0):
        values = _along(values, axis, (height, width)[axis])
    return np.ascontiguousarray(values)


def _along(values: Float, axis: int, size: int) -> Float:
    """A plane (H, W) with one of its axes resized."""
    if values.shape[axis] == size:
        return values
    first = np.ascontiguousarray(values.swapaxes(0, axis), np.float32)
    result: Float = (_weights(first.shape[0], size) @ first).swapaxes(0, axis)
    return result


@lru_cache(maxsize=32)
def _weights(old: int, new: int) -> csr_array:
    """Shares of `old` values that each of `new` is made of: float32 (new, old), rows add up to 1."""
    step = old / new
    reach = max(1.0, step)
    centre = (np.arange(new) + 0.5) * step - 0.5
    taps = np.floor(centre - reach).astype(int)[:, None] + np.arange(1, 2 * math.ceil(reach) + 2)
    shares = np.maximum(0, 1 - np.abs(taps - centre[:, None]) / reach)
    shares /= shares.sum(1, keepdims=True)
    rows, _ = np.indices(taps.shape)
    places = (rows.ravel(), taps.clip(0, old - 1).ravel())  # the picture's border goes on outside
    weights = csr_array((shares.astype(np.float32).ravel(), places), shape=(new, old))
    weights.sum_duplicates()
    weights.eliminate_zeros()
    return weights


def pad_to_multiple(values: Float, multiple: int) -> Float:
    """Repeat the last row and column until both sides are multiples of `multiple`: float32 (H, W[, C])."""
    height, width = values.shape[:2]
    below = math.ceil(height / multiple) * multiple - height
    right = math.ceil(width / multiple) * multiple - width
    if not (below or right):
        return values
    return np.pad(values, ((0, below), (0, right)) + ((0, 0),) * (values.ndim - 2), mode="edge")


def block_means(values: Float, factor: int, *, padded: bool = False) -> Float:
    """Means over blocks of factor × factor pixels; those at the end may be smaller.

    Args:
        values: float32 (H, W, C).
        factor: side of the blocks, at least 1.
        padded: whether those at the end count what is missing as zero.

    Returns:
        float32 (⌈H / factor⌉, ⌈W / factor⌉, C).
    """
    if factor == 1:
        return values
    for axis in (0, 1):
        n = values.shape[axis]
        starts = np.arange(0, n, factor)
        sums = np.add.reduceat(values, starts, axis=axis)
        lengths = np.full(starts.size, factor) if padded else np.minimum(starts + factor, n) - starts
        shape = (-1, 1, 1) if axis == 0 else (1, -1, 1)
        values = np.asarray(sums / lengths.astype(np.float32).reshape(shape), np.float32)
    return values


def block_centres(n: int, factor: int) -> Double:
    """The places of n pixels among the centres of their blocks, in blocks: float64 (n,)."""
    return (np.arange(n) + 0.5) / factor - 0.5


def enlarge_blocks(values: Float, factor: int, shape: tuple[int, ...]) -> Float:
    """Smooth values at full size again: linear between the centres of the blocks of `block_means`.

    Args:
        values: float32 (h, w, C).
        factor: side of the blocks.
        shape: height and width wanted.

    Returns:
        float32 (H, W, C).
    """
    if factor == 1:
        return values
    for axis in (0, 1):
        matrix = interpolation_matrix(block_centres(shape[axis], factor), values.shape[axis], np.float32)
        lines = np.moveaxis(values, axis, 0)
        enlarged = matrix @ lines.reshape(len(lines), -1)
        values = np.moveaxis(enlarged.reshape(-1, *lines.shape[1:]), 0, axis)
    return np.ascontiguousarray(values)


def interpolation_matrix(places: Double, n: int, dtype: type[np.floating[Any]] = np.float64) -> Sparse:
    """Linear interpolation between n nodes as a matrix (len(places), n); constant beyond the ends.

    Args:
        places: float64 (m,), where to interpolate, in nodes.
        n: how many nodes, at least 1.
        dtype: of the matrix.
    """
    place = np.clip(places, 0, n - 1)
    first = np.minimum(place.astype(np.intp), max(n - 2, 0))
    second = np.minimum(first + 1, n - 1)
    part = (place - first).astype(dtype)
    rows = np.tile(np.arange(place.size), 2)
    entries = (np.concatenate([1 - part, part]), (rows, np.concatenate([first, second])))
    return csr_array(entries, shape=(place.size, n))

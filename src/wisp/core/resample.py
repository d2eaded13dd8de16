"""Resizing of float images for the networks: antialiased when smaller, bilinear when larger."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy.sparse import csr_array

from wisp.core.arrays import Float


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
    rows_first = height * old_width < old_height * width  # what shrinks more leaves less to do
    for axis in (0, 1) if rows_first else (1, 0):
        values = _along(values, axis, (height, width)[axis])
    return np.ascontiguousarray(values)


def _along(values: Float, axis: int, size: int) -> Float:
    """Resize one of the first two axes."""
    if values.shape[axis] == size:
        return values
    first = np.ascontiguousarray(values.swapaxes(0, axis), np.float32)
    resized = _weights(first.shape[0], size) @ first.reshape(first.shape[0], -1)
    result: Float = resized.reshape(size, *first.shape[1:]).swapaxes(0, axis)
    return result


@lru_cache(maxsize=32)
def _weights(old: int, new: int) -> csr_array:
    """What each of `new` values is made of, as shares of `old` ones: float32 (new, old), rows add up to 1."""
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

"""Smooth quantities on a coarse grid: block means, and linear interpolation back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wisp.core.arrays import Float
from wisp.matting.foreground.smooth_layers import interpolation_matrix


def shrink(values: Float, factor: int) -> Float:
    """Means over blocks of factor × factor pixels; those at the end may be smaller.

    Args:
        values: float32 (H, W, C).
        factor: side of the blocks, at least 1.

    Returns:
        float32 (⌈H / factor⌉, ⌈W / factor⌉, C).
    """
    if factor == 1:
        return values
    for axis in (0, 1):
        n = values.shape[axis]
        starts = np.arange(0, n, factor)
        sums = np.add.reduceat(values, starts, axis=axis)
        lengths = np.minimum(starts + factor, n) - starts
        shape = (-1, 1, 1) if axis == 0 else (1, -1, 1)
        values = np.asarray(sums / lengths.astype(np.float32).reshape(shape), np.float32)
    return values


def centres(n: int, factor: int) -> npt.NDArray[np.float64]:
    """Where n pixels lie among the centres of their blocks, in blocks; float64 (n,)."""
    return (np.arange(n) + 0.5) / factor - 0.5


def enlarge(values: Float, factor: int, shape: tuple[int, ...]) -> Float:
    """The reverse of `shrink` for smooth values: linear between the centres of blocks.

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
        matrix = interpolation_matrix(centres(shape[axis], factor), values.shape[axis], np.float32)
        lines = np.moveaxis(values, axis, 0)
        enlarged = matrix @ lines.reshape(len(lines), -1)
        values = np.moveaxis(enlarged.reshape(-1, *lines.shape[1:]), 0, axis)
    return np.ascontiguousarray(values)

"""Resizing as others' scripts do it: the plain average and the plain bilinear sample.

Networks notice how their picture was made smaller, MODNet most of all, so a peer gets the filter of its own
script and not that of `wisp.core.resample`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from wisp.core.arrays import Float


def average(values: Float, height: int, width: int) -> Float:
    """Each new pixel is the mean of the area that it covers, as OpenCV's ``INTER_AREA``.

    An axis that grows is interpolated as `sample` does.

    Args:
        values: float32 (H, W) or (H, W, C).
        height: of the result, at least 1.
        width: of the result, at least 1.

    Returns:
        float32 (height, width) or (height, width, C).
    """
    rows, columns = (
        _means(old, new) if new < old else _points(old, new)
        for old, new in zip(values.shape[:2], (height, width), strict=True)
    )
    return _along_both(values, rows, columns)


def sample(values: Float, height: int, width: int) -> Float:
    """Each new pixel is interpolated between the centres of four old ones, as OpenCV's ``INTER_LINEAR``.

    What lies between these is not seen where an axis shrinks by more than half: details alias.

    Args and result are those of `average`.
    """
    old_height, old_width = values.shape[:2]
    return _along_both(values, _points(old_height, height), _points(old_width, width))


def _means(old: int, new: int) -> sparse.csr_array:
    """Weights (new, old): how much of each old pixel lies in a new one."""
    length = old / new
    start = np.arange(new)[:, None] * length
    first = np.floor(start + 1e-9)
    pixel = first + np.arange(int(np.ceil(length)) + 1)
    covered = np.minimum(pixel + 1, start + length) - np.maximum(pixel, start)
    return _weights(pixel, covered.clip(0, None) / length, old)


def _points(old: int, new: int) -> sparse.csr_array:
    """Weights (new, old): between which two old centres each new one lies."""
    centre = ((np.arange(new)[:, None] + 0.5) * (old / new) - 0.5).clip(0, old - 1)
    pixel = np.floor(centre) + np.arange(2)
    return _weights(pixel, 1 - np.abs(centre - pixel), old)


def _weights(pixel: npt.NDArray[np.float64], weight: npt.NDArray[np.float64], old: int) -> sparse.csr_array:
    new, taps = pixel.shape
    row = np.repeat(np.arange(new), taps)
    column = pixel.astype(np.intp).clip(0, old - 1).ravel()  # what is beyond the edge has weight 0
    return sparse.csr_array((weight.astype(np.float32).ravel(), (row, column)), shape=(new, old))


def _along_both(values: Float, rows: sparse.csr_array, columns: sparse.csr_array) -> Float:
    height, width = rows.shape[0], columns.shape[0]
    rest = values.shape[2:]
    tall = (rows @ values.reshape(values.shape[0], -1)).reshape(height, values.shape[1], *rest)
    sideways = np.ascontiguousarray(tall.swapaxes(0, 1)).reshape(values.shape[1], -1)
    wide = (columns @ sideways).reshape(width, height, *rest)
    return np.ascontiguousarray(wide.swapaxes(0, 1), np.float32)

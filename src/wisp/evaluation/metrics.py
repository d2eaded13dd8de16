"""How far a predicted alpha is from the true one, as the matting literature reports it.

SAD, MSE, Grad and Conn are those of Rhemann et al., "A Perceptually Motivated Online Benchmark for Image
Matting" (CVPR 2009), computed as in the MATLAB scripts that came with Xu et al., "Deep Image Matting"
(CVPR 2017), in their version of 2018: the figures that papers since then compare. Binary cross-entropy,
accuracy and intersection over union are those of the segmentation literature.

Every metric is a function ``metric(prediction, truth, region=None) -> float`` of

* ``prediction``: float32 or float64 (H, W), [0, 1];
* ``truth``: the same size, float32 or float64, [0, 1];
* ``region``: bool (H, W), the pixels that count, usually the unknown part of a trimap; None counts all.

Each raises `wisp.core.errors.InputError` for arrays that are not of these forms, that differ in size, or when
the region holds no pixel. A NaN among the pixels that count gives NaN. The scripts read eight-bit files: to
compare with published figures, round both mattes to multiples of 1/255 first, as `wisp.evaluation.protocols`
does.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, log, nan, pi, sqrt
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from wisp.core.arrays import Region, check_same_size
from wisp.core.errors import InputError

FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]
Metric: TypeAlias = Callable[[FloatArray, FloatArray, Region | None], float]

_SIGMA: Final = 1.4  # of the Gaussian whose derivative Grad compares, in pixels
_TAIL: Final = 0.01  # the Gaussian's value below which its kernel is cut off
_STEP: Final = 0.1  # between the levels at which Conn looks for connected components
_TOLERATED: Final = 0.15  # how far above its level of connection a pixel may be at no cost
_ROUNDING: Final = 1e-6  # 153/255 reaches the level 0.6 however the division was rounded


def sad(prediction: FloatArray, truth: FloatArray, region: Region | None = None) -> float:
    """Sum of absolute differences, divided by 1000. Arguments and errors: see the module."""
    return float(np.abs(_difference(prediction, truth, region)).sum()) / 1000


def mse(prediction: FloatArray, truth: FloatArray, region: Region | None = None) -> float:
    """Mean squared difference. Arguments and errors: see the module."""
    return float(np.square(_difference(prediction, truth, region)).mean())


def mae(prediction: FloatArray, truth: FloatArray, region: Region | None = None) -> float:
    """Mean absolute difference. Arguments and errors: see the module."""
    return float(np.abs(_difference(prediction, truth, region)).mean())


def grad(prediction: FloatArray, truth: FloatArray, region: Region | None = None) -> float:
    """Gradient error: squared difference of the gradients' magnitudes, summed and divided by 1000.

    The gradients are those of a Gaussian derivative, σ = 1.4. As in the scripts, both mattes are first
    stretched to fill [0, 1], from the minimum and maximum over the whole picture: a matte that is too faint
    by a constant factor has no gradient error, and a NaN anywhere gives NaN. Arguments and errors: see the
    module.
    """
    region = _check(prediction, truth, region)
    rows, columns = _bounding_box(region)
    # Beyond the box of the region only the pixels that a kernel reaches matter.
    halo = len(_gaussian()[0]) // 2
    top, left = max(0, rows.start - halo), max(0, columns.start - halo)
    near = np.s_[top : rows.stop + halo, left : columns.stop + halo]
    error = _gradient_magnitude(_stretch(prediction, near))
    error -= _gradient_magnitude(_stretch(truth, near))
    return float(np.square(error[region[near]], dtype=np.float64).sum()) / 1000


def conn(prediction: FloatArray, truth: FloatArray, region: Region | None = None) -> float:
    """Connectivity error: difference of the mattes' degrees of connection, summed and divided by 1000.

    At each of the levels 0.1, 0.2, …, 1 the source is the largest 4-connected component of the pixels where
    both mattes reach the level. A pixel is connected up to the last level before the first one whose source
    it is not part of; its degree in a matte is 1 less the excess over that level, where the excess is 0.15 or
    more. Arguments and errors: see the module.
    """
    region = _check(prediction, truth, region)
    connected = _level_of_connection(np.minimum(prediction, truth))[region]
    difference = _excess(prediction[region], connected)
    difference -= _excess(truth[region], connected)
    return float(np.abs(difference).sum()) / 1000


def binary_cross_entropy(prediction: FloatArray, truth: FloatArray, region: Region | None = None) -> float:
    """Mean of −t ln p − (1 − t) ln(1 − p), in nats; the truth may be soft.

    Predictions are kept 1e-7 away from 0 and 1, so that a pixel that is surely wrong costs 16.1 rather than
    infinity. Arguments and errors: see the module.
    """
    region = _check(prediction, truth, region)
    p = np.clip(prediction[region].astype(np.float64), 1e-7, 1 - 1e-7)
    t = truth[region].astype(np.float64)
    return float(-(t * np.log(p) + (1 - t) * np.log1p(-p)).mean())


def accuracy(prediction: FloatArray, truth: FloatArray, region: Region | None = None) -> float:
    """Share of the pixels on the right side of 0.5, in [0, 1]. Arguments and errors: see the module."""
    region = _check(prediction, truth, region)
    p, t = prediction[region], truth[region]
    if np.isnan(p).any() or np.isnan(t).any():
        return nan
    return float(((p > 0.5) == (t > 0.5)).mean())


def iou(prediction: FloatArray, truth: FloatArray, region: Region | None = None) -> float:
    """Intersection over union of the two mattes cut at 0.5, in [0, 1]; 1 where both are empty.

    Arguments and errors: see the module.
    """
    region = _check(prediction, truth, region)
    p, t = prediction[region], truth[region]
    if np.isnan(p).any() or np.isnan(t).any():
        return nan
    union = int(np.count_nonzero((p >= 0.5) | (t >= 0.5)))
    return int(np.count_nonzero((p >= 0.5) & (t >= 0.5))) / union if union else 1.0


def _difference(prediction: FloatArray, truth: FloatArray, region: Region | None) -> npt.NDArray[np.float64]:
    region = _check(prediction, truth, region)
    return np.subtract(prediction[region], truth[region], dtype=np.float64)


def _gaussian() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The Gaussian and its derivative on whole pixels, both of unit L2 norm, as is their outer product."""
    half = ceil(_SIGMA * sqrt(-2 * log(sqrt(2 * pi) * _SIGMA * _TAIL)))
    x = np.arange(-half, half + 1, dtype=np.float64)
    smooth = np.exp(-(x**2) / (2 * _SIGMA**2))
    slope = -x * smooth
    return smooth / np.linalg.norm(smooth), slope / np.linalg.norm(slope)


def _stretch(matte: FloatArray, window: tuple[slice, slice]) -> npt.NDArray[np.float32]:
    """A window of the matte after its whole range is mapped to [0, 1]; constant mattes stay constant."""
    least, greatest = float(matte.min()), float(matte.max())
    scale = 1 / (greatest - least) if greatest > least else 1.0
    return ((matte[window] - least) * scale).astype(np.float32)


def _gradient_magnitude(matte: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    smooth, slope = _gaussian()
    x, y = np.empty_like(matte), np.empty_like(matte)
    for part, across, down in ((x, slope, smooth), (y, smooth, slope)):
        ndimage.correlate1d(matte, across, axis=1, mode="nearest", output=part)
        ndimage.correlate1d(part, down, axis=0, mode="nearest", output=part)
    return np.hypot(x, y, out=x)


def _level_of_connection(both: FloatArray) -> npt.NDArray[np.float64]:
    """The last level up to which each pixel is part of every source; `both` is the lesser of the mattes."""
    level = np.zeros(both.shape)
    levels = np.arange(round(1 / _STEP) + 1) * _STEP
    window = _bounding_box(both >= levels[1] - _ROUNDING)
    # Transposed, because of two components of the same size the scripts take the first one column by column.
    inside, result = both[window].T, level[window].T
    connected = np.ones(inside.shape, bool)
    for reached in levels[1:]:
        connected &= _largest_component(inside >= reached - _ROUNDING)
        if not connected.any():
            break
        result[connected] = reached
    return level


def _largest_component(region: Region) -> Region:
    """The largest 4-connected component of `region`, the first of equals in raster order; empty if it is."""
    labels, count = ndimage.label(region)
    if count == 0:
        return region
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0  # the background is no component
    largest: Region = labels == sizes.argmax()
    return largest


def _excess(matte: FloatArray, connected: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    excess = matte - connected
    return excess * ((excess >= _TOLERATED) | np.isnan(excess))


def _bounding_box(region: Region) -> tuple[slice, slice]:
    boxes = ndimage.find_objects(region.view(np.uint8))
    return (boxes[0][0], boxes[0][1]) if boxes else (slice(0, 0), slice(0, 0))


def _check(prediction: FloatArray, truth: FloatArray, region: Region | None) -> Region:
    """Return the region as a mask after checking all three."""
    for name, matte in (("prediction", prediction), ("truth", truth)):
        if matte.dtype not in (np.float32, np.float64) or matte.ndim != 2 or matte.size == 0:
            received = f"is {matte.dtype} {tuple(matte.shape)}"
            raise InputError(name, received, "float32 or float64 (H, W) in [0, 1] is accepted")
        least, greatest = float(np.fmin.reduce(matte, axis=None)), float(np.fmax.reduce(matte, axis=None))
        if least < 0 or greatest > 1:
            raise InputError(name, f"has values from {least:g} to {greatest:g}", "[0, 1] is accepted")
    check_same_size("prediction", prediction, "truth", truth)
    if region is None:
        return np.ones(truth.shape, bool)
    if region.dtype != np.bool_ or region.ndim != 2:
        raise InputError("region", f"is {region.dtype} {tuple(region.shape)}", "bool (H, W) is accepted")
    check_same_size("region", region, "truth", truth)
    if not region.any():
        raise InputError("region", "holds no pixel", "at least one is needed")
    return region

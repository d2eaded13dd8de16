"""How far predicted alphas of a clip are from the true ones: MAD, MSE, Grad and dtSSD.

As in the low-resolution evaluation of Lin et al., "Robust High-Resolution Video Matting with Temporal
Guidance" (WACV 2022), with its scales: MAD and MSE times 1000, Grad divided by 1000, dtSSD times 100. dtSSD
is that of Erofeev et al., "Perceptually Motivated Benchmark for Video Matting" (BMVC 2015): the root mean
square of how much more or less a pixel changed since the last frame than it should have.

Each takes alphas as float32 or float64 (H, W), [0, 1]. Their scripts read eight-bit files: to compare with
published figures, round to multiples of 1/255 first. A clip's figure is the mean over its frames; the first
frame, which has none before it, counts as dtSSD 0, as in their scripts.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import Final

import numpy as np

from wisp.core.arrays import check_same_size
from wisp.core.errors import InputError
from wisp.evaluation.metrics import FloatArray, grad, mae, mse

METRICS: Final = ("mad", "mse", "grad", "dtssd")


def dtssd(prediction: FloatArray, before: FloatArray, truth: FloatArray, truth_before: FloatArray) -> float:
    """Root mean square of the error's change from one frame to the next, times 100.

    Args:
        prediction: alpha of a frame, (H, W), [0, 1].
        before: the prediction for the frame before.
        truth: true alpha of the frame.
        truth_before: true alpha of the frame before.

    Raises:
        InputError: sizes differ.
    """
    for name, alpha in (("prediction", prediction), ("before", before), ("truth_before", truth_before)):
        check_same_size(name, alpha, "truth", truth)
    change = np.subtract(prediction, before, dtype=np.float64)
    change -= np.subtract(truth, truth_before, dtype=np.float64)
    return sqrt(float(np.square(change).mean())) * 100


def clip_scores(predictions: Iterable[FloatArray], truths: Iterable[FloatArray]) -> dict[str, float]:
    """The scores of a clip: metric → mean over its frames.

    Frames are taken one at a time, so that a clip need not fit into memory.

    Args:
        predictions: alphas of the frames, in order.
        truths: true alphas, as many.

    Returns:
        ``mad``, ``mse``, ``grad`` and ``dtssd``, scaled as the module says.

    Raises:
        InputError: no frame, another number of predictions than truths, or sizes that differ.
    """
    totals = dict.fromkeys(METRICS, 0.0)
    count, last = 0, None
    try:
        for prediction, truth in zip(predictions, truths, strict=True):
            totals["mad"] += 1000 * mae(prediction, truth)
            totals["mse"] += 1000 * mse(prediction, truth)
            totals["grad"] += grad(prediction, truth)
            if last is not None:
                totals["dtssd"] += dtssd(prediction, last[0], truth, last[1])
            count, last = count + 1, (prediction, truth)
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            "predictions", "are more or fewer than the truths", "one for each is accepted"
        ) from error
    if not count:
        raise InputError("clip", "has no frames", "at least one is needed")
    return {name: total / count for name, total in totals.items()}

"""Clusters by binary splits: Orchard and Bouman 1991, *Color Quantization of Images*.

The cluster with the largest variation is cut in two by the plane through its mean across the direction in
which it varies most, the first eigenvector of its covariance, until there are enough clusters or none varies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Clusters:
    """Clusters of several sets of samples; those that a set has too few of weigh nothing.

    Attributes:
        labels: int8 (sets, n), the cluster of each sample.
        weight: float64 (sets, k), the sum of its samples' weights.
        mean: float64 (sets, k, d).
        covariance: float64 (sets, k, d, d).
    """

    labels: npt.NDArray[np.int8]
    weight: Values
    mean: Values
    covariance: Values


def split_clusters(samples: Values, weights: Values, count: int, least: float) -> Clusters:
    """Cluster each of several sets of weighted samples by itself.

    Args:
        samples: float (sets, n, d).
        weights: float (sets, n), zero and above.
        count: how many clusters a set is split into at most, at most 127.
        least: variance along a cluster's first eigenvector at which it is no longer split.
    """
    sets, n, d = samples.shape
    labels = np.zeros((sets, n), np.int8)
    weight = np.zeros((sets, count))
    mean = np.zeros((sets, count, d))
    covariance = np.zeros((sets, count, d, d))
    spread = np.zeros((sets, count))
    direction = np.zeros((sets, count, d))

    def measure(which: npt.NDArray[np.intp], cluster: npt.NDArray[np.intp]) -> None:
        w = np.where(labels[which] == cluster[:, None], weights[which], 0)
        x = samples[which]
        total = w.sum(axis=1, dtype=np.float64)
        scale = np.maximum(total, 1e-30)
        centre = np.matmul(w[:, None], x)[:, 0] / scale[:, None]
        x = x - centre[:, None].astype(x.dtype)
        scatter = np.matmul((x * w[..., None]).swapaxes(1, 2), x)
        varied = scatter / scale[:, None, None]
        values, vectors = np.linalg.eigh(varied.astype(np.float64))
        weight[which, cluster], mean[which, cluster], covariance[which, cluster] = total, centre, varied
        spread[which, cluster] = np.where(values[:, -1] > least, values[:, -1] * total, 0)
        direction[which, cluster] = vectors[..., -1]

    everything = np.arange(sets)
    measure(everything, np.zeros(sets, np.intp))
    for new in range(1, count):
        widest = spread.argmax(axis=1)
        which = np.flatnonzero(spread[everything, widest] > 0)
        if not which.size:
            break
        old = widest[which]
        axis = direction[which, old].astype(samples.dtype)
        along = np.matmul(samples[which], axis[..., None])[..., 0]
        middle = np.einsum("sd,sd->s", mean[which, old], axis)
        moved = (labels[which] == old[:, None]) & (along > middle[:, None])
        labels[which] = np.where(moved, np.int8(new), labels[which])
        measure(which, old)
        measure(which, np.full(len(which), new))
    return Clusters(labels, weight, mean, covariance)

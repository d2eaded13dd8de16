"""Whether one method is better than another on the same pictures, or only luckier: the paired bootstrap."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from wisp.core.arrays import check_at_least
from wisp.core.errors import InputError

_AT_ONCE: Final = 1000  # resamples drawn together, which bounds the memory


@dataclass(frozen=True)
class PairedDifference:
    """The mean difference of paired scores and the interval that it is known to.

    Attributes:
        mean: mean of a − b over all pairs: negative where a's scores are lower.
        low: lower end of the interval.
        high: upper end of the interval. The difference is significant when 0 lies outside.
    """

    mean: float
    low: float
    high: float


def paired_bootstrap(
    a: Sequence[float],
    b: Sequence[float],
    groups: Sequence[Hashable] | None = None,
    *,
    seed: int,
    confidence: float = 0.95,
    resamples: int = 10_000,
) -> PairedDifference:
    """Compare two methods by their scores on the same pictures.

    The pictures are drawn anew, with replacement, `resamples` times; the interval lies between percentiles of
    the mean differences (Efron, "Bootstrap methods: another look at the jackknife", 1979). Pictures that
    share a subject are not independent: with `groups`, whole groups are drawn, which keeps the interval
    honest where, say, each person is shown on several backgrounds.

    Args:
        a: one score a picture.
        b: the other method's scores of the same pictures in the same order.
        groups: a label a picture; those with equal labels are drawn together. None: each picture is its own.
        seed: of the draws; the same seed gives the same interval.
        confidence: the share of the draws inside the interval, in (0, 1).
        resamples: how often to draw.

    Raises:
        InputError: lengths that differ, scores that are not finite, fewer than two groups, or an option out
            of range.
    """
    labels: Sequence[Hashable] = range(len(a)) if groups is None else groups
    for name, values in (("b", b), ("groups", labels)):
        if len(values) != len(a):
            raise InputError(name, f"has {len(values)} entries", f"{len(a)}, as many as a has, are accepted")
    difference = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    if difference.ndim != 1 or not np.isfinite(difference).all():
        raise InputError("scores", "are not all finite numbers", "one finite number a picture is accepted")
    if not 0 < confidence < 1:
        raise InputError("confidence", f"is {confidence}", "a share in (0, 1) is accepted")
    check_at_least(1, resamples=resamples)
    number: dict[Hashable, int] = {}
    group = [number.setdefault(label, len(number)) for label in labels]
    count = len(number)
    if count < 2:
        raise InputError("groups", f"are {count}", "two or more are needed to tell how much they vary")

    sums, sizes = np.bincount(group, difference), np.bincount(group)
    rng = np.random.default_rng(seed)
    means = []
    for start in range(0, resamples, _AT_ONCE):
        drawn = rng.integers(count, size=(min(_AT_ONCE, resamples - start), count))
        means.append(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    low, high = np.quantile(np.concatenate(means), [(1 - confidence) / 2, (1 + confidence) / 2])
    return PairedDifference(float(difference.mean()), float(low), float(high))

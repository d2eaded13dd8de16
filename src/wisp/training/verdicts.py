"""Verdicts on fine-tuned networks by photos they have not seen, and how many photos more would tell."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from wisp.evaluation.bootstrap import paired_bootstrap

LEAST: Final = 5
"""Fewer held-out subjects say nothing, whatever their scores."""
NORMAL: Final = 1.96
"""Half the width of a 95 % interval, in deviations of the mean."""


@dataclass(frozen=True)
class Verdict:
    """A recommendation by held-out photos, or none.

    Attributes:
        recommended: whether it is better beyond chance.
        words: why, one line.
    """

    recommended: bool
    words: str


def judge(
    before: Sequence[float], after: Sequence[float], subjects: Sequence[Hashable], share: float = 1.0
) -> Verdict:
    """Whether errors after are lower than before, by a paired bootstrap that draws whole subjects.

    Args:
        before: one error a held-out photo, the lower the better.
        after: the new network's of the same photos.
        subjects: what each photo shows.
        share: how many of one's photos are held out; 1 where each is, once.
    """
    old, new = float(np.mean(before)), float(np.mean(after))
    told = f"SAD {old:.2f} before, {new:.2f} after"
    count = len(set(subjects))
    if new >= old:
        return Verdict(False, f"not recommended: the whole result is no better ({told})")
    if count < LEAST:
        more = math.ceil((LEAST - count) / share)
        return Verdict(
            False, f"not recommended: {count} held out tell nothing ({told}); {_photos(more)} more might"
        )
    found = paired_bootstrap(after, before, subjects, seed=0)
    told += f", difference {found.mean:+.2f} ({found.low:+.2f} … {found.high:+.2f})"
    if found.high < 0:
        return Verdict(True, f"recommended: {told}")
    spread = max(abs(found.high - found.mean), abs(found.low - found.mean)) / NORMAL * math.sqrt(count)
    needed = math.ceil((NORMAL * spread / found.mean) ** 2)
    more = max(1, math.ceil((needed - count) / share))
    return Verdict(False, f"not recommended yet: {told} may be chance; about {_photos(more)} more would tell")


def _photos(count: int) -> str:
    return f"{count} photo" if count == 1 else f"{count} photos"

"""How much of a matte other methods and the network get right.

El Abdellaoui and Kachbal, background matting with DLMN-G and SSRN (Studies in Informatics and Control),
figure 9, "testing accuracy", which the text does not define. Our reading: the share of pixels whose alpha is
within 0.1 of the truth, over the whole picture and where the true alpha's trimap is unknown.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from wisp.core.arrays import UNKNOWN, Alpha
from wisp.evaluation.tables import markdown
from wisp.lab.figures import plots
from wisp.lab.figures.dlmn_cases import CASES, case_of, scene_of
from wisp.lab.figures.running import Running
from wisp.lab.figures.subjects import Source, round_to_bytes
from wisp.matting.trimap import trimap_from_alpha

WITHIN: Final = 0.1
"""Alpha this near to the truth counts as right."""
REGIONS: Final = ("whole", "unknown")


@dataclass(frozen=True)
class Trial:
    """One matte.

    Attributes:
        subject: whose.
        case: the background, a `wisp.lab.figures.dlmn_cases.Case`.
        method: as the command line has it.
        accuracy: by region.
    """

    subject: str
    case: str
    method: str
    accuracy: Mapping[str, float]


def accuracy(alpha: Alpha, truth: Alpha) -> dict[str, float]:
    """Shares of pixels within `WITHIN` of the truth, by region; 1 where a region is empty.

    Args:
        alpha: float32 (H, W), [0, 1]; rounded to 8 bits, as a file would have it.
        truth: like it.
    """
    right = np.abs(round_to_bytes(alpha) - truth) <= WITHIN
    unknown = trimap_from_alpha(truth) == UNKNOWN
    return {"whole": float(right.mean()), "unknown": float(right[unknown].mean()) if unknown.any() else 1.0}


def measure(
    sources: Sequence[Source],
    scenes: Sequence[Path],
    methods: Sequence[Running],
    *,
    longest: int | None = None,
    seed: int = 0,
    done: Callable[[], None] = lambda: None,
) -> list[Trial]:
    """Matte every subject in both cases with each method; arguments of `wisp.lab.figures.dlmn_compare.draw`.

    Raises:
        InputError: a file that cannot be read, or what the pipeline raises.
    """
    trials = []
    for index, source in enumerate(sources):
        subject = source.load(longest)
        for case in CASES:
            image = case_of(subject, case, scene_of(index, scenes, seed))
            for running in methods:
                found = accuracy(running(image).matte.alpha, subject.alpha)
                trials.append(Trial(subject.name, case, running.method, found))
                done()
    return trials


def report(trials: Sequence[Trial], about: Mapping[str, Any]) -> dict[str, bytes]:
    """``accuracy.json``, ``accuracy.md`` and ``accuracy.png``.

    Args:
        trials: what `measure` found.
        about: what the experiment was, for the heading.
    """
    methods = list(dict.fromkeys(trial.method for trial in trials))
    means = {
        case: {
            method: {region: mean_of(trials, case, method, region) for region in REGIONS}
            for method in methods
        }
        for case in CASES
    }
    header = ["method", *(f"{case}, {region}, %" for case in CASES for region in REGIONS)]
    rows = [
        [m, *(f"{100 * means[case][m][region]:.2f}" for case in CASES for region in REGIONS)] for m in methods
    ]
    heading = ", ".join(f"{key}: {value}" for key, value in about.items() if value is not None)
    text = f"{heading}. Pixels within {WITHIN} of the true alpha.\n\n{markdown(header, rows)}"
    series = {
        f"{case}, {region}": [100 * means[case][m][region] for m in methods]
        for case in CASES
        for region in REGIONS
    }
    content = {**about, "within": WITHIN, "mean": means, "trials": [vars(trial) for trial in trials]}
    return {
        "accuracy.json": json.dumps(content, indent=1).encode() + b"\n",
        "accuracy.md": text.encode(),
        "accuracy.png": plots.bars(methods, series, y=f"pixels within {WITHIN} of the truth, %"),
    }


def mean_of(trials: Sequence[Trial], case: str, method: str, region: str) -> float:
    """Mean accuracy of a method in a case."""
    mine = [t.accuracy[region] for t in trials if t.case == case and t.method == method]
    return float(np.mean(mine))

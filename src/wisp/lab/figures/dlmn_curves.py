"""Training and validation loss over steps.

El Abdellaoui and Kachbal, background matting with DLMN-G and SSRN (Studies in Informatics and Control),
figure 10. Both are the mean absolute error of alpha: in training ζ_alpha, in validation the MAE of held-out
samples by the averaged weights.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from wisp.core.errors import InputError
from wisp.lab.figures import plots

TRAINING, VALIDATION = "loss/alpha", "score/mae"


def read(run: Path) -> list[dict[str, float]]:
    """The history of a training run.

    Raises:
        InputError: no such run, or its history is damaged or has no alpha loss.
    """
    path = run / "history.json"
    accepted = "the folder of a run of wisp train dlmn or ssrn is accepted"
    if not path.is_file():
        raise InputError(run, "has no history.json", accepted)
    try:
        history: list[dict[str, float]] = json.loads(path.read_text(encoding="utf-8"))
        kept = [row for row in history if TRAINING in row]
    except (ValueError, TypeError) as error:
        raise InputError(path, "is no history of a run", accepted) from error
    if not kept:
        raise InputError(path, "has no loss of alpha", accepted)
    return history


def draw(runs: Sequence[Path]) -> bytes:
    """The curves of one run or several, as a PNG file.

    Raises:
        InputError: see `read`.
    """
    series = {}
    for run in runs:
        history = read(run)
        for name, key in (("training", TRAINING), ("validation", VALIDATION)):
            points = [(row["step"], row[key]) for row in history if key in row]
            if points:
                series[f"{run.name}, {name}"] = ([x for x, _ in points], [y for _, y in points])
    return plots.lines(series, x="steps", y="mean absolute error of alpha")

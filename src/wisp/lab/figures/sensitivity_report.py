"""The tables and plots of `wisp.lab.figures.portrait_sensitivity`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from wisp.evaluation.tables import markdown
from wisp.lab.figures import plots
from wisp.lab.figures.portrait_sensitivity import FOUND, STOPS, Experiment, Trial
from wisp.lab.figures.worse_masks import KINDS, STEPS

METRICS: Final = (("mse", "MSE ×10³", 1e3), ("mae", "MAE ×10³", 1e3), ("sad", "SAD", 1.0))
METRICS_LONG: Final = (*METRICS, ("grad", "Grad", 1.0), ("conn", "Conn", 1.0))


def report(trials: Mapping[Experiment, Sequence[Trial]], about: Mapping[str, Any]) -> dict[str, bytes]:
    """Make the report's files: tables, plots and data, by file name.

    Args:
        trials: what `vary` returned.
        about: what the results depend on, for the JSON and the head of the tables.

    Returns:
        ``sensitivity.json`` with every trial, ``sensitivity.md`` with the tables, and a PNG an experiment.
    """
    kept = {name: [vars(trial) for trial in found] for name, found in trials.items()}
    summaries = {name: SUMMARIES[name](found) for name, found in trials.items()}
    parts = [", ".join(f"{key}: {value}" for key, value in about.items() if value is not None) + "."]
    parts += [TABLES[name](found) for name, found in trials.items()]
    results = {**about, "summary": summaries, "trials": kept}
    return {
        "sensitivity.json": json.dumps(results, indent=1).encode() + b"\n",
        "sensitivity.md": "\n".join(parts).encode(),
        **{f"{name}.png": PLOTS[name](found) for name, found in trials.items()},
    }


def mean_of(trials: Sequence[Trial], metric: str) -> float:
    """Mean of one score over trials."""
    return float(np.mean([trial.scores[metric] for trial in trials]))


def within_share(trials: Sequence[Trial], metric: str = "mse") -> float:
    """The part of a score's variance that is within subjects, [0, 1]; the rest is between them.

    0 where nothing varies. Backgrounds count for as much as subjects do at 0.5.
    """
    groups = [[t.scores[metric] for t in of_one] for of_one in by_subject(trials).values()]
    within = float(np.mean([np.var(values) for values in groups]))
    between = float(np.var([np.mean(values) for values in groups]))
    return within / (within + between) if within + between else 0.0


def by_subject(trials: Sequence[Trial]) -> dict[str, list[Trial]]:
    """Trials of each subject, in their order."""
    out: dict[str, list[Trial]] = {}
    for trial in trials:
        out.setdefault(trial.subject, []).append(trial)
    return out


def _summary_of_backgrounds(trials: Sequence[Trial]) -> dict[str, Any]:
    subjects = {
        name: {metric: _spread([t.scores[metric] for t in mine]) for metric in mine[0].scores}
        for name, mine in by_subject(trials).items()
    }
    return {"subjects": subjects, "mse_variance_within_subjects": within_share(trials)}


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {
        "mean": float(np.mean(values)),
        "sd": float(np.std(values)),
        "least": min(values),
        "most": max(values),
    }


def _table_of_backgrounds(trials: Sequence[Trial]) -> str:
    header = ["subject", *(f"MSE ×10³, {word}" for word in ("mean", "sd", "least", "most"))]
    header += ["SAD, mean", "SAD, sd"]
    rows = []
    groups = by_subject(trials)
    for name, mine in groups.items():
        mse, sad = (_spread([t.scores[metric] for t in mine]) for metric in ("mse", "sad"))
        cells = [1e3 * value for value in mse.values()] + [sad["mean"], sad["sd"]]
        rows.append([name, *(f"{value:.3g}" for value in cells)])
    count = max(len(mine) for mine in groups.values())
    heading = (
        f"**Background**: each subject over {count} backgrounds. Of the variance of MSE, "
        f"{within_share(trials):.0%} lies within subjects, the rest between them."
    )
    return f"\n{heading}\n\n{markdown(header, rows)}"


def _plot_of_backgrounds(trials: Sequence[Trial]) -> bytes:
    groups = {name: [1e3 * t.scores["mse"] for t in mine] for name, mine in by_subject(trials).items()}
    ordered = dict(sorted(groups.items(), key=lambda item: float(np.mean(item[1]))))
    return plots.strips(ordered, x="subject", y="MSE ×10³ over its backgrounds")


def _at(trials: Sequence[Trial], case: str, step: float) -> list[Trial]:
    return [trial for trial in trials if trial.case == case and trial.step == step]


def _summary_of_exposure(trials: Sequence[Trial]) -> dict[str, Any]:
    return {str(stops): _means(_at(trials, "exposure", stops)) for stops in STOPS}


def _means(trials: Sequence[Trial]) -> dict[str, float]:
    means = {name: mean_of(trials, name) for name in trials[0].scores}
    known = [trial.iou for trial in trials if trial.iou is not None]
    return {**means, "mask_iou": float(np.mean(known))} if known else means


def _table_of_exposure(trials: Sequence[Trial]) -> str:
    header = ["stops", *(heading for _, heading, _ in METRICS_LONG)]
    rows = [[f"{stops:+d}", *_cells(_at(trials, "exposure", stops))] for stops in STOPS]
    return f"\n**Exposure**: means over {len(by_subject(trials))} subjects.\n\n{markdown(header, rows)}"


def _cells(trials: Sequence[Trial]) -> list[str]:
    return [f"{mean_of(trials, metric) * factor:.3g}" for metric, _, factor in METRICS_LONG]


def _plot_of_exposure(trials: Sequence[Trial]) -> bytes:
    groups = by_subject(trials)
    series = {
        name: ([t.step for t in mine], [1e3 * t.scores["mse"] for t in mine]) for name, mine in groups.items()
    }
    mean = [1e3 * mean_of(_at(trials, "exposure", stops), "mse") for stops in STOPS]
    return plots.lines(
        {**series, "mean of all": (list(STOPS), mean)},
        x="exposure, stops",
        y="MSE ×10³, grey: each subject",
        faint=list(series),
    )


def _summary_of_mask(trials: Sequence[Trial]) -> dict[str, Any]:
    out: dict[str, Any] = {case: _means(_at(trials, case, 0)) for case in (FOUND, "true")}
    for kind in KINDS:
        out[kind] = {str(step): _means(_at(trials, kind, step)) for step in STEPS}
    return out


def _table_of_mask(trials: Sequence[Trial]) -> str:
    header = ["mask", "by, of the subject's size", "its IoU", *(heading for _, heading, _ in METRICS_LONG)]
    rows = []
    for case, step in [(FOUND, 0.0), ("true", 0.0), *((kind, step) for kind in KINDS for step in STEPS)]:
        mine = _at(trials, case, step)
        iou = _means(mine).get("mask_iou")
        rows.append([case, f"{step:.0%}" if step else "", "" if iou is None else f"{iou:.3f}", *_cells(mine)])
    return f"\n**Mask**: means over {len(by_subject(trials))} subjects.\n\n{markdown(header, rows)}"


def _plot_of_mask(trials: Sequence[Trial]) -> bytes:
    series = {}
    for kind in KINDS:
        at = [_at(trials, "true", 0), *(_at(trials, kind, step) for step in STEPS)]
        series[kind] = ([0.0, *(100 * step for step in STEPS)], [1e3 * mean_of(mine, "mse") for mine in at])
    found = 1e3 * mean_of(_at(trials, FOUND, 0), "mse")
    series[FOUND] = ([0.0, 100 * STEPS[-1]], [found, found])
    return plots.lines(series, x="how much worse the mask is, % of the subject's size", y="MSE ×10³")


SUMMARIES: Final = {
    "backgrounds": _summary_of_backgrounds,
    "exposure": _summary_of_exposure,
    "mask": _summary_of_mask,
}
TABLES: Final = {
    "backgrounds": _table_of_backgrounds,
    "exposure": _table_of_exposure,
    "mask": _table_of_mask,
}
PLOTS: Final = {"backgrounds": _plot_of_backgrounds, "exposure": _plot_of_exposure, "mask": _plot_of_mask}

"""What the subject benchmark found, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from wisp.evaluation.tables import markdown

COLUMNS: Final = {
    "sad": ("SAD", 1, 2),
    "mse": ("MSE ×10³", 1e3, 2),
    "mae": ("MAE ×10³", 1e3, 1),
    "grad": ("Grad", 1, 2),
    "conn": ("Conn", 1, 2),
    "iou": ("IoU", 1, 3),
}
"""Metric → heading, factor and decimals."""
NOTHING: Final = 0.002
"""The share of a picture's area up to which a cut-out counts as none."""
KEPT, WRONG = 0.95, 0.01
"""A case is well done from the one on and up to the other."""


def report(results: Mapping[str, Any]) -> str:
    """Tables of every set, of the differences between systems, by kind, and of the cases."""
    parts = [
        f"Half {results['half']} of sets that have halves; one core of an {results['machine']['cpu']}.\n"
    ]
    for name, found in results["sets"].items():
        if not found["systems"]:
            continue
        empty = any("cut_out" in row for row in found["systems"].values())
        subjects = "" if empty else f" of {found['subjects']} subjects"
        parts += [f"**{name}**, {found['pictures']} pictures{subjects}:\n"]
        parts += [_nothing(found)] if empty else _errors(found)
    if results["cases"]:
        parts += [
            "**Cases**, % kept of what must be kept / % kept of what must go:\n",
            _cases(results["cases"]),
        ]
    if results["left_out"]:
        parts += ["Left out: " + "; ".join(f"{name} ({why})" for name, why in results["left_out"].items())]
    return "\n".join(parts)


TOLD: Final = {
    "people-dev": "composites of {} people and groups: turned, seated, small, several, beside distractors",
    "things-dev": "animals, products, vehicles and toys, {} subjects",
}
"""What a reader is told of the sets with exact alpha."""


def summary(results: Mapping[str, Any]) -> str:
    """Errors of every system on the sets with exact alpha, in two tables."""
    parts = []
    for name, told in TOLD.items():
        found = results["sets"][name]
        parts += [f"{found['pictures']} {told.format(found['subjects'])}:\n", _errors(found)[0]]
    return "\n".join(parts)


def _errors(found: Mapping[str, Any]) -> list[str]:
    headings = [heading for heading, _, _ in COLUMNS.values()]
    rows = [
        [
            system,
            *(f"{row['mean'][key] * by:.{places}f}" for key, (_, by, places) in COLUMNS.items()),
            f"{row['cpu_s']:.3f}",
        ]
        for system, row in found["systems"].items()
    ]
    parts = [markdown(["", *headings, "CPU s"], rows)]
    rows = [
        [f"{ours} − {peer}", *(interval(row[key], by, places) for key, (_, by, places) in COLUMNS.items())]
        for ours, peers in found["differences"].items()
        for peer, row in peers.items()
        if row
    ]
    if rows:
        parts += ["Difference, ours − peer, and its 95 % interval (paired bootstrap by subject):\n"]
        parts += [markdown(["", *headings], rows)]
    rows = list(_by_label(found))
    if rows:
        parts += ["SAD / IoU by kind and variant:\n", markdown(["", "n", *found["systems"]], rows)]
    return parts


def _nothing(found: Mapping[str, Any]) -> str:
    rows = [
        [
            system,
            f"{row['cut_out']} of {found['pictures']}",
            f"{row['mean']['share']:.1%}",
            f"{row['cpu_s']:.3f}",
        ]
        for system, row in found["systems"].items()
    ]
    return markdown(["", f"more than {NOTHING:.1%} cut out", "mean share", "CPU s"], rows)


def _by_label(found: Mapping[str, Any]) -> Iterator[list[str]]:
    labels = found["labels"]
    for label in dict.fromkeys(label for own in labels.values() for label in own):
        names = [name for name, own in labels.items() if label in own]
        cells = []
        for row in found["systems"].values():
            sad, iou = (np.mean([row["images"][name][metric] for name in names]) for metric in ("sad", "iou"))
            cells.append(f"{sad:.1f} / {iou:.2f}")
        yield [label, str(len(names)), *cells]


def _cases(cases: Mapping[str, Any]) -> str:
    systems = list(dict.fromkeys(system for case in cases.values() for system in case["systems"]))
    rows = [
        [name, f"{case['area'] * 100:.2f}", *(_verdict(case["systems"][system]) for system in systems)]
        for name, case in cases.items()
    ]
    every = [[case["systems"][system] for case in cases.values()] for system in systems]
    rows += [
        [
            "mean",
            "",
            *(_verdict({key: _mean(verdicts, key) for key in ("kept", "wrong")}) for verdicts in every),
        ]
    ]
    rows += [["well done", "", *(f"{sum(map(_well_done, verdicts))} of {len(cases)}" for verdicts in every)]]
    return markdown(["photo", "area, %", *systems], rows)


def _mean(verdicts: Sequence[Mapping[str, float | None]], key: str) -> float | None:
    values = [verdict[key] for verdict in verdicts if verdict[key] is not None]
    return float(np.mean(np.array(values, float))) if values else None


def _well_done(verdict: Mapping[str, float | None]) -> bool:
    kept, wrong = verdict["kept"], verdict["wrong"]
    return (kept is None or kept >= KEPT) and (wrong is None or wrong <= WRONG)


def _verdict(verdict: Mapping[str, float | None]) -> str:
    return " / ".join(
        "–" if value is None else f"{value * 100:.1f}" for value in (verdict["kept"], verdict["wrong"])
    )


def interval(row: Mapping[str, float], by: float, places: int) -> str:
    """A paired difference and its interval, times `by`, with so many decimals."""
    mean, low, high = (f"{row[key] * by:+.{places}f}" for key in ("mean", "low", "high"))
    return f"{mean} ({low} … {high})"

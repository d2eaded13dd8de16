"""How much methods depend on how close the trimap lies.

Xu, Price, Cohen, Huang 2017, "Deep Image Matting" (CVPR), figure 7: one image of each object, the unknown
part dilated from the true alpha by d pixels for d = 1 … 19, SAD averaged over the images.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from wisp.core.arrays import Alpha, Trimap
from wisp.evaluation.tables import markdown
from wisp.lab.figures import plots
from wisp.lab.figures.guided import Truth, means, score_unknown
from wisp.lab.figures.running import Running
from wisp.matting.trimap import random_trimap

WIDTHS: Final = (1, 4, 7, 10, 13, 16, 19)
"""The paper's d, pixels."""

Scores = dict[str, dict[int, dict[str, dict[str, float]]]]
"""Method → width → image → metric → value."""


def one_of_each(truths: Sequence[Truth], seed: int) -> list[Truth]:
    """One photo of each thing, drawn at random, in the order in which things first appear."""
    rng = np.random.default_rng(seed)
    groups: dict[str, list[Truth]] = {}
    for truth in truths:
        groups.setdefault(truth.thing, []).append(truth)
    return [group[int(rng.integers(len(group)))] for group in groups.values()]


def widened(alpha: Alpha, width: int) -> Trimap:
    """The trimap whose unknown part is `alpha`'s mixed pixels and what lies within `width` pixels of them."""
    fixed = (width, width)
    return random_trimap(alpha, np.random.default_rng(0), erosion=fixed, dilation=fixed)


def vary(
    truths: Sequence[Truth],
    methods: Sequence[Running],
    widths: Sequence[int] = WIDTHS,
    *,
    done: Callable[[], None] = lambda: None,
) -> Scores:
    """Score every method on every photo with trimaps of every width.

    Where a trimap leaves nothing unknown there is nothing to score, and scores are nan.

    Args:
        truths: photos.
        methods: how mattes are made.
        widths: pixels.
        done: called after each matte.

    Raises:
        InputError: a file that cannot be read.
    """
    scores: Scores = {running.method: {width: {} for width in widths} for running in methods}
    for truth in truths:
        image, alpha = truth.load()
        for width in widths:
            trimap = widened(alpha, width)
            for running in methods:
                found = running.alpha(image, trimap)
                scores[running.method][width][truth.name] = score_unknown(found, alpha, trimap)
                done()
    return scores


def report(scores: Scores, about: Mapping[str, Any]) -> dict[str, bytes]:
    """``sensitivity.json``, ``.md`` and ``.png`` with SAD over the width, by file name.

    Args:
        scores: what `vary` returned.
        about: what they depend on, for the JSON and the head of the table.
    """
    widths = list(next(iter(scores.values())))
    table = {
        method: {width: means(list(images.values())) for width, images in found.items()}
        for method, found in scores.items()
    }
    count = len(next(iter(scores.values()))[widths[0]])
    head = ", ".join(f"{key}: {value}" for key, value in about.items() if value is not None)
    parts = ["# How the width of a trimap changes the result\n", f"{head}.\n" if head else ""]
    for metric, heading, factor in (("sad", "SAD", 1.0), ("mse", "MSE ×10³", 1e3)):
        rows = [
            [method, *(f"{found[width][metric] * factor:.3g}" for width in widths)]
            for method, found in table.items()
        ]
        header = ["d, pixels", *map(str, widths)]
        parts.append(f"**{heading}**, mean of {count} photos.\n\n{markdown(header, rows)}")
    series = {method: (widths, [found[w]["sad"] for w in widths]) for method, found in table.items()}
    content = {**about, "widths": widths, "mean": _keyed(table), "images": _keyed(scores)}
    return {
        "sensitivity.json": json.dumps(content, indent=1).replace("NaN", "null").encode() + b"\n",
        "sensitivity.md": "\n".join(parts).encode(),
        "sensitivity.png": plots.lines(series, x="d: how far the trimap is dilated, pixels", y="SAD"),
    }


def _keyed(table: Mapping[str, Mapping[int, Any]]) -> dict[str, dict[str, Any]]:
    """Widths as JSON's keys."""
    return {method: {str(width): cell for width, cell in found.items()} for method, found in table.items()}

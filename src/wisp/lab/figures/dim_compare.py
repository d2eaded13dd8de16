"""Every method with a trimap side by side: errors, sensitivity to the trimap, and a sheet of mattes.

Xu, Price, Cohen, Huang 2017, "Deep Image Matting" (CVPR): table 1, the errors of methods on composites with
exact alpha; figure 7, SAD over the trimap's distance; figure 9, their mattes of the same photos.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from wisp.core.errors import InputError
from wisp.evaluation.protocols import BENCHMARK
from wisp.evaluation.tables import markdown
from wisp.lab.figures.guided import NETWORK, Truth, means, score_unknown, trimap_of
from wisp.lab.figures.running import Running
from wisp.methods import classical_methods

COMPARED: Final = (*classical_methods(), NETWORK)
"""What is compared unless told otherwise; the sheet shows the last one's on green."""
COLUMNS: Final = {"sad": ("SAD", 1.0), "mse": ("MSE ×10³", 1e3), "grad": ("Grad", 1.0), "conn": ("Conn", 1.0)}

Scores = dict[str, dict[str, dict[str, dict[str, float]]]]
"""Trimap → method → photo → metric → value."""


def trimap_folders(folder: Path | str) -> dict[str, Path]:
    """The folders ``trimap``, ``trimap1``, ``trimap2`` … of a data set, by name, sorted.

    Raises:
        InputError: there is none.
    """
    found = {
        path.name: path
        for path in sorted(Path(folder).iterdir())
        if path.is_dir() and re.fullmatch(r"trimap\d*", path.name)
    }
    if not found:
        raise InputError(folder, "has no folder trimap", "a folder with trimap/, or trimap1/ …, is accepted")
    return found


def score(
    truths: Sequence[Truth],
    trimaps: Mapping[str, Path],
    methods: Sequence[Running],
    *,
    done: Callable[[], None] = lambda: None,
) -> Scores:
    """Errors of every method on every photo with every trimap, over its unknown part.

    Args:
        truths: photos with true alpha.
        trimaps: folders of trimaps under the photos' names, by name.
        methods: how mattes are made.
        done: called after each matte.

    Raises:
        InputError: a file that is missing, has another size or cannot be read, or what a method raises.
    """
    scores: Scores = {name: {running.method: {} for running in methods} for name in trimaps}
    for truth in truths:
        image, alpha = truth.load()
        for name, folder in trimaps.items():
            trimap = trimap_of(truth, folder, image)
            for running in methods:
                found = running.alpha(image, trimap)
                scores[name][running.method][truth.name] = score_unknown(found, alpha, trimap)
                done()
    return scores


def report(scores: Scores, about: Mapping[str, Any]) -> dict[str, bytes]:
    """``compare.json`` and ``compare.md``, a table each trimap, by file name.

    Args:
        scores: what `score` returned.
        about: what they depend on, for the JSON and the head of the tables.
    """
    mean = {
        trimap: {method: means(list(photos.values())) for method, photos in found.items()}
        for trimap, found in scores.items()
    }
    head = ", ".join(f"{key}: {value}" for key, value in about.items() if value is not None)
    parts = [f"{head}.\n" if head else ""]
    for trimap, found in mean.items():
        count = len(next(iter(scores[trimap].values())))
        rows = [
            [method, *(f"{values[key] * factor:.3g}" for key, (_, factor) in COLUMNS.items())]
            for method, values in sorted(found.items(), key=lambda item: item[1]["sad"])
        ]
        header = ["method", *(heading for heading, _ in COLUMNS.values())]
        parts.append(
            f"**{trimap}**, mean of {count} photos, the least SAD first.\n\n{markdown(header, rows)}"
        )
    content = {**about, "metrics": list(BENCHMARK), "mean": mean, "images": scores}
    return {
        "compare.json": json.dumps(content, indent=1).replace("NaN", "null").encode() + b"\n",
        "compare.md": "\n".join(parts).encode(),
    }


def spread(truths: Sequence[Truth], count: int) -> list[Truth]:
    """At most `count` photos, spread evenly over all."""
    step = max(1.0, len(truths) / count)
    return [truths[int(k * step)] for k in range(min(count, len(truths)))]

"""How methods fare by what a foreground is made of: hair, holes, semi-transparency.

Xu, Price, Cohen, Huang 2017, "Deep Image Matting" (CVPR), figure 8. On procedural foregrounds, whose alpha is
exact, over photos; and on photos whose kinds a list tells.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from wisp.compositing.backgrounds import fit_to_size
from wisp.compositing.over import over
from wisp.core.arrays import Alpha, Image, Trimap
from wisp.core.errors import InputError
from wisp.evaluation.tables import markdown
from wisp.io.images import read_photo
from wisp.lab.figures.dim_sensitivity import widened
from wisp.lab.figures.guided import Truth, means, read_list, score_unknown, trimap_of
from wisp.lab.figures.running import Running
from wisp.lab.figures.sheets import row, stack
from wisp.lab.figures.subjects import round_to_bytes

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "hair": ("hair", "curls", "fur", "lashes", "wool", "feather"),
    "holes": ("net", "lace", "wicker", "foliage", "grass"),
    "semi-transparency": ("glass", "cloth", "smoke", "motion", "defocus"),
}
"""Which procedural materials stand for each of the paper's kinds."""
WIDTH: Final = 10
"""How far the trimaps of procedural foregrounds are dilated, pixels."""


@dataclass(frozen=True)
class Case:
    """A photo with trimap and true alpha.

    Attributes:
        name: of the photo.
        kind: hair, holes, semi-transparency, or what a list calls it.
        image: float32 (H, W, 3).
        alpha: the true one, float32 (H, W).
        trimap: uint8 (H, W).
    """

    name: str
    kind: str
    image: Image
    alpha: Alpha
    trimap: Trimap


Scores = dict[str, dict[str, dict[str, dict[str, float]]]]
"""Kind → photo → method → metric → value."""


def procedural_cases(backgrounds: Sequence[Path], count: int, side: int, seed: int) -> Iterator[Case]:
    """`count` foregrounds of each material of `GROUPS`, `side` pixels square, over backgrounds in turn."""
    from wisp.data.procedural import generate

    number = 0
    for kind, materials in GROUPS.items():
        for material in materials:
            for index in range(count):
                rng = np.random.default_rng((seed, number))
                foreground, alpha = generate(material, (side, side), rng)
                alpha = round_to_bytes(alpha)
                scene = fit_to_size(
                    read_photo(backgrounds[number % len(backgrounds)]).image, alpha.shape, "cover"
                )
                image = round_to_bytes(over(foreground, alpha, scene))
                yield Case(f"{material} {index}", kind, image, alpha, widened(alpha, WIDTH))
                number += 1


def listed_cases(truths: Sequence[Truth], trimaps: Path | str, kinds: Mapping[str, str]) -> Iterator[Case]:
    """The photos that a list names, with the kind that it gives them."""
    for truth in truths:
        if truth.name in kinds:
            image, alpha = truth.load()
            yield Case(truth.name, kinds[truth.name], image, alpha, trimap_of(truth, trimaps, image))


def read_kinds(path: Path | str, truths: Sequence[Truth]) -> dict[str, str]:
    """Photo → kind, from CSV with the columns name and kind.

    Raises:
        InputError: the file cannot be read, or names a photo that is not among `truths`.
    """
    kinds = {entry["name"]: entry["kind"] for entry in read_list(path, ("name", "kind"))}
    strange = sorted(kinds.keys() - {truth.name for truth in truths})
    if strange:
        raise InputError(path, f"names {strange[0]}, which there is not", "names of photos are accepted")
    return kinds


def compare(
    cases: Iterator[Case],
    methods: Sequence[Running],
    *,
    height: int = 200,
    done: Callable[[], None] = lambda: None,
) -> tuple[Scores, Image]:
    """Score every method on every case, and draw the first case of each material or photo.

    Args:
        cases: what to matte.
        methods: how.
        height: of a row of the sheet, pixels.
        done: called after each matte.

    Returns:
        The scores, and a sheet: photo, trimap, the methods' alphas, truth.

    Raises:
        InputError: a file that cannot be read.
    """
    scores: Scores = {}
    rows, drawn = [], set()
    for case in cases:
        found = scores.setdefault(case.kind, {}).setdefault(case.name, {})
        alphas = []
        for running in methods:
            alphas.append(running.alpha(case.image, case.trimap))
            found[running.method] = score_unknown(alphas[-1], case.alpha, case.trimap)
            done()
        material = case.name.rpartition(" ")[0] or case.name
        if material not in drawn:
            drawn.add(material)
            shown = case.trimap.astype(np.float32) / np.float32(255)
            rows.append(row([case.image, shown, *alphas, case.alpha], height))
    return scores, stack(rows)


def report(scores: Scores, about: Mapping[str, Any]) -> dict[str, bytes]:
    """``kinds.json`` and ``kinds.md``, by file name.

    Args:
        scores: what `compare` returned.
        about: what they depend on.
    """
    methods = list(next(iter(next(iter(scores.values())).values())))
    table = {
        kind: {method: means([photo[method] for photo in photos.values()]) for method in methods}
        for kind, photos in scores.items()
    }
    head = ", ".join(f"{key}: {value}" for key, value in about.items() if value is not None)
    parts = [f"{head}.\n" if head else ""]
    for metric, heading, factor in (("sad", "SAD", 1.0), ("mse", "MSE ×10³", 1e3), ("grad", "Grad", 1.0)):
        rows = [
            [kind, str(len(scores[kind])), *(f"{found[method][metric] * factor:.3g}" for method in methods)]
            for kind, found in table.items()
        ]
        cells = markdown(["kind", "photos", *methods], rows)
        parts.append(f"**{heading}** over the unknown part.\n\n{cells}")
    content = {**about, "mean": table, "photos": scores}
    return {
        "kinds.json": json.dumps(content, indent=1).replace("NaN", "null").encode() + b"\n",
        "kinds.md": "\n".join(parts).encode(),
    }

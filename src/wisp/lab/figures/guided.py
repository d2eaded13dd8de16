"""What the figures of methods with a trimap share: which photos, which methods, and their scores."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from wisp.core.arrays import UNKNOWN, Alpha, Image, Trimap, check_same_size
from wisp.core.errors import InputError
from wisp.engine.engine import Engine
from wisp.engine.families import FAMILIES
from wisp.evaluation.protocols import BENCHMARK, score_alpha
from wisp.io.guidance import read_grey, read_trimap
from wisp.io.images import read_photo
from wisp.lab.figures.photos import partner, pictures
from wisp.lab.figures.running import Running
from wisp.methods import check_method, default_method

NETWORK: Final = default_method("trimap")
CLASSICAL: Final = ("closed-form", "knn", "random-walk")
PAIRS: Final = "pairs.csv"
"""What `wisp compose` writes: which foreground a composite shows."""


@dataclass(frozen=True)
class Truth:
    """A photo whose true alpha is known.

    Attributes:
        name: unique among those of its folder.
        photo: file.
        alpha: file.
        thing: what it shows: composites of one foreground show one thing.
    """

    name: str
    photo: Path
    alpha: Path
    thing: str

    def load(self) -> tuple[Image, Alpha]:
        """Photo (H, W, 3) and true alpha (H, W); `InputError` where sizes differ or a file is damaged."""
        image, alpha = read_photo(self.photo).image, read_grey(self.alpha)
        check_same_size(str(self.alpha), alpha, f"photo {self.photo}", image)
        return image, alpha


def find_truths(folder: Path | str) -> list[Truth]:
    """The photos of a folder with ``image/`` and ``alpha/``, sorted.

    Raises:
        InputError: no such folder, no picture in it, or a photo without its alpha.
    """
    root = Path(folder)
    if not (root / "image").is_dir():
        problem = "has no image/" if root.is_dir() else "is no folder"
        raise InputError(folder, problem, "a folder with image/ and alpha/ is accepted")
    things = _things(root / PAIRS)
    return [
        Truth(place.name, place.path, partner(place.name, root / "alpha"), things.get(place.name, place.name))
        for place in pictures([root / "image"])
    ]


def trimap_of(truth: Truth, folder: Path | str, image: Image) -> Trimap:
    """The trimap that lies in a folder under a photo's name; `InputError` where there is none."""
    path = partner(truth.name, folder)
    trimap = read_trimap(path, exact=True)
    check_same_size(str(path), trimap, f"photo {truth.photo}", image)
    return trimap


def runnings(
    methods: Sequence[str] | None,
    default: Sequence[str],
    model: str | None,
    engine: Engine,
) -> list[Running]:
    """The methods asked for, `model` being the network's of Deep Image Matting.

    Args:
        methods: by name; None or none at all for the default.
        default: those; the network is left out where none is shipped and no `model` is given.
        model: name or file.
        engine: what runs networks.

    Raises:
        InputError: a method that there is not.
    """
    chosen = list(methods or [])
    if not chosen:
        usable = model is not None or FAMILIES[NETWORK].default
        chosen = [name for name in default if name != NETWORK or usable]
    found = []
    for name in chosen:
        own = model if name == NETWORK else None
        check_method(name, own)
        found.append(Running(name, own, engine))
    return found


def score_unknown(alpha: Alpha, truth: Alpha, trimap: Trimap) -> dict[str, float]:
    """SAD, MSE, Grad and Conn over the unknown part, both alphas (H, W) rounded to 8 bits; nan where none."""
    region = trimap == UNKNOWN
    if not region.any():
        return dict.fromkeys(BENCHMARK, float("nan"))
    return score_alpha(alpha, truth, region, BENCHMARK)


def read_list(path: Path | str, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a CSV file that must have these columns; `InputError` where it has not."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, "cannot be read", "a CSV file in UTF-8 is accepted") from error
    rows = list(csv.DictReader(io.StringIO(text)))
    if not rows or any(row.get(column) is None for row in rows for column in columns):
        raise InputError(path, "lacks a column or a row", f"CSV with {', '.join(columns)} is accepted")
    return rows


def means(cells: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Metric → mean of the cells that have a number; nan where none has."""
    out = {}
    for name in BENCHMARK:
        values = [cell[name] for cell in cells if not np.isnan(cell[name])]
        out[name] = float(np.mean(values)) if values else float("nan")
    return out


def _things(pairs: Path) -> dict[str, str]:
    if not pairs.is_file():
        return {}
    return {row["name"]: row["foreground"] for row in read_list(pairs, ("name", "foreground"))}

"""The protocol of alphamatting.com: several methods, the same photos with several trimaps each, and ranks.

Rhemann et al., "A Perceptually Motivated Online Benchmark for Image Matting" (CVPR 2009); Xu et al., "Deep
Image Matting" (CVPR 2017), section 5.1. In each column, a photo with one of its trimaps, methods are ranked
by their error. A method's rank with a trimap is the mean of its ranks over the photos, its overall rank that
over all columns. The site has a table of its own for each error, and so have we; it ranks dozens of methods,
whereas ranks here are among those whose folders are there. Methods with the same error share the better rank.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from wisp.core.arrays import check_same_size
from wisp.core.errors import InputError
from wisp.evaluation.protocols import BENCHMARK, Pair, find_pairs, read_stored, score_pair
from wisp.evaluation.tables import markdown
from wisp.io.atomic import reason, write_files
from wisp.io.formats import FORMATS
from wisp.io.guidance import read_trimap
from wisp.io.images import encode_image

PROTOCOL: Final = "alphamatting"
TRIMAP: Final = re.compile(r"trimap\d+", re.IGNORECASE)
"""What a folder of trimaps, or of the predictions that were made with them, is called."""
LAYOUT: Final = "METHOD/trimap1/NAME.png, METHOD/trimap2/NAME.png … is accepted"


@dataclass(frozen=True)
class Entrant:
    """One method.

    Attributes:
        name: of its folder.
        pairs: its predictions by the trimap that they were made with.
        ignored: number of its predictions without a truth.
    """

    name: str
    pairs: Mapping[str, Sequence[Pair]]
    ignored: int = 0


@dataclass(frozen=True)
class Ranking:
    """The scores and ranks of several methods on several trimaps.

    Attributes:
        scores: method → trimap → image → metric → value.
        ignored: number of predictions without a truth.
    """

    scores: Mapping[str, Mapping[str, Mapping[str, Mapping[str, float]]]]
    ignored: int = 0

    @property
    def trimaps(self) -> list[str]:
        """Names of the trimaps."""
        return list(next(iter(self.scores.values())))

    @property
    def count(self) -> int:
        """Photos with one of their trimaps: the columns of the tables."""
        return sum(len(images) for images in next(iter(self.scores.values())).values())

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics."""
        images = next(iter(next(iter(self.scores.values())).values()))
        return list(next(iter(images.values())))

    def mean(self, method: str, trimap: str | None = None) -> dict[str, float]:
        """Metric → mean over the photos with one trimap, or over all columns."""
        chosen = self.trimaps if trimap is None else [trimap]
        cells = [cell for name in chosen for cell in self.scores[method][name].values()]
        return {metric: float(np.mean([cell[metric] for cell in cells])) for metric in self.metrics}

    def ranks(self, metric: str) -> dict[str, dict[str, float]]:
        """Method → trimap, and ``overall`` → mean rank by a metric; 1 is best."""
        placed: dict[str, dict[str, list[int]]] = {
            method: {trimap: [] for trimap in self.trimaps} for method in self.scores
        }
        for trimap in self.trimaps:
            for image in next(iter(self.scores.values()))[trimap]:
                column = {method: rows[trimap][image][metric] for method, rows in self.scores.items()}
                for method, value in column.items():
                    better = sum(other < value for other in column.values())
                    placed[method][trimap].append(1 + better)
        return {
            method: {
                "overall": float(np.mean([rank for ranks in found.values() for rank in ranks])),
                **{trimap: float(np.mean(ranks)) for trimap, ranks in found.items()},
            }
            for method, found in placed.items()
        }

    def to_dict(self) -> dict[str, Any]:
        """The ranking as a dictionary that JSON can hold.

        ``{"protocol", "count", "region", "trimaps", "ranks": {metric: {method: {"overall", trimap …}}},
        "methods": {method: {"mean": {metric: value}, "trimaps": {trimap: {"count", "region", "mean",
        "images"}}}}}``: what a method has of a trimap is as in a report of the default protocol.
        """
        methods = {
            method: {
                "mean": self.mean(method),
                "trimaps": {
                    trimap: {
                        "count": len(images),
                        "region": "unknown",
                        "mean": self.mean(method, trimap),
                        "images": {name: dict(values) for name, values in images.items()},
                    }
                    for trimap, images in rows.items()
                },
            }
            for method, rows in self.scores.items()
        }
        return {
            "protocol": PROTOCOL,
            "count": self.count,
            "region": "unknown",
            "trimaps": self.trimaps,
            "ranks": {metric: self.ranks(metric) for metric in self.metrics},
            "methods": methods,
        }

    def to_json(self) -> str:
        """`to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)

    def rows(self, metric: str) -> tuple[list[str], list[list[str]]]:
        """The site's table of one metric, best overall rank first: its header and its rows.

        Columns: method, ranks (overall, then each trimap), the metric's means in the same order.
        """
        ranks = self.ranks(metric)
        header = ["method", "rank", *(f"rank, {trimap}" for trimap in self.trimaps), metric]
        header += [f"{metric}, {trimap}" for trimap in self.trimaps]
        rows = []
        for method in sorted(ranks, key=lambda name: ranks[name]["overall"]):
            means = [self.mean(method)[metric], *(self.mean(method, t)[metric] for t in self.trimaps)]
            placed = [f"{rank:.1f}" for rank in ranks[method].values()]
            rows.append([method, *placed, *(f"{value:.4g}" for value in means)])
        return header, rows

    def to_markdown(self) -> str:
        """A table a metric."""
        return "\n".join(f"**{metric}**\n\n{markdown(*self.rows(metric))}" for metric in self.metrics)


def find_entrants(
    predictions: Path | str, truth: Path | str, *, trimaps: Path | str | None = None
) -> list[Entrant]:
    """Pair every method's predictions with the truths and the trimaps, without opening a file.

    Args:
        predictions: folder of methods, each a folder with one of predictions a trimap; or such a method.
        truth: folder of true alphas; or the folder of the set, with ``alpha/`` and its trimaps.
        trimaps: folder with ``trimap1/``, ``trimap2/`` … in any case of letters; that of the set when None.

    Returns:
        The methods in the order of their names.

    Raises:
        InputError: no such folder or layout, or a truth that has no prediction or no trimap.
    """
    alphas, drawn = _set(Path(truth), None if trimaps is None else Path(trimaps))
    entrants = []
    for folder in methods_of(predictions):
        made = trimap_folders(folder)
        pairs: dict[str, tuple[Pair, ...]] = {}
        ignored = 0
        for name, place in drawn.items():
            if name not in made:
                raise InputError(folder, f"has no predictions for {name}", LAYOUT)
            pairing = find_pairs(made[name], alphas, trimaps=place)
            pairs[name], ignored = pairing.pairs, ignored + pairing.ignored
        entrants.append(Entrant(folder.name, pairs, ignored))
    return entrants


def rank(entrants: Sequence[Entrant], *, scored: Callable[[], None] = lambda: None) -> Ranking:
    """Score the methods that `find_entrants` found.

    Args:
        entrants: at least one.
        scored: called after each prediction.

    Raises:
        InputError: a prediction or a trimap of another size than the truth, one that cannot be read, or a
            trimap without unknown pixels.
    """
    scores: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for entrant in entrants:
        for trimap, pairs in entrant.pairs.items():
            found = scores.setdefault(entrant.name, {}).setdefault(trimap, {})
            for pair in pairs:
                found[pair.name] = score_pair(pair, BENCHMARK)
                scored()
    return Ranking(scores, sum(entrant.ignored for entrant in entrants))


def methods_of(predictions: Path | str) -> list[Path]:
    """The folders of methods, sorted; `predictions` itself where it has a folder a trimap."""
    root = Path(predictions)
    if not root.is_dir():
        problem = "is a file" if root.exists() else "does not exist"
        raise InputError(predictions, problem, f"a folder with {LAYOUT}")
    if trimap_folders(root):
        return [root.resolve() if root.name in ("", "..") else root]
    found = [path for path in sorted(root.iterdir()) if path.is_dir() and trimap_folders(path)]
    if not found:
        raise InputError(predictions, "has no folder of predictions for each trimap", LAYOUT)
    return found


def trimap_folders(folder: Path) -> dict[str, Path]:
    """The subfolders ``trimap1``, ``trimap2`` … by their names in small letters, sorted."""
    found = [path for path in folder.iterdir() if path.is_dir() and TRIMAP.fullmatch(path.name)]
    return {path.name.lower(): path for path in sorted(found, key=lambda path: int(path.name[6:]))}


def write_submission(
    predictions: Path | str,
    trimaps: Path | str,
    out: Path | str,
    *,
    overwrite: bool = False,
    written: Callable[[], None] = lambda: None,
) -> int:
    """Write what the site takes: ``Trimap1/``, ``Trimap2/`` …, an 8-bit grey PNG a photo, under its name.

    Of several methods each gets a folder of its own. True alphas are not needed; the site has them.

    Args:
        predictions: as in `find_entrants`.
        trimaps: folder with ``trimap1/``, ``trimap2/`` …, as the site's ``trimap_lowres``.
        out: the folder; created when missing.
        overwrite: replace files of an earlier one.
        written: called after each prediction is read.

    Returns:
        How many files were written; they appear together or not at all.

    Raises:
        InputError: a trimap without a prediction of its size, or what cannot be read or written.
    """
    root = Path(out)
    methods = methods_of(predictions)
    contents: dict[str, bytes] = {}
    for folder in methods:
        made = trimap_folders(folder)
        for name, place in _trimaps(Path(trimaps)).items():
            if name not in made:
                raise InputError(folder, f"has no predictions for {name}", LAYOUT)
            for pair in find_pairs(made[name], place).pairs:
                alpha = read_stored(pair.prediction)
                check_same_size(
                    str(pair.prediction), alpha, f"trimap {pair.truth}", read_trimap(pair.truth, exact=True)
                )
                parent = root / folder.name if len(methods) > 1 else root
                path = parent / name.capitalize() / f"{pair.name}.png"
                contents[str(path)] = encode_image(alpha, FORMATS["png"], bits=8)
                written()
    try:
        for name in contents:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(out, f"cannot be written to: {reason(error)}") from error
    write_files(contents, overwrite=overwrite)
    return len(contents)


def _set(truth: Path, trimaps: Path | None) -> tuple[Path, dict[str, Path]]:
    """The folder of true alphas, and those of trimaps by name."""
    if not truth.is_dir():
        problem = "is a file" if truth.exists() else "does not exist"
        raise InputError(truth, problem, "a folder of true alphas is accepted")
    alphas = truth / "alpha" if (truth / "alpha").is_dir() else truth
    if trimaps is None and alphas == truth:
        raise InputError("--trimaps", "is missing", "the folder of trimap1/, trimap2/ … is accepted")
    return alphas, _trimaps(truth if trimaps is None else trimaps)


def _trimaps(folder: Path) -> dict[str, Path]:
    found = trimap_folders(folder) if folder.is_dir() else {}
    if not found:
        raise InputError(folder, "has no folder trimap1", "a folder with trimap1/, trimap2/ … is accepted")
    return found

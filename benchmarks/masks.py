"""Which method makes most of a mask that is given by hand: masks wrong in the ways that masks are.

Run from the root of the repository::

    python benchmarks/masks.py                                    half a of people-dev and things-dev
    python benchmarks/masks.py --half b --keep                    keep the result in results/masks.json
    python benchmarks/masks.py --every 3                          every third picture
    python benchmarks/masks.py --table                            the kept result as Markdown

Masks are made of the true alpha (`MASKS`); ways are those of benchmarks/chain.py. Error is over the whole
image, mean over both sets' pictures; differences are to closed-form matting in the mask's trimap, with the
95 % interval of a paired bootstrap that draws whole subjects.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from _photo_sets import read_set
from _systems import stay_on_one_core
from chain import METRICS, SETS, SHARED, Parts
from wisp.core.arrays import Alpha, Mask
from wisp.core.resample import resize
from wisp.evaluation.bootstrap import paired_bootstrap
from wisp.evaluation.protocols import as_stored
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo
from wisp.matting.cleaning import clean
from wisp.matting.trimap import impose_known

RESULTS: Final = Path(__file__).parent / "results" / "masks.json"
CLOSED_FORM: Final = "closed-form in the mask's trimap"

Damage = Callable[[Alpha, np.random.Generator], Mask]


def _coarse(alpha: Alpha, rng: np.random.Generator) -> Mask:
    """Drawn at a 24th of the size, enlarged again."""
    height, width = alpha.shape
    return resize(resize(alpha, max(2, height // 24), max(2, width // 24)), height, width).clip(0, 1)


def _shifted(alpha: Alpha, rng: np.random.Generator) -> Mask:
    """Hard, and beside its place by 1 % of the longer side."""
    angle, length = rng.uniform(0, 2 * np.pi), 0.01 * max(alpha.shape)
    move = np.array([[1, 0, length * np.cos(angle)], [0, 1, length * np.sin(angle)]])
    hard = (alpha > 0.5).astype(np.float32)
    moved: Mask = cv2.warpAffine(hard, move, alpha.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    return moved


def _holed(alpha: Alpha, rng: np.random.Generator) -> Mask:
    """Hard, with three holes and a patch too much, each of 3 to 6 % of the longer side."""
    mask = (alpha > 0.5).astype(np.float32)
    inside = np.argwhere(alpha > 0.9)
    for value, count in ((0.0, 3), (1.0, 1)):
        for _ in range(count if len(inside) else 0):
            row, column = (
                inside[int(rng.integers(len(inside)))] if value == 0 else rng.uniform(0, 1, 2) * alpha.shape
            )
            radius = int(rng.uniform(0.015, 0.03) * max(alpha.shape)) + 1
            cv2.circle(mask, (int(column), int(row)), radius, value, -1)
    return mask


def _hard(alpha: Alpha, rng: np.random.Generator) -> Mask:
    """The true alpha cut at one half."""
    return (alpha > 0.5).astype(np.float32)


def _wide(alpha: Alpha, rng: np.random.Generator) -> Mask:
    """Hard, and wider by 1 % of the longer side, as people draw around hair."""
    radius = round(0.01 * max(alpha.shape))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    wider: Mask = cv2.dilate((alpha > 0.5).astype(np.float32), kernel)
    return wider


def _exact(alpha: Alpha, rng: np.random.Generator) -> Mask:
    """The true alpha itself."""
    return alpha


MASKS: Final[Mapping[str, Damage]] = {
    "coarse": _coarse,
    "shifted": _shifted,
    "holed": _holed,
    "hard-edged": _hard,
    "too wide": _wide,
    "exact": _exact,
}


def ways() -> dict[str, Callable[[Parts], Alpha]]:
    """Ways from a mask to an alpha; closed-form matting first."""
    return {
        CLOSED_FORM: lambda p: p.closed_form,
        "the mask itself": lambda p: p.mask,
        "as without guidance: mixture with the network": lambda p: clean(p.mixture),
        "the network alone": lambda p: clean(p.network()),
        "the network in the band": lambda p: impose_known(p.network(), p.trimap),
        "mean of both in the band": lambda p: impose_known(
            (p.first + p.network()) * np.float32(0.5), p.trimap
        ),
    }


def measure(
    folders: Sequence[Path], half: str, chosen: Mapping[str, Callable[[Parts], Alpha]], every: int = 1
) -> dict[str, dict[str, dict[str, Any]]]:
    """By kind of mask and way: means, and the difference of SAD to the first way."""
    scores: dict[tuple[str, str], dict[str, list[float]]] = {
        (kind, way): {metric: [] for metric in METRICS} for kind in MASKS for way in chosen
    }
    groups: list[str] = []
    for folder in folders:
        for number, picture in enumerate(read_set(folder, half)[::every]):  # type: ignore[arg-type]
            if picture.truth is None:
                continue
            image, truth = read_photo(picture.photo).image, read_grey(picture.truth)
            groups.append(f"{folder.name} {picture.group}")
            for kind, damage in MASKS.items():
                parts = Parts(image, damage(truth, np.random.default_rng(number)))
                for way, function in chosen.items():
                    alpha = as_stored(function(parts))
                    for metric, measured in METRICS.items():
                        scores[kind, way][metric].append(measured(alpha, truth))
    result: dict[str, dict[str, dict[str, Any]]] = {}
    for (kind, way), by_metric in scores.items():
        row: dict[str, Any] = {metric: float(np.mean(values)) for metric, values in by_metric.items()}
        found = paired_bootstrap(by_metric["sad"], scores[kind, CLOSED_FORM]["sad"], groups, seed=0)
        row["difference"] = [found.mean, found.low, found.high]
        result.setdefault(kind, {})[way] = row
    return result


def table(result: Mapping[str, Mapping[str, Mapping[str, Any]]], half: str) -> str:
    """A result as Markdown."""
    lines = [
        f"Half {half}:\n",
        "| mask | way | SAD | difference | MSE ×10³ | Grad | Conn |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind, rows in result.items():
        for way, row in rows.items():
            mean, low, high = row["difference"]
            lines.append(
                f"| {kind} | {way} | {row['sad']:.2f} | {mean:+.2f} ({low:+.2f} … {high:+.2f}) | "
                f"{1000 * row['mse']:.2f} | {row['grad']:.2f} | {row['conn']:.2f} |"
            )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and, where asked, keep."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--half", choices=("a", "b"), default="a")
    parser.add_argument("--eval", type=Path, default=SHARED / "eval")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args(arguments)
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if given.table:
        for half, result in kept.items():
            print(table(result, half))
        return
    stay_on_one_core()
    result = measure([given.eval / name for name in SETS], given.half, ways(), given.every)
    print(table(result, given.half))
    if given.keep:
        kept[given.half] = result
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()

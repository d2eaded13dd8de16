"""What the terms of the matting network's loss bring: short runs of equal length, beside three seeds.

Run from the root of the repository, with the ``train`` extra installed::

    python benchmarks/matting_losses.py --segmenter FILE -o RUNS             train and score what is not done
    python benchmarks/matting_losses.py … -o RUNS --only base-0 composition  these alone
    python benchmarks/matting_losses.py --table                              the kept result as Markdown

Every run goes on from `START` for `STEPS` steps of `BATCH` samples and differs from ``base`` in the weights
that its name says. Scored are half ``a`` of people-dev and things-dev from the shipped subject network's
masks: the network alone, and the whole default with it. Runs that are done are not done again; what is there
is kept in benchmarks/results/matting_losses.json. Believe nothing smaller than twice the spread of the seeds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from _photo_sets import read_set
from chain import Parts
from wisp.cli import main as wisp
from wisp.cli.train.options import CorpusOptions
from wisp.cli.train.packs import packs_of
from wisp.cli.train.subject import FINE_SIDE
from wisp.engine.families.subject import find_subject
from wisp.evaluation.metrics import grad, mse, sad
from wisp.evaluation.protocols import as_stored
from wisp.evaluation.tables import markdown
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo
from wisp.matting.cleaning import clean
from wisp.matting.mixing import mix_alphas
from wisp.training.importing import continued
from wisp.training.loop import fit
from wisp.training.recipes.matting import MattingRecipe, MattingTask

ROOT: Final = Path(__file__).parent.parent
RESULTS: Final = ROOT / "benchmarks" / "results" / "matting_losses.json"
SETS: Final = ("people-dev", "things-dev")
METRICS: Final = {"sad": sad, "mse": mse, "grad": grad}
START: Final = "matting-mobile"
STEPS: Final = 100
BATCH: Final = 8


@dataclass(frozen=True)
class Variant:
    """A run.

    Attributes:
        seed: of its samples.
        weights: of the loss's terms where they differ, by the fields of `Coefficients`.
    """

    seed: int = 0
    weights: Mapping[str, float] | None = None


VARIANTS: Final[Mapping[str, Variant]] = {
    "base-0": Variant(seed=0),
    "base-1": Variant(seed=1),
    "base-2": Variant(seed=2),
    "no-laplacian": Variant(weights={"laplacian": 0, "refined_laplacian": 0}),
    "gradient": Variant(weights={"gradient": 1}),
    "composition": Variant(weights={"composition": 1}),
}


def train(variant: Variant, folder: Path, given: argparse.Namespace) -> None:
    """Train one variant and export it to `folder`/network.onnx."""
    recipe = MattingRecipe()
    schedule = replace(
        recipe.schedule,
        steps=STEPS,
        batch=BATCH,
        warm_up=10,
        average=0.98,
        seed=variant.seed,
        validate_every=10 * STEPS,
        checkpoint_every=STEPS,
    )
    weights = replace(recipe.coefficients, **(variant.weights or {}))
    recipe = continued(replace(recipe, coefficients=weights, schedule=schedule), START, "lean")
    packs = packs_of(given.data, given.packs or given.out, CorpusOptions(), side=FINE_SIDE, report=print)
    task = MattingTask(recipe, *packs, segmenter=str(given.segmenter), start=START)
    fit(task, schedule, folder, report=print)
    code = wisp(["export", str(folder / "last.pt"), "-o", str(folder / "network.onnx")])
    if code:
        raise SystemExit(code)


def score(networks: Mapping[str, Path], folder: Path) -> dict[str, dict[str, list[float]]]:
    """Mean SAD, MSE ×10³ and Grad of half ``a`` of a set by network: alone, and of the whole default."""
    found: dict[str, list[list[float]]] = {name: [] for name in networks}
    for picture in read_set(folder, "a"):
        if picture.truth is None:
            continue
        image, truth = read_photo(picture.photo).image, read_grey(picture.truth)
        parts = Parts(image, find_subject(image).mask)
        for name, file in networks.items():
            alpha = parts.network(model=str(file))
            mixture = mix_alphas(parts.first, alpha, parts.trimap)
            shown = [as_stored(clean(of)) for of in (alpha, mixture)]
            found[name].append([metric(of, truth) for of in shown for metric in METRICS.values()])
    scale = np.array([1, 1000, 1] * 2)
    means = {name: (np.mean(rows, 0) * scale).round(3).tolist() for name, rows in found.items()}
    return {name: {"alone": of[:3], "default": of[3:]} for name, of in means.items()}


def table(kept: Mapping[str, Any]) -> str:
    """The kept scores as Markdown: the seeds' mean and spread, then differences to that mean."""
    runs = kept["runs"]
    columns = [(one, way) for one in SETS for way in ("alone", "default")]
    values = {name: np.concatenate([run[one][way] for one, way in columns]) for name, run in runs.items()}
    seeds = np.array([of for name, of in values.items() if name.startswith("base-")])
    mean, spread = seeds.mean(0), seeds.max(0) - seeds.min(0)

    def cells(of: Sequence[float], form: str) -> list[str]:
        return [" / ".join(format(v, form) for v in of[i : i + 3]) for i in range(0, len(of), 3)]

    rows = [
        ["base, mean of the seeds", *cells(mean.tolist(), ".2f")],
        ["greatest − least of them", *cells(spread.tolist(), ".2f")],
    ]
    for name, of in values.items():
        if not name.startswith("base-"):
            rows.append([name, *cells((of - mean).tolist(), "+.2f")])
    titles = [f"{one.removesuffix('-dev')}, {way}: SAD / MSE ×10³ / Grad" for one, way in columns]
    return markdown(["run", *titles], rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what is not done yet, score all of it; print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "corpus")
    parser.add_argument("--eval", type=Path, default=ROOT.parent / "shared" / "eval")
    parser.add_argument("--segmenter", type=Path, help="checkpoint of the network that makes coarse masks")
    parser.add_argument("--packs", type=Path, help="folder of the decoded photos [default: RUNS]")
    parser.add_argument("-o", "--out", type=Path, help="folder of the runs")
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args(arguments)
    if given.table:
        print(table(json.loads(RESULTS.read_text())))
        return
    if given.out is None or given.segmenter is None:
        parser.error("--out and --segmenter are needed")
    torch.set_num_threads(1)
    for name in given.only:
        if not (given.out / name / "network.onnx").exists():
            train(VARIANTS[name], given.out / name, given)
    networks = {
        name: given.out / name / "network.onnx"
        for name in VARIANTS
        if (given.out / name / "network.onnx").exists()
    }
    scored = {one: score(networks, given.eval / one) for one in SETS}
    runs = {name: {one: scored[one][name] for one in SETS} for name in networks}
    kept = {"settings": {"start": START, "steps": STEPS, "batch": BATCH}, "runs": runs}
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
    if any(name.startswith("base-") for name in runs):
        print(table(kept))


if __name__ == "__main__":
    main()

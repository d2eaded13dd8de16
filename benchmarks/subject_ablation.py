"""What each part of the subject network's training brings: short runs of equal length, beside three seeds.

Run from the root of the repository, with the ``train`` extra installed::

    python benchmarks/subject_ablation.py --teachers FOLDER --modnet FILE --imagenet FILE -o RUNS
    python benchmarks/subject_ablation.py … -o RUNS --only base-0 photos-25    these alone
    python benchmarks/subject_ablation.py --table                        the kept result as Markdown

Every run is `STEPS` steps of `BATCH` samples of `SIDE`² pixels (``longer``: twice as many), and differs from
``base`` in what its name says. Scored is the mask alone, of half ``a`` of people-dev and things-dev, seen
with a longer side of `SEEN` pixels: SAD, and IoU of both cut at one half. ``clicks`` is the IoU after three
clicks (`wisp.training.clicks`), the mask fed back. Runs that are done are not done again; what is there is
kept in benchmarks/results/subject_ablation.json. Believe nothing smaller than twice the spread of the seeds.
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
from _subject_network import MAPS, MULTIPLE
from wisp.cli.train.options import CorpusOptions
from wisp.cli.train.packs import packs_of
from wisp.core.arrays import Alpha, Float, Image
from wisp.core.resample import resize
from wisp.data.subject_samples import Sizes
from wisp.evaluation.metrics import iou, sad
from wisp.evaluation.tables import markdown
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo
from wisp.networks.checkpoints import read_checkpoint
from wisp.networks.subject import SubjectNetwork, subject_network
from wisp.training.clicks import add_click
from wisp.training.loop import fit
from wisp.training.recipes.subject import SubjectTask
from wisp.training.recipes.subject_recipes import SubjectRecipe

ROOT: Final = Path(__file__).parent.parent
RESULTS: Final = ROOT / "benchmarks" / "results" / "subject_ablation.json"
SETS: Final = ("people-dev", "things-dev")
STEPS: Final = 150
BATCH: Final = 16
SIDE: Final = 192
SEEN: Final = 256
CLICKS: Final = 3
CALM: Final[Mapping[str, float]] = dict.fromkeys(
    ("rotation", "turned", "cut", "distractor", "beside", "patterned", "like", "grey", "sepia", "degraded"),
    0.0,
) | {"motion_blur": 0.0}
"""The mix without what is done to samples, and without what stands beside subjects."""

CLEAR: Final = "CC0,Unsplash,MIT template,public domain,CC-BY-2.0;"
"""Licences of the corpus that leave no question; not those of repositories whose photos are others'."""
PEOPLE_ALONE: Final[Mapping[str, float]] = {"people": 1.0} | dict.fromkeys(
    ("thing", "held", "beside", "surroundings"), 0.0
)
"""The mix without things."""


@dataclass(frozen=True)
class Variant:
    """A run; what is left out is as in ``base``.

    Attributes:
        encoder: weights that the encoder begins with: ``modnet``, ``imagenet`` or ``none``.
        mix: fields of `wisp.data.subject_samples.SubjectMix`.
        photos: share of the people and things.
        teacher: whether RVM's alphas count where labels are not trusted.
        licences: texts of which a photo's licence must contain one, separated by commas; all when empty.
        steps: of the run.
        seed: of samples and weights.
    """

    encoder: str = "modnet"
    mix: Mapping[str, Any] | None = None
    photos: float = 1.0
    teacher: bool = True
    licences: str = ""
    steps: int = STEPS
    seed: int = 0


VARIANTS: Final = {
    **{f"base-{seed}": Variant(seed=seed) for seed in range(3)},
    "encoder-imagenet": Variant(encoder="imagenet"),
    "encoder-none": Variant(encoder="none"),
    "photos-25": Variant(photos=0.25),
    "photos-50": Variant(photos=0.5),
    "no-things": Variant(mix=PEOPLE_ALONE),
    "no-augmentation": Variant(mix=CALM),
    "no-teacher": Variant(teacher=False),
    "clear-licences": Variant(teacher=False, licences=CLEAR),
    "longer": Variant(steps=2 * STEPS),
    **{f"guided-{share:.0%}"[:-1]: Variant(mix={"guided": share}) for share in (0.0, 0.2, 0.5)},
}


def train(variant: Variant, folder: Path, given: argparse.Namespace) -> None:
    """Train one variant; `folder` keeps its weights."""
    recipe = SubjectRecipe(photos=variant.photos)
    synthesis = replace(recipe.synthesis, sizes=Sizes(((1.0, (SIDE,)),), wide=0.0))
    synthesis = replace(synthesis, mix=replace(synthesis.mix, **(variant.mix or {})))
    schedule = replace(
        recipe.schedule,
        steps=variant.steps,
        batch=BATCH,
        warm_up=10,
        average=0.98,
        seed=variant.seed,
        validate_every=10 * variant.steps,
        checkpoint_every=variant.steps,
    )
    recipe = replace(recipe, synthesis=synthesis, schedule=schedule)
    teachers = given.teachers if variant.teacher else None
    name = "photos-clear" if variant.licences else "photos" if variant.teacher else "photos-alone"
    chosen = CorpusOptions(licences=variant.licences)
    packs = packs_of(given.data, given.packs / name, chosen, teachers=teachers, report=print)
    encoder = {"modnet": given.modnet, "imagenet": given.imagenet, "none": None}[variant.encoder]
    task = SubjectTask(recipe, *packs, encoder)
    fit(task, schedule, folder, report=print)  # type: ignore[arg-type]


def score(network: SubjectNetwork, folder: Path) -> dict[str, float]:
    """Mean SAD and IoU of the mask alone, and IoU after clicks, of half ``a`` of a set."""
    found: dict[str, list[float]] = {"sad": [], "iou": [], "clicks": []}
    for number, picture in enumerate(read_set(folder, "a")):
        if picture.truth is None:
            continue
        image, truth = read_photo(picture.photo).image, read_grey(picture.truth)
        automatic, clicked = _answers(network, image, truth, number)
        found["sad"].append(sad(automatic, truth))
        found["iou"].append(iou(automatic, truth))
        found["clicks"].append(iou(clicked, truth))
    return {name: round(float(np.mean(values)), 4) for name, values in found.items()}


def _answers(network: SubjectNetwork, image: Image, truth: Alpha, seed: int) -> tuple[Alpha, Alpha]:
    """The automatic mask and the one after clicks, at the photo's size."""
    height, width = truth.shape
    scale = SEEN / max(height, width) / MULTIPLE
    size = [max(1, round(length * scale)) * MULTIPLE for length in (height, width)]
    seen = torch.from_numpy(np.ascontiguousarray(resize(image, *size).transpose(2, 0, 1)[None]))
    target, rng = resize(truth, *size), np.random.default_rng(seed)
    guidance = np.zeros((3, *size), np.float32)

    def answer() -> Float:
        with torch.inference_mode():
            logits = network(seen, torch.from_numpy(guidance[None])).logits
        mask: Float = logits[0, MAPS.index("subject")].sigmoid().numpy()
        return mask

    automatic = mask = answer()
    mask = np.zeros_like(mask)
    for _ in range(CLICKS):
        if add_click(guidance, target, mask, rng):
            mask = answer()
            guidance[2] = mask
    return resize(automatic, height, width).clip(0, 1), resize(mask, height, width).clip(0, 1)


def table(kept: Mapping[str, Any]) -> str:
    """The kept scores as Markdown: the seeds' mean and spread, then differences to that mean."""
    runs = kept["runs"]
    seeds = [runs[name] for name in runs if name.startswith("base-")]
    rows = []
    columns = [(name, key) for name in SETS for key in ("sad", "iou", "clicks")]
    values = {column: [run[column[0]][column[1]] for run in seeds] for column in columns}
    means = {column: float(np.mean(of)) for column, of in values.items()}
    spread = {column: max(of) - min(of) for column, of in values.items()}
    rows.append(["base, mean of the seeds", *(f"{means[c]:.3f}" for c in columns)])
    rows.append(["greatest − least of them", *(f"{spread[c]:.3f}" for c in columns)])
    for name, run in runs.items():
        if not name.startswith("base-"):
            rows.append([name, *(f"{run[c[0]][c[1]] - means[c]:+.3f}" for c in columns)])
    titles = {"sad": "SAD", "iou": "IoU", "clicks": f"IoU, {CLICKS} clicks"}
    return markdown(["run", *(f"{name.removesuffix('-dev')}: {titles[key]}" for name, key in columns)], rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and score what is not done yet; print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "corpus")
    parser.add_argument("--eval", type=Path, default=ROOT.parent / "shared" / "eval")
    parser.add_argument("--teachers", type=Path)
    parser.add_argument("--modnet", type=Path, help="MODNet's ONNX file")
    parser.add_argument("--imagenet", type=Path, help="torchvision's MobileNetV2, .pth")
    parser.add_argument("--packs", type=Path, help="folder of the decoded photos [default: RUNS]")
    parser.add_argument("-o", "--out", type=Path, help="folder of the runs")
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args(arguments)
    if given.table:
        print(table(json.loads(RESULTS.read_text())))
        return
    if given.out is None:
        parser.error("--out is needed")
    given.packs = given.packs or given.out
    torch.set_num_threads(1)
    for name in given.only:
        folder, scored = given.out / name, given.out / f"{name}.json"
        if not scored.exists():
            if not (folder / "last.pt").exists():
                train(VARIANTS[name], folder, given)
            network = subject_network().eval()
            network.load_state_dict(read_checkpoint(folder / "last.pt", "a run is accepted")["network"])
            found = {one: score(network, given.eval / one) for one in SETS}
            scored.write_text(json.dumps(found))
            print(name, found, flush=True)
    done = {
        name: json.loads((given.out / f"{name}.json").read_text())
        for name in VARIANTS
        if (given.out / f"{name}.json").exists()
    }
    settings = {"steps": STEPS, "batch": BATCH, "side": SIDE, "seen": SEEN}
    RESULTS.write_text(json.dumps({"settings": settings, "runs": done}, indent=1) + "\n")
    if any(name.startswith("base-") for name in done):
        print(table({"runs": done}))


if __name__ == "__main__":
    main()

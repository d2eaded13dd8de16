"""DLMN-G before and after SSRN, with and without motion cues, beside the methods that wisp uses.

    python benchmarks/dlmn.py --model NAME=FILE.onnx ... [--clips N] [--frames N] [--photos N] [--part PART]
    python benchmarks/dlmn.py --model NAME=FILE.onnx ... --sheets OUT PHOTO...     look at it, on green

A model is a network of the family ``dlmn``; an SSRN beside it (``FILE-ssrn.onnx``) is part of it, so that the
same DLMN-G with and without one, or with an earlier one, are models of their own.

1. ``composites``: mean SAD, MSE, Grad and Conn over portrait-dev, 24 composites of 12 people, and a half of
   people-dev (``--half``, ``--every 3`` for every third picture), whole image, as ``wisp cutout --method``
   gives them; `auto`, `portrait`, the matting network and the mask that all of them are given beside.
2. ``clips``: mean MAD, MSE, Grad and dtSSD of made clips (`benchmarks/video.py`), frame by frame and held
   steady, as ``wisp video`` does it: each model with the real neighbouring frames, and as if every frame
   were a still; `auto` and `portrait` beside. ``wisp video`` does `auto` unless told otherwise.
3. ``photos``: mean absolute error of real photos held out of training, whose labels another network made,
   each pixel counted as far as its label is trusted; and the mean alpha.
4. ``runs``: of each ``--run NAME=FOLDER`` of ``wisp train dlmn`` or ``ssrn`` how long it was, its losses and
   its held-out error, first and last, and the least and greatest mean alpha of held-out photos over that of
   the supervised start.
5. ``networks``: parameters.

`benchmarks/_readme.py` writes what is kept into docs/dlmn.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from _photo_sets import Half, read_set
from _sheets import of_files, write_sheets
from video import CORPUS, SEED, SIZE, Pixels, held_out, rendered, rounded
from wisp.clips.alpha import WarpedPrevious, upsample_to_frame
from wisp.clips.methods import alpha_method
from wisp.clips.steady import AlphaMethod, State, pair_with_motion, steady_alpha
from wisp.core.arrays import Alpha, Image, Mask, to_float
from wisp.core.errors import InputError
from wisp.data.clips import scenario
from wisp.data.datasets import corpus
from wisp.engine.families.subject import find_subject
from wisp.evaluation.protocols import PROTOCOLS
from wisp.evaluation.tables import markdown
from wisp.evaluation.video_metrics import clip_scores
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo
from wisp.lab.benchmark.machine import cpu_name
from wisp.networks.checkpoints import read_checkpoint
from wisp.networks.dlmn import dlmn_mobile, dlmn_paper
from wisp.networks.ssrn import ssrn_mobile, ssrn_resnet101
from wisp.pipeline import run

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "dlmn.json"
EVAL = ROOT.parent / "shared" / "eval"
SETS = ("portrait-dev", "people-dev")
PARTS = ("composites", "clips", "photos", "runs", "networks")
BESIDE: tuple[str, ...] = ("auto", "portrait")

Photo = Callable[..., Alpha]
Clip = Callable[[Iterable[Image]], Iterator[Alpha]]


def main() -> int:
    """Measure what was asked for, and keep it beside what is there of other parts."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--run", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--eval", type=Path, default=EVAL)
    parser.add_argument("--set", choices=SETS, action="append")
    parser.add_argument("--half", choices=("a", "b"), default="a")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--sheets", type=Path, metavar="DIR", help="write contact sheets and measure nothing")
    parser.add_argument("--cell", type=int, default=480, help="pixels of a picture's longer side on a sheet")
    parser.add_argument("shown", nargs="*", type=Path, metavar="PHOTO", help="of the sheets")
    options = parser.parse_args()
    models = dict(text.partition("=")[::2] for text in options.model)
    if not all(Path(file).is_file() for file in models.values()):
        print("left out: --model NAME=FILE names no file", file=sys.stderr)
        return 0
    if options.sheets is not None:
        columns = {name: of_files(estimate) for name, estimate in of_photos(models).items()}
        print(f"columns: photo, {', '.join(columns)}")
        for file, names in write_sheets(options.shown, columns, options.sheets, cell=options.cell):
            print(f"{file}: {', '.join(names)}", flush=True)
        return 0
    possible = {**dict.fromkeys(PARTS, bool(models)), "runs": bool(options.run), "networks": True}
    results = json.loads(options.out.read_text()) if options.out.is_file() else {}
    results["machine"] = {"cpu": cpu_name(), "cores": os.cpu_count()}
    for part in options.part or PARTS:
        if not possible[part]:
            print(f"{part}: left out, no --model or --run is given", file=sys.stderr)
            continue
        if part == "composites":
            for name in options.set or SETS:
                found = composites(models, options.eval / name, options.half, options.every)
                results.setdefault(part, {})[name] = found
        elif part == "clips":
            results[part] = clips(models, options.corpus, options.clips, options.frames)
        elif part == "photos":
            results[part] = photos(models, options.corpus, options.photos)
        elif part == "runs":
            results.setdefault(part, {}).update(runs(dict(text.partition("=")[::2] for text in options.run)))
        else:
            results[part] = networks()
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(results, indent=1) + "\n")
    return 0


def of_photos(models: Mapping[str, str]) -> dict[str, Photo]:
    """What mattes a photo, by name."""

    def by(method: str, model: str | None, image: Image, mask: Mask | None = None) -> Alpha:
        return run(image, mask=mask, method=method, model=model).matte.alpha

    beside: dict[str, Photo] = {name: partial(by, name, None) for name in BESIDE}
    return beside | {name: partial(by, "dlmn", file) for name, file in models.items()}


def of_clips(models: Mapping[str, str]) -> dict[str, Clip]:
    """What mattes the frames of a clip, by name."""

    def with_motion(method: AlphaMethod, frames: Iterable[Image]) -> Iterator[Alpha]:
        for image, own in pair_with_motion(frames, method, lambda frame: frame):
            yield own(image)

    found: dict[str, Clip] = {name: partial(map, alpha_method(name)) for name in BESIDE}
    for name, file in models.items():
        method = alpha_method("dlmn", model=file)
        found[f"{name}, motion cues"] = partial(with_motion, method)
        found[f"{name}, each frame a still"] = partial(map, method)
    return found


def composites(models: Mapping[str, str], folder: Path, half: Half, every: int) -> dict[str, Any]:
    """Scores of composites with exact alpha, each found from the mask that `auto` begins with."""
    metrics = PROTOCOLS["default"]
    rows: dict[str, list[dict[str, float]]] = {}
    pictures = read_set(folder, half)[::every]
    for picture in pictures:
        assert picture.truth is not None
        image, truth = read_photo(picture.photo).image, read_grey(picture.truth)
        mask = find_subject(image).mask
        found = {name: method(image, mask) for name, method in of_photos(models).items()}
        for name, alpha in {"the mask itself": mask, **found}.items():
            scored = {key: metric(rounded(alpha), truth, None) for key, metric in metrics.items()}
            rows.setdefault(name, []).append(scored)
        print(picture.name, {name: round(found[-1]["sad"], 2) for name, found in rows.items()}, flush=True)
    mean = {name: means(found) for name, found in rows.items()}
    halved = len(read_set(folder, half)) < len(read_set(folder))
    return {"half": half if halved else "", "every": every, "count": len(pictures), "mean": mean}


def clips(models: Mapping[str, str], folder: Path, count: int, frames: int) -> dict[str, Any]:
    """Scores of made clips, frame by frame and held steady."""
    alone: dict[str, list[dict[str, float]]] = {}
    steady: dict[str, list[dict[str, float]]] = {}
    chosen = held_out(folder, count)
    for index, (person, scene) in enumerate(chosen):
        images, truths = rendered(person, scene, scenario(index, SIZE, frames=frames, seed=SEED))
        for name, method in of_clips(models).items():
            alphas = list(method(map(to_float, images)))
            drawn = [
                upsample_to_frame(to_float(image), alpha) for image, alpha in zip(images, alphas, strict=True)
            ]
            for kept, found in ((alone, drawn), (steady, list(steadied(images, alphas)))):
                kept.setdefault(name, []).append(clip_scores(map(rounded, found), map(to_float, truths)))
        print(person.name, {name: rows[-1] for name, rows in steady.items()}, flush=True)
    return {
        "people": [person.name for person, _ in chosen],
        "frames": frames,
        "size": SIZE,
        "frame by frame": {name: means(rows) for name, rows in alone.items()},
        "steady": {name: means(rows) for name, rows in steady.items()},
    }


def steadied(images: Sequence[Pixels], alphas: Iterable[Alpha]) -> Iterator[Alpha]:
    """Alphas that were found frame by frame, held steady."""
    state: State | None = None
    for image, found in zip(images, alphas, strict=True):
        alpha, state = steady_alpha(to_float(image), state, _Known(found))
        yield alpha


class _Known(NamedTuple):
    """A method that knows its answer."""

    alpha: Alpha

    def __call__(self, image: Image, past: WarpedPrevious | None = None, /) -> Alpha:
        return self.alpha


def photos(models: Mapping[str, str], folder: Path, count: int) -> dict[str, Any]:
    """Error against labels that another network made, and the mean alpha, of real photos."""
    people = corpus(folder / "people", "val")
    order = np.random.default_rng(SEED).permutation(len(people))[:count]
    rows: dict[str, list[dict[str, float]]] = {}
    for index in sorted(order.tolist()):
        photo = people[index].load()
        image, truth, weight = (to_float(x) for x in (photo.image, photo.alpha, photo.weight))
        for name, method in of_photos(models).items():
            alpha = rounded(method(image))
            error = float((np.abs(alpha - truth) * weight).sum() / max(weight.sum(), 1e-6))
            rows.setdefault(name, []).append({"mae": error, "mean_alpha": float(alpha.mean())})
        print(
            people[index].name, {name: round(found[-1]["mae"], 4) for name, found in rows.items()}, flush=True
        )
    return {"count": len(order), "mean": {name: means(found) for name, found in rows.items()}}


def runs(folders: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """What the histories of training runs say."""
    found: dict[str, dict[str, Any]] = {}
    for name, folder in folders.items():
        history = json.loads(Path(folder, "history.json").read_text())
        state = read_checkpoint(Path(folder, "checkpoint.pt"), "checkpoint.pt of a run is accepted")
        recipe = json.loads(state["recipe"])
        found[name] = {
            "steps": history[-1]["step"],
            "samples": history[-1]["step"] * recipe["schedule"]["batch"],
            "size": recipe["synthesis"]["size"],
        }
        for key in ("loss/alpha", "score/mae", "score/alpha_ratio"):
            values = [row[key] for row in history if key in row]
            if values:
                spread = {"first": values[0], "last": values[-1], "least": min(values), "most": max(values)}
                found[name][key.partition("/")[2]] = {**spread, "count": len(values)}
    return found


def networks() -> dict[str, int]:
    """Parameters of each network."""
    with torch.device("meta"):
        built = {f.__name__: f() for f in (dlmn_paper, dlmn_mobile, ssrn_resnet101, ssrn_mobile)}
    return {name: sum(p.numel() for p in network.parameters()) for name, network in built.items()}


def tables(results: Mapping[str, Any]) -> str:
    """Everything that was measured, in Markdown."""
    parts = []
    if "composites" in results:
        for name, found in results["composites"].items():
            half = f", half {found['half']}" if found["half"] else ""
            title = f"{found['count']} composites of people whom no network has seen ({name}{half}):"
            parts.append(f"{title}\n\n{scores(found['mean'], 'method', COMPOSITE_COLUMNS)}")
    if "clips" in results:
        found = results["clips"]
        parts += [
            f"{len(found['people'])} made clips of {found['frames']} frames, "
            f"{found['size'][1]}×{found['size'][0]}, {how}:\n\n{scores(found[how], 'method', CLIP_COLUMNS)}"
            for how in ("frame by frame", "steady")
        ]
    if "photos" in results:
        parts.append(
            f"{results['photos']['count']} real photos held out of training:\n\n"
            + scores(results["photos"]["mean"], "method", PHOTO_COLUMNS)
        )
    if "runs" in results:
        parts.append(f"Training runs:\n\n{table_of_runs(results['runs'])}")
    if "networks" in results:
        rows = [[name, f"{count / 1e6:.2f}"] for name, count in results["networks"].items()]
        parts.append(f"Parameters:\n\n{markdown(['network', 'millions'], rows)}")
    return "\n".join(parts)


COMPOSITE_COLUMNS = (
    ("sad", "SAD", 1.0),
    ("mse", "MSE ×10³", 1e3),
    ("grad", "Grad", 1.0),
    ("conn", "Conn", 1.0),
)
CLIP_COLUMNS = (
    ("mad", "MAD ×10³", 1.0),
    ("mse", "MSE ×10³", 1.0),
    ("grad", "Grad", 1.0),
    ("dtssd", "dtSSD ×10²", 1.0),
)
PHOTO_COLUMNS = (("mae", "MAE ×10³", 1e3), ("mean_alpha", "mean alpha", 1.0))


def scores(
    rows: Mapping[str, Mapping[str, float]], first: str, columns: Sequence[tuple[str, str, float]]
) -> str:
    """A table of means."""
    cells = [
        [name, *(f"{row[key] * factor:.3g}" for key, _, factor in columns)] for name, row in rows.items()
    ]
    return markdown([first, *(heading for _, heading, _ in columns)], cells)


def table_of_runs(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Lengths, errors and drift."""
    header = [
        "run",
        "steps",
        "samples",
        "size",
        "ζ_alpha ×10³, first … last",
        "held-out MAE ×10³, first … last",
    ]
    header.append("mean alpha over the start's, least … greatest (validations)")
    rows = []
    for name, row in found.items():
        cells = [name, *(str(row[key]) for key in ("steps", "samples", "size"))]
        for key in ("alpha", "mae"):
            spread = row.get(key)
            cells.append(f"{1e3 * spread['first']:.3g} … {1e3 * spread['last']:.3g}" if spread else "")
        ratio = row.get("alpha_ratio")
        cells.append(f"{ratio['least']:.4f} … {ratio['most']:.4f} ({ratio['count']})" if ratio else "")
        rows.append(cells)
    return markdown(header, rows)


def means(rows: list[dict[str, float]]) -> dict[str, float]:
    """Of each score."""
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as error:
        sys.exit(str(error))

"""How to look at a photo: sizes, a second look, two scales together, and edges drawn by the photo.

Run from the root of the repository::

    python benchmarks/looks.py SET...                       with the segmenter that comes with wisp
    python benchmarks/looks.py SET... --model subject.onnx  with a subject network
    python benchmarks/looks.py SET... --half b --out FILE   the other half; keep the result as JSON
    python benchmarks/looks.py FILE... --table              kept results as Markdown

A SET is a folder with ``image/``, ``alpha/`` and ``manifest.csv`` (see `_photo_sets`). The mask alone is
scored, over the whole image; nothing is trained. Every way is compared with the plain look: mean difference
and 95 % interval of a paired bootstrap that draws whole subjects.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from _photo_sets import Picture, read_set
from _subject_network import MULTIPLE
from _systems import stay_on_one_core
from wisp.core.arrays import Alpha, Float, Image, Mask
from wisp.core.regions import bounding_box
from wisp.core.resample import resize
from wisp.engine.models import find_model
from wisp.engine.sessions import Session, open_session
from wisp.evaluation.bootstrap import paired_bootstrap
from wisp.evaluation.metrics import grad, iou, mse, sad
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo
from wisp.matting.classical.guided_filter import guided_filter

Way = Callable[[Image], Mask]
METRICS: Final = {"sad": sad, "mse": mse, "grad": grad, "iou": iou}
PLAIN: Final = 416
"""Longer side of the plain look, pixels."""
AROUND: Final = 1.5
"""A second look's box, times what was found."""


def main() -> None:
    """Print the table, and keep it where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--half", default="a", choices=("a", "b"))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    if arguments.table:
        for file in arguments.sets:
            _print(json.loads(file.read_text()))
        return
    stay_on_one_core()
    segmenter = open_session(find_model(None, "segmenter").path)
    session = open_session(arguments.model) if arguments.model else segmenter
    results = {
        folder.name: _compare(read_set(folder, arguments.half), session, segmenter)
        for folder in arguments.sets
    }
    model = str((arguments.model or Path("segmenter-mobile")).name)
    told = {"model": model, "half": arguments.half, "sets": results}
    _print(told)
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(told, indent=1) + "\n")


def _print(told: dict[str, Any]) -> None:
    """The tables of a result as Markdown."""
    for name, rows in told["sets"].items():
        print(f"\n{told['model']}, half {told['half']} of {name}:\n")
        print("| way | SAD | difference | MSE ×10³ | Grad | IoU | CPU s |\n|---|---|---|---|---|---|---|")
        for way, row in rows.items():
            low, high = row["interval"]
            print(
                f"| {way} | {row['sad']:.2f} | {row['difference']:+.2f} ({low:+.2f} … {high:+.2f}) | "
                f"{1000 * row['mse']:.1f} | {row['grad']:.2f} | {row['iou']:.3f} | {row['cpu']:.3f} |"
            )


def ways(session: Session, segmenter: Session) -> dict[str, Way]:
    """Ways to look by name; the plain one first."""
    plain = _looking(session, PLAIN)
    coarse, fine = _looking(session, 320), _looking(session, 576)
    found: dict[str, Way] = {
        f"{PLAIN} px": plain,
        "256 px": _looking(session, 256),
        "320 px": coarse,
        "512 px": _looking(session, 512),
        "640 px": _looking(session, 640),
        "shorter side 320 px": lambda image: _looking(
            session, round(320 * max(image.shape[:2]) / min(image.shape[:2]))
        )(image),
        "again where the box is ≤ 0.5": lambda image: _again(plain, image, 0.5),
        "again where the box is ≤ 0.8": lambda image: _again(plain, image, 0.8),
        "320 and 576 px, mean": lambda image: (coarse(image) + fine(image)) * np.float32(0.5),
        "320 px's low, 576 px's high frequencies": lambda image: _joined(coarse(image), fine(image)),
        f"{PLAIN} px, guided by the photo": lambda image: guided_filter(image, plain(image)),
    }
    if session is not segmenter:
        people = _looking(segmenter, 640)
        found["again, and the mean with the segmenter at 640 px"] = lambda image: (
            (_again(plain, image, 0.5) + people(image)) * np.float32(0.5)
        )
    return found


def _compare(pictures: Sequence[Picture], session: Session, segmenter: Session) -> dict[str, dict[str, Any]]:
    """Means of each way, and its difference of SAD to the first one."""
    groups = [picture.group for picture in pictures]
    rows: dict[str, dict[str, Any]] = {}
    first: list[float] = []
    for name, way in ways(session, segmenter).items():
        scores: dict[str, list[float]] = {metric: [] for metric in METRICS}
        spent = 0.0
        for picture in pictures:
            image = read_photo(picture.photo).image
            assert picture.truth is not None
            truth = read_grey(picture.truth)
            started = time.process_time()
            mask = way(image)
            spent += time.process_time() - started
            for metric, function in METRICS.items():
                scores[metric].append(function(mask, truth))
        first = first or scores["sad"]
        found = paired_bootstrap(scores["sad"], first, groups, seed=0)
        rows[name] = {metric: float(np.mean(values)) for metric, values in scores.items()}
        rows[name] |= {"difference": found.mean, "interval": [found.low, found.high]}
        rows[name]["cpu"] = spent / len(pictures)
    return rows


def _looking(session: Session, side: int) -> Way:
    """A look at the whole photo, its longer side at `side` pixels."""

    def look(image: Image) -> Mask:
        height, width = image.shape[:2]
        scale = side / max(height, width) / MULTIPLE
        size = [max(1, round(length * scale)) * MULTIPLE for length in (height, width)]
        seen = np.ascontiguousarray(resize(image, size[0], size[1]).transpose(2, 0, 1)[None])
        names = {port.name for port in session.inputs}
        inputs = {"image": seen} | ({"guidance": np.zeros_like(seen)} if "guidance" in names else {})
        answer = session.run(inputs)
        mask: Float = answer["masks"][0, 1] if "masks" in answer else answer["mask"][0, 0]
        return resize(mask, height, width).clip(0, 1)

    return look


def _again(look: Way, image: Image, least: float) -> Mask:
    """A look, and another at the surroundings of what it found where their box is at most that share."""
    mask = look(image)
    box = bounding_box(mask > 0.5)
    if box is None:
        return mask
    longer = max(box.bottom - box.top, box.right - box.left)
    if longer > least * max(mask.shape):
        return mask
    near = box.widened(round((AROUND - 1) / 2 * longer) + 8, mask.shape)
    out = mask.copy()
    out[near.slices] = look(image[near.slices])
    return out


def _joined(coarse: Mask, fine: Mask) -> Alpha:
    """What two masks share: all that is wider than a thirty-second of the picture from the first."""
    height, width = coarse.shape
    size = max(1, round(height / 32)), max(1, round(width / 32))
    low = resize(resize(coarse - fine, *size), height, width)
    joined: Alpha = (fine + low).clip(0, 1)
    return joined


if __name__ == "__main__":
    main()

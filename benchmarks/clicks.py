"""The subject network corrected by clicks: intersection over union after each, beside the automatic mask.

Run from the root of the repository, with the ``train`` extra installed::

    python benchmarks/clicks.py                              half a of people-dev and things-dev
    python benchmarks/clicks.py --half b --model subject.onnx --keep

A click is made as in training (`wisp.training.clicks`): first into what is wanted, then into the largest
region that is wrong, and the mask before is fed back. What is wanted are the pixels with a true alpha above
a half. The network sees the whole photo at `SIDE` pixels. ``--keep`` writes benchmarks/results/clicks.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from _photo_sets import read_set
from _subject_network import MAPS, MULTIPLE, SIDE
from wisp.core.arrays import Alpha, Image
from wisp.core.resample import resize
from wisp.engine.engine import ENGINE
from wisp.engine.models import find_model
from wisp.engine.sessions import Session
from wisp.evaluation.metrics import iou
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo
from wisp.training.clicks import add_click

ROOT: Final = Path(__file__).parent.parent
SETS: Final = ("people-dev", "things-dev")
CLICKS: Final = 8
WANTED: Final = (0.85, 0.9)
"""Intersections over union whose number of clicks is counted."""


def iou_after_clicks(session: Session, image: Image, truth: Alpha, seed: int) -> list[float]:
    """IoU of the automatic mask, then after each of `CLICKS` clicks, at the photo's size.

    Args:
        session: a subject network.
        image: float32 (H, W, 3).
        truth: float32 (H, W).
        seed: of the clicks' places.
    """
    height, width = truth.shape
    scale = SIDE / max(height, width) / MULTIPLE
    size = [max(1, round(length * scale)) * MULTIPLE for length in (height, width)]
    seen = np.ascontiguousarray(resize(image, *size).transpose(2, 0, 1)[None])
    target = resize(truth, *size)
    guidance = np.zeros_like(seen)
    subject, rng = MAPS.index("subject"), np.random.default_rng(seed)
    found = []
    mask = session.run({"image": seen, "guidance": guidance})["masks"][0, subject]
    found.append(iou(resize(mask, height, width), truth))
    guidance[0, 2] = 0
    mask = np.zeros_like(mask)  # the first click is made into an empty mask, as by a person who begins
    for _ in range(CLICKS):
        if not add_click(guidance[0], target, mask, rng):
            found.append(found[-1])
            continue
        mask = session.run({"image": seen, "guidance": guidance})["masks"][0, subject]
        guidance[0, 2] = mask
        found.append(iou(resize(mask, height, width), truth))
    return found


def measure(folder: Path, half: str, session: Session) -> dict[str, Any]:
    """Mean IoU by clicks, and mean number of clicks to each of `WANTED`, `CLICKS` + 1 if never reached."""
    pictures = read_set(folder, half)  # type: ignore[arg-type]
    curves = np.array(
        [
            iou_after_clicks(session, read_photo(p.photo).image, read_grey(p.truth), number)
            for number, p in enumerate(pictures)
            if p.truth is not None
        ]
    )
    counts = {}
    for wanted in WANTED:
        reached = curves[:, 1:] >= wanted
        counts[str(wanted)] = float(np.where(reached.any(1), reached.argmax(1) + 1, CLICKS + 1).mean())
    return {"pictures": len(curves), "iou": curves.mean(0).round(4).tolist(), "clicks": counts}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and, with ``--keep``, write down."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--half", choices=("a", "b"), default="a")
    parser.add_argument("--model", help="a subject network; wisp's own without it")
    parser.add_argument("--eval", type=Path, default=ROOT.parent / "shared" / "eval")
    parser.add_argument("--keep", action="store_true")
    given = parser.parse_args(arguments)
    session = ENGINE.session_of(find_model(given.model, "subject"))
    result = {name: measure(given.eval / name, given.half, session) for name in SETS}
    for name, one in result.items():
        curve = " ".join(f"{value:.3f}" for value in one["iou"])
        counts = ", ".join(f"{count:.2f} clicks to {wanted}" for wanted, count in one["clicks"].items())
        print(
            f"{name} {given.half} ({one['pictures']}): automatic, after 1 to {CLICKS} clicks", curve, counts
        )
    if given.keep:
        file = ROOT / "benchmarks" / "results" / "clicks.json"
        kept = json.loads(file.read_text()) if file.exists() else {}
        kept[given.half] = result
        file.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()

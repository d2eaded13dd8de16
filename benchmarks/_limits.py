"""How low dtSSD could be: what knowing more than any method knows would make of our alphas.

    python benchmarks/_limits.py [--corpus FOLDER] [--clips N] [--frames N] [--jobs N]

On the clips of ``benchmarks/video.py``, scores of

- ``frame by frame`` and ``held``: ours, with nothing handed on, and as ``wisp video`` does it;
- ``motion known``: the alphas of frame by frame, moved by the subject's true motion, averaged over all frames
  up to each;
- ``background known``: held, and where alpha is soft it is solved for from the true background and the
  subject's colours as we estimate them (ridge regression towards ours);
- ``background remembered``: the same with what of the background was seen in frames before, put in its place
  by the background's true motion;
- ``the network's size``: the true alpha, reduced to the size at which the network gives it and drawn to the
  frame's edges as ours is: what a network without any error would have.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from video import CORPUS, SEED, SIZE, held_out, ours, rounded
from wisp.clips.alpha import upsample_to_frame
from wisp.clips.colours import estimate_colours
from wisp.clips.steady import Steadiness
from wisp.core.arrays import Alpha, Background, Image
from wisp.core.opencv import shrink
from wisp.core.resample import size_within
from wisp.core.settings import CLIPS
from wisp.data import vips
from wisp.data.augmentation import Matrix
from wisp.data.clips import Scenario, clip, moves, scenario
from wisp.evaluation.video_metrics import METRICS, clip_scores

RESULTS = Path(__file__).parent / "results" / "limits.json"
DOUBT = 0.2
"""Deviation of colours, on the scale 0–1, that the subject's estimated ones are taken to have."""


def main() -> None:
    """Measure and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    if not options.corpus.is_dir():
        print(f"left out, {options.corpus} is not there", file=sys.stderr)
        return
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        rows = list(pool.map(partial(limits, options.corpus, options.frames), range(options.clips)))
    means = {
        name: {metric: float(np.mean([row[name][metric] for row in rows])) for metric in METRICS}
        for name in rows[0]
    }
    result = {"clips": options.clips, "frames": options.frames, "mean": means}
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def limits(folder: Path, frames: int, index: int) -> dict[str, dict[str, float]]:
    """The scores of one clip."""
    person, scene = held_out(folder, index + 1)[index]
    plan = scenario(index, SIZE, frames=frames, seed=SEED)
    shown = list(clip(person.load(), vips.read_rgb(scene), plan))
    images, truths = [rounded_image(frame.image) for frame in shown], [frame.alpha for frame in shown]
    backgrounds = [frame.background for frame in shown]
    alone = list(ours("auto", Steadiness(hold=0))(images))
    held = list(ours("auto")(images))
    alphas = {
        "frame by frame": alone,
        "held": held,
        "motion known": list(averaged(alone, plan)),
        "background known": [
            solved(image, alpha, behind, np.ones_like(alpha))
            for image, alpha, behind in zip(images, held, backgrounds, strict=True)
        ],
        "background remembered": list(remembered(images, held, plan)),
        "the network's size": [
            upsample_to_frame(image, shrink(truth, *size_within(image.shape, CLIPS.alpha_side)))
            for image, truth in zip(images, truths, strict=True)
        ],
    }
    return {name: clip_scores(map(rounded, found), truths) for name, found in alphas.items()}


def rounded_image(image: Image) -> Image:
    """As a file of eight bits holds it."""
    return np.rint(image * 255).astype(np.float32) / np.float32(255)


def step(plan: Scenario, number: int, layer: int) -> Matrix:
    """Where a layer's points of one frame, centres at integers, were in the frame before: (2, 3)."""
    now, before = (np.vstack([moves(plan, n / plan.rate)[layer], [0, 0, 1]]) for n in (number, number - 1))
    back = before @ np.linalg.inv(now)
    back[:2, 2] += back[:2, :2] @ [0.5, 0.5] - 0.5
    return np.asarray(back[:2])


def moved(values: Image | Alpha, back: Matrix, kernel: int = cv2.INTER_CUBIC) -> Image | Alpha:
    """Values of the frame before where they are now."""
    size, flags = values.shape[1::-1], kernel | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(values, back, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))


def averaged(alphas: list[Alpha], plan: Scenario) -> Iterator[Alpha]:
    """The mean of all alphas so far, moved along with the subject."""
    mean = alphas[0]
    yield mean
    for number, alpha in enumerate(alphas[1:], 1):
        mean = moved(mean, step(plan, number, 0))
        mean = (mean + (alpha - mean) / (number + 1)).clip(0, 1).astype(np.float32)
        yield mean


def solved(image: Image, alpha: Alpha, behind: Background, known: Alpha) -> Alpha:
    """Alpha, where it is soft and the background known, from I = αF + (1 − α)B."""
    soft = ((alpha > 0.02) & (alpha < 0.98)).astype(np.uint8)
    places = (cv2.dilate(soft, np.ones((7, 7), np.uint8)) > 0) & (known > 0.5)
    contrast = estimate_colours(image, alpha) - behind
    ridge = DOUBT**2 / np.maximum(known, 1e-3)
    found = ((contrast * (image - behind)).sum(2) + ridge * alpha) / ((contrast**2).sum(2) + ridge)
    return np.where(places, found.clip(0, 1), alpha).astype(np.float32)


def remembered(images: list[Image], alphas: list[Alpha], plan: Scenario) -> Iterator[Alpha]:
    """Each alpha solved for with the background that frames before have shown."""
    plate, known = np.zeros_like(images[0]), np.zeros_like(alphas[0])
    for number, (image, alpha) in enumerate(zip(images, alphas, strict=True)):
        if number:
            back = step(plan, number, 1)
            plate, known = moved(plate, back), moved(known, back, cv2.INTER_LINEAR)
        yield solved(image, alpha, plate, known)
        free = cv2.erode((alpha < 1 / 255).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        rate = np.where(known > 0.5, 0.3, 1)[..., None]
        plate = np.where(free[..., None], plate + rate * (image - plate), plate).astype(np.float32)
        known = np.maximum(known, free).astype(np.float32)


if __name__ == "__main__":
    main()

"""The reference figures that tests/test_quality.py holds, made anew; and the pictures that they are of.

    python benchmarks/quality.py               # every figure, after a network or a tuned number has changed
    python benchmarks/quality.py --show        # only print them, beside the kept ones
    python benchmarks/quality.py --fixtures    # the pictures first, from the CC0 photos in examples/

The pictures are composites, so that their alpha is exact. The person is the one of examples/portrait.jpg, cut
out at full size by the `auto` of the day, which is the truth from then on, and set on the street and the
underwater photo; what is no person is procedural fur. Clips are wisp's own (`wisp.data.clips`).
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from wisp.compositing.over import over
from wisp.core.arrays import Alpha, Float, Foreground, Image, from_float
from wisp.core.resample import resize
from wisp.data.clips import Motion, Scenario
from wisp.data.clips import clip as make_clip
from wisp.data.datasets import Labelled
from wisp.data.procedural import generate
from wisp.io.images import read_photo, write_image
from wisp.pipeline import run

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))
import quality_cases as cases  # noqa: E402 - the tests' own

EXAMPLES = ROOT / "examples"
FRAMES = 6


def main() -> None:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--fixtures", action="store_true", help="make the pictures anew as well")
    parser.add_argument("--show", action="store_true", help="keep nothing")
    parser.add_argument("--only", default="", help="cases whose names contain this")
    asked = parser.parse_args()
    if asked.fixtures:
        make_fixtures(cases.FOLDER)
        cases.photo.cache_clear()
    kept = json.loads(cases.FIGURES.read_text()) if cases.FIGURES.exists() else {"figures": {}}
    figures: dict[str, dict[str, float]] = dict(kept["figures"])
    for name, measure in cases.CASES.items():
        if asked.only in name:
            found = measure()
            before = figures.get(name, {})
            told = ", ".join(f"{k} {v:.4f} ({before.get(k, float('nan')):.4f})" for k, v in found.items())
            print(f"{name}: {told}", flush=True)
            figures[name] = {key: round(value, 5) for key, value in found.items()}
    if not asked.show:
        write(cases.FIGURES, {"made": provenance(), "settings": cases.settings(), "figures": figures})


def write(path: Path, content: dict[str, Any]) -> None:
    """Write JSON under a temporary name, then rename it."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)


def provenance() -> dict[str, str]:
    """When, by what and with which packages the figures were made."""
    packages = ("numpy", "scipy", "openvino", "opencv-python-headless")
    versions = {name: importlib.metadata.version(name) for name in packages}
    return {"by": "python benchmarks/quality.py", "day": f"{datetime.now(UTC):%Y-%m-%d}", **versions}


def make_fixtures(folder: Path) -> None:
    """Make every picture of tests/quality."""
    folder.mkdir(exist_ok=True)
    person = read_photo(EXAMPLES / "portrait.jpg").image
    matte = run(person, engine=cases.FP32).matte
    street = read_photo(EXAMPLES / "background.jpg").image
    sea = read_photo(EXAMPLES / "underwater.jpg").image
    size = (416, 416)
    colours, alpha = resize(matte.foreground, *size).clip(0, 1), resize(matte.alpha, *size).clip(0, 1)
    put(folder, "street", colours, alpha, resize(street, *size))
    put(folder, "pair", *pair(matte.foreground, matte.alpha, (320, 480)), resize(sea, 320, 480))
    fur = generate("fur", (192, 224), np.random.default_rng(7))
    put(folder, "plush", *fur, resize(sea, 192, 224), colours=True)
    whole = Labelled(from_float(person), from_float(matte.alpha), np.full(matte.alpha.shape, 255, np.uint8))
    motion = Motion(drift=(0.35, 0.1), sway=0.02, turn=2.0, period=2.0)
    moving = Scenario((216, 288), FRAMES, 12.0, motion, Motion(drift=(-0.2, 0)), height=1.1, noise=0.006)
    still = Scenario((320, 320), FRAMES, 12.0, Motion(sway=0.01, turn=1.0), shutter=0.0, noise=0.008, seed=3)
    for name, scenario, scene in (("moving", moving, street), ("still", still, sea)):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir()
        for number, frame in enumerate(make_clip(whole, from_float(scene), scenario)):
            keep(folder / name / f"{number:02}.jpg", frame.image)
            keep(folder / name / f"{number:02}-alpha.png", frame.alpha)


def put(
    folder: Path, name: str, foreground: Foreground, alpha: Alpha, background: Image, colours: bool = False
) -> None:
    """Write a composite and its truth."""
    alpha = (np.rint(alpha * 255) / 255).astype(np.float32)  # as the file will have it
    keep(folder / f"{name}.jpg", over(foreground, alpha, background.clip(0, 1)))
    keep(folder / f"{name}-alpha.png", alpha)
    if colours:
        keep(folder / f"{name}-foreground.png", foreground)
        keep(folder / f"{name}-background.png", background.clip(0, 1))


def keep(path: Path, pixels: Float) -> None:
    """Write a picture in eight bits."""
    write_image(path, pixels, bits=8, overwrite=True)


def pair(foreground: Foreground, alpha: Alpha, size: tuple[int, int]) -> tuple[Foreground, Alpha]:
    """The person twice, the second one mirrored and smaller."""
    colours, opacity = np.zeros((*size, 3), np.float32), np.zeros(size, np.float32)
    for side, left, mirrored in ((300, 0, False), (230, 250, True)):
        small, cover = resize(foreground, side, side).clip(0, 1), resize(alpha, side, side).clip(0, 1)
        if mirrored:
            small, cover = small[:, ::-1], cover[:, ::-1]
        part = np.s_[size[0] - side :, left : left + side]
        opacity[part] = np.maximum(opacity[part], cover)
        colours[part] = np.where((cover >= opacity[part])[..., None], small, colours[part])
    return colours, opacity


if __name__ == "__main__":
    main()

"""Fine-tuning on a kind that the training photos do not have: plush or another, drawn procedurally.

Run from the root of the repository::

    python benchmarks/finetune.py [--corpus FOLDER] [--portraits FOLDER] [--steps N] [--size PIXELS]
                                   [--rate R] [--replay-share S] [--weights-kept S]
                                   [--model segmenter-mobile|matting-mobile] [--kind KIND]
                                   [--replay corpus|own]
    python benchmarks/finetune.py --table            the kept result as Markdown

Fifty composites of things of one kind over photos of CORPUS's held-out backgrounds become a folder with
``image/`` and ``alpha/``. ``wisp finetune`` trains a network on forty of them, with the corpus or what wisp
brings itself replayed, and holds ten out; it is timed as a process. Then `wisp cutout` as a user runs it,
with the shipped network and with the new one as ``--model``, cuts out the people of PORTRAITS: by ``--method
portrait`` if that is what was trained, else by default.

- Error on the held-out ten: SAD of what the exported file gives, before and after; a portrait network is
  given the true alpha made coarse, as a user gives it a mask.
- Error on PORTRAITS: SAD over whole images, alpha rounded to 8 bits.
- Time: wall clock and CPU seconds (user and system) of the whole command, measuring and exporting included.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from wisp.core.arrays import from_float, to_float
from wisp.evaluation.metrics import sad
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo
from wisp.lab.benchmark.machine import cpu_name
from wisp.lab.figures.photos import partner, pictures
from wisp.pipeline import run as matte

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "finetune.json"
SHARED = ROOT.parent / "shared"
COUNT, HELD_OUT, SIDE = 50, 10, 384
METHODS: dict[str, str] = {"segmenter-mobile": "auto", "matting-mobile": "portrait"}
"""How `wisp cutout` uses each network."""


def main() -> int:
    """Run everything, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=SHARED / "corpus")
    parser.add_argument("--portraits", type=Path, default=SHARED / "eval" / "portrait-dev")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--replay-share", type=float, default=0.75)
    parser.add_argument("--replay", choices=("corpus", "own"), default="corpus", help="own: without --replay")
    parser.add_argument("--weights-kept", type=float, default=0.0, help="--keep of `wisp finetune`")
    parser.add_argument("--model", choices=METHODS, default="segmenter-mobile")
    parser.add_argument("--kind", default="fur", help="what is drawn, of wisp.data.procedural.KINDS")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the result is kept")
    parser.add_argument("--keep", type=Path, help="folder to keep the photos and the run in")
    parser.add_argument("--table", action="store_true", help="print the kept result")
    options = parser.parse_args()
    if not options.table:
        result = measure(options)
        options.results.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(json.loads(options.results.read_text(encoding="utf-8"))))
    return 0


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Compose, fine-tune, and cut out people before and after."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        model, method = options.model, METHODS[options.model]
        compose(folder / options.kind, options.kind, options.corpus / "backgrounds")
        words = [sys.executable, "-m", "wisp", "finetune", model, "--data", str(folder / options.kind)]
        words += ["-o", str(folder / "tuned"), "--workers", "1"]
        told = len(words) - 2
        words += ["--replay", str(options.corpus)] if options.replay == "corpus" else []
        words += ["--steps", str(options.steps), "--batch", str(options.batch), "--size", str(options.size)]
        words += ["--rate", str(options.rate), "--replay-share", str(options.replay_share)]
        words += ["--keep", str(options.weights_kept), "--held-out", str(HELD_OUT / COUNT)]
        wall, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(words, check=True)
        wall, after = time.monotonic() - wall, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        found = json.loads((folder / "tuned/report.json").read_text(encoding="utf-8"))
        tuned = folder / f"tuned/{model}-tuned.onnx"
        people = {
            name: portraits(options.portraits, method, file)
            for name, file in (("before", None), ("after", tuned))
        }
        return {
            "command": ["wisp", "finetune", model, "--data", options.kind]
            + ["corpus" if word == str(options.corpus) else word for word in words[told:]],
            "kind": options.kind,
            "method": method,
            "cpu": cpu_name(),
            "machine": platform.machine(),
            "threads": os.environ.get("OMP_NUM_THREADS", "all"),
            "wall_seconds": round(wall, 1),
            "cpu_seconds": round(cpu, 1),
            "held_out": {when: found[when]["mean"] for when in ("before", "after")},
            "photos": {"kept": COUNT - HELD_OUT, "held_out": found["before"]["count"]},
            "portraits": {name: float(np.mean(list(scores.values()))) for name, scores in people.items()},
            "portraits_each": people,
        }


def compose(folder: Path, kind: str, backgrounds: Path) -> None:
    """Composites of things of one kind over held-out backgrounds, as image/ and alpha/."""
    from wisp.data import datasets, vips
    from wisp.data.augmentation import Geometry
    from wisp.data.procedural import generate
    from wisp.data.synthesis import Synthesis, composite

    scenes = datasets.hold_out(datasets.backgrounds(backgrounds))[1]
    scene = Geometry(zoom=(1.6, 2.4), rotation=5, shear=0.03, shift=0.1)
    synthesis = Synthesis(SIDE, scene=scene, defocus=0.35)
    for part in ("image", "alpha"):
        (folder / part).mkdir(parents=True)
    for number in range(COUNT):
        rng = np.random.default_rng((7, number))
        foreground, alpha = generate(kind, (SIDE, SIDE), rng)
        made = composite([(foreground, alpha)], vips.read_rgb(scenes[number % len(scenes)]), rng, synthesis)
        vips.as_image(made.image.transpose(1, 2, 0)).pngsave(str(folder / f"image/{number:02}.png"))
        vips.as_image(made.alpha[0]).pngsave(str(folder / f"alpha/{number:02}.png"))


def portraits(folder: Path, method: str, model: Path | None) -> dict[str, float]:
    """SAD of every photo, by name, as `wisp cutout` cuts it out."""
    found = {}
    for place in pictures([folder / "image"]):
        truth = read_grey(partner(place.name, folder / "alpha"))
        alpha = matte(read_photo(place.path).image, method=method, model=model).matte.alpha
        found[place.name] = float(sad(to_float(from_float(alpha)), to_float(from_float(truth))))
    return found


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    plush, people = result["held_out"], result["portraits"]
    lines = [
        f"`{' '.join(result['command'])}`: {result['photos']['kept']} photos, "
        f"{result['photos']['held_out']} held out; {result['cpu_seconds']:.0f} CPU seconds, "
        f"{result['wall_seconds'] / 60:.1f} minutes by the clock ({result['cpu']}, "
        f"threads: {result['threads']}).",
        "",
        "| SAD | before | after | after / before |",
        "| :-- | --: | --: | --: |",
    ]
    rows = (
        (f"held-out {result['kind']}, the network's alpha", plush["before"]["sad"], plush["after"]["sad"]),
        (f"portrait-dev, `wisp cutout --method {result['method']}`", people["before"], people["after"]),
    )
    lines += [f"| {name} | {a:.2f} | {b:.2f} | {b / a:.2f} |" for name, a, b in rows]
    before, after = (result["portraits_each"][when] for when in ("before", "after"))
    worse = sorted(name for name in before if after[name] > 1.5 * before[name])
    kept = [name for name in before if name not in worse]
    a, b = (float(np.mean([scores[name] for name in kept])) for scores in (before, after))
    lines.append(f"| the same without {', '.join(worse) or 'any'} | {a:.2f} | {b:.2f} | {b / a:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

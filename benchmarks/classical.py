"""Classical matting beside pymatting: error, CPU seconds and peak memory, each method in a fresh process.

Run from the root of the repository, with the ``bench`` dependency group installed::

    python benchmarks/classical.py [FOLDER]     ten photos of alphamatting.com with both trimaps, and 12 Mpx
    python benchmarks/classical.py --skip-12-mpx

FOLDER holds ``image/``, ``alpha/``, ``trimap1/`` and ``trimap2/``. Counted are the user and system seconds
of all threads of the process while it makes one alpha from arrays in memory, at double precision for
pymatting and wisp's own defaults for wisp. Not counted are start-up, reading files, and a first run on a
small picture, in which pymatting may compile. Memory is the peak of the process above what it held before
the first photo. SAD is over the unknown pixels, of alpha rounded to 8 bits.

The 12-Mpx photo is the first of FOLDER scaled to 4000×3000 with a little noise in place of the detail it
lacks, and an unknown band of 8 % of its pixels along the contour of the true alpha.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import psutil

from wisp.core.arrays import Alpha, Image, Trimap
from wisp.evaluation.metrics import sad
from wisp.io.guidance import read_grey, read_trimap
from wisp.io.images import read_photo

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "classical.json"
METHODS = ("closed-form", "knn", "random-walk")
TRIMAPS = ("trimap1", "trimap2")
LARGE = "12 Mpx"

Photo = tuple[str, Image, Trimap, Alpha]
Method = Callable[[npt.NDArray[Any], npt.NDArray[Any]], npt.NDArray[Any]]


def main() -> None:
    """Measure what the command line asks for and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT.parent / "shared/eval/alphamatting-dev")
    parser.add_argument("--skip-12-mpx", action="store_true", help="only the photos at their own size")
    parser.add_argument("--worker", nargs=3, metavar=("SYSTEM", "METHOD", "TRIMAP"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(measure(arguments.folder, *arguments.worker)))
        return

    cases = [(method, trimap) for method in METHODS for trimap in TRIMAPS]
    if not arguments.skip_12_mpx:
        cases.append(("closed-form", LARGE))
    rows = []
    for method, trimap in cases:
        pair = {system: _fresh(arguments.folder, system, method, trimap) for system in ("wisp", "pymatting")}
        row = {"method": method, "trimap": trimap, **pair, "ratio": _ratio(pair["wisp"], pair["pymatting"])}
        rows.append(row)
        print(_line(row), flush=True)
    machine = {
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "scipy", "pymatting")},
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


def measure(folder: Path, system: str, method: str, trimap: str) -> dict[str, Any]:
    """Run one method over the photos, in this process."""
    photos = [large_photo(folder)] if trimap == LARGE else read_photos(folder, trimap)
    run = _wisp(method) if system == "wisp" else _pymatting(method)
    small = np.random.default_rng(0).random((40, 50, 3), np.float32)
    bands = np.full((40, 50), 128, np.uint8)
    bands[:12], bands[-12:] = 0, 255
    run(small, bands)

    before = psutil.Process().memory_info().rss
    images: dict[str, Any] = {}
    for name, image, known, truth in photos:
        start = time.process_time()
        alpha = run(image, known)
        seconds = time.process_time() - start
        rounded = np.rint(np.clip(alpha, 0, 1) * 255).astype(np.float32) / np.float32(255)
        images[name] = {
            "unknown": round(float((known == 128).mean()), 4),
            "sad": round(sad(rounded, truth, known == 128), 4),
            "cpu_s": round(seconds, 3),
        }
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "sad": round(float(np.mean([row["sad"] for row in images.values()])), 4),
        "cpu_s": round(float(np.mean([row["cpu_s"] for row in images.values()])), 3),
        "peak_mb": round((peak - before) / 1e6),
        "process_peak_mb": round(peak / 1e6),
        "images": images,
    }


def read_photos(folder: Path, trimap: str) -> list[Photo]:
    """Every photo of the folder with one of its trimaps and its true alpha."""
    return [
        (
            path.stem,
            read_photo(path).image,
            read_trimap(folder / trimap / path.name),
            read_grey(folder / "alpha" / path.name),
        )
        for path in sorted((folder / "image").iterdir())
    ]


def large_photo(folder: Path) -> Photo:
    """A photo of 4000×3000 whose unknown band has 8 % of the pixels."""
    _, small, _, truth = read_photos(folder, TRIMAPS[0])[0]
    image = cv2.resize(small, (4000, 3000), interpolation=cv2.INTER_CUBIC)
    image += np.random.default_rng(0).standard_normal(image.shape, np.float32) * np.float32(1.5 / 255)
    np.clip(image, 0, 1, out=image)
    alpha = np.clip(cv2.resize(truth, (4000, 3000), interpolation=cv2.INTER_LINEAR), 0, 1)
    inside = (alpha > 0.5).astype(np.uint8)
    distance = sum(cv2.distanceTransform(side, cv2.DIST_L2, 5) for side in (inside, 1 - inside))
    trimap = np.where(inside > 0, 255, 0).astype(np.uint8)
    trimap[distance <= np.quantile(distance, 0.08)] = 128
    return LARGE, image, trimap, alpha


def _wisp(method: str) -> Method:
    from wisp.methods import solve

    return lambda image, trimap: solve(method, image, trimap).alpha


def _pymatting(method: str) -> Method:
    import pymatting

    estimate: Any = {
        "closed-form": pymatting.estimate_alpha_cf,
        "knn": pymatting.estimate_alpha_knn,
        "random-walk": pymatting.estimate_alpha_rw,
    }[method]
    return lambda image, trimap: np.asarray(estimate(image.astype(np.float64), trimap / 255))


def _fresh(folder: Path, system: str, method: str, trimap: str) -> dict[str, Any]:
    command = [sys.executable, __file__, str(folder), "--worker", system, method, trimap]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _ratio(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, float]:
    return {key: round(ours[key] / theirs[key], 4) for key in ("sad", "cpu_s", "peak_mb")}


def _line(row: dict[str, Any]) -> str:
    ours, theirs, ratio = row["wisp"], row["pymatting"], row["ratio"]
    return "   ".join(
        [
            f"{row['method']:11} {row['trimap']:7}",
            f"SAD {ours['sad']:.3f} / {theirs['sad']:.3f} = {ratio['sad']:.3f}",
            f"CPU {ours['cpu_s']:.2f} / {theirs['cpu_s']:.2f} s = {ratio['cpu_s']:.3f}",
            f"memory {ours['peak_mb']} / {theirs['peak_mb']} MB = {ratio['peak_mb']:.2f}",
        ]
    )


def _processor() -> str:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return names[0].split(":", 1)[1].strip() if names else platform.processor()


if __name__ == "__main__":
    main()

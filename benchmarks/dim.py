"""Deep Image Matting: CPU seconds beside pymatting's closed-form, and the memory of a 48-Mpx photo.

Run from the root of the repository, with the ``bench`` dependency group installed::

    python benchmarks/dim.py [FOLDER] [--model NAME|FILE] [--part speed|memory]

FOLDER holds ``image/`` and ``alpha/``. For the speed, each photo is scaled and cropped to 800×600 and gets a
trimap whose unknown part is the fifth of the pixels that lies nearest to the contour of the true alpha.
Counted are the user and system seconds of all threads of the process while it makes one alpha from arrays in
memory; not counted are start-up, reading files and a first photo of that size, in which runtimes and
pymatting may compile. The whole command on one such photo, from process start to exit, stands beside it.

For the memory the first photo is scaled to 8000×6000, with grain in place of the detail it lacks, and the
twentieth of the pixels nearest to the contour is unknown. The peak is that of the whole ``wisp cutout``
command as the kernel counted it. How it is spent: the command's steps one after the other in a process of
their own, with the memory that is held after each and the peak during it, which Linux alone can tell.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from cutout import LAUNCH, WISP
from wisp.core.arrays import Alpha, Image, Matte, Trimap
from wisp.evaluation.metrics import sad
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo, write_image
from wisp.lab.benchmark.machine import cpu_name

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "dim.json"
SMALL, SMALL_SHARE = (600, 800), 0.2
LARGE, LARGE_SHARE = (6000, 8000), 0.05
SYSTEMS = ("wisp", "pymatting")


def main() -> None:
    """Measure what the command line asks for and keep the result beside what was measured before."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT.parent / "shared/eval/alphamatting-dev")
    parser.add_argument("--model", help="the network, a name or an ONNX file [default: the shipped one]")
    parser.add_argument("--part", choices=("speed", "memory"), help="only this part")
    parser.add_argument("--worker", nargs=2, metavar=("WHAT", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        what, place = arguments.worker
        model = arguments.model
        print(json.dumps(steps(Path(place), model) if what == "steps" else speed(place, what, model)))
        return

    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    results["machine"] = {"cpu": cpu_name(), "cores": os.cpu_count()}
    results["versions"] = {name: version(name) for name in ("numpy", "openvino", "pymatting")}
    results["network"] = Path(arguments.model).name if arguments.model else "the shipped one"
    with tempfile.TemporaryDirectory() as scratch:
        if arguments.part != "memory":
            results["speed"] = {name: _fresh(arguments, name, str(arguments.folder)) for name in SYSTEMS}
            ours, theirs = (results["speed"][name]["cpu_s"] for name in SYSTEMS)
            results["speed"]["ratio"] = round(ours / theirs, 3)
            files = write_case(arguments.folder, Path(scratch), SMALL, SMALL_SHARE)
            # The first run may compile the network into the cache.
            results["speed"]["command"] = command(files, arguments.model, runs=2)
        if arguments.part != "speed":
            files = write_case(arguments.folder, Path(scratch), LARGE, LARGE_SHARE)
            results["memory"] = {
                "command": command(files, arguments.model),
                "steps": _fresh(arguments, "steps", scratch),
            }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


def speed(folder: str, system: str, model: str | None) -> dict[str, Any]:
    """Mean CPU seconds a photo and mean SAD, in this process."""
    photos = [case(path, SMALL, SMALL_SHARE) for path in sorted(Path(folder, "image").iterdir())]
    run = _wisp(model) if system == "wisp" else _pymatting()
    run(*photos[-1][:2])
    seconds, errors = [], []
    for image, trimap, truth in photos:
        before = time.process_time()
        alpha = run(image, trimap)
        seconds.append(time.process_time() - before)
        rounded = np.rint(np.clip(alpha, 0, 1) * 255).astype(np.float32) / np.float32(255)
        errors.append(sad(rounded, truth, trimap == 128))
    return {
        "photos": len(photos),
        "cpu_s": round(float(np.mean(seconds)), 3),
        "most_cpu_s": round(max(seconds), 3),
        "sad": round(float(np.mean(errors)), 3),
    }


def case(path: Path, size: tuple[int, int], share: float) -> tuple[Image, Trimap, Alpha]:
    """A photo of FOLDER at another size, its trimap with so large an unknown share, and its true alpha."""
    image, alpha = read_photo(path).image, read_grey(path.parents[1] / "alpha" / f"{path.stem}.png")
    height, width = size
    scale = max(height / image.shape[0], width / image.shape[1])
    method = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    image, alpha = (
        np.clip(cv2.resize(x, None, fx=scale, fy=scale, interpolation=method), 0, 1) for x in (image, alpha)
    )
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    image, alpha = (
        np.ascontiguousarray(x[top : top + height, left : left + width], np.float32) for x in (image, alpha)
    )
    inside = (alpha > 0.5).astype(np.uint8)
    distance = sum(cv2.distanceTransform(side, cv2.DIST_L2, 5) for side in (inside, 1 - inside))
    trimap = np.where(inside > 0, 255, 0).astype(np.uint8)
    trimap[distance <= np.quantile(distance[::3, ::3], share)] = 128
    return image, trimap, alpha


def write_case(folder: Path, out: Path, size: tuple[int, int], share: float) -> tuple[Path, Path]:
    """``photo.jpg`` and ``trimap.png`` of the first photo, with grain."""
    image, trimap, _ = case(min((folder / "image").iterdir()), size, share)
    grain = np.random.default_rng(0)
    for row in range(0, size[0], 500):
        part = image[row : row + 500]
        part += grain.standard_normal(part.shape, np.float32) * np.float32(1.5 / 255)
    photo, known = out / "photo.jpg", out / "trimap.png"
    write_image(photo, np.clip(image, 0, 1, out=image), bits=8, overwrite=True)
    write_image(known, trimap.astype(np.float32) / np.float32(255), bits=8, overwrite=True)
    return photo, known


def command(files: tuple[Path, Path], model: str | None, runs: int = 1) -> dict[str, float]:
    """CPU seconds and peak memory of ``wisp cutout`` on a photo with its trimap: of the last of some runs."""
    photo, trimap = files
    words = [*WISP, "cutout", str(photo), "-o", str(photo.with_name("cut.png")), "--trimap", str(trimap)]
    words += ["--method", "dim", "--bits", "8", "--overwrite", "--quiet"]
    words += [] if model is None else ["--model", model]
    for _ in range(runs):
        launched = [sys.executable, "-S", "-c", LAUNCH, *words]
        ran = subprocess.run(launched, stdout=subprocess.PIPE, check=True)
        status, spent, peak = json.loads(ran.stdout)
        if status != 0:
            raise subprocess.CalledProcessError(status, words)
    return {"cpu_s": round(spent, 2), "peak_mb": round(peak / (1e6 if sys.platform == "darwin" else 1e3))}


def steps(folder: Path, model: str | None) -> list[dict[str, Any]]:
    """The steps of the command, what each leaves in memory and what it peaks at, megabytes."""
    from wisp.io.formats import FORMATS
    from wisp.io.guidance import read_trimap
    from wisp.io.images import encode_image
    from wisp.matting.foreground import estimate_foreground
    from wisp.pipeline import estimate

    found: list[dict[str, Any]] = []

    @contextmanager
    def step(name: str) -> Iterator[None]:
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        before = time.process_time()
        yield
        memory = _memory()
        spent = round(time.process_time() - before, 2)
        found.append({"step": name, "held_mb": memory["VmRSS"], "peak_mb": memory["VmHWM"], "cpu_s": spent})

    with step("start"):
        pass
    with step("read the photo"):
        photo = read_photo(folder / "photo.jpg")
    with step("read the trimap"):
        trimap = read_trimap(folder / "trimap.png")
    with step("alpha"):
        options: Any = {"model": model, "device": "auto", "precision": "auto"}
        alpha = estimate(photo.image, "dim", trimap, None, **options).alpha
    with step("foreground colours"):
        matte = Matte(alpha, estimate_foreground(photo.image, alpha))
    with step("encode"):
        encode_image(matte, FORMATS["png"], bits=8, like=photo)
    return found


def _wisp(model: str | None) -> Callable[[Image, Trimap], npt.NDArray[Any]]:
    from wisp.engine.families.dim import dim

    return lambda image, trimap: dim(image, trimap, model=model)


def _pymatting() -> Callable[[Image, Trimap], npt.NDArray[Any]]:
    import pymatting

    return lambda image, trimap: np.asarray(
        pymatting.estimate_alpha_cf(image.astype(np.float64), trimap / 255)
    )


def _fresh(arguments: argparse.Namespace, what: str, folder: str) -> Any:
    """What a worker finds, in a process of its own."""
    words = [sys.executable, __file__, *(["--model", arguments.model] if arguments.model else [])]
    done = subprocess.run([*words, "--worker", what, folder], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _memory() -> dict[str, int]:
    """What this process holds and held at most, megabytes."""
    lines = [line.split() for line in Path("/proc/self/status").read_text().splitlines()]
    return {line[0][:-1]: round(int(line[1]) / 1e3) for line in lines if line[0] in ("VmRSS:", "VmHWM:")}


if __name__ == "__main__":
    main()

"""fp32, bf16 and int8 side by side: time, quality, and what keeping compiled networks saves.

    python benchmarks/precision.py [FOLDER]

1. Milliseconds of one run of each shipped network that has an int8 variant, at the size that it usually sees
   (32 patches of the border refinement), one thread, CPU seconds of the process, least of many runs after one
   that is not counted. Again with fewer instructions than this CPU has (ONEDNN_MAX_CPU_ISA), as on older
   ones.
2. Mean SAD of the default over FOLDER (``image/``, ``alpha/``) in fp32, in bf16, and in what ``auto``
   chooses.
3. CPU seconds to load the shipped networks, compiled and as kept in the cache; and of a whole `wisp cutout`
   of a small photo, from process start, with and without the cache. Least of several processes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from cutout import EXAMPLE, WISP, run
from wisp.core.arrays import Float
from wisp.engine.compiled import VARIABLE
from wisp.engine.devices import Precision
from wisp.engine.models import MODELS, Model
from wisp.engine.precision import choose
from wisp.engine.sessions import open_session
from wisp.evaluation.metrics import sad
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo
from wisp.lab.benchmark.machine import cpu_name
from wisp.pipeline import cutout

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "precision.json"
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16", "int8")
OLDER = ("AVX512_CORE_VNNI", "AVX512_CORE")
"""Without bf16; and without int8 dot products either. OpenVINO does not run with less on a CPU with more."""
RUNS, PROCESSES = 20, 5
IN_INT8: tuple[Model, ...] = tuple(model for model in MODELS.values() if model.int8)
JUDGED: tuple[Precision, ...] = ("fp32", "bf16", "auto")
"""``auto`` is int8 for the networks that have it, where the processor is good at it."""


def main() -> None:
    """Measure everything and keep the result; or one part of it, in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT.parent / "shared/eval/portrait-dev")
    parser.add_argument("--part", choices=["times", "load"])
    arguments = parser.parse_args()
    if arguments.part:
        print(json.dumps(times() if arguments.part == "times" else load()))
        return
    results: dict[str, Any] = {
        "machine": {"cpu": cpu_name()},
        "versions": {name: version(name) for name in ("openvino", "numpy")},
        "ms_of_a_run": {"all instructions": part("times")}
        | {isa: part("times", ONEDNN_MAX_CPU_ISA=isa) for isa in OLDER},
        "start": start(),
    }
    if arguments.folder.is_dir():
        results["sad"] = {precision: quality(arguments.folder, precision) for precision in JUDGED}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


def part(name: str, **environment: str) -> Any:
    """What this script prints with ``--part``."""
    command = [sys.executable, __file__, "--part", name]
    ran = subprocess.run(command, env=os.environ | environment, stdout=subprocess.PIPE, check=True)
    return json.loads(ran.stdout)


def times() -> dict[str, dict[str, float]]:
    """Milliseconds by network and precision. The precisions take turns, so that all meet the same noise."""
    results: dict[str, dict[str, float]] = {}
    for model in IN_INT8:
        files = {p: choose(model, precision=p).file for p in PRECISIONS}
        sessions = {p: open_session(file, precision=p, threads=1) for p, file in files.items()}
        inputs = {port.name: example(model, port.shape or ()) for port in sessions["fp32"].inputs}
        best = dict.fromkeys(PRECISIONS, float("inf"))
        for turn in range(RUNS + 1):
            for precision, session in sessions.items():
                begin = time.process_time()
                session.run(inputs)
                if turn:
                    best[precision] = min(best[precision], time.process_time() - begin)
        results[model.name] = {precision: round(1e3 * best[precision], 1) for precision in PRECISIONS}
    return results


def example(model: Model, shape: tuple[int | None, ...]) -> Float:
    """Noise of the size that a network usually sees."""
    count = 32 if model.family == "portrait-refinement" else 1
    free = (count, 1, model.input_size, model.input_size)
    return np.random.default_rng(0).random([n or m for n, m in zip(shape, free, strict=True)], np.float32)


def load() -> float:
    """CPU seconds to load every shipped network in this process."""
    open_session(next(iter(MODELS.values())).path, threads=1)  # imports the runtime
    begin = time.process_time()
    for model in MODELS.values():
        open_session(choose(model).file, precision="fp32", threads=1)
    return time.process_time() - begin


def start() -> dict[str, float]:
    """CPU seconds with and without the cache."""
    with tempfile.TemporaryDirectory() as scratch:
        folders = {"compiled": "off", "kept": str(Path(scratch, "cache"))}
        part("load", **{VARIABLE: folders["kept"]})
        results: dict[str, float] = {}
        for name, folder in folders.items():
            loads = [part("load", **{VARIABLE: folder}) for _ in range(PROCESSES)]
            results[f"load, {name}"] = round(min(loads), 3)
            os.environ[VARIABLE] = folder
            command: list[str | Path] = [
                *WISP,
                "cutout",
                EXAMPLE,
                "-o",
                Path(scratch, "out.png"),
                "--overwrite",
                "--quiet",
            ]
            results[f"wisp cutout, {name}"] = round(run(command, times=PROCESSES)["cpu_s"], 3)
        kept = list(Path(folders["kept"]).glob("*.compiled"))
        results["megabytes kept"] = round(sum(file.stat().st_size for file in kept) / 1e6, 1)
    return results


def quality(folder: Path, precision: Precision) -> float:
    """Mean SAD of a folder of portraits."""
    photos = sorted((folder / "image").iterdir())
    errors = []
    for path in photos:
        truth = read_grey(next((folder / "alpha").glob(f"{path.stem}.*")))
        alpha = cutout(read_photo(path).image, precision=precision).alpha
        errors.append(sad(alpha, truth))
    return round(float(np.mean(errors)), 3)


if __name__ == "__main__":
    main()

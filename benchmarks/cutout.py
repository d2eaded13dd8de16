"""What a user waits for: start-up, one photo, a folder of portraits; and how good those come out.

    python benchmarks/cutout.py [FOLDER]

FOLDER holds ``image/`` and ``alpha/``. Every command runs in a process of its own, and its user and system
seconds, all threads, and peak memory are those that the kernel counted: nothing is left out, interpreter and
imports included. Each is the least of several runs, after one that is not counted (it may compile the network
into the cache). CPU seconds a photo after start-up are the difference between a folder of N photos and one of
a single photo, by N − 1. Precision, device and threads are the defaults, which `wisp doctor` shows.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyvips

from wisp.evaluation.protocols import evaluate
from wisp.lab.benchmark.machine import cpu_name

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "cutout.json"
EXAMPLE = ROOT / "examples" / "portrait.jpg"
LAUNCH = """
import json, os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
spent = usage.ru_utime + usage.ru_stime
print(json.dumps([os.waitstatus_to_exitcode(status), spent, usage.ru_maxrss]))
"""
"""Starts a command from a small process: a child's peak memory counts what its parent held at the fork."""
WISP = [sys.executable, "-m", "wisp"]


def main() -> None:
    """Measure and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT.parent / "shared/eval/portrait-dev")
    folder: Path = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as scratch:
        results = measure(folder, Path(scratch))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


def measure(folder: Path, scratch: Path) -> dict[str, object]:
    """All figures, by name."""
    one, twelve = scratch / "1mpx.jpg", scratch / "12mpx.jpg"
    scaled(EXAMPLE, one, 1000, 1000)
    scaled(EXAMPLE, twelve, 4000, 3000)
    single = scratch / "single"
    single.mkdir()
    photos = sorted((folder / "image").iterdir())
    shutil.copy(photos[0], single)
    all_out, one_out = scratch / "all", scratch / "alone"
    cutout = [*WISP, "cutout", "--overwrite", "--quiet"]
    results: dict[str, object] = {
        "machine": {"cpu": cpu_name(), "cores": os.cpu_count(), "python": platform.python_version()},
        "versions": {
            name: version(name) for name in ("wisp-matting", "openvino", "numpy", "scipy", "pyvips")
        },
        "import wisp": run([sys.executable, "-c", "import wisp"]),
        "python alone": run([sys.executable, "-c", ""]),
        "wisp --help": run([*WISP, "--help"]),
        "cutout, 1 Mpx": run([*cutout, one, "-o", scratch / "1.png"], times=3),
        "cutout, 12 Mpx": run([*cutout, twelve, "-o", scratch / "12.png"], times=2),
    }
    alone = run([*cutout, single, "-o", one_out], times=3)
    together = run([*cutout, folder / "image", "-o", all_out], times=2)
    report = evaluate(all_out, folder / "alpha")
    results["folder"] = {
        "photos": len(photos),
        "cpu_s_each_after_start": (together["cpu_s"] - alone["cpu_s"]) / (len(photos) - 1),
        "peak_mb": together["peak_mb"],
        "mean": report.mean,
    }
    return results


def run(command: list[str | Path], times: int = 5) -> dict[str, float]:
    """Least CPU seconds and peak megabytes of a command, which must succeed."""
    seconds, peaks = [], []
    for turn in range(times + 1):
        launched = [sys.executable, "-S", "-c", LAUNCH, *[str(part) for part in command]]
        status, spent, peak = json.loads(subprocess.run(launched, stdout=subprocess.PIPE, check=True).stdout)
        if status != 0:
            raise subprocess.CalledProcessError(status, command)
        if turn:
            seconds.append(spent)
            peaks.append(peak / (1e6 if sys.platform == "darwin" else 1e3))  # Linux counts kilobytes
    return {"cpu_s": min(seconds), "peak_mb": min(peaks)}


def scaled(source: Path, out: Path, width: int, height: int) -> None:
    """A photo of another size, cropped to fit, with grain in place of the detail it lacks."""
    image = pyvips.Image.thumbnail(str(source), width, height=height, crop="centre", size="both")
    grain = np.random.default_rng(0).normal(0, 3, (height, width, 1)).astype(np.float32)
    (image + pyvips.Image.new_from_array(grain)).cast("uchar").jpegsave(str(out), Q=92)


if __name__ == "__main__":
    main()

"""Speed and memory of this tree beside those of an older commit, in turns on one machine.

    python benchmarks/commits.py [COMMIT]

The commit's sources are written to a temporary folder; dependencies are those of this environment for both.
Everything runs in a process of its own, the two trees in turns. CPU seconds are user and system ones of all
threads, memory is the process's largest. The first part is whole commands, from process start to exit, the
compiled networks kept from a run that is not counted. In the second, a process cuts out the example photo
several times; the least time after the first counts, without reading and writing. Of a clip it is the
difference between one of 8 frames and one of 32. The least of several turns counts throughout.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from cutout import EXAMPLE, LAUNCH
from wisp.core.machine import cores
from wisp.evaluation.tables import markdown
from wisp.io.images import read_photo, write_image
from wisp.lab.benchmark.machine import cpu_name
from wisp.matting.trimap import trimap_from_alpha
from wisp.pipeline import run as cut_out

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "commits.json"
TURNS, PHOTOS = 2, 5
FRAMES: Final = (8, 32)
SIZE: Final = (360, 640)
"""Height and width of the clips' frames."""

PROBE: Final = """
import json, sys, time, warnings
import numpy as np
from wisp.io.images import read_photo
from wisp.pipeline import run
warnings.simplefilter("ignore")
photo, trimap, words, count = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), int(sys.argv[4])
image, given = read_photo(photo).image, {}
if words.pop("trimap", False):
    given["trimap"] = np.load(trimap)
if words.pop("alpha", False):
    given["alpha"] = np.load(trimap).astype(np.float32) / 255
spent = []
for _ in range(count):
    start = time.process_time()
    run(image, **words, **given)
    spent.append(time.process_time() - start)
print(json.dumps(spent))
"""
"""Cuts a photo out several times; both trees understand it."""

CALLS: Final[dict[str, dict[str, object]]] = {
    "`auto`": {},
    "`portrait`": {"method": "portrait"},
    "`closed-form`, the mask found": {"method": "closed-form"},
    "`closed-form` with a trimap": {"method": "closed-form", "trimap": True},
    "`dim` with a trimap": {"method": "dim", "trimap": True},
    "foreground colours alone": {"alpha": True},
}
"""What is measured in a process that goes on, by what the table calls it."""


def main() -> None:
    """Measure both and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("commit", nargs="?", default="da5e9e3")
    commit: str = parser.parse_args().commit
    with tempfile.TemporaryDirectory() as scratch:
        result = measure(commit, Path(scratch))
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(table(result))


def measure(commit: str, scratch: Path) -> dict[str, Any]:
    """Every row, by name: ``before`` and ``now``, each with CPU seconds and, of processes, megabytes."""
    trees = {"before": check_out(commit, scratch), "now": ROOT / "src"}
    photo, trimap = scratch / "photo.jpg", scratch / "trimap.npy"
    photo.write_bytes(EXAMPLE.read_bytes())
    image = read_photo(photo).image
    np.save(trimap, trimap_from_alpha(cut_out(image).matte.alpha, width=0.05))
    wisp = [sys.executable, "-m", "wisp"]
    commands: dict[str, list[str | Path]] = {
        "`import wisp`": [sys.executable, "-c", "import wisp"],
        "`wisp --help`": [*wisp, "--help"],
        "`wisp cutout`": [*wisp, "cutout", photo, "-o", scratch / "out.png", "--overwrite", "--quiet"],
    }
    rows: dict[str, dict[str, dict[str, float]]] = {}
    for turn in range(2 * TURNS + 1):  # the first may compile networks
        for name, command in commands.items():
            for tree, source in trees.items():
                spent, peak, _ = launch(command, source)
                keep_least(rows, name, tree, turn, cpu_s=spent, peak_mb=peak)
    for turn in range(TURNS):
        for name, words in CALLS.items():
            for tree, source in trees.items():
                given: list[str | Path] = [photo, trimap, json.dumps(words), str(PHOTOS)]
                _, peak, told = launch([sys.executable, "-c", PROBE, *given], source)
                keep_least(rows, name, tree, 1 + turn, cpu_s=min(json.loads(told)[1:]), peak_mb=peak)
    clips = {count: write_clip(image, scratch / f"clip{count}", count) for count in FRAMES}
    for turn in range(TURNS + 1):
        for tree, source in trees.items():
            short, long = (
                launch([*wisp, "video", clips[count], "-o", scratch / "out.mkv", *CLIP_WORDS], source)
                for count in FRAMES
            )
            each = (long[0] - short[0]) / (FRAMES[1] - FRAMES[0])
            name = f"each frame of a clip of {SIZE[1]}×{SIZE[0]}"
            keep_least(rows, name, tree, turn, cpu_s=each, peak_mb=long[1])
    return {
        "commit": commit,
        "machine": {"cpu": cpu_name(), "cores": cores(), "python": platform.python_version()},
        "versions": {name: version(name) for name in ("openvino", "numpy", "scipy", "pyvips")},
        "photo": {"height": image.shape[0], "width": image.shape[1]},
        "turns": TURNS,
        "rows": rows,
    }


CLIP_WORDS: Final = ["--background", "green", "--overwrite", "--quiet"]


def check_out(commit: str, scratch: Path) -> Path:
    """The folder of a commit's sources, written below `scratch`."""
    archive = subprocess.run(["git", "archive", commit, "src"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    (scratch / "before").mkdir()
    subprocess.run(["tar", "x", "-C", scratch / "before"], input=archive.stdout, check=True)
    return scratch / "before" / "src"


def launch(command: list[str | Path], source: Path) -> tuple[float, float, str]:
    """CPU seconds, peak megabytes and standard output of a command that finds wisp in a folder of sources."""
    telling = LAUNCH.replace("stdout=subprocess.DEVNULL", "stdout=sys.stderr")
    words = [sys.executable, "-S", "-c", telling, *map(str, command)]
    environment = os.environ | {"PYTHONPATH": str(source), "PYTHONWARNINGS": "ignore"}
    ran = subprocess.run(words, env=environment, capture_output=True, check=True, text=True)
    status, spent, peak = json.loads(ran.stdout)
    if status != 0:
        raise subprocess.CalledProcessError(status, command, stderr=ran.stderr)
    return spent, peak / (1e6 if sys.platform == "darwin" else 1e3), ran.stderr  # Linux counts kilobytes


def keep_least(
    rows: dict[str, dict[str, dict[str, float]]], name: str, tree: str, turn: int, **values: float
) -> None:
    """Keep the least of each value of a tree's row; those of turn 0 are not counted."""
    if turn:
        kept = rows.setdefault(name, {}).setdefault(tree, values)
        kept.update({key: min(kept[key], value) for key, value in values.items()})


def write_clip(image: np.ndarray[Any, np.dtype[np.float32]], folder: Path, count: int) -> Path:
    """A view that pans over the photo, as a folder of pictures."""
    folder.mkdir()
    height, width = SIZE
    for index in range(count):
        top, left = (np.array(image.shape[:2]) - SIZE) * index // max(FRAMES)
        write_image(folder / f"{index + 1:04}.png", image[top : top + height, left : left + width], bits=8)
    return folder


def table(result: dict[str, Any]) -> str:
    """The rows in Markdown, with the machine."""
    rows = []
    for name, row in result["rows"].items():
        before, now = row["before"], row["now"]
        cells = [
            cell
            for key, form in (("cpu_s", ".3f"), ("peak_mb", ".0f"))
            for cell in (format(before[key], form), format(now[key], form), f"{now[key] / before[key]:.2f} ×")
        ]
        rows.append([name, *cells])
    machine, photo = result["machine"], result["photo"]
    told = (
        f"Commit {result['commit']} and this one on {machine['cores']} cores of an {machine['cpu']}, OpenVINO"
        f" {result['versions']['openvino']}; a photo of {photo['width']}×{photo['height']}."
    )
    head = ["", "CPU s, before", "now", "", "peak MB, before", "now", ""]
    return f"{told}\n\n{markdown(head, rows)}"


if __name__ == "__main__":
    main()

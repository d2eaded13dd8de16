"""Portraits: wisp beside MODNet, RVM, U²-Net and IS-Net; error over the whole image, and CPU seconds.

Run from the root of the repository, with the ``bench`` dependency group installed::

    python benchmarks/portrait.py [FOLDER] --modnet FILE --rvm FILE --u2net FILE --isnet FILE
    python benchmarks/portrait.py FOLDER --modnet FILE --sheets OUT     look at it: contact sheets on green
    python benchmarks/portrait.py --table                               the kept result as Markdown

FOLDER holds ``image/`` and ``alpha/``; names are PERSON-NUMBER. For ``--sheets`` it may be any folder of
photos. The networks' ONNX files are their owners' and do not come with wisp; without an option, PEER.onnx in
the folder that the environment variable WISP_PEERS names is taken. What is missing is left out and named.
Without MODNet nothing is kept.

- Error: alpha rounded to 8 bits, as `wisp evaluate` has it. Peers run in ONNX Runtime, MODNet in wisp's
  runtime (OpenVINO) too; wisp with its defaults.
- Differences: ours − peer, mean and 95 % interval of a paired bootstrap that draws whole people.
- CPU seconds at 512²: process time on one core, a fresh process each; a photo of each of up to six people,
  scaled to 512×512; least of three runs each, mean over them. Of a peer only what is spent inside its network
  (RVM's both passes); of wisp everything from image to alpha: segmenter, network, refinement, cleaning.
- `wisp cutout`: user and system seconds of a photo more in a folder, reading and writing included: a half of
  the difference between a folder of three and one of one, each the least of several runs; peak memory of a
  process with one photo.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from _photo_sets import photos_of
from _sheets import of_files, write_sheets
from _subject_report import interval
from _systems import add_peers, open_system, peer_files, stay_on_one_core
from cutout import EXAMPLE, WISP, run, scaled
from wisp.core.arrays import Float
from wisp.core.errors import InputError, WispError
from wisp.core.resample import resize
from wisp.engine.peers import PEERS
from wisp.evaluation.bootstrap import paired_bootstrap
from wisp.evaluation.protocols import score_alpha
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo
from wisp.lab.benchmark.machine import cpu_name
from wisp.lab.benchmark.systems import System

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "portrait.json"
METHODS = ("auto", "portrait", "closed-form")
METRICS = {"sad": ("SAD", 1, 2), "mse": ("MSE ×10³", 1e3, 2), "mae": ("MAE ×10³", 1e3, 2)} | {
    "grad": ("Grad", 1, 2),
    "conn": ("Conn", 1, 2),
}
"""Name in the report → heading, factor and decimals of the table."""
BASELINE = "modnet"
TIMED_PEOPLE, TIMED_SIDE, TURNS = 6, 512, 3
SIZES = {"1 Mpx": (1000, 1000, 3), "12 Mpx": (4000, 3000, 1)}
"""Width, height and how often `wisp cutout` is timed."""


def main() -> int:
    """Do what the command line asks for."""
    arguments = _parser().parse_args()
    if arguments.worker:
        print(json.dumps(measure(arguments.folder, System(**json.loads(arguments.worker)))))
        return 0
    if arguments.table:
        print(table(json.loads(RESULTS.read_text())))
        return 0
    systems, left_out = chosen(arguments)
    if arguments.sheets is not None:
        return sheets(arguments, systems)
    results = compare(arguments.folder, systems, left_out)
    if not arguments.skip_cutout:
        results["cutout"] = {
            system.name: cutout_seconds(system)
            for system in systems
            if system.kind == "ours" and system.name in results["systems"]
        }
    print(table(results))
    if not any(about.get("peer") == BASELINE for about in results["systems"].values()):
        print(f"not kept: without {PEERS[BASELINE].family} there is no comparison", file=sys.stderr)
        return 0
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    return 0


def chosen(arguments: argparse.Namespace) -> tuple[list[System], dict[str, str]]:
    """The systems that were asked for, in the order of the table, and why others are left out."""
    systems = []
    for word in arguments.ours or METHODS:
        method, _, model = word.partition("=")
        systems.append(System("ours", method, model))
    files, left_out = peer_files(arguments)
    for name, file in files.items():
        runtimes = ("onnxruntime", "openvino") if name == BASELINE else ("onnxruntime",)
        systems += [System("peer", name, str(file), runtime) for runtime in runtimes]
    return systems, left_out


def compare(folder: Path, systems: Sequence[System], left_out: Mapping[str, str]) -> dict[str, Any]:
    """Score and time every system in a process of its own, and compare ours with each peer."""
    photos = photos_of(folder)
    names = [path.stem for path in photos]
    for path in photos:
        truth_of(path, folder / "alpha")
    results: dict[str, Any] = {
        "machine": {"cpu": cpu_name(), "cores": os.cpu_count(), "python": platform.python_version()},
        "versions": {
            name: version(name) for name in ("wisp-matting", "openvino", "onnxruntime", "numpy", "scipy")
        },
        "photos": len(names),
        "people": len({person(name) for name in names}),
        "systems": {},
        "left_out": dict(left_out),
    }
    for system in systems:
        measured = _fresh(folder, system)
        if "error" in measured:
            why: str = measured["error"]
            if system.file:
                why = why.replace(system.file, Path(system.file).name)  # the kept result names no folders
            results["left_out"][system.name] = why
            print(f"{system.name}: left out, {why}", file=sys.stderr)
            continue
        results["systems"][system.name] = system.about() | measured
        mean = ", ".join(f"{name} {value:.4g}" for name, value in measured["mean"].items())
        print(f"{system.name}: {mean}, {measured['cpu_s_512']:.3f} s", flush=True)
    results["differences"] = differences(results["systems"])
    return results


def differences(systems: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Ours − peer for each of ours, each peer and each metric; {} where there are fewer than two people."""
    rows: dict[str, Any] = {}
    for ours, about in systems.items():
        names = list(about["images"])
        people = [person(name) for name in names]
        if about["kind"] != "ours" or len(set(people)) < 2:
            continue
        for peer, other in systems.items():
            if other["kind"] == "peer":
                rows.setdefault(ours, {})[peer] = {
                    metric: asdict(
                        paired_bootstrap(
                            [about["images"][name][metric] for name in names],
                            [other["images"][name][metric] for name in names],
                            people,
                            seed=0,
                        )
                    )
                    for metric in METRICS
                }
    return rows


def measure(folder: Path, system: System) -> dict[str, Any]:
    """Run one system over the folder, in this process and on one core."""
    stay_on_one_core()
    try:
        opened = open_system(system)
        images = {}
        for path in photos_of(folder):
            truth = read_grey(truth_of(path, folder / "alpha"))
            scores = score_alpha(opened.estimate(read_photo(path).image), truth)
            images[path.stem] = {name: round(value, 7) for name, value in scores.items()}
        seconds = [min(opened.seconds(image) for _ in range(TURNS)) for image in timed(folder)]
    except WispError as error:
        return {"error": str(error)}
    mean = {name: float(np.mean([scores[name] for scores in images.values()])) for name in METRICS}
    return {
        "runs_in": opened.runtime,
        "mean": mean,
        "cpu_s_512": round(float(np.mean(seconds)), 4),
        "images": images,
    }


def timed(folder: Path) -> Iterator[Float]:
    """A photo of each of the first people, scaled to 512×512."""
    first: dict[str, Path] = {}
    for path in photos_of(folder):
        first.setdefault(person(path.stem), path)
    for path in list(first.values())[:TIMED_PEOPLE]:
        yield resize(read_photo(path).image, TIMED_SIDE, TIMED_SIDE).clip(0, 1)


def cutout_seconds(system: System) -> dict[str, dict[str, float]]:
    """What `wisp cutout` takes for a photo more, by size."""
    options = ["--method", system.key, *(["--model", system.file] if system.file else [])]
    results = {}
    for label, (width, height, times) in SIZES.items():
        with tempfile.TemporaryDirectory() as scratch:
            taken = {}
            for count in (1, 3):
                folder = Path(scratch) / f"{count}"
                folder.mkdir()
                for number in range(count):
                    scaled(EXAMPLE, folder / f"{number}.jpg", width, height)
                command: list[str | Path] = [*WISP, "cutout", "--overwrite", "--quiet", *options, folder]
                command += ["-o", Path(scratch) / f"{count}-out"]
                taken[count] = run(command, times=times)
        each = (taken[3]["cpu_s"] - taken[1]["cpu_s"]) / 2
        results[label] = {"cpu_s_after_start": round(each, 3), "peak_mb": round(taken[1]["peak_mb"])}
    return results


def sheets(arguments: argparse.Namespace, systems: Sequence[System]) -> int:
    """Write contact sheets of the folder: photo, the first of our methods that works, and the peers."""
    columns: dict[str, Callable[[Path], Float]] = {}
    for system in systems:
        if system.runtime == "openvino" or (system.kind == "ours" and columns and not arguments.ours):
            continue
        try:
            columns[system.name] = of_files(open_system(system).estimate)
        except InputError as error:
            print(f"{system.name}: left out, {error}", file=sys.stderr)
    print(f"columns: photo; {'; '.join(columns)}")
    photos = photos_of(arguments.folder)
    for file, names in write_sheets(
        photos, columns, arguments.sheets, rows=arguments.rows, cell=arguments.cell
    ):
        print(f"{file}: {', '.join(names)}", flush=True)
    return 0


def table(results: Mapping[str, Any]) -> str:
    """The result as Markdown: errors and times, differences, and what `wisp cutout` takes."""
    systems = results["systems"]
    baselines = {
        about["runtime"]: about["cpu_s_512"] for about in systems.values() if about.get("peer") == BASELINE
    }
    labels = {"onnxruntime": "of MODNet, ONNX Runtime", "openvino": "of MODNet, wisp's runtime"}
    headings = [heading for heading, _, _ in METRICS.values()]
    lines = [
        f"{results['photos']} portraits of {results['people']} people, whole image; "
        f"one core of an {results['machine']['cpu']}:",
        "",
        _row(["", *headings, "CPU s at 512²", *(labels[runtime] for runtime in baselines)]),
        _row(["---"] * (len(headings) + 2 + len(baselines))),
    ]
    for name, about in systems.items():
        shown = [f"{about['mean'][key] * by:.{places}f}" for key, (_, by, places) in METRICS.items()]
        ratios = [f"{about['cpu_s_512'] / seconds:.2f} ×" for seconds in baselines.values()]
        lines.append(_row([name, *shown, f"{about['cpu_s_512']:.3f}", *ratios]))
    if results["left_out"]:
        lines += [
            "",
            "Left out: " + "; ".join(f"{name} ({why})" for name, why in results["left_out"].items()),
        ]
    if results["differences"]:
        lines += ["", "Difference, ours − peer, and its 95 % interval (paired bootstrap by person):", ""]
        lines += [_row(["", *headings]), _row(["---"] * (len(headings) + 1))]
        for ours, peers in results["differences"].items():
            for peer, rows in peers.items():
                cells = [interval(rows[key], by, places) for key, (_, by, places) in METRICS.items()]
                lines.append(_row([f"{ours} − {peer}", *cells]))
    if results.get("cutout"):
        lines += ["", "`wisp cutout`, each further photo, reading and writing included:", ""]
        lines += [_row(["", *(f"{size}, CPU s | {size}, peak MB" for size in SIZES)])]
        lines += [_row(["---"] * (2 * len(SIZES) + 1))]
        for name, sizes in results["cutout"].items():
            cells = [
                f"{sizes[size]['cpu_s_after_start']:.2f} | {sizes[size]['peak_mb']:.0f}" for size in SIZES
            ]
            lines.append(_row([name, *cells]))
    return "\n".join(lines)


def truth_of(photo: Path, folder: Path) -> Path:
    """The file of the photo's true alpha."""
    for path in sorted(folder.glob(f"{photo.stem}.*")):
        return path
    raise InputError(folder, f"has no true alpha of {photo.name}", f"a file {photo.stem}.png is accepted")


def person(name: str) -> str:
    """Who is on a photo: its name without the number of the background."""
    return name.rsplit("-", 1)[0]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    add = parser.add_argument
    add("folder", nargs="?", type=Path, default=ROOT.parent / "shared/eval/portrait-dev")
    add("--ours", action="append", metavar="METHOD[=MODEL]", help="a method of wisp, any number of times")
    add_peers(parser)
    add("--sheets", type=Path, metavar="DIR", help="write contact sheets and measure nothing")
    add("--rows", type=int, default=4, help="photos a sheet")
    add("--cell", type=int, default=480, help="pixels of a picture's longer side on a sheet")
    add("--skip-cutout", action="store_true", help="do not time `wisp cutout`")
    add("--table", action="store_true", help="print the kept result")
    add("--worker", help=argparse.SUPPRESS)
    return parser


def _fresh(folder: Path, system: System) -> dict[str, Any]:
    command = [sys.executable, __file__, str(folder), "--worker", json.dumps(asdict(system))]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        return {"error": f"ended with exit code {done.returncode}"}
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except WispError as error:
        sys.exit(f"{Path(__file__).name}: {error}")

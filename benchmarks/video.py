"""Mattes of moving people: how good, how steady, how fast, and how much memory a clip takes.

    python benchmarks/video.py [--corpus FOLDER] [--rvm FILE.onnx] [--clips N] [--frames N]
                               [--part PART] [--kind KIND] [--method NAME]

Clips are composed of people held out of training (the corpus's ``split=val``; the result names them) over its
backgrounds, 960×540, by the motions of `wisp.data.clips.scenario`; alpha is exact in every frame.
Ours is what ``wisp video`` does (`wisp.clips.steady.steady_alpha`) with each of its fast methods; frame by
frame is the same with nothing handed on from one frame to the next. RVM is its published ONNX file in ONNX
Runtime, recurrent state handed on, with the downsample ratio that its authors recommend (512 pixels for the
longer side); its speed is measured in OpenVINO, too. All alphas are rounded to eight bits. `still` is the
same clips with nothing moving but the camera's noise: what is left there is flicker.

Times are CPU seconds of the whole process (user and system, all threads) and wall seconds a frame, the least
of several passes over the same 1280×720 frames; `end to end` is the command ``wisp video`` with a plain
background, H.264 in and out, less the same on one frame. On a machine that others use, compare CPU seconds:
what is compared runs in turn. Peak memory is what the kernel counted for that command on clips of 10 s and
60 s. ``--part``, ``--kind`` and ``--method`` choose what is run, and may be given several times; the result
keeps what is there of other parts.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from wisp.clips.io.codecs import CODECS
from wisp.clips.io.write import FileWriter, Layout
from wisp.clips.methods import alpha_method
from wisp.clips.steady import STEADY, State, Steadiness, steady_alpha
from wisp.core.arrays import Alpha, Image, from_float, to_float
from wisp.data import vips
from wisp.data.clips import ClipFrame, Scenario, clip, freeze_motion, scenario
from wisp.data.datasets import Entry, backgrounds, corpus
from wisp.engine.sessions import openvino_core
from wisp.evaluation.video_metrics import clip_scores
from wisp.lab.benchmark.machine import cpu_name

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "video.json"
CORPUS = ROOT.parent / "shared" / "corpus"
SIZE = (540, 960)
HD = (720, 1280)
SEED = 20
ALONE = ", frame by frame"
PARTS = ("quality", "speed", "memory")
KINDS = ("moving", "still")
METHODS = ("auto", "segmenter", "portrait")
RVM = "RVM, ONNX Runtime"
OUTPUTS = ["fgr", "pha", "r1o", "r2o", "r3o", "r4o"]
Pixels = npt.NDArray[np.uint8]

Method = Callable[[Iterable[Image]], Iterator[Alpha]]
"""Frames of one clip → their alphas."""


class Plan(NamedTuple):
    """How many clips, of how many frames, and how many of them at once."""

    clips: int
    frames: int
    jobs: int


def main() -> None:
    """Measure and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--rvm", type=Path, help="RVM's ONNX file; left out where it is not given")
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--kind", choices=KINDS, action="append", help="clips whose alphas are scored")
    parser.add_argument("--method", choices=METHODS, action="append", help="ours that are run")
    parser.add_argument("--jobs", type=int, default=1, help="clips that are scored at once")
    parser.add_argument("--rate", type=int, default=30, help="frames a second of the clips for memory")
    options = parser.parse_args()
    if not options.corpus.is_dir():
        print(f"left out, {options.corpus} is not there", file=sys.stderr)
        return
    results = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    results["machine"] = {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("av", "numpy", "onnxruntime", "openvino")},
    }
    names = options.method or METHODS
    for part in options.part or PARTS:
        if part == "quality":
            plan = Plan(options.clips, options.frames, options.jobs)
            kinds = options.kind or KINDS
            results[part] = quality(names, options.rvm, options.corpus, kinds, plan)
        elif part == "speed":
            results[part] = speed(names, options.rvm, options.corpus)
        else:
            results[part] = memory(options.corpus, options.rate)
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


def ours(name: str, steadiness: Steadiness = STEADY) -> Method:
    """One of our methods on a clip's frames, as ``wisp video`` runs it."""
    alpha_of = alpha_method(name)

    def alphas(frames: Iterable[Image]) -> Iterator[Alpha]:
        state: State | None = None
        for image in frames:
            alpha, state = steady_alpha(image, state, alpha_of, steadiness=steadiness)
            yield alpha

    return alphas


Run = Callable[[Mapping[str, npt.NDArray[np.float32]]], list[npt.NDArray[np.float32]]]


def rvm(run: Run) -> Method:
    """RVM with its recurrent state, on a clip's frames."""

    def alphas(frames: Iterable[Image]) -> Iterator[Alpha]:
        memory = [np.zeros((1, 1, 1, 1), np.float32)] * 4
        for image in frames:
            ratio = np.array([min(1.0, 512 / max(image.shape[:2]))], np.float32)
            inputs = {"src": np.ascontiguousarray(image.transpose(2, 0, 1)[None]), "downsample_ratio": ratio}
            inputs |= {f"r{index}i": state for index, state in enumerate(memory, 1)}
            _, alpha, *memory = run(inputs)
            yield alpha[0, 0].clip(0, 1)

    return alphas


def by_onnxruntime(file: Path) -> Run:
    """RVM's file in ONNX Runtime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(OUTPUTS, dict(inputs))


def by_openvino(file: Path) -> Run:
    """The same in our runtime, which computes in bf16 where the CPU does."""
    core = openvino_core()
    network = core.compile_model(core.read_model(str(file)), "CPU", {"PERFORMANCE_HINT": "LATENCY"})
    request = network.create_infer_request()

    def run(inputs: Mapping[str, npt.NDArray[np.float32]]) -> list[npt.NDArray[np.float32]]:
        found = request.infer(dict(inputs))
        return [np.array(found[name], np.float32) for name in OUTPUTS]

    return run


def quality(
    names: Sequence[str], rvm_file: Path | None, folder: Path, kinds: Sequence[str], options: Plan
) -> dict[str, Any]:
    """Mean scores of each method on moving and on still clips, with ratios to RVM and to frame by frame."""
    chosen = held_out(folder, options.clips)
    report: dict[str, Any] = {
        "people": [person.name for person, _ in chosen],
        "backgrounds": [scene.name for _, scene in chosen],
        "frames": options.frames,
        "size": SIZE,
    }
    tasks = [(kind, index, person, scene) for kind in kinds for index, (person, scene) in enumerate(chosen)]
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        rows = list(pool.map(partial(scored, names, rvm_file, options.frames), tasks))
    for kind in kinds:
        of_kind = [row for row, (its, *_) in zip(rows, tasks, strict=True) if its == kind]
        scores = {name: [row[name] for row in of_kind] for name in of_kind[0]}
        means = {name: {m: mean(row, m) for m in row[0]} for name, row in scores.items()}
        report[kind] = {"mean": means, "clips": scores, "ratio": ratios(means)}
    return report


def scored(
    names: Sequence[str], rvm_file: Path | None, frames: int, task: tuple[str, int, Entry, Path]
) -> dict[str, dict[str, float]]:
    """The scores of every method on one clip."""
    kind, index, person, scene = task
    methods = {f"wisp, {name}": ours(name) for name in names}
    methods |= {f"wisp, {name}{ALONE}": ours(name, Steadiness(hold=0)) for name in names}
    if rvm_file:
        methods[RVM] = rvm(by_onnxruntime(rvm_file))
    plan = scenario(index, SIZE, frames=frames, seed=SEED)
    images, truths = rendered(person, scene, plan if kind == "moving" else freeze_motion(plan))
    rows = {}
    for name, method in methods.items():
        alphas = map(rounded, method(map(to_float, images)))
        rows[name] = clip_scores(alphas, map(to_float, truths))
        print(kind, person.name, name, rows[name], file=sys.stderr, flush=True)
    return rows


def ratios(means: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Each of our methods against RVM in ONNX Runtime, and against itself frame by frame."""
    found = {}
    for name, row in means.items():
        if name.startswith("wisp") and not name.endswith(ALONE):
            alone = means[name + ALONE]
            found[f"{name} / frame by frame"] = {m: row[m] / alone[m] for m in row}
            if RVM in means:
                found[f"{name} / RVM"] = {m: row[m] / means[RVM][m] for m in row}
    return found


def speed(
    names: Sequence[str], rvm_file: Path | None, folder: Path, frames: int = 16, passes: int = 2
) -> dict[str, Any]:
    """CPU and wall seconds a frame at 1280×720: of alpha alone, and of the command from end to end."""
    ((person, scene),) = held_out(folder, 1)
    images, _ = rendered(person, scene, scenario(0, HD, frames=frames, seed=SEED))
    peers = {}
    if rvm_file:
        peers = {RVM: rvm(by_onnxruntime(rvm_file)), "RVM, OpenVINO": rvm(by_openvino(rvm_file))}
    methods = {f"wisp, {name}": ours(name) for name in names} | peers
    report: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "out.mp4"
        long, short = Path(scratch) / "long.mp4", Path(scratch) / "short.mp4"
        write_clip(long, images * 3)
        write_clip(short, images[:1])
        for _ in range(passes):  # one method after the other, so that a busy moment is no method's alone
            for name, method in methods.items():
                cpu, wall = time.process_time(), time.perf_counter()
                for _ in method(map(to_float, images)):
                    pass
                row = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
                least(report, name, row, frames)
            for name in names:
                command = ["--background", "green", "--method", name, "-o", out, "--overwrite", "--quiet"]
                whole, start = run([long, *command]), run([short, *command])
                row = {key: whole[key] - start[key] for key in ("cpu_s", "wall_s")}
                least(report, f"wisp video, {name}, end to end", row, 3 * frames - 1)
    for row in report.values():
        row["fps"] = 1 / row["wall_s"]
        row["cpu_fps"] = 1 / row["cpu_s"]
        for peer in peers:
            row[f"times {peer}, by CPU"] = report[peer]["cpu_s"] / row["cpu_s"]
            row[f"times {peer}, by the clock"] = report[peer]["wall_s"] / row["wall_s"]
    return report


def least(report: dict[str, dict[str, float]], name: str, row: dict[str, float], frames: int) -> None:
    """Keep the shortest times a frame of those measured."""
    before = report.setdefault(name, dict.fromkeys(row, float("inf")))
    report[name] = {key: min(value / frames, before[key]) for key, value in row.items()}


def memory(folder: Path, rate: int) -> dict[str, float]:
    """Peak megabytes of the command on 1280×720 clips of 10 s and 60 s, and their ratio."""
    ((person, scene),) = held_out(folder, 1)
    images, _ = rendered(person, scene, scenario(0, HD, frames=rate, seed=SEED))
    peaks = {"frames a second": float(rate)}
    with tempfile.TemporaryDirectory() as scratch:
        for seconds in (10, 60):
            source = Path(scratch) / f"{seconds}.mp4"
            write_clip(source, images * seconds, rate)
            out = Path(scratch) / "out.mp4"
            words = [source, "--background", "green", "-o", out, "--overwrite", "--quiet"]
            peaks[f"{seconds} s, MB"] = run(words)["peak_mb"]
    return {**peaks, "ratio": peaks["60 s, MB"] / peaks["10 s, MB"]}


LAUNCH = """
import json, os, subprocess, sys, time
began = time.perf_counter()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
wall = time.perf_counter() - began
print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss]))
"""
"""Starts a command from a small process: a child's peak memory counts what its parent held at the fork."""


def run(words: list[Any]) -> dict[str, float]:
    """CPU and wall seconds and peak megabytes of ``wisp video``, which must succeed."""
    command = [sys.executable, "-m", "wisp", "video", *map(str, words)]
    launched = subprocess.run(
        [sys.executable, "-S", "-c", LAUNCH, *command], stdout=subprocess.PIPE, check=True
    )
    status, cpu, wall, peak = json.loads(launched.stdout)
    if status != 0:
        raise subprocess.CalledProcessError(status, command)
    return {"cpu_s": cpu, "wall_s": wall, "peak_mb": peak / (1e6 if sys.platform == "darwin" else 1e3)}


def table(results: Mapping[str, Any]) -> str:
    """What was measured, in Markdown."""
    lines: list[str] = []
    for kind in KINDS:
        found = results.get("quality", {}).get(kind)
        if found:
            people = results["quality"]["people"]
            lines += [
                f"{len(people)} {kind} clips of {results['quality']['frames']} frames at 960×540"
                f" ({', '.join(people)}):",
                "",
                "| | MAD ×10³ | MSE ×10³ | Grad | dtSSD ×10² |",
                "|---|---|---|---|---|",
                *(cells(name, row, ".2f") for name, row in (found["mean"] | found["ratio"]).items()),
                "",
            ]
    if "speed" in results:
        speeds = results["speed"]
        keys = ["cpu_s", "fps", *(key for key in next(iter(speeds.values())) if key.startswith("times"))]
        lines += [
            f"A frame of 1280×720, on {results['machine']['cores']} cores of an {results['machine']['cpu']}:",
            "",
            f"| | {' | '.join(['CPU s', 'frames a second', *keys[2:]])} |",
            "|---" * (1 + len(keys)) + "|",
            *(cells(name, {key: row[key] for key in keys}, ".3g") for name, row in speeds.items()),
            "",
        ]
    if "memory" in results:
        peaks = results["memory"]
        lines.append(
            f"Peak memory of the command: {peaks['10 s, MB']:.0f} MB for 10 s,"
            f" {peaks['60 s, MB']:.0f} MB for 60 s of {peaks['frames a second']:.0f} frames a second."
        )
    return "\n".join(lines).strip()


def cells(name: str, row: Mapping[str, float], form: str) -> str:
    """A row of a table."""
    return f"| {name} | {' | '.join(format(value, form) for value in row.values())} |"


def held_out(folder: Path, count: int) -> list[tuple[Entry, Path]]:
    """People who are not trained on, close-ups and whole figures in turn, each with a background."""
    people = sorted(corpus(folder / "people", "val"), key=lambda person: person.name)
    groups: dict[str, list[Entry]] = {}
    for person in people:
        groups.setdefault(person.name.split("-")[0], []).append(person)
    rng = np.random.default_rng(SEED)
    for group in groups.values():
        group[:] = [group[i] for i in rng.permutation(len(group))]
    in_turn = [group[i] for i in range(len(people)) for group in groups.values() if i < len(group)]
    scenes = backgrounds(folder / "backgrounds")
    chosen = rng.permutation(len(scenes))
    return [(person, scenes[chosen[i]]) for i, person in enumerate(in_turn[:count])]


def rendered(person: Entry, scene: Path, plan: Scenario) -> tuple[list[Pixels], list[Pixels]]:
    """Images and alphas of a clip, as files of eight bits would hold them."""
    frames: Iterator[ClipFrame] = clip(person.load(), vips.read_rgb(scene), plan)
    stored = [(from_float(frame.image), from_float(frame.alpha)) for frame in frames]
    return [image for image, _ in stored], [alpha for _, alpha in stored]


def rounded(alpha: Alpha) -> Alpha:
    """To multiples of 1/255."""
    return to_float(from_float(alpha))


def write_clip(path: Path, images: list[Pixels], rate: int = 30) -> None:
    """An H.264 clip."""
    height, width = images[0].shape[:2]
    writer = FileWriter(path, CODECS["h264"], Layout(height, width, 3, tick=Fraction(1, rate)))
    try:
        for number, image in enumerate(images):
            writer.write(image, Fraction(number, rate))
        writer.finish()
    finally:
        writer.close()


def mean(rows: list[dict[str, float]], metric: str) -> float:
    """Of one metric over clips."""
    return float(np.mean([row[metric] for row in rows]))


if __name__ == "__main__":
    main()

"""Mattes of moving people: how good, how steady, how fast, and how much memory a clip takes.

    python benchmarks/video.py [--corpus FOLDER] [--rvm FILE.onnx] [--clips N] [--frames N] [--part PART]

Clips are composed of people held out of training (the corpus's ``split=val``; the result names them) over its
backgrounds, 960×540, by the motions of `wisp.training.data.clips.scenario`; alpha is exact in every frame.
Ours is `wisp.temporal.step` with each method that this version has; the same frame by frame is the method
alone. RVM is its published ONNX file in ONNX Runtime and in OpenVINO, recurrent state handed on, with the
downsample ratio that its authors recommend (512 pixels for the longer side). All alphas are rounded to eight
bits. `still` is the same clips with nothing moving but the camera's noise: what is left there is flicker.

Times are CPU seconds of the whole process (user and system, all threads) and wall seconds a frame, the least
of several passes over the same 1280×720 frames; `end to end` is the command ``wisp video`` with a plain
background, H.264 in and out, less the same on one frame. Peak memory is what the kernel counted for that
command on clips of 10 s and 60 s. Parts can be run one at a time; the result keeps what is there of others.
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
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wisp.alpha_methods import alpha_method
from wisp.arrays import Alpha, Image, from_float, to_float
from wisp.benchmark.machine import cpu_name
from wisp.evaluation.video_metrics import clip_scores
from wisp.inference.sessions import load_openvino
from wisp.io.video_codecs import CODECS
from wisp.io.video_files import FileWriter, Layout
from wisp.temporal import State, steady_alpha
from wisp.training.data import vips
from wisp.training.data.clips import ClipFrame, Scenario, clip, scenario, still
from wisp.training.data.datasets import Entry, backgrounds, corpus

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "video.json"
CORPUS = ROOT.parent / "shared" / "corpus"
SIZE = (540, 960)
HD = (720, 1280)
SEED = 20
ALONE = ", frame by frame"
Pixels = npt.NDArray[np.uint8]

Method = Callable[[Iterable[Image]], Iterator[Alpha]]
"""Frames of one clip → their alphas."""


def main() -> None:
    """Measure and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--rvm", type=Path, help="RVM's ONNX file; left out where it is not given")
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--part", choices=["quality", "speed", "memory"], action="append")
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
    methods = our_methods()
    if options.rvm:
        methods |= {f"RVM, {name}": rvm(run) for name, run in rvm_runtimes(options.rvm).items()}
    for part in options.part or ["quality", "speed", "memory"]:
        if part == "quality":
            results["quality"] = quality(methods, options.corpus, options.clips, options.frames)
        elif part == "speed":
            results["speed"] = speed(methods, options.corpus)
        else:
            results["memory"] = memory(options.corpus)
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


def our_methods() -> dict[str, Method]:
    """Each of our fast methods, frame by frame."""
    return {f"wisp, {name}": partial(map, alpha_method(name)) for name in ("auto", "segmenter", "portrait")}


def steadied(images: list[Pixels], alphas: Iterable[Alpha]) -> Iterator[Alpha]:
    """Alphas that were found frame by frame, held steady."""
    state: State | None = None
    for image, found in zip(images, alphas, strict=True):
        alpha, state = steady_alpha(to_float(image), found, state)
        yield alpha


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


def rvm_runtimes(file: Path) -> dict[str, Run]:
    """RVM's file in ONNX Runtime, and in our runtime where that can read it."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    names = ["fgr", "pha", "r1o", "r2o", "r3o", "r4o"]
    openvino: Any = load_openvino()
    core = openvino.Core()
    network = core.compile_model(core.read_model(str(file)), "CPU", {"PERFORMANCE_HINT": "LATENCY"})
    request = network.create_infer_request()

    def by_openvino(inputs: Mapping[str, npt.NDArray[np.float32]]) -> list[npt.NDArray[np.float32]]:
        found = request.infer(dict(inputs))
        return [np.array(found[name], np.float32) for name in names]

    return {"ONNX Runtime": lambda inputs: session.run(names, dict(inputs)), "OpenVINO": by_openvino}


def quality(methods: Mapping[str, Method], folder: Path, count: int, frames: int) -> dict[str, Any]:
    """Mean scores of each method on moving and on still clips, with ratios to RVM and to frame by frame."""
    chosen = held_out(folder, count)
    report: dict[str, Any] = {"people": [person.name for person, _ in chosen], "frames": frames, "size": SIZE}
    for kind in ("moving", "still"):
        scores: dict[str, list[dict[str, float]]] = {}
        for index, (person, scene) in enumerate(chosen):
            plan = scenario(index, SIZE, frames=frames, seed=SEED)
            images, truths = rendered(person, scene, plan if kind == "moving" else still(plan))
            for name, method in methods.items():
                alphas = list(method(map(to_float, images)))
                tried = {name: alphas}
                if name.startswith("wisp"):
                    tried = {name: list(steadied(images, alphas)), name + ALONE: alphas}
                for label, found in tried.items():
                    row = clip_scores(map(rounded, found), map(to_float, truths))
                    scores.setdefault(label, []).append(row)
                    print(kind, person.name, label, row, flush=True)
        means = {name: {m: mean(rows, m) for m in rows[0]} for name, rows in scores.items()}
        report[kind] = {"mean": means, "clips": scores, "ratio": ratios(means)}
    return report


def ratios(means: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Each of our methods against RVM in ONNX Runtime, and against itself frame by frame."""
    found = {}
    for name, row in means.items():
        if name.startswith("wisp") and not name.endswith(ALONE):
            alone = means[name + ALONE]
            found[f"{name} / frame by frame"] = {m: row[m] / alone[m] for m in row}
            if "RVM, ONNX Runtime" in means:
                found[f"{name} / RVM"] = {m: row[m] / means["RVM, ONNX Runtime"][m] for m in row}
    return found


def speed(methods: Mapping[str, Method], folder: Path, frames: int = 24, passes: int = 3) -> dict[str, Any]:
    """CPU and wall seconds a frame at 1280×720: of the methods alone, and of the command from end to end."""
    ((person, scene),) = held_out(folder, 1)
    images, _ = rendered(person, scene, scenario(0, HD, frames=frames, seed=SEED))
    report: dict[str, Any] = {}
    for _ in range(passes):  # one method after the other, so that a busy moment is no method's alone
        for name, method in methods.items():
            cpu, wall = time.process_time(), time.perf_counter()
            alphas = method(map(to_float, images))
            for _ in steadied(images, alphas) if name.startswith("wisp") else alphas:
                pass
            row = {
                "cpu_s": (time.process_time() - cpu) / frames,
                "wall_s": (time.perf_counter() - wall) / frames,
            }
            report[name] = {key: min(value, report.get(name, row)[key]) for key, value in row.items()}
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "out.mp4"
        long, short = Path(scratch) / "long.mp4", Path(scratch) / "short.mp4"
        write_clip(long, images * 5)
        write_clip(short, images[:1])
        for name in [
            n.removeprefix("wisp, ") for n in methods if n.startswith("wisp") and "frame by" not in n
        ]:
            command = ["--background", "green", "--method", name, "-o", out, "--overwrite", "--quiet"]
            runs = [(run([long, *command]), run([short, *command])) for _ in range(passes)]
            rest = 5 * frames - 1
            report[f"wisp video, {name}, end to end"] = {
                key: (min(a[key] for a, _ in runs) - min(b[key] for _, b in runs)) / rest
                for key in ("cpu_s", "wall_s")
            }
    reference = report.get("RVM, ONNX Runtime")
    for row in report.values():
        row["fps"] = 1 / row["wall_s"]
        if reference:
            row["times_rvm_by_cpu"] = reference["cpu_s"] / row["cpu_s"]
    return report


def memory(folder: Path) -> dict[str, float]:
    """Peak megabytes of the command on 1280×720 clips of 10 s and 60 s, and their ratio."""
    ((person, scene),) = held_out(folder, 1)
    images, _ = rendered(person, scene, scenario(0, HD, frames=30, seed=SEED))
    peaks = {}
    with tempfile.TemporaryDirectory() as scratch:
        for seconds in (10, 60):
            source = Path(scratch) / f"{seconds}.mp4"
            write_clip(source, images * seconds)
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


def write_clip(path: Path, images: list[Pixels]) -> None:
    """An H.264 clip at 30 frames a second."""
    height, width = images[0].shape[:2]
    writer = FileWriter(path, CODECS["h264"], Layout(height, width, 3, tick=Fraction(1, 30)))
    try:
        for number, image in enumerate(images):
            writer.write(image, Fraction(number, 30))
        writer.finish()
    finally:
        writer.close()


def mean(rows: list[dict[str, float]], metric: str) -> float:
    """Of one metric over clips."""
    return float(np.mean([row[metric] for row in rows]))


if __name__ == "__main__":
    main()

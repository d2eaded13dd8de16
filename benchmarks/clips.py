"""Made clips of other people than wisp learnt from, and real ones: error, steadiness, flicker, beside RVM.

    python benchmarks/clips.py --rvm FILE.onnx [--half a|b] [--only NAME] [--frames N] [--show]
    python benchmarks/clips.py --rvm FILE.onnx --real              # flicker of the clips in clips-real
    python benchmarks/clips.py --table

``--eval``: the folder of people-dev, things-dev, things-none and clips-real; ``--subject``: as ``wisp video``
has it; ``--sheets FOLDER``: what came, every eighth frame on green; ``--cache FOLDER`` keeps clips and RVM's
alphas, which are not made twice.

The clips are those of `_made_clips`: 640×360, 48 frames, people of people-dev before moving scenes with cars,
animals and plants that are no subject. Choose on half ``a``, report half ``b``. Ours is what ``wisp video``
does; RVM is its ONNX file in ONNX Runtime, recurrent state handed on, 512 pixels on the longer side. Alphas
are rounded to eight bits. ``found`` is how many frames after it should have been somebody is there at last:
until mean alpha where the truth is over 0.9 is over 0.9, counted from the first frame in which the people
cover a hundredth of the picture.

Flicker is the mean change of alpha ×10³ from one frame to the next at pixels whose colours changed by less
than 2 of 255 meanwhile, within 40 pixels of where alpha is soft (0.02 … 0.98). ``common`` counts where either
system's is, for both alike.

CPU seconds are the process's own for a frame, reading and scoring left out.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import platformdirs

from _made_clips import CLIPS, FRAMES, SIZE, Made, Pixels, make
from video import by_onnxruntime, rvm
from wisp.clips.alpha import PortraitMethod
from wisp.clips.convert import GLIMPSES
from wisp.clips.io.read import open_clip
from wisp.clips.steady import State, steady_alpha
from wisp.core.arrays import Alpha, Image, from_float, to_float
from wisp.core.opencv import opencv
from wisp.engine.families import Wanted
from wisp.evaluation.video_metrics import METRICS, clip_scores
from wisp.io.images import write_image
from wisp.lab.benchmark.machine import about_machine, versions

ROOT: Final = Path(__file__).parent.parent
RESULTS: Final = ROOT / "benchmarks" / "results"
EVAL: Final = ROOT.parent / "shared" / "eval"
OURS, PEER = "wisp", "RVM"
TARGETS: Final = {"mad": 0.7, "mse": 0.6, "grad": 0.9, "dtssd": 0.8}
"""What was asked for, of RVM's means."""
Method = Callable[[Iterable[Image]], Iterator[Alpha]]


class Taken(NamedTuple):
    """A system's alphas of a clip, uint8 (N, H, W), and its CPU seconds a frame."""

    alphas: Pixels
    seconds: float


def main() -> None:
    """Measure and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rvm", type=Path, help="RVM's ONNX file; left out where it is not given")
    parser.add_argument("--half", choices=("a", "b"), default="a")
    parser.add_argument(
        "--only", action="append", help="clips whose names hold this; of others the kept stay"
    )
    parser.add_argument("--frames", type=int, default=FRAMES, help="of each clip, from its beginning")
    parser.add_argument("--show", action="store_true", help="keep nothing")
    parser.add_argument("--real", action="store_true", help="the clips of clips-real instead")
    parser.add_argument("--table", action="store_true", help="the kept results as Markdown")
    parser.add_argument("--eval", type=Path, default=EVAL)
    parser.add_argument("--subject", choices=("auto", "people", "anything"), default="auto")
    parser.add_argument("--sheets", type=Path)
    parser.add_argument("--cache", type=Path, default=Path(platformdirs.user_cache_dir("wisp-clips")))
    options = parser.parse_args()
    if options.table:
        print(
            "\n\n".join(table(json.loads(path.read_text())) for path in sorted(RESULTS.glob("clips-*.json")))
        )
        return
    if not (options.eval / "people-dev").is_dir():
        print(f"left out, {options.eval} is not there", file=sys.stderr)
        return
    shots = real_clips(options.eval / "clips-real") if options.real else made_clips(options)
    clips = measure(shots, options)
    machine = about_machine() | {
        "versions": versions(("numpy", "opencv-python-headless", "openvino", "onnxruntime"))
    }
    kept = RESULTS / f"{'clips-real' if options.real else f'clips-{options.half}'}.json"
    if options.only and not options.show and kept.is_file():
        clips = json.loads(kept.read_text())["clips"] | clips
    report = with_means(clips) | {"machine": machine}
    if not options.show and options.frames == FRAMES:
        RESULTS.mkdir(exist_ok=True)
        kept.write_text(json.dumps(report, indent=1) + "\n")
    print(table(report))


def ours(subject: Wanted, images: Pixels) -> Method:
    """What ``wisp video`` does with a clip of these frames."""
    method = PortraitMethod(subject=subject)

    def alphas(frames: Iterable[Image]) -> Iterator[Alpha]:
        glimpses = (to_float(images[int(share * len(images))]) for share in GLIMPSES)
        alpha_of = method.primed_by(glimpses)
        state: State | None = None
        for image in frames:
            alpha, state = steady_alpha(image, state, alpha_of)
            yield alpha

    return alphas


def made_clips(options: argparse.Namespace) -> Iterator[tuple[str, Pixels, Pixels | None]]:
    """Names, frames and true alphas of the made clips that are asked for."""
    for plan in CLIPS:
        if plan.half == options.half and _wanted(plan.name, options.only):
            key = zlib.crc32(repr((plan, SIZE, FRAMES)).encode())
            made = _kept(
                options.cache / f"{plan.name}-{key:08x}.npz", partial(make, plan, options.eval), Made
            )
            yield plan.name, made.images[: options.frames], made.alphas[: options.frames]


def real_clips(folder: Path) -> Iterator[tuple[str, Pixels, Pixels | None]]:
    """Names and frames of the clips in a folder."""
    for path in sorted(folder.glob("*.mp4")):
        with open_clip(path) as clip:
            yield path.stem, np.stack([from_float(frame.image) for frame in clip.frames()]), None


def measure(
    shots: Iterable[tuple[str, Pixels, Pixels | None]], options: argparse.Namespace
) -> dict[str, dict[str, dict[str, float]]]:
    """Per clip and system its scores."""
    clips: dict[str, dict[str, dict[str, float]]] = {}
    for name, images, truths in shots:
        if not _wanted(name, options.only):
            continue
        found = {OURS: _run(ours(options.subject, images), images)}
        if options.rvm:
            key = zlib.crc32(np.ascontiguousarray(images).data) ^ zlib.crc32(options.rvm.read_bytes())
            peer = partial(_run, rvm(by_onnxruntime(options.rvm)), images)
            found[PEER] = _kept(options.cache / f"{name}-rvm-{key:08x}.npz", peer, Taken)
        clips[name] = {system: _scores(taken, images, truths) for system, taken in found.items()}
        if len(found) > 1:
            for system, value in _common_flicker(images, found).items():
                clips[name][system]["common"] = value
        for system, row in clips[name].items():
            told = ", ".join(f"{key} {value:.2f}" for key, value in row.items())
            print(f"{name}, {system}: {told}", file=sys.stderr, flush=True)
        if options.sheets:
            options.sheets.mkdir(parents=True, exist_ok=True)
            pictures = {system: taken.alphas for system, taken in found.items()}
            write_image(options.sheets / f"{name}.jpg", sheet(images, pictures), overwrite=True)
    return clips


def with_means(clips: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, Any]:
    """The clips by name, and the mean of every score of every system over them."""
    systems = sorted({system for rows in clips.values() for system in rows}, reverse=True)
    means = {
        system: {key: float(np.mean([rows[system][key] for rows in clips.values()])) for key in rows[system]}
        for system in systems
        for rows in [next(iter(clips.values()))]
    }
    return {"clips": {name: clips[name] for name in sorted(clips)}, "mean": means}


def _wanted(name: str, only: Sequence[str] | None) -> bool:
    return not only or any(part in name for part in only)


def _kept(path: Path, build: Callable[[], Any], kind: Any) -> Any:
    """What `build` gives, a named tuple of arrays, from a file where it is there already."""
    if path.is_file():
        with np.load(path) as held:
            return kind(*(held[name] for name in kind._fields))
    built = build()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial_path = path.with_suffix(".part.npz")
    np.savez_compressed(partial_path, **built._asdict())
    partial_path.replace(path)
    return built


def _run(method: Method, images: Pixels) -> Taken:
    began = time.process_time()
    alphas = [from_float(alpha) for alpha in method(map(to_float, images))]
    return Taken(np.stack(alphas), (time.process_time() - began) / len(images))


def _scores(taken: Taken, images: Pixels, truths: Pixels | None) -> dict[str, float]:
    row: dict[str, float] = {}
    if truths is not None:
        row |= clip_scores(map(to_float, taken.alphas), map(to_float, truths))
        row["found"] = float(_late(taken.alphas, truths))
    row["flicker"] = _flicker(images, taken.alphas, taken.alphas)
    row["cpu_ms"] = 1000 * float(taken.seconds)
    return row


def _late(alphas: Pixels, truths: Pixels) -> int:
    """Frames until the people that are there are found, see the module."""
    there = [number for number, truth in enumerate(truths) if (truth > 127).mean() >= 0.01]
    for late, number in enumerate(there):
        if alphas[number][truths[number] > 229].mean() > 229:
            return late
    return len(there)


def _flicker(images: Pixels, alphas: Pixels, soft_in: Pixels) -> float:
    total, count = 0.0, 0
    for number in range(1, len(images)):
        near = _near_soft(soft_in[number])
        total, count = _changes(images, alphas, number, near, total, count)
    return 1000 * total / max(count, 1)


def _common_flicker(images: Pixels, found: Mapping[str, Taken]) -> dict[str, float]:
    sums = dict.fromkeys(found, (0.0, 0))
    for number in range(1, len(images)):
        near = np.logical_or.reduce([_near_soft(taken.alphas[number]) for taken in found.values()])
        for system, taken in found.items():
            sums[system] = _changes(images, taken.alphas, number, near, *sums[system])
    return {system: 1000 * total / max(count, 1) for system, (total, count) in sums.items()}


def _near_soft(alpha: Pixels) -> Any:
    soft = ((alpha > 5) & (alpha < 250)).astype(np.uint8)
    return opencv().boxFilter(soft.astype(np.float32), -1, (81, 81)) > 0


def _changes(
    images: Pixels, alphas: Pixels, number: int, near: Any, total: float, count: int
) -> tuple[float, int]:
    moved = np.abs(images[number].astype(np.int16) - images[number - 1]).max(2)
    chosen = (moved < 2) & near
    change = np.abs(alphas[number].astype(np.int16) - alphas[number - 1])[chosen]
    return total + float(change.sum()) / 255, count + int(chosen.sum())


def sheet(images: Pixels, systems: Mapping[str, Pixels], every: int = 8, width: int = 320) -> Image:
    """Every eighth frame, and under it what each system cut out, on green."""
    cv2 = opencv()
    columns = []
    for number in range(0, len(images), every):
        image = to_float(images[number])
        cells = [image]
        for alphas in systems.values():
            opacity = to_float(alphas[number])[..., None]
            cells.append(image * opacity + (1 - opacity) * np.array([0, 0.69, 0.25], np.float32))
        size = (width, round(width * image.shape[0] / image.shape[1]))
        columns.append(np.vstack([cv2.resize(cell, size, interpolation=cv2.INTER_AREA) for cell in cells]))
    found: Image = np.hstack(columns)
    return found


def table(report: Mapping[str, Any]) -> str:
    """What was measured, in Markdown: a row a clip, ours / RVM's, then means and their ratios."""
    clips, means = report["clips"], report["mean"]
    keys = [key for key in means[OURS] if key != "cpu_ms"]
    lines = [f"| clip, wisp / RVM | {' | '.join(keys)} |", "|---" * (len(keys) + 1) + "|"]
    for name, rows in {**clips, "mean": means}.items():
        cells = [" / ".join(f"{row[key]:.2f}" for row in rows.values()) for key in keys]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    if PEER in means:
        ratios = {key: means[OURS][key] / max(means[PEER][key], 1e-9) for key in keys}
        lines.append(f"| ratio | {' | '.join(f'{ratios[key]:.2f}' for key in keys)} |")
        asked = [f"≤ {TARGETS[key]}" if key in TARGETS else "" for key in keys]
        lines.append(f"| asked | {' | '.join(asked)} |")
    return "\n".join(lines)


assert set(TARGETS) == set(METRICS)

if __name__ == "__main__":
    main()

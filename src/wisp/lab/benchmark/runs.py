"""All systems of a benchmark, one after the other, each in a process of its own; their scores; one result.

Below the output folder, ``systems/SYSTEM/`` keeps what one system has made (``alpha/``, ``log.jsonl``,
``scores.json``) and, in ``key.json``, what that depends on: the system, its file, the photos, wisp's version
and the runtimes'. As long as that is the same, what is finished is not done again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from wisp import __version__
from wisp.core.digests import sha256_of
from wisp.core.errors import InputError
from wisp.evaluation.colours import colour_error
from wisp.evaluation.protocols import Pair, Pairing, score
from wisp.io.atomic import write_files
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo
from wisp.lab.benchmark import worker
from wisp.lab.benchmark.cases import Case, kind_of
from wisp.lab.benchmark.machine import about_machine, versions
from wisp.lab.benchmark.systems import System

METRICS: Final = ("sad", "mse", "mae", "grad", "conn")
WHOLE: Final = "whole"
_PACKAGES: Final = ("openvino", "onnxruntime", "pymatting", "numba", "numpy", "scipy")


@dataclass(frozen=True)
class Benchmark:
    """A benchmark to be run: photos, systems, and where its results go.

    Attributes:
        folder: of the photos.
        cases: its photos.
        systems: what is compared, in the order of the tables.
        left_out: names of what is not, and why.
        out: the folder of results.
        cores: how many each process may use; 0 for all.
    """

    folder: Path
    cases: Sequence[Case]
    systems: Sequence[System]
    left_out: Mapping[str, str]
    out: Path
    cores: int = 0

    @property
    def regions(self) -> list[str]:
        """Names of the scored regions: the whole image, and the unknown part of each set of trimaps."""
        guides = self.cases[0].guides
        return [WHOLE, *(guide for guide in guides if kind_of(guide) == "trimap")]

    def place(self, system: System) -> Path:
        """The folder of what a system has made."""
        return self.out / "systems" / system.slug


def run(
    benchmark: Benchmark,
    *,
    fresh: bool = False,
    tell: Callable[[str], None] = lambda line: None,
    done: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Measure every system that is not measured already.

    Args:
        benchmark: what and where.
        fresh: begin anew, whatever is there.
        tell: told a line a system.
        done: called after each system.

    Returns:
        The result, fit for JSON: the machine, the versions, and a row a system, with ``error`` in place of
        figures where it failed. Rows are in the order of the systems, photos in the order of difficulty.

    Raises:
        InputError: something in the output folder cannot be written.
    """
    rows = []
    benchmark.out.mkdir(parents=True, exist_ok=True)
    for system in benchmark.systems:
        row = {"name": system.name, "slug": system.slug, "guide": system.guide, **system.about()}
        row |= _measured(benchmark, system, fresh=fresh)
        rows.append(row)
        tell(f"{row['name']}: {_in_short(row)}")
        done()
    worked = [row for row in rows if "error" not in row]
    return {
        "wisp": __version__,
        "folder": benchmark.folder.resolve().name,
        "photos": len(benchmark.cases),
        "regions": benchmark.regions,
        "machine": about_machine() | {"cores_each": benchmark.cores or about_machine()["cores"]},
        "versions": versions(_PACKAGES),
        "systems": rows,
        "left_out": dict(benchmark.left_out),
        "hardest": hardest_first([case.name for case in benchmark.cases], worked),
    }


def hardest_first(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Photos by difficulty: by their SAD relative to the system's mean, averaged over the systems."""
    difficulty = dict.fromkeys(names, 0.0)
    for row in rows:
        mean = row["mean"][WHOLE]["sad"]
        for name in names:
            difficulty[name] += row["images"][name][WHOLE]["sad"] / mean if mean else 0.0
    return sorted(names, key=lambda name: -difficulty[name])


def _measured(benchmark: Benchmark, system: System, *, fresh: bool) -> dict[str, Any]:
    """The row of a system but for its name: from what is there, after doing what is not."""
    place = benchmark.place(system)
    try:
        key = _key(benchmark, system)
    except OSError as error:
        return {"error": f"{Path(system.file).name}: {error.strerror}"}
    _begin(place, key, fresh=fresh)
    log = read_log(place)
    wanted = [case for case in benchmark.cases if case.name not in log.images]
    if wanted or not log.start:
        failure = _work(benchmark, system, wanted, place)
        if failure:  # a report names no folders
            return {"error": failure.replace(system.file, Path(system.file).name) if system.file else failure}
        log = read_log(place)
    try:
        scores = _scores(benchmark, place)
    except InputError as error:  # a truth of another size, a trimap with nothing unknown
        return {"error": str(error)}
    return _row(benchmark, log, scores)


@dataclass(frozen=True)
class Log:
    """Notes of a system's processes: of their start, of each photo, and why they stopped early."""

    start: Mapping[str, Any]
    images: Mapping[str, Mapping[str, Any]]
    error: str


def read_log(place: Path) -> Log:
    """The log in a system's folder; a last line that was cut short does not count."""
    start: dict[str, Any] = {}
    images: dict[str, dict[str, Any]] = {}
    error = ""
    path = place / worker.LOG
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        with suppress(ValueError):
            entry = json.loads(line)
            if "image" in entry:
                images[entry.pop("image")] = entry
            elif "error" in entry:
                error = entry["error"]
            else:
                start = start or entry
    return Log(start, images, error)


def _begin(place: Path, key: Mapping[str, Any], *, fresh: bool) -> None:
    """Make the folder ready for a run: keep what was made of the same things, and remove the rest."""
    kept = place / "key.json"
    same = False
    with suppress(OSError, ValueError):
        same = json.loads(kept.read_text(encoding="utf-8")) == key
    try:
        if (fresh or not same) and place.is_dir():
            shutil.rmtree(place)
        place.mkdir(parents=True, exist_ok=True)
        if not same or fresh:
            kept.write_text(json.dumps(key, indent=1), encoding="utf-8")
        log = place / worker.LOG
        if log.is_file() and not log.read_bytes().endswith(b"\n"):  # a line that was cut short
            with log.open("ab") as file:
                file.write(b"\n")
    except OSError as error:
        raise InputError(place, f"cannot be written ({error.strerror})") from error


def _key(benchmark: Benchmark, system: System) -> dict[str, Any]:
    """Key of a system's kept results: everything that its alphas and times depend on."""
    pictures = [
        [case.name, *(_stamp(path) for path in (case.image, case.guides.get(system.guide)))]
        for case in benchmark.cases
    ]
    about = asdict(system) | {"file": sha256_of(Path(system.file)) if system.file else ""}
    return {
        "wisp": __version__,
        "system": about,
        "versions": versions(_PACKAGES),
        "cores": benchmark.cores,
        "pictures": hashlib.sha256(json.dumps(pictures).encode()).hexdigest(),
        "colours": benchmark.cases[0].foreground is not None,
    }


def _work(benchmark: Benchmark, system: System, cases: Sequence[Case], place: Path) -> str:
    """Have a process of its own do what is left; why that did not work, empty where it did."""
    items = [
        worker.Item(
            case.name, str(case.image), str(case.guides.get(system.guide, "")), case.foreground is not None
        )
        for case in cases
    ]
    worker.write_task(place, system, items, benchmark.cores)
    with (place / "stderr.txt").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", worker.__name__, str(place)], stdout=subprocess.DEVNULL, stderr=errors
        )
        try:
            code = process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
    if code == 0:
        log = read_log(place)
        missing = not log.start or any(case.name not in log.images for case in cases)
        return (log.error or "its process ended early") if missing else ""
    if code < 0:
        name = signal.Signals(-code).name
        hint = ", as the system does when memory runs out" if name == "SIGKILL" else ""
        return f"its process was ended by {name}{hint}"
    told = (place / "stderr.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"its process ended with exit code {code}" + (f": {told[-1]}" if told else "")


def _scores(benchmark: Benchmark, place: Path) -> dict[str, Any]:
    """Region → name of the photo → metrics, as `wisp evaluate` scores the files; kept once they are known."""
    files = [
        path for case in benchmark.cases for path in (case.alpha, case.foreground, *case.guides.values())
    ]
    key = hashlib.sha256(json.dumps([*map(_stamp, files)]).encode()).hexdigest()
    kept = place / "scores.json"
    with suppress(OSError, ValueError):
        found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        if found.pop("key") == key:
            return found
    scores: dict[str, Any] = {}
    for region in benchmark.regions:
        pairs = tuple(
            Pair(case.name, place / "alpha" / f"{case.name}.png", case.alpha, case.guides.get(region))
            for case in benchmark.cases
        )
        scores[region] = score(Pairing(pairs, ignored=0)).images
    scores["foreground"] = {
        case.name: colour_error(
            read_photo(place / "foreground" / f"{case.name}.png").image,
            read_photo(case.foreground).image,
            read_grey(case.alpha),
        )
        for case in benchmark.cases
        if case.foreground is not None
    }
    write_files({str(kept): json.dumps({"key": key, **scores}).encode()}, overwrite=True)
    return scores


def _row(benchmark: Benchmark, log: Log, scores: Mapping[str, Any]) -> dict[str, Any]:
    names = [case.name for case in benchmark.cases]
    images = {
        name: {region: scores[region][name] for region in benchmark.regions}
        | {key: log.images[name][key] for key in ("cpu_s", "wall_s", "megapixels")}
        for name in names
    }
    mean = {
        region: {
            metric: float(np.mean([scores[region][name][metric] for name in names])) for metric in METRICS
        }
        for region in benchmark.regions
    }
    colours = [value for value in scores["foreground"].values() if value is not None]
    peaks = [log.images[name]["peak_mb"] for name in names if log.images[name]["peak_mb"] is not None]
    licences = sorted({file["licence"] for file in log.start["files"] if file["licence"]})
    row: dict[str, Any] = {
        "mean": mean,
        "colour_error": float(np.mean(colours)) if colours else None,
        "colours_by": log.start["colours_by"],
        "cpu_s": float(np.mean([log.images[name]["cpu_s"] for name in names])),
        "wall_s": float(np.mean([log.images[name]["wall_s"] for name in names])),
        "start_cpu_s": log.start["start_cpu_s"],
        "start_wall_s": log.start["start_wall_s"],
        "peak_mb": max(peaks) if peaks else None,
        "model_bytes": sum(file["bytes"] for file in log.start["files"]),
        "files": [file["file"] for file in log.start["files"]],
        "runs_in": log.start["runs_in"],
        "images": images,
    }
    if licences:
        row["licence"] = "; ".join(licences)
    return row


def _in_short(row: Mapping[str, Any]) -> str:
    if "error" in row:
        return f"failed, {row['error']}"
    mean = row["mean"][WHOLE]
    return f"SAD {mean['sad']:.2f}, {row['cpu_s']:.2f} CPU s a photo"


def _stamp(path: Path | None) -> list[Any] | None:
    """Size and time of a file, which tell it from an earlier one of its name."""
    if path is None:
        return None
    status = path.stat()
    return [path.name, status.st_size, status.st_mtime_ns]

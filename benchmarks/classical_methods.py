"""Every method without a network beside pymatting's: errors on two sets, CPU seconds, and ranks.

Run from the root of the repository; PYTHON is a Python that has pymatting, by default this one::

    python benchmarks/classical_methods.py [SHARED] [--pymatting PYTHON] [--methods NAME …] [--sets NAME …]
    python benchmarks/classical_methods.py [SHARED] --sizes [NAME …] [--pymatting PYTHON] [--methods NAME …]
    python benchmarks/classical_methods.py [SHARED] --overlap

SHARED holds ``eval/alphamatting-dev/`` (``image/``, ``alpha/``, ``trimap1/``, ``trimap2/``), and
``corpus/cutouts/`` and ``corpus/backgrounds/``, of which 40 composites are made: of `COMPOSITES` cut-outs,
chosen and placed by a fixed seed, each over another background, with a trimap of random width. No method
learns anything, so that all cut-outs are held out.

SAD, MSE, Grad and Conn are over the unknown pixels, of alpha rounded to 8 bits. Seconds are the user and
system seconds of the process while alpha is made from arrays in memory; pymatting, at double precision, has
compiled on a small picture before. ``--sizes`` measures CPU seconds and peak memory on one photo of each of
`SIZES`, every method in a fresh process that may take `LIMIT_GB`. ``--overlap`` tells how the errors on
composites go with the share of foreground colours that the background has, too.

Each photo is kept as it is measured, and not measured again unless ``--fresh``, so that a run may be stopped
and methods added one by one. Tables show the methods that have all photos of a set.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "classical_methods.json"
COMPOSITES: Final = 40
SETS: Final = ("trimap1", "trimap2", "composites")
METRICS: Final = ("SAD", "MSE", "Grad", "Conn")
PYMATTING: Final = {
    "closed-form": "cf",
    "knn": "knn",
    "random-walk": "rw",
    "learning-based": "lbdm",
    "large-kernel": "lkm",
    "shared-sampling": "sm",
}
"""pymatting's methods by the names that wisp gives them."""
LARGEST: Final = 800
"""Pixels of a composite's longer side, at most."""
SIZES: Final = {"800×600": (800, 600, 0.2), "12 Mpx": (4000, 3000, 0.08)}
"""Width, height and share of unknown pixels of the photos that time and memory are measured on."""
LIMIT_GB: Final = 8
"""Address space of a process that memory is measured of; what needs more is told so."""

Photo = tuple[str, npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]  # name, image, trimap, alpha


def main() -> None:
    """Measure what the command line asks for and keep it with what there was."""
    from wisp.methods import classical_methods, sampling_methods

    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("shared", nargs="?", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--pymatting", metavar="PYTHON", default=sys.executable)
    parser.add_argument(
        "--methods", nargs="*", help="wisp's, or pymatting:NAME; all that there are if left out"
    )
    parser.add_argument("--sets", nargs="*", choices=SETS, default=SETS)
    parser.add_argument(
        "--sizes", nargs="*", choices=SIZES, help="only CPU seconds and peak memory, of these"
    )
    parser.add_argument("--fresh", action="store_true", help="measure anew what is kept")
    parser.add_argument("--overlap", action="store_true", help="only compare the errors with the colours")
    arguments = parser.parse_args()
    if arguments.overlap:
        print(overlap_table(arguments.shared, json.loads(RESULTS.read_text())))
        return
    known = [
        *classical_methods(),
        *(f"{name}, {word}" for name, word in _switched(sampling_methods()).items()),
    ]
    chosen = arguments.methods or [*known, *(f"pymatting:{name}" for name in PYMATTING)]
    kept = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {"methods": {}}
    with tempfile.TemporaryDirectory() as folder:
        if arguments.sizes is not None:
            names = [name for name in chosen if ", " not in name]
            for size in arguments.sizes or SIZES:
                sized = Path(folder) / "photo.npz"
                write_sized(arguments.shared, size, sized)
                for method in names:
                    found = kept.setdefault("sizes", {}).setdefault(method, {})
                    if size not in found or arguments.fresh:
                        python = arguments.pymatting if ":" in method else sys.executable
                        found[size] = measure_size(python, method, sized)
                        print(f"{method:32} {size:11} {found[size]}", flush=True)
                        _keep(kept)
            return
        run = {True: _theirs(arguments.pymatting, Path(folder)), False: _ours}
        for name in arguments.sets:
            photos = list(read_set(arguments.shared, name))
            for method in chosen:
                rows = kept["methods"].setdefault(method, {}).setdefault(name, {})
                for photo in photos:
                    if photo[0] not in rows or arguments.fresh:
                        rows[photo[0]] = measure(photo, method, run[":" in method])
                        _keep(kept)
                print(f"{method:32} {name:11} {mean(rows)}", flush=True)


def _keep(kept: dict[str, Any]) -> None:
    kept["versions"] = {package: version(package) for package in ("numpy", "scipy")}
    RESULTS.parent.mkdir(exist_ok=True)
    waiting = RESULTS.with_suffix(".part")
    waiting.write_text(json.dumps(kept, indent=1) + "\n")
    waiting.replace(RESULTS)


def _switched(sampling: tuple[str, ...]) -> dict[str, str]:
    """Sampling methods with the smoothing that is not their default."""
    return {name: "smooth" if name == "bayesian" else "no-smooth" for name in sampling}


def measure(photo: Photo, method: str, run: Callable[..., Any]) -> dict[str, float]:
    """The errors and seconds of a method on a photo."""
    from wisp.evaluation import metrics

    _, image, trimap, truth = photo
    alpha, seconds = run(method, image, trimap)
    rounded = np.rint(np.clip(alpha, 0, 1) * 255).astype(np.float32) / np.float32(255)
    region = trimap == 128
    row = {
        metric: round(float(getattr(metrics, metric.lower())(rounded, truth, region)), 5)
        for metric in METRICS
    }
    return row | {"cpu_s": round(seconds, 3), "unknown": int(region.sum())}


SIZED: Final = """
import os, resource, sys
import numpy as np
system, method, file, gigabytes = sys.argv[1:]
if system == "wisp":
    from wisp.methods import solve
    run = lambda image, trimap: solve(method, image, trimap).alpha
else:
    import pymatting
    run = getattr(pymatting, "estimate_alpha_" + method)
with np.load(file) as given:
    image, trimap = given["image"], given["trimap"]
small = np.random.default_rng(0).random((120, 150, 3), np.float32)
bands = np.full((120, 150), 128, np.uint8)
bands[:36], bands[-36:] = 0, 255
if system != "wisp":
    image, small = image.astype(np.float64), small.astype(np.float64)
    trimap, bands = (np.select([t == 0, t == 255], [0.0, 1.0], 0.5) for t in (trimap, bands))
run(small, bands)
limit = int(gigabytes) << 30
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
before = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
start = os.times()
try:
    run(image, trimap)
except (MemoryError, np.linalg.LinAlgError):
    print("no memory")
    sys.exit()
end = os.times()
told = open("/proc/self/status").read()  # getrusage counts what the parent held when it started the process
peak = int(told.partition("VmHWM:")[2].split()[0]) * 1024
print("measured", end.user + end.system - start.user - start.system, max(0, peak - before) / 1e6)
"""
"""A process that mattes one photo."""


def measure_size(python: str, method: str, photo: Path) -> dict[str, float]:
    """CPU seconds and peak megabytes of a method on a photo; nothing where it needs more than `LIMIT_GB`."""
    system, _, key = method.rpartition(":")
    words = ["pymatting", PYMATTING[key]] if system else ["wisp", method]
    command = [python, "-W", "ignore", "-c", SIZED, *words, str(photo), str(LIMIT_GB)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    word, *numbers = done.stdout.split() or ["killed"]
    if word != "measured":
        return {}
    return {"cpu_s": round(float(numbers[0]), 2), "peak_mb": round(float(numbers[1]))}


def write_sized(shared: Path, size: str, file: Path) -> None:
    """The first photo of alphamatting-dev at a size, with an unknown band along its true alpha's contour."""
    from scipy.ndimage import distance_transform_edt

    from wisp.core.resample import resize
    from wisp.io.guidance import read_grey
    from wisp.io.images import read_photo

    width, height, share = SIZES[size]
    folder = shared / "eval" / "alphamatting-dev"
    path = min((folder / "image").iterdir())
    image = resize(read_photo(path).image, height, width)
    noise = np.random.default_rng(0).standard_normal(image.shape, np.float32)  # for the detail that it lacks
    image = np.clip(image + noise * np.float32(1.5 / 255), 0, 1)
    inside = resize(read_grey(folder / "alpha" / path.name), height, width) > 0.5
    away = np.maximum(distance_transform_edt(inside), distance_transform_edt(~inside))
    trimap = np.where(inside, 255, 0).astype(np.uint8)
    trimap[away <= np.quantile(away, share)] = 128
    np.savez(file, image=image, trimap=trimap)


def mean(rows: dict[str, dict[str, float]]) -> dict[str, float]:
    """The means over the photos."""
    keys = (*METRICS, "cpu_s")
    return {key: round(float(np.mean([row[key] for row in rows.values()])), 4) for key in keys}


def _ours(method: str, image: npt.NDArray[Any], trimap: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], float]:
    import warnings

    from wisp.matting.classical.system import ConvergenceWarning
    from wisp.methods import solve

    name, _, word = method.partition(", ")
    smooth = word == "smooth" if word else None
    start = os.times()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        alpha = solve(name, image, trimap, smooth=smooth).alpha
    end = os.times()
    return alpha, end.user + end.system - start.user - start.system


PEER: Final = """
import os, sys
import numpy as np, pymatting
method = getattr(pymatting, "estimate_alpha_" + sys.argv[1])
small = np.random.default_rng(0).random((120, 150, 3))
bands = np.full((120, 150), 0.5)
bands[:36], bands[-36:] = 0, 1
method(small, bands)
for line in sys.stdin:
    with np.load(line.strip()) as given:
        image, trimap = given["image"].astype(np.float64), given["trimap"] / 255
    trimap[(trimap > 0) & (trimap < 1)] = 0.5
    start = os.times()
    alpha = method(image, trimap)
    end = os.times()
    np.savez(line.strip(), alpha=alpha, seconds=end.user + end.system - start.user - start.system)
    print("done", flush=True)
"""
"""One process of pymatting's, which mattes the files that it is told."""


def _theirs(python: str, folder: Path) -> Callable[..., Any]:
    processes: dict[str, subprocess.Popen[str]] = {}
    file = folder / "exchange.npz"

    def run(method: str, image: npt.NDArray[Any], trimap: npt.NDArray[Any]) -> Any:
        key = PYMATTING[method.partition(":")[2]]
        if key not in processes:
            command = [python, "-c", PEER, key]
            processes[key] = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
            )
        process = processes[key]
        assert process.stdin is not None
        assert process.stdout is not None
        np.savez(file, image=image, trimap=trimap)
        process.stdin.write(f"{file}\n")
        process.stdin.flush()
        while "done" not in (line := process.stdout.readline()):
            if not line:
                raise RuntimeError(f"pymatting's {key} ended with code {process.wait()}")
        with np.load(file) as made:
            return made["alpha"], float(made["seconds"])

    return run


def read_set(shared: Path, name: str) -> Iterator[Photo]:
    """The photos of a set with their trimaps and true alphas."""
    from wisp.io.guidance import read_grey, read_trimap
    from wisp.io.images import read_photo

    if name == "composites":
        for made in composites(shared):
            yield made[:4]
        return
    folder = shared / "eval" / "alphamatting-dev"
    for path in sorted((folder / "image").iterdir()):
        truth = read_grey(folder / "alpha" / path.name)
        yield path.stem, read_photo(path).image, read_trimap(folder / name / path.name), truth


def composites(shared: Path) -> Iterator[tuple[Any, ...]]:
    """Cut-outs over backgrounds: name, image, trimap, true alpha, true F (H, W, 3) and B."""
    from wisp.compositing.backgrounds import fit_to_size
    from wisp.core.resample import resize
    from wisp.io.images import read_photo
    from wisp.matting.trimap import random_trimap

    rng = np.random.default_rng(31)
    with (shared / "corpus/cutouts/manifest.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    large = [row for row in rows if min(int(row["height"]), int(row["width"])) >= 128]
    grounds = sorted((shared / "corpus/backgrounds").glob("*.jpg"))
    made = 0
    for number in rng.permutation(len(large)):
        name = large[number]["name"]
        photo = read_photo(shared / f"corpus/cutouts/image/{name}.webp")
        if photo.alpha is None or not _is_soft(photo.alpha):
            continue
        height, width = photo.alpha.shape
        scale = min(1.5, LARGEST / max(height, width) * 0.8)
        height, width = round(height * scale), round(width * scale)
        alpha, colours = (resize(plane, height, width).clip(0, 1) for plane in (photo.alpha, photo.image))
        edge = max(16, round(0.12 * max(height, width)))
        alpha = np.pad(alpha, edge)
        foreground = np.pad(colours, [(edge, edge), (edge, edge), (0, 0)], "edge")
        ground = read_photo(grounds[rng.integers(len(grounds))]).image
        background = fit_to_size(ground, alpha.shape, "cover", "centre")
        opacity = alpha[..., None]
        image = np.ascontiguousarray(opacity * foreground + (1 - opacity) * background, np.float32)
        image = np.rint(image * 255).astype(np.float32) / np.float32(255)
        trimap = random_trimap(alpha, rng, erosion=(2, 16), dilation=(2, 16))
        if not ((trimap == 255).any() and (trimap == 0).any()):
            continue
        yield name, image, trimap, alpha, foreground, background
        made += 1
        if made == COMPOSITES:
            return
    raise RuntimeError(f"{made} cut-outs are fit for composites instead of {COMPOSITES}")


def _is_soft(alpha: npt.NDArray[Any]) -> bool:
    """Whether an alpha has soft pixels, and known foreground as well."""
    return bool(((alpha > 0.05) & (alpha < 0.95)).mean() > 0.002 and (alpha > 0.99).mean() > 0.05)


def tables(kept: dict[str, Any]) -> str:
    """Everything that was measured, in Markdown: a table a set, the least SAD first."""
    from wisp.evaluation.tables import markdown

    parts = []
    for name in SETS:
        measured = {method: sets[name] for method, sets in kept["methods"].items() if name in sets}
        count = max(map(len, measured.values()), default=0)
        found = {method: mean(rows) for method, rows in measured.items() if len(rows) == count}
        if not found:
            continue
        ranks = mean_ranks({method: kept["methods"][method][name] for method in found})
        rows = [
            [
                method.replace("pymatting:", "pymatting, "),
                f"{values['SAD']:.2f}",
                f"{1e3 * values['MSE']:.2f}",
                f"{values['Grad']:.2f}",
                f"{values['Conn']:.2f}",
                f"{ranks[method]:.1f}",
                f"{values['cpu_s']:.2f}",
            ]
            for method, values in sorted(found.items(), key=lambda item: item[1]["SAD"])
        ]
        parts += [f"**{TITLES[name]}**", ""]
        parts.append(markdown(["method", "SAD", "MSE ×10³", "Grad", "Conn", "rank by SAD", "CPU s"], rows))
    if kept.get("sizes"):
        parts += [f"**{TITLES['sizes']}**", "", sizes_table(kept["sizes"])]
    return "\n".join(parts)


def sizes_table(sizes: dict[str, dict[str, dict[str, float]]]) -> str:
    """CPU seconds and peak memory at each size, with their share of pymatting's, in Markdown."""
    from wisp.evaluation.tables import markdown

    def cell(method: str, size: str, key: str, form: str) -> str:
        row, theirs = sizes[method].get(size), sizes.get(f"pymatting:{method}", {}).get(size)
        if row is None:
            return "–"
        if not row:
            return f"over {LIMIT_GB} GB"
        share = f" ({row[key] / theirs[key]:.2f} ×)" if theirs else ""
        return f"{row[key]:{form}}{share}"

    shown = [size for size in SIZES if any(size in rows for rows in sizes.values())]
    header = ["method", *(f"{size}, {what}" for size in shown for what in ("CPU s", "MB"))]
    rows = [
        [
            method.replace("pymatting:", "pymatting, "),
            *(cell(method, size, *what) for size in shown for what in (("cpu_s", ".1f"), ("peak_mb", ".0f"))),
        ]
        for method in sorted(sizes)
    ]
    return markdown(header, rows)


TITLES: Final = {
    "trimap1": "alphamatting.com, ten photos of the training set, close trimaps (trimap1)",
    "trimap2": "alphamatting.com, the same photos, loose trimaps (trimap2)",
    "composites": f"{COMPOSITES} composites of cut-outs with exact alpha",
    "sizes": "One photo, a fifth of 800×600 and 8 % of 12 Mpx unknown; in brackets the share of pymatting's",
}


def overlap_table(shared: Path, kept: dict[str, Any]) -> str:
    """How a method's error a pixel goes with the overlap of colours, in Markdown: a row a method.

    Overlap is the share of foreground colours within 20 pixels of the unknown part from which a background
    colour there is less than 20/255 away, of 2,000 of each.
    """
    from scipy.ndimage import binary_dilation
    from scipy.spatial import cKDTree
    from scipy.stats import spearmanr

    from wisp.evaluation.tables import markdown

    rng = np.random.default_rng(0)
    shares = {}
    for name, image, trimap, *_ in composites(shared):
        near = binary_dilation(trimap == 128, iterations=20)
        f, b = (image[(trimap == kind) & near] for kind in (255, 0))
        f, b = (side[rng.integers(len(side), size=min(2000, len(side)))] for side in (f, b))
        shares[name] = float((np.asarray(cKDTree(b).query(f)[0]) < 20 / 255).mean())
    share = np.array(list(shares.values()))
    order = np.argsort(share)
    least, most = order[: len(order) // 2], order[len(order) // 2 :]
    rows = []
    for method, sets in kept["methods"].items():
        if len(sets.get("composites", ())) < len(shares):
            continue
        found = [sets["composites"][name] for name in shares]
        error = np.array([1000 * row["SAD"] / row["unknown"] for row in found])
        related = spearmanr(share, error)
        ratio = error[most].mean() / error[least].mean()
        rows.append([method, f"{related.statistic:.2f}", f"{related.pvalue:.3f}", f"{ratio:.2f}"])
    return markdown(["method", "Spearman", "p", "half with more / with less"], rows)


def mean_ranks(rows: dict[str, dict[str, dict[str, float]]]) -> dict[str, float]:
    """Method → its mean rank by SAD over the photos, the better one for ties."""
    photos = list(next(iter(rows.values())))
    return {
        method: float(np.mean([1 + sum(r[p]["SAD"] < own[p]["SAD"] for r in rows.values()) for p in photos]))
        for method, own in rows.items()
    }


if __name__ == "__main__":
    main()

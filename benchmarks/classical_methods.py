"""Every method without a network beside pymatting's: errors on two sets, CPU seconds, and ranks.

Run from the root of the repository; PYTHON is a Python that has pymatting, by default this one::

    python benchmarks/classical_methods.py [SHARED] [--pymatting PYTHON] [--methods NAME …] [--sets NAME …]
    python benchmarks/classical_methods.py [SHARED] --overlap

SHARED holds ``eval/alphamatting-dev/`` (``image/``, ``alpha/``, ``trimap1/``, ``trimap2/``), and
``corpus/cutouts/`` and ``corpus/backgrounds/``, of which 40 composites are made: of `COMPOSITES` cut-outs,
chosen and placed by a fixed seed, each over another background, with a trimap of random width. No method
learns anything, so that all cut-outs are held out.

SAD, MSE, Grad and Conn are over the unknown pixels, of alpha rounded to 8 bits. Seconds are the user and
system seconds of the process while alpha is made from arrays in memory; pymatting, at double precision, has
compiled on a small picture before. ``--overlap`` tells how the errors on composites go with the share of
foreground colours that the background has, too. What was measured before is kept, so that methods can be
added one by one.
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
        for name in arguments.sets:
            photos = list(read_set(arguments.shared, name))
            for method in chosen:
                run = _theirs(arguments.pymatting, Path(folder)) if ":" in method else _ours
                rows = measure(photos, method, run)
                kept["methods"].setdefault(method, {})[name] = rows
                print(f"{method:32} {name:11} {mean(rows)}", flush=True)
                kept["versions"] = {package: version(package) for package in ("numpy", "scipy")}
                RESULTS.parent.mkdir(exist_ok=True)
                RESULTS.write_text(json.dumps(kept, indent=1) + "\n")


def _switched(sampling: tuple[str, ...]) -> dict[str, str]:
    """Sampling methods with the smoothing that is not their default."""
    return {name: "smooth" if name == "bayesian" else "no-smooth" for name in sampling}


def measure(photos: list[Photo], method: str, run: Callable[..., Any]) -> dict[str, dict[str, float]]:
    """Photo → its errors and seconds."""
    from wisp.evaluation import metrics

    rows = {}
    for name, image, trimap, truth in photos:
        alpha, seconds = run(method, image, trimap)
        rounded = np.rint(np.clip(alpha, 0, 1) * 255).astype(np.float32) / np.float32(255)
        region = trimap == 128
        rows[name] = {
            metric: round(float(getattr(metrics, metric.lower())(rounded, truth, region)), 5)
            for metric in METRICS
        }
        rows[name] |= {"cpu_s": round(seconds, 3), "unknown": int(region.sum())}
    return rows


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
small = np.random.default_rng(0).random((40, 50, 3))
bands = np.full((40, 50), 0.5)
bands[:12], bands[-12:] = 0, 1
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
    from wisp.io.images import read_grey, read_photo, read_trimap

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
        found = {method: mean(sets[name]) for method, sets in kept["methods"].items() if name in sets}
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
    return "\n".join(parts)


TITLES: Final = {
    "trimap1": "alphamatting.com, ten photos of the training set, close trimaps (trimap1)",
    "trimap2": "alphamatting.com, the same photos, loose trimaps (trimap2)",
    "composites": f"{COMPOSITES} composites of cut-outs with exact alpha",
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
        if "composites" not in sets:
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

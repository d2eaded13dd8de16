"""Foreground colours beside pymatting: colour error, error of new composites, and CPU seconds.

Run from the root of the repository, with the ``bench`` dependency group installed::

    python benchmarks/foreground.py [SHARED] [--tiers NAME …]

1. Smooth: made-up mattes (edges of several widths, hair, ramps, noise) over smooth F and B that are known.
2. Photos: mattes of SHARED's ``eval/alphamatting-dev/`` (``image/``, ``alpha/``), each with two of its
   photos as F and B, noise in the photo (1 %) and in the soft alpha (4 %).
3. Cut-outs: the composites of `classical_methods`, whose F is the cut-out's own; and with that noise.
4. Time on 4000×3000 pixels of which 8 % are soft.

Tiers 2 and 3 are left out where SHARED is absent; what is not asked for keeps its figures.

Errors are means of the absolute difference in 255ths where 0.05 < α < 0.95: of F, and of the composite over a
new background, α |F − F̂|; of F also the mean of the worst hundredth of the pixels. Seconds are those of the
whole process, user and system, of 12 megapixels the best of two, after one small run in which pymatting may
compile. pymatting gets float64, as it asks for.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pymatting
from scipy import ndimage

from classical_methods import composites
from wisp.core.arrays import Alpha, Float, Foreground, Image
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo
from wisp.matting.foreground import estimate_foreground

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "foreground.json"
SIZE = 384
LARGE = "12 Mpx"
TIERS = ("smooth", "photos", "cutouts", "rough cutouts", LARGE)

Method = Callable[[Image, Alpha], Foreground]
Case = tuple[str, Image, Alpha, Alpha, Foreground]  # name, photo, alpha given, true alpha, true F

METHODS: dict[str, Method] = {
    "multilevel": lambda image, alpha: estimate_foreground(image, alpha, method="multilevel"),
    "closed-form": lambda image, alpha: estimate_foreground(image, alpha, method="closed-form"),
    "bayesian": lambda image, alpha: estimate_foreground(image, alpha, method="bayesian"),
    "blur-fusion": lambda image, alpha: estimate_foreground(image, alpha, method="blur-fusion"),
    "blur-fusion-1x": lambda image, alpha: estimate_foreground(image, alpha, method="blur-fusion-1x"),
    "pymatting": lambda image, alpha: np.asarray(
        pymatting.estimate_foreground_ml(image.astype(np.float64), alpha.astype(np.float64))
    ),
    "the photo itself": lambda image, alpha: image,
}


def main() -> None:
    """Measure every method on the tiers that the command line asks for and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("shared", nargs="?", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--tiers", nargs="*", choices=TIERS, default=TIERS)
    arguments = parser.parse_args()
    shared: Path = arguments.shared
    made: dict[str, Callable[[], Iterator[Case]]] = {"smooth": smooth_cases}
    if shared.is_dir():
        made["photos"] = lambda: photo_cases(shared / "eval" / "alphamatting-dev")
        made["cutouts"] = lambda: cutout_cases(shared)
        made["rough cutouts"] = lambda: cutout_cases(shared, rough=True)
    result: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    result["versions"] = {n: version(n) for n in ("numpy", "scipy", "pymatting")}
    for method in METHODS.values():
        method(np.zeros((8, 8, 3), np.float32), np.zeros((8, 8), np.float32))
    for tier in arguments.tiers:
        cases = list(made[tier]()) if tier in made else []
        for name, method in METHODS.items():
            row: dict[str, Any] = result.setdefault(name, {})
            if tier == LARGE:
                row["cpu_s_12mpx"] = round(_seconds(method, *large_case(), times=2)[0], 2)
                print(f"{name:24}{tier:14}{row['cpu_s_12mpx']} s", flush=True)
            elif cases:
                row[tier] = measure(method, cases)
                shown = {k: v for k, v in row[tier].items() if k != "cases"}
                print(f"{name:24}{tier:14}{shown}", flush=True)
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_text(json.dumps(result, indent=1) + "\n")


def measure(method: Method, cases: list[Case]) -> dict[str, Any]:
    """Errors of a method by case, their means, and its seconds for all of them."""
    rows, total = {}, 0.0
    for name, image, given, alpha, foreground in cases:
        seconds, estimate = _seconds(method, image, given)
        total += seconds
        soft = (alpha > 0.05) & (alpha < 0.95)
        error = 255 * np.abs(estimate - foreground)[soft]
        each = np.sort(error.mean(axis=1))
        rows[name] = {
            "colour": round(float(error.mean()), 3),
            "worst_hundredth": round(float(each[-max(1, len(each) // 100) :].mean()), 3),
            "composite": round(float((error * alpha[soft][:, None]).mean()), 3),
        }
    colours = [row["colour"] for row in rows.values()]
    return {
        "colour": round(float(np.mean(colours)), 3),
        "composite": round(float(np.mean([row["composite"] for row in rows.values()])), 3),
        "worst_hundredth": round(float(np.mean([row["worst_hundredth"] for row in rows.values()])), 3),
        "at_most_2": f"{sum(value <= 2 for value in colours)} of {len(colours)}",
        "worst": max(rows, key=lambda name: rows[name]["colour"]),
        "cpu_s": round(total, 2),
        "cases": rows,
    }


def smooth_cases() -> Iterator[Case]:
    """Every matte with every kind of colours."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32) / SIZE
    distance = (0.3 - np.hypot(y - 0.5, x - 0.5)) * SIZE
    mattes = {f"edge of {w} px": np.clip(distance / w + 0.5, 0, 1) for w in (2, 6, 20, 60)}
    mattes["hair"] = _hair(rng)
    mattes["ramp over a third"] = np.clip(3 * x - 1, 0, 1)
    mattes["fine noise"] = rng.random((SIZE, SIZE))
    mattes["soft noise"] = np.clip(0.5 + _blobs(rng, 3)[..., 0], 0, 1)
    mattes["clouds"] = np.clip(0.5 + _blobs(rng, 20)[..., 0], 0, 1)

    def gradient() -> Float:
        first, last = rng.uniform(0.1, 0.9, (2, 3))
        turn = rng.uniform(0, 2 * np.pi)
        place = 0.5 + 0.7 * ((x - 0.5) * np.cos(turn) + (y - 0.5) * np.sin(turn))
        return np.asarray(first + (last - first) * place[..., None], np.float32)

    def waves() -> Float:
        phase = (
            2
            * np.pi
            * (np.multiply.outer(x, rng.uniform(-1, 1, 3)) + np.multiply.outer(y, rng.uniform(-1, 1, 3)))
        )
        return np.asarray(0.5 + 0.3 * np.sin(phase + rng.uniform(0, 6, 3)), np.float32)

    def low_noise() -> Float:
        return np.asarray(np.clip(0.5 + 0.15 * _blobs(rng, SIZE / 6), 0, 1), np.float32)

    def flat() -> Float:
        return np.full((SIZE, SIZE, 3), rng.random(3), np.float32)

    for matte, values in mattes.items():
        alpha = values.astype(np.float32)
        for colours in (flat, gradient, waves, low_noise):
            foreground, background = np.clip(colours(), 0, 1), np.clip(colours(), 0, 1)
            image = _compose(foreground, alpha, background)
            yield f"{matte}, {colours.__name__}", image, alpha, alpha, foreground


def photo_cases(folder: Path) -> Iterator[Case]:
    """Real mattes on real textures, with noise."""
    rng = np.random.default_rng(1)
    paths = sorted((folder / "image").iterdir())
    photos = [read_photo(path).image for path in paths]
    for k, path in enumerate(paths):
        alpha = read_grey(folder / "alpha" / path.name)
        h, w = alpha.shape
        foreground, background = (_cover(photos[(k + n) % len(photos)], h, w) for n in (0, 1))
        yield path.stem, *_noisy(rng, _compose(foreground, alpha, background), alpha), alpha, foreground


def cutout_cases(shared: Path, *, rough: bool = False) -> Iterator[Case]:
    """Composites of cut-outs, with noise when `rough`."""
    rng = np.random.default_rng(2)
    for name, image, _, alpha, foreground, _ in composites(shared):
        given = _noisy(rng, image, alpha) if rough else (image, alpha)
        yield name, *given, alpha, foreground


def _noisy(rng: np.random.Generator, image: Float, alpha: Alpha) -> tuple[Image, Alpha]:
    """A photo with noise of 1 %, and an alpha with some of 4 % where it is soft."""
    noisy = image + rng.normal(0, 0.01, image.shape)
    soft = (alpha > 0) & (alpha < 1)
    rough = ndimage.gaussian_filter(rng.normal(size=alpha.shape), 1)
    given = alpha + 0.04 * soft * rough / rough.std()
    return np.clip(noisy, 0, 1).astype(np.float32), np.clip(given, 0, 1).astype(np.float32)


def large_case() -> tuple[Image, Alpha]:
    """4000×3000 pixels, 8 % of them soft."""
    y, x = np.mgrid[:3000, :4000].astype(np.float32)
    distance = np.hypot(y - 1500, x - 2000) + 40 * np.sin(np.arctan2(y - 1500, x - 2000) * 30)
    width = 0.08 * y.size / (2 * np.pi * 1000)
    alpha = np.clip((1000 - distance) / width + 0.5, 0, 1).astype(np.float32)
    return np.random.default_rng(0).random((3000, 4000, 3), np.float32), alpha


def _seconds(method: Method, image: Image, alpha: Alpha, times: int = 1) -> tuple[float, Foreground]:
    best = float("inf")
    for _ in range(times):
        start = time.process_time()
        estimate = method(image, alpha)
        best = min(best, time.process_time() - start)
    return best, estimate


def _hair(rng: np.random.Generator) -> Float:
    alpha = np.zeros((SIZE, SIZE), np.float32)
    middle = SIZE // 2
    cv2.circle(alpha, (middle, middle), SIZE // 4, 1.0, -1)
    for turn in rng.uniform(0, 2 * np.pi, 250):
        t = np.linspace(0, 1, 30)
        angle, radius = turn + rng.uniform(-0.4, 0.4) * t, SIZE * (0.23 + rng.uniform(0.1, 0.22) * t)
        points = np.stack([middle + radius * np.cos(angle), middle + radius * np.sin(angle)], axis=1)
        strand = np.zeros_like(alpha)
        cv2.polylines(
            strand, [np.rint(points * 16).astype(np.int32)], False, rng.uniform(0.4, 1), 1, cv2.LINE_8, 4
        )
        np.maximum(alpha, strand, out=alpha)
    return np.asarray(np.clip(cv2.GaussianBlur(alpha, (0, 0), 0.8), 0, 1), np.float32)


def _blobs(rng: np.random.Generator, sigma: float) -> Float:
    noise = ndimage.gaussian_filter(rng.normal(size=(SIZE, SIZE, 3)), (sigma, sigma, 0))
    return np.asarray(noise / noise.std(), np.float32)


def _cover(image: Image, h: int, w: int) -> Image:
    scale = max(h / image.shape[0], w / image.shape[1])
    size = max(w, round(image.shape[1] * scale)), max(h, round(image.shape[0] * scale))
    resized = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(resized[:h, :w])


def _compose(foreground: Float, alpha: Alpha, background: Float) -> Image:
    opacity = alpha[..., None]
    return np.asarray(opacity * foreground + (1 - opacity) * background, np.float32)


if __name__ == "__main__":
    main()

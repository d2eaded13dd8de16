"""Mattes pulled off screens, plates and pairs of photos: error of alpha and of colours, and CPU seconds.

Run from the root of the repository::

    python benchmarks/keying.py [CORPUS]

Eight foregrounds are set on four unevenly lit backgrounds (a fifth darker towards one side and the corners)
with noise of three levels: four drawn procedurally, whose alpha is exact, and four people of CORPUS (left out
where it is absent), whose alpha is exact for what is composed of them. What is known of the background
differs: nothing but the photo, its clean plate, or a second photo before another screen. Closed-form matting
gets a trimap made of the true alpha beside it, and no background.

Errors of alpha are means over all pixels and over mixed ones; those of colours, α |F − F̂| in levels of 255
over α > 0, noise included. All are medians over the foregrounds, as what is ambiguous (dark hair before
black) would decide a mean. Seconds are CPU seconds for 12 Mpx.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from wisp.compositing.over import over
from wisp.core.arrays import Alpha, Background, Foreground, Image, Matte, from_float, to_float
from wisp.data import datasets, vips
from wisp.data.procedural import random_foreground
from wisp.keying.extract import Known, extract_matte
from wisp.matting.classical.closed_form import closed_form
from wisp.matting.foreground import estimate_foreground
from wisp.matting.trimap import trimap_from_alpha

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "keying.json"

SCREENS: Final = {
    "green": (0.13, 0.62, 0.22),
    "blue": (0.10, 0.22, 0.60),
    "light": (0.88, 0.88, 0.86),
    "dark": (0.10, 0.10, 0.11),
}
NOISE: Final = 3 / 255
COUNT: Final = 4

Case = tuple[Foreground, Alpha, Background, Background, Image, Image]  # plates and photos, each twice
Way = Callable[[Case], Matte]

WAYS: dict[str, Way] = {
    "photo": lambda case: extract_matte(case[4]),
    "photo and plate": lambda case: extract_matte(case[4], known=Known(plate=case[2])),
    "two photos": lambda case: extract_matte(case[4], case[5]),
    "closed-form, true trimap": lambda case: _closed_form(case[4], case[1]),
}


def main() -> None:
    """Measure every way on every screen and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("corpus", nargs="?", type=Path, default=ROOT.parent / "shared/corpus/people")
    corpus: Path = parser.parse_args().corpus
    layers = [random_foreground((512, 512), np.random.default_rng((0, k))) for k in range(COUNT)]
    if corpus.is_dir():
        layers += list(people(corpus))
    result: dict[str, Any] = {"versions": {n: version(n) for n in ("numpy", "scipy")}, "cases": len(layers)}
    for screen in SCREENS:
        cases = [case(*pair, screen, seed) for seed, pair in enumerate(layers)]
        result[screen] = {name: measure(way, cases) for name, way in WAYS.items()}
        for name, row in result[screen].items():
            print(f"{screen:6}{name:26}{row}", flush=True)
    result["cpu_s_12mpx"] = large()
    print(f"12 Mpx {result['cpu_s_12mpx']} s")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")


def measure(way: Way, cases: list[Case]) -> dict[str, float]:
    """Medians of the errors."""
    rows = []
    for made in cases:
        foreground, alpha = made[:2]
        matte = way(made)
        off = np.abs(matte.alpha - alpha)
        colour = 255 * np.abs(matte.foreground - foreground).mean(axis=2) * alpha
        rows.append((off.mean(), off[(alpha > 0) & (alpha < 1)].mean(), colour[alpha > 0].mean()))
    alpha_error, mixed, colour_error = np.median(rows, axis=0)
    return {
        "alpha": round(float(alpha_error), 4),
        "mixed": round(float(mixed), 3),
        "colour": round(float(colour_error), 2),
    }


def people(corpus: Path) -> Iterator[tuple[Foreground, Alpha]]:
    """Close-ups with hair."""
    entries = [e for e in datasets.corpus(corpus, "train") if e.name.startswith("fig-")]
    for index in np.random.default_rng(3).permutation(len(entries))[:COUNT]:
        photo = entries[index].load()
        alpha = to_float(photo.alpha)
        alpha = np.where(alpha < 0.03, np.float32(0), np.where(alpha > 0.97, np.float32(1), alpha))
        yield estimate_foreground(to_float(photo.image), alpha), alpha


def case(foreground: Foreground, alpha: Alpha, screen: str, seed: int) -> Case:
    """A foreground before a screen, and before another."""
    other = "blue" if screen != "blue" else "green"
    plates = [lit(alpha.shape, name, 2 * seed + k) for k, name in enumerate((screen, other))]
    shots = [shot(over(foreground, alpha, plate), 2 * seed + k) for k, plate in enumerate(plates)]
    return foreground, alpha, plates[0], plates[1], shots[0], shots[1]


def lit(shape: tuple[int, ...], name: str, seed: int) -> Background:
    """A screen under uneven light."""
    rng = np.random.default_rng((1, seed))
    y, x = np.mgrid[: shape[0], : shape[1]] / max(shape) - 0.5
    light = 1 - 0.2 * (x * rng.uniform(0.3, 1) + y * rng.uniform(-0.5, 0.5) + x * x + y * y)
    return np.asarray(np.clip(np.array(SCREENS[name]) * light[..., None], 0, 1), np.float32)


def shot(image: Image, seed: int) -> Image:
    """What a camera makes of it, in 8 bits."""
    noise = np.random.default_rng((2, seed)).normal(0, NOISE, image.shape)
    return to_float(from_float((image + noise).astype(np.float32)))


def large() -> float:
    """CPU seconds for a drawn foreground at 12 Mpx, the better of two."""
    foreground, alpha = random_foreground((750, 1000), np.random.default_rng((0, 0)))
    image = shot(over(foreground, alpha, lit(alpha.shape, "green", 0)), 0)
    image = to_float(vips.resize(from_float(image), (3000, 4000)))
    best = float("inf")
    for _ in range(2):
        start = time.process_time()
        extract_matte(image)
        best = min(best, time.process_time() - start)
    return round(best, 1)


def _closed_form(image: Image, alpha: Alpha) -> Matte:
    found = closed_form(image, trimap_from_alpha(alpha)).alpha
    return Matte(found, estimate_foreground(image, found))


if __name__ == "__main__":
    main()

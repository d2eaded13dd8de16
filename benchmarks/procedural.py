"""Procedural foregrounds a second, by kind and in the mix.

Run from the root of the repository::

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/procedural.py

CPU seconds of one process on one thread, user and system, for 512×512: the mean over 16 seeds of the best of
three. Files, composites and augmentation are not counted.
"""

from __future__ import annotations

import json
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from wisp.data.procedural import KINDS, generate, random_foreground

RESULTS = Path(__file__).parent / "results" / "procedural.json"
SIZE = (512, 512)
SEEDS = 16
MIX = 64


def main() -> None:
    """Measure every kind and the mix, and keep the result."""
    with threadpool_limits(1):
        rates = {kind: 1 / np.mean([seconds(kind, seed) for seed in range(SEEDS)]) for kind in KINDS}
        rates["mix"] = 1 / np.mean([seconds(None, seed) for seed in range(MIX)])
    for kind, rate in rates.items():
        print(f"{kind:10}{rate:6.1f} a second")
    result = {
        "size": SIZE,
        "versions": {name: version(name) for name in ("numpy", "scipy")},
        "images_a_second_a_core": {kind: round(float(rate), 1) for kind, rate in rates.items()},
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")


def seconds(kind: str | None, seed: int) -> float:
    """CPU seconds for one foreground: the best of three."""
    times = []
    for _ in range(3):
        rng = np.random.default_rng(seed)
        start = time.process_time()
        if kind is None:
            random_foreground(SIZE, rng)
        else:
            generate(kind, SIZE, rng)
        times.append(time.process_time() - start)
    return min(times)


if __name__ == "__main__":
    main()

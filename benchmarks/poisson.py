"""Poisson blending beside OpenCV's seamlessClone and a direct sparse solve.

Run from the root of the repository, with the ``bench`` dependency group installed::

    python benchmarks/poisson.py

Every picture is blended from 8-bit noise of a few pixels' grain over a disc, or over the outline of a head
and shoulders, seamless and mixed. Seconds are those of the whole process, user and system, best of three,
from arrays in memory: 8 bits for OpenCV, as it asks for, floats for wisp. The largest difference, in 255ths,
is that from `scipy.sparse.linalg.spsolve` of the paper's equations in float64; it is left out from 1 Mpx on,
where that solve takes minutes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import spsolve

from wisp.compositing.poisson import poisson_blend
from wisp.core.arrays import Image

RESULTS = Path(__file__).parent / "results" / "poisson.json"
SIZES = (256, 512, 1024, 2048)
Bools = npt.NDArray[np.bool_]


def main() -> None:
    """Measure every size, region and guidance and keep the result."""
    rows = []
    for size in SIZES:
        for name, region in regions(size).items():
            for gradients, flag in (("seamless", cv2.NORMAL_CLONE), ("mixed", cv2.MIXED_CLONE)):
                row = {"size": size, "region": name, "gradients": gradients}
                row |= measure(size, region, "mixed" if gradients == "mixed" else "seamless", flag)
                rows.append(row)
                print(row, flush=True)
    RESULTS.parent.mkdir(exist_ok=True)
    versions = {name: version(name) for name in ("numpy", "scipy", "opencv-python-headless")}
    RESULTS.write_text(json.dumps({"versions": versions, "rows": rows}, indent=1) + "\n")


def measure(size: int, region: Bools, gradients: Literal["seamless", "mixed"], flag: int) -> dict[str, Any]:
    """Seconds of both, and wisp's largest difference from the direct solve."""
    rng = np.random.default_rng(size)
    stored = [
        cv2.GaussianBlur(rng.integers(0, 255, (size, size, 3)).astype(np.uint8), (0, 0), grain)
        for grain in (3, 5)
    ]
    source, target = (picture / np.float32(255) for picture in stored)
    alpha, mask = region.astype(np.float32), region.astype(np.uint8) * 255
    rows, columns = np.flatnonzero(region.any(1)), np.flatnonzero(region.any(0))
    middle = (int(columns[0] + columns[-1] + 1) // 2, int(rows[0] + rows[-1] + 1) // 2)
    ours = _seconds(lambda: poisson_blend(source, alpha, target, gradients=gradients))
    theirs = _seconds(lambda: cv2.seamlessClone(stored[0], stored[1], mask, middle, flag))
    result: dict[str, Any] = {
        "wisp_cpu_s": round(ours, 4),
        "opencv_cpu_s": round(theirs, 4),
        "ratio": round(ours / theirs, 2),
    }
    if size < 1000:
        blended = poisson_blend(source, alpha, target, gradients=gradients)
        exact = direct(source, region, target, mixed=gradients == "mixed")
        result["largest_difference"] = round(255 * float(np.abs(blended - exact).max()), 4)
    return result


def regions(size: int) -> dict[str, Bools]:
    """A disc, and head and shoulders that reach the last row but one (OpenCV wants a free rim)."""
    y, x = np.mgrid[:size, :size] / size
    head = np.hypot((y - 0.35) / 1.3, x - 0.5) < 0.2
    body = (y > 0.6) & (np.abs(x - 0.5) < 0.15 + 0.6 * (y - 0.6))
    person = head | body | ((np.abs(x - 0.5) < 0.1) & (y > 0.3))
    person[[0, -1]] = person[:, [0, -1]] = False
    return {"disc": np.hypot(y - 0.5, x - 0.5) < 0.45, "person": person}


def direct(source: Image, region: Bools, target: Image, *, mixed: bool) -> npt.NDArray[np.float64]:
    """The paper's equation 7 for f, assembled in float64 and solved by SuperLU."""
    n = int(region.sum())
    number = np.where(region, np.cumsum(region).reshape(region.shape) - 1, -1)
    g, f = source.astype(np.float64), target.astype(np.float64)
    right_hand, degree = np.zeros((n, 3)), np.zeros(n)
    links = []
    y, x = np.nonzero(region)
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        inside = (y + dy >= 0) & (y + dy < region.shape[0]) & (x + dx >= 0) & (x + dx < region.shape[1])
        here, there = (y[inside], x[inside]), (y[inside] + dy, x[inside] + dx)
        guide, other = g[here] - g[there], f[here] - f[there]
        if mixed:
            guide = np.where(np.abs(other) > np.abs(guide), other, guide)
        p, q = number[here], number[there]
        degree[p] += 1
        right_hand[p] += guide
        right_hand[p[q < 0]] += f[there][q < 0]
        links.append(np.stack([p[q >= 0], q[q >= 0]]))
    row, column = np.concatenate(links, axis=1)
    matrix = sparse.diags_array(degree) - sparse.coo_array((np.ones(row.size), (row, column)), shape=(n, n))
    f[region] = spsolve(matrix.tocsc(), right_hand)
    return np.clip(f, 0, 1)


def _seconds(run: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best


if __name__ == "__main__":
    main()

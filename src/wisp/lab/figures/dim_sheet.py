"""Photos with trimap, what methods make of them, the truth, and the last method's on green.

Xu, Price, Cohen, Huang 2017, "Deep Image Matting" (CVPR), figures 1, 6 and 8.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from wisp.core.arrays import Alpha, Image, Matte
from wisp.lab.figures.guided import Truth, trimap_of
from wisp.lab.figures.running import Running
from wisp.lab.figures.sheets import GREEN, row, stack
from wisp.matting.foreground import estimate_foreground
from wisp.pipeline import composite


def columns(methods: Sequence[Running]) -> list[str]:
    """Name the sheet's columns, left to right."""
    names = [running.method for running in methods]
    return ["photo", "trimap", *names, "truth", f"{names[-1]} on green"]


def draw(
    truths: Sequence[Truth],
    trimaps: Path | str,
    methods: Sequence[Running],
    *,
    height: int = 300,
    colour: str = GREEN,
    done: Callable[[], None] = lambda: None,
) -> Image:
    """The sheet, one row a photo.

    Args:
        truths: photos with true alpha.
        trimaps: folder of trimaps under the photos' names.
        methods: how mattes are made; a column each.
        height: of a row, pixels.
        colour: what the last method's matte is set on.
        done: called after each photo.

    Returns:
        float32 (H, W, 3), [0, 1].

    Raises:
        InputError: a file that cannot be read, is missing or has another size, or what a method raises.
    """
    rows = []
    for truth in truths:
        image, alpha = truth.load()
        trimap = trimap_of(truth, trimaps, image)
        found = [running.alpha(image, trimap) for running in methods]
        shown = trimap.astype(np.float32) / np.float32(255)
        rows.append(row([image, shown, *found, alpha, on(image, found[-1], colour)], height))
        done()
    return stack(rows)


def on(image: Image, alpha: Alpha, colour: str) -> Image:
    """A photo's subject on a colour, with its own colours: (H, W, 3)."""
    return composite(Matte(alpha, estimate_foreground(image, alpha)), colour)

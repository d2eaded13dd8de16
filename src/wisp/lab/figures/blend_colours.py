"""Copy and paste beside Poisson blending.

Li, Miao, Hu, Cao, Jin, "Background Image Matting", figure 3: a person set under water by Poisson blending
takes on the water's colour. Here beside the plain copy, and beside a blend that keeps the subject's colours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from wisp.compositing.backgrounds import fit_to_size
from wisp.compositing.over import over
from wisp.compositing.poisson import poisson_blend
from wisp.core.arrays import Alpha, Background, Foreground, Image, Matte
from wisp.io.images import read_photo
from wisp.lab.figures.photos import Place
from wisp.lab.figures.running import Running
from wisp.lab.figures.sheets import row, stack

COLUMNS = ("photo", "copied", "Poisson", "Poisson, colours kept")
KEPT = 10.0
"""How soon the tint fades where colours are kept; see `poisson_blend`."""


def draw(
    photos: Sequence[Place],
    backgrounds: Sequence[str],
    running: Running,
    *,
    height: int = 384,
    keep_colours: float = KEPT,
    done: Callable[[], None] = lambda: None,
) -> tuple[Image, dict[str, dict[str, float]]]:
    """The sheet, one row a photo, and how far each blend shifts the subject's colours.

    Args:
        photos: one row each.
        backgrounds: pictures, dealt out in order.
        running: how mattes are made.
        height: of a row, pixels.
        keep_colours: as in `poisson_blend`, for the last column.
        done: called after each photo.

    Returns:
        float32 (H, W, 3), [0, 1], with the columns `COLUMNS`; and by photo and column the colour cast
        (`cast`), in 255ths.

    Raises:
        InputError: a file that cannot be read.
    """
    rows, casts = [], {}
    for index, photo in enumerate(photos):
        image = read_photo(photo.path).image
        matte = running(image).matte
        scene = read_photo(backgrounds[index % len(backgrounds)]).image
        results = blends(matte, fit_to_size(scene, matte.alpha.shape), keep_colours)
        rows.append(row([image, *results], height))
        casts[photo.name] = {
            name: round(cast(result, matte.foreground, matte.alpha), 2)
            for name, result in zip(COLUMNS[1:], results, strict=True)
        }
        done()
    return stack(rows), casts


def blends(matte: Matte, scene: Background, keep_colours: float = KEPT) -> tuple[Image, Image, Image]:
    """The subject copied onto a scene, blended, and blended with its colours kept; (H, W, 3) each."""
    copied = over(matte.foreground, matte.alpha, scene)
    plain = poisson_blend(matte.foreground, matte.alpha, scene)
    kept = poisson_blend(matte.foreground, matte.alpha, scene, keep_colours=keep_colours)
    return copied, plain, kept


def cast(result: Image, foreground: Foreground, alpha: Alpha) -> float:
    """How far the subject's mean colour has moved, in 255ths: Euclidean, over what is wholly subject."""
    inside = alpha > 0.99
    if not inside.any():
        return 0.0
    moved = (result[inside] - foreground[inside]).mean(0, dtype=np.float64)
    return float(np.linalg.norm(moved) * 255)

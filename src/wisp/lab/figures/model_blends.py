"""Masks of several networks and what they cut out, Poisson-blended into another picture.

Li, Miao, Hu, Cao, Jin, "Background Image Matting", figure 4: the baseline, a U-Net without and one with
pre-training; blending hides part of what a coarse mask gets wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from wisp.compositing.backgrounds import fit_to_size
from wisp.compositing.poisson import poisson_blend
from wisp.core.arrays import Image
from wisp.engine.families.segmenter import segment
from wisp.io.images import read_photo
from wisp.lab.figures.photos import Place
from wisp.lab.figures.sheets import row, stack
from wisp.matting.foreground import estimate_foreground


def columns(models: Mapping[str, str | Path]) -> list[str]:
    """Name the sheet's columns, left to right: the models'."""
    return ["photo", *(f"{name}, {what}" for name in models for what in ("mask", "blended"))]


def draw(
    photos: Sequence[Place],
    backgrounds: Sequence[str],
    models: Mapping[str, str | Path],
    *,
    height: int = 256,
    keep_colours: float = 0.0,
    done: Callable[[], None] = lambda: None,
) -> Image:
    """The sheet, one row a photo.

    Args:
        photos: one row each.
        backgrounds: pictures, dealt out in order.
        models: segmentation networks by what they are called: names, or ONNX files.
        height: of a row, pixels.
        keep_colours: as in `wisp.compositing.poisson.poisson_blend`.
        done: called after each photo.

    Returns:
        float32 (H, W, 3), [0, 1]; the columns are `columns`.

    Raises:
        InputError: a file that cannot be read, or no segmentation network.
    """
    rows = []
    for index, photo in enumerate(photos):
        image = read_photo(photo.path).image
        scene = fit_to_size(read_photo(backgrounds[index % len(backgrounds)]).image, image.shape[:2])
        cells = [image]
        for model in models.values():
            mask = segment(image, model=model)
            foreground = estimate_foreground(image, mask) if mask.any() else image
            cells += [mask, poisson_blend(foreground, mask, scene, keep_colours=keep_colours)]
        rows.append(row(cells, height))
        done()
    return stack(rows)

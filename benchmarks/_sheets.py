"""Contact sheets: a row a photo, the photo itself and then each system's cut-out on green."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from wisp.core.arrays import Alpha, Float, Image, Matte
from wisp.core.resample import resize, size_within
from wisp.io.images import read_photo, write_image
from wisp.matting.foreground import estimate_foreground
from wisp.pipeline import composite

GREEN = "#00b140"
PAPER = 0.94
GAP = 8


def write_sheets(
    photos: Sequence[Path],
    systems: Mapping[str, Callable[[Path], Alpha]],
    folder: Path,
    *,
    rows: int = 4,
    cell: int = 480,
) -> Iterator[tuple[Path, list[str]]]:
    """Write one sheet after the other.

    All alphas get foreground colours by the same method, so that only alpha differs.

    Args:
        photos: the files.
        systems: what stands in the columns after the photo: name → file → alpha.
        folder: where to; created when missing.
        rows: photos a sheet.
        cell: side of the square that a picture is fitted into, in pixels; none is enlarged.

    Yields:
        The sheet's file, and the names of the photos on it from top to bottom.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number, start in enumerate(range(0, len(photos), rows), 1):
        chosen = photos[start : start + rows]
        lines = []
        for path in chosen:
            image = read_photo(path).image
            pictures = [image, *(on_green(image, estimate(path)) for estimate in systems.values())]
            lines.append([_fitted(picture, cell) for picture in pictures])
        file = folder / f"sheet-{number:02}.jpg"
        write_image(file, arrange(lines), overwrite=True)
        yield file, [path.name for path in chosen]


def of_files(estimate: Callable[[Image], Alpha]) -> Callable[[Path], Alpha]:
    """What estimates alpha of an image, made to take the file of a photo."""
    return lambda path: estimate(read_photo(path).image)


def on_green(image: Image, alpha: Alpha) -> Image:
    """A cut-out on green, float32 (H, W, 3)."""
    return composite(Matte(alpha, estimate_foreground(image, alpha)), GREEN)


def _fitted(picture: Image, cell: int) -> Image:
    return resize(picture, *size_within(picture.shape, cell)).clip(0, 1)


def arrange(lines: Sequence[Sequence[Image]]) -> Float:
    """Lay rows of pictures under each other, each as high as its pictures, on paper."""
    heights = [line[0].shape[0] for line in lines]
    widths = [sum(picture.shape[1] + GAP for picture in line) for line in lines]
    sheet = np.full((sum(heights) + GAP * (len(lines) + 1), max(widths) + GAP, 3), PAPER, np.float32)
    top = GAP
    for line, height in zip(lines, heights, strict=True):
        left = GAP
        for picture in line:
            sheet[top : top + height, left : left + picture.shape[1]] = picture
            left += picture.shape[1] + GAP
        top += height + GAP
    return sheet

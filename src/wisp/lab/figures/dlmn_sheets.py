"""Photos beside their subjects on other backgrounds, on one sheet of 1920×1080.

El Abdellaoui and Kachbal, background matting with DLMN-G and SSRN (Studies in Informatics and Control),
figures 5 (selfies) and 6 (photos by smartphones and cameras), all "captured in HD (1920×1080)".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from wisp.core.arrays import Image
from wisp.core.resample import resize
from wisp.io.images import read_photo
from wisp.lab.figures.photos import Place
from wisp.lab.figures.running import Running
from wisp.lab.figures.sheets import GAP
from wisp.pipeline import composite

SIZE: Final = (1080, 1920)
COLUMNS: Final = ("photo", "new background")


def draw(
    photos: Sequence[Place],
    backgrounds: Sequence[str],
    running: Running,
    *,
    done: Callable[[], None] = lambda: None,
) -> Image:
    """The sheet: pairs of a photo and its subject on another background, as large as fit.

    Args:
        photos: one pair each.
        backgrounds: paths of pictures, or colours, dealt out in turn.
        running: how mattes are made.
        done: called after each photo.

    Returns:
        float32 (1080, 1920, 3), [0, 1], white between the pictures.

    Raises:
        InputError: a file that cannot be read, or a colour that is none.
    """
    sheet = np.ones((*SIZE, 3), np.float32)
    shapes = []
    pairs = []
    for index, photo in enumerate(photos):
        image = read_photo(photo.path).image
        changed = composite(running(image).matte, backgrounds[index % len(backgrounds)])
        pairs.append((image, changed))
        shapes.append(image.shape[1] / image.shape[0])
        done()
    across = best_columns(shapes)
    down = -(-len(pairs) // across)
    for index, pair in enumerate(pairs):
        top, height = _part(SIZE[0], down, index // across)
        left, width = _part(SIZE[1], across, index % across)
        for side, picture in enumerate(pair):
            start, inner = _part(width, 2, side)
            _place(sheet[top : top + height, left + start : left + start + inner], picture)
    return sheet


def best_columns(shapes: Sequence[float]) -> int:
    """How many pairs side by side leave the pictures largest.

    Args:
        shapes: width over height of each photo.
    """

    def area(across: int) -> float:
        height = SIZE[0] / -(-len(shapes) // across)
        width = SIZE[1] / across / 2
        return sum(min(width, height * shape) * min(height, width / shape) for shape in shapes)

    return max(range(1, len(shapes) + 1), key=area)


def _part(length: int, parts: int, index: int) -> tuple[int, int]:
    """Start and length of one of several parts of a line with `GAP` between them, at least a pixel."""
    first = round(index * (length + GAP) / parts)
    last = round((index + 1) * (length + GAP) / parts) - GAP
    return first, max(1, last - first)


def _place(room: Image, picture: Image) -> None:
    """Draw a picture, as large as fits, in the middle of a part of the sheet."""
    height, width = picture.shape[:2]
    factor = min(room.shape[0] / height, room.shape[1] / width)
    size = max(1, round(height * factor)), max(1, round(width * factor))
    top, left = (room.shape[0] - size[0]) // 2, (room.shape[1] - size[1]) // 2
    drawn = resize(np.ascontiguousarray(picture), *size)
    room[top : top + size[0], left : left + size[1]] = drawn[: room.shape[0], : room.shape[1]]

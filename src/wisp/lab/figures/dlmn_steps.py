"""The five steps from a photo to another background.

El Abdellaoui and Kachbal, background matting with DLMN-G and SSRN (Studies in Informatics and Control),
figure 4: the photo (4-1), its soft segmentation (4-2), alpha (4-3), the extracted foreground (4-4), and the
foreground on another background (4-5).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from wisp.core.arrays import Image
from wisp.engine.families.segmenter import segment
from wisp.io.images import read_photo
from wisp.lab.figures.photos import Place
from wisp.lab.figures.running import Running
from wisp.lab.figures.sheets import row, stack
from wisp.pipeline import composite

COLUMNS = ("photo", "segmentation", "alpha", "foreground", "new background")


def draw(
    photos: Sequence[Place],
    backgrounds: Sequence[str],
    running: Running,
    *,
    height: int = 384,
    done: Callable[[], None] = lambda: None,
) -> Image:
    """The sheet, one row a photo.

    Args:
        photos: one row each.
        backgrounds: paths of pictures, or colours, dealt out in turn.
        running: how mattes are made.
        height: of a row, pixels.
        done: called after each photo.

    Returns:
        float32 (H, W, 3), [0, 1]; the columns are `COLUMNS`, the foreground on black.

    Raises:
        InputError: a file that cannot be read, or a colour that is none.
    """
    rows = []
    for index, photo in enumerate(photos):
        image = read_photo(photo.path).image
        found = running(image)
        mask = found.mask
        if mask is None:
            mask = segment(image, engine=running.engine)
        matte = found.matte
        shown = np.asarray(matte.foreground * matte.alpha[..., None], np.float32)
        changed = composite(matte, backgrounds[index % len(backgrounds)])
        rows.append(row([image, mask, matte.alpha, shown, changed], height))
        done()
    return stack(rows)

"""Photo → alpha → new background.

Yaman, Ekenel, Waibel 2022, "Alpha Matte Generation from Single Input for Portrait Matting" (CVPRW), figure 3:
photos from anywhere, the alpha that is found, and the subject on an arbitrary background.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from wisp.core.arrays import Image
from wisp.io.images import read_photo
from wisp.lab.figures.photos import Place
from wisp.lab.figures.running import Running
from wisp.lab.figures.sheets import row, stack
from wisp.pipeline import composite

COLUMNS = ("photo", "alpha", "new background")


def draw(
    photos: Sequence[Place],
    backgrounds: Sequence[str],
    running: Running,
    *,
    height: int = 384,
    seed: int = 0,
    done: Callable[[], None] = lambda: None,
) -> Image:
    """The sheet, one row a photo.

    Args:
        photos: one row each.
        backgrounds: paths of pictures, or colours; dealt out in an order that the seed fixes, and once more
            where there are more photos.
        running: how mattes are made.
        height: of a row, pixels.
        seed: of the order.
        done: called after each photo.

    Returns:
        float32 (H, W, 3), [0, 1]; the columns are `COLUMNS`.

    Raises:
        InputError: a file that cannot be read, or a colour that is none.
    """
    order = np.random.default_rng(seed).permutation(len(backgrounds))
    rows = []
    for index, photo in enumerate(photos):
        image = read_photo(photo.path).image
        matte = running(image).matte
        background = backgrounds[order[index % len(order)]]
        rows.append(row([image, matte.alpha, composite(matte, background)], height))
        done()
    return stack(rows)

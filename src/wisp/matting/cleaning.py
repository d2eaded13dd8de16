"""Stray islands that networks leave in an alpha, which belong to no subject.

Every limit is relative to the subject's size (`wisp.matting.trimap.subject_size`), so that the same photo
enlarged is cleaned alike. What lies close to the subject is no island, however small and faint: strands stay.
Haze and pinholes were removed, too, until leaving that out made no difference (docs/decisions/036).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy import ndimage

from wisp.core.arrays import Alpha, Region, check_alpha
from wisp.core.settings import AUTO
from wisp.matting.trimap import subject_size

STRAY: Final = AUTO.stray
"""Islands nearer to a kept region than this share of the subject's size stay: loose strands, fringes. Of
others those go that are smaller than a square of such a side, or have no core that is solid."""
SOLID: Final = 0.95
"""Alpha above which a pixel is solid; no evidence yet."""
CORE: Final = 0.25
"""Least share of an island's area that is solid where it has a core; no evidence yet."""
_EIGHT: Final = np.ones((3, 3), bool)
_ROWS: Final = 256
"""Rows that are counted at a time."""


def clean(alpha: Alpha) -> Alpha:
    """Alpha without stray islands.

    Args:
        alpha: float32 (H, W), [0, 1].

    Returns:
        float32 (H, W), [0, 1]; a copy.

    Raises:
        InputError: not float32 (H, W).
    """
    check_alpha(alpha)
    size = subject_size(alpha)
    if size == 0:
        return alpha.copy()
    cleaned = alpha.copy()
    cleaned[_stray(alpha, size)] = 0
    return cleaned


def _stray(alpha: Alpha, size: float) -> Region:
    """The islands: small or nowhere solid, and far from all that is neither."""
    regions, count = ndimage.label(alpha > 0, _EIGHT)
    stray = np.zeros(alpha.shape, bool)
    if count < 2:
        return stray
    areas, solid = np.zeros(count + 1), np.zeros(count + 1)
    for first in range(0, len(alpha), _ROWS):  # NumPy counts in eight bytes a pixel, twice
        number, values = regions[first : first + _ROWS].ravel(), alpha[first : first + _ROWS].ravel()
        areas += np.bincount(number, values, count + 1)
        solid += np.bincount(number[values > SOLID], minlength=count + 1)
    kept = (areas >= STRAY**2 * areas.max()) & (solid >= CORE * areas)
    kept[areas.argmax()] = True
    kept[0] = False
    doubtful = ~kept
    doubtful[0] = False
    places = np.flatnonzero(doubtful[regions])
    if not places.size:
        return stray
    number = regions.ravel()[places]
    near, step = _surroundings(kept[regions], math.ceil(STRAY * size))
    rows, columns = np.divmod(places, alpha.shape[1])
    close = np.bincount(number, near[rows // step, columns // step], count + 1) > 0
    stray.ravel()[places] = ~close[number]
    return stray


def _surroundings(region: Region, reach: int) -> tuple[Region, int]:
    """Grow a region by `reach` pixels, on a grid of `reach` / 4 pixels; also returns the grid's step."""
    step = max(1, reach // 4)
    height, width = region.shape
    rows, columns = -(-height // step), -(-width // step)
    padded = np.zeros((rows * step, columns * step), bool)
    padded[:height, :width] = region
    bands = np.logical_or.reduce(padded.reshape(rows, step, -1), 1)
    coarse: Region = np.logical_or.reduce(bands.reshape(rows, columns, step), 2)
    near: Region = ndimage.maximum_filter(coarse, 2 * math.ceil(reach / step) + 1, mode="constant")
    return near, step

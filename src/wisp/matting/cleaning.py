"""What networks leave in an alpha that no subject has: haze, stray islands and pinholes.

Every limit is relative to the subject's size (`wisp.matting.trimap.subject_size`), so that the same photo
enlarged is cleaned alike. Wisps stay: faint pixels beside stronger ones are no haze, and what lies close to
the subject is no island, however small and faint.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy import ndimage

from wisp.core.arrays import Alpha, Region, check_alpha
from wisp.core.regions import small_enclosed
from wisp.core.settings import AUTO
from wisp.matting.trimap import subject_size

HAZE: Final = AUTO.haze
"""Alpha below this is haze unless something stronger is near; 1 − alpha below it is a hole as faint."""
STRONGER: Final = AUTO.stronger
"""Alpha from which a pixel keeps the faint ones near it."""
REACH: Final = AUTO.reach
"""How near that must be, as a share of the subject's size."""
CLOSE: Final = AUTO.close
"""Islands nearer to a kept region than this share of the subject's size stay: loose strands, fringes."""
ISLAND: Final = AUTO.island
"""Islands with less than this share of the largest region's area go; others need a core that is solid."""
PINHOLE: Final = AUTO.pinhole
"""Enclosed holes with a smaller side, as a share of the subject's size, are filled."""

_EIGHT: Final = np.ones((3, 3), bool)


def clean(alpha: Alpha) -> Alpha:
    """Alpha without haze, stray islands and pinholes.

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
    cleaned = _without_haze(alpha, max(3, round(REACH * size)))
    stray = _stray(cleaned, size)
    cleaned[stray] = 0
    cleaned[_pinholes(cleaned, size)] = 1
    return cleaned


def _without_haze(alpha: Alpha, reach: int) -> Alpha:
    """Set faint alpha to 0 where nothing stronger lies within `reach` pixels, and faint 1 − alpha, too."""
    cleaned = alpha.copy()
    faint = (alpha > 0) & (alpha < HAZE)
    cleaned[faint & ~_near(alpha > STRONGER, reach)] = 0
    dense = (alpha < 1) & (alpha > 1 - HAZE)
    cleaned[dense & ~_near(alpha < 1 - STRONGER, reach)] = 1
    return cleaned


def _near(region: Region, reach: int) -> Region:
    """Within `reach` pixels of `region`, along rows and columns."""
    near = region.copy()
    for axis, length in enumerate(region.shape):
        done = 0
        while done < min(reach, length - 1):
            step = min(done + 1, reach - done, length - 1)
            before = near.copy()
            ahead, behind = ((slice(None),) * axis + (part,) for part in (np.s_[step:], np.s_[:-step]))
            near[ahead] |= before[behind]
            near[behind] |= before[ahead]
            done += step
    return near


def _stray(alpha: Alpha, size: float) -> Region:
    """The islands: small or nowhere solid, and far from all that is neither."""
    regions, count = ndimage.label(alpha > 0, _EIGHT)
    stray = np.zeros(alpha.shape, bool)
    if count < 2:
        return stray
    places = np.flatnonzero(regions)
    number, values = regions.ravel()[places], alpha.ravel()[places]
    areas = np.bincount(number, values, count + 1)
    solid = np.bincount(number[values > 0.95], minlength=count + 1)
    kept = (areas >= ISLAND * areas.max()) & (solid >= 0.25 * areas)
    kept[areas.argmax()] = True
    kept[0] = False
    doubtful = ~kept[number]
    if not doubtful.any():
        return stray
    places, number = places[doubtful], number[doubtful]
    near, step = _surroundings(kept[regions], math.ceil(CLOSE * size))
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
    return _near(coarse, math.ceil(reach / step)), step


def _pinholes(alpha: Alpha, size: float) -> Region:
    """Enclosed regions that are not solid and smaller than `PINHOLE` of the subject's size squared."""
    return small_enclosed(alpha < 0.97, max(4.0, (PINHOLE * size) ** 2))

"""Simulated clicks: where a person who watches a mask would click next.

After RITM (Sofiiuk et al. 2021): the first click goes into the middle of what is wanted, each further one
into the largest region that is wrong, in its inner half or, as people do not aim at centres (RClicks 2024),
anywhere in it.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from wisp.engine.families.guidance import draw_click

Floats: TypeAlias = npt.NDArray[np.float32]

ANYWHERE: Final = 0.3
"""Chance of a click anywhere in the region instead of in its inner half."""
LEAST: Final = 12
"""Regions of fewer wrong pixels are not clicked on."""


def add_click(guidance: Floats, target: Floats, mask: Floats, rng: np.random.Generator) -> bool:
    """Draw the next click into `guidance`, whose first plane is of clicks inside, the second outside.

    Args:
        guidance: float32 (3, H, W); changed in place, but for the last plane.
        target: alpha that is wanted, (H, W), [0, 1].
        mask: alpha that there is, (H, W), [0, 1].
        rng: source of chance.

    Returns:
        False where nothing is wrong enough to click on.
    """
    missing, surplus = (target > 0.5) & (mask < 0.5), (target < 0.5) & (mask > 0.5)
    best: tuple[int, npt.NDArray[np.bool_], int] | None = None
    for plane, wrong in enumerate((missing, surplus)):
        count, places, stats, _ = cv2.connectedComponentsWithStats(wrong.astype(np.uint8), connectivity=4)
        if count < 2:
            continue
        largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
        size = int(stats[largest, cv2.CC_STAT_AREA])
        if best is None or size > best[0]:
            best = (size, places == largest, plane)
    if best is None or best[0] < LEAST:
        return False
    _, region, plane = best
    depth = cv2.distanceTransform(np.pad(region, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    allowed = depth > (0 if rng.random() < ANYWHERE else depth.max() / 2)
    spots = np.argwhere(allowed)
    row, column = spots[int(rng.integers(len(spots)))]
    draw_click(guidance[plane], int(row), int(column))
    return True

"""Photos at half size, which is solved first where too many pixels are unknown, and back."""

from __future__ import annotations

import numpy as np

from wisp.core.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Float, Image, Region, Trimap


def halve(image: Image, trimap: Trimap) -> tuple[Image, Trimap]:
    """Both at half size, rounded up. Of four pixels one that is known decides, unless another one disagrees.

    Args:
        image: float32 (H, W, 3), [0, 1].
        trimap: uint8 (H, W), 0 / 128 / 255.
    """
    height, width = trimap.shape
    if height % 2 or width % 2:
        after = (0, height % 2), (0, width % 2)
        image, trimap = np.pad(image, (*after, (0, 0)), "edge"), np.pad(trimap, after, "edge")
    pairs = image[::2] + image[1::2]
    small: Image = (pairs[:, ::2] + pairs[:, 1::2]) * np.float32(0.25)
    background, foreground = (_any_of_four(trimap == kind) for kind in (BACKGROUND, FOREGROUND))
    coarse = np.full(background.shape, UNKNOWN, np.uint8)
    coarse[background & ~foreground] = BACKGROUND
    coarse[foreground & ~background] = FOREGROUND
    return small, coarse


def double(plane: Float, size: tuple[int, ...]) -> Float:
    """Twice the size by bilinear interpolation, cut off at `size`.

    Args:
        plane: float32 (⌈H/2⌉, ⌈W/2⌉).
        size: H and W.

    Returns:
        float32 (H, W), each value a quarter of the way from one of the given ones to its neighbour.
    """
    for _ in range(2):  # rows, then columns
        padded = np.pad(plane, ((1, 1), (0, 0)), "edge")
        doubled = np.empty((2 * len(plane), plane.shape[1]), np.float32)
        doubled[::2] = 0.75 * padded[1:-1] + 0.25 * padded[:-2]
        doubled[1::2] = 0.75 * padded[1:-1] + 0.25 * padded[2:]
        plane = doubled.T
    return np.ascontiguousarray(plane[: size[0], : size[1]])


def _any_of_four(chosen: Region) -> Region:
    """A region at half size, of each 2×2 pixels of which one is chosen: bool (2 h, 2 w) → (h, w)."""
    either = chosen[::2] | chosen[1::2]
    return either[:, ::2] | either[:, 1::2]

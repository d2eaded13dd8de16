"""Masks that get worse step by step, as those of a segmenter may be: too large, too small, displaced ….

Every length is a share of the subject's size, the square root of its area.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from scipy import ndimage

from wisp.core.arrays import Mask
from wisp.matting.trimap import subject_size

STEPS: Final = (0.01, 0.02, 0.04, 0.08, 0.16)
"""How far each kind goes, as shares of the subject's size."""


def larger(mask: Mask, length: float, rng: np.random.Generator) -> Mask:
    """Grow a mask by `length` pixels on all sides."""
    inside = mask >= 0.5
    return _hard(inside | (ndimage.distance_transform_edt(~inside) <= length)) if inside.any() else mask


def smaller(mask: Mask, length: float, rng: np.random.Generator) -> Mask:
    """Shrink a mask by `length` pixels from what is outside; the photo's own border is no outside."""
    outside = mask < 0.5
    return _hard(~(outside | (ndimage.distance_transform_edt(~outside) <= length))) if outside.any() else mask


def displaced(mask: Mask, length: float, rng: np.random.Generator) -> Mask:
    """Moved by `length` pixels in a direction drawn at random; what comes in is like the border."""
    angle = rng.uniform(0, 2 * np.pi)
    offset = (length * np.sin(angle), length * np.cos(angle))
    return np.clip(ndimage.shift(mask, offset, order=1, mode="nearest"), 0, 1)


def blurred(mask: Mask, length: float, rng: np.random.Generator) -> Mask:
    """Under a Gaussian of deviation `length` pixels."""
    return np.clip(ndimage.gaussian_filter(mask, length, mode="nearest"), 0, 1)


def holed(mask: Mask, length: float, rng: np.random.Generator) -> Mask:
    """Without a disc of radius twice `length` around a place drawn inside it."""
    rows, columns = np.nonzero(mask >= 0.5)
    chosen = int(rng.integers(len(rows)))
    y, x = np.ogrid[: mask.shape[0], : mask.shape[1]]
    lost = np.hypot(y - rows[chosen], x - columns[chosen]) <= 2 * length
    return np.where(lost, np.float32(0), mask)


KINDS: Final[Mapping[str, Callable[[Mask, float, np.random.Generator], Mask]]] = {
    "larger": larger,
    "smaller": smaller,
    "displaced": displaced,
    "blurred": blurred,
    "with a hole": holed,
}
"""Ways in which a mask gets worse, by name."""


def worse(mask: Mask, kind: str, step: float, seed: int) -> Mask:
    """A worse mask.

    Args:
        mask: float32 (H, W), [0, 1], with a subject.
        kind: a key of `KINDS`.
        step: how much worse, as a share of the subject's size; 0 changes nothing.
        seed: of directions and places, which do not depend on `step`.

    Returns:
        float32 (H, W), [0, 1].
    """
    if step == 0:
        return mask
    changed = KINDS[kind](mask, step * subject_size(mask), np.random.default_rng(seed))
    return np.asarray(changed, np.float32)


def _hard(region: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Mask:
    return region.astype(np.float32)

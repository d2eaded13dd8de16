"""Sheets of pictures: one row a photo, all at the same height."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from wisp.core.arrays import Float, Image
from wisp.core.resample import resize

GAP: Final = 8
"""White between pictures, pixels."""
GREEN: Final = "#00b140"
"""The green of studio screens."""


def row(pictures: Sequence[Float], height: int) -> Image:
    """Pictures side by side.

    Args:
        pictures: float32 (H, W, 3) or grey (H, W), [0, 1], of any sizes.
        height: that all are brought to, at least 1.

    Returns:
        float32 (height, …, 3), white between them.
    """
    cells: list[Float] = []
    for picture in pictures:
        width = max(1, round(picture.shape[1] * height / picture.shape[0]))
        cell = resize(np.ascontiguousarray(picture, np.float32), height, width)
        cell = np.repeat(cell[..., None], 3, 2) if cell.ndim == 2 else cell
        cells += [cell, np.ones((height, GAP, 3), np.float32)]
    return np.concatenate(cells[:-1], axis=1)


def stack(rows: Sequence[Image]) -> Image:
    """Rows one below the other, white between them and beside shorter ones; float32 (H, W, 3)."""
    width = max(part.shape[1] for part in rows)
    height = sum(part.shape[0] + GAP for part in rows) - GAP
    out = np.ones((height, width, 3), np.float32)
    top = 0
    for part in rows:
        out[top : top + part.shape[0], : part.shape[1]] = part
        top += part.shape[0] + GAP
    return out

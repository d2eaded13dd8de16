"""Resizing of float images for the networks, by libvips: antialiased when smaller, bilinear when larger."""

from __future__ import annotations

import math

import numpy as np

from wisp.arrays import Float
from wisp.io.vips import libvips


def resize(values: Float, height: int, width: int) -> Float:
    """Resize so that the corners of the picture, not the centres of its corner pixels, stay where they are.

    An axis that shrinks is averaged with a triangle as wide as two output pixels; one that grows is
    interpolated linearly between pixel centres. Neither overshoots the range of `values`.

    Args:
        values: float32 (H, W) or (H, W, C).
        height: of the result, at least 1.
        width: of the result, at least 1.

    Returns:
        float32 (height, width) or (height, width, C).
    """
    old_height, old_width = values.shape[:2]
    if (old_height, old_width) == (height, width):
        return values
    bands = 1 if values.ndim == 2 else values.shape[2]
    pyvips = libvips()
    stored = np.ascontiguousarray(values, np.float32)
    image = pyvips.Image.new_from_memory(stored.data, old_width, old_height, bands, "float")
    smaller_height, smaller_width = min(height, old_height), min(width, old_width)
    if (smaller_height, smaller_width) != (old_height, old_width):
        image = image.resize(smaller_width / old_width, vscale=smaller_height / old_height, kernel="linear")
    if (image.height, image.width) != (height, width):
        x, y = width / image.width, height / image.height
        image = image.affine(
            [x, 0, 0, y],
            interpolate=pyvips.Interpolate.new("bilinear"),
            odx=(x - 1) / 2,
            ody=(y - 1) / 2,
            oarea=[0, 0, width, height],
            extend="copy",
        )
    resized = np.frombuffer(image.write_to_memory(), np.float32)
    return resized.reshape(height, width, *values.shape[2:])


def pad_to_multiple(values: Float, multiple: int) -> Float:
    """Repeat the last row and column until both sides are multiples of `multiple`: float32 (H, W[, C])."""
    height, width = values.shape[:2]
    below = math.ceil(height / multiple) * multiple - height
    right = math.ceil(width / multiple) * multiple - width
    return np.pad(values, ((0, below), (0, right)) + ((0, 0),) * (values.ndim - 2), mode="edge")

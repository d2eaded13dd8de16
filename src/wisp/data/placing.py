"""Where packed photos come to lie on a sample's canvas: affine maps, and placing by them with OpenCV.

For the recipes that learn from packs, whose samples are to be made in milliseconds: those of the subject
network, its guidance and the matting network, and ``packed`` of segmenter, DLMN-G, SSRN and U-Net. Recipes
that read photos from files warp with libvips (`wisp.data.vips`) and recolour with `wisp.data.augmentation`,
which give other pixels and draw other numbers. Each keeps its own: with the other's, no earlier run could be
repeated or gone on with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from wisp.core.arrays import Bytes
from wisp.data.packed import Packed

Matrix: TypeAlias = npt.NDArray[np.float64]
Rng: TypeAlias = np.random.Generator


def place(pixels: Bytes, matrix: Matrix, size: tuple[int, int], border: int = cv2.BORDER_CONSTANT) -> Bytes:
    """Affine warp onto a canvas, shrunk by areas first where it shrinks.

    Args:
        pixels: uint8 (H, W) or (H, W, C), C up to 4.
        matrix: (2, 3), source x, y → canvas x, y, both counted from pixel corners.
        size: height and width of the canvas.
        border: OpenCV's name of what lies outside.
    """
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    linear, offset = matrix[:, :2].copy(), matrix[:, 2]
    if scale < 0.75:
        height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
        linear[:, 0] *= pixels.shape[1] / width
        linear[:, 1] *= pixels.shape[0] / height
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    offset = offset + linear @ np.array([0.5, 0.5]) - 0.5
    placed = np.column_stack([linear, offset])
    warped: Bytes = cv2.warpAffine(pixels, placed, size[::-1], flags=cv2.INTER_LINEAR, borderMode=border)
    return warped


def fit_matrix(
    rng: Rng, shape: Sequence[int], size: tuple[int, int], *, zoom: tuple[float, float], rotation: float
) -> Matrix:
    """A random map (2, 3) of a whole photo (H, W, …) onto a canvas: zoomed, moved, turned, mirrored."""
    fitted = min(size[0] / shape[0], size[1] / shape[1])
    scale = fitted * float(np.exp(rng.uniform(np.log(zoom[0]), np.log(zoom[1]))))
    stretch = float(np.exp(rng.uniform(-0.12, 0.12)))
    linear = rotation_matrix(rotation) @ np.diag([scale * stretch, scale / stretch])
    if rng.random() < 0.5:
        linear[:, 0] *= -1
    extent = np.array([shape[1], shape[0]]) * scale
    room = np.abs(extent - size[::-1]) / 2
    middle = np.array(size[::-1]) / 2 + rng.uniform(-1, 1, 2) * room
    offset = middle - linear @ (np.array([shape[1], shape[0]]) / 2)
    return np.column_stack([linear, offset])


def keep_cut_box(matrix: Matrix, photo: Packed, size: tuple[int, int]) -> Matrix:
    """A map moved so that sides on which its photo cuts the subject lie on the canvas's rim or outside.

    Where one side alone is cut the map is moved; where opposite ones are it is centred there and, if its
    photo is too small for the canvas, enlarged.
    """
    height, width = photo.row.height, photo.row.width
    row0, column0, row1, column1 = photo.row.box or (1, 1, height - 1, width - 1)
    low = [column0 <= 1, row0 <= 1]
    high = [column1 >= width - 1, row1 >= height - 1]
    if matrix[0, 0] < 0:
        low[0], high[0] = high[0], low[0]
    out = matrix.copy()
    for axis, extent in ((0, width), (1, height)):
        if low[axis] and high[axis]:
            scale = np.abs(out[axis, axis]) * extent / size[1 - axis]
            if 0 < scale < 1:
                out /= scale
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], float).T
    placed = out[:, :2] @ corners + out[:, 2:]
    for axis in (0, 1):
        ends = np.sort(placed[axis])
        start, end, side = ends[1], ends[2], size[1 - axis]
        if low[axis] and high[axis]:
            out[axis, 2] += float(np.clip(0, side - end, -start)) if end - start >= side else -start
        elif low[axis]:
            out[axis, 2] += min(0.0, -start)
        elif high[axis]:
            out[axis, 2] += max(0.0, side - end)
    return out


def rotation_matrix(degrees: float) -> Matrix:
    """Matrix (2, 2) of a rotation, x to y."""
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[cosine, -sine], [sine, cosine]])

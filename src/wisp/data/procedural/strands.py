"""A canvas for strands: many thin curves, each with a width far below a pixel or above it, and for layers.

Strands hide one another independently: alpha = 1 − Π(1 − coverage). Colours are blended without sorting,
weighted by coverage and nearness (McGuire, Bavoil, "Weighted Blended Order-Independent Transparency", 2013):
with nearness weights this steep the nearest strand decides nearly alone, and colours stay straight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from wisp.core.arrays import Alpha, Float
from wisp.data.procedural.rasteriser import Pieces, cut, draw

DEPTH_CONTRAST: Final = 18.0
"""Nearness 1 outweighs nearness 0 by e to this power."""

_CLEAR: Final = np.float32(2.0**-26)
"""Least light that passes a pixel: 1 − this is 1 in float32."""


@dataclass(frozen=True)
class Strands:
    """N curves of M points each.

    Attributes:
        points: float32 (N, M, 2), x and y in pixels, (0, 0) being the upper left corner of the canvas.
        width: float32 (N, M) or (N, 1), full width in pixels at each point.
        colour: float32 (N, M, 3) or (N, 1, 3), [0, 1].
        nearness: float32 (N,) or (N, M), 0 farthest, 1 nearest.
        opacity: float32 (N,) or a float, [0, 1].
        grain: how much lighter and darker lines run along each strand, as a share of its colour: a broad
            strand with grain looks like the bundle of hairs that it stands for.
    """

    points: Float
    width: Float
    colour: Float
    nearness: Float
    opacity: Float | float = 1.0
    grain: float = 0.0


class Canvas:
    """A picture that layers and strands are added to in any order.

    Args:
        size: height and width, pixels.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self._light = np.zeros(size, np.float32)  # log of the light that layers let pass
        self._sums = np.zeros((4, *size), np.float32)  # of layers: weight · colour, and weight
        self._pieces: list[Pieces] = []

    def layer(self, colour: Float, alpha: Alpha, nearness: float, corner: tuple[int, int] = (0, 0)) -> None:
        """Add a layer.

        Args:
            colour: float32 (h, w, 3), (3, h, w) or (3,), straight.
            alpha: float32 (h, w).
            nearness: [0, 1].
            corner: row and column of the canvas where the layer's first pixel lies; it must lie inside whole.
        """
        (top, left), (height, width) = corner, alpha.shape
        part = (slice(top, top + height), slice(left, left + width))
        self._light[part] += np.log(np.maximum(1 - alpha, _CLEAR))
        weight = alpha * np.float32(np.exp(DEPTH_CONTRAST * nearness))
        self._sums[3][part] += weight
        if colour.ndim == 3 and colour.shape[0] != 3:
            colour = colour.transpose(2, 0, 1)
        for channel in range(3):
            self._sums[channel][part] += weight * colour[channel]

    def strands(self, strands: Strands) -> None:
        """Add strands; parts outside the canvas are left out."""
        weight = np.exp(np.float32(DEPTH_CONTRAST) * np.asarray(strands.nearness, np.float32))
        self._pieces.append(
            cut(
                np.asarray(strands.points, np.float32),
                strands.width,
                strands.colour,
                weight if weight.ndim == 2 else weight[:, None],
                np.asarray(strands.opacity, np.float32),
                strands.grain,
            )
        )

    def result(self) -> Float:
        """Premultiplied colour and alpha: float32 (4, H, W)."""
        light, sums = self._light, self._sums
        if self._pieces:
            drawn, dimmed = draw(Pieces.join(self._pieces), self.size, _CLEAR)
            light = light + dimmed
            sums = sums + drawn
        out = np.empty_like(sums)
        np.subtract(1, np.exp(light), out=out[3])
        share = out[3] / np.maximum(sums[3], np.float32(1e-20))
        np.multiply(sums[:3], share, out=out[:3])
        return out

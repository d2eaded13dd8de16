"""Samples of packed photos, squeezed into squares: what the small U-Net learns from.

Li, Miao, Hu, Cao, Jin, "Background Image Matting", section 3.2.2, resize every photo to a square without
regard to its proportions. Here each sample is made at proportions of its own, of about the square's area, and
resized to it, so that people of every stretch are seen.

A sample is a function of (seed, index) alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from wisp.core.threads import one_opencv_thread
from wisp.data.matting_samples import MattingSamples
from wisp.data.synthesis import Example

RATIO: Final = 1.6
"""Most that one side of a photo is longer than the other."""


@dataclass(frozen=True)
class PackedSquares:
    """Labelled squares by index.

    Args:
        samples: how they are made, but for their size.
        size: side S of the squares, pixels.
    """

    samples: MattingSamples
    size: int

    fields = Example._fields

    def __getitem__(self, index: int) -> Example:
        """The sample number `index` ≥ 0."""
        rng = np.random.default_rng((self.samples.seed, 4, index))
        half = float(np.exp(rng.uniform(-0.5, 0.5) * np.log(RATIO)))
        with one_opencv_thread:
            example = self.samples.example(rng, (round(self.size * half), round(self.size / half)))
            *layers, exact = example
            return Example._make([*(_resized(layer, self.size) for layer in layers), exact])


def _resized(layer: np.ndarray, size: int) -> np.ndarray:
    """uint8 (C, H, W) → (C, S, S)."""
    return np.stack([cv2.resize(channel, (size, size), interpolation=cv2.INTER_AREA) for channel in layer])

"""The U-Net of a student report: photo → soft mask of the people, which is its alpha.

Li, Miao, Hu, Cao, Jin, "Background Image Matting": the network sees the photo as a square, whatever its
proportions, and the mask itself cuts the photo out; what its edge gets wrong, Poisson blending hides
(`wisp.compositing.poisson`, ``wisp replace --blend poisson``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from wisp.core.arrays import Alpha, Image
from wisp.engine.engine import ENGINE, Engine
from wisp.engine.families.segmenter import segment
from wisp.engine.models import find_model

LIKELY: Final = 0.5
"""A region is kept where it is anywhere more likely subject than not: a small U-Net is seldom surer."""


def unet(image: Image, *, model: str | Path | None = None, engine: Engine = ENGINE) -> Alpha:
    """The mask of the people in a photo, as alpha.

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1], of any size.
        model: the name of a network of the family ``unet`` (`wisp.engine.models.MODELS`) or its ONNX file;
            None for the default.
        engine: what runs the network.

    Returns:
        float32 (H, W), [0, 1]; regions that are nowhere above `LIKELY` are left out.

    Raises:
        InputError: an array of the wrong kind, no such network, or a file that is no segmentation network.
    """
    return segment(image, row=find_model(model, "unet"), sure=LIKELY, engine=engine)

"""The subject network by itself: its map, enlarged to the photo, and nothing after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np

from wisp.core.arrays import Alpha, Float, Image
from wisp.core.errors import InputError
from wisp.core.resample import resize
from wisp.engine.sessions import Port, open_session

Map: TypeAlias = Literal["people", "subject"]

MAPS: Final[tuple[Map, ...]] = ("people", "subject")
"""The channels of its masks and the entries of its presence, in order."""
SIDE: Final = 416
"""Pixels of the longer side of what it sees."""
MULTIPLE: Final = 32
INPUTS: Final = {"image", "guidance"}
OUTPUTS: Final = {"masks", "presence"}


def open_subject_network(
    file: Path, *, channel: Map = "subject", presence: float = 0.5, side: int = SIDE
) -> Callable[[Image], Alpha]:
    """Load a subject network: image → one of its maps, without guidance.

    The whole photo is seen with its longer side at `side`, both sides rounded to multiples of 32.

    Args:
        file: an ONNX file with the inputs image and guidance, each (1, 3, H, W), and the outputs masks
            (1, 2, H, W) and presence (1, 2).
        channel: ``people`` or ``subject``.
        presence: where the network's belief in the presence of that is less, the map is emptied.
        side: pixels of the longer side of what it sees.

    Raises:
        InputError: the file is no such network.
    """
    session, index = open_session(file), MAPS.index(channel)
    if _names(session.inputs) != INPUTS or _names(session.outputs) != OUTPUTS:
        accepted = "an ONNX file with the inputs image and guidance, outputs masks and presence, is accepted"
        raise InputError(file, "is no subject network", accepted)

    def estimate(image: Image) -> Alpha:
        height, width = image.shape[:2]
        scale = side / max(height, width) / MULTIPLE
        seen_height, seen_width = (max(1, round(length * scale)) * MULTIPLE for length in (height, width))
        seen = np.ascontiguousarray(resize(image, seen_height, seen_width).transpose(2, 0, 1)[None])
        outputs = session.run({"image": seen, "guidance": np.zeros_like(seen)})
        mask: Float = outputs["masks"][0, index]
        if outputs["presence"][0, index] < presence:
            return np.zeros((height, width), np.float32)
        return resize(mask, height, width).clip(0, 1)

    return estimate


def _names(ports: Iterable[Port]) -> set[str]:
    return {port.name for port in ports}

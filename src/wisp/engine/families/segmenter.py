"""Where the subject is, roughly: a soft mask from the segmentation network."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from wisp.core.arrays import Float, Image, Mask, check_image
from wisp.core.errors import InputError
from wisp.core.regions import keep_regions, small_enclosed
from wisp.core.resample import pad_to_multiple, resize, size_within
from wisp.core.settings import AUTO
from wisp.engine.engine import ENGINE, Engine
from wisp.engine.models import Model, find_model
from wisp.engine.sessions import Session, check_ports

FLOOR: Final = AUTO.known
"""Below this, nothing speaks for a subject: the trimap's threshold for known background."""
SURE: Final = 1 - AUTO.known
"""From this on a pixel is surely subject: the trimap's threshold for known foreground."""
GAP: Final = 0.1
"""Below this a pixel enclosed by the subject is taken for a gap through which the background is seen; no
evidence yet."""
LEAST_GAP: Final = 0.01
"""A smaller gap, as a share of the subject's area, is in doubt (docs/decisions/026, one photo)."""


def segment(
    image: Image,
    *,
    model: str | Path | None = None,
    row: Model | None = None,
    sure: float = SURE,
    engine: Engine = ENGINE,
) -> Mask:
    """A soft mask of the subject.

    The network sees the whole photo, its long side resized to the network's input size and its proportions
    kept; the mask is resized to the photo's size. Its values are the network's own, never stretched, but
    small gaps are in doubt (`without_doubtful_gaps`), and regions in which it is nowhere sure are left out:
    people have a core of which it is sure; what only resembles them, a rock or a statue far away, mostly has
    not (docs/decisions/005).

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1], of any size.
        model: the name of a network (`wisp.engine.models.MODELS`) or an ONNX file; None for the default.
        row: the network's row instead, of another family with the same inputs and outputs.
        sure: from which value on a region holds a pixel that is surely subject.
        engine: what runs the network.

    Returns:
        float32 (H, W), [0, 1].

    Raises:
        InputError: no such network, or a file that is no segmentation network.
    """
    check_image(image)
    row = row or find_model(model)
    session = engine.session_of(row)
    height, width = image.shape[:2]
    seen_height, seen_width = size_within(image.shape, row.input_size, enlarge=True)
    seen = pad_to_multiple(resize(image, seen_height, seen_width), row.multiple)
    mask = _run(session, row, np.ascontiguousarray(seen.transpose(2, 0, 1)[None]))
    mask = mask[:seen_height, :seen_width]
    mask, _ = keep_regions(mask, mask >= sure, FLOOR)
    return resize(without_doubtful_gaps(mask), height, width).clip(0, 1)


def without_doubtful_gaps(mask: Mask) -> Mask:
    """The mask with small enclosed gaps raised until a trimap calls them unknown.

    Where the network hesitates, as over a patterned cloth, its mask sinks low, and the lowest place in it
    would be known background in the middle of the subject, from which matting would carry on. What is truly
    seen through a small gap has colours that tell (docs/decisions/026).

    Args:
        mask: float32 (H, W), [0, 1].

    Returns:
        float32 (H, W): `GAP` instead of less in 4-connected regions below it that touch no border of the
        picture and have at most `LEAST_GAP` of the area of what is above one half.
    """
    gaps = small_enclosed(mask < GAP, LEAST_GAP * np.count_nonzero(mask > 0.5))
    return np.where(gaps, np.float32(GAP), mask)


def _run(session: Session, model: Model, batch: Float) -> Mask:
    """(1, 3, H, W) → (H, W)."""
    wrong = InputError(
        model.file,
        "is no segmentation network",
        "an ONNX file with the input image (N, 3, H, W) and the output mask (N, 1, H, W) is accepted",
    )
    check_ports(session, {"image": 3}, {"mask": 1}, wrong)
    mask = session.run({"image": batch})["mask"]
    if mask.shape != (1, 1, *batch.shape[2:]):
        raise wrong
    first: Mask = mask[0, 0]
    return first

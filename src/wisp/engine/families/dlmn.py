"""DLMN-G and SSRN: photo or frame, soft mask, trimap and motion cue → alpha.

El Abdellaoui and Kachbal, background matting with DLMN-G and SSRN (Studies in Informatics and Control). The
network sees the subject's surroundings at a fixed size; where there is an SSRN, it refines what the network
found there; then alpha is enlarged to the photo's size as the portrait network's is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from wisp.core.arrays import (
    FOREGROUND,
    UNKNOWN,
    Alpha,
    Float,
    Image,
    Mask,
    Motion,
    Trimap,
    check_alpha,
    check_image,
    check_motion,
    check_same_size,
    check_trimap,
    motion_of_still,
)
from wisp.core.errors import InputError
from wisp.core.resample import pad_to_multiple, resize, size_within
from wisp.engine.engine import ENGINE, Engine
from wisp.engine.families.portrait import crop_around, enlarge
from wisp.engine.families.segmenter import segment
from wisp.engine.models import Model, find_model, ssrn_of
from wisp.engine.sessions import Session, check_ports
from wisp.matting.trimap import trimap_from_mask

ACCEPTED = {
    "dlmn": "an ONNX file with the inputs image (N, 3, H, W), mask and trimap (N, 1, H, W) and motion "
    "(N, 4, H, W) and the output alpha (N, 1, H, W) is accepted",
    "ssrn": "an ONNX file with the inputs image (N, 3, H, W), mask (N, 1, H, W) and motion (N, 4, H, W) and "
    "the output alpha (N, 1, H, W) is accepted",
}


def dlmn(
    image: Image,
    mask: Mask | None = None,
    *,
    trimap: Trimap | None = None,
    motion: Motion | None = None,
    model: str | Path | None = None,
    engine: Engine = ENGINE,
    refined: bool = True,
    ssrn: bool | None = None,
) -> Alpha:
    """Alpha of the people in a photo or a frame.

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1], of any size.
        mask: soft segmentation, float32 (H, W), [0, 1]; found by the default segmenter when None.
        trimap: uint8 (H, W), 0, 128, 255; made from the mask by erosion and dilation when None.
        motion: four neighbouring frames in grey, float32 (H, W, 4), [0, 1] (`wisp.clips.motion`); the image's
            own grey when None, as of a still.
        model: the name of a network of the family ``dlmn`` (`wisp.engine.models.MODELS`) or its ONNX file;
            None for the default. An SSRN beside it is used (`wisp.engine.models.ssrn_of`).
        engine: what runs the network.
        refined: whether the border is refined on the way to the photo's size, as that of the portrait
            network; otherwise alpha is only resized.
        ssrn: whether an SSRN refines what the network found; where there is one when None.

    Returns:
        float32 (H, W), [0, 1]; 0 everywhere when the mask is below `wisp.engine.families.segmenter.FLOOR`
        everywhere.

    Raises:
        InputError: arrays of the wrong kind or size, no such network, or a file that is
            no such network.
    """
    check_image(image)
    row = find_model(model, "dlmn")
    refiner = ssrn_of(row, ssrn)
    if mask is None:
        mask = segment(image, engine=engine)
    check_same_size("mask", check_alpha(mask, "mask"), "image", image)
    if trimap is not None:
        trimap = check_trimap(trimap)
        check_same_size("trimap", trimap, "image", image)
    if motion is not None:
        check_same_size("motion", check_motion(motion), "image", image)
    box = crop_around(mask)
    whole = np.zeros(mask.shape, np.float32)
    if box is None:
        return whole
    seen = image[box.slices]
    given = network_inputs(
        seen,
        mask[box.slices],
        None if trimap is None else trimap[box.slices],
        None if motion is None else motion[box.slices],
        row,
    )
    session = engine.session_of(row)
    alpha = _run(session, row, "dlmn", given)
    if refiner is not None:
        again = {"image": given["image"], "mask": alpha, "motion": given["motion"]}
        alpha = _run(engine.session_of(refiner), refiner, "ssrn", again)
    height, width = size_within(seen.shape, row.input_size)
    found: Alpha = np.ascontiguousarray(alpha[0, 0, :height, :width])
    if refined:
        whole[box.slices] = enlarge(found, seen, engine=engine)
    else:
        whole[box.slices] = resize(found, *seen.shape[:2]).clip(0, 1)
    return whole


def network_inputs(
    image: Image, mask: Mask, trimap: Trimap | None, motion: Motion | None, row: Model
) -> dict[str, Float]:
    """The network's inputs at its own size, padded: image, mask, trimap and motion, (1, C, h, w) each.

    Args:
        image: float32 (H, W, 3).
        mask: float32 (H, W).
        trimap: uint8 (H, W); made from the small mask when None.
        motion: float32 (H, W, 4); the image's own grey when None.
        row: of the network.
    """
    size = size_within(image.shape, row.input_size)
    small, soft = resize(image, *size), resize(mask, *size).clip(0, 1)
    if trimap is None:
        known = trimap_from_mask(soft)
    else:
        between = resize(trimap.astype(np.float32), *size)
        known = np.where(between == FOREGROUND, FOREGROUND, np.where(between == 0, 0, UNKNOWN))
    frames = motion_of_still(small) if motion is None else resize(motion, *size)
    pictures = {
        "image": small.transpose(2, 0, 1),
        "mask": soft[None],
        "trimap": (known.astype(np.float32) / np.float32(FOREGROUND))[None],
        "motion": frames.transpose(2, 0, 1),
    }
    return {
        name: np.stack([pad_to_multiple(np.ascontiguousarray(x), row.multiple) for x in channels])[None]
        for name, channels in pictures.items()
    }


def _run(session: Session, row: Model, family: str, inputs: Mapping[str, Float]) -> Float:
    """Alpha (1, 1, h, w)."""
    wrong = InputError(row.file, f"is no {family} network", ACCEPTED[family])
    check_ports(session, {name: values.shape[1] for name, values in inputs.items()}, {"alpha": 1}, wrong)
    alpha = session.run(dict(inputs))["alpha"]
    if alpha.shape != inputs["mask"].shape:
        raise wrong
    return alpha

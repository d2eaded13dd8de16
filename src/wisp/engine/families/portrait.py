"""Portrait matting: photo and soft mask → alpha, with the border refined at the photo's own resolution.

Yaman, Ekenel, Waibel 2022, "Alpha Matte Generation from Single Input for Portrait Matting" (CVPRW). The
generator sees the subject's surroundings at a fixed size; its alpha is enlarged to the photo's, by way of
sizes in between for large photos, and at each of them corrected in 64×64 patches where it is uncertain.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from wisp.core.arrays import Alpha, Float, Image, Mask, check_alpha, check_image, check_same_size
from wisp.core.errors import InputError
from wisp.core.regions import Box, bounding_box
from wisp.core.resample import pad_to_multiple, resize, size_within
from wisp.core.settings import AUTO, SUBJECT
from wisp.engine.engine import ENGINE, Engine
from wisp.engine.families.segmenter import FLOOR, segment
from wisp.engine.models import Model, find_model, refinement_of
from wisp.engine.sessions import Session, check_ports

PATCH: Final = 64
"""Side of the refinement's patches, pixels, as it was trained."""
SMALLEST: Final = SUBJECT.side
"""Least longer side of what the generator is shown, pixels: what is smaller is enlarged."""
STRIDE: Final = PATCH // 2
"""Distance between neighbouring patches."""
BATCH: Final = 32
"""Patches that are refined at a time; it bounds the memory that they take."""
ENLARGEMENT: Final = 3.0
"""Alpha is enlarged by at most this factor before it is refined again: as in training
(`wisp.training.recipes.portrait_recipes`, ``reduction``)."""
UNCERTAIN: Final = AUTO.settled
"""Alpha nearer than this to 0 or 1 needs no refinement."""
MARGIN: Final = AUTO.margin
"""What the generator sees around the subject, as a share of the longer side of its bounding box."""


def portrait(
    image: Image,
    mask: Mask | None = None,
    *,
    model: str | Path | None = None,
    engine: Engine = ENGINE,
    refined: bool = True,
) -> Alpha:
    """Alpha of the people in a photo.

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1], of any size.
        mask: soft segmentation, float32 (H, W), [0, 1]; found by the default segmenter when None.
        model: the name of a portrait network (`wisp.engine.models.MODELS`) or the ONNX file of one's
            generator; None for the default.
        engine: what runs the network.
        refined: whether the border is refined; otherwise the generator's alpha is only resized.

    Returns:
        float32 (H, W), [0, 1]; 0 everywhere when the mask is below `FLOOR` everywhere.

    Raises:
        InputError: arrays of the wrong kind or size, no such network, or a file that is
            no portrait network.
    """
    check_image(image)
    row = find_model(model, "portrait")
    generator = engine.session_of(row)
    if mask is None:
        mask = segment(image, engine=engine)
    check_same_size("mask", check_alpha(mask, "mask"), "image", image)
    box = crop_around(mask)
    if box is None:
        return np.zeros(mask.shape, np.float32)
    seen = image[box.slices]
    alpha = generate(generator, row, seen, mask[box.slices])
    whole = np.zeros(mask.shape, np.float32)
    if refined:
        whole[box.slices] = enlarge(alpha, seen, model=model, engine=engine)
    else:
        whole[box.slices] = resize(alpha, *seen.shape[:2]).clip(0, 1)
    return whole


def enlarge(
    alpha: Alpha,
    image: Image,
    *,
    model: str | Path | None = None,
    engine: Engine = ENGINE,
) -> Alpha:
    """A small alpha at the photo's size, its border refined at every step of the way.

    Args:
        alpha: float32 (h, w), [0, 1], of the whole photo.
        image: float32 (H, W, 3), sRGB-encoded, [0, 1].
        model: as in `portrait`; its refinement is used.
        engine: what runs the network.

    Returns:
        float32 (H, W), [0, 1].

    Raises:
        InputError: no such network.
    """
    row = refinement_of(find_model(model, "portrait"))
    refinement = engine.session_of(row)
    for size in refined_sizes(alpha.shape, image.shape):
        alpha = refine(resize(image, *size), resize(alpha, *size).clip(0, 1), refinement)
    return alpha


def crop_around(mask: Mask) -> Box | None:
    """The subject's bounding box with a margin of `MARGIN` of its longer side, which the generator looks at.

    Args:
        mask: float32 (H, W), [0, 1].

    Returns:
        The box, inside the photo; None when the mask is below `FLOOR` everywhere.
    """
    box = bounding_box(mask >= FLOOR)
    if box is None:
        return None
    longer = max(box.bottom - box.top, box.right - box.left) - 1
    return box.widened(math.ceil(MARGIN * longer + 8), mask.shape)


def refined_sizes(small: Sequence[int], large: Sequence[int]) -> list[tuple[int, int]]:
    """The sizes at which alpha is refined on its way up, each at most `ENLARGEMENT` times the one before.

    Args:
        small: height and width of the generator's alpha.
        large: height and width of the photo.

    Returns:
        Heights and widths, the photo's last.
    """
    factor = max(large[0] / small[0], large[1] / small[1])
    steps = max(1, math.ceil(math.log(max(factor, 1)) / math.log(ENLARGEMENT) - 1e-9))
    shares = [factor ** (step / steps - 1) for step in range(1, steps)]
    between = [(max(1, round(large[0] * share)), max(1, round(large[1] * share))) for share in shares]
    return [*between, (large[0], large[1])]


def refine(image: Image, alpha: Alpha, session: Session) -> Alpha:
    """Correct alpha in the patches that hold anything uncertain, and blend the corrections without seams.

    Patches lie on a grid of half their side and are weighted by a squared sine, whose copies add up to 1.

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1].
        alpha: float32 (H, W), [0, 1].
        session: patches ``image`` (P, 3, 64, 64) and ``alpha`` (P, 1, 64, 64) → ``residual`` (P, 1, 64, 64).

    Returns:
        float32 (H, W), [0, 1].
    """
    cells = uncertain_cells(alpha)
    height, width = alpha.shape
    margin = STRIDE + PATCH
    correction = np.zeros((height + 2 * margin, width + 2 * margin), np.float32)
    line = np.sin(np.pi * (np.arange(PATCH, dtype=np.float32) + 0.5) / PATCH) ** 2
    window = (line[:, None] * line).astype(np.float32)
    for places in _batches(cells, BATCH):
        inputs = {
            "image": np.stack([_patch(image, *place) for place in places]).transpose(0, 3, 1, 2),
            "alpha": np.stack([_patch(alpha, *place) for place in places])[:, None],
        }
        residual = session.run({name: np.ascontiguousarray(x) for name, x in inputs.items()})["residual"]
        for (top, left), values in zip(places, residual[:, 0] * window, strict=True):
            y, x = top + margin, left + margin
            correction[y : y + PATCH, x : x + PATCH] += values
    corrected = alpha + correction[margin : margin + height, margin : margin + width]
    clipped: Alpha = corrected.clip(0, 1)
    return clipped


def uncertain_cells(alpha: Alpha) -> list[tuple[int, int]]:
    """Top and left of the patches that hold an uncertain pixel, row by row; they may reach over the edges."""
    height, width = alpha.shape
    uncertain = (alpha > UNCERTAIN) & (alpha < 1 - UNCERTAIN)
    rows, columns = -(-height // STRIDE), -(-width // STRIDE)
    squares = np.zeros((rows * STRIDE, columns * STRIDE), bool)
    squares[:height, :width] = uncertain
    held = squares.reshape(rows, STRIDE, columns, STRIDE).any(axis=(1, 3))
    cells = np.zeros((rows + 1, columns + 1), bool)  # cell (r, c) spans the squares r − 1, r by c − 1, c
    for down in (0, 1):
        for right in (0, 1):
            cells[down : down + rows, right : right + columns] |= held
    return [((int(r) - 1) * STRIDE, (int(c) - 1) * STRIDE) for r, c in np.argwhere(cells)]


def generate(session: Session, row: Model, image: Image, mask: Mask, *, smallest: int = SMALLEST) -> Alpha:
    """Alpha at the generator's size: the longer side is the picture's own, from `smallest` to the row's.

    Args:
        session: the loaded generator.
        row: its row, which says what size it sees.
        image: float32 (H, W, 3), sRGB-encoded, [0, 1].
        mask: soft segmentation, float32 (H, W), [0, 1].
        smallest: a longer side below this is enlarged to it, pixels.

    Returns:
        float32 (h, w), [0, 1].

    Raises:
        InputError: the file is no portrait network.
    """
    side = min(row.input_size, max(*image.shape[:2], smallest))
    small = size_within(image.shape, side, enlarge=True)
    seen = pad_to_multiple(resize(image, *small), row.multiple)
    coarse = pad_to_multiple(resize(mask, *small).clip(0, 1), row.multiple)
    inputs = {"image": np.ascontiguousarray(seen.transpose(2, 0, 1)[None]), "mask": coarse[None, None]}
    wrong = InputError(
        row.file,
        "is no portrait network",
        "an ONNX file with the inputs image (N, 3, H, W) and mask (N, 1, H, W) and the output alpha "
        "(N, 1, H, W) is accepted",
    )
    check_ports(session, {"image": 3, "mask": 1}, {"alpha": 1}, wrong)
    alpha = session.run(inputs)["alpha"]
    if alpha.shape != (1, 1, *coarse.shape):
        raise wrong
    inside: Alpha = alpha[0, 0, : small[0], : small[1]]
    return inside


def _patch(values: Float, top: int, left: int) -> Float:
    """A patch of (H, W) or (H, W, C); edges repeat outside."""
    height, width = values.shape[:2]
    if top >= 0 and left >= 0 and top + PATCH <= height and left + PATCH <= width:
        return values[top : top + PATCH, left : left + PATCH]
    rows = np.arange(top, top + PATCH).clip(0, height - 1)
    columns = np.arange(left, left + PATCH).clip(0, width - 1)
    patch: Float = values[rows[:, None], columns]
    return patch


def _batches(cells: Sequence[tuple[int, int]], size: int) -> Iterator[Sequence[tuple[int, int]]]:
    starts = [*range(0, len(cells), size), len(cells)]
    for first, last in pairwise(starts):
        yield cells[first:last]

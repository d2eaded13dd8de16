"""What a run shows: contact sheets of results and curves of losses and scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wisp.core.arrays import Bytes
from wisp.data import vips

GREEN = np.array([0, 177, 64], np.float32)


def sheet(rows: Sequence[Sequence[Bytes]], gap: int = 4) -> Bytes:
    """Pictures of one size in rows: uint8 (H, W) or (H, W, 3) each → uint8 (rows·H, columns·W, 3)."""
    height, width = rows[0][0].shape[:2]
    columns = max(len(row) for row in rows)
    out = np.full((len(rows) * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            colour = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, 2)
            top, left = y * (height + gap), x * (width + gap)
            out[top : top + height, left : left + width] = colour
    return out


def on_green(image: Bytes, alpha: Bytes) -> Bytes:
    """A photo's own colours over green: uint8 (H, W, 3), alpha uint8 (H, W)."""
    a = alpha[..., None].astype(np.float32) / 255
    return (image * a + GREEN * (1 - a) + 0.5).astype(np.uint8)


def to_bytes(x: Tensor) -> Bytes:
    """Values in [0, 1], clipped to that, rounded to 8 bits: uint8 of the same shape."""
    return (x.cpu().clamp(0, 1) * 255 + 0.5).to(torch.uint8).numpy()


def write_png(path: Path, pixels: Bytes) -> None:
    """Write a picture under a temporary name, then rename it."""
    temporary = path.with_name(f".{path.name}.tmp")
    vips.as_image(pixels).pngsave(str(temporary))
    temporary.replace(path)


def write_curves(path: Path, history: Sequence[dict[str, float]]) -> None:
    """One panel a loss term and a score, over steps."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = sorted({name for row in history for name in row if name != "step"})
    figure = Figure(figsize=(10, 2.6 * ((len(names) + 1) // 2)), layout="constrained")
    FigureCanvasAgg(figure)
    axes: Any = figure.subplots((len(names) + 1) // 2, 2, squeeze=False)
    for axis, name in zip(axes.ravel(), names, strict=False):
        points = [(row["step"], row[name]) for row in history if name in row]
        axis.plot(*zip(*points, strict=True), marker="." if name.startswith("score/") else "")
        axis.set_title(name)
        axis.grid(alpha=0.3)
    temporary = path.with_name(f".{path.name}.tmp")
    figure.savefig(temporary, format="png", dpi=80)
    temporary.replace(path)


def subject_sheet(rows: Sequence[tuple[Tensor, Tensor, Tensor]]) -> Bytes:
    """Photo, true mask, mask found, photo on green, in rows; tensors (3, H, W) and (H, W) in [0, 1]."""
    made = []
    for image, truth, mask in rows:
        photo, true, found = to_bytes(image.permute(1, 2, 0)), to_bytes(truth), to_bytes(mask)
        made.append([photo, true, found, on_green(photo, found)])
    return sheet(made)

"""Fine hair on real cut-outs: exact where the labels of photos are at their worst."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wisp.arrays import Alpha, Float, Foreground, check_alpha, check_image, check_same_size
from wisp.training.data.procedural import look
from wisp.training.data.procedural.fields import blur, noise, wander
from wisp.training.data.procedural.growth import cluster, curl, grow, strand_width
from wisp.training.data.procedural.strands import Canvas, Strands

_FEWEST = 12
"""Pixels of border without which nothing grows."""


def with_hair(foreground: Foreground, alpha: Alpha, rng: np.random.Generator) -> tuple[Foreground, Alpha]:
    """A cut-out with new strands along part of its edge, more often near its top, in the colours found there.

    Args:
        foreground: float32 (H, W, 3), straight, [0, 1].
        alpha: float32 (H, W), [0, 1].
        rng: random source.

    Returns:
        Foreground and alpha as given, unchanged outside the new strands; all of it unchanged where the alpha
        has next to no edge to grow from.

    Raises:
        InputError: arrays of another form, or of different sizes.
    """
    check_image(foreground, "foreground")
    check_alpha(alpha)
    check_same_size("foreground", foreground, "alpha", alpha)
    rows, columns = _border(alpha)
    if len(rows) < _FEWEST:
        return foreground, alpha
    height, width = alpha.shape
    subject = float(np.sqrt(np.count_nonzero(alpha > 0.5)))
    top = rows.min()
    odds = np.exp(-4.0 * (rows - top) / max(1, rows.max() - top))
    anchor = rng.choice(len(rows), p=odds / odds.sum())
    near = np.hypot(rows - rows[anchor], columns - columns[anchor]) < subject * rng.uniform(0.1, 0.6)
    rows, columns = rows[near], columns[near]

    guides, steps = int(np.clip(len(rows) / rng.uniform(2, 6), 3, 160)), 12
    chosen = rng.integers(0, len(rows), guides)
    edge = np.stack([columns[chosen], rows[chosen]], -1).astype(np.float32) + np.float32(0.5)
    out = _outward(alpha, rows[chosen], columns[chosen])
    # Hair lies along the head more than it stands off it, neighbours alike.
    lie = np.float32(rng.uniform(-1.4, 1.4)) + noise((height, width), subject / 4, rng)[
        rows[chosen], columns[chosen]
    ] * np.float32(0.35)
    heading = np.arctan2(out[:, 1], out[:, 0]) + lie + rng.normal(0, 0.25, guides)
    length = subject * float(np.exp(rng.uniform(np.log(0.03), np.log(0.3))))
    inset = rng.uniform(0.5, 5, guides)[:, None]
    locks = grow(
        edge - out * inset.astype(np.float32),
        heading,
        inset[:, 0] + length * rng.uniform(0.3, 1.1, guides),
        steps,
        rng,
        pull=(rng.normal(0, 0.7), rng.uniform(-0.2, 2.0)),
        bend=rng.uniform(0.3, 2.0),
    )
    count = int(np.clip(guides * rng.uniform(1.5, 9), 4, 1200))
    owner = rng.integers(0, guides, count)
    spread = np.full(count, max(0.7, length * rng.uniform(0.02, 0.15)), np.float32)
    strands = cluster(
        locks, owner, rng, spread=spread, tip=rng.uniform(0.4, 1.5), frizz=length * rng.uniform(0.01, 0.12)
    )
    if rng.random() < 0.3:
        radius = np.full((count, steps), length * rng.uniform(0.02, 0.08), np.float32)
        turns = rng.uniform(0.7, 2.0, guides).astype(np.float32)[owner]
        phase = rng.uniform(0, 2 * np.pi, guides).astype(np.float32)[owner]
        strands, _ = curl(strands, radius, turns, phase, 0.3)

    thickness = min(height, width) / 512 * float(np.exp(rng.uniform(np.log(0.3), np.log(1.3))))
    colour = _colours(foreground, alpha, strands, edge[owner], out[owner], rng)
    canvas = Canvas((height, width))
    canvas.strands(
        Strands(
            strands,
            strand_width(count, steps, thickness, rng),
            colour,
            rng.random(count).astype(np.float32),
            rng.uniform(0.7, 1, count).astype(np.float32),
        )
    )
    return _in_front(canvas.result(), foreground, alpha)


def _border(alpha: Alpha) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows and columns of the subject's pixels next to one that is not; the picture's border is no edge."""
    inside = alpha > 0.5
    next_to = np.zeros_like(inside)
    next_to[1:] |= ~inside[:-1]
    next_to[:-1] |= ~inside[1:]
    next_to[:, 1:] |= ~inside[:, :-1]
    next_to[:, :-1] |= ~inside[:, 1:]
    rows, columns = np.nonzero(inside & next_to)
    return rows, columns


def _outward(alpha: Alpha, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]) -> Float:
    """Unit directions (N, 2), x and y, in which the alpha falls at the pixels given."""
    smooth = blur(alpha, 2.5)
    height, width = alpha.shape
    across = smooth[rows, np.maximum(columns - 2, 0)] - smooth[rows, np.minimum(columns + 2, width - 1)]
    down = smooth[np.maximum(rows - 2, 0), columns] - smooth[np.minimum(rows + 2, height - 1), columns]
    direction = np.stack([across, down], -1)
    norm = np.sqrt((direction * direction).sum(-1, keepdims=True))
    unit: Float = np.where(
        norm > 1e-4, direction / np.maximum(norm, np.float32(1e-4)), np.array([0, -1], np.float32)
    )
    return unit


def _colours(
    foreground: Foreground,
    alpha: Alpha,
    strands: Float,
    edge: Float,
    out: Float,
    rng: np.random.Generator,
) -> Float:
    """Colours (N, M, 3) of strands: those of the subject a little way in from where each leaves it, relit."""
    height, width = alpha.shape
    count, length = strands.shape[:2]
    picked = np.zeros((count, 3), np.float32)
    best = np.full(count, -1.0, np.float32)
    for reach in (6.0, 3.0, 1.0, 0.0):  # as far in as the subject is solid
        place = edge - out * (reach * rng.uniform(0.7, 1.3, (count, 1))).astype(np.float32)
        column = np.clip(place[:, 0].astype(int), 0, width - 1)
        row = np.clip(place[:, 1].astype(int), 0, height - 1)
        solid = alpha[row, column]
        better = solid > best + np.float32(0.05)
        picked[better], best[better] = foreground[row[better], column[better]], solid[better]
    diffuse, specular = look.fibre(
        look.tangents(strands), 0.5 * wander(count, length, 4, rng), look.light(rng), rng.uniform(8, 50)
    )
    tone = np.exp(rng.normal(0, rng.uniform(0.05, 0.25), (count, 1))).astype(np.float32)
    bright = tone * (np.float32(0.8) + np.float32(0.35) * diffuse)
    colour = picked[:, None] * bright[..., None]
    colour += (np.float32(rng.uniform(0, 0.35)) * specular)[..., None] * (colour + np.float32(0.15))
    return np.clip(colour, 0, 1, out=colour)


def _in_front(drawn: Float, foreground: Foreground, alpha: Alpha) -> tuple[Foreground, Alpha]:
    """Premultiplied `drawn` (4, H, W) over a cut-out, whose other pixels stay as they are."""
    touched = drawn[3] > np.float32(1e-4)
    passing = 1 - drawn[3]
    both = np.where(touched, 1 - passing * (1 - alpha), alpha)
    share = passing * alpha
    inverse = 1 / np.maximum(both, np.float32(1e-6))
    merged = np.empty_like(foreground)
    for c in range(3):
        colour = (drawn[c] + share * foreground[..., c]) * inverse
        merged[..., c] = np.where(touched, colour, foreground[..., c])
    return np.clip(merged, 0, 1, out=merged), np.minimum(both, 1)

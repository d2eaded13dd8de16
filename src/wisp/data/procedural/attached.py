"""Fine hair on real cut-outs: exact where the labels of photos are at their worst."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wisp.core.arrays import Alpha, Float, Foreground, check_alpha, check_image, check_same_size
from wisp.data.procedural import look
from wisp.data.procedural.fields import blur, noise, wander
from wisp.data.procedural.growth import cluster, curl, grow, strand_width
from wisp.data.procedural.strands import Canvas, Strands

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
    subject = float(np.sqrt(np.count_nonzero(alpha > 0.5)))
    # Where the hair of a head most likely is; now and then anywhere, as on fur collars and jumpers.
    depth = (rows - rows.min()) / max(1, rows.max() - rows.min())
    odds = np.exp(-12.0 * depth) if rng.random() < 0.85 else np.ones(len(rows))
    anchor = int(rng.choice(len(rows), p=odds / odds.sum()))
    near = np.hypot(rows - rows[anchor], columns - columns[anchor]) < subject * rng.uniform(0.08, 0.4)
    out = _outward(alpha, rows, columns)
    within = _within(foreground, alpha, rows, columns, out)
    # One material: as far as the colour just inside stays like the anchor's.
    alike = np.abs(within - within[anchor]).sum(-1) < rng.uniform(0.25, 0.6)
    rows, columns, out, within = (array[near & alike] for array in (rows, columns, out, within))

    guides, steps = int(np.clip(len(rows) / rng.uniform(2, 6), 3, 160)), 12
    chosen = rng.integers(0, len(rows), guides)
    edge = np.stack([columns[chosen], rows[chosen]], -1).astype(np.float32) + np.float32(0.5)
    out, within = out[chosen], within[chosen]
    # Hair lies along the head more than it stands off it, neighbours alike.
    lie = (
        rng.uniform(-1.3, 1.3)
        + 0.35 * noise(alpha.shape, max(4.0, subject / 4), rng)[rows[chosen], columns[chosen]]
    )
    heading = np.arctan2(out[:, 1], out[:, 0]) + lie + rng.normal(0, 0.2, guides)
    length = subject * float(np.exp(rng.uniform(np.log(0.02), np.log(0.2))))
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

    thickness = min(alpha.shape) / 512 * float(np.exp(rng.uniform(np.log(0.3), np.log(1.3))))
    colour = _relit(within[owner], strands, rng)
    canvas = Canvas(alpha.shape)
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


def _within(
    foreground: Foreground,
    alpha: Alpha,
    rows: npt.NDArray[np.intp],
    columns: npt.NDArray[np.intp],
    out: Float,
) -> Float:
    """Colours (N, 3) a little way in from pixels of the edge: as far in as it takes for a solid subject."""
    height, width = alpha.shape
    picked = foreground[rows, columns]
    best = alpha[rows, columns]
    for reach in (2.0, 4.0, 7.0):
        column = np.clip(columns - np.rint(out[:, 0] * reach).astype(int), 0, width - 1)
        row = np.clip(rows - np.rint(out[:, 1] * reach).astype(int), 0, height - 1)
        better = alpha[row, column] > best + np.float32(0.02)
        picked[better], best[better] = (
            foreground[row[better], column[better]],
            alpha[row[better], column[better]],
        )
    return picked


def _relit(base: Float, strands: Float, rng: np.random.Generator) -> Float:
    """Colours (N, M, 3) of strands whose own are `base` (N, 3): lighter, darker and with highlights."""
    count, length = strands.shape[:2]
    facing = np.float32(0.4) * wander(count, length, 4, rng) + np.float32(rng.uniform(-0.7, 0.7))
    diffuse, specular = look.fibre(look.tangents(strands), facing, look.light(rng), rng.uniform(8, 40))
    tone = np.exp(rng.normal(0, rng.uniform(0.05, 0.2), (count, 1))).astype(np.float32)
    colour = base[:, None] * (tone * (np.float32(0.75) + np.float32(0.35) * diffuse))[..., None]
    gloss = np.float32(rng.uniform(0, 0.25))
    colour += (gloss * specular)[..., None] * (colour + np.float32(0.1))
    relit: Float = np.clip(colour, 0, 1, out=colour)
    return relit


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

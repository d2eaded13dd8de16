"""Foliage and grass: leaves and blades in layers, with holes between them."""

from __future__ import annotations

import numpy as np

from wisp.core.arrays import Alpha, Float, Foreground
from wisp.data.procedural import look
from wisp.data.procedural.fields import Size, wander
from wisp.data.procedural.finish import finish
from wisp.data.procedural.growth import grow, sideways
from wisp.data.procedural.strands import Canvas, Strands


def foliage(size: Size, rng: np.random.Generator) -> tuple[Foreground, Alpha]:
    """Twigs with leaves or needles; foreground (H, W, 3), alpha (H, W)."""
    canvas, side = Canvas(size), min(size)
    twigs, steps = int(rng.integers(6, 28)), 24
    origin = np.array([size[1], size[0]]) * rng.uniform(0, 1, 2)
    edge = int(rng.integers(4))  # twigs come in from one side of the picture
    origin[edge % 2] = (-0.02 if edge < 2 else 1.02) * (size[1], size[0])[edge % 2]
    roots = origin + rng.normal(0, 0.25, (twigs, 2)) * side * np.array([edge % 2, (edge + 1) % 2])
    inward = np.arctan2(size[0] / 2 - origin[1], size[1] / 2 - origin[0])
    heading = inward + rng.normal(0, 0.6, twigs)
    length = side * rng.uniform(0.35, 0.95, twigs)
    stems = grow(roots, heading, length, steps, rng, pull=(0, rng.uniform(-0.5, 1.0)), bend=0.9)
    colour = _green(rng)
    bark = np.array([0.30, 0.22, 0.14], np.float32) * np.float32(rng.uniform(0.5, 1.3))
    stem_colour = (bark if rng.random() < 0.6 else colour * np.float32(0.7))[None, None]
    taper = np.linspace(1, 0.3, steps, dtype=np.float32)[None] * np.float32(side * rng.uniform(0.003, 0.012))
    near = rng.uniform(0.2, 0.9, twigs).astype(np.float32)
    canvas.strands(Strands(stems, taper, np.broadcast_to(stem_colour, (twigs, 1, 3)), near))

    needles = rng.random() < 0.2
    per = int(rng.integers(60, 130)) if needles else int(rng.integers(10, 30))
    long = side * (
        rng.uniform(0.03, 0.1) if needles else float(np.exp(rng.uniform(np.log(0.05), np.log(0.32))))
    )
    slender = rng.uniform(0.015, 0.04) if needles else rng.uniform(0.12, 0.55)
    owner = np.repeat(np.arange(twigs), per)
    count = len(owner)
    place = rng.uniform(2, steps - 1.01, count)
    low = place.astype(int)
    t = (place - low)[:, None].astype(np.float32)
    base = stems[owner, low] * (1 - t) + stems[owner, low + 1] * t
    ahead = stems[owner, low + 1] - stems[owner, low]
    turn = np.where(rng.random(count) < 0.5, -1, 1) * rng.normal(0.8, 0.3, count)
    leaves = grow(
        base,
        np.arctan2(ahead[:, 1], ahead[:, 0]) + turn,
        long * rng.uniform(0.5, 1.2, count),
        12,
        rng,
        pull=(0, rng.uniform(0, 0.8)),
        bend=0.8,
    )
    depth = (near[owner] + rng.uniform(-0.15, 0.15, count)).clip(0, 1).astype(np.float32)
    _leaves(canvas, leaves, long * slender, depth, colour, rng)
    return finish(canvas.result(), rng)


def grass(size: Size, rng: np.random.Generator) -> tuple[Foreground, Alpha]:
    """Blades of grass or reeds that stand up from the lower border; foreground (H, W, 3), alpha (H, W)."""
    canvas, (height, width) = Canvas(size), size
    count, steps = int(rng.integers(80, 420)), 14
    tall = height * rng.uniform(0.3, 0.95)
    roots = np.stack(
        [rng.uniform(-0.1, 1.1, count) * width, height + rng.uniform(0, 0.08, count) * height], -1
    )
    heading = -np.pi / 2 + rng.normal(0, rng.uniform(0.1, 0.4), count)
    wind = rng.normal(0, 0.6)
    length = tall * rng.uniform(0.35, 1.15, count)
    blades = grow(roots, heading, length, steps, rng, pull=(wind, rng.uniform(0.0, 1.0)), bend=0.6)
    near = rng.uniform(0.05, 0.95, count).astype(np.float32)
    broad = min(size) * float(np.exp(rng.uniform(np.log(0.003), np.log(0.02))))
    along = np.linspace(0, 1, steps, dtype=np.float32)
    shape = (1 - along**3) * np.minimum(0.5 + 3 * along, 1)
    breadth = shape * (broad * rng.uniform(0.5, 1.4, (count, 1))).astype(np.float32)
    colour = _shades(_green(rng), count, rng)
    tone = (0.55 + 0.3 * near[:, None] + 0.35 * along).astype(np.float32)[..., None]
    dry = np.array([0.72, 0.62, 0.36], np.float32)
    tips = np.float32(rng.uniform(0, 0.8)) * (along**4)[:, None] * (dry - colour)
    canvas.strands(Strands(blades, breadth, np.clip((colour + tips) * tone, 0, 1), near))
    if broad > 0.006 * min(size):  # the fold along the middle of a broad blade
        fold = np.clip((colour + tips) * tone * np.float32(rng.uniform(0.75, 1.25)), 0, 1)
        canvas.strands(Strands(blades, 0.3 * breadth, fold, np.clip(near + 0.02, 0, 1)))
    if rng.random() < 0.3:  # ears: grains along the upper part
        ears = np.flatnonzero(rng.random(count) < 0.3)
        if len(ears):
            _ears(canvas, blades[ears], broad, near[ears], dry, rng)
    return finish(canvas.result(), rng)


def _ears(
    canvas: Canvas, stalks: Float, broad: float, near: Float, colour: Float, rng: np.random.Generator
) -> None:
    """Draw grains, with a thin awn each, along the ends of stalks (N, M, 2)."""
    owner = np.repeat(np.arange(len(stalks)), 14)
    steps = stalks.shape[1]
    place = rng.integers(steps * 2 // 3, steps - 1, len(owner))
    base = stalks[owner, place] + rng.uniform(-1, 1, (len(owner), 2)).astype(np.float32)
    ahead = stalks[owner, place + 1] - stalks[owner, place]
    heading = np.arctan2(ahead[:, 1], ahead[:, 0]) + rng.normal(0, 0.4, len(owner))
    grain = grow(base, heading, np.full(len(owner), 4.0 * broad), 8, rng, bend=0.3)
    along = np.linspace(0, 1, 8, dtype=np.float32)
    width = np.float32(1.1 * broad) * np.where(
        along < 0.5, np.sqrt(along * (1 - 2 * along).clip(0) * 8), 0.06
    )
    tone = rng.uniform(0.7, 1.1, (len(owner), 1, 1)).astype(np.float32)
    canvas.strands(Strands(grain, width[None].astype(np.float32), np.clip(colour * tone, 0, 1), near[owner]))


def _leaves(
    canvas: Canvas, leaves: Float, broad: float, near: Float, colour: Float, rng: np.random.Generator
) -> None:
    """Draw leaves along their midribs (N, M, 2): two halves in unlike light, and the rib."""
    count, steps = leaves.shape[:2]
    along = np.linspace(0, 1, steps, dtype=np.float32)
    shape = np.sin(np.pi * along ** np.float32(rng.uniform(0.5, 1.1))).clip(0) ** np.float32(0.8)
    shape[-1] = 0
    turned = rng.uniform(0.35, 1, (count, 1))  # leaves are seen from all sides
    breadth = (shape * broad * turned).astype(np.float32)
    tint = _shades(colour, count, rng)
    source = look.light(rng)
    across = sideways(leaves)
    lit = (np.float32(0.8) + np.float32(0.25) * (across @ source[:2]))[..., None]
    tone = np.float32(0.55) + np.float32(0.5) * near[:, None, None]
    mottled = 1 + np.float32(0.1) * wander(count, steps, 5, rng)[..., None]
    canvas.strands(Strands(leaves, breadth, np.clip(tint * tone * mottled * lit, 0, 1), near))
    if broad < 2:
        return
    half = leaves + across * (0.22 * breadth)[..., None]
    other = np.clip(tint * tone * mottled * (np.float32(1.7) - lit), 0, 1)
    canvas.strands(Strands(half, 0.42 * breadth, other, np.clip(near + 0.01, 0, 1)))
    rib = np.clip(tint * tone + np.float32(0.12), 0, 1)
    thin = np.minimum(0.12 * breadth, np.float32(2.0))
    canvas.strands(Strands(leaves, thin, rib, np.clip(near + 0.02, 0, 1)))


def _green(rng: np.random.Generator) -> Float:
    """A colour of leaves: mostly green, sometimes autumn's."""
    palette = np.array(
        [(0.12, 0.24, 0.08), (0.24, 0.40, 0.12), (0.42, 0.55, 0.20), (0.62, 0.66, 0.30), (0.72, 0.52, 0.16)],
        np.float32,
    )
    if rng.random() < 0.12:
        return np.array([0.62, 0.24, 0.10], np.float32)
    return look.between(palette, rng)


def _shades(colour: Float, count: int, rng: np.random.Generator) -> Float:
    """Variations of a colour: float32 (count, 1, 3)."""
    tone = np.exp(rng.normal(0, 0.18, (count, 1, 1)))
    hue = rng.normal(1, 0.08, (count, 1, 3))
    return np.clip(colour * tone * hue, 0, 1).astype(np.float32)

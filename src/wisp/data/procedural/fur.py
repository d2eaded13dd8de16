"""Fur: a body thick with short hairs that follow its form."""

from __future__ import annotations

import numpy as np

from wisp.core.arrays import Alpha, Float, Foreground
from wisp.data.procedural.fields import Size, edge, noise, wander
from wisp.data.procedural.finish import finish
from wisp.data.procedural.growth import cluster, grow, strand_width
from wisp.data.procedural.hair import Paint
from wisp.data.procedural.shapes import blob, surface
from wisp.data.procedural.strands import Canvas, Strands


def fur(size: Size, rng: np.random.Generator) -> tuple[Foreground, Alpha]:
    """An animal's back or a fur collar; foreground (H, W, 3), alpha (H, W)."""
    canvas, side = Canvas(size), min(size)
    body = blob(size, rng, share=(0.2, 0.5))
    paint = Paint.random(rng)
    length = side * float(np.exp(rng.uniform(np.log(0.03), np.log(0.16))))
    base = surface(size, rng, paint.root * np.float32(0.75), contrast=0.1)
    canvas.layer(base, edge(body.inside(size) + 0.1 * length, max(1.0, 0.4 * length)), 0.05)

    steps, per = 8, int(rng.integers(5, 10))
    tufts = int(np.clip(85_000 * (size[0] * size[1] / 512**2) / max(length, 4) / per, 100, 1200))
    angle = rng.uniform(-np.pi, np.pi, tufts)
    rim = rng.random(tufts) < 0.5
    depth = np.where(rim, rng.uniform(0.9, 1.01, tufts), np.sqrt(rng.uniform(0, 0.9, tufts)))
    roots = np.stack(body.at(angle, depth), -1).astype(np.float32)
    # Hairs lie along the body's main direction and stand out at its edge.
    lie = rng.uniform(-np.pi, np.pi) + 0.7 * _at(noise(size, side / 3, rng), roots)
    out, along = body.normal(angle), rng.uniform(0.2, 1.0)
    heading = np.arctan2(
        np.sin(out) * depth**2 + along * np.sin(lie), np.cos(out) * depth**2 + along * np.cos(lie)
    )
    heading += rng.normal(0, 0.2, tufts)
    lengths = length * rng.uniform(0.6, 1.3, tufts) * (0.6 + 0.5 * depth)
    pull, bend = (0.0, rng.uniform(0, 1)), rng.uniform(0.3, 1.5)
    guides = grow(roots, heading, lengths, steps, rng, pull=pull, bend=bend)
    # What lies farther down covers what is above, as on a back seen from the side.
    nearness = np.clip(0.3 + 0.4 * (roots[:, 1] / size[0]) + rng.normal(0, 0.05, tufts), 0.15, 0.85)
    coat = 1 + rng.uniform(0.05, 0.3) * _at(noise(size, side / rng.uniform(3, 12), rng), roots)
    thickness = side / 512 * float(np.exp(rng.uniform(np.log(0.35), np.log(1.5))))
    area = np.pi * body.squash * float(np.square(body.radius).mean())
    spread = max(length * rng.uniform(0.1, 0.3), 0.45 * float(np.sqrt(area / tufts)))
    tip = rng.uniform(0.1, 1.2)
    facing = 0.4 * wander(tufts, steps, 4, rng) + np.float32(rng.uniform(-0.7, 0.7))
    # Below, a soft undercoat of broader strokes; over it hairs one by one.
    strokes = max(3, per * 2 // 3)
    undercoat = min(2.5 * area / (tufts * strokes * length), 0.13 * length)
    for many, broad, lift in ((strokes, max(undercoat, thickness), -0.08), (per, thickness, 0.0)):
        owner = np.repeat(np.arange(tufts), many)
        count = len(owner)
        spreads = np.full(count, spread, np.float32)
        strands = cluster(guides, owner, rng, spread=spreads, tip=tip, frizz=0.08 * length)
        near = np.clip(nearness[owner] + lift + rng.normal(0, 0.04, count), 0, 1).astype(np.float32)
        width = strand_width(count, steps, broad, rng)
        if lift:
            width *= np.sin(np.linspace(0.3, np.pi, steps, dtype=np.float32))
        colour = paint.shade(strands, facing[owner], near, owner, rng)
        if lift:  # the undercoat is even; what is seen of it between hairs lies in their shade
            colour += np.float32(0.6) * (colour.mean((0, 1)) - colour)
        colour *= np.clip(coat, 0.4, 1.6).astype(np.float32)[owner][:, None, None]
        grain = 0.35 if lift else 0.0
        canvas.strands(Strands(strands, width, np.clip(colour, 0, 1, out=colour), near, grain=grain))
    return finish(canvas.result(), rng)


def _at(field: Float, points: Float) -> Float:
    """A field's values (N,) at points (N, 2), the nearest pixel's where they lie outside."""
    column = np.clip(points[:, 0].astype(int), 0, field.shape[1] - 1)
    row = np.clip(points[:, 1].astype(int), 0, field.shape[0] - 1)
    values: Float = field[row, column]
    return values

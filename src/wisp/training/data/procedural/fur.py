"""Fur: a body thick with short hairs that follow its form."""

from __future__ import annotations

import numpy as np

from wisp.arrays import Alpha, Foreground
from wisp.training.data.procedural.fields import Size, edge, noise, wander
from wisp.training.data.procedural.finish import finish
from wisp.training.data.procedural.growth import cluster, grow, strand_width
from wisp.training.data.procedural.hair import Paint
from wisp.training.data.procedural.shapes import blob, surface
from wisp.training.data.procedural.strands import Canvas, Strands


def fur(size: Size, rng: np.random.Generator) -> tuple[Foreground, Alpha]:
    """An animal's back or a fur collar; foreground (H, W, 3), alpha (H, W)."""
    canvas, side = Canvas(size), min(size)
    body = blob(size, rng, share=(0.2, 0.5))
    paint = Paint.random(rng)
    length = side * float(np.exp(rng.uniform(np.log(0.03), np.log(0.16))))
    canvas.layer(
        surface(size, rng, paint.root * np.float32(0.6)), edge(body.inside(size) + 0.1 * length, 2), 0.1
    )

    tufts, per, steps = int(rng.integers(250, 450)), int(rng.integers(6, 11)), 8
    angle = rng.uniform(-np.pi, np.pi, tufts)
    depth = np.where(
        rng.random(tufts) < 0.6, rng.uniform(0.85, 1.01, tufts), np.sqrt(rng.uniform(0, 0.8, tufts))
    )
    roots = np.stack(body.at(angle, depth), -1).astype(np.float32)
    # Hairs lie along the body's main direction and stand out at its edge.
    lie = rng.uniform(-np.pi, np.pi) + 0.7 * _at(noise(size, side / 3, rng), roots)
    out, along = body.normal(angle), rng.uniform(0.2, 1.0)
    heading = np.arctan2(
        np.sin(out) * depth**2 + along * np.sin(lie), np.cos(out) * depth**2 + along * np.cos(lie)
    ) + rng.normal(0, 0.2, tufts)
    lengths = length * rng.uniform(0.6, 1.3, tufts) * (0.6 + 0.5 * depth)
    guides = grow(
        roots, heading, lengths, steps, rng, pull=(0, rng.uniform(0, 1)), bend=rng.uniform(0.3, 1.5)
    )
    # What lies farther up covers what is below, as hairs do on a back seen from the side.
    nearness = np.clip(0.3 + 0.5 * (roots[:, 1] / size[0]) + rng.normal(0, 0.05, tufts), 0.15, 0.95)

    owner = np.repeat(np.arange(tufts), per)
    count = len(owner)
    spread = np.full(count, length * rng.uniform(0.08, 0.3), np.float32)
    strands = cluster(guides, owner, rng, spread=spread, tip=rng.uniform(0.1, 1.2), frizz=0.08 * length)
    thickness = side / 512 * float(np.exp(rng.uniform(np.log(0.4), np.log(2.0))))
    near = np.clip(nearness[owner] + rng.normal(0, 0.05, count), 0, 1).astype(np.float32)
    colour = paint.shade(strands, 0.5 * wander(count, steps, 4, rng), near, owner, rng)
    colour *= (
        1
        + np.float32(0.25) * np.clip(_at(noise(size, side / 5, rng), roots), -1.5, 1.5)[owner][:, None, None]
    )
    np.clip(colour, 0, 1, out=colour)
    canvas.strands(Strands(strands, strand_width(count, steps, thickness, rng), colour, near))
    return finish(canvas.result(), rng)


def _at(field: Alpha, points: Foreground) -> Alpha:
    """A field's values (N,) at points (N, 2), the nearest pixel's where they lie outside."""
    column = np.clip(points[:, 0].astype(int), 0, field.shape[1] - 1)
    row = np.clip(points[:, 1].astype(int), 0, field.shape[0] - 1)
    return field[row, column]

"""Heads of hair: straight, wavy and curly, over a head and shoulders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wisp.arrays import Alpha, Float, Foreground
from wisp.training.data.procedural import look
from wisp.training.data.procedural.fields import Size, edge, fractal, wander, window
from wisp.training.data.procedural.finish import finish
from wisp.training.data.procedural.growth import Indices, cluster, curl, grow, resample, strand_width
from wisp.training.data.procedural.strands import Canvas, Strands


@dataclass(frozen=True)
class Head:
    """Where a head is.

    Attributes:
        x: its centre.
        y: its centre.
        across: half its width, pixels.
        down: half its height, pixels.
    """

    x: float
    y: float
    across: float
    down: float


def hair(size: Size, rng: np.random.Generator) -> tuple[Foreground, Alpha]:
    """Straight or wavy hair of any length on a head; foreground (H, W, 3), alpha (H, W)."""
    return _hair(size, rng, curly=False)


def curls(size: Size, rng: np.random.Generator) -> tuple[Foreground, Alpha]:
    """Curly and frizzy hair on a head; foreground (H, W, 3), alpha (H, W)."""
    return _hair(size, rng, curly=True)


def _hair(size: Size, rng: np.random.Generator, *, curly: bool) -> tuple[Foreground, Alpha]:
    canvas = Canvas(size)
    side = min(size)
    across = side * float(np.exp(rng.uniform(np.log(0.14), np.log(0.4))))
    head = Head(
        size[1] * rng.uniform(0.25, 0.75),
        size[0] * rng.uniform(0.3, 0.65),
        across,
        across * rng.uniform(1.15, 1.4),
    )
    bust(canvas, head, rng)
    scalp(canvas, head, rng, curly=curly)
    return finish(canvas.result(), rng)


def bust(canvas: Canvas, head: Head, rng: np.random.Generator) -> None:
    """Draw face, neck and shoulders: a solid body for the hair to leave."""
    skin, source = look.between(look.SKIN, rng), look.light(rng)
    across, down = np.float32(head.across), np.float32(head.down)

    corner, x, y = window(canvas.size, (head.x - across, head.x + across), (head.y - down, head.y + down))
    u, v = (x - np.float32(head.x)) / across, (y - np.float32(head.y)) / down
    radius = np.sqrt(u * u + v * v)
    shade = 0.8 + 0.3 * (u * source[0] + v * source[1]) - 0.25 * np.maximum(radius - 0.6, 0)
    colour = np.clip(shade * skin[:, None, None], 0, 1)
    canvas.layer(colour, edge((1 - radius) * across), 0.45, corner)

    half = across * np.float32(rng.uniform(0.45, 0.65))
    bottom = head.y + 1.8 * down
    corner, x, y = window(canvas.size, (head.x - half, head.x + half), (head.y + 0.5 * down, bottom))
    inside = edge(half - np.abs(x - np.float32(head.x))) * np.ones_like(y)
    fall = 0.85 - 0.5 * np.exp(-(((y - np.float32(head.y + 1.05 * down)) / (0.3 * down)) ** 2))
    canvas.layer(
        np.clip(fall * (0.9 + 0.2 * source[0] * (x - np.float32(head.x)) / half) * skin[:, None, None], 0, 1),
        inside,
        0.25,
        corner,
    )

    wide, top = across * np.float32(rng.uniform(1.9, 2.7)), head.y + down * rng.uniform(1.25, 1.5)
    corner, x, y = window(canvas.size, (head.x - wide, head.x + wide), (top, canvas.size[0]))
    u, v = (x - np.float32(head.x)) / wide, (y - np.float32(top)) / down
    shoulder = (
        np.float32(rng.uniform(0.3, 0.6)) * np.abs(u) ** 2
        + np.maximum(np.abs(u) - np.float32(0.75), 0) ** 2 * 8
    )
    cloth = look.any_colour(rng)
    folds = np.float32(0.85) + np.float32(0.1) * fractal((len(y), x.shape[1]), head.across, rng, octaves=3)
    colour = np.clip((folds - 0.25 * u * u) * cloth[:, None, None], 0, 1)
    canvas.layer(colour, edge((v - shoulder) * down), 0.35, corner)


def scalp(canvas: Canvas, head: Head, rng: np.random.Generator, *, curly: bool) -> None:
    """Draw the hair of a head: locks that make it solid, then strands, then the few that stray."""
    side = min(canvas.size)
    area = canvas.size[0] * canvas.size[1]
    length = head.across * float(np.exp(rng.uniform(np.log(0.35), np.log(3.2))))
    steps = 14
    guides = int(rng.integers(110, 240))
    # Roots lie on the upper part of the skull, and in it where hair is seen from the front.
    angle = -np.pi / 2 + rng.uniform(-1, 1, guides) * rng.uniform(1.45, 1.9)
    depth = np.sqrt(rng.uniform(0.25, 1, guides))
    fringe = np.sin(angle) > -0.35
    depth = np.where(fringe, rng.uniform(0.85, 1, guides), depth)
    roots = np.stack(
        [head.x + head.across * depth * np.cos(angle), head.y + head.down * depth * np.sin(angle)], -1
    ).astype(np.float32)
    volume = rng.uniform(0.0, 1.0)
    heading = angle + rng.normal(0, 0.25 + 0.3 * volume, guides)
    gravity = rng.uniform(0.3, 4.0) * (length / head.across) ** 0.5
    wind = rng.normal(0, 0.6) if rng.random() < 0.5 else rng.normal(0, 3)
    lengths = length * rng.uniform(0.75, 1.1, guides) * (1 - 0.5 * np.maximum(0, 1 - depth))
    locks = grow(roots, heading, lengths, steps, rng, pull=(wind, gravity), bend=0.3 + 0.9 * volume)
    nearness = rng.uniform(0.45, 0.95, guides).astype(np.float32)

    thickness = side / 512 * float(np.exp(rng.uniform(np.log(0.25), np.log(1.5))))
    wave = rng.uniform(0.4, 1) if curly or rng.random() < 0.3 else 0.0
    winding = (
        float(np.exp(rng.uniform(np.log(0.03), np.log(0.13)))) * head.across * wave * (1.0 if curly else 0.5),
        (length / head.across) * (rng.uniform(2.5, 7) if curly else rng.uniform(0.7, 2)),
        rng.uniform(0.4, 1.1) if curly else 0.1,
    )
    paint = Paint.random(rng)
    budget = 200_000 * area / 512**2
    points = int(np.clip(winding[1] * 9 if wave else steps, steps, 72))
    locks = resample(locks, points)
    gap = float(np.clip(2.2 * head.across / np.sqrt(guides), 2, 40))
    phase = rng.uniform(0, 2 * np.pi, guides).astype(np.float32)
    lay_locks(canvas, locks, gap, nearness, paint, rng)

    count = int(np.clip(budget / (length * (1.6 if curly else 1.0)), 200, 3600))
    owner = rng.integers(0, guides, count)
    stray = rng.random(count) < rng.uniform(0.02, 0.12)
    spread = np.where(stray, 2.5, 1) * gap * rng.uniform(0.5, 0.9)
    strands = cluster(
        locks,
        owner,
        rng,
        spread=spread.astype(np.float32),
        tip=rng.uniform(0.25, 1.3),
        frizz=head.across * float(np.exp(rng.uniform(np.log(0.01), np.log(0.12)))),
    )
    facing = wander(guides, points, 5, rng)[owner] * np.float32(0.5)
    if wave:
        radius = winding[0] * (0.4 + 0.6 * np.linspace(0, 1, points, dtype=np.float32))
        own = radius * rng.uniform(0.6, 1.4, (count, 1)).astype(np.float32)
        turns = (winding[1] * rng.uniform(0.85, 1.15, guides)).astype(np.float32)[owner]
        angles = phase[owner] + rng.normal(0, 0.5, count).astype(np.float32)
        strands, sine = curl(strands, own, turns, angles, winding[2])
        facing = facing + np.float32(0.6) * sine
    near = nearness[owner] + rng.normal(0, 0.06, count).astype(np.float32) + np.float32(0.05)
    width = strand_width(count, points, thickness, rng)
    colour = paint.shade(strands, facing, near, owner, rng)
    canvas.strands(Strands(strands, width, colour, np.clip(near, 0, 1), np.float32(rng.uniform(0.8, 1))))


def lay_locks(
    canvas: Canvas, locks: Float, gap: float, nearness: Float, paint: Paint, rng: np.random.Generator
) -> None:
    """Draw the solid inside of hair: stripes several strands wide that taper long before the tips.

    Args:
        canvas: to draw on.
        locks: (G, M, 2), guides.
        gap: distance between neighbouring guides, pixels.
        nearness: (G,).
        paint: colours.
        rng: random source.
    """
    stripes = 6
    owner = np.repeat(np.arange(len(locks)), stripes)
    count, length = len(owner), locks.shape[1]
    along = np.linspace(0, 1, length, dtype=np.float32)
    spread = np.full(count, 0.5 * gap, np.float32)
    curves = cluster(locks, owner, rng, spread=spread, tip=rng.uniform(0.3, 1.0), frizz=0.3 * gap)
    reach = rng.uniform(0.55, 0.95, (count, 1)).astype(np.float32)
    profile = np.sqrt(np.clip(1 - along / reach, 0, 1)) * np.minimum(0.25 + 6 * along, 1)
    width = profile * rng.uniform(0.25, 0.6, (count, 1)).astype(np.float32) * np.float32(gap)
    near = np.clip(nearness[owner] - rng.uniform(0.05, 0.2, count).astype(np.float32), 0, 1)
    facing = wander(count, length, 5, rng) * np.float32(0.5)
    colour = paint.shade(curves, facing, near, owner, rng)
    canvas.strands(Strands(curves, width, colour, near))


@dataclass(frozen=True)
class Paint:
    """Colours of one head of hair and the light on it.

    Attributes:
        root: (3,), colour at the root.
        tip: (3,), colour at the tip.
        other: (3,), a second shade that some locks have.
        source: (3,), towards the light.
        gloss: strength of the highlight.
        shininess: its exponent.
        contrast: how dark the depth of the hair is.
        variety: deviation of the lightness from strand to strand.
    """

    root: Float
    tip: Float
    other: Float
    source: Float
    gloss: float
    shininess: float
    contrast: float
    variety: float

    @classmethod
    def random(cls, rng: np.random.Generator) -> Paint:
        """Any hair in any light."""
        base = look.hair_colour(rng)
        other = look.hair_colour(rng) if rng.random() < 0.2 else base * np.float32(rng.uniform(0.7, 1.35))
        tip = base * np.float32(rng.uniform(0.85, 1.5)) if rng.random() < 0.7 else look.hair_colour(rng)
        return cls(
            base,
            np.clip(tip, 0, 1),
            np.clip(other, 0, 1),
            look.light(rng),
            rng.uniform(0.05, 0.5),
            float(np.exp(rng.uniform(np.log(8), np.log(60)))),
            rng.uniform(0.2, 0.7),
            rng.uniform(0.05, 0.25),
        )

    def shade(
        self, points: Float, facing: Float, near: Float, owner: Indices, rng: np.random.Generator
    ) -> Float:
        """Colours (N, M, 3) of strands `points` (N, M, 2) that belong to the locks `owner` (N,)."""
        count, length = points.shape[:2]
        diffuse, specular = look.fibre(look.tangents(points), facing, self.source, self.shininess)
        along = np.linspace(0, 1, length, dtype=np.float32)[:, None]
        locks = int(owner.max(initial=0)) + 1
        mix = (rng.random(locks) < 0.3)[owner] * rng.uniform(0, 1, count)
        root = self.root + (self.other - self.root) * mix.astype(np.float32)[:, None]
        colour = root[:, None] + (self.tip - root)[:, None] * along**2
        tone = np.exp(
            rng.normal(0, self.variety, locks)[owner] * 0.7 + rng.normal(0, self.variety, count) * 0.7
        ).astype(np.float32)
        occlusion = 1 - np.float32(self.contrast) * np.clip(0.9 - near, 0, 1)
        bright = (np.float32(0.45) + np.float32(0.65) * diffuse) * (tone * occlusion)[:, None]
        colour = colour * bright[..., None]
        colour += (specular * np.float32(self.gloss) * occlusion[:, None])[..., None] * (
            colour + np.float32(0.25)
        )
        return np.clip(colour, 0, 1, out=colour)

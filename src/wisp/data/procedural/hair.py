"""Heads of hair: straight, wavy and curly, over a head and shoulders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wisp.core.arrays import Alpha, Float, Foreground
from wisp.data.procedural import look
from wisp.data.procedural.fields import Size, edge, fractal, wander, window
from wisp.data.procedural.finish import finish
from wisp.data.procedural.growth import Indices, cluster, curl, grow, resample, strand_width
from wisp.data.procedural.strands import Canvas, Strands


@dataclass(frozen=True)
class Head:
    """An upright ellipse that hair grows on, pixels.

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
    across = min(size) * float(np.exp(rng.uniform(np.log(0.14), np.log(0.75))))
    down = across * rng.uniform(1.15, 1.4)
    if across < 0.3 * min(size):
        x, y = size[1] * rng.uniform(0.25, 0.75), size[0] * rng.uniform(0.3, 0.65)
    else:  # so close that only a part is seen: one that has an edge
        angle = rng.uniform(-np.pi, 0)
        x = size[1] * rng.uniform(0.35, 0.65) - across * np.cos(angle)
        y = size[0] * rng.uniform(0.3, 0.6) - down * np.sin(angle)
    head = Head(x, y, across, down)
    bust(canvas, head, rng)
    scalp(canvas, head, rng, curly=curly)
    return finish(canvas.result(), rng)


def bust(canvas: Canvas, head: Head, rng: np.random.Generator) -> None:
    """Draw face, neck and shoulders: a solid body for the hair to leave."""
    skin, source = look.between(look.SKIN, rng), look.light(rng)
    across, down = head.across, head.down

    corner, x, y = window(canvas.size, (head.x - across, head.x + across), (head.y - down, head.y + down))
    u, v = (x - np.float32(head.x)) / across, (y - np.float32(head.y)) / down
    radius = np.sqrt(u * u + v * v)
    shade = 0.8 + 0.3 * (u * source[0] + v * source[1]) - 0.25 * np.maximum(radius - 0.6, 0)
    colour = np.clip(shade * skin[:, None, None], 0, 1)
    canvas.layer(colour, edge((1 - radius) * across), 0.4, corner)

    half = across * rng.uniform(0.45, 0.65)
    bottom = head.y + 1.8 * down
    corner, x, y = window(canvas.size, (head.x - half, head.x + half), (head.y + 0.5 * down, bottom))
    inside = edge(half - np.abs(x - np.float32(head.x))) * np.ones_like(y)
    fall = 0.85 - 0.5 * np.exp(-(((y - np.float32(head.y + 1.05 * down)) / (0.3 * down)) ** 2))
    canvas.layer(
        np.clip(fall * (0.9 + 0.2 * source[0] * (x - np.float32(head.x)) / half) * skin[:, None, None], 0, 1),
        inside,
        0.0,
        corner,
    )

    wide, top = across * rng.uniform(1.9, 2.7), head.y + down * rng.uniform(1.25, 1.5)
    corner, x, y = window(canvas.size, (head.x - wide, head.x + wide), (top, canvas.size[0]))
    u, v = (x - np.float32(head.x)) / wide, (y - np.float32(top)) / down
    shoulder = (
        np.float32(rng.uniform(0.3, 0.6)) * np.abs(u) ** 2
        + np.maximum(np.abs(u) - np.float32(0.75), 0) ** 2 * 8
    )
    cloth = look.any_colour(rng)
    folds = np.float32(0.85) + np.float32(0.1) * fractal((len(y), x.shape[1]), head.across, rng, octaves=3)
    colour = np.clip((folds - 0.25 * u * u) * cloth[:, None, None], 0, 1)
    canvas.layer(colour, edge((v - shoulder) * down), 0.2, corner)


def scalp(canvas: Canvas, head: Head, rng: np.random.Generator, *, curly: bool) -> None:
    """Draw the hair of a head: stripes that make it solid, then strands, a few of which stray."""
    area = canvas.size[0] * canvas.size[1]
    length = head.across * float(np.exp(rng.uniform(np.log(0.5), np.log(3.5))))
    large = float(np.clip(head.across / (0.25 * min(canvas.size)), 1, 1.8))
    guides = int(rng.integers(110, 200) * large)
    back = rng.random() < 0.3
    afro = curly and rng.random() < 0.3  # stands off on all sides, in tight and fine curls
    lift = 1.0 if afro else rng.uniform(0, 0.8)
    roots, heading = _roots(head, guides, lift, rng, back=back)
    pull = (rng.normal(0, 0.5 if rng.random() < 0.7 else 3), rng.uniform(0.5, 5))
    if afro:
        length, pull = min(length, head.across), (0.0, 0.3)
    lengths = length * rng.uniform(0.8, 1.1, guides)
    bend = rng.uniform(0.1, 1.2)
    locks = grow(roots, heading, lengths, 14, rng, pull=pull, bend=bend)
    # Hair from higher up lies over hair from farther down.
    lower = (roots[:, 1] - head.y) / head.down
    nearness = np.clip(0.72 - 0.18 * lower + rng.normal(0, 0.06, guides), 0.5, 0.95).astype(np.float32)

    winding = rng.uniform(5, 9) if afro else rng.uniform(1.5, 5) if curly else rng.uniform(0.4, 1.6)
    turns = min(5.0, winding * length / head.across)
    points = int(np.clip(turns * 13, 16, 64))
    locks = resample(locks, points)
    along = np.linspace(0, 1, points, dtype=np.float32)
    facing = rng.uniform(-1, 1) + rng.uniform(-1.5, 1.5) * along + 0.25 * wander(guides, points, 5, rng)
    if curly or rng.random() < 0.6:
        # Waves of neighbouring locks run alike, curls each for themselves.
        swing = head.across * float(
            np.exp(rng.uniform(np.log(0.03), np.log(0.05 if afro else 0.12 if curly else 0.07)))
        )
        radius = swing * rng.uniform(0.6, 1.3, (guides, 1)).astype(np.float32) * np.minimum(4 * along, 1)
        alike = 3.0 if curly else 0.5
        phase = 6 * rng.random() + alike * rng.standard_normal(guides, np.float32)
        own = (turns * rng.normal(1, 0.15 if curly else 0.05, guides)).astype(np.float32)
        locks, turned = curl(locks, radius, own, phase, rng.uniform(0.3, 1.0) if curly else 0.1)
        facing = facing + np.float32(0.5) * turned

    paint = Paint.random(rng)
    _cap(canvas, head, paint, back=back)
    gap = float(np.clip(2.2 * head.across / np.sqrt(guides), 2, 30 * large)) * (
        rng.uniform(0.35, 0.8) if curly else 1
    )
    lay_locks(canvas, locks, facing, gap, nearness, paint, rng)

    run = float(np.sqrt(np.square(np.diff(locks, axis=1)).sum(-1)).sum()) / guides
    count = int(np.clip(120_000 * area / 512**2 / max(run, 1), 200, min(4000, 90_000 / points)))
    owner = rng.integers(0, guides, count)
    stray = rng.random(count) < rng.uniform(0.01, 0.1)
    spread = np.where(stray, rng.uniform(1.5, 4), 1) * gap * rng.uniform(0.4, 0.8)
    frizz = gap * float(np.exp(rng.uniform(np.log(0.1), np.log(1.0 if curly else 0.6))))
    strands = cluster(
        locks, owner, rng, spread=spread.astype(np.float32), tip=rng.uniform(0.3, 1.4), frizz=frizz
    )
    near = nearness[owner] + rng.normal(0.02, 0.04, count).astype(np.float32)
    thickness = head.across / 180 * float(np.exp(rng.uniform(np.log(0.35), np.log(0.6 if afro else 1.3))))
    width = strand_width(count, points, float(np.clip(thickness, 0.15, 2.2)), rng)
    colour = paint.shade(strands, facing[owner], near, owner, rng)
    opacity = float(rng.uniform(0.75, 1))
    canvas.strands(Strands(strands, width, colour, np.clip(near, 0, 1), opacity))


def _cap(canvas: Canvas, head: Head, paint: Paint, *, back: bool) -> None:
    """Draw what is seen of the skull between strands: the darkness of the hair below."""
    across, down = head.across, head.down
    corner, x, y = window(
        canvas.size,
        (head.x - 1.1 * across, head.x + 1.1 * across),
        (head.y - 1.1 * down, head.y + 1.1 * down),
    )
    u, v = (x - np.float32(head.x)) / np.float32(across), (y - np.float32(head.y)) / np.float32(down)
    inside = (np.float32(0.96) - np.sqrt(u * u + v * v)) * np.float32(across)
    if not back:
        inside = np.minimum(inside, (np.abs(u) * np.float32(0.75) - np.float32(0.75) - v) * np.float32(down))
    canvas.layer(paint.root * np.float32(0.5), edge(inside, max(1.0, 0.02 * across)), 0.44, corner)


def _roots(
    head: Head, count: int, lift: float, rng: np.random.Generator, *, back: bool
) -> tuple[Float, Float]:
    """Draw the points at which locks leave the skull, and the directions in which they do.

    Args:
        head: of whom.
        count: locks, N.
        lift: 0, lying flat, away from a crown or a parting, to 1, standing off.
        rng: random source.
        back: whether the head is seen from behind.

    Returns:
        Roots, (N, 2), and the direction in which each lock leaves, (N,), radians.
    """
    spread = np.pi if back else rng.uniform(1.3, 1.9)
    angle = -np.pi / 2 + rng.uniform(-1, 1, count) * spread
    depth = np.sqrt(rng.uniform(0.0 if back else 0.3, 1, count))
    if not back:  # below the hairline only the sides of the head have hair
        depth = np.where(np.sin(angle) > -0.4, rng.uniform(0.88, 1, count), depth)
    u, v = depth * np.cos(angle), depth * np.sin(angle)
    crown = rng.uniform(-0.6, 0.6), rng.uniform(-1.0, 0.2 if back else -0.6)
    away = np.arctan2(v - crown[1], u - crown[0])
    heading = np.arctan2(
        (1 - lift) * np.sin(away) + lift * np.sin(angle), (1 - lift) * np.cos(away) + lift * np.cos(angle)
    )
    heading += rng.normal(0, rng.uniform(0.05, 0.4), count)
    roots = np.stack([head.x + head.across * u, head.y + head.down * v], -1)
    return roots.astype(np.float32), heading.astype(np.float32)


def lay_locks(
    canvas: Canvas,
    locks: Float,
    facing: Float,
    gap: float,
    nearness: Float,
    paint: Paint,
    rng: np.random.Generator,
) -> None:
    """Draw the solid inside of hair: stripes several strands wide that taper before the tips.

    Args:
        canvas: to draw on.
        locks: (G, M, 2), guides.
        facing: (G, M), how far they run to the viewer.
        gap: distance between neighbouring guides, pixels.
        nearness: (G,).
        paint: colours.
        rng: random source.
    """
    run = float(np.sqrt(np.square(np.diff(locks, axis=1)).sum(-1)).sum())
    affordable = 60_000 * canvas.size[0] * canvas.size[1] / 512**2 / max(run, 1)
    stripes = int(np.clip(affordable, 3, 8))
    owner = np.repeat(np.arange(len(locks)), stripes)
    count, length = len(owner), locks.shape[1]
    along = np.linspace(0, 1, length, dtype=np.float32)
    spread = np.full(count, 0.5 * gap, np.float32)
    curves = cluster(locks, owner, rng, spread=spread, tip=rng.uniform(0.3, 1.0), frizz=0.12 * gap)
    reach = rng.uniform(0.45, 0.95, (count, 1)).astype(np.float32)
    profile = np.sqrt(np.clip(1 - along / reach, 0, 1)) * np.minimum(0.3 + 6 * along, 1)
    width = profile * rng.uniform(0.8, 2.0, (count, 1)).astype(np.float32) * np.float32(0.65 * gap / stripes)
    near = np.clip(nearness[owner] - rng.uniform(0.02, 0.15, count).astype(np.float32), 0, 1)
    colour = paint.shade(curves, facing[owner], near, owner, rng)
    canvas.strands(Strands(curves, width, colour, near, grain=float(rng.uniform(0.1, 0.4))))


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
            rng.uniform(0.05, 0.6),
            float(np.exp(rng.uniform(np.log(6), np.log(40)))),
            rng.uniform(0.5, 1.6),
            rng.uniform(0.03, 0.16),
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
        occlusion = np.exp(-np.float32(self.contrast) * np.clip(0.85 - near, 0, 1))
        bright: Float = (np.float32(0.45) + np.float32(0.65) * diffuse) * (tone * occlusion)[:, None]
        colour = colour * bright[..., None]
        shine = (specular * np.float32(self.gloss) * occlusion[:, None])[..., None]
        colour += shine * (colour + np.float32(0.25)) * np.maximum(np.float32(1.1) - colour, 0)
        shaded: Float = np.clip(colour, 0, 1, out=colour)
        return shaded

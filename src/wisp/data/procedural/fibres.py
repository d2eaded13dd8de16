"""Fibres with a form of their own: lashes, wool, feathers."""

from __future__ import annotations

import numpy as np

from wisp.core.arrays import Alpha, Foreground
from wisp.data.procedural import look
from wisp.data.procedural.fields import Size, edge, pixels, wander
from wisp.data.procedural.finish import finish
from wisp.data.procedural.growth import cluster, curl, grow, sideways, strand_width
from wisp.data.procedural.hair import Paint
from wisp.data.procedural.shapes import blob, surface
from wisp.data.procedural.strands import Canvas, Strands


def lashes(size: Size, rng: np.random.Generator) -> tuple[Foreground, Alpha]:
    """Lashes, bristles or whiskers on the edge of a solid; foreground (H, W, 3), alpha (H, W)."""
    canvas, (height, width) = Canvas(size), size
    side = min(size)
    upward = rng.random() < 0.7
    line = height * (rng.uniform(0.45, 0.75) if upward else rng.uniform(0.25, 0.55))
    bow, tilt = rng.normal(0, 0.12) * height, rng.normal(0, 0.12) * height
    sign = -1.0 if upward else 1.0

    def rim(x: Foreground) -> Foreground:
        u = x / width * 2 - 1
        return (line + tilt * u + bow * (u * u - 0.4)).astype(np.float32)

    x, y = pixels(size)
    colour = look.between(look.SKIN, rng) if rng.random() < 0.7 else look.any_colour(rng)
    beyond = (y - rim(x)) * np.float32(sign)
    solid = surface(size, rng, colour, contrast=0.06) * (
        1 - 0.35 * np.exp(np.minimum(beyond, 0) / (0.02 * side))
    )
    canvas.layer(solid, edge(-beyond), 0.3)

    tufts, per, steps = int(rng.integers(20, 110)), int(rng.integers(1, 5)), 12
    roots_x = np.sort(rng.uniform(-0.05, 1.05, tufts)).astype(np.float32) * width
    roots = np.stack([roots_x, rim(roots_x) - np.float32(sign) * rng.uniform(0, 0.02, tufts) * side], -1)
    fan = (roots_x / width * 2 - 1) * rng.uniform(0, 1.2)
    heading = sign * np.pi / 2 - sign * fan + rng.normal(0, rng.uniform(0.03, 0.25), tufts)
    length = side * float(np.exp(rng.uniform(np.log(0.06), np.log(0.4))))
    guides = grow(
        roots,
        heading,
        length * rng.uniform(0.6, 1.1, tufts),
        steps,
        rng,
        pull=(rng.normal(0, 0.6), rng.uniform(-0.8, 0.8)),
        bend=rng.uniform(0.1, 0.8),
    )
    owner = np.repeat(np.arange(tufts), per)
    count = len(owner)
    spread = np.full(count, 0.03 * length, np.float32)
    strands = cluster(guides, owner, rng, spread=spread, tip=rng.uniform(0.1, 2.5), frizz=0.02 * length)
    thickness = side / 512 * float(np.exp(rng.uniform(np.log(0.5), np.log(4))))
    paint = Paint.random(rng)
    near = rng.uniform(0.5, 1, count).astype(np.float32)
    shade = paint.shade(strands, 0.4 * wander(count, steps, 4, rng), near, owner, rng)
    canvas.strands(Strands(strands, strand_width(count, steps, thickness, rng), shade, near))
    return finish(canvas.result(), rng)


def wool(size: Size, rng: np.random.Generator) -> tuple[Foreground, Alpha]:
    """A ball, a hem or a tangle of fuzzy yarn; foreground (H, W, 3), alpha (H, W)."""
    canvas, side = Canvas(size), min(size)
    body = blob(size, rng, share=(0.18, 0.45), rough=0.05)
    colour = look.any_colour(rng, saturation=(0, 0.8))
    yarn = side * rng.uniform(0.012, 0.045)
    canvas.layer(surface(size, rng, colour * np.float32(0.5)), edge(body.inside(size) - 0.7 * yarn), 0.1)

    # Yarn lies in rounds about a ball, in bundles that run alike; what is seen is the nearer half of each.
    rounds, steps = int(np.clip(4 * body.radius.mean() / yarn, 20, 110)), 26
    bundle = rng.integers(0, max(3, rounds // 9), rounds)
    spin = (rng.uniform(0, np.pi, rounds)[bundle] + rng.normal(0, 0.1, rounds))[:, None]
    tilt = (rng.uniform(-1, 1, rounds)[bundle] + rng.normal(0, 0.25, rounds)).clip(-1, 1)[:, None]
    phase = np.linspace(0, np.pi, steps)
    u, v = np.cos(phase), tilt * np.sin(phase)
    u, v = u * np.cos(spin) - v * np.sin(spin), u * np.sin(spin) + v * np.cos(spin)
    course = np.stack(body.at(np.arctan2(v, u), np.minimum(np.hypot(u, v), 1.0)), -1).astype(np.float32)
    near = rng.uniform(0.35, 0.75, rounds).astype(np.float32)
    tone = rng.uniform(0.75, 1.1, (rounds, 1, 1)).astype(np.float32)
    ends = np.minimum(np.linspace(0, 12, steps), np.linspace(12, 0, steps)).clip(0.2, 1).astype(np.float32)
    canvas.strands(Strands(course, yarn * ends[None], np.clip(colour * tone * np.float32(0.75), 0, 1), near))
    plies = np.repeat(np.arange(rounds), 3)
    apart = np.tile(np.arange(3) * 2 * np.pi / 3, rounds).astype(np.float32)
    turns = np.full(len(plies), body.radius.mean() / (2 * yarn), np.float32).clip(2, 8)
    radius = np.full((len(plies), steps), 0.25 * yarn, np.float32)
    ply, turned = curl(course[plies], radius, turns, apart, 0)
    lit = tone[plies] * (1 + np.float32(0.2) * turned[..., None])
    canvas.strands(
        Strands(ply, 0.4 * yarn * ends[None], np.clip(colour * lit, 0, 1), near[plies] + np.float32(0.02))
    )

    # Fuzz: fibres much thinner than a pixel that leave the yarn and curl anywhere.
    count, points = int(rng.integers(600, 1800)), 14
    round_, place = rng.integers(0, rounds, count), rng.integers(0, steps, count)
    roots = course[round_, place]
    length = yarn * rng.uniform(0.4, 3.5, count)
    fuzz = grow(roots, rng.uniform(-np.pi, np.pi, count), length, points, rng, bend=rng.uniform(1.5, 6))
    thin = side / 512 * rng.uniform(0.12, 0.6)
    shade = np.clip(colour * np.float32(1.15) * rng.uniform(0.7, 1.2, (count, 1, 1)).astype(np.float32), 0, 1)
    top = (near[round_] + np.float32(0.05)).clip(0, 1)
    canvas.strands(Strands(fuzz, strand_width(count, points, thin, rng), shade, top))
    return finish(canvas.result(), rng)


def feather(size: Size, rng: np.random.Generator) -> tuple[Foreground, Alpha]:
    """One feather or several, vanes split here and there, down at the base; (H, W, 3) and (H, W)."""
    canvas, side = Canvas(size), min(size)
    count = int(rng.choice([1, 2, 3, 5]))
    base, tip = look.any_colour(rng, saturation=(0, 0.7)), look.any_colour(rng, saturation=(0, 0.7))
    for number in range(count):
        length = side * rng.uniform(0.5, 1.0) * (1.0 if count == 1 else 0.8)
        root = np.array([[size[1] * rng.uniform(0.25, 0.75), size[0] * rng.uniform(0.55, 0.95)]])
        heading = np.array([-np.pi / 2 + rng.normal(0, 0.6)])
        spine = grow(root, heading, np.array([length]), 24, rng, bend=rng.uniform(0.2, 1.2))
        _barbs(canvas, spine, length, (base, tip), 0.3 + 0.6 * number / count, rng)
    return finish(canvas.result(), rng)


def _barbs(
    canvas: Canvas,
    spine: Foreground,
    length: float,
    colours: tuple[Foreground, Foreground],
    near: float,
    rng: np.random.Generator,
) -> None:
    """Draw a feather along a spine (1, M, 2)."""
    barbs, steps = int(np.clip(length * 0.9, 60, 420)), 12
    place = np.linspace(0.12, 0.995, barbs)
    at = place * (spine.shape[1] - 1)
    low = np.minimum(at.astype(int), spine.shape[1] - 2)
    t = (at - low)[:, None]
    roots = spine[0, low] * (1 - t) + spine[0, low + 1] * t
    ahead = spine[0, low + 1] - spine[0, low]
    forward = np.arctan2(ahead[:, 1], ahead[:, 0])
    breadth = length * rng.uniform(0.09, 0.2)
    outline = np.sqrt(np.clip(place * 3.2, 0, 1)) * np.sqrt(np.clip((1 - place) * 3, 0.05, 1))
    down = np.clip(1.5 - place * 6, 0, 1)  # near the base barbs are loose
    angle = 0.85 - 0.45 * place
    fine = length / barbs
    colour0, colour1 = colours
    bars = rng.uniform(0, 0.5) * np.sin(place * rng.uniform(10, 40))
    splits = np.cumsum(rng.random((2, barbs)) < rng.uniform(0.005, 0.05), axis=1)
    for sign, part in zip((-1.0, 1.0), splits, strict=True):
        lean = rng.normal(0, 0.12, part.max() + 1)[part]  # barbs between two splits hold together
        heading = forward + sign * (angle + lean) + down * rng.normal(0, 0.5, barbs)
        lengths = (
            breadth * outline * rng.uniform(0.93, 1.05, barbs) * (1 if sign < 0 else rng.uniform(0.6, 1.3))
        )
        curves = grow(roots, heading, lengths, steps, rng, bend=0.15)
        curves += (
            sideways(curves) * (wander(barbs, steps, 5, rng) * (down * breadth * 0.12)[:, None])[..., None]
        )
        along = np.linspace(0, 1, steps, dtype=np.float32)
        width = np.float32(fine) * (1.5 - 1.1 * along**2) * (1 - 0.6 * down)[:, None]
        mix = np.clip(place[:, None] + bars[:, None] + 0.15 * along, 0, 1).astype(np.float32)[..., None]
        tone = (rng.uniform(0.85, 1.08, (barbs, 1)) * (1 - 0.25 * along)).astype(np.float32)[..., None]
        shade = np.clip((colour0 + (colour1 - colour0) * mix) * tone, 0, 1)
        depth = np.float32(near) + rng.uniform(0, 0.05, barbs).astype(np.float32)
        canvas.strands(Strands(curves, width.astype(np.float32), shade.astype(np.float32), depth))
    taper = np.linspace(1, 0.15, spine.shape[1], dtype=np.float32)[None] * np.float32(
        max(0.8, 0.012 * length)
    )
    quill = np.clip(colour0 * 0.5 + 0.4, 0, 1).astype(np.float32)[None, None]
    canvas.strands(Strands(spine, taper, quill, np.array([near + 0.08], np.float32)))

"""Things with holes: nets, lace and wickerwork."""

from __future__ import annotations

import numpy as np

from wisp.core.arrays import Alpha, Float, Foreground
from wisp.data.procedural import look
from wisp.data.procedural.fields import Size, edge, noise, pixels, wander
from wisp.data.procedural.finish import finish
from wisp.data.procedural.growth import cluster, grow, sideways, strand_width
from wisp.data.procedural.strands import Canvas, Strands


def net(size: Size, rng: np.random.Generator) -> tuple[Foreground, Alpha]:
    """A net of diamonds, squares or hexagons, sagging; foreground (H, W, 3), alpha (H, W)."""
    canvas, side = Canvas(size), min(size)
    cell = max(5.0, side * float(np.exp(rng.uniform(np.log(0.012), np.log(0.1)))))
    thickness = max(0.25, cell * float(np.exp(rng.uniform(np.log(0.03), np.log(0.2)))))
    drape = _Drape(size, rng, strength=rng.uniform(0.5, 3.0) * cell)
    colour, source = look.any_colour(rng), look.light(rng)
    lines = _lattice(size, cell, rng)
    for number, family in enumerate(lines):
        curves = drape(family)
        lit = np.float32(0.85) + np.float32(0.3) * (sideways(curves) @ source[:2])
        tone = lit + np.float32(0.06) * wander(len(curves), curves.shape[1], curves.shape[1] // 2, rng)
        near = np.full(len(curves), 0.4 + 0.1 * number, np.float32)
        width = np.full((1, 1), thickness, np.float32)
        canvas.strands(Strands(curves, width, np.clip(colour * tone[..., None], 0, 1), near))
        if thickness > 1.2:  # knots
            knots = curves[:, ::2].reshape(-1, 1, 2)
            short = np.array([[-0.6], [0.0], [0.6]], np.float32) * np.array([1, 0.4], np.float32) * thickness
            bulge = np.array([[0.9, 1.7, 0.9]], np.float32) * thickness
            shade = np.broadcast_to(np.clip(colour * 0.9, 0, 1), (len(knots), 1, 3))
            canvas.strands(Strands(knots + short, bulge, shade, np.full(len(knots), 0.7, np.float32)))
    return _hemmed(canvas, drape, thickness, colour, rng)


def lace(size: Size, rng: np.random.Generator) -> tuple[Foreground, Alpha]:
    """Flowers and scallops of thread on a fine net; foreground (H, W, 3), alpha (H, W)."""
    canvas, side = Canvas(size), min(size)
    colour = look.any_colour(rng, saturation=(0, 0.25)) if rng.random() < 0.7 else look.any_colour(rng)
    drape = _Drape(size, rng, strength=side * rng.uniform(0.01, 0.05))
    thread = max(0.3, side / 512 * rng.uniform(0.5, 1.8))
    for family in _lattice(size, max(5.0, side * rng.uniform(0.012, 0.03)), rng):
        curves = drape(family)
        tone = np.broadcast_to(np.clip(colour * 0.9, 0, 1), (len(curves), 1, 3))
        width = np.full((1, 1), 0.5 * thread, np.float32)
        canvas.strands(Strands(curves, width, tone, np.full(len(curves), 0.3, np.float32)))
    across = int(rng.integers(2, 6))
    motif = size[1] / across
    rows = int(np.ceil(size[0] / motif))
    petals, depth = int(rng.integers(4, 9)), rng.uniform(0.25, 0.6)
    turn = np.linspace(0, 2 * np.pi, 16 * petals, dtype=np.float32)
    outlines = []
    for ring in np.linspace(0.2, 1, int(rng.integers(3, 9))):
        radius = ring * motif * 0.46 * (1 - depth + depth * np.abs(np.cos(petals * turn / 2)))
        outlines.append(np.stack([radius * np.cos(turn), radius * np.sin(turn)], -1))
    flower = np.stack(outlines).astype(np.float32)
    centres = np.array(
        [
            ((c + 0.5 + 0.5 * (r % 2)) * motif, (r + 0.5) * motif)
            for r in range(rows)
            for c in range(-1, across)
        ],
        np.float32,
    )
    curves = drape((flower[None] + centres[:, None, None]).reshape(-1, len(turn), 2))
    count = len(curves)
    tone = (rng.uniform(0.85, 1.05, (count, 1, 1)) * colour).clip(0, 1).astype(np.float32)
    width = np.full((1, 1), thread * rng.uniform(1.2, 3.0), np.float32)
    canvas.strands(Strands(curves, width, tone, np.full(count, 0.6, np.float32)))
    return _hemmed(canvas, drape, 2 * thread, colour, rng)


def wicker(size: Size, rng: np.random.Generator) -> tuple[Foreground, Alpha]:
    """A ball or a basket of canes or wires, with holes; foreground (H, W, 3), alpha (H, W)."""
    canvas, side = Canvas(size), min(size)
    count, steps = int(rng.integers(12, 60)), 28
    centre = np.array([size[1], size[0]]) * rng.uniform(0.35, 0.65, 2)
    reach = side * rng.uniform(0.25, 0.5)
    # Circles on a sphere, seen from anywhere.
    tilt, spin = np.arccos(rng.uniform(-1, 1, (count, 1))), rng.uniform(0, 2 * np.pi, (count, 1))
    phase = np.linspace(0, 2 * np.pi, steps) + rng.uniform(0, 2 * np.pi, (count, 1))
    radius = reach * rng.uniform(0.75, 1.0, (count, 1)) * (1 + 0.05 * wander(count, steps, 6, rng))
    u, v, depth = np.cos(phase), np.sin(phase) * np.cos(tilt), np.sin(phase) * np.sin(tilt)
    x, y = u * np.cos(spin) - v * np.sin(spin), u * np.sin(spin) + v * np.cos(spin)
    canes = (np.stack([x, y], -1) * radius[..., None] + centre).astype(np.float32)
    near = (0.5 + 0.35 * depth).astype(np.float32)
    thick = side * float(np.exp(rng.uniform(np.log(0.004), np.log(0.035))))
    width = (thick * rng.uniform(0.7, 1.3, (count, 1))).astype(np.float32)
    base = look.any_colour(rng, saturation=(0.1, 0.8))
    own = np.clip(base * np.exp(rng.normal(0, 0.15, (count, 1, 1))), 0, 1) * (0.65 + 0.4 * near[..., None])
    source = look.light(rng)
    normal = sideways(canes)
    for share, offset, tone in ((1.0, 0.0, 0.6), (0.7, 0.1, 0.85), (0.4, 0.18, 1.1), (0.15, 0.22, 1.45)):
        toward = np.sign(normal @ source[:2])[..., None] * normal
        shifted = canes + toward * (np.float32(offset) * width)[..., None]
        shade = np.clip(own * np.float32(tone), 0, 1).astype(np.float32)
        canvas.strands(Strands(shifted, share * width, shade, np.clip(near + 0.01 * (tone - 0.6), 0, 1)))
    if rng.random() < 0.4:  # frayed fibres
        owner = rng.integers(0, count, 150)
        roots = canes[owner, rng.integers(0, steps, 150)]
        frayed = grow(
            roots, rng.uniform(-np.pi, np.pi, 150), thick * rng.uniform(0.5, 3, 150), 8, rng, bend=2
        )
        fine = strand_width(150, 8, max(0.2, 0.06 * thick), rng)
        canvas.strands(
            Strands(frayed, fine, own[owner, :1].astype(np.float32), np.full(150, 0.9, np.float32))
        )
    return finish(canvas.result(), rng)


class _Drape:
    """A smooth displacement of the plane that hangs a flat pattern.

    Args:
        size: of the canvas.
        rng: random source.
        strength: of the displacement, pixels (deviation).
    """

    def __init__(self, size: Size, rng: np.random.Generator, *, strength: float) -> None:
        self._margin = min(size) // 4
        shape = size[0] // 4 + self._margin // 2 + 1, size[1] // 4 + self._margin // 2 + 1
        cell = max(4.0, min(shape) / rng.uniform(1.5, 5))
        self._fields = np.stack([noise(shape, cell, rng) for _ in range(2)], -1) * np.float32(strength)

    def __call__(self, points: Float) -> Float:
        """The points (…, 2) where they hang."""
        rows, columns = self._fields.shape[:2]
        u = np.clip((points[..., 0] + self._margin) / 4, 0, columns - 1.01)
        v = np.clip((points[..., 1] + self._margin) / 4, 0, rows - 1.01)
        i, j = v.astype(int), u.astype(int)
        i1, j1 = np.minimum(i + 1, rows - 1), np.minimum(j + 1, columns - 1)
        s, t = (v - i)[..., None], (u - j)[..., None]
        field = self._fields
        above = field[i, j] * (1 - t) + field[i, j1] * t
        below = field[i1, j] * (1 - t) + field[i1, j1] * t
        return np.asarray(points + above * (1 - s) + below * s, np.float32)


def _lattice(size: Size, cell: float, rng: np.random.Generator) -> list[Float]:
    """Families of lines (N, M, 2) that make a mesh over the canvas and somewhat beyond."""
    height, width = size
    kind = rng.choice(["square", "diamond", "hexagon"])
    half = 0.75 * np.hypot(height, width)
    count = int(np.clip(2 * half / cell, 4, 160))
    steps = int(np.clip(2 * half / max(cell, min(size) / 40), 8, 120))
    offset = (np.arange(count) - (count - 1) / 2) * cell
    place = np.linspace(-half, half, steps)
    families = []
    for angle in (0.0, np.pi / 2) if kind == "square" else (np.pi / 4, -np.pi / 4):
        u, v = np.broadcast_arrays(place[None], offset[:, None])
        if kind == "hexagon":  # every line swings towards one neighbour and then the other
            v = v + 0.25 * cell * np.where(np.arange(steps) % 2, 1, -1)
        cos, sin = np.cos(angle), np.sin(angle)
        families.append(np.stack([u * cos - v * sin + width / 2, u * sin + v * cos + height / 2], -1))
    return [family.astype(np.float32) for family in families]


def _hemmed(
    canvas: Canvas, drape: _Drape, thickness: float, colour: Float, rng: np.random.Generator
) -> tuple[Foreground, Alpha]:
    """Cut what was drawn off, in most cases, along a cord from which threads hang, and finish it."""
    if rng.random() < 0.25:
        return finish(canvas.result(), rng)
    height, width = canvas.size
    places = 60
    x = np.linspace(-0.1 * width, 1.1 * width, places)
    scallops = np.abs(np.sin(x / width * np.pi * rng.integers(2, 10))) * rng.uniform(0, 0.06) * height
    cord = drape(np.stack([x, height * rng.uniform(0.3, 0.85) + scallops], -1)[None].astype(np.float32))
    cord[0, :, 0] = x  # so that it stays one level a column
    columns, rows = pixels(canvas.size)
    above = edge(np.interp(columns, x, cord[0, :, 1]).astype(np.float32) - rows)
    drawn = canvas.result() * above

    trim = Canvas(canvas.size)
    shade = np.clip(colour * 0.95, 0, 1)[None, None].astype(np.float32)
    broad = min(max(2.5 * thickness, 2.2), 0.015 * min(height, width) + 2.5)
    thick = np.full((1, 1), broad, np.float32)
    trim.strands(Strands(cord, thick, shade, np.array([0.8], np.float32)))
    loose = int(rng.integers(0, 80))
    if loose:
        roots = cord[0, rng.integers(0, places, loose)]
        length = height * rng.uniform(0.02, 0.2, loose)
        heading = np.pi / 2 + rng.normal(0, 0.4, loose)
        fringe = grow(roots, heading, length, 10, rng, bend=1.0)
        owner = np.repeat(np.arange(loose), 3)
        spread = np.full(3 * loose, thickness, np.float32)
        threads = cluster(fringe, owner, rng, spread=spread, tip=2, frizz=1)
        fine = strand_width(3 * loose, 10, max(0.2, 0.5 * thickness), rng)
        near = np.full(3 * loose, 0.7, np.float32)
        trim.strands(Strands(threads, fine, np.broadcast_to(shade, (3 * loose, 1, 3)), near))
    front = trim.result()
    return finish(front + (1 - front[3]) * drawn, rng)

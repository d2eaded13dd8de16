"""Things that light passes: thin cloth, glass, smoke."""

from __future__ import annotations

import numpy as np

from wisp.core.arrays import Alpha, Float, Foreground
from wisp.data.procedural import look
from wisp.data.procedural.fields import Size, edge, fractal, noise, pixels, spline, wander, window
from wisp.data.procedural.finish import finish
from wisp.data.procedural.growth import grow
from wisp.data.procedural.shapes import blob
from wisp.data.procedural.strands import Canvas, Strands


def cloth(size: Size, rng: np.random.Generator) -> tuple[Foreground, Alpha]:
    """A veil or a thin curtain in folds, denser where it leans; foreground (H, W, 3), alpha (H, W)."""
    canvas, (height, width) = Canvas(size), size
    side = min(size)
    x, y = pixels(size)
    angle = rng.normal(0, 0.5) if rng.random() < 0.7 else rng.uniform(-np.pi, np.pi)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    across = (x * cos + y * sin) / np.float32(side)
    bent = across + np.float32(0.05) * noise(size, side / 2, rng)
    slope = np.zeros(size, np.float32)
    for _ in range(4):
        waves = float(np.exp(rng.uniform(np.log(2), np.log(18))))
        strength = rng.uniform(0.3, 1.6) * (0.6 + 0.4 * noise(size, side / 2, rng))
        slope += strength * np.sin(np.float32(2 * np.pi * waves) * bent + np.float32(rng.uniform(0, 6.3)))
    # Light crosses more of the cloth where it leans: 1 − α = (1 − a) ** (1 / cos).
    lean = np.sqrt(1 + slope * slope)
    thin = rng.uniform(0.08, 0.75)
    alpha = 1 - np.exp(np.float32(np.log(1 - thin)) * lean)
    period = side / 512 * rng.uniform(2.0, 5.0)
    weave = np.cos(2 * np.pi / period * (x * cos + y * sin)) * np.cos(
        2 * np.pi / period * (y * cos - x * sin)
    )
    alpha *= 1 + np.float32(rng.uniform(0, 0.25)) * weave.astype(np.float32)
    source = look.light(rng)
    tone = (np.float32(0.85) + np.float32(0.18) * (slope * source[0] + source[2])) / np.sqrt(lean)
    colour = look.any_colour(rng, saturation=(0, 0.7))
    gloss = np.float32(rng.uniform(0, 0.35)) * np.exp(-((slope - np.float32(rng.normal(0, 0.8))) ** 2) * 6)
    shade = np.clip(tone * colour[:, None, None] + gloss, 0, 1)
    body = blob(size, rng, share=(0.3, 0.55), rough=0.2)
    inside = body.inside(size) + np.float32(0.02 * side) * noise(size, side / 12, rng)
    cut = edge(inside, rng.uniform(1, 3))
    hem = np.exp(-(((inside - 0.012 * side) / (0.006 * side)) ** 2)) * np.float32(rng.uniform(0, 0.8))
    canvas.layer(shade, np.clip(alpha + (1 - alpha) * hem, 0, 1) * cut, 0.5)
    if rng.random() < 0.5:  # something solid that the cloth hangs on
        pole = grow(
            np.array([[-5.0, height * rng.uniform(0.02, 0.3)]]),
            np.zeros(1),
            np.array([width + 20.0]),
            12,
            rng,
            bend=0.3,
        )
        thick = np.full((1, 1), side * rng.uniform(0.01, 0.05), np.float32)
        canvas.strands(Strands(pole, thick, look.any_colour(rng)[None, None], np.array([0.9], np.float32)))
    return finish(canvas.result(), rng)


def glass(size: Size, rng: np.random.Generator) -> tuple[Foreground, Alpha]:
    """A glass or a bottle, clear in the middle, with reflections; foreground (H, W, 3), alpha (H, W)."""
    canvas, (height, width) = Canvas(size), size
    side = min(size)
    axis, tall = width * rng.uniform(0.35, 0.65), height * rng.uniform(0.5, 0.95)
    top = (height - tall) * rng.uniform(0, 1)
    profile = _turned(height, top, tall, side, rng)
    broadest = float(profile.max())
    corner, x, y = window(size, (axis - broadest, axis + broadest), (top - 0.1 * broadest, top + tall))
    profile = profile[corner[0] : corner[0] + len(y)]
    v = (y - np.float32(top)) / np.float32(tall)  # 0 at the rim, 1 at the foot
    u = (x - np.float32(axis)) / np.maximum(profile, np.float32(1e-3))
    far = np.abs(u)
    inside = edge((1 - far) * profile) * (edge(v * np.float32(tall)) * edge((1 - v) * np.float32(tall)))
    rim = np.minimum(far, 1) ** np.float32(rng.uniform(3, 14))
    tint = look.any_colour(rng, saturation=(0, 0.5)) if rng.random() < 0.5 else np.full(3, 0.85, np.float32)
    clear = np.float32(rng.uniform(0.03, 0.25))
    alpha = (clear + (np.float32(rng.uniform(0.5, 1)) - clear) * rim) * inside
    tone = np.float32(1.1) - np.float32(0.6) * rim + np.float32(0.12) * noise(inside.shape, side / 8, rng)
    canvas.layer(np.clip(tone * tint[:, None, None], 0, 1), alpha, 0.3, corner)
    if rng.random() < 0.6:
        level, dense = np.float32(rng.uniform(0.1, 0.7)), np.float32(rng.uniform(0.4, 1.0))
        drink = look.any_colour(rng, saturation=(0.2, 1))
        surface = level + np.float32(0.04 * broadest / tall) * np.sqrt(np.maximum(1 - far * far, 0))
        filled = edge((v - surface) * np.float32(tall)) * edge((np.float32(0.93) - far) * profile) * inside
        tone = np.float32(0.75) + np.float32(0.35) * (1 - far) + np.float32(0.1) * (v - level)
        canvas.layer(np.clip(drink[:, None, None] * tone, 0, 1), filled * dense, 0.25, corner)
    for _ in range(int(rng.integers(2, 6))):  # reflections of windows and lamps
        place, half = np.float32(rng.uniform(-0.9, 0.9)), np.float32(rng.uniform(0.01, 0.1))
        upper, lower = np.sort(rng.uniform(0, 1, 2)).astype(np.float32)
        band = np.exp(-np.square(np.square((u - place) / half)))
        soft = max(1.0, rng.uniform(0.02, 0.1) * side)
        span = edge((v - upper) * np.float32(tall), soft) * edge((lower - v) * np.float32(tall), soft)
        glare = np.full(3, rng.uniform(0.8, 1), np.float32)
        canvas.layer(glare, band * (span * np.float32(rng.uniform(0.2, 0.9))) * inside, 0.7, corner)
    foot = np.exp(-np.square((v - np.float32(0.985)) / np.float32(0.012))) * inside
    canvas.layer(tint * np.float32(0.6), foot * np.float32(rng.uniform(0.3, 1)), 0.6, corner)
    mouth = float(profile[min(max(0, round(top) - corner[0]), len(profile) - 1), 0])
    turn = np.linspace(0, 2 * np.pi, 48)
    ring = np.stack([axis + mouth * np.cos(turn), top + 0.1 * mouth * np.sin(turn)], -1)[None]
    thick = np.full((1, 1), max(0.6, 0.006 * side), np.float32)
    lip = (np.float32(0.8) + np.float32(0.2) * wander(1, 48, 12, rng))[..., None] * np.ones(3, np.float32)
    shown = float(rng.uniform(0.2, 0.9))
    canvas.strands(
        Strands(ring.astype(np.float32), thick, lip.clip(0, 1), np.array([0.8], np.float32), shown)
    )
    return finish(canvas.result(), rng)


def smoke(size: Size, rng: np.random.Generator) -> tuple[Foreground, Alpha]:
    """Smoke, steam or a cloud, thick or in wisps; foreground (H, W, 3), alpha (H, W)."""
    canvas, side = Canvas(size), min(size)
    rows, columns = small = max(8, -(-size[0] // 2)), max(8, -(-size[1] // 2))
    cell = min(small) / rng.uniform(2, 5)
    swirl = [fractal(small, cell, rng, octaves=3) * np.float32(0.35 * cell) for _ in range(2)]
    field = fractal(small, cell, rng, octaves=5, gain=rng.uniform(0.4, 0.65))
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    i = np.clip(y + swirl[0], 0, rows - 1).astype(np.int32)
    j = np.clip(x + swirl[1], 0, columns - 1).astype(np.int32)
    warped = field[i, j]
    if rng.random() < 0.5:  # ridges: thin sheets seen edge-on
        warped = 1.2 - 2.2 * np.abs(warped)
    body = blob(small, rng, share=(0.25, 0.5), rough=0.25)
    fade = np.clip(body.inside(small) / (0.25 * min(small)) + np.float32(0.3), 0, 1)
    dense = np.exp(rng.uniform(np.log(0.4), np.log(6)))
    depth = np.clip(warped + np.float32(rng.uniform(-0.4, 0.8)), 0, None) * fade * np.float32(dense)
    tone = np.float32(0.85) + np.float32(0.15) * fractal(small, cell, rng, octaves=3)
    down, across = spline(size[0], rows), spline(size[1], columns)  # back to the full size
    alpha = 1 - np.exp(-np.maximum(down @ depth @ across.T, 0))
    grey = look.any_colour(rng, saturation=(0, 0.15 if rng.random() < 0.8 else 0.8))
    colour = np.clip((down @ tone @ across.T) * np.maximum(grey, np.float32(0.25))[:, None, None], 0, 1)
    canvas.layer(colour, alpha.astype(np.float32), 0.5)
    if rng.random() < 0.4:
        count, steps = int(rng.integers(3, 14)), 24
        roots = np.array([size[1], size[0]]) * rng.uniform(0.2, 0.8, (count, 2))
        trails = grow(
            roots,
            -np.pi / 2 + rng.normal(0, 0.5, count),
            rng.uniform(0.3, 0.8, count) * side,
            steps,
            rng,
            bend=4,
        )
        width = (1.2 + wander(count, steps, 6, rng)).clip(0.1) * np.float32(side * rng.uniform(0.004, 0.02))
        near = np.full(count, 0.4, np.float32)
        faint = np.full(count, rng.uniform(0.1, 0.5), np.float32)
        canvas.strands(Strands(trails, width, np.broadcast_to(grey, (count, 1, 3)), near, faint))
    return finish(canvas.result(), rng)


def _turned(height: int, top: float, tall: float, side: int, rng: np.random.Generator) -> Float:
    """Half the width of a turned vessel at every row: float32 (H, 1), smooth, a few pixels at least."""
    knots = int(rng.integers(5, 9))
    radii = side * rng.uniform(0.06, 0.3, knots)
    place = np.clip((np.arange(height) + 0.5 - top) / tall, 0, 1)
    fine = spline(256, knots + 2) @ np.concatenate([radii[:1], radii, radii[-1:]]).astype(np.float32)
    out: Float = fine[(place * 255).astype(int)][:, None]
    return out

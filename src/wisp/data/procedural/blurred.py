"""Hard things in motion and out of focus: alpha is partial only because of the camera."""

from __future__ import annotations

import numpy as np
from scipy import fft

from wisp.core.arrays import Alpha, Float, Foreground
from wisp.data.procedural import look
from wisp.data.procedural.fields import Size, edge, pixels
from wisp.data.procedural.finish import straighten
from wisp.data.procedural.growth import grow
from wisp.data.procedural.shapes import blob, surface
from wisp.data.procedural.strands import Canvas, Strands


def motion(size: Size, rng: np.random.Generator) -> tuple[Foreground, Alpha]:
    """Hard shapes that moved while the shutter was open; foreground (H, W, 3), alpha (H, W)."""
    side = min(size)
    reach = max(2, int(side * rng.uniform(0.01, 0.06)))
    path = grow(
        np.zeros((1, 2), np.float32),
        rng.uniform(-np.pi, np.pi, 1),
        np.array([reach * 1.6]),
        12,
        rng,
        bend=rng.uniform(0, 1.5),
    )
    path += reach + np.float32(0.5) - path.mean(1, keepdims=True)
    drawn = Canvas((2 * reach + 1, 2 * reach + 1))
    one = np.ones((1, 1), np.float32)
    drawn.strands(Strands(path, one, np.ones((1, 1, 3), np.float32), one[0]))
    return _seen_through(_things(size, rng), drawn.result()[3])


def defocus(size: Size, rng: np.random.Generator) -> tuple[Foreground, Alpha]:
    """Hard shapes out of focus, through a round or a bladed aperture; foreground (H, W, 3), alpha (H, W)."""
    side = min(size)
    radius = max(1.0, side * float(np.exp(rng.uniform(np.log(0.004), np.log(0.03)))))
    reach = int(np.ceil(radius)) + 1
    x, y = pixels((2 * reach + 1, 2 * reach + 1))
    u, v = x - np.float32(reach + 0.5), y - np.float32(reach + 0.5)
    blades, turn = int(rng.integers(5, 9)), rng.uniform(0, np.pi)
    if rng.random() < 0.5:
        aperture = edge(np.float32(radius) - np.sqrt(u * u + v * v))
    else:
        sides = 2 * np.pi * np.arange(blades) / blades + turn
        aperture = edge(np.float32(radius) - np.max([u * np.cos(a) + v * np.sin(a) for a in sides], axis=0))
    return _seen_through(_things(size, rng), aperture.astype(np.float32))


def _things(size: Size, rng: np.random.Generator) -> Float:
    """Sharp shapes, the first of them large, and a few bars: premultiplied, float32 (4, H, W)."""
    canvas, side = Canvas(size), min(size)
    for place in range(int(rng.integers(1, 4))):
        share = (0.2, 0.42) if place == 0 else (0.05, 0.2)
        body = blob(size, rng, share=share, rough=rng.uniform(0, 0.3))
        texture = surface(size, rng, look.any_colour(rng), contrast=rng.uniform(0.05, 0.3))
        canvas.layer(texture, edge(body.inside(size)), rng.uniform(0.2, 0.8))
    bars = int(rng.integers(0, 9))
    if bars:
        roots = rng.uniform(0, 1, (bars, 2)) * (size[1], size[0])
        curves = grow(
            roots, rng.uniform(-np.pi, np.pi, bars), rng.uniform(0.2, 1, bars) * side, 12, rng, bend=1.0
        )
        width = rng.uniform(0.004, 0.04, (bars, 1)).astype(np.float32) * side
        colours = np.stack([look.any_colour(rng) for _ in range(bars)])[:, None]
        near = rng.uniform(0, 1, bars).astype(np.float32)
        canvas.strands(Strands(curves, width, colours, near))
    return canvas.result()


def _seen_through(sharp: Float, kernel: Float) -> tuple[Foreground, Alpha]:
    """Blur premultiplied (4, H, W) with a kernel (K, K), K odd: foreground and alpha."""
    reach = kernel.shape[0] // 2
    _, height, width = sharp.shape
    padded = np.pad(sharp, ((0, 0), (reach, reach), (reach, reach)), mode="edge")
    shape = tuple(fft.next_fast_len(side, real=True) for side in padded.shape[1:])
    kernel = kernel / kernel.sum()
    spectrum = fft.rfft2(padded, shape) * fft.rfft2(kernel, shape)
    blurred = fft.irfft2(spectrum, shape)[:, 2 * reach : 2 * reach + height, 2 * reach : 2 * reach + width]
    return straighten(blurred[:3], blurred[3])

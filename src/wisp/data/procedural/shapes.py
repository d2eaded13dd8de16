"""Solid shapes: the bodies that fur grows on, and hard things that a camera blurs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wisp.core.arrays import Float
from wisp.data.procedural import look
from wisp.data.procedural.fields import Size, fractal, pixels
from wisp.data.procedural.growth import Reals


@dataclass(frozen=True)
class Blob:
    """A rounded body: its radius is a smooth function of the angle around its centre.

    Attributes:
        x: centre, pixels.
        y: centre.
        radius: float32 (256,), at angles from −π on.
        squash: height over width.
    """

    x: float
    y: float
    radius: Float
    squash: float

    def at(self, angle: Reals, share: Reals | float = 1.0) -> tuple[Reals, Reals]:
        """Points at `angle` and at a `share` of the radius: x and y."""
        place = (angle / (2 * np.pi) + 0.5) % 1 * len(self.radius)
        low = place.astype(int) % len(self.radius)
        t = place - np.floor(place)
        radius = self.radius[low] * (1 - t) + self.radius[(low + 1) % len(self.radius)] * t
        radius = radius * share
        return self.x + radius * np.cos(angle), self.y + self.squash * radius * np.sin(angle)

    def normal(self, angle: Reals) -> Reals:
        """Direction out of the body at `angle`, radians."""
        (x0, y0), (x1, y1) = self.at(angle - 0.02), self.at(angle + 0.02)
        return np.arctan2(x0 - x1, y1 - y0)

    def inside(self, size: Size) -> Float:
        """About the distance to the edge in pixels, positive inside: float32 (H, W)."""
        x, y = pixels(size)
        u, v = x - np.float32(self.x), (y - np.float32(self.y)) / np.float32(self.squash)
        place = (np.arctan2(v, u) * np.float32(1 / (2 * np.pi)) + np.float32(0.5)) * np.float32(
            len(self.radius)
        )
        low = place.astype(np.int32) % len(self.radius)
        t = place - np.floor(place)
        step = np.roll(self.radius, -1) - self.radius
        # Where the radius changes quickly the edge is nearer than along the ray.
        lean = 1 / np.sqrt(1 + (step * (len(self.radius) / (2 * np.pi)) / self.radius) ** 2)
        radius = self.radius[low] + step[low] * t
        return np.asarray((radius - np.sqrt(u * u + v * v)) * lean[low], np.float32)


def blob(size: Size, rng: np.random.Generator, *, share: tuple[float, float], rough: float = 0.15) -> Blob:
    """A body somewhere on the canvas.

    Args:
        size: of the canvas.
        rng: random source.
        share: least and most mean radius as a share of the shorter side.
        rough: how far from a circle, as a share of the radius.
    """
    side = min(size)
    radius = side * rng.uniform(*share)
    angle = np.linspace(-np.pi, np.pi, 256, endpoint=False)
    outline = np.zeros(256)
    for wave in range(2, 8):
        outline += rng.normal(0, rough / wave**0.7) * np.sin(wave * angle + rng.uniform(0, 2 * np.pi))
    squash = rng.uniform(0.75, 1.3)
    x, y = size[1] * rng.uniform(0.25, 0.75), size[0] * rng.uniform(0.3, 0.8)
    return Blob(x, y, (radius * np.exp(outline)).astype(np.float32), squash)


def surface(size: Size, rng: np.random.Generator, colour: Float, *, contrast: float = 0.15) -> Float:
    """A mottled, softly lit surface of one colour, sometimes two: float32 (3, H, W), [0, 1]."""
    height, width = size
    source = look.light(rng)
    x, y = pixels(size)
    tone = fractal(size, max(size) / rng.uniform(3, 24), rng, octaves=3) * np.float32(contrast)
    tone += 1 + 0.25 * (source[0] * (2 * x / width - 1) + source[1] * (2 * y / height - 1))
    return np.asarray(np.clip(tone * colour[:, None, None], 0, 1), np.float32)

"""Smooth random fields, blobs and blurs, all as products of small matrices: a millisecond or so at 512²."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from wisp.core.arrays import Alpha, Float

Size = tuple[int, int]


@lru_cache(maxsize=64)
def spline(count: int, knots: int) -> Float:
    """Cubic B-splines with uniform knots.

    Args:
        count: places, evenly spaced from the first to the last interval.
        knots: coefficients, at least 4.

    Returns:
        float32 (count, knots); every row is positive and sums to 1.
    """
    place = np.linspace(0, knots - 3, count, endpoint=count > 1)
    cell = np.minimum(place.astype(int), knots - 4)
    t = place - cell
    weights = np.stack(
        [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1
    )
    basis = np.zeros((count, knots), np.float32)
    basis[np.arange(count)[:, None], cell[:, None] + np.arange(4)] = weights / 6
    basis.flags.writeable = False
    return basis


def noise(size: Size, cell: float, rng: np.random.Generator) -> Float:
    """Smooth noise with features about `cell` pixels wide: float32 (H, W), mean 0, deviation about 1."""
    rows, columns = (int(np.ceil(side / max(cell, 1))) + 3 for side in size)
    coefficients = rng.standard_normal((rows, columns), np.float32) * np.float32(2)
    return spline(size[0], rows) @ coefficients @ spline(size[1], columns).T


def fractal(
    size: Size, cell: float, rng: np.random.Generator, *, octaves: int = 4, gain: float = 0.5
) -> Float:
    """Octaves of `noise`, each half as wide and `gain` as strong as the one before; deviation about 1."""
    total = noise(size, cell, rng)
    power = 1.0
    for octave in range(1, octaves):
        total += np.float32(gain**octave) * noise(size, cell / 2**octave, rng)
        power += gain ** (2 * octave)
    return total / np.float32(np.sqrt(power))


def wander(count: int, length: int, knots: int, rng: np.random.Generator) -> Float:
    """Smooth random functions of one variable: float32 (count, length), deviation about 1."""
    knots = max(4, knots)
    return rng.standard_normal((count, knots), np.float32) @ spline(length, knots).T * np.float32(1.45)


def pixels(size: Size) -> tuple[Float, Float]:
    """Coordinates of pixel centres: x, float32 (1, W), and y, float32 (H, 1)."""
    x = np.arange(size[1], dtype=np.float32)[None] + np.float32(0.5)
    y = np.arange(size[0], dtype=np.float32)[:, None] + np.float32(0.5)
    return x, y


def window(
    size: Size, x: tuple[float, float], y: tuple[float, float]
) -> tuple[tuple[int, int], Float, Float]:
    """The pixels of a canvas in a box.

    Args:
        size: of the canvas.
        x: from … to, pixels.
        y: from … to, pixels.

    Returns:
        Row and column of the first pixel, and coordinates of pixel centres: x, (1, w), and y, (h, 1); either
        is empty where the box lies outside.
    """
    left, right = (int(np.clip(edge, 0, size[1])) for edge in (np.floor(x[0]) - 1, np.ceil(x[1]) + 1))
    top, bottom = (int(np.clip(edge, 0, size[0])) for edge in (np.floor(y[0]) - 1, np.ceil(y[1]) + 1))
    columns, rows = pixels(size)
    return (top, left), columns[:, left:right], rows[top:bottom]


def edge(distance: Float, softness: float = 1.0) -> Alpha:
    """Coverage from the signed distance to an edge in pixels, positive inside: float32, same shape.

    Args:
        distance: to the edge.
        softness: pixels over which the edge goes from 0 to 1; 1 is a sharp edge seen by a camera's pixels.
    """
    return np.asarray(np.clip(distance * np.float32(1 / softness) + np.float32(0.5), 0, 1), np.float32)


def blur(values: Float, sigma: float) -> Float:
    """Gaussian blur of float32 (…, H, W), the border being repeated; made for sigmas of a pixel or two."""
    reach = max(1, int(np.ceil(2.5 * sigma)))
    taps = np.exp(-0.5 * (np.arange(reach + 1, dtype=np.float32) / np.float32(sigma)) ** 2)
    taps /= taps[0] + 2 * taps[1:].sum()
    height, width = values.shape[-2:]
    out = np.empty_like(values)
    for plane, done in zip(values.reshape(-1, height, width), out.reshape(-1, height, width), strict=True):
        padded = np.pad(plane, reach, mode="edge")
        down = taps[0] * padded[reach : reach + height]
        for k in range(1, reach + 1):
            pair = padded[reach - k : reach - k + height] + padded[reach + k : reach + k + height]
            pair *= taps[k]
            down += pair
        np.multiply(down[:, reach : reach + width], taps[0], out=done)
        for k in range(1, reach + 1):
            pair = down[:, reach - k : reach - k + width] + down[:, reach + k : reach + k + width]
            pair *= taps[k]
            np.add(done, pair, out=done)
    return out

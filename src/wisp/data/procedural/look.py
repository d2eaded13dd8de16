"""Colours and light: palettes, and the shading of strands."""

from __future__ import annotations

import colorsys
from typing import Final

import numpy as np

from wisp.core.arrays import Float

HAIR: Final = np.array(
    [
        (0.07, 0.06, 0.06),  # black
        (0.13, 0.09, 0.07),
        (0.20, 0.13, 0.09),  # dark brown
        (0.30, 0.19, 0.12),
        (0.42, 0.29, 0.18),  # light brown
        (0.40, 0.17, 0.09),  # auburn
        (0.62, 0.32, 0.14),  # ginger
        (0.57, 0.43, 0.28),  # dark blond
        (0.76, 0.61, 0.40),  # blond
        (0.88, 0.80, 0.66),  # platinum
        (0.52, 0.51, 0.50),  # grey
        (0.86, 0.85, 0.83),  # white
    ],
    np.float32,
)
"""Colours of hair in plain light, sRGB, from dark to fair."""

SKIN: Final = np.array(
    [(0.24, 0.15, 0.11), (0.40, 0.26, 0.19), (0.58, 0.40, 0.30), (0.76, 0.57, 0.45), (0.90, 0.72, 0.62)],
    np.float32,
)
"""Colours of skin in plain light, sRGB."""


def any_colour(rng: np.random.Generator, *, saturation: tuple[float, float] = (0.0, 0.9)) -> Float:
    """Any colour, sRGB, float32 (3,)."""
    hue, chroma, value = rng.random(), rng.uniform(*saturation), rng.uniform(0.08, 0.97)
    return np.array(colorsys.hsv_to_rgb(hue, chroma, value), np.float32)


def between(colours: Float, rng: np.random.Generator) -> Float:
    """A colour between two neighbours of a palette (K, 3): float32 (3,)."""
    place = rng.random() * (len(colours) - 1)
    low = min(int(place), len(colours) - 2)
    mixed: Float = colours[low] + (colours[low + 1] - colours[low]) * np.float32(place - low)
    return mixed


def hair_colour(rng: np.random.Generator) -> Float:
    """A colour of hair, now and then dyed: float32 (3,)."""
    if rng.random() < 0.03:
        return any_colour(rng, saturation=(0.4, 0.95))
    base = HAIR[int(rng.integers(len(HAIR)))]
    varied = base * np.float32(rng.uniform(0.8, 1.12)) * rng.uniform(0.96, 1.04, 3).astype(np.float32)
    return np.asarray(np.clip(varied, 0.02, 0.97), np.float32)


def light(rng: np.random.Generator) -> Float:
    """A direction towards the light, mostly from above and in front: unit float32 (3,), z to the viewer."""
    direction = np.array([rng.normal(0, 0.8), -abs(rng.normal(0.6, 0.6)), rng.uniform(-0.3, 1.0)])
    return np.asarray(direction / np.linalg.norm(direction), np.float32)


def tangents(points: Float) -> Float:
    """Unit directions along curves: float32 (N, M, 2) from points (N, M, 2)."""
    step = np.empty_like(points)
    step[:, 1:-1] = points[:, 2:] - points[:, :-2]
    step[:, 0] = points[:, 1] - points[:, 0]
    step[:, -1] = points[:, -1] - points[:, -2]
    step /= np.maximum(np.sqrt((step * step).sum(-1, keepdims=True)), np.float32(1e-6))
    return step


def fibre(tangent: Float, rise: Float, source: Float, shininess: float) -> tuple[Float, Float]:
    """Light of thin fibres (Kajiya, Kay, "Rendering fur with three dimensional textures").

    Args:
        tangent: (N, M, 2), unit, in the picture's plane.
        rise: (N, M), how far the fibre also runs towards the viewer, −1 … 1.
        source: (3,), unit, towards the light.
        shininess: exponent of the highlight.

    Returns:
        Both float32 (N, M), [0, 1].
    """
    norm = 1 / np.sqrt(1 + rise * rise)
    towards_light = (tangent @ source[:2] + rise * source[2]) * norm
    halfway = source + np.array([0, 0, 1], np.float32)
    halfway /= np.linalg.norm(halfway) + np.float32(1e-6)
    along = (tangent @ halfway[:2] + rise * halfway[2]) * norm
    diffuse = np.sqrt(np.maximum(1 - towards_light * towards_light, 0))
    specular = np.maximum(1 - along * along, 0) ** np.float32(shininess / 2)
    return diffuse, specular

"""Curves that grow: guides that gravity bends, and the strands that cluster, curl and stray around them."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from wisp.core.arrays import Float
from wisp.data.procedural.fields import spline, wander
from wisp.data.procedural.look import tangents

Reals: TypeAlias = npt.NDArray[np.floating[Any]]
Indices: TypeAlias = npt.NDArray[np.integer[Any]]


def grow(
    roots: Reals,
    heading: Reals,
    length: Reals,
    steps: int,
    rng: np.random.Generator,
    *,
    pull: tuple[float, float] = (0.0, 0.0),
    bend: float = 0.0,
) -> Float:
    """Curves from their roots on.

    Args:
        roots: (N, 2), x and y.
        heading: (N,), radians, the direction in which each leaves.
        length: (N,), pixels.
        steps: points a curve, M.
        rng: random source.
        pull: (x, y), how strongly gravity or wind turns them over their length; 1 turns a side-on curve by
            about 45°.
        bend: deviation of the random curvature, radians over the length.

    Returns:
        float32 (N, M, 2).
    """
    count = len(roots)
    turn = wander(count, steps, 5, rng) * np.float32(bend / steps)
    force = np.array(pull, np.float32) / np.float32(steps)
    direction = np.stack([np.cos(heading), np.sin(heading)], -1).astype(np.float32)
    stride = (length / (steps - 1)).astype(np.float32)[:, None]
    points = np.empty((count, steps, 2), np.float32)
    points[:, 0] = roots
    for k in range(1, steps):
        sideways = np.stack([-direction[:, 1], direction[:, 0]], -1)
        direction = direction + sideways * turn[:, k, None] + force
        direction /= np.maximum(np.sqrt((direction * direction).sum(-1, keepdims=True)), 1e-6)
        points[:, k] = points[:, k - 1] + direction * stride
    return points


def resample(curves: Float, steps: int) -> Float:
    """Curves (N, M, 2) with another number of points, smoothed on the way; ends stay where they are."""
    length = curves.shape[1]
    ends = [2 * curves[:, :1] - curves[:, 1:2], curves, 2 * curves[:, -1:] - curves[:, -2:-1]]
    padded = np.concatenate(ends, axis=1)
    return np.asarray(spline(steps, length + 2) @ padded)


def cluster(
    guides: Float,
    owner: Indices,
    rng: np.random.Generator,
    *,
    spread: Float,
    tip: float,
    frizz: float,
) -> Float:
    """Strands around guides: apart at the root, together towards the tip, each straying a little.

    Args:
        guides: (G, M, 2).
        owner: (N,), the guide of each strand.
        rng: random source.
        spread: (N,), how far strands start from their guide, pixels (deviation).
        tip: share of that distance that is left at the tip; above 1 they spread.
        frizz: how far strands stray, pixels (deviation at the tip).

    Returns:
        float32 (N, M, 2).
    """
    count, length = len(owner), guides.shape[1]
    along = np.linspace(0, 1, length, dtype=np.float32)
    offset = rng.standard_normal((count, 2), np.float32) * spread[:, None]
    envelope = 1 + (np.float32(tip) - 1) * along
    points = guides[owner] + offset[:, None] * envelope[:, None]
    if frizz:
        stray = wander(count, length, length // 3, rng) * (np.float32(frizz) * np.sqrt(along))
        points += sideways(points) * stray[..., None]
    return points


def curl(points: Float, radius: Float, turns: Float, phase: Float, loop: float) -> tuple[Float, Float]:
    """Curves wound around themselves.

    Args:
        points: (N, M, 2).
        radius: (N, M), pixels.
        turns: (N,), over the length.
        phase: (N,), radians.
        loop: how much they also go back and forth along themselves; 1 makes loops, 0 waves.

    Returns:
        The curves, (N, M, 2), and how far each point is turned to the viewer, (N, M), −1 … 1.
    """
    along = np.linspace(0, 2 * np.pi, points.shape[1], dtype=np.float32)
    angle = along * turns[:, None] + phase[:, None]
    ahead = tangents(points)
    aside = np.stack([-ahead[..., 1], ahead[..., 0]], -1)
    sine, cosine = np.sin(angle), np.cos(angle)
    wound = (
        points + aside * (radius * cosine)[..., None] + ahead * (np.float32(loop) * radius * sine)[..., None]
    )
    return wound, sine


def sideways(points: Float) -> Float:
    """Unit normals of curves (N, M, 2): their tangents turned by 90°."""
    ahead = tangents(points)
    return np.stack([-ahead[..., 1], ahead[..., 0]], -1)


def strand_width(count: int, length: int, thickness: float, rng: np.random.Generator) -> Float:
    """Widths (count, length): lognormal from strand to strand, thinner towards the tip."""
    own = np.exp(rng.normal(0, 0.3, (count, 1))).astype(np.float32) * np.float32(thickness)
    along = np.linspace(0, 1, length, dtype=np.float32)
    return own * (1 - np.float32(0.75) * along ** np.float32(rng.uniform(1.5, 4)))

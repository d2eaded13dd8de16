"""Random-walk matting: Grady et al. 2005, *Random Walks for Interactive Alpha-Matting*.

The alpha of an unknown pixel is the probability that a walker who starts there meets known foreground
before known background, when it steps to one of its neighbours with a probability proportional to ::

    w_ij = exp(−β |I_i − I_j|²)

so alpha minimises Σ w_ij (α_i − α_j)², L = D − W.

Departures, all of them those of the usual implementations of the paper: colours are compared as they are,
without the paper's locality preserving projection; the neighbours are the 8 around a pixel instead of 4; a
walker dies with probability `regularization` a step, which settles pixels unlike all of their neighbours.

The default tolerance is coarse on purpose. Between unlike colours w falls to 1e-20 and less, and the exact
minimum lets foreground seep through such links into whole regions that nothing else holds. Conjugate
gradients from 0 get there last, so stopping early keeps those regions at background: a lower error than
that of the exact minimum.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from wisp.core.arrays import Image, Trimap, check_at_least
from wisp.core.progress import Progress, silent
from wisp.matting.classical.system import (
    AT_ONCE,
    Part,
    Solution,
    System,
    by_rows,
    graph,
    solve,
    warn_unless_converged,
)

METHOD: Final = "random-walk"


def random_walk(
    image: Image,
    trimap: Trimap,
    *,
    beta: float = 900.0,
    radius: int = 1,
    regularization: float = 1e-8,
    tolerance: float = 6e-5,
    max_iterations: int = 10000,
    at_once: int = AT_ONCE,
    progress: Progress = silent,
) -> Solution:
    """Estimate alpha by random-walk matting (Grady et al. 2005).

    Args:
        image: float32 (H, W, 3), [0, 1].
        trimap: uint8 (H, W), 0 / 128 / 255.
        beta: β, how strongly a difference in colour hinders a step; 900 is a deviation of about 6 in 255.
        radius: the neighbours of a pixel are the others in the (2 radius + 1)² window around it.
        regularization: probability that a walker dies at a step, which counts as background.
        tolerance: relative residual at which the solver stops; the module says why it is not smaller.
        max_iterations: steps at which it gives up.
        at_once: unknown pixels that are solved at once, which bounds the memory.
        progress: called with the share of the work that is done, from 0 to 1.

    Returns:
        Alpha and how the solve went. With no known foreground alpha is 0 in the unknown part, with no known
        background 1.

    Raises:
        InputError: arrays of other types or sizes, a beta or regularization below zero, a radius below 1.

    Warns:
        ConvergenceWarning: when the tolerance was not reached.
    """
    check_at_least(0, beta=beta, regularization=regularization)
    check_at_least(1, radius=radius)
    solution = solve(
        image,
        trimap,
        lambda part, told: _system(part, beta, radius, regularization, told),
        method=METHOD,
        tolerance=tolerance,
        max_iterations=max_iterations,
        at_once=at_once,
        progress=progress,
    )
    return warn_unless_converged(solution, tolerance, "a smaller beta, or a trimap with more known pixels")


def _system(part: Part, beta: float, radius: int, regularization: float, progress: Progress) -> System:
    image, (height, width) = part.image, part.unknown.shape
    rows, columns = np.nonzero(part.unknown)
    count = len(rows)
    number = np.full((height + 2 * radius, width + 2 * radius), -1, np.int32)
    number[rows + radius, columns + radius] = np.arange(count, dtype=np.int32)

    around = [(y, x) for y in range(-radius, radius + 1) for x in range(-radius, radius + 1)]
    weights = np.empty((count, len(around)))
    others = np.empty((count, len(around)), np.int32)
    degree, rhs = np.zeros(count), np.zeros(count)
    own = image[rows, columns]
    for k, (dy, dx) in enumerate(around):
        y, x = rows + dy, columns + dx
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
        difference = image[y, x] - own
        weight = np.exp(-beta * np.einsum("pc,pc->p", difference, difference, dtype=np.float64))
        if dy == dx == 0:
            weight[:] = 1  # a walker may stay, which only lengthens its walk
        weight *= inside
        degree += weight
        rhs += weight * part.alpha[y, x]
        others[:, k] = number[rows + (dy + radius), columns + (dx + radius)]
        weights[:, k] = weight
        progress((k + 1) / len(around))
    degree *= 1 + regularization
    return graph(degree, by_rows(weights, others), rhs, rows * width + columns)

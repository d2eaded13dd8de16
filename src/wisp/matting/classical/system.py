"""The linear systems of classical matting, and how they are solved.

Every method writes alpha as the minimum of a quadratic energy αᵀ L α in which known pixels are fixed. With
U the unknown and K the known pixels ::

    L = [ L_UU  L_UK ]        L_UU α_U = −L_UK α_K
        [ L_KU  L_KK ]

so that only pixels of U are unknowns; rows of K are never built.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from wisp.core.arrays import (
    BACKGROUND,
    FOREGROUND,
    UNKNOWN,
    Alpha,
    Foreground,
    Image,
    Trimap,
    check_image,
    check_same_size,
    check_trimap,
)
from wisp.core.errors import InputError
from wisp.core.threads import one_blas_thread

Vector = npt.NDArray[np.float64]
Operator = Callable[[Vector], Vector]


class ConvergenceWarning(UserWarning):
    """A solve stopped before it reached its tolerance; its alpha is usable, but not the exact minimum."""


@dataclass(frozen=True, eq=False)
class Solution:
    """An alpha and how it was found.

    Attributes:
        alpha: float32 (H, W), [0, 1]; exactly 0 and 1 where the trimap is known.
        method: its name in `wisp.methods.METHODS`.
        iterations: conjugate-gradient steps; 0 when the trimap alone decides alpha.
        residual: |A α − b| / |b| of the linear system at the end.
        converged: whether the residual reached the tolerance.
        foreground: the subject's colours where the trimap is unknown, elsewhere the image, float32 (H, W, 3);
            None where the method does not look for them.
    """

    alpha: Alpha
    method: str
    iterations: int
    residual: float
    converged: bool
    foreground: Foreground | None = None


@dataclass(frozen=True, eq=False)
class System:
    """The system A x = b of the unknown pixels.

    Attributes:
        product: x ↦ A x, A symmetric and positive (semi-)definite.
        rhs: b, float64 (n,).
        precondition: r ↦ M r, M close to the inverse of A.
        pixels: int (n,), flat index of each unknown's pixel.
    """

    product: Operator
    rhs: Vector
    precondition: Operator
    pixels: npt.NDArray[np.intp]


def by_rows(values: npt.NDArray[Any], columns: npt.NDArray[np.int32]) -> csr_array:
    """A square matrix of the values and columns of its rows, both (n, k); columns below zero are left out."""
    kept = columns >= 0
    starts = np.concatenate([[0], np.cumsum(kept.sum(axis=1))]).astype(np.int32)
    return csr_array((values[kept], columns[kept], starts), shape=(len(values), len(values)))


def graph(degree: Vector, W: csr_array, rhs: Vector, pixels: npt.NDArray[np.intp]) -> System:
    """The system (D − W) x = b of a weighted graph, preconditioned by its diagonal.

    Args:
        degree: the diagonal of D, float64 (n,).
        W: weights, sparse (n, n) and symmetric. The diagonal may hold weights, which D then counts as well.
        rhs: b, float64 (n,).
        pixels: int (n,), flat index of each unknown's pixel. One without any weight is left at 0.
    """
    diagonal = degree - W.diagonal()
    inverse = 1 / np.where(diagonal > 0, diagonal, 1)
    return System(lambda x: degree * x - W @ x, rhs, lambda r: inverse * r, pixels)


def solve(
    image: Image,
    trimap: Trimap,
    build: Callable[[Image, Trimap], System],
    *,
    method: str,
    tolerance: float,
    max_iterations: int,
) -> Solution:
    """Find alpha in the unknown part of a trimap.

    Where the trimap names no foreground the solution is 0 throughout, and where it names foreground but no
    background it is 1; neither needs a system. A trimap with nothing unknown is returned as alpha.

    Args:
        image: float32 (H, W, 3), [0, 1].
        trimap: uint8 (H, W), 0 / 128 / 255.
        build: makes the system of the method.
        method: name that the solution carries.
        tolerance: relative residual at which to stop.
        max_iterations: conjugate-gradient steps at which to stop.

    Raises:
        InputError: an array of the wrong type or size, a tolerance or a number of steps below zero.
    """
    trimap = check_problem(image, trimap, tolerance, max_iterations)
    alpha = decided_alpha(trimap)
    if alpha is not None:
        return Solution(alpha, method, 0, 0.0, True)

    alpha = (trimap == FOREGROUND).astype(np.float32)
    with one_blas_thread:
        system = build(image, trimap)
        x, iterations, residual = conjugate_gradients(
            system.product, system.rhs, system.precondition, tolerance, max_iterations
        )
    alpha.ravel()[system.pixels] = np.clip(x, 0, 1)
    return Solution(alpha, method, iterations, residual, residual <= tolerance)


def check_problem(image: Image, trimap: Trimap, tolerance: float, max_iterations: int) -> Trimap:
    """The trimap as exact 0, 128 and 255, after checks of everything that each method is given.

    Raises:
        InputError: an array of the wrong type or size, a tolerance or a number of steps below zero.
    """
    check_image(image)
    trimap = check_trimap(trimap)
    check_same_size("trimap", trimap, "image", image)
    if not tolerance >= 0:
        raise InputError("tolerance", f"is {tolerance}", "zero and above is accepted")
    if max_iterations < 1:
        raise InputError("max_iterations", f"is {max_iterations}", "1 and above is accepted")
    return trimap


def decided_alpha(trimap: Trimap) -> Alpha | None:
    """The alpha that a trimap decides alone, float32 (H, W); None where there is something to estimate.

    It does so where nothing is unknown, and where one of foreground and background is not named at all.
    """
    foreground: Alpha = (trimap == FOREGROUND).astype(np.float32)
    if not (trimap == UNKNOWN).any() or not foreground.any():
        return foreground
    return None if (trimap == BACKGROUND).any() else np.ones_like(foreground)


def warn_unless_converged(solution: Solution, tolerance: float, advice: str, stacklevel: int = 3) -> Solution:
    """Return the solution of a public method, after a `ConvergenceWarning` if it missed its tolerance.

    Args:
        solution: what the method is about to return.
        tolerance: the relative residual it was to reach.
        advice: what to try, besides more steps and a larger tolerance.
        stacklevel: how many calls up the warning belongs to: 3 is the caller of the caller.
    """
    if not solution.converged:
        warnings.warn(
            f"{solution.method} matting stopped after {solution.iterations} iterations at a residual of "
            f"{solution.residual:.1e}, above the tolerance of {tolerance:.1e}; try more max_iterations, "
            f"a larger tolerance, {advice}",
            ConvergenceWarning,
            stacklevel=stacklevel,
        )
    return solution


def conjugate_gradients(
    product: Operator, rhs: Vector, precondition: Operator, tolerance: float, max_iterations: int
) -> tuple[Vector, int, float]:
    """Solve A x = b from x = 0 by preconditioned conjugate gradients (Hestenes and Stiefel 1952).

    Args:
        product: x ↦ A x, A symmetric and positive (semi-)definite.
        rhs: b, float64 (n,), in the range of A.
        precondition: r ↦ M r, M symmetric and positive definite.
        tolerance: stop when |A x − b| ≤ tolerance · |b|.
        max_iterations: stop after this many steps.

    Returns:
        x, the number of steps, and the relative residual.
    """
    x = np.zeros_like(rhs)
    size = float(np.linalg.norm(rhs))
    if size == 0:
        return x, 0, 0.0
    r = rhs.copy()
    p, rz, relative, step = np.zeros_like(rhs), 1.0, 1.0, 0
    while relative > tolerance and step < max_iterations:
        z = precondition(r)
        rz, previous = float(r @ z), rz
        if not rz > 0:  # rounding is all that is left of the residual
            break
        p *= rz / previous if step else 0.0
        p += z
        Ap = product(p)
        curvature = float(p @ Ap)
        if not curvature > 0:
            break
        x += (rz / curvature) * p
        r -= (rz / curvature) * Ap
        relative = float(np.linalg.norm(r)) / size
        step += 1
    return x, step, relative

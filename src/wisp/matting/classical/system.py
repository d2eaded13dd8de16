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
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter, minimum_filter
from scipy.sparse import csr_array

from wisp.core.arrays import (
    BACKGROUND,
    FOREGROUND,
    UNKNOWN,
    Alpha,
    Foreground,
    Image,
    Region,
    Trimap,
    check_at_least,
    check_image,
    check_same_size,
    check_trimap,
)
from wisp.core.progress import Progress, silent, within
from wisp.core.settings import AUTO
from wisp.core.threads import one_blas_thread
from wisp.matting.classical.guided_filter import guided_upsampling
from wisp.matting.classical.halving import halve
from wisp.matting.classical.tiling import overlapping_tiles

AT_ONCE: Final = AUTO.solved_pixels
"""Unknown pixels that are solved at once."""
SETTLED: Final = AUTO.settled
"""Alphas this near to 0 or 1 at half size are settled, as are those around them, before the full size."""
COARSE: Final = 0.2
"""Share of the work that the half size is, for `Progress`."""
DAMPED_STEPS: Final = 3
"""Times that a damped system is solved: what the damping slows has then nearly come to rest."""
BUILT: Final = 0.7
"""Share of the work on a part that its system is, before it is solved."""

Indices: TypeAlias = npt.NDArray[np.intp]
Vector: TypeAlias = npt.NDArray[np.float64]
Operator: TypeAlias = Callable[[Vector], Vector]


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
class Part:
    """A photo, or a tile of one, as a method's system is built of it.

    Attributes:
        image: float32 (h, w, 3), [0, 1].
        unknown: bool (h, w), the pixels that are solved for.
        alpha: float32 (h, w), what all others are held at; 0 where unknown. In a whole photo that is 0 or 1,
            in a tile any number between.
        size: rows and columns of the whole photo.
    """

    image: Image
    unknown: Region
    alpha: Alpha
    size: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class System:
    """The system A x = b of the unknown pixels.

    Attributes:
        product: x ↦ A x, A symmetric and positive (semi-)definite.
        rhs: b, float64 (n,).
        precondition: r ↦ M r, M close to the inverse of A, or of A + μ.
        pixels: int (n,), flat index of each unknown's pixel.
        damping: μ; above 0 it is not A x = b that is solved but (A + μ) x_j = b + μ x_{j−1}, a few times.
    """

    product: Operator
    rhs: Vector
    precondition: Operator
    pixels: Indices
    damping: float = 0.0


Build: TypeAlias = Callable[[Part, Progress], System]
"""Makes a method's system of a part, and tells its progress."""


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
    build: Build,
    *,
    method: str,
    tolerance: float,
    max_iterations: int,
    at_once: int = AT_ONCE,
    progress: Progress = silent,
) -> Solution:
    """Find alpha in the unknown part of a trimap.

    Where the trimap names no foreground the solution is 0 throughout, and where it names foreground but no
    background it is 1; neither needs a system. A trimap with nothing unknown is returned as alpha.

    A photo with more than `at_once` unknown pixels is solved at half its size first; alpha is brought to full
    size by its affine functions of colour, and pixels that are then clearly background or foreground are
    settled. If more than `at_once` are left, they are solved in tiles that overlap, each while all others
    are held at what the half size gave, and tiles are blended from their edges inwards: there are no seams.

    Args:
        image: float32 (H, W, 3), [0, 1].
        trimap: uint8 (H, W), 0 / 128 / 255.
        build: makes the system of the method.
        method: name that the solution carries.
        tolerance: relative residual at which to stop.
        max_iterations: conjugate-gradient steps at which to stop.
        at_once: unknown pixels that are solved at once, which bounds the memory.
        progress: called with the share that is done, from 0 to 1.

    Raises:
        InputError: an array of the wrong type or size, a tolerance below zero, or no step.
    """
    trimap = check_problem(image, trimap, tolerance, max_iterations)
    decided = decided_alpha(trimap)
    if decided is not None:
        return Solution(decided, method, 0, 0.0, True)

    alpha = (trimap == FOREGROUND).astype(np.float32)
    unknown = trimap == UNKNOWN
    solver = _Solver(build, tolerance, max_iterations)
    if np.count_nonzero(unknown) <= at_once:
        solver.fill(Part(image, unknown, alpha, alpha.shape), alpha, progress)
    else:
        small, coarse = halve(image, trimap)
        start = solve(
            small,
            coarse,
            build,
            method=method,
            tolerance=tolerance,
            max_iterations=max_iterations,
            at_once=at_once,
            progress=within(progress, 0, COARSE),
        )
        solver.done(start.iterations, start.residual)
        np.copyto(alpha, guided_upsampling(small, start.alpha, image), where=unknown)
        for kind, settled in (
            (0, maximum_filter(alpha, 3) < SETTLED),
            (1, minimum_filter(alpha, 3) > 1 - SETTLED),
        ):
            alpha[unknown & settled] = kind
            unknown &= ~settled
        if np.count_nonzero(unknown) <= at_once:
            held = np.where(unknown, np.float32(0), alpha)
            solver.fill(Part(image, unknown, held, alpha.shape), alpha, within(progress, COARSE))
        else:
            solver.fill_tiles(image, unknown, alpha, at_once, within(progress, COARSE))
    progress(1.0)
    return Solution(alpha, method, solver.iterations, solver.residual, solver.residual <= tolerance)


class _Solver:
    """Solves systems one after another and keeps count of the steps and of the largest residual."""

    def __init__(self, build: Build, tolerance: float, max_iterations: int) -> None:
        self._build, self._tolerance, self._max_iterations = build, tolerance, max_iterations
        self.iterations, self.residual = 0, 0.0

    def done(self, iterations: int, residual: float) -> None:
        self.iterations += iterations
        self.residual = max(self.residual, residual)

    def fill(self, part: Part, alpha: Alpha, progress: Progress) -> None:
        """Write the solution of a part into its alpha, float32 of the part's size, and start from what it is.

        So tiles of a method that stops early agree with the half size, and with each other.
        """
        with one_blas_thread:
            system = self._build(part, within(progress, 0, BUILT))
            x, iterations = alpha.ravel()[system.pixels].astype(np.float64), 0
            mu, turns = system.damping, DAMPED_STEPS if system.damping else 1
            for turn in range(turns):
                x, more, residual = conjugate_gradients(
                    (lambda v: system.product(v) + mu * v) if mu else system.product,
                    system.rhs + mu * x if mu else system.rhs,
                    system.precondition,
                    self._tolerance,
                    self._max_iterations - iterations,
                    within(
                        progress, BUILT + (1 - BUILT) * turn / turns, BUILT + (1 - BUILT) * (turn + 1) / turns
                    ),
                    start=x,
                )
                iterations += more
                if residual > self._tolerance:
                    break
        alpha[np.unravel_index(system.pixels, alpha.shape)] = np.clip(x, 0, 1)
        self.done(iterations, residual)

    def fill_tiles(
        self, image: Image, unknown: Region, alpha: Alpha, at_once: int, progress: Progress
    ) -> None:
        """Solve tiles that overlap, each held to the given alpha around it, and blend them."""
        todo = list(overlapping_tiles(unknown, at_once))
        total, weights = np.zeros_like(alpha), np.zeros_like(alpha)
        for k, tile in enumerate(todo):
            chosen, found = tile.unknown_of(unknown), alpha[tile.seen].copy()
            held = np.where(chosen, np.float32(0), found)
            share = within(progress, k / len(todo), (k + 1) / len(todo))
            self.fill(Part(image[tile.seen], chosen, held, alpha.shape), found, share)
            weight = tile.weight(unknown.shape)
            total[tile.solved] += weight * found[tile.inside]
            weights[tile.solved] += weight
            share(1.0)
        np.divide(total, weights, out=alpha, where=unknown)


def check_problem(image: Image, trimap: Trimap, tolerance: float, max_iterations: int) -> Trimap:
    """The trimap as exact 0, 128 and 255, after checks of everything that each method is given.

    Raises:
        InputError: an array of the wrong type or size, a tolerance below zero, or no step.
    """
    check_image(image)
    trimap = check_trimap(trimap)
    check_same_size("trimap", trimap, "image", image)
    check_at_least(0, tolerance=tolerance)
    check_at_least(1, max_iterations=max_iterations)
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
    product: Operator,
    rhs: Vector,
    precondition: Operator,
    tolerance: float,
    max_iterations: int,
    progress: Progress = silent,
    *,
    start: Vector | None = None,
) -> tuple[Vector, int, float]:
    """Solve A x = b by preconditioned conjugate gradients (Hestenes and Stiefel 1952).

    Args:
        product: x ↦ A x, A symmetric and positive (semi-)definite.
        rhs: b, float64 (n,), in the range of A.
        precondition: r ↦ M r, M symmetric and positive definite.
        tolerance: stop when |A x − b| ≤ tolerance · |b|.
        max_iterations: stop after this many steps.
        progress: called after each step with the share of the digits that are won.
        start: x to begin with, float64 (n,); 0 when None.

    Returns:
        x, the number of steps, and the relative residual.
    """
    x = np.zeros_like(rhs)
    size = float(np.linalg.norm(rhs))
    if size == 0:
        return x, 0, 0.0
    r, relative = rhs.copy(), 1.0
    if start is not None and start.any():
        x += start
        r -= product(x)
        relative = float(np.linalg.norm(r)) / size
    p, rz, step = np.zeros_like(rhs), 1.0, 0
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
        if 0 < relative < 1 and 0 < tolerance < 1:
            progress(min(1.0, float(np.log(relative) / np.log(tolerance))))
    return x, step, relative

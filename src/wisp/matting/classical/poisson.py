"""Poisson matting: Sun, Jia, Tang and Shum 2004, *Poisson Matting*.

Where the colours of foreground F and background B vary less than alpha, the gradient of I = α F + (1 − α) B
is (F − B) ∇α, so that alpha has the photo's gradients, scaled ::

    ∇α ≈ ∇I / (F − B)        Δα = div( ∇I / (F − B) )  in the unknown part, α held around it

Globally, I is grey. F and B of an unknown pixel are those of the nearest known pixels, F − B is smoothed, and
the equation is solved. Then pixels whose alpha is above 0.95 and whose colour is near F become sources of F,
those below 0.05 near B sources of B, and all is done again until alpha rests.

Locally, in a region where that failed, the gradients are those of another channel, and the alpha around the
region is held ::

    ∇α = A (∇I − D)

Channel selection mixes red, green and blue with weights that sum to 1 such that a stroke over the background
has the least variance; with D the gradients of a blurred I, the high-pass filter, slow changes of F and B do
not count; A = 1 / (F − B), times `boost`.

Departures: the 5-point equation is factorised once instead of relaxed; |F − B| is kept above `CONTRAST`, and
the paper's widths of the smoothing, which it does not give, are ours. Its diffusion and clone brushes are not
here: they paint alpha by hand.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter
from scipy.sparse import coo_array
from scipy.spatial import cKDTree

from wisp.core.arrays import (
    LUMA,
    UNKNOWN,
    Alpha,
    Image,
    Region,
    Trimap,
    check_above_zero,
    check_alpha,
    check_at_least,
    check_image,
    check_same_size,
    check_trimap,
)
from wisp.core.errors import InputError
from wisp.core.progress import Progress, silent
from wisp.core.threads import one_blas_thread
from wisp.matting.classical.cholesky import nested_dissection
from wisp.matting.classical.local_linear import factorise
from wisp.matting.classical.system import (
    AT_ONCE,
    Part,
    Solution,
    System,
    Vector,
    solve,
    warn_unless_converged,
)

METHOD: Final = "poisson"
SURE: Final = 0.05
"""Alphas this near to 0 and 1 make sources of new colours, in the paper."""
ALIKE: Final = 10 / 255
"""How near a source's grey has to be to the foreground's or background's estimate."""
CONTRAST: Final = 10 / 255
"""|F − B| is at least this."""
SMOOTHING: Final = 2.0
"""Standard deviation that F − B is smoothed with, pixels."""
RESTS: Final = 0.5 / 255
"""Mean change of alpha at which the estimates of F and B are good enough."""


def poisson(
    image: Image,
    trimap: Trimap,
    *,
    refinements: int = 3,
    tolerance: float = 1e-6,
    max_iterations: int = 100,
    at_once: int = AT_ONCE,
    progress: Progress = silent,
) -> Solution:
    """Estimate alpha by global Poisson matting (Sun et al. 2004).

    Args:
        image: float32 (H, W, 3), [0, 1].
        trimap: uint8 (H, W), 0 / 128 / 255.
        refinements: times that F and B are estimated anew at most; the paper names no number.
        tolerance: relative residual at which the solver stops.
        max_iterations: steps at which it gives up.
        at_once: unknown pixels that are solved at once, which bounds the memory.
        progress: called with the share of the work that is done, from 0 to 1.

    Returns:
        Alpha and how the solve went. With no known foreground alpha is 0 in the unknown part, with no known
        background 1.

    Raises:
        InputError: arrays of other types or sizes, a number of refinements below zero.

    Warns:
        ConvergenceWarning: when the tolerance was not reached.
    """
    check_at_least(0, refinements=refinements)
    solution = solve(
        image,
        trimap,
        lambda part, told: _global_system(part, refinements, told),
        method=METHOD,
        tolerance=tolerance,
        max_iterations=max_iterations,
        at_once=at_once,
        progress=progress,
    )
    return warn_unless_converged(solution, tolerance, "a trimap with more known pixels")


def local_poisson(
    image: Image,
    trimap: Trimap,
    alpha: Alpha,
    region: Region,
    *,
    background: Region | None = None,
    high_pass: float = 0.0,
    boost: float = 1.0,
) -> Alpha:
    """Alpha with a region matted anew by local Poisson matting (Sun et al. 2004); outside it is as it was.

    Args:
        image: float32 (H, W, 3), [0, 1].
        trimap: uint8 (H, W), 0 / 128 / 255; what it knows stays.
        alpha: float32 (H, W), [0, 1], the global step's or any other method's.
        region: bool (H, W), where alpha is to be found anew from its values around.
        background: bool (H, W), a stroke over background whose colours the channel should make alike; without
            one the channel is grey.
        high_pass: standard deviation in pixels of the blur whose gradients are taken off; 0 for none.
        boost: factor of the gradients; above 1 sharpens a matte that came out too flat.

    Raises:
        InputError: arrays of other types or sizes, a stroke without pixels, numbers out of their range.
    """
    trimap = check_trimap(trimap)
    check_same_size("trimap", trimap, "image", check_image(image))
    for name, array in (("alpha", check_alpha(alpha)), ("region", region), ("background", background)):
        if array is not None:
            check_same_size(name, array, "image", image)
    check_at_least(0, high_pass=high_pass)
    check_above_zero(boost=boost)
    unknown = (trimap == UNKNOWN) & region
    result = alpha.copy()
    if not unknown.any():
        return result
    weights = np.array(LUMA) if background is None else steadiest_channel(image[background])
    channel: Vector = image.astype(np.float64) @ weights
    with one_blas_thread:
        equation = _Equation(unknown)
        inverse = equation.inverse_contrast(channel, alpha >= 1 - SURE, alpha <= SURE)
        if high_pass:
            channel = channel - gaussian_filter(channel, high_pass)
        found = equation.solve(channel, inverse * boost, np.where(unknown, np.float32(0), alpha))
    result[unknown] = np.clip(found, 0, 1)
    return result


def steadiest_channel(colours: npt.NDArray[np.float32]) -> Vector:
    """Weights of red, green and blue, float64 (3,) with the sum 1, that make colours (n, 3) vary least.

    Raises:
        InputError: no colours.
    """
    if not len(colours):
        raise InputError("background", "has no pixels", "a stroke over the background is accepted")
    covariance = np.cov(colours.astype(np.float64).T, bias=True) + np.eye(3) * 1e-6
    weights = np.linalg.solve(covariance, np.ones(3))
    return np.asarray(weights / weights.sum(), np.float64)


def _global_system(part: Part, refinements: int, progress: Progress) -> System:
    channel: Vector = part.image.astype(np.float64) @ np.array(LUMA)
    equation = _Equation(part.unknown)
    foreground, background = part.alpha >= 1, ~part.unknown & (part.alpha <= 0)
    inverse = equation.inverse_contrast(channel, foreground, background)
    alpha = part.alpha.astype(np.float64)
    for turn in range(refinements):
        progress((turn + 1) / (refinements + 1))
        found = np.clip(equation.solve(channel, inverse, part.alpha), 0, 1)
        change = np.abs(found - alpha[part.unknown]).mean()
        alpha[part.unknown] = found
        F, B = (equation.nearest_values(channel, kind) for kind in (foreground, background))
        if F is None or B is None or change < RESTS:
            break
        own = channel[part.unknown]
        more_foreground, more_background = foreground.copy(), background.copy()
        more_foreground[part.unknown] = (found > 1 - SURE) & (np.abs(own - F) < ALIKE)
        more_background[part.unknown] = (found < SURE) & (np.abs(own - B) < ALIKE)
        inverse = equation.inverse_contrast(channel, more_foreground, more_background)
    return equation.system(channel, inverse, part.alpha)


class _Equation:
    """The 5-point Poisson equation of some pixels, factorised; the photo's border is free.

    Args:
        unknown: bool (h, w), at least one.
    """

    def __init__(self, unknown: Region) -> None:
        rows, columns = np.nonzero(unknown)
        self._unknown, self._rows, self._columns = unknown, rows, columns
        self._ordering = nested_dissection(rows, columns, 1)
        count, (height, width) = len(rows), unknown.shape
        number = np.full(unknown.shape, -1, np.int32)
        place = np.empty(count, np.int32)
        place[self._ordering.order] = np.arange(count, dtype=np.int32)
        number[rows, columns] = place
        degree = np.zeros(count)
        ends, self._around = [], []
        for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            y, x = rows + dy, columns + dx
            i = np.flatnonzero((y >= 0) & (y < height) & (x >= 0) & (x < width))
            self._around.append((i, y[i], x[i]))
            degree[i] += 1
            other = number[y[i], x[i]]
            later = other > place[i]
            ends.append(np.stack([place[i[later]], other[later]]))
        coupled = np.concatenate(ends, axis=1)
        entries = np.concatenate([np.full(coupled.shape[1], -1.0), degree])
        diagonal = np.stack([place, place])
        self._upper = coo_array(
            (entries, np.concatenate([coupled, diagonal], axis=1)), shape=(count, count)
        ).tocsr()
        self._place = place
        self._factor = factorise(self._upper, self._ordering)

    def inverse_contrast(self, channel: Vector, foreground: Region, background: Region) -> Vector:
        """1 / (F − B) of each unknown pixel, float64 (n,), from the nearest sources; 0 if a kind has none."""
        F, B = (self.nearest_values(channel, kind) for kind in (foreground, background))
        if F is None or B is None:
            return np.zeros(len(self._rows))
        margin = int(4 * SMOOTHING) + 1
        top, left = max(0, int(self._rows.min()) - margin), max(0, int(self._columns.min()) - margin)
        size = int(self._rows.max()) + margin - top + 1, int(self._columns.max()) + margin - left + 1
        place = self._rows - top, self._columns - left
        planes = np.zeros((2, *size))
        planes[0][place], planes[1][place] = F - B, 1
        smooth, inside = gaussian_filter(planes, (0, SMOOTHING, SMOOTHING), mode="constant")
        contrast = smooth[place] / inside[place]
        result: Vector = 1 / np.where(
            contrast < 0, np.minimum(contrast, -CONTRAST), np.maximum(contrast, CONTRAST)
        )
        return result

    def nearest_values(self, channel: Vector, sources: Region) -> Vector | None:
        """The channel at the source nearest to each unknown pixel, float64 (n,); None where there is none."""
        rim = _rim(sources)
        y, x = np.nonzero(rim)
        if not len(y):
            return None
        nearest = cKDTree(np.column_stack([y, x])).query(np.column_stack([self._rows, self._columns]))[1]
        of_nearest = channel[y[nearest], x[nearest]]
        own = sources[self._rows, self._columns]
        return np.where(own, channel[self._rows, self._columns], of_nearest)

    def solve(self, channel: Vector, inverse: Vector, held: Alpha) -> Vector:
        """Alpha of the unknown pixels, float64 (n,), with gradients `inverse` times those of the channel."""
        found: Vector = self._factor.solve(self._rhs(channel, inverse, held))[self._place]
        return found

    def system(self, channel: Vector, inverse: Vector, held: Alpha) -> System:
        """The equation as a system that its own factor preconditions."""
        upper, diagonal, lower = self._upper, self._upper.diagonal(), self._upper.T
        pixels = self._rows * self._unknown.shape[1] + self._columns
        return System(
            lambda x: upper @ x + lower @ x - diagonal * x,
            self._rhs(channel, inverse, held),
            self._factor.solve,
            pixels[self._ordering.order],
        )

    def _rhs(self, channel: Vector, inverse: Vector, held: Alpha) -> Vector:
        scale = np.zeros(self._unknown.shape)
        scale[self._rows, self._columns] = inverse
        own = channel[self._rows, self._columns]
        rhs = np.zeros(len(own))
        for i, y, x in self._around:
            between = np.where(self._unknown[y, x], (inverse[i] + scale[y, x]) / 2, inverse[i])
            rhs[i] += held[y, x] + between * (own[i] - channel[y, x])
        return rhs[self._ordering.order]


def _rim(chosen: Region) -> Region:
    """Choose the pixels, of those chosen, that have a neighbour which is not, or lie at the border."""
    inner = np.zeros_like(chosen)
    inner[1:-1, 1:-1] = chosen[2:, 1:-1] & chosen[:-2, 1:-1] & chosen[1:-1, 2:] & chosen[1:-1, :-2]
    return chosen & ~inner

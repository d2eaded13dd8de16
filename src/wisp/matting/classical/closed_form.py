"""Closed-form matting: Levin, Lischinski and Weiss 2008, *A Closed-Form Solution to Natural Image Matting*.

In every window w of |w| pixels alpha is taken to be an affine function of colour. What no such function
explains is the energy; with μ and Σ the mean and covariance of the window's colours, its matrix is

    L_ij = Σ_{w ∋ i,j} ( δ_ij − (1 + (I_i − μ)ᵀ (Σ + ε/|w| · 1)⁻¹ (I_j − μ)) / |w| )

which is 1 − G Gᵀ a window with G = (1, (I − μ) C) / √|w| and C Cᵀ = (Σ + ε/|w| · 1)⁻¹.

Departures that do not change the minimum: known pixels are eliminated instead of being held by a large
weight, and the system is solved by a sparse factorisation in float32 whose rounding conjugate gradients
remove. A photo with fewer rows or columns than a window has is continued by its last ones.

The factor takes about a kilobyte a pixel. Where more than `at_once` pixels are unknown, the photo is solved
at half its size first, as in the authors' own code: alpha is brought to full size by its affine functions
of colour, and only pixels that are then neither clearly background nor clearly foreground are solved
exactly.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from wisp.core.arrays import FOREGROUND, UNKNOWN, Image, Trimap
from wisp.core.progress import Progress, silent
from wisp.matting.classical.local_linear import solve_windows, window_laplacian
from wisp.matting.classical.system import AT_ONCE, Indices, Solution, Vector, warn_unless_converged

METHOD: Final = "closed-form"
EPSILON: Final = 1e-7
"""The paper's ε."""
TOLERANCE: Final = 1e-6
"""Relative residual at which the solver stops: no worse than other implementations (docs/classical.md)."""


def closed_form(
    image: Image,
    trimap: Trimap,
    *,
    epsilon: float = EPSILON,
    radius: int = 1,
    tolerance: float = TOLERANCE,
    max_iterations: int = 100,
    at_once: int = AT_ONCE,
    warn: bool = True,
    progress: Progress = silent,
) -> Solution:
    """Estimate alpha by closed-form matting (Levin, Lischinski and Weiss 2008).

    Args:
        image: float32 (H, W, 3), [0, 1].
        trimap: uint8 (H, W), 0 / 128 / 255.
        epsilon: ε, weight of the penalty on steep affine functions; larger is smoother.
        radius: windows are (2 radius + 1)² pixels; 1 in the paper.
        tolerance: relative residual at which the solver stops.
        max_iterations: steps at which it gives up.
        at_once: unknown pixels that are solved at once, which bounds the memory.
        warn: whether a tolerance that was not reached is warned of; the solution tells of it either way.
        progress: called with the share of the work that is done, from 0 to 1.

    Returns:
        Alpha and how the solve went. With no known foreground alpha is 0 in the unknown part, with no known
        background 1.

    Raises:
        InputError: arrays of other types or sizes, an epsilon that is not above zero, a radius below 1.

    Warns:
        ConvergenceWarning: when the tolerance was not reached.
    """
    solution = solve_windows(
        image,
        trimap,
        partial(explained, epsilon=epsilon),
        method=METHOD,
        regularization=("epsilon", epsilon),
        radius=radius,
        tolerance=tolerance,
        max_iterations=max_iterations,
        at_once=at_once,
        progress=progress,
    )
    advice = "a larger epsilon, a smaller photo, or a trimap with more known pixels"
    return warn_unless_converged(solution, tolerance, advice) if warn else solution


def matting_laplacian(
    image: Image,
    trimap: Trimap,
    rows: Indices,
    columns: Indices,
    epsilon: float,
    radius: int,
    progress: Progress = silent,
) -> tuple[csr_array, Vector]:
    """The upper triangle of L_UU with the unknown pixels in the given order, and −L_UK α_K.

    Args:
        image: float32 (H, W, 3), [0, 1].
        trimap: uint8 (H, W), 0 / 128 / 255.
        rows: int (n,), of the unknown pixels.
        columns: int (n,).
        epsilon: ε.
        radius: windows are (2 radius + 1)² pixels.
        progress: called with the share that is done, from 0 to 1.
    """
    known = (trimap == FOREGROUND).astype(np.float32)
    factors = partial(explained, epsilon=epsilon)
    return window_laplacian(image, trimap == UNKNOWN, known, rows, columns, factors, radius, progress)


def explained(colours: npt.NDArray[np.float32], epsilon: float) -> npt.NDArray[np.float64]:
    """G of the module's equation, float64 (|w|, 4, windows), from colours, float32 (|w|, windows, 3)."""
    area = len(colours)
    centred = np.ascontiguousarray(colours.transpose(2, 0, 1), dtype=np.float64)
    centred -= centred.mean(axis=1, keepdims=True)
    r, g, b = centred
    variance = [[np.einsum("aw,aw->w", s, t) / area for t in centred] for s in centred]
    # Cholesky of Σ + ε/|w|, and forward substitution: Σ⁻¹ = CCᵀ with (I − μ) C = the solved rows.
    rr, gg, bb = (variance[c][c] + epsilon / area for c in range(3))
    l00 = np.sqrt(rr)
    l10, l20 = variance[0][1] / l00, variance[0][2] / l00
    l11 = np.sqrt(gg - l10 * l10)
    l21 = (variance[1][2] - l20 * l10) / l11
    l22 = np.sqrt(bb - l20 * l20 - l21 * l21)
    G = np.empty((area, 4, colours.shape[1]))
    G[:, 0] = 1
    G[:, 1] = r / l00
    G[:, 2] = (g - l10 * G[:, 1]) / l11
    G[:, 3] = (b - l20 * G[:, 1] - l21 * G[:, 2]) / l22
    G /= np.sqrt(area)
    return G

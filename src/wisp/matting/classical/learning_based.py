"""Learning-based matting: Zheng and Kambhamettu 2009, *Learning Based Digital Matting*.

The alpha of a pixel is learnt from those of its window: ridge regression on colours gives each pixel of a
window w as a linear combination of all of them, and the energy is what that leaves over. With X the |w|×4
matrix of rows (I_i, 1) and λ the ridge ::

    F = X Xᵀ (X Xᵀ + λ 1)⁻¹        energy of w:  |α − F α|² = αᵀ (1 − F)ᵀ (1 − F) α

With M = (XᵀX + λ 1)⁻¹, a 4×4 matrix, 1 − F = 1 − X M Xᵀ, and its square is ::

    (1 − F)² = 1 − X (M + λ M²) Xᵀ = 1 − G Gᵀ ,        G = X (M (1 + λ M))^½

so that only 4×4 matrices are inverted, and the sparse system has the entries of closed-form matting's.

This is the paper's local learning with a linear model, as for trimaps: all windows that hold a pixel have
their say about it. Its kernels for nonlinear models are not here. Departures that do not change the minimum:
known pixels are eliminated instead of being held by a large weight, and the system is factorised
(`wisp.matting.classical.local_linear`).

One that does: the energy of a window has the square of the ridge where closed-form matting's has the first
power, so that whole regions of another colour than their surroundings, such as holes between leaves, are
hardly held by anything, and the exact minimum fills them with what lies around them. Other implementations
start at background and stop before they are there. Here a proximal term does so, and always as much ::

    α₀ = 0 ,    α_j = argmin  E(α) + μ |α_U − α_{j−1}|² ,    j = 1 … 3
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from wisp.core.arrays import Image, Trimap, check_at_least
from wisp.core.progress import Progress, silent
from wisp.matting.classical.local_linear import solve_windows
from wisp.matting.classical.system import AT_ONCE, Solution, warn_unless_converged

METHOD: Final = "learning-based"


def learning_based(
    image: Image,
    trimap: Trimap,
    *,
    ridge: float = 1e-7,
    radius: int = 1,
    damping: float = 3e-6,
    tolerance: float = 1e-6,
    max_iterations: int = 100,
    at_once: int = AT_ONCE,
    progress: Progress = silent,
) -> Solution:
    """Estimate alpha by learning-based matting (Zheng and Kambhamettu 2009), with its local linear model.

    Args:
        image: float32 (H, W, 3), [0, 1].
        trimap: uint8 (H, W), 0 / 128 / 255.
        ridge: λ of the regression; larger is smoother.
        radius: windows are (2 radius + 1)² pixels; 1 in the paper.
        damping: μ; the larger, the more of what hardly anything holds stays background. 0 gives the minimum.
        tolerance: relative residual at which the solver stops.
        max_iterations: steps at which it gives up.
        at_once: unknown pixels that are solved at once, which bounds the memory.
        progress: called with the share of the work that is done, from 0 to 1.

    Returns:
        Alpha and how the solve went. With no known foreground alpha is 0 in the unknown part, with no known
        background 1.

    Raises:
        InputError: arrays of other types or sizes, a ridge that is not above zero, a radius below 1, a
            damping below zero.

    Warns:
        ConvergenceWarning: when the tolerance was not reached.
    """
    check_at_least(0, damping=damping)
    solution = solve_windows(
        image,
        trimap,
        partial(explained, ridge=ridge),
        method=METHOD,
        regularization=("ridge", ridge),
        radius=radius,
        damping=damping,
        tolerance=tolerance,
        max_iterations=max_iterations,
        at_once=at_once,
        progress=progress,
    )
    return warn_unless_converged(solution, tolerance, "a larger ridge, or a trimap with more known pixels")


def explained(colours: npt.NDArray[np.float32], ridge: float) -> npt.NDArray[np.float64]:
    """G of the module's equation, float64 (|w|, 4, windows), from colours, float32 (|w|, windows, 3)."""
    X = np.ones((4, len(colours), colours.shape[1]))
    X[:3] = colours.transpose(2, 0, 1)
    eye = np.eye(4)[..., None]
    # XᵀX + λ 1 = K Kᵀ, so that with N = K⁻¹ M = NᵀN and M + λ M² = Nᵀ (1 + λ N Nᵀ) N = (C N)ᵀ (C N), C upper.
    K = _cholesky(np.einsum("iaw,jaw->ijw", X, X) + ridge * eye)
    N = _solve_lower(K, np.broadcast_to(eye, K.shape))
    C = _cholesky(eye + ridge * np.einsum("ikw,jkw->ijw", N, N))
    rows: npt.NDArray[np.float64] = np.einsum("kiw,kaw->aiw", C, _solve_lower(K, X))
    return rows


def _cholesky(A: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The lower factors of matrices, both (n, n, windows)."""
    L = np.zeros(A.shape)
    for i in range(len(A)):
        for j in range(i + 1):
            rest = A[i, j] - np.einsum("kw,kw->w", L[i, :j], L[j, :j])
            L[i, j] = np.sqrt(rest) if i == j else rest / L[j, j]
    return L


def _solve_lower(L: npt.NDArray[np.float64], B: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """X of L X = B, with lower triangles L, (n, n, windows), and B, (n, k, windows)."""
    X = np.empty(B.shape)
    for i in range(len(L)):
        X[i] = (B[i] - np.einsum("kw,kaw->aw", L[i, :i], X[:i])) / L[i, i]
    return X

"""The guided filter: He, Sun and Tang 2010, *Guided Image Filtering*.

In every window alpha is fitted by an affine function a·I + b of the guide; a pixel's result is the mean of
what the windows around it say. Edges of the guide are kept, noise on either side of them is averaged away.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter

from wisp.core.arrays import Alpha, Float, check_above_zero, check_alpha, check_at_least, check_same_size
from wisp.core.errors import InputError
from wisp.matting.classical.halving import double

Plane = npt.NDArray[np.float64]


def guided_filter(guide: Float, alpha: Alpha, *, radius: int = 8, epsilon: float = 1e-4) -> Alpha:
    """Smooth an alpha along the edges of a photo (He, Sun and Tang 2010).

    Args:
        guide: the photo, float32 (H, W, 3), or one grey plane of it, float32 (H, W); [0, 1]. Colour tells
            edges apart that have the same grey, at about three times the cost.
        alpha: float32 (H, W), [0, 1].
        radius: windows are (2 radius + 1)² pixels, cut off at the border of the photo.
        epsilon: variance of the guide below which a window counts as flat.

    Returns:
        Alpha, float32 (H, W), [0, 1].

    Raises:
        InputError: arrays of other types or sizes, a radius below 1, an epsilon that is not above zero.
    """
    check_alpha(alpha)
    if guide.dtype != np.float32 or guide.ndim not in (2, 3) or (guide.ndim == 3 and guide.shape[2] != 3):
        raise InputError(
            "guide", f"is {guide.dtype} {guide.shape}", "float32 (H, W, 3) or (H, W) in [0, 1] is accepted"
        )
    check_same_size("guide", guide, "alpha", alpha)
    check_at_least(1, radius=radius)
    check_above_zero(epsilon=epsilon)
    a, b = _fit(guide, alpha, radius, epsilon)
    result = b + sum(slope * plane for slope, plane in zip(a, _planes(guide), strict=True))
    return np.clip(result, 0, 1).astype(np.float32)


def guided_upsampling(
    small: Float, alpha: Alpha, guide: Float, *, radius: int = 1, epsilon: float = 1e-7
) -> Alpha:
    """Double the size of an alpha along the edges of a photo (He and Sun 2015, *Fast Guided Filter*).

    The affine functions of colour are fitted at the small size, interpolated, and applied to the large photo.

    Args:
        small: the photo at half its size, rounded up: float32 (⌈H/2⌉, ⌈W/2⌉, 3), [0, 1].
        alpha: alpha at half its size, float32 (⌈H/2⌉, ⌈W/2⌉), [0, 1].
        guide: the photo, float32 (H, W, 3), [0, 1].
        radius: windows are (2 radius + 1)² pixels of the small photo.
        epsilon: variance of the guide below which a window counts as flat.

    Returns:
        Alpha, float32 (H, W), [0, 1].
    """
    size = guide.shape[:2]
    a, b = _fit(small, alpha, radius, epsilon)
    result = double(b.astype(np.float32), size)
    for c, slope in enumerate(a):
        result += double(slope.astype(np.float32), size) * guide[..., c]
    return np.clip(result, 0, 1, out=result)


def _fit(guide: Float, alpha: Alpha, radius: int, epsilon: float) -> tuple[list[Plane], Plane]:
    """Slopes and offset of alpha as a function of the guide: means over the windows around each pixel."""
    size = 2 * radius + 1
    inside = uniform_filter(np.ones(alpha.shape), size, mode="constant")

    def mean(plane: Plane) -> Plane:
        total: Plane = uniform_filter(plane, size, mode="constant")
        return total / inside

    I, p = _planes(guide), alpha.astype(np.float64)  # noqa: E741
    mean_I, mean_p = [mean(plane) for plane in I], mean(p)
    covariance = [mean(plane * p) - m * mean_p for plane, m in zip(I, mean_I, strict=True)]
    variance = [[mean(I[c] * I[d]) - mean_I[c] * mean_I[d] for d in range(c + 1)] for c in range(len(I))]
    for c in range(len(I)):
        variance[c][c] += epsilon
    a = _solve(variance, covariance)
    b = mean_p - sum(slope * m for slope, m in zip(a, mean_I, strict=True))
    return [mean(slope) for slope in a], mean(b)


def _planes(guide: Float) -> list[Plane]:
    return list(np.atleast_3d(guide).transpose(2, 0, 1).astype(np.float64))


def _solve(matrix: list[list[Plane]], rhs: list[Plane]) -> list[Plane]:
    """Solve a small symmetric positive definite system at each pixel by Cholesky's method.

    Args:
        matrix: lower triangle, ``matrix[row][column]`` with column ≤ row.
        rhs: one plane a row.
    """
    L: list[list[Plane]] = []
    for i, row in enumerate(matrix):
        L.append([])
        for j in range(i):
            L[i].append((row[j] - sum(L[i][k] * L[j][k] for k in range(j))) / L[j][j])
        L[i].append(np.sqrt(row[i] - sum(L[i][k] ** 2 for k in range(i))))
    x = list(rhs)
    for i in range(len(x)):
        x[i] = (x[i] - sum(L[i][k] * x[k] for k in range(i))) / L[i][i]
    for i in reversed(range(len(x))):
        x[i] = (x[i] - sum(L[k][i] * x[k] for k in range(i + 1, len(x)))) / L[i][i]
    return x

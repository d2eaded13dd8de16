"""Poisson image editing: a subject set into a picture by its gradients, so that no seam shows.

Pérez, Gangnet, Blake 2003, "Poisson Image Editing" (SIGGRAPH).

Within the region Ω the result f has gradients as close as can be to a guidance field v, and at the region's
edge it meets the target f*. For each pixel p with its neighbours q in the image, Nₚ (equation 7 there),

    |Nₚ| fₚ − Σ f_q (q ∈ Nₚ within Ω) = Σ f*_q (q ∈ Nₚ outside Ω) + Σ v_pq (q ∈ Nₚ)

The guidance is the source's own difference gₚ − g_q (seamless) or, channel by channel, the target's where
that is larger (mixed). What is solved for is f − g, by multigrid (`wisp.compositing.multigrid`), to within
0.2/255.

Beyond the paper:

- Plain blending tints the whole subject with the target's colours along the edge. `keep_colours` adds λ Σ
  |f − g|² to what is minimised, the screened Poisson equation (Bhat et al. 2008, "Fourier Analysis of the
  2D Screened Poisson Equation for Gradient Domain Problems"): the tint fades with the distance from the
  edge.
- Ω reaches as far as alpha is not zero, and what was solved for is laid over the target by alpha, so that
  soft hair stays soft. For a mask of zeros and ones that is the paper's equation.
- Where the region meets the image's own edge nothing is asked of it there. A region that fills the image
  has no edge to meet: the result keeps the source's mean colour.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

import numpy as np
from scipy import fft

from wisp.compositing.multigrid import Sides, solve_poisson
from wisp.core.arrays import (
    CLEAR,
    Alpha,
    Background,
    Float,
    Image,
    Mask,
    Region,
    as_alpha,
    as_image,
    check_number,
    check_same_size,
)
from wisp.core.errors import InputError
from wisp.core.regions import bounding_box

Gradients: TypeAlias = Literal["seamless", "mixed"]

MOST_KEPT: Final = 1e6
"""The largest `keep_colours`: a tint gone within a millionth of the subject, when its colours are its own."""


def poisson_blend(
    source: Image,
    alpha: Alpha | Mask,
    target: Background,
    *,
    gradients: Gradients = "seamless",
    keep_colours: float = 0.0,
) -> Image:
    """Set a subject into a picture without a seam.

    Args:
        source: float32 (H, W, 3), [0, 1]; the subject's foreground colours (for soft edges) or its photo.
            Here and below, uint8, uint16 and other floats are converted (`wisp.core.arrays.as_image`).
        alpha: float32 (H, W), [0, 1]; a matte, or a mask of zeros and ones.
        target: float32 (H, W, 3), [0, 1]; the picture it is set into.
        gradients: ``"seamless"``, the source's gradients; ``"mixed"``, the larger of both, which lets the
            target's texture through a smooth source.
        keep_colours: 0 blends as in the paper. Otherwise the target's tint fades with the distance from the
            region's edge, by a factor e over 1 / `keep_colours` of its size (the square root of its area); 10
            keeps most of a person untinted.

    Returns:
        float32 (H, W, 3), [0, 1]; the target where alpha is 0.

    Raises:
        InputError: an array of another kind or size, values out of [0, 1] or NaN, unknown gradients, a
            `keep_colours` out of [0, 10⁶].
    """
    source, target, alpha = as_image(source, "source"), as_image(target, "target"), as_alpha(alpha)
    check_same_size("alpha", alpha, "source", source)
    check_same_size("target", target, "source", source)
    if gradients not in get_args(Gradients):
        raise InputError("gradients", f"is {gradients!r}", f"{', '.join(get_args(Gradients))} are accepted")
    keep_colours = check_number(keep_colours, "keep_colours", 0, MOST_KEPT)
    region = alpha > CLEAR
    found = bounding_box(region)
    if found is None:
        return target.copy()
    box = found.slices
    part = region[box]
    right_hand = _right_hand(region, source, target, box, mixed=gradients == "mixed")
    screening = float(keep_colours**2 / region.sum())
    if region.all() and screening == 0:
        difference = _solve_without_edge(right_hand)
    else:
        difference = solve_poisson(
            part, right_hand, open_sides=_open_sides(box, region.shape), screening=screening
        )
    blended = source[box] + difference.transpose(1, 2, 0)
    np.clip(blended, 0, 1, out=blended)
    blended -= target[box]
    blended *= (alpha[box] * part)[..., None]
    result = target.copy()
    result[box] += blended
    return np.clip(result, 0, 1, out=result)


def _right_hand(
    region: Region, source: Image, target: Image, box: tuple[slice, slice], *, mixed: bool
) -> Float:
    """Right-hand side for f − g: Σ_{q ∉ Ω} (f* − g)_q + Σ_q (v_pq − (gₚ − g_q)), (3, h, w) of the box."""
    rows, columns = (slice(max(0, s.start - 1), s.stop + 1) for s in box)
    g = np.ascontiguousarray(source[rows, columns].transpose(2, 0, 1))
    f = np.ascontiguousarray(target[rows, columns].transpose(2, 0, 1))
    inside = region[rows, columns]
    outside = f - g
    outside *= ~inside
    total = np.zeros_like(g)
    total[:, :-1] += outside[:, 1:]
    total[:, 1:] += outside[:, :-1]
    total[:, :, :-1] += outside[:, :, 1:]
    total[:, :, 1:] += outside[:, :, :-1]
    if mixed:
        for low, high in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:, :, :-1], np.s_[:, :, 1:])):
            own, other = g[low] - g[high], f[low] - f[high]
            excess = np.where(np.abs(other) > np.abs(own), other - own, np.float32(0))
            total[low] += excess
            total[high] -= excess
    top, left = box[0].start - rows.start, box[1].start - columns.start
    h, w = box[0].stop - box[0].start, box[1].stop - box[1].start
    return total[:, top : top + h, left : left + w]


def _solve_without_edge(right_hand: Float) -> Float:
    """Solve over a whole image, no edge anywhere and with mean 0, by the cosine transform."""
    _, h, w = right_hand.shape
    eigenvalues = (2 - 2 * np.cos(np.pi * np.arange(h) / h))[:, None] + (
        2 - 2 * np.cos(np.pi * np.arange(w) / w)
    )
    eigenvalues[0, 0] = np.inf
    spectrum = fft.dctn(right_hand, axes=(1, 2), norm="ortho") / eigenvalues.astype(np.float32)
    solution: Float = fft.idctn(spectrum, axes=(1, 2), norm="ortho")
    return solution


def _open_sides(box: tuple[slice, slice], shape: tuple[int, ...]) -> Sides:
    rows, columns = box
    return rows.start == 0, rows.stop == shape[0], columns.start == 0, columns.stop == shape[1]

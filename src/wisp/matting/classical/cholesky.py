"""Sparse Cholesky factorisation of a matrix whose unknowns are pixels that couple to near pixels only.

Nested dissection (George 1973, *Nested dissection of a regular finite element mesh*) cuts the pixels by
thin strips, recursively, and eliminates a strip after both of its sides. The multifrontal method (Duff and
Reid 1983, *The multifrontal solution of indefinite sparse symmetric linear equations*) then turns the
elimination of every part into dense LAPACK calls on a small front ::

    [ F₁₁      ]   [ L₁₁   ] [ L₁₁ᵀ  L₂₁ᵀ ]        own pixels
    [ F₂₁  F₂₂ ] = [ L₂₁ I ] [       S    ]        their border: S goes to the front of the enclosing strip

The band of a trimap is long and thin, so strips are short and the factor is small: about 150 numbers a pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.linalg import blas, lapack
from scipy.sparse import csr_array

from wisp.core.progress import Progress, silent

Indices = npt.NDArray[np.signedinteger[Any]]
Vector = npt.NDArray[Any]

LEAF: Final = 80
"""Parts of at most this many pixels are not cut further: dense algebra is as quick there."""
LARGE_LEAF: Final = 200
"""Size of a leaf where memory does not matter: a fifth faster, and half as much again to hold."""
FEW: Final = 200_000
"""Systems of fewer pixels, whose factor stays below some 200 MB."""
SLAB: Final = 1 << 22
"""Numbers in a slab of memory; the many small blocks of the factor would leave holes if allocated singly."""
BALANCE: Final = 0.35
"""A cut leaves at least this share of the pixels on each side where any cut does."""
MANY_RUNS: Final = 12
"""Index lists that fall into more contiguous runs than this are added by index instead of by slice."""


@dataclass(frozen=True, eq=False)
class Ordering:
    """An elimination order of pixels, as parts in post-order: children come before their parent.

    Attributes:
        order: int (n,), the pixel that is eliminated first, second, ...
        starts: int (parts + 1,), part k owns ``order[starts[k]:starts[k + 1]]``.
        children: for each part, the parts whose border it takes over.
    """

    order: Indices
    starts: Indices
    children: list[list[int]]


def nested_dissection(rows: Indices, columns: Indices, reach: int, leaf: int | None = None) -> Ordering:
    """Order pixels for elimination.

    Args:
        rows: int (n,), the row of each pixel.
        columns: int (n,), the column of each pixel.
        reach: two pixels may couple when neither their rows nor their columns differ by more than this.
        leaf: number of pixels below which a part is not cut further; by the number of pixels when None.
    """
    smallest = leaf or (LARGE_LEAF if len(rows) < FEW else LEAF)
    owned: list[Indices] = []
    children: list[list[int]] = []

    def emit(pixels: Indices, below: list[int]) -> list[int]:
        owned.append(pixels)
        children.append(below)
        return [len(owned) - 1]

    def dissect(pixels: Indices, y: Indices, x: Indices) -> list[int]:
        """Emit the parts of `pixels`; return those that still have to be joined by an enclosing strip."""
        count = len(pixels)
        if count <= smallest:
            return emit(pixels, [])
        top, left = y.min(), x.min()
        horizontal = y.max() - top >= x.max() - left
        along, across = (y - top, x) if horizontal else (x - left, y)
        below = np.concatenate([[0], np.cumsum(np.bincount(along))])
        if len(below) - 1 <= reach:
            return emit(pixels, [])
        before, after = below[:-reach], count - below[reach:]
        smaller, strip = np.minimum(before, after), count - before - after
        cut = int(np.argmin(np.where(smaller >= BALANCE * count, strip, count + 1)))
        if smaller[cut] < BALANCE * count:
            cut = int(np.argmax(smaller))
        first, last = along < cut, along >= cut + reach
        joined: list[int] = []
        for side in (first, last):
            if side.any():
                joined += dissect(pixels[side], y[side], x[side])
        middle = ~(first | last)
        if not middle.any():
            return joined
        # Pixels of a strip follow each other along it: what a smaller part touches is then one run.
        return emit(pixels[middle][np.argsort(across[middle], kind="stable")], joined)

    dissect(np.arange(len(rows)), rows, columns)
    return Ordering(
        np.concatenate(owned), np.concatenate([[0], np.cumsum([len(pixels) for pixels in owned])]), children
    )


@dataclass(frozen=True, eq=False)
class _Front:
    begin: int
    end: int
    border: Indices
    L11: Vector
    L21: Vector | None


class Cholesky:
    """The factor L of a symmetric positive definite matrix, L Lᵀ = A.

    Args:
        upper: sparse (n, n), the upper triangle of A with its rows and columns in the order of `ordering`.
        ordering: from `nested_dissection`, with a reach that covers every entry of A.
        dtype: precision of the factor; float32 takes half the memory.
        progress: called with the share of the pixels that are eliminated.

    Raises:
        numpy.linalg.LinAlgError: A is not positive definite in this precision.
    """

    def __init__(
        self,
        upper: csr_array,
        ordering: Ordering,
        dtype: npt.DTypeLike = np.float64,
        progress: Progress = silent,
    ) -> None:
        self._dtype = np.dtype(dtype)
        (self._triangular_solve,) = blas.get_blas_funcs(("trsv",), dtype=self._dtype)
        self._fronts = _factorise(upper, ordering, self._dtype, progress)

    @property
    def size(self) -> int:
        """How many numbers the factor holds."""
        return sum(f.L11.size + (0 if f.L21 is None else f.L21.size) for f in self._fronts)

    def solve(self, rhs: Vector) -> Vector:
        """Return x with A x = `rhs`: float64 (n,), as exact as the factor's precision."""
        x = rhs.astype(self._dtype)
        for f in self._fronts:
            own = self._triangular_solve(f.L11, x[f.begin : f.end], lower=1)
            x[f.begin : f.end] = own
            if f.L21 is not None:
                x[f.border] -= f.L21 @ own
        for f in reversed(self._fronts):
            own = x[f.begin : f.end]
            if f.L21 is not None:
                own = own - x[f.border] @ f.L21
            x[f.begin : f.end] = self._triangular_solve(f.L11, own, lower=1, trans=1)
        return x.astype(np.float64)


def _factorise(
    upper: csr_array, ordering: Ordering, dtype: np.dtype[Any], progress: Progress
) -> list[_Front]:
    potrf: Any = lapack.get_lapack_funcs("potrf", dtype=dtype)
    trsm, syrk = blas.get_blas_funcs(("trsm", "syrk"), dtype=dtype)
    indptr, indices, data = upper.indptr, upper.indices, upper.data
    lasting = _allocator(dtype)
    place = np.empty(upper.shape[0], np.intp)  # where in the front a pixel sits: own 0…p−1, border p…p+q−1
    updates: dict[int, tuple[Indices, Vector]] = {}
    fronts = []
    for part, below in enumerate(ordering.children):
        begin, end = int(ordering.starts[part]), int(ordering.starts[part + 1])
        entries = slice(indptr[begin], indptr[end])
        columns = indices[entries]
        received = [updates.pop(child) for child in below if child in updates]
        border = _union([columns[columns >= end], *(pixels[pixels >= end] for pixels, _ in received)])
        p, q = end - begin, len(border)
        place[begin:end] = np.arange(p)
        place[border] = np.arange(p, p + q)

        # Upper triangles in C order, whose transposes LAPACK reads as lower triangles in Fortran order.
        F11, F12, F22 = lasting(p, p), lasting(p, q), np.zeros((q, q), dtype)
        row = np.repeat(np.arange(p), np.diff(indptr[begin : end + 1]))
        own = columns < end
        F11[row[own], columns[own] - begin] = data[entries][own]
        F12[row[~own], place[columns[~own]] - p] = data[entries][~own]
        for pixels, update in received:
            _add_update(F11, F12, F22, place[pixels], update, p)

        L11, info = potrf(F11.T, lower=1, clean=1, overwrite_a=1)
        if info != 0:
            raise np.linalg.LinAlgError("the matrix is not positive definite")
        L21 = None
        if q:
            L21 = trsm(1.0, L11, F12.T, side=1, lower=1, trans_a=1, overwrite_b=1)
            S = syrk(-1.0, L21, beta=1.0, c=F22.T, lower=1, overwrite_c=1)
            updates[part] = (border, S.T)
        fronts.append(_Front(begin, end, border, L11, L21))
        progress(end / upper.shape[0])
    return fronts


def _allocator(dtype: np.dtype[Any]) -> Callable[[int, int], Vector]:
    """A function like `numpy.zeros` for matrices that all live as long as the last of them."""
    slab, used = np.zeros(0, dtype), 0

    def zeros(rows: int, columns: int) -> Vector:
        nonlocal slab, used
        size = rows * columns
        if used + size > len(slab):
            slab, used = np.zeros(max(SLAB, size), dtype), 0
        used += size
        return slab[used - size : used].reshape(rows, columns)

    return zeros


def _union(sets: list[Indices]) -> Indices:
    """The sorted distinct members of index arrays."""
    members = np.concatenate(sets)
    members.sort()
    distinct = np.ones(len(members), bool)
    np.not_equal(members[1:], members[:-1], out=distinct[1:])
    return members[distinct]


def _add_update(F11: Vector, F12: Vector, F22: Vector, place: Indices, update: Vector, p: int) -> None:
    """Add a child's S to a front, upper triangles only; `place` is sorted and says where its rows go."""
    own = int(np.searchsorted(place, p))
    jumps = place[1:] != place[:-1] + 1
    if 0 < own < len(place):
        jumps[own - 1] = True
    cuts = np.flatnonzero(jumps) + 1
    if len(cuts) >= MANY_RUNS:
        mine, theirs = place[:own], place[own:] - p
        if own:
            F11[mine[:, None], mine] += update[:own, :own]
            F12[mine[:, None], theirs] += update[:own, own:]
        F22[theirs[:, None], theirs] += update[own:, own:]
        return
    edges = [0, *cuts.tolist(), len(place)]
    runs = [(a, b, int(place[a]), int(place[a]) + b - a) for a, b in pairwise(edges)]
    for i, (a, b, top, bottom) in enumerate(runs):
        for c, d, left, right in runs[i:]:
            block = update[a:b, c:d]
            if top >= p:
                F22[top - p : bottom - p, left - p : right - p] += block
            elif left >= p:
                F12[top:bottom, left - p : right - p] += block
            else:
                F11[top:bottom, left:right] += block

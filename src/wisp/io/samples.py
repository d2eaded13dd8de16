"""Samples of any kind and depth as the 8 or 16 bits that wisp works from."""

from __future__ import annotations

import warnings
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

from wisp.core.arrays import Stored
from wisp.core.errors import InputError
from wisp.io.profiles import ProfileWarning

_ABOVE: Final = 0.5
"""Floats of which a larger share than this lies above 1 do not count to 1 at all."""


def whole(values: npt.NDArray[Any], name: str, bits: int | None = None) -> Stored:
    """Samples as uint8 or uint16 of the same shape, the largest that their kind can hold as 255 or 65535.

    Signed ones begin at 0. Floats count from 0 to 1 and are cut there; what is no number becomes 0.

    Args:
        values: booleans, whole numbers or floats, any shape.
        name: the file, for errors and warnings.
        bits: of unsigned numbers, how many are in use; None is all of the kind's.

    Raises:
        InputError: floats that do not count from 0 to 1, numbers of over 16 bits of which none is larger
            than 16 bits hold (those of labels, say), or complex numbers.
    """
    kind = values.dtype.kind
    if kind == "b":
        return values.astype(np.uint8) * np.uint8(255)
    if kind == "f":
        return _from_floats(values, name)
    if kind not in "iu":
        raise InputError(name, f"has {values.dtype} samples", "whole numbers and floats are accepted")
    size = values.dtype.itemsize * 8
    used = size if bits is None or kind == "i" else bits
    if kind == "u" and used == size and size <= 16:
        return cast(Stored, values)
    largest = 2 ** (used - (kind == "i")) - 1
    greatest = int(values.max(initial=0))
    if size > 16 and 0 < greatest <= max(65535, largest >> 16):  # stretched it would be black
        problem = f"holds labels or is too dark: its largest value is {greatest} of {largest} ({used} bits)"
        raise InputError(name, problem, "8 or 16 bits, or numbers that use all of theirs, are accepted")
    full, target = (255, np.uint8) if used <= 8 else (65535, np.uint16)
    clipped = np.clip(values, 0, largest).astype(np.float64 if size > 16 else np.float32)
    return cast(Stored, np.rint(clipped * (full / largest)).astype(target))


def _from_floats(values: npt.NDArray[Any], name: str) -> npt.NDArray[np.uint16]:
    known = ~np.isnan(values)
    if values.size and float((values[known] > 1).mean() if known.any() else 0) > _ABOVE:
        largest = float(values[known].max())
        problem = f"has floating-point samples of up to {largest:g}"
        raise InputError(name, problem, "floats from 0 to 1, or whole numbers, are accepted")
    if not known.all():
        warnings.warn(
            f"{name}: has samples that are no numbers; they are taken as 0", ProfileWarning, stacklevel=2
        )
    clipped = np.clip(np.nan_to_num(values, nan=0).astype(np.float32), 0, 1)
    return cast(npt.NDArray[np.uint16], np.rint(clipped * np.float32(65535)).astype(np.uint16))


def widened(stored: Stored, depth: int) -> Stored:
    """Samples of `depth` bits in the upper bits of uint16, stretched so that the largest is 65535."""
    if stored.dtype == np.uint8 or not 8 <= depth < 16:
        return stored
    return cast(npt.NDArray[np.uint16], stored | (stored >> np.uint16(depth)))

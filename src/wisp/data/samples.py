"""Samples by index, whatever makes them."""

from __future__ import annotations

from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

AnyExample: TypeAlias = tuple[npt.NDArray[np.uint8], ...]
"""The fields of an `Example`, or of one with guidance (`TrimapExample`, `CueExample`, `LedExample`)."""


class Source(Protocol):
    """Samples by index, without end."""

    def __getitem__(self, index: int) -> AnyExample:
        """Sample number `index`."""
        ...

"""Samples by index, whatever makes them."""

from __future__ import annotations

from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

AnyExample: TypeAlias = tuple[npt.NDArray[np.uint8], ...]
"""The arrays of one sample, in the order of its source's `fields`."""


class Source(Protocol):
    """Samples by index, without end."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of a sample's arrays: those of `wisp.data.synthesis.Example`, or others."""
        ...

    def __getitem__(self, index: int) -> AnyExample:
        """Sample number `index`."""
        ...

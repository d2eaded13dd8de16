"""Samples by index, whatever makes them."""

from __future__ import annotations

from typing import Protocol, TypeAlias

import numpy as np

from wisp.core.arrays import Bytes

AnyExample: TypeAlias = tuple[Bytes, ...]
"""The arrays of one sample, in the order of its source's `fields`."""


def channels_first(pixels: Bytes) -> Bytes:
    """A picture (H, W, C) as samples keep it: (C, H, W), contiguous."""
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


class Source(Protocol):
    """Samples by index, without end."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of a sample's arrays: those of `wisp.data.synthesis.Example`, or others."""
        ...

    def __getitem__(self, index: int) -> AnyExample:
        """Sample number `index`."""
        ...

"""How long work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[float], None]
"""A function that is called with the share of the work that is done, a float from 0 to 1."""


def silent(_: float, /) -> None:
    """Take no notice of progress."""


def within(progress: Progress, begin: float, end: float = 1.0) -> Progress:
    """Progress of a part of the work, which takes the whole from the share `begin` to `end`."""
    return progress if progress is silent else lambda share: progress(begin + share * (end - begin))

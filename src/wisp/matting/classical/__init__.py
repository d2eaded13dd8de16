"""Matting without a network, one paper a file; each method makes a `Solution` of an image and a trimap.

Importing this package loads parts of SciPy; wisp does so when a method is first used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from wisp.matting.classical.closed_form import closed_form
from wisp.matting.classical.guided_filter import guided_filter
from wisp.matting.classical.knn import knn
from wisp.matting.classical.random_walk import random_walk
from wisp.matting.classical.system import ConvergenceWarning, Solution

__all__ = [
    "METHODS",
    "ConvergenceWarning",
    "Solution",
    "closed_form",
    "guided_filter",
    "knn",
    "random_walk",
]

METHODS: Final[Mapping[str, Callable[..., Solution]]] = MappingProxyType(
    {"closed-form": closed_form, "knn": knn, "random-walk": random_walk}
)
"""The methods by the names that the command line gives them, each f(image, trimap, *, ...) -> Solution."""

"""Matting without a network, one paper a file; each method makes a `Solution` of an image and a trimap.

Importing this package loads parts of SciPy; wisp does so when a method is first used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from wisp.matting.classical.bayesian import bayesian
from wisp.matting.classical.closed_form import closed_form
from wisp.matting.classical.comprehensive import comprehensive_sampling
from wisp.matting.classical.global_sampling import global_sampling
from wisp.matting.classical.guided_filter import guided_filter
from wisp.matting.classical.information_flow import information_flow
from wisp.matting.classical.knn import knn
from wisp.matting.classical.large_kernel import large_kernel
from wisp.matting.classical.learning_based import learning_based
from wisp.matting.classical.poisson import local_poisson, poisson
from wisp.matting.classical.random_walk import random_walk
from wisp.matting.classical.shared import shared_sampling
from wisp.matting.classical.system import ConvergenceWarning, Solution

__all__ = [
    "METHODS",
    "SAMPLING",
    "ConvergenceWarning",
    "Solution",
    "bayesian",
    "closed_form",
    "comprehensive_sampling",
    "global_sampling",
    "guided_filter",
    "information_flow",
    "knn",
    "large_kernel",
    "learning_based",
    "local_poisson",
    "poisson",
    "random_walk",
    "shared_sampling",
]

METHODS: Final[Mapping[str, Callable[..., Solution]]] = MappingProxyType(
    {
        "closed-form": closed_form,
        "knn": knn,
        "random-walk": random_walk,
        "learning-based": learning_based,
        "large-kernel": large_kernel,
        "information-flow": information_flow,
        "poisson": poisson,
        "bayesian": bayesian,
        "shared-sampling": shared_sampling,
        "global-sampling": global_sampling,
        "comprehensive-sampling": comprehensive_sampling,
    }
)
"""The methods by the names that the command line gives them, each f(image, trimap, *, ...) -> Solution."""

SAMPLING: Final = ("bayesian", "shared-sampling", "global-sampling", "comprehensive-sampling")
"""Those that sample colours, whose alpha the matting Laplacian may smooth (their argument `smooth`)."""

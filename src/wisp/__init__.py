"""Wisp cuts people and things out of photos and video, with soft hair and true edge colours.

    >>> import wisp
    >>> matte = wisp.cutout("portrait.jpg")  # doctest: +SKIP
    >>> matte.alpha.shape, matte.foreground.shape  # doctest: +SKIP
    ((1024, 768), (1024, 768, 3))

Every name in ``__all__`` is loaded at its first use, so that importing wisp costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from wisp.compositing.poisson import poisson_blend
    from wisp.core.arrays import Matte
    from wisp.core.errors import InputError, MissingExtraError, WispError
    from wisp.engine.loaded import release_networks
    from wisp.evaluation.protocols import evaluate
    from wisp.matting.foreground import estimate_foreground
    from wisp.pipeline import composite, cutout, estimate_alpha

__version__: Final = "0.2.0"

__all__ = [
    "InputError",
    "Matte",
    "MissingExtraError",
    "WispError",
    "__version__",
    "composite",
    "cutout",
    "estimate_alpha",
    "estimate_foreground",
    "evaluate",
    "poisson_blend",
    "release_networks",
]

_HOMES: Final = {
    "InputError": "wisp.core.errors",
    "Matte": "wisp.core.arrays",
    "MissingExtraError": "wisp.core.errors",
    "WispError": "wisp.core.errors",
    "composite": "wisp.pipeline",
    "cutout": "wisp.pipeline",
    "estimate_alpha": "wisp.pipeline",
    "estimate_foreground": "wisp.matting.foreground",
    "evaluate": "wisp.evaluation.protocols",
    "poisson_blend": "wisp.compositing.poisson",
    "release_networks": "wisp.engine.loaded",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

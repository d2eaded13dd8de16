"""Foregrounds made from nothing, with exact alpha and straight colours.

Every kind of material is a function of a size and a random generator alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from wisp.core.arrays import Alpha, Foreground
from wisp.core.errors import InputError
from wisp.data.procedural import blurred, fibres, fur, hair, meshes, plants, translucent
from wisp.data.procedural.attached import with_hair

__all__ = ["KINDS", "generate", "random_foreground", "with_hair"]

_Maker = Callable[[tuple[int, int], np.random.Generator], tuple[Foreground, Alpha]]


class _Kind(NamedTuple):
    make: _Maker
    share: float  # of the mix


_KINDS: Final[dict[str, _Kind]] = {
    "hair": _Kind(hair.hair, 0.24),
    "curls": _Kind(hair.curls, 0.12),
    "fur": _Kind(fur.fur, 0.13),
    "lashes": _Kind(fibres.lashes, 0.04),
    "wool": _Kind(fibres.wool, 0.05),
    "feather": _Kind(fibres.feather, 0.04),
    "foliage": _Kind(plants.foliage, 0.06),
    "grass": _Kind(plants.grass, 0.04),
    "net": _Kind(meshes.net, 0.05),
    "lace": _Kind(meshes.lace, 0.03),
    "wicker": _Kind(meshes.wicker, 0.03),
    "cloth": _Kind(translucent.cloth, 0.04),
    "glass": _Kind(translucent.glass, 0.03),
    "smoke": _Kind(translucent.smoke, 0.03),
    "motion": _Kind(blurred.motion, 0.035),
    "defocus": _Kind(blurred.defocus, 0.035),
}

KINDS: Final[tuple[str, ...]] = tuple(_KINDS)
"""The materials that `generate` knows."""


def generate(kind: str, size: tuple[int, int], rng: np.random.Generator) -> tuple[Foreground, Alpha]:
    """A foreground of one kind; the same for the same state of `rng`.

    Args:
        kind: one of `KINDS`.
        size: height and width, pixels, at least 1 each.
        rng: random source.

    Returns:
        Foreground, float32 (H, W, 3), straight sRGB colours in [0, 1], carried on to where alpha is 0; and
        alpha, float32 (H, W), [0, 1].

    Raises:
        InputError: a kind that is not among `KINDS`, or a size below 1.
    """
    if kind not in _KINDS:
        raise InputError("kind", f"is '{kind}'", f"{', '.join(KINDS)} are accepted")
    if min(size) < 1:
        raise InputError("size", f"is {size[1]}×{size[0]}", "at least 1×1 is accepted")
    return _KINDS[kind].make((int(size[0]), int(size[1])), rng)


def random_foreground(
    size: tuple[int, int], rng: np.random.Generator, kind: str | None = None
) -> tuple[Foreground, Alpha]:
    """A foreground of a random kind, hair most often, or of the `kind` that is asked for.

    Args:
        size: height and width, pixels.
        rng: random source.
        kind: one of `KINDS`; at random when None.

    Returns:
        As `generate`.

    Raises:
        InputError: as `generate`.
    """
    if kind is None:
        shares = np.array([row.share for row in _KINDS.values()])
        kind = KINDS[int(rng.choice(len(KINDS), p=shares / shares.sum()))]
    return generate(kind, size, rng)

"""Loss terms that hold SSRN's alpha where it is while there are no labels.

A re-composition is surest to look real with α = 1 everywhere, which is the photo itself and, as the paper of
El Abdellaoui and Kachbal says, "ends the process of refinement". The paper has no remedy; these are wisp's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from wisp.training import losses


@dataclass(frozen=True)
class Safeguard:
    """Limits that keep alpha from becoming 1 everywhere while there are no labels.

    Attributes:
        tolerance: how far the mean alpha may move from the supervised start's, as a share of it.
        drift: weight of what it has moved beyond half of that.
        gate: leave ζ_GAN out while a batch's mean has moved by more than half of that.
        floor: what is left in the end of the weights of ζ_alpha and ζ_comp, as a share.
    """

    tolerance: float = 0.1
    drift: float = 10.0
    gate: bool = True
    floor: float = 0.25


def gate(alpha: Tensor, start: Tensor, safeguard: Safeguard) -> float:
    """1 where the adversarial term may act on a batch, 0 where its mean alpha has moved too far."""
    if not safeguard.gate:
        return 1.0
    moved = float(losses.drift(alpha.detach(), start).abs())
    return 1.0 if moved <= safeguard.tolerance / 2 else 0.0


def excess(alpha: Tensor, start: Tensor, safeguard: Safeguard) -> Tensor:
    """How far each photo's mean alpha has moved beyond half of what is tolerated; mean over the batch."""
    moved = torch.stack([losses.drift(a, s).abs() for a, s in zip(alpha, start, strict=True)])
    return functional.relu(moved - safeguard.tolerance / 2).mean()

"""Freezing parts of a network so that it lasts: parameters, and batch norms through `train()` calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, cast

import torch
from torch import Tensor, nn

from wisp.core.errors import InputError

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class _Frozen:
    """Mixed into the class of a frozen module: `train()` leaves it in evaluation mode."""

    def train(self, mode: bool = True) -> _Frozen:
        """Stay in evaluation mode, whatever `mode` says; so do the children."""
        nn.Module.train(cast(nn.Module, self), False)
        return self


def freeze(module: nn.Module) -> None:
    """Freeze a module: no gradients, batch-norm statistics kept, dropout off; `train()` does not undo it."""
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    for child in module.modules():
        _stay_in_eval(child)


def unfreeze(module: nn.Module) -> None:
    """Undo `freeze` and `freeze_batch_norm` for a module and everything in it."""
    for parameter in module.parameters():
        parameter.requires_grad_(True)
    for child in module.modules():
        if isinstance(child, _Frozen):
            child.__class__ = type(child).__mro__[2]
    module.train()


LEVELS: Final = ("none", "first", "first-two", "all-but-last")
"""How much of a network `freeze_parts` freezes."""


@dataclass(frozen=True)
class Parts:
    """The modules of a network that levels of freezing name, by their paths.

    Attributes:
        first: what sees the inputs first, up to the first change of resolution.
        second: what follows, up to the next.
        last: what makes the output.
    """

    first: Sequence[str]
    second: Sequence[str]
    last: Sequence[str]


def check_level(level: str) -> None:
    """Raise `InputError` unless `level` is one of `LEVELS`."""
    if level not in LEVELS:
        raise InputError("--freeze", f"is {level}", f"{', '.join(LEVELS)} are accepted")


def freeze_parts(network: nn.Module, parts: Parts | None, level: str) -> None:
    """Freeze parts of a network that is trained on, as transfer learning does.

    Li, Miao, Hu, Cao, Jin, "Background Image Matting", table 1, which freezes layers of a U-Net: a layer is
    read as everything at one resolution.

    Args:
        network: the bare network.
        parts: its own, as its row in `wisp.training.recipes.NETWORKS` names them; None where there are none.
        level: ``none``; ``first``; ``first-two``; or ``all-but-last``, which leaves the layer that makes the
            output.

    Raises:
        InputError: another level, or no known parts.
    """
    check_level(level)
    if level == "none":
        return
    if parts is None:
        raise InputError("--freeze", f"is {level}, but the network has no known parts", "none is accepted")
    if level == "all-but-last":
        kept = {id(module) for path in parts.last for module in network.get_submodule(path).modules()}
        for module in network.modules():
            if id(module) not in kept and not any(True for _ in module.children()):
                freeze(module)
        return
    for path in (*parts.first, *(parts.second if level == "first-two" else ())):
        freeze(network.get_submodule(path))


def freeze_batch_norm(module: nn.Module) -> None:
    """Keep the statistics of every batch norm in `module`; its affine still learns.

    What folded batch norms need (`MobileNetV2.load_modnet`), and what small batches are better off with.
    """
    for child in module.modules():
        if isinstance(child, NORMS):
            _stay_in_eval(child)


def freeze_folded(module: nn.Module) -> None:
    """Freeze the batch norms that hold no statistics, as `folded` makes them; others go on as they are.

    For a network whose weights were read from a file in which batch norms are folded into convolutions, and
    for what such a network has become in a later checkpoint.
    """
    for child in module.modules():
        if isinstance(child, NORMS):
            variance = child.running_var
            if variance is not None and torch.equal(variance, torch.full_like(variance, 1 - child.eps)):
                _stay_in_eval(child)


def folded(bias: Tensor, epsilon: float) -> dict[str, Tensor]:
    """The state of a batch norm that only adds `bias`: no statistics, as what is left once it is folded."""
    return {
        "weight": torch.ones_like(bias),
        "bias": bias,
        "running_mean": torch.zeros_like(bias),
        "running_var": torch.full_like(bias, 1 - epsilon),
    }


def frozen(module: nn.Module) -> bool:
    """Whether `module` stays in evaluation mode."""
    return isinstance(module, _Frozen)


def trainable(modules: nn.Module) -> Iterable[nn.Parameter]:
    """The parameters that still learn."""
    return (p for p in modules.parameters() if p.requires_grad)


def _stay_in_eval(module: nn.Module) -> None:
    if not isinstance(module, _Frozen):
        kind = type(module)
        module.__class__ = type(kind.__name__, (_Frozen, kind), {"__module__": kind.__module__})
    module.eval()

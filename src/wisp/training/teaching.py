"""A network learns from a larger one what that one has learned.

Hinton, Vinyals, Dean 2015, "Distilling the Knowledge in a Neural Network": the teacher's answers, soft as
they are, stand in for labels. Here the two differ in a few layers; the pupil takes over all others, which
stay as they are, so that it knows nothing but what its teacher knew of the world.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from wisp.errors import InputError
from wisp.training.data.loader import Batch
from wisp.training.freezing import freeze
from wisp.training.importing import read_network


class Teacher:
    """What a pupil learns from.

    Args:
        pupil: takes over every layer that both have in the same shape, which is frozen in it.
        name: the key of both in `wisp.training.recipes.NETWORKS`.
        start: the teacher, as `wisp.training.importing.read_network` takes it.

    Raises:
        InputError: no teacher, or one with no layer or all layers of the pupil.
    """

    def __init__(self, pupil: nn.Module, name: str, start: str | Path | None) -> None:
        if start is None:
            raise InputError("--start", "is missing", f"the {name} network to learn from is accepted")
        found, self.network = read_network(start, name)
        taken = take_over(pupil, self.network) if found == name else 0
        if not taken or not any(p.requires_grad for p in pupil.parameters()):
            raise InputError(
                start, f"cannot teach this {name}", "a network that differs in some of its layers is accepted"
            )
        freeze(self.network)

    @torch.no_grad()
    def labelled(self, batch: Batch, answer: Callable[[nn.Module], Tensor]) -> Batch:
        """The batch with the teacher's alphas as labels, trusted everywhere.

        Args:
            batch: samples.
            answer: the teacher → its logits for them, (N, 1, S, S).
        """
        alpha = torch.sigmoid(answer(self.network.to(batch.image.device)).float())
        return replace(batch, alpha=alpha, weight=torch.ones_like(alpha))


def take_over(pupil: nn.Module, teacher: nn.Module) -> int:
    """Copy and freeze the layers of a network that another has under the same name in the same shape.

    Returns:
        How many there were.
    """
    others = dict(teacher.named_modules())
    taken = 0
    for name, layer in pupil.named_modules():
        own = layer.state_dict()
        if not own or any(True for _ in layer.children()) or name not in others:
            continue
        theirs = others[name].state_dict()
        if {key: x.shape for key, x in own.items()} == {key: x.shape for key, x in theirs.items()}:
            layer.load_state_dict(theirs)
            freeze(layer)
            taken += 1
    return taken

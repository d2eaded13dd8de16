"""A trained segmenter or subject network, frozen, from which coarse masks of samples come."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from wisp.core.errors import InputError
from wisp.training.freezing import freeze
from wisp.training.importing import read_network


def read_segmenter(name_or_file: str | Path) -> nn.Module:
    """A frozen network from an image (N, 3, H, W) to the logits of its mask (N, 1, H, W).

    Args:
        name_or_file: as `wisp.training.importing.read_network` takes it.

    Raises:
        InputError: no such network, or neither a segmenter nor a subject network.
    """
    name, built = read_network(name_or_file)
    if name not in ("segmenter", "subject"):
        accepted = "one of a segmenter or a subject network is accepted"
        raise InputError(name_or_file, f"is a checkpoint of {name}", accepted)
    freeze(built)
    return _SubjectMask(built) if name == "subject" else built


class _SubjectMask(nn.Module):
    """The subject network without guidance: the logits of its second mask alone."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, H, W), [0, 1] → (N, 1, H, W)."""
        logits: Tensor = self.network(image).logits[:, 1:]
        return logits

"""Samples that keep a network from forgetting while it is tuned: some of what it knows among the new ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wisp.core.arrays import from_float
from wisp.data.samples import AnyExample, Source
from wisp.data.synthesis import Example
from wisp.training.recipes import NETWORKS


@dataclass(frozen=True)
class Mixed:
    """Samples of two sources, interleaved evenly.

    Args:
        first: of what is new.
        second: of what is known.
        share: of the samples that are the second's, in [0, 1].
    """

    first: Source
    second: Source
    share: float

    @property
    def fields(self) -> tuple[str, ...]:
        """The first source's, which the second has, too."""
        return self.first.fields

    def __getitem__(self, index: int) -> AnyExample:
        """The sample number `index` ≥ 0."""
        before, after = int(index * self.share), int((index + 1) * self.share)
        return self.second[before] if after > before else self.first[index - before]


class Remembered:
    """Samples whose truth is what a network says of them, trusted everywhere.

    Li and Hoiem 2016, "Learning without Forgetting" (ECCV): a network that is to stay as it is is taught its
    own answers, not labels, which would change it where it errs, too.

    Args:
        source: the samples.
        name: the network's key in `NETWORKS`, whose row has a tuner with an `answer`.
        recipe: what `NETWORKS[name].build` makes it from.
        network: the network; its weights are copied, as arrays, of which a process can be sent any number.
    """

    fields = Example._fields

    def __init__(self, source: Source, name: str, recipe: Mapping[str, Any], network: nn.Module) -> None:
        self.source, self._name, self._recipe = source, name, dict(recipe)
        self._weights = {
            key: value.detach().cpu().numpy().copy() for key, value in network.state_dict().items()
        }
        self._network: nn.Module | None = None

    def _answer(self, network: nn.Module, image: Tensor) -> Tensor:
        tuner = NETWORKS[self._name].tuner
        assert tuner is not None
        assert tuner.answer is not None
        return tuner.answer(network, image)

    def __getstate__(self) -> dict[str, Any]:
        """Without the network itself: each of its tensors would take a file descriptor."""
        return {**self.__dict__, "_network": None}

    def __getitem__(self, index: int) -> Example:
        """The sample number `index` ≥ 0."""
        if self._network is None:  # the first time in this process
            self._network = NETWORKS[self._name].build(self._recipe).eval()
            self._network.load_state_dict({k: torch.from_numpy(v) for k, v in self._weights.items()})
        image, _, weight, foreground, background, exact = self.source[index]
        with torch.inference_mode():
            logits = self._answer(self._network, torch.from_numpy(image)[None].float() / 255)
        alpha = from_float(torch.sigmoid(logits)[0].numpy())
        return Example(image, alpha, np.full_like(weight, 255), foreground, background, np.zeros_like(exact))

"""How the subject network is tuned on photos of one's own.

    wisp finetune subject-mobile --data my-photos -o tuned

The photos' alphas teach the subject's mask and presence. They say nothing of people, so the mask of people is
taught what the network said of the same pictures before (Li and Hoiem 2016, "Learning without Forgetting").
Clicks are not taught: their branch keeps its weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from wisp.core.arrays import Alpha, Image
from wisp.data.synthesis import Samples, Synthesis
from wisp.engine.families.subject import find_subject
from wisp.networks.subject import SubjectNetwork, subject_network
from wisp.training import validation
from wisp.training.freezing import Parts
from wisp.training.loader import Batch
from wisp.training.loop import Task, Terms, Validation
from wisp.training.recipes.subject_losses import subject_optimiser, subject_terms
from wisp.training.recipes.subject_recipes import SubjectRecipe
from wisp.training.tuning import Photos, Tuner, Tuning, adapt

NETWORK: Final = "subject"


class SubjectPhotosTask:
    """Networks, samples and losses of the tuned subject network, for `wisp.training.finetuning`.

    Args:
        recipe: of the losses and rates; its synthesis is one of `wisp.data.synthesis`.
        photos: photos with the alphas of their subjects, to train and to validate on.
    """

    score = "mae"

    def __init__(self, recipe: SubjectRecipe, photos: Photos) -> None:
        self.recipe, self._photos = recipe, photos
        synthesis = recipe.synthesis
        assert isinstance(synthesis, Synthesis)
        self._synthesis = synthesis
        self.source = Samples(photos.kept, photos.scenes, synthesis, recipe.schedule.seed)
        self.networks: Mapping[str, nn.Module] = {NETWORK: subject_network()}
        self._before: SubjectNetwork | None = None

    def optimisers(self, networks: Mapping[str, nn.Module]) -> Mapping[str, Optimizer]:
        """AdamW, as `wisp.training.recipes.subject_losses.subject_optimiser` makes it."""
        return {NETWORK: subject_optimiser(self.recipe, networks[NETWORK])}

    def phases(self, step: int) -> Sequence[str]:
        """The one network, every step."""
        return (NETWORK,)

    def losses(self, phase: str, networks: Mapping[str, nn.Module], batch: Batch) -> Terms:
        """The terms of the subject against alpha, of people against what was said of them at first."""
        network = networks[phase]
        if self._before is None:
            self._before = deepcopy(network).eval().requires_grad_(False)  # type: ignore[assignment]
        assert self._before is not None
        with torch.no_grad():
            people = self._before.find(batch.image)[0][:, :1].float().sigmoid()
        label = torch.cat([people, batch.alpha], 1)
        weight = torch.cat([torch.ones_like(people), batch.weight], 1)
        return subject_terms(self.recipe, network(batch.image), label, weight)

    @cached_property
    def _examples(self) -> list[Batch]:
        return validation.fixed_examples(self._photos.held_out, self._photos.scenes, self._synthesis)

    def validate(self, network: nn.Module, device: torch.device) -> Validation:
        """Trust-weighted MAE, cross-entropy and accuracy of the subject's mask on held-out photos."""

        def mask(batch: Batch) -> Tensor:
            return torch.sigmoid(_answer(network, batch.image).float())

        return validation.validate_alpha(mask, network, self._examples, device)


def _tuned(kept: Mapping[str, Any], photos: Photos, tuning: Tuning) -> Task:
    usual = replace(SubjectRecipe(), synthesis=Synthesis())  # type: ignore[arg-type]
    return SubjectPhotosTask(adapt(usual, photos, tuning), photos)


def _cut(image: Image, truth: Alpha, path: Path, tuning: Tuning) -> Alpha:
    return find_subject(image, model=path).mask


def _answer(network: nn.Module, image: Tensor) -> Tensor:
    """Logits of the subject's mask."""
    logits: Tensor = network.find(image)[0][:, 1:]  # type: ignore[operator]
    return logits


PARTS: Final = Parts(
    ("encoder.features.0", "encoder.features.1"), ("encoder.features.2", "encoder.features.3"), ("head",)
)
"""The encoder's first two resolutions, which its own training freezes as well, and the finest masks."""
TUNER: Final = Tuner(_tuned, _cut, "auto", answer=_answer)

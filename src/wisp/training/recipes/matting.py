"""The recipe of the matting network of any subject, the portrait network's compact variant taught on.

    wisp train matting --data corpus --segmenter runs/subject/last.pt --start matting-mobile -o runs/matting
    wisp export runs/matting/last.pt -o matting-mobile.onnx

Network, losses and refinement are those of the portrait recipe (Yaman et al. 2022). What differs is what it
learns from: people, things and cut-outs from packed photos (`wisp.data.matting_samples`), and coarse masks as
the subject network really makes them of each sample, damaged on top.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch

from wisp.data.matting_samples import MattingSamples, MattingSynthesis
from wisp.data.packed import Pack
from wisp.data.subject_samples import Kind, SubjectMix
from wisp.training.loader import Batch, stack, to_batch
from wisp.training.loop import Schedule
from wisp.training.masks import MaskDamage
from wisp.training.recipes.portrait import GENERATOR, PortraitTask
from wisp.training.recipes.portrait_losses import Coefficients
from wisp.training.recipes.portrait_recipes import FINE, MobileRecipe


@dataclass(frozen=True)
class MattingRecipe(MobileRecipe):
    """The compact network for a trimap, trained on samples of any subject.

    Attributes:
        frozen: blocks of MobileNetV2 that stay as they are: those to stride 4 take a third of a step, and
            what they know of edges and colours is no matter of subjects.
    """

    lean: bool = True
    rate: float = 5e-4
    encoder_rate: float = 1e-4
    patches: int = 48
    frozen: int = 4
    coefficients: Coefficients = FINE.coefficients
    damage: MaskDamage = field(default_factory=lambda: MaskDamage(kept=0.4))
    synthesis: MattingSynthesis = field(default_factory=MattingSynthesis)  # type: ignore[assignment]
    schedule: Schedule = field(
        default_factory=lambda: Schedule(
            steps=19_000,
            batch=8,
            clip=3.0,
            warm_up=100,
            average=0.999,
            final=0.01,
            validate_every=500,
            checkpoint_every=100,
        )
    )


class MattingTask(PortraitTask):
    """A task for `wisp.training.loop.fit`.

    Args:
        recipe: the recipe.
        photos: packed training photos, groups ``people``, ``things``, ``cutouts`` and ``scenes``.
        held_out: packed photos to validate on.
        segmenter: the subject network or a segmenter, as `PortraitTask` takes it.
        start: weights to begin with, as `wisp.training.importing.load_start` takes them.
    """

    def __init__(
        self,
        recipe: MattingRecipe,
        photos: Pack,
        held_out: Pack,
        *,
        segmenter: str | None = None,
        start: str | None = None,
    ) -> None:
        super().__init__(recipe, [], [], [], [], segmenter=segmenter, start=start)
        content = self.networks[GENERATOR].get_submodule("generator.content.encoder.features")
        for block in list(content.children())[: recipe.frozen]:
            block.requires_grad_(False)
        schedule = recipe.schedule
        self.source = MattingSamples(  # type: ignore[assignment]
            photos, recipe.synthesis, batch=schedule.batch, steps=schedule.steps, seed=schedule.seed
        )
        self._pack = held_out

    @cached_property
    def _examples(self) -> list[Batch]:
        synthesis: MattingSynthesis = self.recipe.synthesis  # type: ignore[assignment]
        calm = replace(synthesis, mix=SubjectMix(single=0.6, several=0.2, held=0.2, turned=0.0, degraded=0.0))
        samples = MattingSamples(self._pack, calm, batch=8, steps=1)
        batches = []
        size = (synthesis.size, synthesis.size)
        kinds: tuple[Kind, ...] = ("single", "single", "single", "several")
        for number in range(8):
            made = [
                samples.example(np.random.default_rng((77, number, i)), size, kinds[i % 4]) for i in range(8)
            ]
            batches.append(to_batch(stack(made), torch.device("cpu")))
        return batches

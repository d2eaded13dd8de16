"""The person segmenter on packed photos: people of every kind, and things that are none.

    wisp train segmenter --recipe packed --data corpus --start segmenter-mobile -o runs/segmenter

Its samples are the subject network's (`wisp.data.subject_samples`), of which it learns the people alone:
small and turned ones, groups, grey photos, things beside people. It sees larger pictures than that network
does, and errs in other places, which is why both are asked (docs/decisions/032). Alone it forgets heads that
fill the picture; the mean of its weights with those it began with does not (docs/decisions/040).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import nn

from wisp.data.packed import Pack
from wisp.data.subject_samples import (
    KINDS,
    Kind,
    Sizes,
    SubjectExample,
    SubjectMix,
    SubjectSamples,
    SubjectSynthesis,
)
from wisp.data.synthesis import Example
from wisp.networks.subject import FROZEN
from wisp.training import losses
from wisp.training.loader import Batch, stack, to_batch
from wisp.training.loop import Schedule, Terms
from wisp.training.recipes.segmenter import SegmenterRecipe, SegmenterTask, network

HELD_OUT: Final[Mapping[Kind, int]] = {
    "person": 24,
    "single": 12,
    "several": 12,
    "held": 6,
    "thing": 6,
    "empty": 4,
}
"""Samples of each kind to validate on."""


@dataclass(frozen=True)
class PackedRecipe(SegmenterRecipe):
    """The lean segmenter, from packed photos.

    Attributes:
        iou: weight of the soft intersection over union, of pictures with people.
    """

    decoder: int | None = 128
    rate: float = 3e-4
    encoder_rate: float = 6e-5
    iou: float = 0.5
    synthesis: SubjectSynthesis = field(  # type: ignore[assignment]
        default_factory=lambda: SubjectSynthesis(
            sizes=Sizes(phases=((0.5, (224, 256)), (0.85, (288, 320)), (1.0, (384, 448)))),
            mix=SubjectMix(
                person=0.25,
                thing=0.08,
                single=0.28,
                several=0.18,
                small=0.04,
                held=0.06,
                poster=0.03,
                empty=0.08,
                faint=0.0,
                people=0.88,
                turned=0.15,
                grey=0.15,
                distractor=0.25,
                beside=0.25,
                guided=0.0,
            ),
        )
    )
    schedule: Schedule = field(
        default_factory=lambda: Schedule(
            steps=2600,
            batch=16,
            warm_up=50,
            final=0.01,
            average=0.998,
            validate_every=400,
            checkpoint_every=100,
        )
    )


class PeopleOf:
    """The people of the subject network's samples, by index.

    Args:
        samples: what they are taken from.
    """

    fields = Example._fields

    def __init__(self, samples: SubjectSamples) -> None:
        self.samples = samples

    def __getitem__(self, index: int) -> Example:
        """Sample number `index` ≥ 0, without end."""
        return people_of(self.samples[index])


def people_of(sample: SubjectExample) -> Example:
    """A sample whose alpha is that of its people; without layers, which no loss of the segmenter asks for."""
    exact = np.array([KINDS[int(sample.kind[0])] not in ("person", "thing")], np.uint8)
    return Example(sample.image, sample.label[:1], sample.weight[:1], sample.image, sample.image, exact)


class PackedTask(SegmenterTask):
    """The segmenter on packed photos, for `wisp.training.loop.fit`.

    Args:
        recipe: the recipe.
        photos: packed training photos, groups ``people``, ``things``, ``cutouts`` and ``scenes``.
        held_out: packed photos to validate on.
        encoder_weights: as `wisp.training.recipes.segmenter.network` takes them.
        start: weights of the whole network instead, as that function takes them.
    """

    recipe: PackedRecipe

    def __init__(
        self,
        recipe: PackedRecipe,
        photos: Pack,
        held_out: Pack,
        encoder_weights: Path | None = None,
        start: str | Path | None = None,
    ) -> None:
        self.recipe = recipe
        schedule = recipe.schedule
        self.source = PeopleOf(
            SubjectSamples(
                photos, recipe.synthesis, batch=schedule.batch, steps=schedule.steps, seed=schedule.seed
            )
        )
        self._pack = held_out
        torch.manual_seed(schedule.seed)
        built = network(recipe, encoder_weights, start)
        for block in list(built.encoder.features.children())[:FROZEN]:
            block.requires_grad_(False)
        self.networks: Mapping[str, nn.Module] = {"segmenter": built}

    def losses(self, phase: str, networks: Mapping[str, nn.Module], batch: Batch) -> Terms:
        """Cross-entropy and L1 where the label is trusted, and 1 - soft intersection over union."""
        logits = networks[phase](batch.image).float()
        mask = logits.sigmoid()
        return {
            "bce": losses.binary_cross_entropy(logits, batch.alpha, batch.weight),
            "l1": self.recipe.l1 * losses.l1(mask, batch.alpha, batch.weight),
            "iou": self.recipe.iou * losses.soft_iou(mask, batch.alpha, batch.weight),
        }

    @cached_property
    def _examples(self) -> list[Batch]:
        """Fixed samples of each kind of 384 pixels a side, in batches of eight or fewer."""
        samples = SubjectSamples(self._pack, self.recipe.synthesis, batch=8, steps=1)
        found = []
        for kind, count in HELD_OUT.items():
            made = [
                people_of(samples.sample(np.random.default_rng((99, KINDS.index(kind), n)), (384, 384), kind))
                for n in range(count)
            ]
            eights = [stack(made[first : first + 8]) for first in range(0, count, 8)]
            found += [to_batch(stored, torch.device("cpu")) for stored in eights]
        return found

"""The recipe of the subject network's guidance: a trained network is taught to follow clicks.

    wisp train subject --recipe guidance --start runs/subject/last.pt --data corpus -o runs/guidance
    wisp export runs/guidance/last.pt -o subject-mobile.onnx

`wisp.networks.subject.GuidanceBranch` alone learns, everything else stays as it is: answers without guidance
do not change, by a single bit, and every sample teaches what the automatic network is not about. Most samples
are about something that it would not choose by itself: one of several, a thing without its holder, a poster.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from wisp.data.packed import Pack
from wisp.data.subject_samples import (
    KINDS,
    Kind,
    Sizes,
    SubjectMix,
    SubjectSamples,
    SubjectSynthesis,
)
from wisp.training import losses, pictures
from wisp.training.clicks import add_click
from wisp.training.freezing import freeze, unfreeze
from wisp.training.loop import Schedule, Validation
from wisp.training.recipes.subject import SubjectBatch, SubjectTask
from wisp.training.recipes.subject_recipes import SubjectRecipe

GUIDED_MIX = SubjectMix(
    person=0.12,
    thing=0.14,
    single=0.16,
    several=0.32,
    small=0.06,
    held=0.12,
    poster=0.08,
    empty=0.0,
    faint=0.0,
    beside=0.5,
    people=0.55,
    guided=1.0,
    given=0.25,
    one_of=0.75,
    aside=0.3,
)
"""What guided samples show; fields as in `wisp.data.subject_samples.SubjectMix`."""
CLICKS = (1, 3)
"""Numbers of clicks that validation counts errors after."""


@dataclass(frozen=True)
class GuidanceRecipe(SubjectRecipe):
    """The subject network's guidance branch alone.

    Attributes:
        rate: AdamW's learning rate.
        encoder_rate: unused: the encoder stays as it is.
        coarse: 0: the coarser masks are for a decoder that learns.
        presence: 0: clicks say that there is something.
        synthesis: guided samples alone.
    """

    rate: float = 2e-3
    coarse: float = 0.0
    presence: float = 0.0
    rounds: int = 3
    synthesis: SubjectSynthesis = field(
        default_factory=lambda: SubjectSynthesis(
            sizes=Sizes(phases=((0.6, (192, 224, 256)), (0.9, (320,)), (1.0, (416,))), wide=0.1),
            mix=GUIDED_MIX,
        )
    )
    schedule: Schedule = field(
        default_factory=lambda: Schedule(
            steps=1250,
            batch=16,
            warm_up=50,
            final=0.01,
            average=0.998,
            validate_every=250,
            checkpoint_every=100,
        )
    )


class GuidanceTask(SubjectTask):
    """A task for `wisp.training.loop.fit`; arguments as `SubjectTask`, and a start is needed."""

    score = "iou-loss-3"

    def __init__(self, recipe: GuidanceRecipe, photos: Pack, held_out: Pack, start: str | Path) -> None:
        super().__init__(recipe, photos, held_out, None, start)
        network = self.networks["subject"]
        freeze(network)
        unfreeze(network.get_submodule("guidance"))

    @cached_property
    def _examples(self) -> list[SubjectBatch]:
        samples = SubjectSamples(self._held_out, self.recipe.synthesis, batch=8, steps=1)
        counts: dict[Kind, int] = {
            "person": 2,
            "thing": 2,
            "single": 2,
            "several": 4,
            "held": 1,
            "poster": 1,
        }
        return self._fixed_batches(samples, counts, seed=98)

    def validate(self, network: nn.Module, device: torch.device) -> Validation:
        """Soft IoU loss of what is selected after one click and after three, without a mask to begin with."""
        network.eval()
        totals: dict[str, list[float]] = {}
        rows = []
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
            for number, batch in enumerate(self._examples):
                rng = np.random.default_rng((97, number))
                wanted = batch.label[:, 1:]
                given = torch.zeros(len(wanted), 3, *wanted.shape[2:])
                for click in range(1, max(CLICKS) + 1):
                    for one, target in zip(given.numpy(), wanted[:, 0].numpy(), strict=True):
                        add_click(one, target, one[2], rng)
                    mask = _selected(network, batch.image.to(device), given.to(device))
                    given[:, 2:] = mask
                    if click in CLICKS:
                        loss = float(losses.soft_iou(mask, wanted, batch.weight[:, 1:]))
                        totals.setdefault(f"iou-loss-{click}", []).append(loss)
                        totals.setdefault(f"iou-loss-{click}-{KINDS[int(batch.kind[0])]}", []).append(loss)
                rows.append((batch.image[0], wanted[0, 0], mask[0, 0]))
        scores = {name: float(np.mean(values)) for name, values in totals.items()}
        return Validation(scores, pictures.subject_sheet(rows))


def _selected(network: nn.Module, image: Tensor, guidance: Tensor) -> Tensor:
    """Masks (N, 1, H, W) of the subject, [0, 1]."""
    masks: Tensor = network(image, guidance).logits[:, 1:].float().sigmoid().cpu()
    return masks

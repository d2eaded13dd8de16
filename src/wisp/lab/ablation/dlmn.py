"""The ablation of DLMN-G: what its segmentation, motion and trimap are worth.

El Abdellaoui and Kachbal, background matting with DLMN-G and SSRN (Studies in Informatics and Control),
section 3, compare their supervised network with a residual encoder–decoder and say that "segmentation and
color difference cues" make it more robust; they give no table. Ours leaves out one cue at a time, and then
all of them, which is a residual encoder–decoder with the image alone. Without a segmentation there is no mask
for alpha to begin as (`wisp.networks.dlmn.dlmn_mobile`).

Scored on composites of held-out people over held-out backgrounds, masks as at inference, every other one a
still and every other one moving: each variant sees the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from wisp.core.digests import sha256_of
from wisp.core.errors import InputError
from wisp.data.cues import CueExample, as_at_inference, with_cues
from wisp.data.datasets import Entry
from wisp.data.synthesis import Synthesis
from wisp.evaluation.protocols import Report, score_alpha
from wisp.lab.ablation import Ablation, Row, Table, short
from wisp.lab.ablation.portrait import held_out_composites
from wisp.networks.dlmn import CUES
from wisp.training import pictures
from wisp.training.loader import Batch, stack, to_batch
from wisp.training.loop import Schedule, Validation
from wisp.training.pictures import to_bytes
from wisp.training.recipes.dlmn import DLMNTask, predict
from wisp.training.recipes.dlmn_recipes import NETWORK, MobileRecipe

VARIANTS: Final[Mapping[str, tuple[str, ...]]] = {
    "full": tuple(CUES),
    "no-segmentation": ("trimap", "motion"),
    "no-motion": ("mask", "trimap"),
    "no-trimap": ("mask", "motion"),
    "image-alone": (),
}
"""The cues of each variant, in the order in which they are trained."""

TABLES: Final = (
    Table(
        "Cues of DLMN-G",
        (
            Row("segmentation, trimap and motion", "full"),
            Row("without segmentation", "no-segmentation"),
            Row("without motion", "no-motion"),
            Row("without trimap", "no-trimap"),
            Row("residual encoder–decoder, the image alone", "image-alone"),
        ),
    ),
)


@dataclass(frozen=True)
class AblationRecipe(MobileRecipe):
    """The compact recipe, short.

    Attributes:
        scored_size: side of the pictures that are scored, a multiple of 32.
        scored_people: how many held-out people at most.
    """

    network: str = "dlmn-ablation"
    synthesis: Synthesis = field(default_factory=lambda: replace(MobileRecipe().synthesis, size=160))
    schedule: Schedule = field(default_factory=lambda: short(300))
    scored_size: int = 192
    scored_people: int = 96


def dlmn_ablation(
    recipe: AblationRecipe,
    people: Sequence[Entry],
    scenes: Sequence[Path],
    held_out: Sequence[Entry],
    held_out_scenes: Sequence[Path],
    *,
    variants: Sequence[str] = tuple(VARIANTS),
    encoder_weights: Path | None = None,
) -> Ablation:
    """Set up DLMN's ablation for `wisp.lab.ablation.ablate`.

    Args:
        recipe: what all variants share.
        people: training photos.
        scenes: training photos without people.
        held_out: people to score on.
        held_out_scenes: their backgrounds.
        variants: keys of `VARIANTS`.
        encoder_weights: as in `DLMNTask`.

    Raises:
        InputError: an unknown variant, or a file that is missing or something else.
    """
    for name in variants:
        if name not in VARIANTS:
            raise InputError("--variants", f"has {name!r}", f"{', '.join(VARIANTS)} are accepted")
    composites = held_out_composites(held_out, held_out_scenes, recipe)
    examples = {
        name: with_cues(
            example,
            np.random.default_rng((1, number)),
            replace(as_at_inference(recipe.cues), still=float(number % 2)),
        )
        for number, (name, example) in enumerate(composites.items())
    }

    def trial(shown: tuple[str, ...]) -> AblationTask:
        return AblationTask(
            replace(recipe, shown=shown), people, scenes, examples, encoder_weights=encoder_weights
        )

    size = recipe.scored_size
    return Ablation(
        trials={name: partial(trial, VARIANTS[name]) for name in VARIANTS if name in variants},
        tables=TABLES,
        reference="full",
        settings=_settings(recipe, len(people), len(scenes), encoder_weights),
        scored=f"{len(examples)} composites of held-out people, {size}×{size}, every other one moving",
        groups={entry.name: entry.subject or entry.name for entry in held_out},
    )


class AblationTask(DLMNTask):
    """DLMN-G's task with some of its cues.

    Args:
        recipe: with the cues that are shown.
        people: training photos.
        scenes: training photos without people.
        examples: what is scored, by name.
        encoder_weights: as in `DLMNTask`.
    """

    recipe: AblationRecipe

    def __init__(
        self,
        recipe: AblationRecipe,
        people: Sequence[Entry],
        scenes: Sequence[Path],
        examples: Mapping[str, CueExample],
        *,
        encoder_weights: Path | None = None,
    ) -> None:
        super().__init__(recipe, people, scenes, (), (), encoder_weights=encoder_weights)
        self._scored = examples

    @torch.inference_mode()
    def alpha(self, network: nn.Module, batch: Batch) -> Tensor:
        """(N, 1, H, W) on the CPU."""
        return torch.sigmoid(predict(network, batch).logits).cpu()

    def validate(self, network: nn.Module, device: torch.device) -> Validation:
        """A sheet of a few held-out people, and their error; `measure` has the figures that count."""
        network.eval()
        batch = to_batch(stack(list(self._scored.values())[:8]), device)
        alpha = self.alpha(network, batch)
        assert batch.mask is not None
        rows = []
        for index in range(len(alpha)):
            image = to_bytes(batch.image[index].permute(1, 2, 0))
            shown = [to_bytes(x[index, 0]) for x in (batch.mask, batch.alpha, alpha)]
            rows.append([image, *shown, pictures.on_green(image, shown[-1])])
        error = float((alpha - batch.alpha.cpu()).abs().mean())
        return Validation({"mae": error}, pictures.sheet(rows))

    def measure(self, network: nn.Module, device: torch.device) -> Report:
        """The metrics of `wisp.evaluation` by person, of alpha rounded to 8 bits."""
        names, images = list(self._scored), {}
        for start in range(0, len(names), 8):
            few = names[start : start + 8]
            batch = to_batch(stack([self._scored[name] for name in few]), device)
            found, truth = self.alpha(network, batch), batch.alpha.cpu()
            for index, name in enumerate(few):
                images[name] = score_alpha(found[index, 0].numpy(), truth[index, 0].numpy())
        return Report("whole", images)


def _settings(recipe: AblationRecipe, people: int, scenes: int, weights: Path | None) -> dict[str, Any]:
    """Settings that a resumed run must bring again."""
    shared = asdict(recipe)
    del shared["shown"]
    encoder = None if weights is None else sha256_of(weights)
    return {"network": NETWORK, "recipe": shared, "people": people, "scenes": scenes, "encoder": encoder}

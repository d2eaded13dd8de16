"""The recipe of the subject network.

    wisp train subject --data corpus --encoder-weights modnet.onnx -o runs/subject
    wisp export runs/subject/last.pt -o subject-mobile.onnx

Real photos and composites in written-down shares (`wisp.data.subject_samples`), small pictures for
long and larger ones at the end, labels as far as they are trusted. A third of the samples is guided: clicks
are simulated where the network errs, round by round, and its mask is fed back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from wisp.data.packed import Pack
from wisp.data.subject_samples import (
    KINDS,
    Kind,
    SubjectMix,
    SubjectSamples,
    SubjectSynthesis,
)
from wisp.networks.subject import subject_network
from wisp.training import losses, pictures
from wisp.training.clicks import add_click
from wisp.training.examples import image_and_guidance
from wisp.training.importing import load_start
from wisp.training.loader import Stored, stack
from wisp.training.loop import Terms, Validation
from wisp.training.recipes import TrainedNetwork
from wisp.training.recipes.subject_losses import subject_optimiser, subject_terms
from wisp.training.recipes.subject_recipes import SubjectRecipe
from wisp.training.recipes.subject_tuning import PARTS, TUNER


@dataclass(frozen=True)
class SubjectBatch:
    """Samples side by side as float tensors in [0, 1]; fields as in `SubjectExample`, (N, C, H, W)."""

    image: Tensor
    label: Tensor
    weight: Tensor
    previous: Tensor
    guided: Tensor
    """bool (N,)."""
    kind: Tensor
    """int (N,)."""


class SubjectTask:
    """A task for `wisp.training.loop.fit`.

    Args:
        recipe: the recipe.
        photos: packed training photos, groups ``people``, ``things``, ``cutouts`` and ``scenes``.
        held_out: packed photos to validate on, with the same groups.
        encoder_weights: as in `wisp.networks.subject.subject_network`.
        start: weights of the whole network instead, as `wisp.training.importing.load_start` takes them.
    """

    score = "mae"

    def __init__(
        self,
        recipe: SubjectRecipe,
        photos: Pack,
        held_out: Pack,
        encoder_weights: Path | None = None,
        start: str | Path | None = None,
    ) -> None:
        self.recipe = recipe
        schedule = recipe.schedule
        self.source = SubjectSamples(
            photos,
            recipe.synthesis,
            batch=schedule.batch,
            steps=schedule.steps,
            seed=schedule.seed,
            share=recipe.photos,
        )
        self._held_out = held_out
        torch.manual_seed(schedule.seed)
        network = subject_network(encoder_weights)
        if start is not None:
            load_start(network, recipe.network, start)
        self.networks: Mapping[str, nn.Module] = {"subject": network}

    def optimisers(self, networks: Mapping[str, nn.Module]) -> Mapping[str, Optimizer]:
        """One AdamW; the encoder learns more slowly, norms and biases do not decay."""
        return {"subject": subject_optimiser(self.recipe, networks["subject"])}

    def phases(self, step: int) -> Sequence[str]:
        """The one network, every step."""
        return ("subject",)

    def batch(self, stored: Stored, device: torch.device) -> SubjectBatch:
        """Stored samples as working tensors."""
        image, label, weight, previous = (
            stored[name].to(device).to(torch.float32, memory_format=torch.channels_last).mul_(1 / 255)
            for name in ("image", "label", "weight", "previous")
        )
        guided, kind = (stored[name].to(device).view(-1) for name in ("guided", "kind"))
        return SubjectBatch(image, label, weight, previous, guided.bool(), kind.long())

    def losses(self, phase: str, networks: Mapping[str, nn.Module], batch: SubjectBatch) -> Terms:
        """Cross-entropy, L1, intersection over union and structure of each mask, and presence."""
        network = networks[phase]
        guidance = self._guidance(network, batch) if batch.guided.any() else None
        found = network(batch.image, guidance)
        return subject_terms(self.recipe, found, batch.label, batch.weight)

    @torch.no_grad()
    def _guidance(self, network: nn.Module, batch: SubjectBatch) -> Tensor:
        """Clicks and masks of the guided samples, after as many rounds as chance has it; 0 in the others."""
        places = batch.guided.nonzero().flatten().tolist()
        rng = np.random.default_rng(int(torch.randint(2**31, ())))
        targets = batch.label[:, 1].float().cpu().numpy()
        drawn = np.zeros((len(places), 3, *targets.shape[1:]), np.float32)
        drawn[:, 2] = batch.previous[places, 0].float().cpu().numpy()
        for i, place in enumerate(places):
            add_click(drawn[i], targets[place], drawn[i, 2], rng)
        rounds = int(rng.integers(self.recipe.rounds + 1))
        if rounds:
            was_training = network.training
            network.eval()
            size = [max(64, round(side * 0.7 / 32) * 32) for side in targets.shape[1:]]
            image = functional.interpolate(batch.image[places], size=size, mode="bilinear", antialias=True)
            for _ in range(rounds):
                given = functional.interpolate(torch.from_numpy(drawn), size=size, mode="bilinear")
                logits = network(image, given).logits[:, 1:].float()
                masks = functional.interpolate(logits, size=targets.shape[1:], mode="bilinear").sigmoid()
                for i, place in enumerate(places):
                    mask = masks[i, 0].numpy()
                    add_click(drawn[i], targets[place], mask, rng)
                    drawn[i, 2] = 0 if rng.random() < self.recipe.drop else mask
            network.train(was_training)
        guidance = torch.zeros(len(batch.image), 3, *targets.shape[1:])
        guidance[places] = torch.from_numpy(drawn)
        return guidance.to(batch.image.device, memory_format=torch.channels_last)

    @cached_property
    def _examples(self) -> list[SubjectBatch]:
        """Fixed samples of each kind, none of them guided."""
        mix = SubjectMix(guided=0.0, turned=0.05)
        samples = SubjectSamples(self._held_out, SubjectSynthesis(mix=mix), batch=8, steps=1)
        shares: dict[Kind, int] = {
            "person": 6,
            "thing": 4,
            "single": 3,
            "several": 3,
            "small": 2,
            "poster": 1,
            "empty": 3,
        }
        return self._fixed_batches(samples, shares, seed=99)

    def _fixed_batches(
        self, samples: SubjectSamples, counts: Mapping[Kind, int], seed: int
    ) -> list[SubjectBatch]:
        """Batches of eight samples of 320² pixels, so many of each kind as `counts` says."""
        batches = []
        for kind, count in counts.items():
            if (kind == "thing" and not samples.things) or (kind != "empty" and not samples.trusted):
                continue
            for number in range(count):
                rng = np.random.default_rng((seed, KINDS.index(kind), number))
                made = stack([samples.sample(rng, (320, 320), kind) for _ in range(8)])
                batches.append(self.batch(made, torch.device("cpu")))
        return batches

    def validate(self, network: nn.Module, device: torch.device) -> Validation:
        """MAE and soft IoU of both masks where the labels are trusted, and errors of presence, by kind."""
        network.eval()
        totals: dict[str, list[float]] = {}
        rows = []
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
            for batch in self._examples:
                found = network(batch.image.to(device))
                mask = found.logits.float().sigmoid().cpu()
                kind = KINDS[int(batch.kind[0])]
                error = (mask - batch.label).abs() * batch.weight
                mae = float(error.sum() / batch.weight.sum().clamp_min(1))
                totals.setdefault("mae", []).append(mae)
                totals.setdefault(f"mae-{kind}", []).append(mae)
                if kind != "empty":
                    overlap = losses.soft_iou(mask[:, 1:], batch.label[:, 1:], batch.weight[:, 1:])
                    totals.setdefault("iou-loss", []).append(float(overlap))
                there = ((batch.label > 0.5) & (batch.weight > 0.3)).flatten(2).any(2)
                wrong = ((found.presence.float().cpu() > 0) != there).float().mean()
                totals.setdefault("presence-errors", []).append(float(wrong))
                rows.append((batch.image[0], batch.label[0, 1], mask[0, 1]))
        scores = {name: float(np.mean(values)) for name, values in totals.items()}
        return Validation(scores, pictures.subject_sheet(rows))


class _MasksAndPresence(nn.Module):
    """Image and guidance (N, 3, H, W) → masks (N, 2, H, W) and presence (N, 2), sigmoids inside."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, guidance: Tensor) -> tuple[Tensor, Tensor]:
        logits, presence = self.network.find(image, guidance)  # type: ignore[operator]
        return torch.sigmoid(logits), torch.sigmoid(presence)


NETWORKS: Final[Mapping[str, TrainedNetwork]] = {
    "subject": TrainedNetwork(
        lambda _: subject_network(),
        _MasksAndPresence,
        image_and_guidance,
        ("masks", "presence"),
        aids=("network.quarter", "network.eighth"),
        parts=PARTS,
        tuner=TUNER,
    ),
}

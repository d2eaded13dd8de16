"""The recipes of the U-Nets: from scratch on a hundred photos, and in steps that build on each other.

    wisp train unet-simple --data photos -o runs/simple
    wisp train unet --data photos -o runs/unet

    wisp train unet --recipe packed --data corpus -o runs/unet-small
    wisp export runs/unet-small/last.pt -o unet-small.onnx

    wisp train unet --data VOCdevkit/VOC2012 -o runs/general           # or --general 1: procedural composites
    wisp train unet --start runs/general/best.pt --data people -o runs/people
    wisp train unet --start runs/people/best.pt --data photos --freeze first -o runs/fine

Binary cross-entropy, Adam at 1e-3, early stopping; photos are resized to 256×256 without regard to their
proportions, or letterboxed. Li, Miao, Hu, Cao, Jin, "Background Image Matting", sections 3.1 to 3.3.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from wisp.core.errors import InputError
from wisp.data import datasets
from wisp.data.matting_samples import PEOPLE_MIX, MattingSamples, MattingSynthesis
from wisp.data.packed import Pack
from wisp.data.packed_squares import PackedSquares
from wisp.data.samples import Source
from wisp.data.single_image import Fitting, PlainSamples, calm
from wisp.networks.unet import SimpleUNet, UNet
from wisp.training import losses, validation
from wisp.training.examples import image_alone
from wisp.training.freezing import Parts, freeze_parts, trainable
from wisp.training.importing import load_start
from wisp.training.loader import Batch, batches, first_batches, to_batch
from wisp.training.loop import Schedule, Task, Terms, Validation
from wisp.training.recipes import TrainedNetwork
from wisp.training.recipes.segmenter import cut_by_mask
from wisp.training.tuning import Photos, Tuner, Tuning, adapt, answer

STANDARD, SIMPLE = "unet", "unet-simple"
EXAMPLES: Final = 64
PARTS: Final[Mapping[str, Parts]] = {
    STANDARD: Parts(("down.0",), ("down.1",), ("head",)),
    SIMPLE: Parts(("down",), ("up",), ("head",)),
}
"""Modules that each level of freezing stands for, by network."""


@dataclass(frozen=True)
class UNetRecipe:
    """Every setting that decides a U-Net's weights, but for the data.

    Attributes:
        network: ``unet`` or ``unet-simple``, also for its export.
        width: filters of the first level.
        dropout: the two rates of the network.
        normed: train with batch norms, which the export folds into the convolutions.
        rate: Adam's learning rate.
        freeze: which parts keep their weights, a key of `wisp.training.freezing.LEVELS`.
        synthesis: how samples are made.
        schedule: how long and how fast.
    """

    network: str = STANDARD
    width: int = 64
    dropout: tuple[float, float] = (0.0, 0.0)
    normed: bool = False
    rate: float = 1e-3
    freeze: str = "none"
    synthesis: Fitting = field(default_factory=Fitting)
    schedule: Schedule = field(
        default_factory=lambda: Schedule(
            steps=1250,
            batch=8,
            warm_up=1,
            final=1.0,
            clip=math.inf,
            average=0.0,
            validate_every=25,
            checkpoint_every=125,
            patience=10,
        )
    )


@dataclass(frozen=True)
class PackedRecipe(UNetRecipe):
    """A small standard U-Net for the CPU, from packed photos of people and composites of them.

    Attributes:
        rate: Adam's learning rate at first.
        synthesis: the squares.
        samples: how samples are made before they are squeezed into squares of `Fitting.size`.

    With 16 filters and at 128 pixels a step is a sixtieth of the report's. Short runs need a rate that falls
    along a cosine, averaged weights, and batch norms: without these, 600 steps had not found people yet.
    """

    width: int = 16
    normed: bool = True
    rate: float = 2e-3
    synthesis: Fitting = field(default_factory=lambda: Fitting(size=128))
    samples: MattingSynthesis = field(
        default_factory=lambda: MattingSynthesis(
            size=128, mix=PEOPLE_MIX, hair=0.0, procedural=0.0, close=1.7, border_trust=1.0
        )
    )
    schedule: Schedule = field(
        default_factory=lambda: Schedule(
            steps=6000,
            batch=16,
            warm_up=50,
            final=0.01,
            clip=1.0,
            average=0.998,
            validate_every=300,
            checkpoint_every=100,
        )
    )


SIMPLE_RECIPE: Final = UNetRecipe(network=SIMPLE, dropout=(0.1, 0.2))
"""The simple network with the report's dropout."""


def build(recipe: UNetRecipe) -> UNet | SimpleUNet:
    """The network at random."""
    kind = SimpleUNet if recipe.network == SIMPLE else UNet
    built = kind(recipe.width, recipe.dropout, normed=recipe.normed)
    built.size, built.letterbox = recipe.synthesis.size, recipe.synthesis.letterbox
    return built


class UNetTask:
    """Networks, samples, losses and validation of a U-Net, for `wisp.training.loop.fit`.

    Args:
        recipe: the recipe.
        photos: training photos.
        scenes: photos without people, to set cut-outs and procedural foregrounds on; may be empty.
        held_out: photos to validate on.
        held_out_scenes: as `scenes`.
        start: weights to begin with, as `wisp.training.importing.load_start` takes them.

    Raises:
        InputError: nothing to train on, a file that is something else, or an unknown level of freezing.
    """

    score = "bce"

    def __init__(
        self,
        recipe: UNetRecipe,
        photos: Sequence[datasets.Entry],
        scenes: Sequence[Path],
        held_out: Sequence[datasets.Entry],
        held_out_scenes: Sequence[Path],
        start: str | Path | None = None,
    ) -> None:
        self.recipe = recipe
        self.source: Source = PlainSamples(photos, scenes, recipe.synthesis, recipe.schedule.seed)
        self._validated: Source = PlainSamples(
            held_out, held_out_scenes, calm(recipe.synthesis), validation.SEED
        )
        self._count = len(held_out)
        self._begin(start)

    def _begin(self, start: str | Path | None) -> None:
        recipe = self.recipe
        torch.manual_seed(recipe.schedule.seed)
        network = build(recipe)
        if start is not None:
            load_start(network, recipe.network, start)
        freeze_parts(network, PARTS[recipe.network], recipe.freeze)
        self.networks: Mapping[str, nn.Module] = {recipe.network: network}

    def optimisers(self, networks: Mapping[str, nn.Module]) -> Mapping[str, Optimizer]:
        """Adam over what is not frozen."""
        name = self.recipe.network
        return {name: Adam(trainable(networks[name]), self.recipe.rate, fused=True)}

    def phases(self, step: int) -> Sequence[str]:
        """The one network, every step."""
        return (self.recipe.network,)

    def losses(self, phase: str, networks: Mapping[str, nn.Module], batch: Batch) -> Terms:
        """Cross-entropy between mask and alpha, where the label is trusted."""
        logits = networks[phase](batch.image).float()
        return {"bce": losses.binary_cross_entropy(logits, batch.alpha, batch.weight)}

    @cached_property
    def _examples(self) -> list[Batch]:
        general = self.recipe.synthesis.general
        count = min(EXAMPLES, self._count) if general < 1 else EXAMPLES // 2
        stored = [
            tensors
            for first, size in _spans(count, 8)
            for tensors in batches(self._validated, batch=size, first=first // size, count=1, workers=0)
        ]
        return [to_batch(tensors, torch.device("cpu")) for tensors in stored]

    def validate(self, network: nn.Module, device: torch.device) -> Validation:
        """Scores on held-out photos in their squares, as `wisp.training.validation` counts them."""

        def mask(batch: Batch) -> Tensor:
            return torch.sigmoid(network(batch.image).float())

        return validation.validate_alpha(mask, network, self._examples, device)


class PackedTask(UNetTask):
    """A U-Net on packed photos, for `wisp.training.loop.fit`.

    Args:
        recipe: the recipe.
        photos: packed training photos, groups ``people`` and ``scenes``, and perhaps others.
        held_out: packed photos to validate on.
        start: as `UNetTask` takes it.
    """

    def __init__(
        self, recipe: PackedRecipe, photos: Pack, held_out: Pack, start: str | Path | None = None
    ) -> None:
        self.recipe = recipe
        schedule = recipe.schedule
        self.source = _squares(photos, recipe, schedule.batch, schedule.steps, schedule.seed)
        self._validated = _squares(held_out, recipe, 8, 1, validation.SEED)
        self._begin(start)

    @cached_property
    def _examples(self) -> list[Batch]:
        return first_batches(self._validated, EXAMPLES, 8)


def _squares(pack: Pack, recipe: PackedRecipe, batch: int, steps: int, seed: int) -> PackedSquares:
    samples = MattingSamples(pack, recipe.samples, batch=batch, steps=steps, seed=seed)
    return PackedSquares(samples, recipe.synthesis.size)


def _spans(count: int, most: int) -> list[tuple[int, int]]:
    """`count` samples in batches of `most`, the last ones alone: first sample and length of each."""
    whole = [(first, most) for first in range(0, count - most + 1, most)]
    return whole + [(index, 1) for index in range(len(whole) * most, count)]


def _build(recipe: Mapping[str, Any]) -> nn.Module:
    kind = SimpleUNet if recipe["network"] == SIMPLE else UNet
    built = kind(recipe["width"], normed=recipe.get("normed", False))
    built.size, built.letterbox = recipe["synthesis"]["size"], recipe["synthesis"]["letterbox"]
    return built


class _SquaredMask(nn.Module):
    """Image (N, 3, H, W) of any size → soft mask (N, 1, H, W): resized, masked, resized back."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        mask: Tensor = self.network.mask(image)  # type: ignore[operator]
        return mask


def _tuned(kept: Mapping[str, Any], photos: Photos, tuning: Tuning) -> Task:
    base = SIMPLE_RECIPE if kept["network"] == SIMPLE else UNetRecipe()
    shape = {key: kept["synthesis"][key] for key in ("size", "letterbox")}
    if tuning.size not in (None, shape["size"]):
        raise InputError(
            "--size", f"is {tuning.size}", f"{shape['size']}, at which this U-Net works, is accepted"
        )
    synthesis = replace(base.synthesis, flip=0.5, **shape)
    network = replace(base, width=kept["width"], normed=kept.get("normed", False), synthesis=synthesis)
    recipe = adapt(network, photos, replace(tuning, size=None))
    return UNetTask(recipe, photos.kept, photos.scenes, photos.held_out, photos.scenes)


NETWORKS: Final[Mapping[str, TrainedNetwork]] = {
    name: TrainedNetwork(
        _build,
        _SquaredMask,
        image_alone,
        ("mask",),
        parts=parts,
        tuner=Tuner(_tuned, cut_by_mask, "unet", answer=answer),
    )
    for name, parts in PARTS.items()
}

"""The recipe of the person segmenter, DeepLabV3+ on MobileNetV2.

    wisp train segmenter --data corpus --encoder-weights modnet.onnx -o runs/segmenter
    wisp export runs/segmenter/best.pt -o segmenter-mobile.onnx

Half of the samples are composites, every batch holds photos without people, and labels count as far as they
are trusted. The encoder's batch norms stay frozen: folded ones have no statistics, and others learned theirs
from more photos than there are here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from wisp.core.arrays import Alpha, Image
from wisp.data import datasets
from wisp.data.samples import Source
from wisp.data.synthesis import Samples, Synthesis
from wisp.engine.families.segmenter import segment
from wisp.networks.deeplab import DeepLabV3Plus
from wisp.networks.encoders.mobilenetv2 import MobileNetV2
from wisp.training import losses, validation
from wisp.training.calibration import mask_cases
from wisp.training.examples import image_alone
from wisp.training.freezing import Parts, freeze_batch_norm
from wisp.training.importing import load_start
from wisp.training.loader import Batch
from wisp.training.loop import Schedule, Task, Terms, Validation
from wisp.training.recipes import TrainedNetwork, Trainer
from wisp.training.tuning import Photos, Tuner, Tuning, adapt, answer


@dataclass(frozen=True)
class SegmenterRecipe:
    """Every setting that decides the segmenter's weights, but for the data.

    Attributes:
        network: which network this is, for its export.
        width: channels of the pyramid and the decoder.
        decoder: those of the decoder alone, for runs that go on with a lean network.
        rate: AdamW's learning rate of the new layers.
        encoder_rate: that of the encoder.
        decay: AdamW's weight decay.
        l1: weight of the L1 term beside the cross-entropy's 1.
        synthesis: how samples are made.
        schedule: how long and how fast.
    """

    network: str = "segmenter"
    width: int = 256
    decoder: int | None = None
    rate: float = 1e-3
    encoder_rate: float = 1e-4
    decay: float = 1e-2
    l1: float = 0.5
    synthesis: Synthesis = field(default_factory=Synthesis)
    schedule: Schedule = field(default_factory=lambda: Schedule(steps=1600, batch=8))


def network(
    recipe: SegmenterRecipe, encoder_weights: Path | None = None, start: str | Path | None = None
) -> DeepLabV3Plus:
    """The network at its start.

    Args:
        recipe: its width.
        encoder_weights: torchvision's MobileNetV2 checkpoint (``.pth``) or MODNet's ONNX file; random
            without.
        start: weights of the whole network instead, as `wisp.training.importing.load_start` takes them.

    Raises:
        InputError: a file is something else.
    """
    encoder = MobileNetV2(output_stride=16)
    load_encoder(encoder, encoder_weights)
    built = DeepLabV3Plus(encoder, recipe.width, recipe.decoder)
    if start is not None:
        load_start(built, recipe.network, start)
    if encoder_weights is not None or start is not None:
        freeze_batch_norm(built.encoder)
    return built


def load_encoder(encoder: MobileNetV2, weights: Path | None) -> None:
    """Start an encoder from torchvision's checkpoint (``.pth``) or MODNet's ONNX file; at random from None.

    Raises:
        InputError: the file is missing or neither.
    """
    if weights is None:
        return
    load = encoder.load_modnet if weights.suffix == ".onnx" else encoder.load_torchvision
    load(weights)


class SegmenterTask:
    """Networks, samples, losses and validation of the segmenter, for `wisp.training.loop.fit`.

    Args:
        recipe: the recipe.
        people: training photos.
        scenes: training photos without people.
        held_out: photos to validate on.
        held_out_scenes: photos without people to validate on.
        encoder_weights: as in `network`.
        start: as in `network`.
    """

    score = "mae"

    def __init__(
        self,
        recipe: SegmenterRecipe,
        people: Sequence[datasets.Entry],
        scenes: Sequence[Path],
        held_out: Sequence[datasets.Entry],
        held_out_scenes: Sequence[Path],
        encoder_weights: Path | None = None,
        start: str | Path | None = None,
    ) -> None:
        self.recipe = recipe
        self.source: Source = Samples(people, scenes, recipe.synthesis, recipe.schedule.seed)
        self._held_out, self._held_out_scenes = held_out, held_out_scenes
        torch.manual_seed(recipe.schedule.seed)
        self.networks: Mapping[str, nn.Module] = {"segmenter": network(recipe, encoder_weights, start)}

    def optimisers(self, networks: Mapping[str, nn.Module]) -> Mapping[str, Optimizer]:
        """One AdamW; the encoder learns more slowly."""
        encoder = [p for name, p in networks["segmenter"].named_parameters() if "encoder." in name]
        rest = [p for name, p in networks["segmenter"].named_parameters() if "encoder." not in name]
        groups = [
            {"params": rest, "lr": self.recipe.rate},
            {"params": encoder, "lr": self.recipe.encoder_rate},
        ]
        return {"segmenter": AdamW(groups, weight_decay=self.recipe.decay, fused=True)}

    def phases(self, step: int) -> Sequence[str]:
        """The one network, every step."""
        return ("segmenter",)

    def losses(self, phase: str, networks: Mapping[str, nn.Module], batch: Batch) -> Terms:
        """Cross-entropy and L1 between mask and alpha, where the label is trusted."""
        logits = networks[phase](batch.image).float()
        return {
            "bce": losses.binary_cross_entropy(logits, batch.alpha, batch.weight),
            "l1": self.recipe.l1 * losses.l1(logits.sigmoid(), batch.alpha, batch.weight),
        }

    @cached_property
    def _examples(self) -> list[Batch]:
        return validation.fixed_examples(self._held_out, self._held_out_scenes, self.recipe.synthesis)

    def validate(self, network: nn.Module, device: torch.device) -> Validation:
        """Trust-weighted MAE, cross-entropy and accuracy on held-out photos, composites and empty scenes."""

        def mask(batch: Batch) -> Tensor:
            return torch.sigmoid(network(batch.image).float())

        return validation.validate_alpha(mask, network, self._examples, device)


def _build(recipe: Mapping[str, Any]) -> nn.Module:
    return DeepLabV3Plus(MobileNetV2(output_stride=16), recipe["width"], recipe.get("decoder"))


class _Mask(nn.Module):
    """Image (N, 3, H, W) → soft mask (N, 1, H, W), the sigmoid inside."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        return torch.sigmoid(self.network(image))


def _tuned(kept: Mapping[str, Any], photos: Photos, tuning: Tuning) -> Task:
    recipe = adapt(SegmenterRecipe(width=kept["width"], decoder=kept.get("decoder")), photos, tuning)
    return SegmenterTask(recipe, photos.kept, photos.scenes, photos.held_out, photos.scenes)


def cut_by_mask(image: Image, truth: Alpha, path: Path, tuning: Tuning) -> Alpha:
    """The soft mask of a network that sees the image alone, as `wisp.training.tuning.Cut`."""
    return segment(image, model=path)


SENSITIVE: Final = ("network/encoder/features.0", "network/encoder/features.1", "network/head")
"""Its first three convolutions, which see the photo, and its last (docs/decisions/013)."""
TRAINER: Final = Trainer(SegmenterRecipe(), SegmenterTask, shapes=("decoder",))
NETWORKS: Final[Mapping[str, TrainedNetwork]] = {
    "segmenter": TrainedNetwork(
        _build,
        _Mask,
        image_alone,
        ("mask",),
        mask_cases,
        SENSITIVE,
        usual={"width": 256},
        parts=Parts(
            ("encoder.features.0", "encoder.features.1"),
            ("encoder.features.2", "encoder.features.3"),
            ("head",),
        ),
        tuner=Tuner(_tuned, cut_by_mask, "auto", answer=answer),
    ),
}

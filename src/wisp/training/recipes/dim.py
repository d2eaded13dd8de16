"""The recipes of Deep Image Matting: the compact network that ships, and the paper's own.

    wisp train dim --data corpus --encoder-weights imagenet -o runs/dim
    wisp train dim --recipe mobile-fine --start runs/dim/best.pt --data corpus -o runs/dim-fine
    wisp export runs/dim-fine/best.pt -o dim-mobile.onnx

    wisp train dim --recipe vgg16 --data corpus --encoder-weights vgg16.pth -o runs/dim-vgg16
    wisp train dim --recipe vgg16 --as-published --data ADOBE --backgrounds COCO --encoder-weights vgg16.pth \
        -o runs/published

The paper's three steps, as shares of one run: encoder and decoder; then the refinement alone, the first part
frozen, by the alpha loss only and with trimaps of a fixed width; then all together. Losses count inside the
unknown region alone. Beside the paper's five training strategies, samples have what later work found
(`wisp.data.trimap_samples`) and procedural foregrounds; `as_published` leaves these out.

Xu, Price, Cohen, Huang 2017, "Deep Image Matting" (CVPR).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from wisp.core.arrays import Alpha, Image
from wisp.core.errors import InputError
from wisp.data import datasets
from wisp.data.published import FIVE_STRATEGIES, Composites, PublishedCrops
from wisp.data.trimap_samples import Cropping, TrimapSamples
from wisp.engine.families.dim import dim
from wisp.matting.trimap import trimap_from_alpha
from wisp.networks.checkpoints import read_checkpoint
from wisp.networks.dim import DeepImageMatting, Prediction, VGG16Stage, dim_vgg16
from wisp.networks.dim_mobile import dim_mobile
from wisp.networks.encoders.mobilenetv2 import MobileNetV2
from wisp.training import losses
from wisp.training.examples import image_and_trimap, image_trimap_and_prior
from wisp.training.freezing import Parts, freeze_batch_norm
from wisp.training.importing import load_start
from wisp.training.loader import Batch
from wisp.training.loop import Schedule, Task, Terms, Validation
from wisp.training.recipes import TrainedNetwork
from wisp.training.recipes.segmenter import load_encoder
from wisp.training.trimap_validation import fixed_trimap_examples, validate_unknown
from wisp.training.tuning import Photos, Tuner, Tuning, adapt

Background: TypeAlias = Literal["true", "random"]

FIRST, SECOND, TOGETHER = "encoder-decoder", "refinement", "together"
NETWORK = "dim"


@dataclass(frozen=True)
class Coefficients:
    """Weights of the loss's terms; a term with weight 0 is not computed.

    Attributes:
        alpha: the alpha-prediction loss (w in the paper).
        composition: the compositional loss (1 − w).
        laplacian: L1 of Laplacian pyramids.
        background: what the compositional loss composes with: ``true``, as in the paper, or ``random``.
    """

    alpha: float = 0.5
    composition: float = 0.5
    laplacian: float = 0.0
    background: Background = "true"


@dataclass(frozen=True)
class MobileRecipe:
    """The compact network.

    Attributes:
        network: which network this is, for its export.
        rate: Adam's learning rate of the new layers.
        encoder_rate: that of MobileNetV2.
        first: share of the steps that encoder and decoder are trained alone.
        second: share of the steps, after these, that the refinement is trained alone.
        fixed_width: radius of the unknown part around mixed pixels in the second step, pixels.
        coefficients: of the loss, in the first and the third step; the second has the alpha loss alone.
        synthesis: how samples are made.
        examples: held-out samples of each kind at a validation.
        schedule: how long and how fast.
    """

    network: str = "dim-mobile"
    rate: float = 1e-3
    encoder_rate: float = 2e-4
    first: float = 0.75
    second: float = 0.08
    fixed_width: int = 8
    coefficients: Coefficients = Coefficients(alpha=1.0, composition=0.5, laplacian=0.5)
    synthesis: Cropping = field(default_factory=lambda: Cropping(prior=True))
    examples: int = 32
    schedule: Schedule = field(default_factory=lambda: Schedule(steps=6000, batch=8, clip=3.0))


FINE: Final = MobileRecipe(
    rate=5e-4,
    encoder_rate=1e-4,
    first=0.6,
    synthesis=Cropping(prior=True, procedural=0.5, contrast=1.0, hair=0.5),
    schedule=Schedule(steps=1650, batch=8, warm_up=50, clip=3.0, validate_every=275),
)
"""A second run that begins with the weights of a first one: slower, more of it with everything together, and
with the labels of photos as they are."""


@dataclass(frozen=True)
class VGG16Recipe:
    """The paper's network and learning rate.

    Attributes:
        width: of `wisp.networks.dim.dim_vgg16`.
        published: samples are those of `wisp.data.published` alone, see `as_published`.

    The other attributes are those of `MobileRecipe`.

    The paper names no batch and no number of steps: the schedule is one epoch of its 49,300 images, most of
    it the first step. fc6 starts at random unless the file of weights has it.
    """

    network: str = "dim-vgg16"
    width: float = 1.0
    published: bool = False
    rate: float = 1e-5
    encoder_rate: float = 1e-5
    first: float = 0.7
    second: float = 0.15
    fixed_width: int = 8
    coefficients: Coefficients = field(default_factory=Coefficients)
    synthesis: Cropping = field(default_factory=Cropping)
    examples: int = 32
    schedule: Schedule = field(
        default_factory=lambda: Schedule(
            steps=49_300,
            batch=1,
            warm_up=1,
            final=1.0,
            clip=math.inf,
            average=0.0,
            validate_every=2000,
            checkpoint_every=500,
        )
    )


def as_published(recipe: VGG16Recipe) -> VGG16Recipe:
    """The recipe with the paper's five training strategies and nothing else; none of it is procedural."""
    return replace(recipe, published=True, synthesis=replace(FIVE_STRATEGIES, size=recipe.synthesis.size))


class DimTask:
    """Networks, samples, losses and validation of Deep Image Matting, for `wisp.training.loop.fit`.

    Args:
        recipe: the compact or the paper's.
        cutouts: labelled training photos; may be empty where foregrounds are procedural.
        scenes: training photos without people.
        held_out: photos to validate on.
        held_out_scenes: photos without people to validate on.
        encoder_weights: torchvision's or MODNet's MobileNetV2, or torchvision's VGG-16; random without.
        start: weights of the whole network instead, as `wisp.training.importing.load_start` takes them.

    Raises:
        InputError: the file of weights is missing or something else.
    """

    score = "sad"

    def __init__(
        self,
        recipe: MobileRecipe | VGG16Recipe,
        cutouts: Sequence[datasets.Entry],
        scenes: Sequence[Path],
        held_out: Sequence[datasets.Entry],
        held_out_scenes: Sequence[Path],
        *,
        encoder_weights: Path | None = None,
        start: str | Path | None = None,
    ) -> None:
        self.recipe = recipe
        self.source: TrimapSamples | PublishedCrops
        if _published(recipe):
            if not cutouts:
                raise InputError("--data", "has no foregrounds", "as published, none are procedural")
            self.source = PublishedCrops(Composites(cutouts, scenes, recipe.schedule.seed), recipe.synthesis)
        else:
            self.source = TrimapSamples(cutouts, scenes, recipe.synthesis, recipe.schedule.seed)
        self._held_out, self._held_out_scenes = held_out, held_out_scenes
        torch.manual_seed(recipe.schedule.seed)
        self.networks: Mapping[str, nn.Module] = {NETWORK: network(recipe, encoder_weights, start)}
        self.notes: tuple[str, ...] = ()
        if isinstance(recipe, VGG16Recipe) and start is None:
            self.notes = _vgg16_notes(encoder_weights)

    def optimisers(self, networks: Mapping[str, nn.Module]) -> Mapping[str, Optimizer]:
        """One Adam for each of the three steps."""
        encoder, decoder, refinement = _parameters(networks[NETWORK])
        slow = {"params": encoder, "lr": self.recipe.encoder_rate}
        fast = {"params": decoder, "lr": self.recipe.rate}
        last = {"params": refinement, "lr": self.recipe.rate}
        return {
            FIRST: Adam([slow, fast], fused=True),
            SECOND: Adam([last], fused=True),
            TOGETHER: Adam([dict(slow), dict(fast), dict(last)], fused=True),
        }

    def phases(self, step: int) -> Sequence[str]:
        """The step of the paper's schedule that is due."""
        done = step / self.recipe.schedule.steps
        if done < self.recipe.first:
            return (FIRST,)
        return (SECOND,) if done < self.recipe.first + self.recipe.second else (TOGETHER,)

    def losses(self, phase: str, networks: Mapping[str, nn.Module], batch: Batch) -> Terms:
        """The terms of `Coefficients` by name, inside the unknown region."""
        assert batch.trimap is not None
        matting = networks[NETWORK]
        trimap, coefficients = batch.trimap, self.recipe.coefficients
        if phase == SECOND:
            trimap, coefficients = fixed_trimap(batch.alpha, self.recipe.fixed_width), Coefficients(1.0, 0.0)
        _learn(matting, phase)
        prediction: Prediction = matting(batch.image, trimap, self._prior(batch), refine=phase != FIRST)
        with torch.autocast(batch.image.device.type, enabled=False):
            return dim_terms(coefficients, prediction.alpha.float(), trimap, batch)

    def _prior(self, batch: Batch) -> Tensor | None:
        return batch.prior if self.recipe.synthesis.prior else None

    @cached_property
    def _examples(self) -> dict[str, list[Batch]]:
        recipe = self.recipe
        return fixed_trimap_examples(
            self._held_out,
            self._held_out_scenes,
            recipe.synthesis,
            count=recipe.examples,
            batch=min(recipe.examples, 8 if isinstance(recipe, MobileRecipe) else 2),
            procedural=not _published(recipe),
        )

    def validate(self, network: nn.Module, device: torch.device) -> Validation:
        """Scores over the unknown region, as `wisp.training.trimap_validation` counts them."""

        def alpha(batch: Batch) -> Tensor:
            predicted: Tensor = network(batch.image, batch.trimap, self._prior(batch)).alpha
            return predicted

        return validate_unknown(alpha, network, self._examples, device)


def dim_terms(coefficients: Coefficients, alpha: Tensor, trimap: Tensor, batch: Batch) -> Terms:
    """The weighted terms by name, each the mean of the samples'.

    The paper gives the losses of one pixel; here each is a mean over a sample's unknown pixels. A sample
    counts the same however much of it is unknown, so that several processes, each with its part of a batch,
    together find the gradients of the whole.

    Args:
        coefficients: a term with weight 0 is left out.
        alpha: the network's, (N, 1, H, W).
        trimap: what it was given, (N, 1, H, W); only its unknown part counts.
        batch: truth.
    """
    c = coefficients
    unknown = ((trimap > 0.25) & (trimap < 0.75)).to(alpha.dtype)
    back = batch.background if c.background == "true" else losses.random_backgrounds(batch.background)
    found: dict[str, list[Tensor]] = {}
    for layers in zip(
        *(torch.split(x, 1) for x in (alpha, batch.alpha, unknown, batch.foreground, back)), strict=True
    ):
        mine, truth, weight, front, behind = layers
        if c.alpha:
            term = losses.alpha_prediction_loss(mine, truth, weight)
            found.setdefault("alpha", []).append(c.alpha * term)
        if c.composition:
            term = losses.compositional_loss(mine, truth, front, behind, weight)
            found.setdefault("composition", []).append(c.composition * term)
        if c.laplacian:
            term = losses.laplacian_pyramid(mine, truth, weight)
            found.setdefault("laplacian", []).append(c.laplacian * term)
    return {name: torch.stack(terms).mean() for name, terms in found.items()}


def fixed_trimap(alpha: Tensor, radius: int) -> Tensor:
    """A trimap of one width: unknown within `radius` pixels of a mixed pixel; (N, 1, H, W), 0, 0.5, 1."""
    unknown = losses.dilate(1 - losses.known_region(alpha), radius)
    return torch.where(unknown > 0.5, torch.full_like(alpha, 0.5), (alpha > 0.5).to(alpha.dtype))


def network(
    recipe: MobileRecipe | VGG16Recipe,
    encoder_weights: Path | None = None,
    start: str | Path | None = None,
) -> DeepImageMatting:
    """The network at its start.

    Args:
        recipe: which.
        encoder_weights: torchvision's or MODNet's MobileNetV2, whose batch norms are frozen then, or
            torchvision's VGG-16.
        start: weights of the whole network instead, as `wisp.training.importing.load_start` takes them; the
            batch norms of its MobileNetV2 are frozen, too.

    Raises:
        InputError: the file is missing or something else.
    """
    if isinstance(recipe, VGG16Recipe):
        built = dim_vgg16(recipe.width)
        if encoder_weights is not None:
            stage = built.stage
            assert isinstance(stage, VGG16Stage)
            stage.load_torchvision(encoder_weights)
    else:
        encoder = MobileNetV2(output_stride=32)
        load_encoder(encoder, encoder_weights)
        if encoder_weights is not None or start is not None:
            freeze_batch_norm(encoder)
        built = dim_mobile(encoder)
    if start is not None:
        load_start(built, recipe.network, start)
    return built


def _published(recipe: MobileRecipe | VGG16Recipe) -> bool:
    return isinstance(recipe, VGG16Recipe) and recipe.published


def _vgg16_notes(encoder_weights: Path | None) -> tuple[str, ...]:
    """Tell which layers of the encoder start at random, as lines for the user."""
    if encoder_weights is None:
        return ("no --encoder-weights: the encoder starts at random",)
    if "classifier.0.weight" in read_checkpoint(
        encoder_weights, "torchvision's vgg16 checkpoint is accepted"
    ):
        return ()
    return (f"{encoder_weights} has no fc6 (classifier.0): that layer starts at random",)


def _parameters(matting: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter], list[nn.Parameter]]:
    """Parameters of the encoder, of the decoder with what else the first stage has, of the refinement."""
    encoder, decoder, refinement = [], [], []
    for path, parameter in matting.named_parameters():
        name = path.removeprefix("module.")  # as several processes see it
        if name.startswith("refinement."):
            refinement.append(parameter)
        elif name.startswith(("stage.encoder.", "stage.features.", "stage.fc6.")):
            encoder.append(parameter)
        else:
            decoder.append(parameter)
    return encoder, decoder, refinement


def _learn(matting: nn.Module, phase: str) -> None:
    """Let the parameters of a phase learn; a first stage that does not learn keeps its statistics too."""
    encoder, decoder, refinement = _parameters(matting)
    for parameter in (*encoder, *decoder):
        parameter.requires_grad_(phase != SECOND)
    for parameter in refinement:
        parameter.requires_grad_(phase != FIRST)
    stage = getattr(matting, "module", matting).get_submodule("stage")
    stage.train(phase != SECOND)


class _RefinedAlpha(nn.Module):
    """Image (N, 3, H, W), trimap and perhaps a prior (N, 1, H, W) → alpha (N, 1, H, W) of both stages."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, trimap: Tensor, prior: Tensor | None = None) -> Tensor:
        alpha: Tensor = self.network(image, trimap, prior).alpha
        return alpha


def _tuned(kept: Mapping[str, Any], photos: Photos, tuning: Tuning) -> Task:
    if not photos.scenes:
        raise InputError("--backgrounds", "is missing", "photos to set cut-outs on are accepted")
    recipe: MobileRecipe | VGG16Recipe
    recipe = VGG16Recipe(width=kept["width"]) if "width" in kept else MobileRecipe()
    recipe = adapt(recipe, photos, tuning, first=0.0, second=0.0)
    recipe = replace(recipe, synthesis=replace(recipe.synthesis, procedural=0.0))
    return DimTask(recipe, photos.kept, photos.scenes, photos.held_out, photos.scenes)


def _cut(image: Image, truth: Alpha, path: Path, tuning: Tuning) -> Alpha:
    return dim(image, trimap_from_alpha(truth), model=path)


_TUNER: Final = Tuner(_tuned, _cut, "dim")
NETWORKS: Final[Mapping[str, TrainedNetwork]] = {
    "dim-mobile": TrainedNetwork(
        lambda _: dim_mobile(),
        _RefinedAlpha,
        image_trimap_and_prior,
        ("alpha",),
        parts=Parts(
            (
                "stage.encoder.features.0",
                "stage.encoder.features.1",
                "stage.fine1",
                "stage.fine2",
            ),
            ("stage.encoder.features.2", "stage.encoder.features.3", "stage.fine4"),
            ("stage.head", "refinement.layers.6"),
        ),
        tuner=_TUNER,
    ),
    "dim-vgg16": TrainedNetwork(
        lambda recipe: dim_vgg16(recipe["width"]),
        _RefinedAlpha,
        image_and_trimap,
        ("alpha",),
        usual={"width": 1.0},
        parts=Parts(
            ("stage.features.0", "stage.features.2"),
            ("stage.features.5", "stage.features.7"),
            ("stage.head", "refinement.layers.6"),
        ),
        tuner=_TUNER,
    ),
}

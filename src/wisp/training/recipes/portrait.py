"""How the portrait network is trained: the compact one that ships, and the paper's own.

    wisp train portrait --data corpus --segmenter runs/segmenter/best.pt --encoder-weights modnet.onnx \
        -o runs/portrait
    wisp export runs/portrait/best.pt -o portrait.onnx

    wisp train portrait --recipe paper --data corpus --segmenter runs/segmenter/best.pt \
        --perceptual-weights vgg16.pth -o runs/portrait-paper
    wisp train portrait --recipe paper --as-published --data AIM --data D646 --names persons.txt \
        --backgrounds COCO --segmenter runs/segmenter/best.pt --perceptual-weights vgg16.pth -o runs/published

Generator and border refinement learn jointly from the image and a coarse mask: that of the frozen segmenter,
then damaged at random, so that the network mends masks instead of trusting them. Without a segmenter the mask
is the true alpha, thresholded at a quarter of the resolution and damaged alike. That damage, the geometry and
the appearance of samples are not the paper's; `as_published` leaves them out. That, and all numbers, are in
`wisp.training.recipes.portrait_recipes`.

Of the paper's equation 2, the adversarial term alone is summed over the discriminators (docs/decisions/033).

Yaman, Ekenel, Waibel 2022, "Alpha Matte Generation from Single Input for Portrait Matting" (CVPRW).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adam, AdamW, Optimizer

from wisp.core.arrays import Alpha, Image
from wisp.core.errors import InputError
from wisp.data import datasets
from wisp.data.initial_alphas import AT_INFERENCE, WithInitialAlpha
from wisp.data.published import Composites, PublishedComposites
from wisp.data.samples import Source
from wisp.data.synthesis import Samples
from wisp.engine.families.portrait import portrait as cut_portrait
from wisp.networks.discriminators import PyramidDiscriminators
from wisp.networks.encoders.vgg16 import VGG16
from wisp.networks.portrait import (
    MobileContentEncoder,
    Portrait,
    Prediction,
    portrait_mobile,
    portrait_paper,
)
from wisp.training import losses, validation
from wisp.training.calibration import alpha_cases, patch_cases
from wisp.training.examples import image_and_mask, patches_and_alpha
from wisp.training.freezing import Parts, freeze_batch_norm
from wisp.training.importing import load_start
from wisp.training.loader import Batch
from wisp.training.loop import Task, Terms, Validation
from wisp.training.masks import coarsen, damage_mask, segment
from wisp.training.recipes import TrainedNetwork
from wisp.training.recipes.portrait_losses import SUPERVISED, portrait_terms
from wisp.training.recipes.portrait_recipes import FINE, MobileRecipe, PaperRecipe
from wisp.training.recipes.segmenter import load_encoder
from wisp.training.segmenting import read_segmenter
from wisp.training.tuning import Photos, Tuner, Tuning, adapt, coarse_mask

GENERATOR, DISCRIMINATORS = "portrait", "discriminators"

AGAIN: Final = 4
"""So many frames before the one that is learnt from, at most, were led by the generator's own alpha."""


class PortraitTask:
    """Networks, samples, losses and validation of the portrait network, for `wisp.training.loop.fit`.

    Args:
        recipe: the compact or the paper's.
        people: training photos.
        scenes: training photos without people.
        held_out: photos to validate on.
        held_out_scenes: photos without people to validate on.
        segmenter: ``best.pt`` of the segmenter's run, its ONNX file or the name of one that wisp ships; masks
            come from the true alpha when None.
        encoder_weights: torchvision's or MODNet's MobileNetV2, for the compact network.
        perceptual_weights: torchvision's ``vgg16`` checkpoint, where the perceptual term has a weight.
        start: what this run begins with, as `wisp.training.importing.load_start` takes it.

    Raises:
        InputError: a file is missing or something else, or the recipe cannot use it or do without it: data
            as published need a segmenter.
    """

    score = "mae"
    foreground_in_losses = True
    """Whether the paper's terms compare the foreground too, or alpha alone."""

    def __init__(
        self,
        recipe: MobileRecipe | PaperRecipe,
        people: Sequence[datasets.Entry],
        scenes: Sequence[Path],
        held_out: Sequence[datasets.Entry],
        held_out_scenes: Sequence[Path],
        *,
        segmenter: str | Path | None = None,
        encoder_weights: Path | None = None,
        perceptual_weights: Path | None = None,
        start: str | Path | None = None,
    ) -> None:
        self._begin(
            recipe,
            _samples(recipe, people, scenes, segmenter),
            partial(_fixed_examples, recipe, held_out, held_out_scenes),
            segmenter,
            encoder_weights,
            perceptual_weights,
            start,
        )

    def _begin(
        self,
        recipe: MobileRecipe | PaperRecipe,
        source: Source,
        draw_examples: Callable[[], list[Batch]],
        segmenter: str | Path | None,
        encoder_weights: Path | None,
        perceptual_weights: Path | None,
        start: str | Path | None,
    ) -> None:
        self.recipe, self.source, self._draw_examples = recipe, source, draw_examples
        torch.manual_seed(recipe.schedule.seed)
        portrait = network(recipe, encoder_weights, start)
        networks: dict[str, nn.Module] = {GENERATOR: portrait}
        if recipe.adversarial_from < 1:
            networks[DISCRIMINATORS] = PyramidDiscriminators(recipe.discriminator_width)
        self.networks: Mapping[str, nn.Module] = networks
        self._segmenter = None if segmenter is None else read_segmenter(segmenter)
        self._features = _features(recipe, perceptual_weights)
        self._joined = recipe.adversarial_from <= 0
        self._predicted: Tensor | None = None

    def optimisers(self, networks: Mapping[str, nn.Module]) -> Mapping[str, Optimizer]:
        """The generator's with the refinement's, and the discriminators'."""
        recipe, portrait = self.recipe, networks[GENERATOR]
        out: dict[str, Optimizer] = {}
        if isinstance(recipe, MobileRecipe):
            inside = ".content.encoder."
            learnt = [(f".{name}", p) for name, p in portrait.named_parameters() if p.requires_grad]
            encoder = [p for name, p in learnt if inside in name]
            rest = [p for name, p in learnt if inside not in name]
            groups = [{"params": rest, "lr": recipe.rate}, {"params": encoder, "lr": recipe.encoder_rate}]
            out[GENERATOR] = AdamW(groups, weight_decay=recipe.decay, fused=True)
        else:
            out[GENERATOR] = Adam(portrait.parameters(), recipe.rate, betas=(0.5, 0.999), fused=True)
        if DISCRIMINATORS in networks:
            judges = networks[DISCRIMINATORS].parameters()
            out[DISCRIMINATORS] = Adam(judges, recipe.discriminator_rate, betas=(0.5, 0.999), fused=True)
        return out

    def phases(self, step: int) -> Sequence[str]:
        """The generator every step; once they have joined, the discriminators every few."""
        self._joined = step >= self.recipe.adversarial_from * self.recipe.schedule.steps
        if self._joined and (step + 1) % self.recipe.discriminator_every == 0:
            return (GENERATOR, DISCRIMINATORS)
        return (GENERATOR,)

    def losses(self, phase: str, networks: Mapping[str, nn.Module], batch: Batch) -> Terms:
        """The terms of `Coefficients` by name, or those of the discriminators.

        The discriminators judge what the generator's phase of the same step has predicted.
        """
        judges = networks.get(DISCRIMINATORS)
        if judges is not None:
            judges.requires_grad_(phase == DISCRIMINATORS)  # the generator's phase leaves them no gradients
        if phase == DISCRIMINATORS:
            assert judges is not None
            assert self._predicted is not None
            real, fake = judges(batch.alpha, batch.image), judges(self._predicted, batch.image)
            return {"discriminators": losses.discriminator_loss(real, fake)}
        mask = self._own_lead(networks[GENERATOR], batch, self.coarse_mask(batch, damaged=True))
        reduction = 1.0
        if float(torch.rand(())) < 0.5:
            reduction += (self.recipe.reduction - 1) * float(torch.rand(()))
        prediction: Prediction = networks[GENERATOR](
            batch.image, mask, patches=self.recipe.patches, reduction=reduction
        )
        with torch.autocast(batch.image.device.type, enabled=False):
            shown = losses.trusted(prediction.alpha, batch.alpha, batch.weight)
        self._predicted = shown.detach()
        judgement = judges(shown, batch.image) if judges is not None and self._joined else None
        coefficients = self.recipe.adversarial if self._joined else self.recipe.coefficients
        with torch.autocast(batch.image.device.type, enabled=False):
            terms = portrait_terms(
                coefficients,
                prediction,
                mask,
                batch,
                radius=max(1, round(self.recipe.border * batch.image.shape[2])),
                judgement=judgement,
                foreground=self.foreground_in_losses,
            )
        if coefficients.perceptual:
            terms["perceptual"] = coefficients.perceptual * self.perceptual(prediction.alpha, batch)
        return terms

    @torch.no_grad()
    def _own_lead(self, portrait: nn.Module, batch: Batch, mask: Tensor) -> Tensor:
        """The mask, or in `recipe.own` of the steps what the generator makes of it, made a bit coarser."""
        if self.recipe.own is None or float(torch.rand(())) >= self.recipe.own:
            return mask
        portrait.eval()
        for _ in range(int(torch.randint(1, AGAIN + 1, ()))):
            scale = 0.5 + 0.5 * float(torch.rand(()))
            alpha = torch.sigmoid(portrait(batch.image, mask, patches=0).logits)
            small = functional.interpolate(alpha, scale_factor=scale, mode="bilinear", antialias=True)
            mask = functional.interpolate(small, size=mask.shape[2:], mode="bilinear").clamp(0, 1)
        portrait.train()
        return mask

    def perceptual(self, alpha: Tensor, batch: Batch) -> Tensor:
        """The perceptual term before its weight, of the refined alpha (N, 1, H, W)."""
        assert self._features is not None
        image = batch.image if self.foreground_in_losses else None
        features = self._features.to(batch.image.device)
        return losses.perceptual_loss(features, alpha, batch.alpha, image, batch.weight)

    @torch.no_grad()
    def coarse_mask(self, batch: Batch, *, damaged: bool) -> Tensor:
        """The sample's initial alpha, else the segmenter's mask or the true alpha's: (N, 1, H, W), [0, 1]."""
        if batch.mask is not None:
            return batch.mask
        if self._segmenter is None:
            mask = coarsen(batch.alpha)
        else:
            segmenter = self._segmenter.to(batch.image.device)
            mask = segment(segmenter, batch.image, self.recipe.segmenter_size)
        return damage_mask(mask, self.recipe.damage) if damaged else mask

    @cached_property
    def _examples(self) -> list[Batch]:
        return self._draw_examples()

    def validate(self, network: nn.Module, device: torch.device) -> Validation:
        """Score alphas from undamaged masks, refined if that is trained; see `wisp.training.validation`."""

        def alpha(batch: Batch) -> Tensor:
            mask = self.coarse_mask(batch, damaged=False)
            refined: Tensor = network(batch.image, mask, patches=None if self.recipe.patches else 0).alpha
            return refined

        return validation.validate_alpha(alpha, network, self._examples, device)


def _samples(
    recipe: MobileRecipe | PaperRecipe,
    people: Sequence[datasets.Entry],
    scenes: Sequence[Path],
    segmenter: str | Path | None,
) -> Source:
    seed = recipe.schedule.seed
    if isinstance(recipe, PaperRecipe) and recipe.published:
        if segmenter is None:
            problem = "is missing, and masks of the true alphas are not the paper's"
            raise InputError("--segmenter", problem, "segmenter-mobile or a file is accepted")
        return PublishedComposites(Composites(people, scenes, seed), recipe.synthesis.size)
    samples = Samples(people, scenes, recipe.synthesis, seed)
    return samples if recipe.leads is None else WithInitialAlpha(samples, recipe.leads)


def _fixed_examples(
    recipe: MobileRecipe | PaperRecipe, people: Sequence[datasets.Entry], scenes: Sequence[Path]
) -> list[Batch]:
    count, batch = (64, 8) if isinstance(recipe, MobileRecipe) else (8, 1)
    leads = None if recipe.leads is None else AT_INFERENCE
    return validation.fixed_examples(people, scenes, recipe.synthesis, count, batch, leads)


def network(
    recipe: MobileRecipe | PaperRecipe, encoder_weights: Path | None = None, start: str | Path | None = None
) -> Portrait:
    """The network at its start.

    Args:
        recipe: which, and how wide.
        encoder_weights: of the compact network's MobileNetV2; its batch norms are frozen then.
        start: weights of the whole network instead; the batch norms of its MobileNetV2 are frozen, too.

    Raises:
        InputError: a file is missing or something else, or the network has no such encoder.
    """
    built = recipe.build()
    content = built.generator.content
    if encoder_weights is not None:
        if not isinstance(content, MobileContentEncoder):
            raise InputError(
                "--encoder-weights", "is no option of the paper's network", "--recipe mobile has it"
            )
        load_encoder(content.encoder, encoder_weights)
    if start is not None:
        load_start(built, recipe.network, start)
    if isinstance(content, MobileContentEncoder) and (encoder_weights is not None or start is not None):
        freeze_batch_norm(content.encoder)
    return built


def _features(recipe: MobileRecipe | PaperRecipe, weights: Path | None) -> VGG16 | None:
    wanted = recipe.coefficients.perceptual or recipe.adversarial.perceptual
    if not wanted:
        if weights is not None:
            raise InputError(
                "--perceptual-weights", "is of no use without a perceptual term", "--recipe paper has one"
            )
        return None
    if weights is None:
        raise InputError(
            "--perceptual-weights", "is missing", "torchvision's vgg16 checkpoint (.pth) is accepted"
        )
    features = VGG16()
    features.load_torchvision(weights)
    return features.eval()


def _build(recipe: Mapping[str, Any]) -> nn.Module:
    if "widths" in recipe:
        return portrait_paper(recipe["widths"], recipe["blocks"])
    return portrait_mobile(recipe["width"], lean=recipe.get("lean", False))


class _Alpha(nn.Module):
    """Image (N, 3, H, W) and mask (N, 1, H, W) → alpha (N, 1, H, W) before refinement, the sigmoid inside."""

    def __init__(self, portrait: nn.Module) -> None:
        super().__init__()
        self.generator = portrait.get_submodule("generator")

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        return torch.sigmoid(self.generator(image, mask))


def _refinement(portrait: nn.Module) -> nn.Module:
    """Patches of image (P, 3, 64, 64) and alpha (P, 1, 64, 64) → what to add to alpha."""
    return portrait.get_submodule("refinement.network")


def _tuned(kept: Mapping[str, Any], photos: Photos, tuning: Tuning) -> Task:
    recipe: MobileRecipe | PaperRecipe
    if "widths" in kept:
        recipe = PaperRecipe(widths=tuple(kept["widths"]), blocks=kept["blocks"])
    else:
        recipe = replace(FINE, width=kept["width"], lean=kept.get("lean", False))
    recipe = adapt(
        recipe, photos, tuning, coefficients=SUPERVISED, adversarial=SUPERVISED, adversarial_from=1.0
    )
    return PortraitTask(
        recipe, photos.kept, photos.scenes, photos.held_out, photos.scenes, segmenter=tuning.segmenter
    )


def _cut(image: Image, truth: Alpha, path: Path, tuning: Tuning) -> Alpha:
    return cut_portrait(image, coarse_mask(image, truth, tuning), model=path)


NETWORKS: Final[Mapping[str, TrainedNetwork]] = {
    GENERATOR: TrainedNetwork(
        _build,
        _Alpha,
        image_and_mask,
        ("alpha",),
        alpha_cases,
        usual={"width": 16},
        parts=Parts(
            (
                "generator.content.stem",
                "generator.content.encoder.features.0",
                "generator.content.encoder.features.1",
                "generator.segmentation.stem",
                "generator.segmentation.blocks.0",
            ),
            (
                "generator.content.encoder.features.2",
                "generator.content.encoder.features.3",
                "generator.segmentation.blocks.1",
            ),
            ("generator.decoder.head", "refinement.network.head"),
        ),
        tuner=Tuner(_tuned, _cut, "portrait", beside=("portrait-refinement",), masked=True),
    ),
    "portrait-refinement": TrainedNetwork(
        _build, _refinement, patches_and_alpha, ("residual",), patch_cases, usual={"width": 16}
    ),
}

"""The recipes of SSRN: a supervised start, then training on photos and frames without labels.

    wisp train ssrn --recipe packed --data corpus --dlmn runs/dlmn/last.pt -o runs/ssrn
    wisp train ssrn --recipe packed-unlabelled --data corpus --dlmn runs/dlmn/last.pt \
        --start runs/ssrn/last.pt -o runs/ssrn-unlabelled
    wisp export runs/ssrn-unlabelled/last.pt -o dlmn-ssrn.onnx

learn from packed photos; and from others, with ``--recipe mobile`` and ``mobile-unlabelled`` or ``resnet101``
and ``resnet101-unlabelled``:

    wisp train ssrn --data corpus --dlmn runs/dlmn/best.pt --encoder-weights modnet.onnx -o runs/ssrn
    wisp train ssrn --recipe mobile-unlabelled --data corpus --dlmn runs/dlmn/best.pt \
        --start runs/ssrn/best.pt --photos PHOTOS --frames FRAMES -o runs/ssrn-unlabelled

El Abdellaoui and Kachbal, background matting with DLMN-G and SSRN, equations 2 and 3:
ζ_AlphaGAN = ζ_alpha + ζ_comp + ζ_GAN (Lutz et al. 2018). Without labels, ζ_alpha and ζ_comp compare with what
the supervised start found, less and less (as in Sengupta et al. 2020), and ζ_GAN is of the photo re-composed.

A re-composition is surest to look real with α = 1 everywhere, which is the photo itself and, as the paper
says, "ends the process of refinement". `Safeguard` holds against it: what is compared with the start never
weighs nothing, a mean alpha that leaves the start's by more than half of what is tolerated costs, and while a
batch's mean is that far off, ζ_GAN is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.optim import Adam, AdamW, Optimizer

from wisp.core.errors import InputError
from wisp.data import datasets
from wisp.data.augmentation import Geometry
from wisp.data.cues import Cues, CueSamples, Shot, Unlabelled
from wisp.data.matting_samples import MattingSynthesis
from wisp.data.samples import Source
from wisp.data.subject_samples import Sizes
from wisp.data.synthesis import Samples, Synthesis
from wisp.networks.encoders.mobilenetv2 import MobileNetV2
from wisp.networks.encoders.resnet import RESNET101, ResNet
from wisp.networks.ssrn import SSRN, Judge, MobileEncoder, recompose, ssrn_mobile, ssrn_resnet101
from wisp.training import losses
from wisp.training.cue_validation import fixed_cue_examples
from wisp.training.examples import image_mask_and_motion
from wisp.training.freezing import freeze, freeze_batch_norm
from wisp.training.importing import load_start, read_network
from wisp.training.loader import Batch, first_batches, on
from wisp.training.loop import Schedule, Terms, Validation
from wisp.training.recipes import TrainedNetwork
from wisp.training.recipes.dlmn import predict as dlmn_predict
from wisp.training.recipes.segmenter import load_encoder
from wisp.training.recipes.ssrn_safeguard import Safeguard, excess, gate
from wisp.training.validation import validate_alpha

NETWORK, JUDGE = "ssrn", "judge"


@dataclass(frozen=True)
class Coefficients:
    """Weights of ζ_AlphaGAN's parts; one with weight 0 is not computed.

    Attributes:
        alpha: ζ_alpha, L1 of alpha.
        composition: ζ_comp, L1 of what two alphas compose to.
        adversarial: ζ_GAN; equation 3 prints 1, which is thirty times the others (docs/decisions/033).
    """

    alpha: float = 1.0
    composition: float = 1.0
    adversarial: float = 0.05


@dataclass(frozen=True)
class SSRNRecipe:
    """Every setting that decides SSRN's weights, but for the data.

    Attributes:
        network: which network this is, for its export.
        encoder: ``mobile`` or ``resnet101``.
        blocks: of ResNet.
        width: of ResNet's first convolution.
        inner: channels of the decoder's deepest blocks beside ResNet.
        unlabelled: learn from photos without labels; else from composites.
        rate: AdamW's learning rate of the new layers.
        encoder_rate: that of the encoder.
        decay: AdamW's weight decay.
        judge_rate: Adam's learning rate of the discriminator.
        judge_width: channels of its first convolution.
        judge_every: generator steps for each of its.
        refined: in the supervised part, the share of masks that are DLMN-G's alpha; the rest is imperfect.
        coefficients: of the loss.
        safeguard: without labels.
        cues: how cues are made.
        synthesis: how samples are made.
        examples: held-out samples to validate on, and as many photos without labels.
        schedule: how long and how fast.
    """

    network: str = NETWORK
    encoder: str = "mobile"
    blocks: tuple[int, int, int, int] = RESNET101
    width: int = 64
    inner: int = 256
    unlabelled: bool = False
    rate: float = 1e-3
    encoder_rate: float = 2e-4
    decay: float = 1e-2
    judge_rate: float = 1e-4
    judge_width: int = 32
    judge_every: int = 2
    refined: float = 0.7
    coefficients: Coefficients = Coefficients(adversarial=0.0)
    safeguard: Safeguard = field(default_factory=Safeguard)
    cues: Cues = field(default_factory=Cues)
    synthesis: Synthesis = field(
        default_factory=lambda: Synthesis(
            size=288, kinds=(*("composite",) * 7, "empty"), hair=0.3, border_trust=0.3
        )
    )
    examples: int = 32
    schedule: Schedule = field(
        default_factory=lambda: Schedule(steps=1200, batch=8, clip=3.0, average=0.995, validate_every=100)
    )

    def build(self) -> SSRN:
        """The generator at random."""
        if self.encoder == "mobile":
            return ssrn_mobile()
        return ssrn_resnet101(self.blocks, self.width, self.inner)


@dataclass(frozen=True)
class PackedRecipe(SSRNRecipe):
    """The compact generator, from packed photos of people and things; its encoder begins as DLMN-G's."""

    synthesis: MattingSynthesis = field(  # type: ignore[assignment]
        default_factory=lambda: MattingSynthesis(size=256, sizes=Sizes(((1.0, (192,)),), wide=0.1))
    )
    examples: int = 64
    schedule: Schedule = field(
        default_factory=lambda: Schedule(
            steps=2500, batch=8, clip=3.0, average=0.995, final=0.01, validate_every=200
        )
    )


def _without_labels(recipe: SSRNRecipe) -> SSRNRecipe:
    """The second half of a recipe."""
    whole = Geometry(zoom=(0.9, 1.5), rotation=4, shear=0.02, stretch=1.05, shift=0.1)
    if isinstance(recipe, PackedRecipe):
        synthesis: Synthesis = recipe.synthesis  # type: ignore[assignment]
    else:
        synthesis = replace(recipe.synthesis, person=whole)
    return replace(
        recipe,
        unlabelled=True,
        rate=recipe.rate / 10,
        encoder_rate=recipe.encoder_rate / 10,
        coefficients=Coefficients(),
        synthesis=synthesis,
        schedule=replace(
            recipe.schedule, steps=recipe.schedule.steps // 2, warm_up=20, validate_every=25, average=0.98
        ),
    )


MOBILE: Final = SSRNRecipe()
PACKED: Final = PackedRecipe()
RESNET: Final = SSRNRecipe(
    encoder="resnet101",
    rate=1e-4,
    encoder_rate=1e-5,
    judge_width=64,
    synthesis=Synthesis(size=512, kinds=("composite",)),
    examples=8,
    schedule=Schedule(steps=6725, batch=4, warm_up=1, final=1.0, validate_every=500),
)
RECIPES: Final[Mapping[str, SSRNRecipe]] = {
    "mobile": MOBILE,
    "mobile-unlabelled": _without_labels(MOBILE),
    "resnet101": RESNET,
    "resnet101-unlabelled": _without_labels(RESNET),
    "packed": PACKED,
    "packed-unlabelled": _without_labels(PACKED),
}
"""By the name that ``--recipe`` takes."""


class SSRNTask:
    """Networks, samples, losses and validation of SSRN, for `wisp.training.loop.fit`.

    Args:
        recipe: with labels or without.
        people: labelled training photos; without labels their photos are learned from where no shots are
            given.
        scenes: training photos without people.
        held_out: photos to validate on.
        held_out_scenes: photos without people to validate on.
        dlmn: ``best.pt`` of DLMN-G's run, or its ONNX file; without labels one with the foreground.
        encoder_weights: of the encoder: MobileNetV2 (torchvision's or MODNet's) or torchvision's ResNet-101.
        start: ``best.pt`` or the ONNX file of the supervised start; what is not labelled needs one.
        shots: photos and frames without labels.

    Raises:
        InputError: a file is missing or something else, or the recipe cannot use it or do without it.
    """

    score = "mae"

    def __init__(
        self,
        recipe: SSRNRecipe,
        people: Sequence[datasets.Entry],
        scenes: Sequence[Path],
        held_out: Sequence[datasets.Entry],
        held_out_scenes: Sequence[Path],
        *,
        dlmn: str | Path,
        encoder_weights: Path | None = None,
        start: str | Path | None = None,
        shots: Sequence[Shot] = (),
    ) -> None:
        synthesis, cues, count = recipe.synthesis, recipe.cues, recipe.examples
        seed, batch = recipe.schedule.seed, min(count, 8)
        source: Source
        if recipe.unlabelled:
            shots = shots or [Shot(entry.photo) for entry in people]
            source = Unlabelled(shots, scenes, synthesis, cues, seed)
        elif shots:
            accepted = " and ".join(name for name, r in RECIPES.items() if r.unlabelled)
            raise InputError("--recipe", "has no use for photos without labels", f"{accepted} are accepted")
        else:
            source = CueSamples(Samples(people, scenes, synthesis, seed), cues)
        photos = Unlabelled([Shot(entry.photo) for entry in held_out], held_out_scenes, synthesis, cues, 1)
        self._begin(
            recipe,
            source,
            partial(fixed_cue_examples, held_out, held_out_scenes, synthesis, cues, count, batch),
            partial(first_batches, photos, count, batch),
            dlmn,
            encoder_weights,
            start,
        )

    def _begin(
        self,
        recipe: SSRNRecipe,
        source: Source,
        draw_examples: Callable[[], list[Batch]],
        draw_photos: Callable[[], list[Batch]],
        dlmn: str | Path,
        encoder_weights: Path | None,
        start: str | Path | None,
    ) -> None:
        self.recipe, self.source = recipe, source
        self._draw_examples, self._draw_photos = draw_examples, draw_photos
        alone = () if recipe.unlabelled else ("dlmn-alpha",)  # without labels its foreground is composed anew
        self._dlmn = frozen(dlmn, "dlmn", *alone)
        torch.manual_seed(recipe.schedule.seed)
        built = network(recipe, encoder_weights)
        self._start: nn.Module | None = None
        if recipe.unlabelled:
            if start is None:
                raise InputError("--start", "is missing", "best.pt of the supervised start is accepted")
            self._start = frozen(start, NETWORK)
        if start is not None:
            load_start(built, NETWORK, start)
            assert isinstance(built.encoder, MobileEncoder | ResNet)
            freeze_batch_norm(built.encoder)
        networks: dict[str, nn.Module] = {NETWORK: built}
        if recipe.coefficients.adversarial:
            networks[JUDGE] = Judge(recipe.judge_width)
        self.networks: Mapping[str, nn.Module] = networks
        self._progress = 0.0
        self._fake: tuple[Tensor, Tensor, Tensor] | None = None

    def optimisers(self, networks: Mapping[str, nn.Module]) -> Mapping[str, Optimizer]:
        """AdamW of the generator, of which the encoder learns more slowly, and Adam of the discriminator."""
        recipe, built = self.recipe, networks[NETWORK]
        inside = ".encoder."
        encoder = [p for name, p in built.named_parameters() if inside in f".{name}"]
        rest = [p for name, p in built.named_parameters() if inside not in f".{name}"]
        groups = [{"params": rest, "lr": recipe.rate}, {"params": encoder, "lr": recipe.encoder_rate}]
        out: dict[str, Optimizer] = {NETWORK: AdamW(groups, weight_decay=recipe.decay, fused=True)}
        if JUDGE in networks:
            out[JUDGE] = Adam(networks[JUDGE].parameters(), recipe.judge_rate, betas=(0.5, 0.999), fused=True)
        return out

    def phases(self, step: int) -> Sequence[str]:
        """The generator every step, the discriminator every few."""
        self._progress = step / self.recipe.schedule.steps
        if self.recipe.coefficients.adversarial and (step + 1) % self.recipe.judge_every == 0:
            return (NETWORK, JUDGE)
        return (NETWORK,)

    def losses(self, phase: str, networks: Mapping[str, nn.Module], batch: Batch) -> Terms:
        """ζ_alpha, ζ_comp, ζ_GAN and what the mean has drifted, or the discriminator's terms.

        The discriminator judges what the generator's phase of the same step has re-composed.
        """
        assert batch.mask is not None
        assert batch.motion is not None
        judge = networks.get(JUDGE)
        if judge is not None:
            judge.requires_grad_(phase == JUDGE)
        if phase == JUDGE:
            assert judge is not None
            assert self._fake is not None
            real = judge(batch.image, batch.mask, batch.motion)
            return {"judge": losses.discriminator_loss([real], [judge(*self._fake)])}
        with torch.no_grad():
            first = dlmn_predict(self._dlmn.to(batch.image.device), batch)
            found = torch.sigmoid(first.logits)
            foreground = first.foreground.clamp(0, 1)
        mask = found if self.recipe.unlabelled else self._mixed(found, batch.mask)
        alpha = torch.sigmoid(networks[NETWORK](batch.image, mask, batch.motion).float())
        with torch.autocast(batch.image.device.type, enabled=False):
            truth, weight, share = batch.alpha, batch.weight, 1.0
            if self._start is not None:
                start = self._start.to(batch.image.device)
                with torch.no_grad():
                    truth = torch.sigmoid(start(batch.image, mask, batch.motion).float())
                weight = torch.ones_like(truth)
                floor = self.recipe.safeguard.floor
                share = floor + (1 - floor) * max(0.0, 1 - self._progress)
            else:
                foreground = batch.foreground
            terms = self._compared(alpha, truth, foreground, batch.background, weight, share)
            if judge is not None:
                image, motion = recompose(alpha, foreground, batch.background, batch.motion)
                self._fake = (image.detach(), batch.mask, motion.detach())
                open_ = gate(alpha, truth, self.recipe.safeguard) if self._start is not None else 1.0
                logits = judge(image, batch.mask, motion)
                terms["adversarial"] = (
                    open_ * self.recipe.coefficients.adversarial * losses.generator_loss([logits])
                )
            if self._start is not None and self.recipe.safeguard.drift:
                terms["drift"] = self.recipe.safeguard.drift * excess(alpha, truth, self.recipe.safeguard)
        return terms

    def _compared(
        self,
        alpha: Tensor,
        truth: Tensor,
        foreground: Tensor,
        background: Tensor,
        weight: Tensor,
        share: float,
    ) -> Terms:
        """ζ_alpha and ζ_comp."""
        c, terms = self.recipe.coefficients, Terms()
        if c.alpha:
            terms["alpha"] = share * c.alpha * losses.l1(alpha, truth, weight)
        if c.composition:
            terms["composition"] = (
                share
                * c.composition
                * losses.compositional_loss(alpha, truth, foreground, background, weight)
            )
        return terms

    def _mixed(self, found: Tensor, mask: Tensor) -> Tensor:
        """DLMN-G's alpha of some samples, the imperfect segmentation of the others."""
        chosen = torch.rand(len(found), 1, 1, 1) < self.recipe.refined
        return torch.where(chosen.to(found.device), found, mask)

    def alpha(self, network: nn.Module, batch: Batch) -> Tensor:
        """Correct DLMN-G's result with `network`: alpha (N, 1, H, W)."""
        assert batch.motion is not None
        first = torch.sigmoid(dlmn_predict(self._dlmn.to(batch.image.device), batch).logits)
        return torch.sigmoid(network(batch.image, first, batch.motion).float())

    @cached_property
    def _examples(self) -> list[Batch]:
        return self._draw_examples()

    @cached_property
    def _photos(self) -> list[Batch]:
        return self._draw_photos()

    def validate(self, network: nn.Module, device: torch.device) -> Validation:
        """Scores of alpha on composites, as `wisp.training.validation` counts them.

        Without labels also ``alpha_ratio``: the mean alpha of held-out photos over that of the supervised
        start, which the safeguard holds near 1.
        """
        result = validate_alpha(lambda batch: self.alpha(network, batch), network, self._examples, device)
        if self._start is None:
            return result
        was_training = network.training
        network.eval()
        now = then = 0.0
        with torch.inference_mode():
            for stored in self._photos:
                batch = on(stored, device)
                now += float(self.alpha(network, batch).mean())
                then += float(self.alpha(self._start.to(device), batch).mean())
        network.train(was_training)
        return replace(result, scores={**result.scores, "alpha_ratio": now / max(then, 1e-6)})


def network(recipe: SSRNRecipe, encoder_weights: Path | None = None) -> SSRN:
    """The generator at its start.

    Args:
        recipe: which.
        encoder_weights: of its encoder, whose batch norms are frozen then.

    Raises:
        InputError: the file is missing or something else.
    """
    if recipe.encoder != "mobile":
        built = recipe.build()
        if encoder_weights is not None:
            assert isinstance(built.encoder, ResNet)
            built.encoder.load_torchvision(encoder_weights)
            freeze_batch_norm(built.encoder)
        return built
    encoder = MobileNetV2(output_stride=16)
    load_encoder(encoder, encoder_weights)
    if encoder_weights is not None:
        freeze_batch_norm(encoder)
    return ssrn_mobile(encoder)


def frozen(name_or_file: str | Path, *wanted: str) -> nn.Module:
    """The trained network of a run or of an ONNX file, one of those `wanted`, which no longer learns.

    Raises:
        InputError: no such file, or of another network.
    """
    name, built = read_network(name_or_file)
    if name not in wanted:
        raise InputError(name_or_file, f"holds a {name}", f"{' or '.join(wanted)} is accepted")
    freeze(built)
    return built


def _build(recipe: Mapping[str, Any]) -> nn.Module:
    if recipe["encoder"] == "mobile":
        return ssrn_mobile()
    return ssrn_resnet101(tuple(recipe["blocks"]), recipe["width"], recipe["inner"])


class _RefinedMask(nn.Module):
    """Image, mask (N, 1, H, W) and motion (N, 4, H, W) → alpha (N, 1, H, W)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, mask: Tensor, motion: Tensor) -> Tensor:
        return torch.sigmoid(self.network(image, mask, motion))


NETWORKS: Final[Mapping[str, TrainedNetwork]] = {
    NETWORK: TrainedNetwork(_build, _RefinedMask, image_mask_and_motion, ("alpha",)),
}

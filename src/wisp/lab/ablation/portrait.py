"""The ablations of the portrait network: what its losses, parts and inputs are worth.

Yaman, Ekenel, Waibel 2022, "Alpha Matte Generation from Single Input for Portrait Matting" (CVPRW), tables 3,
4 and 5 (`portrait_variants` has them), on the compact network with the paper's losses and discriminators from
the first step. Their test is on composites of held-out people, and so is ours: each held-out person over one
held-out background.

Deviation, for a short run on a CPU: the perceptual term is taken of a few samples of each batch, drawn at
random, whose mean is that of all in expectation. VGG costs several times what the network does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from wisp.core.digests import sha256_of
from wisp.core.errors import InputError
from wisp.data.datasets import Entry
from wisp.data.synthesis import Example, Synthesis, composite, layer
from wisp.data.vips import read_rgb
from wisp.engine.models import MODELS
from wisp.evaluation.protocols import Report, score_alpha
from wisp.lab.ablation import Ablation, short
from wisp.lab.ablation.portrait_parts import SingleEncoder, leave_out
from wisp.lab.ablation.portrait_variants import TABLES, VARIANTS, Variant
from wisp.networks.discriminators import PyramidDiscriminators
from wisp.networks.portrait import Portrait
from wisp.training import pictures, validation
from wisp.training.loader import Batch, stack, to_batch
from wisp.training.loop import Schedule, Validation
from wisp.training.pictures import to_bytes
from wisp.training.recipes.portrait import DISCRIMINATORS, GENERATOR, PortraitTask
from wisp.training.recipes.portrait_losses import PAPER, Coefficients
from wisp.training.recipes.portrait_recipes import MobileRecipe


@dataclass(frozen=True)
class AblationRecipe(MobileRecipe):
    """The compact recipe with the paper's losses, short.

    Attributes:
        variant: what is trained.
        perceptual_samples: of how many samples of each batch the perceptual term is taken.
        scored_size: side of the pictures that are scored, a multiple of 32.
        scored_people: how many held-out people at most.
    """

    network: str = "portrait-ablation"
    reduction: float = 1.0
    adversarial_from: float = 0.0
    coefficients: Coefficients = PAPER
    adversarial: Coefficients = PAPER
    synthesis: Synthesis = field(default_factory=lambda: replace(MobileRecipe().synthesis, size=160))
    schedule: Schedule = field(default_factory=lambda: short(300))
    variant: Variant = field(default_factory=Variant)
    perceptual_samples: int = 1
    scored_size: int = 192
    scored_people: int = 96

    def of(self, variant: Variant) -> AblationRecipe:
        """The recipe of one variant: its losses, and discriminators where it has an adversarial one."""
        judged = bool(variant.coefficients.adversarial)
        return replace(
            self,
            variant=variant,
            coefficients=variant.coefficients,
            adversarial=variant.coefficients,
            adversarial_from=0.0 if judged else 1.0,
        )


def portrait_ablation(
    recipe: AblationRecipe,
    people: Sequence[Entry],
    scenes: Sequence[Path],
    held_out: Sequence[Entry],
    held_out_scenes: Sequence[Path],
    *,
    variants: Sequence[str] = tuple(VARIANTS),
    segmenter: str | Path | None = None,
    encoder_weights: Path | None = None,
    perceptual_weights: Path | None = None,
) -> Ablation:
    """Set up the ablations of the portrait paper's tables 3, 4 and 5 for `wisp.lab.ablation.ablate`.

    Args:
        recipe: what all variants share.
        people: training photos.
        scenes: training photos without people.
        held_out: people to score on.
        held_out_scenes: their backgrounds.
        variants: keys of `VARIANTS`.
        segmenter: network that masks are made with, as `PortraitTask` takes it.
        encoder_weights: torchvision's or MODNet's MobileNetV2.
        perceptual_weights: torchvision's ``vgg16`` checkpoint.

    Raises:
        InputError: an unknown variant, a file that is missing or something else, or no perceptual weights
            where a variant has the term.
    """
    for name in variants:
        if name not in VARIANTS:
            raise InputError("--variants", f"has {name!r}", f"{', '.join(VARIANTS)} are accepted")
    wanted = {name: VARIANTS[name] for name in VARIANTS if name in variants}
    if perceptual_weights is None and any(v.coefficients.perceptual for v in wanted.values()):
        accepted = "torchvision's vgg16 checkpoint (.pth), or the word vgg16, which fetches it, is accepted"
        raise InputError("--perceptual-weights", "is missing", accepted)
    examples = held_out_composites(held_out, held_out_scenes, recipe)

    def trial(variant: Variant) -> AblationTask:
        return AblationTask(
            recipe.of(variant),
            people,
            scenes,
            examples,
            segmenter=segmenter,
            encoder_weights=encoder_weights,
            perceptual_weights=perceptual_weights if variant.coefficients.perceptual else None,
        )

    if wanted:
        trial(next(iter(wanted.values())))  # what is wrong with a file shows before anything is written
    size = recipe.scored_size
    return Ablation(
        trials={name: partial(trial, variant) for name, variant in wanted.items()},
        tables=[t for t in TABLES if any(row.variant in wanted and row.variant != "full" for row in t.rows)],
        reference="full",
        settings=_settings(
            recipe,
            {"people": people, "scenes": scenes, "held_out": list(examples)},
            {"segmenter": segmenter, "encoder": encoder_weights, "perceptual": perceptual_weights},
        ),
        scored=f"{len(examples)} held-out photos of people, each over a held-out background, {size}×{size} "
        f"pixels, after {recipe.schedule.steps * recipe.schedule.batch} training images",
        groups={entry.name: entry.subject or entry.name for entry in held_out},
    )


class _Scored(Protocol):
    """The fields of an `AblationRecipe` that say which pictures are scored."""

    @property
    def synthesis(self) -> Synthesis: ...
    @property
    def scored_size(self) -> int: ...
    @property
    def scored_people(self) -> int: ...


def held_out_composites(
    people: Sequence[Entry], scenes: Sequence[Path], recipe: _Scored
) -> dict[str, Example]:
    """Held-out people by name, each over a held-out background, with mild geometry and their own colours."""
    calm = replace(validation.calm(recipe.synthesis), size=recipe.scored_size)
    order = np.random.default_rng(validation.SEED).permutation(len(people))[: recipe.scored_people]
    out = {}
    for index in sorted(order.tolist()):
        rng = np.random.default_rng((validation.SEED, index))
        scene = read_rgb(scenes[int(rng.integers(len(scenes)))])
        out[people[index].name] = composite([layer(people[index].load(), rng, calm)], scene, rng, calm)
    return out


class AblationTask(PortraitTask):
    """The portrait task with one variant's network, discriminators and losses.

    Args:
        recipe: with the variant.
        people: training photos.
        scenes: training photos without people.
        examples: what is scored, by name.
        segmenter: network that masks are made with, as `PortraitTask` takes it.
        encoder_weights: torchvision's or MODNet's MobileNetV2.
        perceptual_weights: torchvision's ``vgg16`` checkpoint.

    Variants start alike: each is the whole network of the seed, from which parts are then taken.
    """

    recipe: AblationRecipe

    def __init__(
        self,
        recipe: AblationRecipe,
        people: Sequence[Entry],
        scenes: Sequence[Path],
        examples: Mapping[str, Example],
        *,
        segmenter: str | Path | None = None,
        encoder_weights: Path | None = None,
        perceptual_weights: Path | None = None,
    ) -> None:
        super().__init__(
            recipe,
            people,
            scenes,
            (),
            (),
            segmenter=segmenter,
            encoder_weights=encoder_weights,
            perceptual_weights=perceptual_weights,
        )
        whole = self.networks[GENERATOR]
        assert isinstance(whole, Portrait)
        variant = recipe.variant
        part = leave_out(
            whole,
            segmentation_encoder=variant.segmentation_encoder,
            refinement=variant.refinement,
            mask=variant.mask,
            foreground=variant.foreground_encoded,
        )
        networks: dict[str, nn.Module] = {GENERATOR: part}
        if DISCRIMINATORS in self.networks:
            networks[DISCRIMINATORS] = PyramidDiscriminators(
                recipe.discriminator_width, variant.scales, foreground=variant.foreground_judged
            )
        self.networks = networks
        self.foreground_in_losses = variant.foreground_in_losses
        self._scored = examples

    def optimisers(self, networks: Mapping[str, nn.Module]) -> Mapping[str, Optimizer]:
        """Make `PortraitTask`'s optimisers; a lone encoder's first layer learns as fast as what is new."""
        out = super().optimisers(networks)
        for single in (m for m in networks[GENERATOR].modules() if isinstance(m, SingleEncoder)):
            new, pretrained = out[GENERATOR].param_groups
            first = single.get_parameter("content.encoder.features.0.0.weight")
            pretrained["params"] = [p for p in pretrained["params"] if p is not first]
            new["params"].append(first)
        return out

    def perceptual(self, alpha: Tensor, batch: Batch) -> Tensor:
        """The perceptual term of a few samples of the batch."""
        chosen = torch.randperm(len(alpha))[: self.recipe.perceptual_samples].to(alpha.device)
        few = replace(
            batch, image=batch.image[chosen], alpha=batch.alpha[chosen], weight=batch.weight[chosen]
        )
        return super().perceptual(alpha[chosen], few)

    @torch.inference_mode()
    def predict(self, network: nn.Module, batch: Batch) -> Tensor:
        """The refined alpha from an undamaged mask, (N, 1, H, W) on the CPU."""
        alpha: Tensor = network(batch.image, self.coarse_mask(batch, damaged=False)).alpha
        return alpha.float().cpu()

    def validate(self, network: nn.Module, device: torch.device) -> Validation:
        """A sheet of a few held-out people, and their error; `measure` has the figures that count."""
        batch = to_batch(stack(list(self._scored.values())[:8]), device)
        alpha = self.predict(network, batch)
        rows = []
        for index in range(len(alpha)):
            image = to_bytes(batch.image[index].permute(1, 2, 0))
            truth, found = to_bytes(batch.alpha[index, 0]), to_bytes(alpha[index, 0])
            rows.append([image, truth, found, pictures.on_green(image, found)])
        error = float((alpha - batch.alpha.cpu()).abs().mean())
        return Validation({"mae": error}, pictures.sheet(rows))

    def measure(self, network: nn.Module, device: torch.device) -> Report:
        """The metrics of `wisp.evaluation` by person, of alpha rounded to 8 bits."""
        names, images = list(self._scored), {}
        for start in range(0, len(names), 8):
            few = names[start : start + 8]
            batch = to_batch(stack([self._scored[name] for name in few]), device)
            found, truth = self.predict(network, batch), batch.alpha.cpu()
            for index, name in enumerate(few):
                images[name] = score_alpha(found[index, 0].numpy(), truth[index, 0].numpy())
        return Report("whole", images)


def _settings(
    recipe: AblationRecipe, data: Mapping[str, Sequence[object]], files: Mapping[str, str | Path | None]
) -> dict[str, Any]:
    """Settings that a resumed run must bring again: the recipe, and what tells its data and weights apart."""
    shared = asdict(recipe)
    del shared["variant"], shared["coefficients"], shared["adversarial"], shared["adversarial_from"]
    return {
        "network": "portrait",
        "recipe": shared,
        **{name: len(items) for name, items in data.items()},
        **{name: None if path is None else sha256(path) for name, path in files.items()},
    }


def sha256(name_or_file: str | Path) -> str:
    """Of the content of a file, or of a shipped network by its name, in hexadecimal."""
    known = MODELS.get(str(name_or_file))
    return sha256_of(known.path if known else Path(name_or_file))

"""How DLMN-G is trained: the compact network, from few photos or many, and the paper's own.

    wisp train dlmn --recipe packed --data corpus -o runs/dlmn
    wisp export runs/dlmn/last.pt --part dlmn-alpha -o dlmn.onnx

    wisp train dlmn --data corpus --encoder-weights modnet.onnx -o runs/dlmn-photos
    wisp train dlmn --recipe paper --data corpus -o runs/dlmn-paper

El Abdellaoui and Kachbal, background matting with DLMN-G and SSRN; losses and their weights are those of
Sengupta et al. 2020, "Background Matting: The World is Your Green Screen", equation 1. All numbers are in
`wisp.training.recipes.dlmn_recipes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.optim import Adam, AdamW, Optimizer

from wisp.core.arrays import Alpha, Image
from wisp.core.errors import InputError
from wisp.data import datasets
from wisp.data.cues import CueSamples
from wisp.data.matting_samples import MattingSamples
from wisp.data.packed import Pack
from wisp.data.packed_cues import PackedCues
from wisp.data.samples import Source
from wisp.data.synthesis import Samples
from wisp.engine.families.dlmn import dlmn
from wisp.networks.dlmn import DLMN, Prediction, dlmn_mobile, dlmn_paper, take_over
from wisp.networks.portrait import MobileContentEncoder, Portrait
from wisp.training import losses
from wisp.training.cue_validation import fixed_cue_examples, fixed_packed_examples
from wisp.training.examples import image_and_cues
from wisp.training.freezing import Parts, freeze, freeze_batch_norm, freeze_folded
from wisp.training.importing import load_start, read_network
from wisp.training.loader import Batch
from wisp.training.loop import Task, Terms, Validation
from wisp.training.recipes import TrainedNetwork
from wisp.training.recipes.dlmn_recipes import NETWORK, Coefficients, MobileRecipe, PackedRecipe, PaperRecipe
from wisp.training.recipes.segmenter import load_encoder
from wisp.training.tuning import Photos, Tuner, Tuning, adapt, coarse_mask
from wisp.training.validation import validate_alpha


class DLMNTask:
    """Networks, samples, losses and validation of DLMN-G, for `wisp.training.loop.fit`.

    Args:
        recipe: the compact or the paper's.
        people: training photos.
        scenes: training photos without people.
        held_out: photos to validate on.
        held_out_scenes: photos without people to validate on.
        encoder_weights: torchvision's or MODNet's MobileNetV2, for the compact network.
        start: weights to begin with, ``best.pt`` of a run or an ONNX file of the same network
            (`wisp.training.importing.load_start`), or of a lean portrait network, whose layers the compact
            network takes over (`wisp.networks.dlmn.take_over`).

    Raises:
        InputError: a file is missing or something else, or the recipe cannot use it.
    """

    score = "mae"

    def __init__(
        self,
        recipe: MobileRecipe | PaperRecipe,
        people: Sequence[datasets.Entry],
        scenes: Sequence[Path],
        held_out: Sequence[datasets.Entry],
        held_out_scenes: Sequence[Path],
        *,
        encoder_weights: Path | None = None,
        start: str | Path | None = None,
    ) -> None:
        samples = Samples(people, scenes, recipe.synthesis, recipe.schedule.seed)
        batch = min(recipe.examples, 8 if isinstance(recipe, MobileRecipe) else 2)
        held_out_photos = (held_out, held_out_scenes, recipe.synthesis, recipe.cues)
        examples = partial(fixed_cue_examples, *held_out_photos, recipe.examples, batch)
        self._begin(recipe, CueSamples(samples, recipe.cues), examples, encoder_weights, start)

    def _begin(
        self,
        recipe: MobileRecipe | PaperRecipe,
        source: Source,
        draw_examples: Callable[[], list[Batch]],
        encoder_weights: Path | None,
        start: str | Path | None,
    ) -> None:
        self.recipe, self.source, self._draw_examples = recipe, source, draw_examples
        torch.manual_seed(recipe.schedule.seed)
        built = network(recipe, encoder_weights)
        if start is not None:
            begin(built, start)
            if isinstance(built.image, MobileContentEncoder):
                freeze_batch_norm(built.image.encoder)
        self.networks: Mapping[str, nn.Module] = {NETWORK: built}

    def optimisers(self, networks: Mapping[str, nn.Module]) -> Mapping[str, Optimizer]:
        """AdamW of which the encoder, or what was taken over, learns more slowly; or Adam."""
        recipe, built = self.recipe, networks[NETWORK]
        if isinstance(recipe, PaperRecipe):
            return {NETWORK: Adam(built.parameters(), recipe.rate, fused=True)}
        learnt = [(f".{name}", p) for name, p in built.named_parameters() if p.requires_grad]
        encoder = [p for name, p in learnt if self.slow(name)]
        rest = [p for name, p in learnt if not self.slow(name)]
        groups = [{"params": rest, "lr": recipe.rate}, {"params": encoder, "lr": recipe.encoder_rate}]
        return {NETWORK: AdamW(groups, weight_decay=recipe.decay, fused=True)}

    def slow(self, name: str) -> bool:
        """True for the name of a parameter that learns at the recipe's `encoder_rate`."""
        return ".image.encoder." in name

    def phases(self, step: int) -> Sequence[str]:
        """The one network, every step."""
        return (NETWORK,)

    def losses(self, phase: str, networks: Mapping[str, nn.Module], batch: Batch) -> Terms:
        """The terms of `Coefficients` by name."""
        prediction = predict(networks[phase], batch)
        with torch.autocast(batch.image.device.type, enabled=False):
            return dlmn_terms(self.recipe.coefficients, prediction, batch, apart=_apart(self.recipe))

    @cached_property
    def _examples(self) -> list[Batch]:
        return self._draw_examples()

    def validate(self, network: nn.Module, device: torch.device) -> Validation:
        """Scores of alpha, as `wisp.training.validation` counts them."""

        def alpha(batch: Batch) -> Tensor:
            return torch.sigmoid(predict(network, batch).logits)

        return validate_alpha(alpha, network, self._examples, device)


class PackedTask(DLMNTask):
    """The compact network on packed photos, for `wisp.training.loop.fit`.

    Args:
        recipe: the recipe.
        photos: packed training photos, groups ``people``, ``things``, ``cutouts`` and ``scenes``.
        held_out: packed photos to validate on.
        start: as `DLMNTask` takes it.
    """

    def __init__(
        self, recipe: PackedRecipe, photos: Pack, held_out: Pack, *, start: str | Path | None = None
    ) -> None:
        schedule = recipe.schedule
        samples = MattingSamples(
            photos, recipe.synthesis, batch=schedule.batch, steps=schedule.steps, seed=schedule.seed
        )
        examples = partial(fixed_packed_examples, held_out, recipe.synthesis, recipe.examples, recipe.cues)
        self._begin(recipe, PackedCues(samples, recipe.cues), examples, None, start)
        if start is not None:
            freeze(self.networks[NETWORK].get_submodule("image.encoder"))

    def slow(self, name: str) -> bool:
        """True for the name of a parameter that was taken over: all but those of `NEW`."""
        return not any(part in name for part in NEW)


NEW: Final = (
    ".cues.trimap.",
    ".cues.motion.",
    ".combinator.pairs.1.",
    ".combinator.pairs.2.",
    ".foreground.",
)
"""Parts of the names of parameters that `wisp.networks.dlmn.take_over` finds no weights for."""


def begin(built: DLMN, start: str | Path) -> None:
    """Fill a network with weights of its own kind, or those of a lean portrait network.

    Raises:
        InputError: no such file or name, or of a network whose layers differ.
    """
    found, earlier = read_network(start)
    if found != "portrait":
        load_start(built, NETWORK, start)
        return
    assert isinstance(earlier, Portrait)
    try:
        if next(iter(built.cues), None) != "mask" or built.anchored:
            raise RuntimeError
        take_over(built, earlier.generator)
    except RuntimeError as error:
        accepted = "the compact network of --recipe packed begins as a lean portrait network"
        raise InputError(start, "holds another network (portrait)", accepted) from error
    freeze_folded(built)


def predict(network: nn.Module, batch: Batch) -> Prediction:
    """Run a network on a batch that has cues, in fp32."""
    assert batch.mask is not None
    assert batch.trimap is not None
    assert batch.motion is not None
    found: Prediction = network(batch.image, batch.mask, batch.trimap, batch.motion)
    return Prediction(found.logits.float(), found.foreground.float())


def _apart(recipe: MobileRecipe | PaperRecipe) -> bool:
    return isinstance(recipe, MobileRecipe) and recipe.apart


def dlmn_terms(
    coefficients: Coefficients, prediction: Prediction, batch: Batch, *, apart: bool = False
) -> Terms:
    """The weighted terms by name; foreground and composition only where the composition is exact.

    Args:
        coefficients: a term with weight 0 is left out.
        prediction: the network's.
        batch: truth and trust.
        apart: the composition teaches the foreground alone. While that is still the image itself, nothing
            composes better than alpha 1 everywhere.
    """
    c, alpha, weight = coefficients, torch.sigmoid(prediction.logits), batch.weight
    exact = weight * batch.exact
    terms: Terms = {}
    if c.alpha:
        terms["alpha"] = c.alpha * losses.l1(alpha, batch.alpha, weight)
    if c.gradient:
        terms["gradient"] = c.gradient * losses.gradient_loss(alpha, batch.alpha, weight)
    if c.foreground:
        terms["foreground"] = c.foreground * losses.foreground_loss(
            prediction.foreground, batch.foreground, batch.alpha, exact
        )
    if c.composition:
        terms["composition"] = c.composition * losses.composition_loss(
            batch.image,
            alpha.detach() if apart else alpha,
            prediction.foreground,
            batch.background,
            exact,
        )
    return terms


def network(recipe: MobileRecipe | PaperRecipe, encoder_weights: Path | None = None) -> DLMN:
    """The network at its start.

    Args:
        recipe: which, and how wide.
        encoder_weights: of the compact network's MobileNetV2; its batch norms are frozen then.

    Raises:
        InputError: the file is missing or something else, or the network has no such encoder.
    """
    built = recipe.build()
    if encoder_weights is None:
        return built
    if not isinstance(built.image, MobileContentEncoder):
        raise InputError("--encoder-weights", "is no option of the paper's network", "--recipe mobile has it")
    load_encoder(built.image.encoder, encoder_weights)
    freeze_batch_norm(built.image.encoder)
    return built


def _build(recipe: Mapping[str, Any]) -> nn.Module:
    if "widths" in recipe:
        return dlmn_paper(tuple(recipe["widths"]), tuple(recipe["blocks"]), recipe["pair"], recipe["shown"])
    apart = recipe.get("apart", False)
    return dlmn_mobile(recipe["width"], recipe["shown"], anchored=recipe["anchored"], apart=apart)


class _AlphaAndForeground(nn.Module):
    """Image and cues → alpha (N, 1, H, W) and foreground (N, 3, H, W), both in [0, 1]."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, mask: Tensor, trimap: Tensor, motion: Tensor) -> tuple[Tensor, Tensor]:
        found = self.network(image, mask, trimap, motion)
        return torch.sigmoid(found.logits), found.foreground.clamp(0, 1)


class _AlphaAlone(_AlphaAndForeground):
    """A portrait network without the foreground's branch, for those who find the foreground otherwise."""

    def forward(self, image: Tensor, mask: Tensor, trimap: Tensor, motion: Tensor) -> Tensor:  # type: ignore[override]
        return torch.sigmoid(self.network.alpha_logits(image, mask, trimap, motion))  # type: ignore[operator]


def _tuned(kept: Mapping[str, Any], photos: Photos, tuning: Tuning) -> Task:
    recipe: MobileRecipe | PaperRecipe
    shown = tuple(kept["shown"])
    if "widths" in kept:
        widths, blocks = tuple(kept["widths"]), tuple(kept["blocks"])
        recipe = PaperRecipe(widths=widths, blocks=blocks, pair=kept["pair"], shown=shown)
    else:
        recipe = MobileRecipe(width=kept["width"], shown=shown, anchored=kept["anchored"])
    recipe = adapt(recipe, photos, tuning)
    return DLMNTask(recipe, photos.kept, photos.scenes, photos.held_out, photos.scenes)


def _cut(image: Image, truth: Alpha, path: Path, tuning: Tuning) -> Alpha:
    return dlmn(image, coarse_mask(image, truth, tuning), model=path)


NETWORKS: Final[Mapping[str, TrainedNetwork]] = {
    NETWORK: TrainedNetwork(
        _build,
        _AlphaAndForeground,
        image_and_cues,
        ("alpha", "foreground"),
        parts=Parts(
            (
                "image.stem",
                "image.encoder.features.0",
                "image.encoder.features.1",
                "cues.mask.stem",
                "cues.trimap.stem",
                "cues.motion.stem",
            ),
            ("image.encoder.features.2", "image.encoder.features.3"),
            ("alpha.head", "foreground.head"),
        ),
        tuner=Tuner(_tuned, _cut, "dlmn", masked=True),
    ),
    "dlmn-alpha": TrainedNetwork(
        _build, _AlphaAlone, image_and_cues, ("alpha",), aids=("network.foreground",)
    ),
}

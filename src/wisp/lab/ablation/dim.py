"""What the parts of Deep Image Matting are worth: its losses, the guided filter, the refinement.

Xu, Price, Cohen, Huang 2017, "Deep Image Matting" (CVPR), table 1, last four lines, on the compact network.
Every variant takes the same number of steps from the same seed. One with refinement divides them among the
paper's three steps; the guided filter needs no training of its own and follows the network with both losses.
Two lines of our own: the network with the losses that it ships with, and these without the refinement.

Alphas are scored as users get them: the network is exported, and run by `wisp.engine.families.dim` in fp32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import torch
from torch import nn

from wisp.core.arrays import UNKNOWN, Alpha, Image, Trimap, from_float, to_float
from wisp.core.errors import InputError
from wisp.data.datasets import Entry
from wisp.engine.engine import Engine
from wisp.engine.families.dim import dim
from wisp.evaluation.protocols import Report, score_alpha
from wisp.lab.ablation import Ablation, Derived, Row, Table, short
from wisp.lab.ablation.portrait import sha256
from wisp.lab.figures.guided import Truth, find_truths, trimap_of
from wisp.lab.figures.sheets import row, stack
from wisp.matting.classical.guided_filter import guided_filter
from wisp.matting.trimap import impose_known
from wisp.training.export import export
from wisp.training.loop import Schedule, Validation
from wisp.training.recipes import NETWORKS
from wisp.training.recipes.dim import Coefficients, DimTask, MobileRecipe


@dataclass(frozen=True)
class Variant:
    """Loss and stages of one training.

    Attributes:
        coefficients: of the loss.
        refinement: whether the second stage is trained and used.
    """

    coefficients: Coefficients
    refinement: bool = False


ALPHA: Final = Coefficients(alpha=1.0, composition=0.0)
BOTH: Final = Coefficients()
SHIPPED: Final = MobileRecipe().coefficients
CLIP: Final = MobileRecipe().schedule.clip

VARIANTS: Final[Mapping[str, Variant]] = {
    "alpha-loss": Variant(ALPHA),
    "both-losses": Variant(BOTH),
    "refinement": Variant(BOTH, refinement=True),
    "shipped-losses": Variant(SHIPPED),
    "shipped": Variant(SHIPPED, refinement=True),
}
"""By name, in the order in which they are trained."""
FILTERED: Final = "guided-filter"
"""`both-losses` with the guided filter after it."""

TABLES: Final = (
    Table(
        "Variants (table 1)",
        (
            Row("encoder-decoder, alpha loss", "alpha-loss"),
            Row("encoder-decoder, alpha and compositional loss", "both-losses"),
            Row("the same, guided filter", FILTERED),
            Row("the same, refinement", "refinement"),
        ),
    ),
    Table(
        "Beyond the paper",
        (
            Row("encoder-decoder, the losses that dim-mobile ships with", "shipped-losses"),
            Row("the same, refinement", "shipped"),
        ),
    ),
)


@dataclass(frozen=True)
class DimAblationRecipe(MobileRecipe):
    """The compact recipe, short.

    Attributes:
        variant: what is trained.
    """

    schedule: Schedule = field(default_factory=lambda: replace(short(800, 8), clip=CLIP))
    variant: Variant = field(default_factory=lambda: VARIANTS["shipped"])

    def of(self, variant: Variant) -> DimAblationRecipe:
        """The recipe of one variant: its losses, and one step of three where there is no refinement."""
        changed = replace(self, variant=variant, coefficients=variant.coefficients)
        return changed if variant.refinement else replace(changed, first=1.0, second=0.0)


@dataclass(frozen=True)
class Scored:
    """A photo to score on: image (H, W, 3), true alpha (H, W), trimap (H, W)."""

    image: Image
    alpha: Alpha
    trimap: Trimap


def dim_ablation(
    recipe: DimAblationRecipe,
    cutouts: Sequence[Entry],
    scenes: Sequence[Path],
    folder: Path | str,
    trimaps: Path | str,
    *,
    variants: Sequence[str] = (*VARIANTS, FILTERED),
    encoder_weights: Path | None = None,
) -> Ablation:
    """Set up the ablation of Deep Image Matting's table 1 for `wisp.lab.ablation.ablate`.

    Args:
        recipe: what all variants share.
        cutouts: labelled training photos.
        scenes: training photos without people.
        folder: what is scored, with ``image/`` and ``alpha/``.
        trimaps: their trimaps, under the photos' names.
        variants: keys of `VARIANTS`, and `FILTERED`, which needs ``both-losses``.
        encoder_weights: as in `DimTask`.

    Raises:
        InputError: an unknown variant, or a file that is missing or something else.
    """
    known = (*VARIANTS, FILTERED)
    for name in variants:
        if name not in known:
            raise InputError("--variants", f"has {name!r}", f"{', '.join(known)} are accepted")
    wanted = {name: VARIANTS[name] for name in VARIANTS if name in variants}
    if FILTERED in variants and "both-losses" not in wanted:
        raise InputError("--variants", f"has {FILTERED} alone", f"both-losses,{FILTERED} is accepted")
    truths = find_truths(folder)
    photos = read_scored(truths, trimaps)

    def trial(variant: Variant, *, filtered: bool = False) -> DimAblationTask:
        return DimAblationTask(
            recipe.of(variant), cutouts, scenes, photos, encoder_weights=encoder_weights, filtered=filtered
        )

    derived = {}
    if FILTERED in variants:
        derived[FILTERED] = Derived("both-losses", partial(trial, VARIANTS["both-losses"], filtered=True))
    chosen = {*wanted, *derived}
    shared = asdict(recipe)
    del shared["variant"], shared["coefficients"], shared["first"], shared["second"]
    return Ablation(
        trials={name: partial(trial, variant) for name, variant in wanted.items()},
        tables=[table for table in TABLES if any(row.variant in chosen for row in table.rows)],
        reference="both-losses",
        settings={
            "network": recipe.network,
            "recipe": shared,
            "cutouts": len(cutouts),
            "scenes": len(scenes),
            "photos": list(photos),
            "encoder": None if encoder_weights is None else sha256(encoder_weights),
        },
        scored=f"the unknown part of {len(photos)} photos with {Path(trimaps).name}, after "
        f"{recipe.schedule.steps * recipe.schedule.batch} training images",
        groups={truth.name: truth.thing for truth in truths},
        derived=derived,
    )


def read_scored(truths: Sequence[Truth], trimaps: Path | str) -> dict[str, Scored]:
    """The photos by name; `InputError` for a file that is missing, damaged or of another size."""
    found = {}
    for truth in truths:
        image, alpha = truth.load()
        trimap = trimap_of(truth, trimaps, image)
        if not (trimap == UNKNOWN).any():
            raise InputError(truth.photo, "has a trimap with nothing unknown to score")
        found[truth.name] = Scored(image, alpha, trimap)
    return found


class DimAblationTask(DimTask):
    """The task of Deep Image Matting with one variant's losses and stages.

    Args:
        recipe: with the variant.
        cutouts: labelled training photos.
        scenes: training photos without people.
        photos: what is scored, by name.
        encoder_weights: as in `DimTask`.
        filtered: whether the guided filter follows the network.
    """

    recipe: DimAblationRecipe
    score = "mae"

    def __init__(
        self,
        recipe: DimAblationRecipe,
        cutouts: Sequence[Entry],
        scenes: Sequence[Path],
        photos: Mapping[str, Scored],
        *,
        encoder_weights: Path | None = None,
        filtered: bool = False,
    ) -> None:
        super().__init__(recipe, cutouts, scenes, (), (), encoder_weights=encoder_weights)
        self._photos, self._filtered = photos, filtered

    def alphas(self, network: nn.Module, names: Sequence[str]) -> dict[str, Alpha]:
        """Alpha by name, of the exported network."""
        family = NETWORKS[self.recipe.network]
        bare = family.build(asdict(self.recipe))  # training casts the original to bf16
        bare.load_state_dict(network.state_dict())
        with TemporaryDirectory() as folder:
            file = Path(folder, "network.onnx")
            export(family.wrap(bare), family.example(), family.outputs, file, halved=False)
            found, engine = {}, Engine(precision="fp32", cache=False)
            for name in names:
                photo = self._photos[name]
                alpha = dim(photo.image, photo.trimap, model=file, engine=engine)
                if self._filtered:
                    alpha = impose_known(guided_filter(photo.image, alpha), photo.trimap)
                found[name] = alpha
        return found

    def validate(self, network: nn.Module, device: torch.device) -> Validation:
        """A sheet of a few photos, and their error; `measure` has the figures that count."""
        rows, errors = [], []
        for name, alpha in self.alphas(network, list(self._photos)[:4]).items():
            photo = self._photos[name]
            errors.append(float(np.abs(alpha - photo.alpha)[photo.trimap == UNKNOWN].mean()))
            rows.append(row([photo.image, to_float(photo.trimap), photo.alpha, alpha], 240))
        return Validation({"mae": float(np.mean(errors))}, from_float(stack(rows)))

    def measure(self, network: nn.Module, device: torch.device) -> Report:
        """The metrics of `wisp.evaluation` over the unknown part by photo, of alpha rounded to 8 bits."""
        images = {}
        for name, alpha in self.alphas(network, list(self._photos)).items():
            photo = self._photos[name]
            images[name] = score_alpha(alpha, photo.alpha, photo.trimap == UNKNOWN)
        return Report("unknown", images)

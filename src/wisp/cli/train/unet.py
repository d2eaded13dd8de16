"""``wisp train unet`` and ``wisp train unet-simple``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wisp.cli.bundles import with_bundles
from wisp.cli.train.options import (
    DataOption,
    FreezeOption,
    LetterboxOption,
    OutOption,
    PhotoOptions,
    RunOptions,
    SampleOptions,
    StartOption,
)
from wisp.cli.train.packs import PackOption, one_corpus, packs_of, refuse_packs, refuse_photos_alone
from wisp.core.errors import InputError
from wisp.core.extras import importing

if TYPE_CHECKING:
    from wisp.training.recipes.unet import UNetRecipe


@dataclass(frozen=True)
class UNetOptions:
    """Options of what the two U-Nets are made of and learn from."""

    photos: Annotated[
        int | None,
        typer.Option(min=1, help="Only so many photos, drawn at random [default: all]."),
    ] = None
    letterbox: LetterboxOption = False
    width: Annotated[
        int | None, typer.Option(min=2, help="Filters of the first level [default: the recipe's: 64].")
    ] = None
    rate: Annotated[float, typer.Option(min=1e-7, max=1, help="Adam's learning rate.")] = 1e-3


@with_bundles
def train_unet_command(
    *,
    data: DataOption,
    out: OutOption,
    recipe_name: Annotated[
        str,
        typer.Option(
            "--recipe",
            help="report (photos as they are), or packed (16 filters, 128 pixels, from a corpus of people, "
            "things, cut-outs and backgrounds).",
        ),
    ] = "report",
    start: StartOption = None,
    pack: PackOption = None,
    freeze: FreezeOption = "none",
    general: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Share of samples that are procedural things of any kind on backgrounds."
        ),
    ] = 0.0,
    unet: UNetOptions,
    chosen: PhotoOptions,
    samples: SampleOptions,
    run: RunOptions,
) -> None:
    """Train the standard U-Net of the report "Background Image Matting", from scratch or from --start."""
    if recipe_name not in ("report", "packed"):
        raise InputError("--recipe", f"is {recipe_name}", "report and packed are accepted")
    if recipe_name == "report":
        refuse_packs(recipe_name, pack)
        with importing("training", "train"):
            from wisp.training.recipes.unet import UNetRecipe

        recipe = replace(UNetRecipe(), freeze=freeze)
        _train(recipe, data, out, start, general, unet, chosen, samples, run)
        return
    with importing("training", "train", "opencv"):
        from wisp.training.recipes.unet import PackedRecipe, PackedTask

    refuse_photos_alone(
        names=chosen.names,
        general=general or None,
        photos=unet.photos,
        letterbox=unet.letterbox or None,
    )
    packed = samples.adapt(PackedRecipe(freeze=freeze, rate=unet.rate), run.seed)
    packed = replace(packed, width=unet.width or packed.width)
    packs = packs_of(one_corpus(data), pack or out / "photos", chosen, report=run.report)
    run.fit(PackedTask(packed, *packs, start=start), packed.schedule, out)


@with_bundles
def train_unet_simple_command(
    *,
    data: DataOption,
    out: OutOption,
    start: StartOption = None,
    unet: UNetOptions,
    chosen: PhotoOptions,
    samples: SampleOptions,
    run: RunOptions,
) -> None:
    """Train the simplified U-Net of one level of the report "Background Image Matting"."""
    with importing("training", "train"):
        from wisp.training.recipes.unet import SIMPLE_RECIPE

    _train(SIMPLE_RECIPE, data, out, start, 0.0, unet, chosen, samples, run)


def _train(
    recipe: UNetRecipe,
    data: list[Path],
    out: Path,
    start: str | None,
    general: float,
    unet: UNetOptions,
    chosen: PhotoOptions,
    samples: SampleOptions,
    run: RunOptions,
) -> None:
    """Train one of them on photos as they are."""
    from wisp.data.datasets import some
    from wisp.training.recipes.unet import UNetTask

    recipe = samples.adapt(replace(recipe, width=unet.width or recipe.width, rate=unet.rate), run.seed)
    synthesis = replace(recipe.synthesis, letterbox=unet.letterbox, general=general)
    recipe = replace(recipe, synthesis=synthesis)
    kept, scenes, held_out, held_out_scenes = chosen.read(data, scenes_needed=general > 0)
    kept = kept if unet.photos is None else some(kept, unet.photos, run.seed)
    task = UNetTask(recipe, kept, scenes, held_out, held_out_scenes, start)
    run.fit(task, recipe.schedule, out)

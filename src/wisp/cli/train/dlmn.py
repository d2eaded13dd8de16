"""``wisp train dlmn``."""

from __future__ import annotations

from typing import Annotated

import typer

from wisp.cli.bundles import with_bundles
from wisp.cli.train.options import (
    DataOption,
    EncoderOption,
    OutOption,
    PhotoOptions,
    RunOptions,
    StartOption,
    ViewOptions,
    weights_of,
)
from wisp.cli.train.packs import PackOption, one_corpus, packs_of, refuse_packs, refuse_photos_alone
from wisp.core.errors import InputError
from wisp.core.extras import importing


@with_bundles
def train_dlmn_command(
    *,
    data: DataOption,
    out: OutOption,
    recipe_name: Annotated[
        str,
        typer.Option(
            "--recipe",
            help="mobile (the compact network), packed (the same from a corpus of people, things, cut-outs "
            "and backgrounds, begun as --start, by default matting-mobile) or paper (as published).",
        ),
    ] = "mobile",
    start: StartOption = None,
    pack: PackOption = None,
    encoder_weights: EncoderOption = None,
    chosen: PhotoOptions,
    samples: ViewOptions,
    run: RunOptions,
) -> None:
    """Train DLMN-G (El Abdellaoui and Kachbal): alpha from image, segmentation, trimap and motion cue."""
    with importing("training", "train"):
        from wisp.training.recipes.dlmn import DLMNTask, PackedTask
        from wisp.training.recipes.dlmn_recipes import MobileRecipe, PackedRecipe, PaperRecipe

    if recipe_name == "packed":
        refuse_photos_alone(names=chosen.names, encoder_weights=encoder_weights, size=samples.size)
        packed = samples.adapt(PackedRecipe(), run.seed)
        packs = packs_of(one_corpus(data), pack or out / "photos", chosen, report=run.report)
        learns = PackedTask(packed, *packs, start=start or "matting-mobile")
        run.fit(learns, packed.schedule, out)
        return
    refuse_packs(recipe_name, pack)
    recipes: dict[str, MobileRecipe | PaperRecipe] = {"mobile": MobileRecipe(), "paper": PaperRecipe()}
    if recipe_name not in recipes:
        raise InputError("--recipe", f"is {recipe_name}", "mobile, packed and paper are accepted")
    recipe = samples.adapt(recipes[recipe_name], run.seed)
    photos = chosen.read(data)
    task = DLMNTask(recipe, *photos, encoder_weights=weights_of(encoder_weights), start=start)
    run.fit(task, recipe.schedule, out)

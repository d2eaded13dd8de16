"""``wisp train dim``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from wisp.cli.bundles import with_bundles
from wisp.cli.train.options import (
    AsPublishedOption,
    DataOption,
    OutOption,
    PhotoOptions,
    RunOptions,
    StartOption,
    ViewOptions,
    choose_recipe,
    not_published,
    weights_of,
)
from wisp.core.errors import InputError
from wisp.core.extras import importing

DimEncoderOption = Annotated[
    Path | None,
    typer.Option(
        help="Start of the encoder: for mobile as of the other networks (MobileNetV2 or the word imagenet), "
        "for vgg16 torchvision's vgg16 .pth."
    ),
]


@with_bundles
def train_dim_command(
    *,
    data: DataOption,
    out: OutOption,
    recipe_name: Annotated[
        str,
        typer.Option(
            "--recipe",
            help="mobile (the compact network), mobile-fine (its second run, after --start) or vgg16 (the "
            "paper's).",
        ),
    ] = "mobile",
    published: AsPublishedOption = False,
    encoder_weights: DimEncoderOption = None,
    start: StartOption = None,
    procedural: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of procedural foregrounds [default: the recipe's]."),
    ] = None,
    laplacian: Annotated[
        float | None,
        typer.Option(min=0, help="Weight of the Laplacian-pyramid loss [default: the recipe's]."),
    ] = None,
    random_background: Annotated[
        bool,
        typer.Option(
            "--random-background", help="Compose with random backgrounds in the loss, not the true ones."
        ),
    ] = False,
    chosen: PhotoOptions,
    samples: ViewOptions,
    run: RunOptions,
) -> None:
    """Train Deep Image Matting (Xu et al. 2017) in its three steps: alpha from an image and a trimap."""
    with importing("training", "train"):
        from wisp.training.recipes.dim import FINE, DimTask, MobileRecipe, VGG16Recipe, as_published

    recipes: dict[str, MobileRecipe | VGG16Recipe] = {
        "mobile": MobileRecipe(),
        "mobile-fine": FINE,
        "vgg16": VGG16Recipe(),
    }
    recipe = samples.adapt(choose_recipe(recipes, recipe_name), run.seed)
    if published:
        if not isinstance(recipe, VGG16Recipe):
            raise not_published(recipe_name, "vgg16")
        if procedural is not None:
            raise InputError("--procedural", "does not go with --as-published", "either is accepted")
        recipe = as_published(recipe)
    if procedural is not None:
        recipe = replace(recipe, synthesis=replace(recipe.synthesis, procedural=procedural))
    if laplacian is not None:
        recipe = replace(recipe, coefficients=replace(recipe.coefficients, laplacian=laplacian))
    if random_background:
        recipe = replace(recipe, coefficients=replace(recipe.coefficients, background="random"))
    photos = chosen.read(data)
    task = DimTask(recipe, *photos, encoder_weights=weights_of(encoder_weights), start=start)
    for note in task.notes:
        run.report(note)
    run.fit(task, recipe.schedule, out)

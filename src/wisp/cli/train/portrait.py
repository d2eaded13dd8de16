"""``wisp train portrait``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from wisp.cli.bundles import with_bundles
from wisp.cli.train.options import (
    AsPublishedOption,
    DataOption,
    EncoderOption,
    OutOption,
    PhotoOptions,
    RunOptions,
    SegmenterOption,
    StartOption,
    ViewOptions,
    choose_recipe,
    not_published,
    weights_of,
)
from wisp.core.extras import importing


@with_bundles
def train_portrait_command(
    *,
    data: DataOption,
    out: OutOption,
    recipe_name: Annotated[
        str,
        typer.Option(
            "--recipe",
            help="mobile (the compact network), mobile-fine (its second half, after --start), mobile-led (a "
            "third part, given initial alphas, after --start), mobile-clip (its own alphas, too, after "
            "--start) or paper (as published).",
        ),
    ] = "mobile",
    published: AsPublishedOption = False,
    start: StartOption = None,
    segmenter: SegmenterOption = None,
    encoder_weights: EncoderOption = None,
    perceptual_weights: Annotated[
        Path | None,
        typer.Option(
            help="torchvision's vgg16 .pth, or the word vgg16, which fetches it: for the perceptual loss."
        ),
    ] = None,
    adversarial_from: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of the steps without discriminators [default: the recipe's]."),
    ] = None,
    chosen: PhotoOptions,
    samples: ViewOptions,
    run: RunOptions,
) -> None:
    """Train the portrait network (Yaman et al. 2022), its generator and border refinement jointly."""
    with importing("training", "train"):
        from wisp.training.importing import continued
        from wisp.training.recipes.portrait import PortraitTask
        from wisp.training.recipes.portrait_recipes import (
            CLIP,
            FINE,
            LED,
            MobileRecipe,
            PaperRecipe,
            as_published,
        )

    recipes: dict[str, MobileRecipe | PaperRecipe] = {
        "mobile": MobileRecipe(),
        "mobile-fine": FINE,
        "mobile-led": LED,
        "mobile-clip": CLIP,
        "paper": PaperRecipe(),
    }
    recipe = samples.adapt(choose_recipe(recipes, recipe_name), run.seed)
    if published:
        if not isinstance(recipe, PaperRecipe):
            raise not_published(recipe_name, "paper")
        recipe = as_published(recipe)
    if adversarial_from is not None:
        recipe = replace(recipe, adversarial_from=adversarial_from)
    if isinstance(recipe, MobileRecipe):
        recipe = continued(recipe, start, "lean")
    task = PortraitTask(
        recipe,
        *chosen.read(data),
        segmenter=segmenter,
        encoder_weights=weights_of(encoder_weights),
        perceptual_weights=weights_of(perceptual_weights),
        start=start,
    )
    if segmenter is None and recipe.leads is None:
        run.report("no --segmenter: coarse masks are made of the true alphas")
    run.fit(task, recipe.schedule, out)

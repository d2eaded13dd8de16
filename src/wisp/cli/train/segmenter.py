"""``wisp train segmenter``: the person segmenter, from photos as they are or from a corpus's packs."""

from __future__ import annotations

from typing import Annotated, Literal

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
from wisp.cli.train.packs import (
    PackOption,
    TeachersOption,
    one_corpus,
    packs_of,
    refuse_packs,
    refuse_photos_alone,
)
from wisp.cli.train.plain import train_family
from wisp.core.errors import InputError
from wisp.core.extras import importing


@with_bundles
def train_segmenter_command(
    *,
    data: DataOption,
    out: OutOption,
    recipe_name: Annotated[
        Literal["photos", "packed"],
        typer.Option(
            "--recipe",
            help="photos (photos as they are), or packed (people of every kind beside things that are none, "
            "from a corpus of people, things, cut-outs and backgrounds).",
        ),
    ] = "photos",
    encoder_weights: EncoderOption = None,
    start: StartOption = None,
    teachers: TeachersOption = None,
    pack: PackOption = None,
    chosen: PhotoOptions,
    samples: ViewOptions,
    run: RunOptions,
) -> None:
    """Train the segmenter, which finds the people in a photo."""
    if recipe_name == "photos":
        refuse_packs(recipe_name, pack)
        if teachers is not None:
            raise InputError("--teachers", "is no option of --recipe photos", "--recipe packed has it")
        train_family("segmenter", data, out, encoder_weights, start, chosen, samples, run)
        return
    with importing("training", "train", "opencv"):
        from wisp.training.importing import continued
        from wisp.training.recipes.segmenter_packed import PackedRecipe, PackedTask

    refuse_photos_alone(names=chosen.names, views=samples.views, size=samples.size)
    recipe = continued(samples.adapt(PackedRecipe(), run.seed), start, "width", "decoder")
    packs = packs_of(one_corpus(data), pack or out / "photos", chosen, teachers=teachers, report=run.report)
    task = PackedTask(recipe, *packs, weights_of(encoder_weights), start)
    run.fit(task, recipe.schedule, out)

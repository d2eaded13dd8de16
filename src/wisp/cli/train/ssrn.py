"""``wisp train ssrn``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wisp.cli.bundles import with_bundles
from wisp.cli.train.options import (
    DataOption,
    OutOption,
    PhotoOptions,
    RunOptions,
    StartOption,
    ViewOptions,
    choose_recipe,
    weights_of,
)
from wisp.cli.train.packs import PackOption, one_corpus, packs_of, refuse_packs, refuse_photos_alone
from wisp.core.extras import importing

SSRNEncoderOption = Annotated[
    Path | None,
    typer.Option(
        help="Start of the encoder: for mobile as of the other networks (MobileNetV2 or the word imagenet), "
        "for resnet101 torchvision's resnet101 .pth."
    ),
]


@with_bundles
def train_ssrn_command(
    *,
    data: DataOption,
    out: OutOption,
    dlmn: Annotated[
        str,
        typer.Option(
            metavar="NAME_OR_FILE",
            help="best.pt of `wisp train dlmn`, or its ONNX file, whose results are refined.",
        ),
    ],
    recipe_name: Annotated[
        str,
        typer.Option(
            "--recipe",
            help="packed (the compact generator, from a corpus as of `wisp train dlmn`), mobile or resnet101 "
            "(as published), supervised; then the same with -unlabelled, after --start.",
        ),
    ] = "mobile",
    start: StartOption = None,
    pack: PackOption = None,
    photos: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of photos without labels; repeatable. [default: those of DATA]"),
    ] = None,
    frames: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of folders of consecutive frames without labels; repeatable."),
    ] = None,
    encoder_weights: SSRNEncoderOption = None,
    chosen: PhotoOptions,
    samples: ViewOptions,
    run: RunOptions,
) -> None:
    """Train SSRN (El Abdellaoui and Kachbal), which refines DLMN-G's results, in its two parts."""
    with importing("training", "train"):
        from wisp.data.cues import shots
        from wisp.training.recipes import ssrn
        from wisp.training.recipes.ssrn_packed import PackedTask

    recipe = samples.adapt(choose_recipe(ssrn.RECIPES, recipe_name), run.seed)
    if isinstance(recipe, ssrn.PackedRecipe):
        refuse_photos_alone(
            names=chosen.names,
            encoder_weights=encoder_weights,
            size=samples.size,
            photos=photos,
            frames=frames,
        )
        packs = packs_of(one_corpus(data), pack or out / "photos", chosen, report=run.report)
        learns = PackedTask(recipe, *packs, dlmn=dlmn, start=start)
        run.fit(learns, recipe.schedule, out)
        return
    refuse_packs(recipe_name, pack)
    task = ssrn.SSRNTask(
        recipe,
        *chosen.read(data),
        dlmn=dlmn,
        encoder_weights=weights_of(encoder_weights),
        start=start,
        shots=[*shots(photos or []), *shots(frames or [], frames=True)],
    )
    run.fit(task, recipe.schedule, out)

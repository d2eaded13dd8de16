"""``wisp train dlmn`` and ``wisp train ssrn``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wisp.cli.train import (
    BackgroundsOption,
    BatchOption,
    DataOption,
    EncoderOption,
    LicencesOption,
    NamesOption,
    OutOption,
    PrecisionOption,
    QuietOption,
    ResumeOption,
    SeedOption,
    SizeOption,
    StartOption,
    StepsOption,
    ViewsOption,
    WorkersOption,
    adapted,
    check_options,
    fit_task,
    photos_of,
    weights_of,
)
from wisp.cli.train_packs import PackOption, one_corpus, packs_of, refuse_packs, refuse_photos_alone
from wisp.core.errors import InputError
from wisp.core.extras import importing

SSRNEncoderOption = Annotated[
    Path | None,
    typer.Option(
        help="Start of the encoder: for mobile as of the other networks (MobileNetV2 or the word imagenet), "
        "for resnet101 torchvision's resnet101 .pth."
    ),
]


def train_dlmn_command(
    data: DataOption,
    out: OutOption,
    recipe_name: Annotated[
        str,
        typer.Option(
            "--recipe",
            help="mobile (the compact network), packed (the same from a corpus of people, things, cut-outs "
            "and backgrounds, begun as --start, by default portrait-mobile) or paper (as published).",
        ),
    ] = "mobile",
    start: StartOption = None,
    pack: PackOption = None,
    names: NamesOption = None,
    backgrounds: BackgroundsOption = None,
    encoder_weights: EncoderOption = None,
    licences: LicencesOption = "",
    steps: StepsOption = None,
    batch: BatchOption = None,
    size: SizeOption = None,
    views: ViewsOption = None,
    seed: SeedOption = 0,
    resume: ResumeOption = False,
    precision: PrecisionOption = "auto",
    workers: WorkersOption = 1,
    quiet: QuietOption = False,
) -> None:
    """Train DLMN-G (El Abdellaoui and Kachbal): alpha from image, segmentation, trimap and motion cue."""
    with importing("training", "train"):
        from wisp.training.recipes.dlmn import (
            DLMNTask,
            MobileRecipe,
            PackedRecipe,
            PackedTask,
            PaperRecipe,
        )

    check_options(precision, size)
    if recipe_name == "packed":
        refuse_photos_alone(names=names, encoder_weights=encoder_weights, size=size)
        packed = adapted(PackedRecipe(), seed=seed, steps=steps, batch=batch, size=None, views=views)
        packs = packs_of(one_corpus(data), pack or out / "photos", backgrounds, licences, quiet=quiet)
        learns = PackedTask(packed, *packs, start=start or "portrait-mobile")
        fit_task(
            learns, packed.schedule, out, resume=resume, precision=precision, workers=workers, quiet=quiet
        )
        return
    refuse_packs(recipe_name, pack)
    recipes: dict[str, MobileRecipe | PaperRecipe] = {"mobile": MobileRecipe(), "paper": PaperRecipe()}
    if recipe_name not in recipes:
        raise InputError("--recipe", f"is {recipe_name}", "mobile, packed and paper are accepted")
    recipe = adapted(recipes[recipe_name], seed=seed, steps=steps, batch=batch, size=size, views=views)
    photos = photos_of(data, names, backgrounds, licences)
    task = DLMNTask(recipe, *photos, encoder_weights=weights_of(encoder_weights), start=start)
    fit_task(task, recipe.schedule, out, resume=resume, precision=precision, workers=workers, quiet=quiet)


def train_ssrn_command(
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
    names: NamesOption = None,
    backgrounds: BackgroundsOption = None,
    encoder_weights: SSRNEncoderOption = None,
    licences: LicencesOption = "",
    steps: StepsOption = None,
    batch: BatchOption = None,
    size: SizeOption = None,
    views: ViewsOption = None,
    seed: SeedOption = 0,
    resume: ResumeOption = False,
    precision: PrecisionOption = "auto",
    workers: WorkersOption = 1,
    quiet: QuietOption = False,
) -> None:
    """Train SSRN (El Abdellaoui and Kachbal), which refines DLMN-G's results, in its two parts."""
    with importing("training", "train"):
        from wisp.data.cues import shots
        from wisp.training.recipes import ssrn

    check_options(precision, size)
    if recipe_name not in ssrn.RECIPES:
        raise InputError("--recipe", f"is {recipe_name}", f"{', '.join(ssrn.RECIPES)} are accepted")
    recipe = adapted(ssrn.RECIPES[recipe_name], seed=seed, steps=steps, batch=batch, size=size, views=views)
    if isinstance(recipe, ssrn.PackedRecipe):
        refuse_photos_alone(
            names=names, encoder_weights=encoder_weights, size=size, photos=photos, frames=frames
        )
        packs = packs_of(one_corpus(data), pack or out / "photos", backgrounds, licences, quiet=quiet)
        learns = ssrn.PackedTask(recipe, *packs, dlmn=dlmn, start=start)
        fit_task(
            learns, recipe.schedule, out, resume=resume, precision=precision, workers=workers, quiet=quiet
        )
        return
    refuse_packs(recipe_name, pack)
    task = ssrn.SSRNTask(
        recipe,
        *photos_of(data, names, backgrounds, licences),
        dlmn=dlmn,
        encoder_weights=weights_of(encoder_weights),
        start=start,
        shots=[*shots(photos or []), *shots(frames or [], frames=True)],
    )
    fit_task(task, recipe.schedule, out, resume=resume, precision=precision, workers=workers, quiet=quiet)

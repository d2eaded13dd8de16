"""`wisp ablate NETWORK`: the ablations of a network's paper, every variant trained alike and briefly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from wisp.cli.train import (
    BackgroundsOption,
    BatchOption,
    DataOption,
    EncoderOption,
    FixedBatchOption,
    LetterboxOption,
    LicencesOption,
    NamesOption,
    PrecisionOption,
    QuietOption,
    SeedOption,
    SegmenterOption,
    SizeOption,
    StepsOption,
    WidthOption,
    WorkersOption,
    adapted,
    check_options,
    photos_of,
    say_nothing,
    tell,
    weights_of,
)
from wisp.core.errors import InputError
from wisp.core.extras import importing

ablate_app = typer.Typer(help="Train the variants of a paper's ablation tables, and compare them.")

ImagesOption = Annotated[
    int, typer.Option(min=1, help="Training images of each variant, rounded up to whole batches.")
]
VariantsOption = Annotated[
    str, typer.Option(help="Only these variants, comma-separated [default: all, as the tables name them].")
]
PhotosOption = Annotated[int, typer.Option(min=2, help="Photos to train on.")]
OutOption = Annotated[Path, typer.Option("-o", "--out", help="Folder of the results.")]
ResumeOption = Annotated[
    bool, typer.Option("--resume", help="Go on with OUT's variants; those that are done are kept.")
]


@ablate_app.command("portrait")
def ablate_portrait_command(
    data: DataOption,
    out: OutOption,
    images: ImagesOption = 300,
    variants: VariantsOption = "",
    segmenter: SegmenterOption = None,
    names: NamesOption = None,
    backgrounds: BackgroundsOption = None,
    encoder_weights: EncoderOption = None,
    perceptual_weights: Annotated[
        Path | None,
        typer.Option(
            help="torchvision's vgg16 .pth, or the word vgg16, which fetches it; most variants need it."
        ),
    ] = None,
    licences: LicencesOption = "",
    batch: FixedBatchOption = 4,
    size: SizeOption = None,
    seed: SeedOption = 0,
    resume: ResumeOption = False,
    precision: PrecisionOption = "auto",
    workers: WorkersOption = 1,
    quiet: QuietOption = False,
) -> None:
    """Tables 3, 4 and 5 of Yaman et al. 2022: losses, modules and inputs of the portrait network."""
    with importing("training", "train"):
        from wisp.lab.ablation import ablate
        from wisp.lab.ablation.portrait import AblationRecipe, portrait_ablation, short
        from wisp.lab.ablation.portrait_variants import VARIANTS

    check_options(precision, size)
    recipe = AblationRecipe(schedule=short(images, batch, seed))
    if size is not None:
        recipe = replace(recipe, synthesis=replace(recipe.synthesis, size=size))
    chosen = [name.strip() for name in variants.split(",") if name.strip()]
    report = say_nothing if quiet else tell
    ablation = portrait_ablation(
        recipe,
        *photos_of(data, names, backgrounds, licences),
        variants=chosen or list(VARIANTS),
        segmenter=segmenter,
        encoder_weights=weights_of(encoder_weights),
        perceptual_weights=weights_of(perceptual_weights),
    )
    if segmenter is None:
        report("no --segmenter: coarse masks are made of the true alphas")
    table = ablate(ablation, out, resume=resume, precision=precision, workers=workers, report=report)
    report(f"tables: {table}")


@ablate_app.command("dim")
def ablate_dim_command(
    data: DataOption,
    out: OutOption,
    score: Annotated[
        Path, typer.Option(metavar="FOLDER", help="What is scored: a folder with image/ and alpha/.")
    ],
    trimaps: Annotated[
        Path,
        typer.Option(metavar="FOLDER", help="Its trimaps; a folder of FOLDER, or any other."),
    ] = Path("trimap"),
    images: ImagesOption = 800,
    variants: VariantsOption = "",
    names: NamesOption = None,
    backgrounds: BackgroundsOption = None,
    encoder_weights: EncoderOption = None,
    licences: LicencesOption = "",
    batch: FixedBatchOption = 8,
    size: SizeOption = None,
    seed: SeedOption = 0,
    resume: ResumeOption = False,
    precision: PrecisionOption = "auto",
    workers: WorkersOption = 1,
    quiet: QuietOption = False,
) -> None:
    """Table 1 of Xu et al. 2017 on dim-mobile: losses, guided filter, refinement."""
    with importing("training", "train"):
        from wisp.lab.ablation import ablate
        from wisp.lab.ablation.dim import CLIP, FILTERED, VARIANTS, DimAblationRecipe, dim_ablation
        from wisp.lab.ablation.portrait import short

    check_options(precision, size)
    recipe = DimAblationRecipe()
    recipe = replace(recipe, schedule=replace(short(images, batch, seed), clip=CLIP))
    if size is not None:
        recipe = replace(recipe, synthesis=replace(recipe.synthesis, size=size))
    chosen = [name.strip() for name in variants.split(",") if name.strip()]
    cutouts, scenes, _, _ = photos_of(data, names, backgrounds, licences)
    ablation = dim_ablation(
        recipe,
        cutouts,
        scenes,
        score,
        score / trimaps if (score / trimaps).is_dir() else trimaps,
        variants=chosen or [*VARIANTS, FILTERED],
        encoder_weights=weights_of(encoder_weights),
    )
    report = say_nothing if quiet else tell
    table = ablate(ablation, out, resume=resume, precision=precision, workers=workers, report=report)
    report(f"tables: {table}")


@ablate_app.command("unet")
def ablate_unet_command(
    data: DataOption,
    out: OutOption,
    photos: PhotosOption = 100,
    general: Annotated[
        Path | None,
        typer.Option(help="Photos to pre-train on, such as Pascal VOC [default: procedural composites]."),
    ] = None,
    steps: StepsOption = None,
    general_steps: Annotated[int, typer.Option(min=1, help="Steps of the first pre-training.")] = 1250,
    people_steps: Annotated[int, typer.Option(min=1, help="Steps of the second.")] = 2500,
    fine_steps: Annotated[
        int | None, typer.Option(min=1, help="Steps of fine-tuning [default: as many as from scratch].")
    ] = None,
    width: WidthOption = 64,
    letterbox: LetterboxOption = False,
    names: NamesOption = None,
    backgrounds: BackgroundsOption = None,
    encoder_weights: EncoderOption = None,
    licences: LicencesOption = "",
    batch: BatchOption = None,
    size: SizeOption = None,
    seed: SeedOption = 0,
    resume: ResumeOption = False,
    precision: PrecisionOption = "auto",
    workers: WorkersOption = 1,
    quiet: QuietOption = False,
) -> None:
    """Tables 1 and 2 of the report "Background Image Matting": freezing, pre-training, and DeepLab beside."""
    with importing("training", "train"):
        from wisp.data import layouts
        from wisp.lab.ablation import ablate
        from wisp.lab.ablation.unet import UNetAblation, unet_ablation
        from wisp.training.recipes.unet import UNetRecipe

    check_options(precision, size)
    recipe = adapted(replace(UNetRecipe(), width=width), seed=seed, steps=steps, batch=batch, size=size)
    recipe = replace(recipe, synthesis=replace(recipe.synthesis, letterbox=letterbox))
    report = say_nothing if quiet else tell
    shared = UNetAblation(photos, general_steps, people_steps, fine_steps, recipe=recipe)
    ablation = unet_ablation(
        shared,
        *photos_of(data, names, backgrounds, licences),
        out,
        general=() if general is None else layouts.read_folder(general, "train").entries,
        encoder_weights=weights_of(encoder_weights),
    )
    table = ablate(ablation, out, resume=resume, precision=precision, workers=workers, report=report)
    report(f"tables: {table}")


@ablate_app.command("unet-search")
def ablate_unet_search_command(
    data: DataOption,
    out: OutOption,
    trials: Annotated[int, typer.Option(min=1, help="How many.")] = 12,
    photos: PhotosOption = 100,
    network: Annotated[str, typer.Option(help="unet or unet-simple.")] = "unet",
    steps: StepsOption = None,
    width: WidthOption = 64,
    letterbox: LetterboxOption = False,
    names: NamesOption = None,
    backgrounds: BackgroundsOption = None,
    licences: LicencesOption = "",
    batch: BatchOption = None,
    size: SizeOption = None,
    seed: SeedOption = 0,
    precision: PrecisionOption = "auto",
    workers: WorkersOption = 1,
    quiet: QuietOption = False,
) -> None:
    """Search a U-Net's learning rate, batch and dropout with Optuna; the same seed repeats the search."""
    with importing("training", "train"):
        from wisp.data.datasets import some
        from wisp.lab.ablation.unet import watched_and_scored
        from wisp.lab.ablation.unet_search import Search, search
        from wisp.training.recipes.unet import SIMPLE_RECIPE, UNetRecipe

    check_options(precision, size)
    bases = {"unet": UNetRecipe(), "unet-simple": SIMPLE_RECIPE}
    if network not in bases:
        raise InputError("--network", f"is {network}", f"{' and '.join(bases)} are accepted")
    recipe = adapted(replace(bases[network], width=width), seed=seed, steps=steps, batch=batch, size=size)
    recipe = replace(recipe, synthesis=replace(recipe.synthesis, letterbox=letterbox))
    people, scenes, held_out, held_out_scenes = photos_of(
        data, names, backgrounds, licences, scenes_needed=False
    )
    report = say_nothing if quiet else tell
    watched, _ = watched_and_scored(held_out)
    table = search(
        Search(recipe, trials, seed=seed),
        some(people, photos),
        scenes,
        watched,
        held_out_scenes,
        out,
        precision=precision,
        workers=workers,
        report=report,
    )
    report(f"table: {table}")


@ablate_app.command("dlmn")
def ablate_dlmn_command(
    data: DataOption,
    out: OutOption,
    images: ImagesOption = 300,
    variants: VariantsOption = "",
    names: NamesOption = None,
    backgrounds: BackgroundsOption = None,
    encoder_weights: EncoderOption = None,
    licences: LicencesOption = "",
    batch: FixedBatchOption = 4,
    size: SizeOption = None,
    seed: SeedOption = 0,
    resume: ResumeOption = False,
    precision: PrecisionOption = "auto",
    workers: WorkersOption = 1,
    quiet: QuietOption = False,
) -> None:
    """DLMN-G (El Abdellaoui and Kachbal) without segmentation, motion, trimap, and with the image alone."""
    with importing("training", "train"):
        from wisp.lab.ablation import ablate
        from wisp.lab.ablation.dlmn import VARIANTS, AblationRecipe, dlmn_ablation
        from wisp.lab.ablation.portrait import short

    check_options(precision, size)
    recipe = AblationRecipe(schedule=short(images, batch, seed))
    if size is not None:
        recipe = replace(recipe, synthesis=replace(recipe.synthesis, size=size))
    chosen = [name.strip() for name in variants.split(",") if name.strip()]
    report = say_nothing if quiet else tell
    ablation = dlmn_ablation(
        recipe,
        *photos_of(data, names, backgrounds, licences),
        variants=chosen or list(VARIANTS),
        encoder_weights=weights_of(encoder_weights),
    )
    table = ablate(ablation, out, resume=resume, precision=precision, workers=workers, report=report)
    report(f"tables: {table}")

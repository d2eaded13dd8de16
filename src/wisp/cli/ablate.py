"""`wisp ablate NETWORK`: the ablations of a network's paper, every variant trained alike and briefly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wisp.cli.bundles import with_bundles
from wisp.cli.options import QuietOption
from wisp.cli.train.options import (
    DataOption,
    EncoderOption,
    FixedBatchOption,
    LetterboxOption,
    PhotoOptions,
    PrecisionOption,
    RunOptions,
    SampleOptions,
    SeedOption,
    SegmenterOption,
    SizeOption,
    WidthOption,
    WorkersOption,
    check_precision,
    listed,
    reporter,
    weights_of,
    with_size,
)
from wisp.core.errors import InputError
from wisp.core.extras import importing

if TYPE_CHECKING:
    from wisp.lab.ablation import Ablation

ablate_app = typer.Typer(help="Train the variants of a paper's ablation tables, and compare them.")

ImagesOption = Annotated[
    int, typer.Option(min=1, help="Training images of each variant, rounded up to whole batches.")
]
VariantsOption = Annotated[
    str, typer.Option(help="Only these variants, comma-separated [default: all, as the tables name them].")
]
PhotosOption = Annotated[int, typer.Option(min=2, help="Photos to train on.")]
ResultsOption = Annotated[Path, typer.Option("-o", "--out", help="Folder of the results.")]
VariantsResumeOption = Annotated[
    bool, typer.Option("--resume", help="Go on with OUT's variants; those that are done are kept.")
]


@dataclass(frozen=True)
class AblationOptions(RunOptions):
    """Options of how the runs of an ablation are made."""

    resume: VariantsResumeOption = False

    def ablate(self, ablation: Ablation, out: Path) -> None:
        """Train and score the variants, and report where the tables are."""
        from wisp.lab.ablation import ablate

        tables = ablate(
            ablation,
            out,
            resume=self.resume,
            precision=self.precision,
            workers=self.workers,
            report=self.report,
        )
        self.report(f"tables: {tables}")


@ablate_app.command("portrait")
@with_bundles
def ablate_portrait_command(
    *,
    data: DataOption,
    out: ResultsOption,
    images: ImagesOption = 300,
    variants: VariantsOption = "",
    segmenter: SegmenterOption = None,
    encoder_weights: EncoderOption = None,
    perceptual_weights: Annotated[
        Path | None,
        typer.Option(
            help="torchvision's vgg16 .pth, or the word vgg16, which fetches it; most variants need it."
        ),
    ] = None,
    chosen: PhotoOptions,
    batch: FixedBatchOption = 4,
    size: SizeOption = None,
    run: AblationOptions,
) -> None:
    """Tables 3, 4 and 5 of Yaman et al. 2022: losses, modules and inputs of the portrait network."""
    with importing("training", "train"):
        from wisp.lab.ablation import short
        from wisp.lab.ablation.portrait import AblationRecipe, portrait_ablation
        from wisp.lab.ablation.portrait_variants import VARIANTS

    recipe = AblationRecipe(schedule=short(images, batch, run.seed))
    recipe = with_size(recipe, size)
    ablation = portrait_ablation(
        recipe,
        *chosen.read(data),
        variants=listed(variants) or list(VARIANTS),
        segmenter=segmenter,
        encoder_weights=weights_of(encoder_weights),
        perceptual_weights=weights_of(perceptual_weights),
    )
    if segmenter is None:
        run.report("no --segmenter: coarse masks are made of the true alphas")
    run.ablate(ablation, out)


@ablate_app.command("dim")
@with_bundles
def ablate_dim_command(
    *,
    data: DataOption,
    out: ResultsOption,
    score: Annotated[
        Path, typer.Option(metavar="FOLDER", help="What is scored: a folder with image/ and alpha/.")
    ],
    trimaps: Annotated[
        Path,
        typer.Option(metavar="FOLDER", help="Its trimaps; a folder of FOLDER, or any other."),
    ] = Path("trimap"),
    images: ImagesOption = 800,
    variants: VariantsOption = "",
    encoder_weights: EncoderOption = None,
    chosen: PhotoOptions,
    batch: FixedBatchOption = 8,
    size: SizeOption = None,
    run: AblationOptions,
) -> None:
    """Table 1 of Xu et al. 2017 on dim-mobile: losses, guided filter, refinement."""
    with importing("training", "train"):
        from wisp.lab.ablation import short
        from wisp.lab.ablation.dim import CLIP, FILTERED, VARIANTS, DimAblationRecipe, dim_ablation

    recipe = DimAblationRecipe()
    recipe = replace(recipe, schedule=replace(short(images, batch, run.seed), clip=CLIP))
    recipe = with_size(recipe, size)
    cutouts, scenes, _, _ = chosen.read(data)
    ablation = dim_ablation(
        recipe,
        cutouts,
        scenes,
        score,
        score / trimaps if (score / trimaps).is_dir() else trimaps,
        variants=listed(variants) or [*VARIANTS, FILTERED],
        encoder_weights=weights_of(encoder_weights),
    )
    run.ablate(ablation, out)


@ablate_app.command("unet")
@with_bundles
def ablate_unet_command(
    *,
    data: DataOption,
    out: ResultsOption,
    photos: PhotosOption = 100,
    general: Annotated[
        Path | None,
        typer.Option(help="Photos to pre-train on, such as Pascal VOC [default: procedural composites]."),
    ] = None,
    general_steps: Annotated[int, typer.Option(min=1, help="Steps of the first pre-training.")] = 1250,
    people_steps: Annotated[int, typer.Option(min=1, help="Steps of the second.")] = 2500,
    fine_steps: Annotated[
        int | None, typer.Option(min=1, help="Steps of fine-tuning [default: as many as from scratch].")
    ] = None,
    width: WidthOption = 64,
    letterbox: LetterboxOption = False,
    encoder_weights: EncoderOption = None,
    chosen: PhotoOptions,
    samples: SampleOptions,
    run: AblationOptions,
) -> None:
    """Tables 1 and 2 of the report "Background Image Matting": freezing, pre-training, and DeepLab beside."""
    with importing("training", "train"):
        from wisp.data import layouts
        from wisp.lab.ablation.unet import UNetAblation, unet_ablation
        from wisp.training.recipes.unet import UNetRecipe

    recipe = samples.adapt(replace(UNetRecipe(), width=width), run.seed)
    recipe = replace(recipe, synthesis=replace(recipe.synthesis, letterbox=letterbox))
    shared = UNetAblation(photos, general_steps, people_steps, fine_steps, recipe=recipe)
    ablation = unet_ablation(
        shared,
        *chosen.read(data),
        out,
        general=() if general is None else layouts.read_folder(general, "train").entries,
        encoder_weights=weights_of(encoder_weights),
    )
    run.ablate(ablation, out)


@ablate_app.command("unet-search")
@with_bundles
def ablate_unet_search_command(
    *,
    data: DataOption,
    out: ResultsOption,
    trials: Annotated[int, typer.Option(min=1, help="How many.")] = 12,
    photos: PhotosOption = 100,
    network: Annotated[str, typer.Option(help="unet or unet-simple.")] = "unet",
    width: WidthOption = 64,
    letterbox: LetterboxOption = False,
    chosen: PhotoOptions,
    samples: SampleOptions,
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

    check_precision(precision)
    bases = {"unet": UNetRecipe(), "unet-simple": SIMPLE_RECIPE}
    if network not in bases:
        raise InputError("--network", f"is {network}", f"{' and '.join(bases)} are accepted")
    recipe = samples.adapt(replace(bases[network], width=width), seed)
    recipe = replace(recipe, synthesis=replace(recipe.synthesis, letterbox=letterbox))
    people, scenes, held_out, held_out_scenes = chosen.read(data, scenes_needed=False)
    watched, _ = watched_and_scored(held_out)
    report = reporter(quiet=quiet)
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
@with_bundles
def ablate_dlmn_command(
    *,
    data: DataOption,
    out: ResultsOption,
    images: ImagesOption = 300,
    variants: VariantsOption = "",
    encoder_weights: EncoderOption = None,
    chosen: PhotoOptions,
    batch: FixedBatchOption = 4,
    size: SizeOption = None,
    run: AblationOptions,
) -> None:
    """DLMN-G (El Abdellaoui and Kachbal) without segmentation, motion, trimap, and with the image alone."""
    with importing("training", "train"):
        from wisp.lab.ablation import short
        from wisp.lab.ablation.dlmn import VARIANTS, AblationRecipe, dlmn_ablation

    recipe = AblationRecipe(schedule=short(images, batch, run.seed))
    recipe = with_size(recipe, size)
    ablation = dlmn_ablation(
        recipe,
        *chosen.read(data),
        variants=listed(variants) or list(VARIANTS),
        encoder_weights=weights_of(encoder_weights),
    )
    run.ablate(ablation, out)

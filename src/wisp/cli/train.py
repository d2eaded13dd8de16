"""`wisp train NETWORK`: train a network on one's own data or on a corpus."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol, TypeVar

import typer

from wisp.core.errors import InputError
from wisp.core.extras import importing

if TYPE_CHECKING:
    from wisp.data.datasets import Entry
    from wisp.data.single_image import Fitting
    from wisp.data.synthesis import Synthesis
    from wisp.data.trimap_samples import Cropping
    from wisp.training.loop import Schedule, Task


DataOption = Annotated[
    list[Path],
    typer.Option(
        help="A corpus (people/ with manifest.csv, backgrounds/), a folder with image/ and alpha/ or with "
        "fg/ and alpha/, a folder of cut-outs, or a published set (Composition-1k, Distinctions-646, "
        "P3M-10k, AM-2k, AIM-500, PPM-100, PhotoMatte85, Human Matting, Supervisely's persons); may be "
        "given several times."
    ),
]
NamesOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Text file with the names of the photos to take, one a line."),
]
OutOption = Annotated[Path, typer.Option("-o", "--out", help="Folder of the run.")]
BackgroundsOption = Annotated[
    Path | None,
    typer.Option(help="Folder of photos without people [default: backgrounds/ of the first DATA]."),
]
EncoderOption = Annotated[
    Path | None,
    typer.Option(
        help="Start of the encoder: torchvision's mobilenet_v2 .pth, MODNet's .onnx, or the word imagenet, "
        "which fetches torchvision's file."
    ),
]
DimEncoderOption = Annotated[
    Path | None,
    typer.Option(
        help="Start of the encoder: for mobile as of the other networks (MobileNetV2 or the word imagenet), "
        "for vgg16 torchvision's vgg16 .pth."
    ),
]
StartOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME_OR_FILE",
        help="Weights to begin with: the name of a shipped network, its ONNX file, or best.pt of a run.",
    ),
]
SegmenterOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME_OR_FILE",
        help="Where coarse masks come from: segmenter-mobile, an ONNX file, or best.pt of `wisp train "
        "segmenter` [default: the true alpha].",
    ),
]
LicencesOption = Annotated[
    str, typer.Option(help="Keep only photos whose licence contains one of these, comma-separated.")
]
StepsOption = Annotated[int | None, typer.Option(min=1, help="Optimiser steps [default: the recipe's].")]
FixedBatchOption = Annotated[int, typer.Option(min=1, help="Samples a step.")]
BatchOption = Annotated[int | None, typer.Option(min=1, help="Samples a step [default: the recipe's].")]
SizeOption = Annotated[
    int | None,
    typer.Option(min=64, help="Side of the samples, a multiple of 32 [default: the recipe's]."),
]
PhotosOption = Annotated[
    int | None,
    typer.Option(min=1, help="Only so many photos, drawn at random [default: all]."),
]
LetterboxOption = Annotated[
    bool, typer.Option("--letterbox", help="Keep photos' proportions instead of stretching them to a square.")
]
WidthOption = Annotated[int, typer.Option(min=2, help="Filters of the first level.")]
RateOption = Annotated[float, typer.Option(min=1e-7, max=1, help="Adam's learning rate.")]
ViewsOption = Annotated[
    int | None,
    typer.Option(
        min=2,
        help="Show each sample so many times, for devices that train faster than samples are made; they are "
        "kept in OUT meanwhile, up to 40 GB of them [default: once].",
    ),
]
SeedOption = Annotated[int, typer.Option(help="Seed of everything random.")]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on from OUT's checkpoint.")]
PrecisionOption = Annotated[str, typer.Option(help="auto, bf16 or fp32.")]
WorkersOption = Annotated[int, typer.Option(min=0, help="Processes that make samples.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress.")]


AsPublishedOption = Annotated[
    bool,
    typer.Option(
        "--as-published",
        help="Data are the paper's and nothing else, for owners of its sets; with the paper's recipe.",
    ),
]


class _Recipe(Protocol):
    """The fields of a recipe that the command line reads."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def schedule(self) -> Schedule: ...
    @property
    def synthesis(self) -> Synthesis | Cropping | Fitting: ...


R = TypeVar("R", bound=_Recipe)


def train_segmenter_command(
    data: DataOption,
    out: OutOption,
    names: NamesOption = None,
    backgrounds: BackgroundsOption = None,
    encoder_weights: EncoderOption = None,
    start: StartOption = None,
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
    """Train the person segmenter (DeepLabV3+ on MobileNetV2)."""
    with importing("training", "train"):
        from wisp.training.importing import continued
        from wisp.training.recipes.segmenter import SegmenterRecipe, SegmenterTask

    check_options(precision, size)
    recipe = adapted(SegmenterRecipe(), seed=seed, steps=steps, batch=batch, size=size, views=views)
    recipe = continued(recipe, start, "decoder")
    photos = photos_of(data, names, backgrounds, licences)
    task = SegmenterTask(recipe, *photos, weights_of(encoder_weights), start)
    fit_task(task, recipe.schedule, out, resume=resume, precision=precision, workers=workers, quiet=quiet)


def train_portrait_command(
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
    names: NamesOption = None,
    backgrounds: BackgroundsOption = None,
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
    """Train the portrait network (Yaman et al. 2022), its generator and border refinement jointly."""
    with importing("training", "train"):
        from wisp.training.importing import continued
        from wisp.training.recipes.portrait import (
            CLIP,
            FINE,
            LED,
            MobileRecipe,
            PaperRecipe,
            PortraitTask,
            as_published,
        )

    check_options(precision, size)
    recipes: dict[str, MobileRecipe | PaperRecipe] = {
        "mobile": MobileRecipe(),
        "mobile-fine": FINE,
        "mobile-led": LED,
        "mobile-clip": CLIP,
        "paper": PaperRecipe(),
    }
    if recipe_name not in recipes:
        raise InputError("--recipe", f"is {recipe_name}", f"{', '.join(recipes)} are accepted")
    recipe = adapted(recipes[recipe_name], seed=seed, steps=steps, batch=batch, size=size, views=views)
    if published:
        if not isinstance(recipe, PaperRecipe):
            raise _not_published(recipe_name, "paper")
        recipe = as_published(recipe)
    if adversarial_from is not None:
        recipe = replace(recipe, adversarial_from=adversarial_from)
    if isinstance(recipe, MobileRecipe):
        recipe = continued(recipe, start, "lean")
    task = PortraitTask(
        recipe,
        *photos_of(data, names, backgrounds, licences),
        segmenter=segmenter,
        encoder_weights=weights_of(encoder_weights),
        perceptual_weights=weights_of(perceptual_weights),
        start=start,
    )
    if segmenter is None and recipe.leads is None and not quiet:
        tell("no --segmenter: coarse masks are made of the true alphas")
    fit_task(task, recipe.schedule, out, resume=resume, precision=precision, workers=workers, quiet=quiet)


def train_dim_command(
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
    names: NamesOption = None,
    backgrounds: BackgroundsOption = None,
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
    """Train Deep Image Matting (Xu et al. 2017) in its three steps: alpha from an image and a trimap."""
    with importing("training", "train"):
        from wisp.training.recipes.dim import FINE, DimTask, MobileRecipe, VGG16Recipe, as_published

    check_options(precision, size)
    recipes: dict[str, MobileRecipe | VGG16Recipe] = {
        "mobile": MobileRecipe(),
        "mobile-fine": FINE,
        "vgg16": VGG16Recipe(),
    }
    if recipe_name not in recipes:
        raise InputError("--recipe", f"is {recipe_name}", f"{', '.join(recipes)} are accepted")
    recipe = adapted(recipes[recipe_name], seed=seed, steps=steps, batch=batch, size=size, views=views)
    if published:
        if not isinstance(recipe, VGG16Recipe):
            raise _not_published(recipe_name, "vgg16")
        if procedural is not None:
            raise InputError("--procedural", "does not go with --as-published", "either is accepted")
        recipe = as_published(recipe)
    if procedural is not None:
        recipe = replace(recipe, synthesis=replace(recipe.synthesis, procedural=procedural))
    if laplacian is not None:
        recipe = replace(recipe, coefficients=replace(recipe.coefficients, laplacian=laplacian))
    if random_background:
        recipe = replace(recipe, coefficients=replace(recipe.coefficients, background="random"))
    photos = photos_of(data, names, backgrounds, licences)
    task = DimTask(recipe, *photos, encoder_weights=weights_of(encoder_weights), start=start)
    if not quiet:
        for note in task.notes:
            tell(note)
    fit_task(task, recipe.schedule, out, resume=resume, precision=precision, workers=workers, quiet=quiet)


def _not_published(recipe: str, published: str) -> InputError:
    return InputError(
        "--as-published", f"is no option of the recipe {recipe}", f"--recipe {published} has it"
    )


FreezeOption = Annotated[
    str,
    typer.Option(help="What keeps its weights: none, first, first-two (layers) or all-but-last."),
]


def train_unet_command(
    data: DataOption,
    out: OutOption,
    start: StartOption = None,
    freeze: FreezeOption = "none",
    general: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Share of samples that are procedural things of any kind on backgrounds."
        ),
    ] = 0.0,
    photos: PhotosOption = None,
    letterbox: LetterboxOption = False,
    width: WidthOption = 64,
    rate: RateOption = 1e-3,
    names: NamesOption = None,
    backgrounds: BackgroundsOption = None,
    licences: LicencesOption = "",
    steps: StepsOption = None,
    batch: BatchOption = None,
    size: SizeOption = None,
    seed: SeedOption = 0,
    resume: ResumeOption = False,
    precision: PrecisionOption = "auto",
    workers: WorkersOption = 1,
    quiet: QuietOption = False,
) -> None:
    """Train the standard U-Net of the report "Background Image Matting", from scratch or from --start."""
    _train_unet("unet", **locals())


def train_unet_simple_command(
    data: DataOption,
    out: OutOption,
    start: StartOption = None,
    photos: PhotosOption = None,
    letterbox: LetterboxOption = False,
    width: WidthOption = 64,
    rate: RateOption = 1e-3,
    names: NamesOption = None,
    backgrounds: BackgroundsOption = None,
    licences: LicencesOption = "",
    steps: StepsOption = None,
    batch: BatchOption = None,
    size: SizeOption = None,
    seed: SeedOption = 0,
    resume: ResumeOption = False,
    precision: PrecisionOption = "auto",
    workers: WorkersOption = 1,
    quiet: QuietOption = False,
) -> None:
    """Train the simplified U-Net of one level of the report "Background Image Matting"."""
    _train_unet("unet-simple", freeze="none", general=0.0, **locals())


def _train_unet(
    network: str,
    *,
    data: list[Path],
    out: Path,
    start: str | None,
    freeze: str,
    general: float,
    photos: int | None,
    letterbox: bool,
    width: int,
    rate: float,
    names: Path | None,
    backgrounds: Path | None,
    licences: str,
    steps: int | None,
    batch: int | None,
    size: int | None,
    seed: int,
    resume: bool,
    precision: str,
    workers: int,
    quiet: bool,
) -> None:
    with importing("training", "train"):
        from wisp.data.datasets import some
        from wisp.training.recipes.unet import SIMPLE_RECIPE, UNetRecipe, UNetTask

    check_options(precision, size)
    base = UNetRecipe() if network == "unet" else SIMPLE_RECIPE
    recipe = adapted(
        replace(base, width=width, rate=rate, freeze=freeze), seed=seed, steps=steps, batch=batch, size=size
    )
    recipe = replace(recipe, synthesis=replace(recipe.synthesis, letterbox=letterbox, general=general))
    kept, scenes, held_out, held_out_scenes = photos_of(
        data, names, backgrounds, licences, scenes_needed=general > 0
    )
    kept = kept if photos is None else some(kept, photos, seed)
    task = UNetTask(recipe, kept, scenes, held_out, held_out_scenes, start)
    fit_task(task, recipe.schedule, out, resume=resume, precision=precision, workers=workers, quiet=quiet)


def check_options(precision: str, size: int | None) -> None:
    """Raise `InputError` for a ``--precision`` or a ``--size`` that no recipe can have."""
    if precision not in ("auto", "bf16", "fp32"):
        raise InputError("--precision", f"is {precision}", "auto, bf16 and fp32 are accepted")
    if size is not None and size % 32:
        raise InputError("--size", f"is {size}", "a multiple of 32 is accepted")


def adapted(
    recipe: R,
    *,
    seed: int,
    steps: int | None,
    batch: int | None,
    size: int | None,
    views: int | None = None,
) -> R:
    """A recipe with what the command line says otherwise."""
    schedule = replace(
        recipe.schedule,
        seed=seed,
        steps=steps or recipe.schedule.steps,
        batch=batch or recipe.schedule.batch,
        views=views,
    )
    synthesis = recipe.synthesis if size is None else replace(recipe.synthesis, size=size)
    return replace(recipe, schedule=schedule, synthesis=synthesis)


def photos_of(
    data: list[Path],
    names: Path | None,
    backgrounds: Path | None,
    licences: str,
    *,
    scenes_needed: bool = True,
) -> tuple[list[Entry], list[Path], list[Entry], list[Path]]:
    """People and scenes to train on, people and scenes held out.

    Where scenes are not needed and no folder is named, there may be none.
    """
    from wisp.data import datasets, layouts

    allowed = [text.strip() for text in licences.split(",") if text.strip()]
    people, held_out = layouts.split_folders(data, allowed, names)
    folder = backgrounds or data[0] / "backgrounds"
    if backgrounds is None and not scenes_needed and not folder.is_dir():
        return people, [], held_out, []
    scenes, held_out_scenes = datasets.hold_out(datasets.backgrounds(folder))
    return people, scenes, held_out, held_out_scenes


def fit_task(
    task: Task, schedule: Schedule, out: Path, *, resume: bool, precision: str, workers: int, quiet: bool
) -> None:
    """Train, and report the best weights' file."""
    from wisp.training.loop import fit

    report = say_nothing if quiet else tell
    best = fit(task, schedule, out, resume=resume, precision=precision, workers=workers, report=report)
    report(f"best weights: {best}")


def weights_of(name_or_file: Path | None) -> Path | None:
    """The file of published weights, fetched where a name is given."""
    from wisp.training.pretrained import resolve

    return None if name_or_file is None else resolve(name_or_file)


def tell(line: str) -> None:
    """Print a line of progress on stderr."""
    typer.echo(line, err=True)


def say_nothing(_: str) -> None:
    """Take a line of a training and print nothing, for ``--quiet``."""

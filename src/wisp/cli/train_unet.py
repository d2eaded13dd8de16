"""``wisp train unet`` and ``wisp train unet-simple``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from wisp.cli.train import (
    BackgroundsOption,
    BatchOption,
    DataOption,
    FreezeOption,
    LetterboxOption,
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
    WorkersOption,
    adapted,
    check_options,
    fit_task,
    photos_of,
)
from wisp.cli.train_packs import PackOption, one_corpus, packs_of, refuse_packs, refuse_photos_alone
from wisp.core.errors import InputError
from wisp.core.extras import importing

PhotosOption = Annotated[
    int | None,
    typer.Option(min=1, help="Only so many photos, drawn at random [default: all]."),
]
FiltersOption = Annotated[
    int | None, typer.Option(min=2, help="Filters of the first level [default: the recipe's: 64].")
]
RateOption = Annotated[float, typer.Option(min=1e-7, max=1, help="Adam's learning rate.")]


def train_unet_command(
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
    photos: PhotosOption = None,
    letterbox: LetterboxOption = False,
    width: FiltersOption = None,
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
    if recipe_name not in ("report", "packed"):
        raise InputError("--recipe", f"is {recipe_name}", "report and packed are accepted")
    given = {name: value for name, value in locals().items() if name not in ("recipe_name", "pack")}
    if recipe_name == "packed":
        _train_packed(pack, **given)
        return
    refuse_packs(recipe_name, pack)
    _train_unet("unet", **given)


def _train_packed(
    pack: Path | None,
    *,
    data: list[Path],
    out: Path,
    start: str | None,
    freeze: str,
    general: float,
    photos: int | None,
    letterbox: bool,
    width: int | None,
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
    with importing("training", "train", "opencv"):
        from wisp.training.recipes.unet import PackedRecipe, PackedTask

    check_options(precision, size)
    refuse_photos_alone(names=names, general=general or None, photos=photos, letterbox=letterbox or None)
    recipe = adapted(PackedRecipe(freeze=freeze, rate=rate), seed=seed, steps=steps, batch=batch, size=size)
    recipe = replace(recipe, width=width or recipe.width)
    packs = packs_of(one_corpus(data), pack or out / "photos", backgrounds, licences, quiet=quiet)
    task = PackedTask(recipe, *packs, start=start)
    fit_task(task, recipe.schedule, out, resume=resume, precision=precision, workers=workers, quiet=quiet)


def train_unet_simple_command(
    data: DataOption,
    out: OutOption,
    start: StartOption = None,
    photos: PhotosOption = None,
    letterbox: LetterboxOption = False,
    width: FiltersOption = None,
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
    width: int | None,
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
        replace(base, width=width or base.width, rate=rate, freeze=freeze),
        seed=seed,
        steps=steps,
        batch=batch,
        size=size,
    )
    recipe = replace(recipe, synthesis=replace(recipe.synthesis, letterbox=letterbox, general=general))
    kept, scenes, held_out, held_out_scenes = photos_of(
        data, names, backgrounds, licences, scenes_needed=general > 0
    )
    kept = kept if photos is None else some(kept, photos, seed)
    task = UNetTask(recipe, kept, scenes, held_out, held_out_scenes, start)
    fit_task(task, recipe.schedule, out, resume=resume, precision=precision, workers=workers, quiet=quiet)

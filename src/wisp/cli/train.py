"""`wisp train NETWORK`: train a network on one's own data or on a corpus."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wisp.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from wisp.training.data.datasets import Entry


def train_segmenter_command(
    data: Annotated[
        Path,
        typer.Option(
            help="A corpus (people/ with manifest.csv, backgrounds/), a folder with image/ and alpha/, or a "
            "folder of cut-outs."
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the run.")],
    backgrounds: Annotated[
        Path | None, typer.Option(help="Folder of photos without people [default: DATA/backgrounds].")
    ] = None,
    encoder_weights: Annotated[
        Path | None,
        typer.Option(help="Start of the encoder: torchvision's mobilenet_v2 .pth or MODNet's .onnx."),
    ] = None,
    licences: Annotated[
        str, typer.Option(help="Keep only photos whose licence contains one of these, comma-separated.")
    ] = "",
    steps: Annotated[int | None, typer.Option(min=1, help="Optimiser steps [default: the recipe's].")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Samples a step [default: the recipe's].")] = None,
    size: Annotated[
        int | None,
        typer.Option(min=64, help="Side of the samples, a multiple of 32 [default: the recipe's]."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from OUT's checkpoint.")] = False,
    precision: Annotated[str, typer.Option(help="auto, bf16 or fp32.")] = "auto",
    workers: Annotated[int, typer.Option(min=0, help="Processes that make samples.")] = 1,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """Train the person segmenter (DeepLabV3+ on MobileNetV2)."""
    try:
        from wisp.training.loop import fit
        from wisp.training.recipes.segmenter import SegmenterRecipe, SegmenterTask
    except ModuleNotFoundError as error:
        raise MissingExtraError("training", "train") from error

    if precision not in ("auto", "bf16", "fp32"):
        raise InputError("--precision", f"is {precision}", "auto, bf16 and fp32 are accepted")
    if size is not None and size % 32:
        raise InputError("--size", f"is {size}", "a multiple of 32 is accepted")
    recipe = SegmenterRecipe()
    schedule = replace(
        recipe.schedule,
        seed=seed,
        steps=steps or recipe.schedule.steps,
        batch=batch or recipe.schedule.batch,
    )
    synthesis = replace(recipe.synthesis, size=size or recipe.synthesis.size)
    recipe = replace(recipe, schedule=schedule, synthesis=synthesis)
    people, held_out = _people(data, [text.strip() for text in licences.split(",") if text.strip()])
    scenes, held_out_scenes = _scenes(backgrounds or data / "backgrounds")
    task = SegmenterTask(recipe, people, scenes, held_out, held_out_scenes, encoder_weights)
    best = fit(
        task,
        schedule,
        out,
        resume=resume,
        precision=precision,
        workers=workers,
        report=_silent if quiet else _print,
    )
    if not quiet:
        _print(f"best weights: {best}")


def _people(data: Path, licences: list[str]) -> tuple[list[Entry], list[Entry]]:
    """Training and held-out photos of any of the three layouts."""
    from wisp.training.data import datasets

    for folder in (data / "people", data):
        if (folder / "manifest.csv").is_file():
            return datasets.corpus(folder, "train", licences), datasets.corpus(folder, "val", licences)
    if licences:
        raise InputError(data, "has no manifest.csv to read licences from", "a corpus is accepted")
    if (data / "image").is_dir():
        return datasets.hold_out(datasets.image_alpha_folder(data))
    return datasets.hold_out(datasets.rgba_folder(data))


def _scenes(folder: Path) -> tuple[list[Path], list[Path]]:
    from wisp.training.data import datasets

    return datasets.hold_out(datasets.backgrounds(folder))


def _print(line: str) -> None:
    typer.echo(line, err=True)


def _silent(_: str) -> None:
    pass

"""`wisp finetune MODEL --data FOLDER`: go on training a network on one's own photos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wisp.cli.train.options import (
    FixedBatchOption,
    FreezeOption,
    PrecisionOption,
    QuietOption,
    SeedOption,
    SizeOption,
    WorkersOption,
    check_precision,
    check_size,
    reporter,
)
from wisp.core.errors import InputError
from wisp.core.extras import importing


def finetune_command(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="What to begin with: the name of a shipped network (segmenter-mobile, portrait-mobile …), "
            "an ONNX file of `wisp export`, or best.pt of a run.",
        ),
    ],
    data: Annotated[
        Path,
        typer.Option(
            help="Your photos: a folder with image/ and alpha/, or of cut-outs with transparency.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder for the new network, its scores and its sheet.")
    ],
    freeze: FreezeOption = "none",
    backgrounds: Annotated[
        Path | None,
        typer.Option(
            help="Photos without a subject, to set cut-outs on [default: backgrounds/ of --replay or --data]."
        ),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(
            help="A data set of what the network knows already, as `wisp train` takes it; without one, it "
            "forgets."
        ),
    ] = None,
    replay_share: Annotated[
        float, typer.Option(min=0, max=0.95, help="Share of the samples that come from --replay.")
    ] = 0.5,
    held_out: Annotated[
        float, typer.Option(min=0.01, max=0.9, help="Share of your photos to measure on.")
    ] = 0.2,
    segmenter: Annotated[
        str | None,
        typer.Option(
            metavar="NAME_OR_FILE",
            help="Of portrait and dlmn networks: where coarse masks come from [default: the true alphas].",
        ),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps.")] = 150,
    batch: FixedBatchOption = 8,
    size: SizeOption = None,
    rate: Annotated[
        float | None,
        typer.Option(min=1e-7, max=1, help="Learning rate [default: a third of the recipe's]."),
    ] = None,
    keep: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Share of the old weights that the result keeps: it forgets less, learns less."
        ),
    ] = 0.0,
    seed: SeedOption = 0,
    precision: PrecisionOption = "auto",
    workers: WorkersOption = 1,
    quiet: QuietOption = False,
) -> None:
    """Fine-tune a network on your own photos; the result is a file that --model takes."""
    with importing("fine-tuning", "train"):
        from wisp.data import datasets, layouts
        from wisp.data.user_photos import own_photos
        from wisp.training.finetuning import finetune
        from wisp.training.tuning import Photos, Tuning

    check_precision(precision)
    check_size(size)
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise InputError(out, "exists already", "a new or empty folder is accepted")
    kept, measured = own_photos(data, held_out, seed)
    known = [] if replay is None else layouts.split_folders([replay])[0]
    known_scenes: list[Path] = []
    if replay is not None:
        known_scenes = datasets.hold_out(datasets.backgrounds(replay / "backgrounds"))[0]
    scenes = known_scenes
    if backgrounds is not None:
        scenes = datasets.backgrounds(backgrounds)
    elif not scenes and (data / "backgrounds").is_dir():
        scenes = datasets.backgrounds(data / "backgrounds")
    if not scenes and any(entry.cut_out for entry in kept):
        raise InputError("--backgrounds", "is missing", "photos to set cut-outs on are accepted")
    photos = Photos(kept, measured, scenes, known, known_scenes)
    tuning = Tuning(freeze, steps, batch, size, rate, replay_share, seed, segmenter, keep)
    report = reporter(quiet=quiet)
    report(f"{len(kept)} photos to train on, {len(measured)} held out, {len(known)} replayed")
    done = finetune(model, photos, out, tuning, precision=precision, workers=workers, report=report)
    report(f"scores: {out / 'report.json'}; before and after: {out / 'sheet.png'}")
    report(f"for --model: {done.files[0]}")

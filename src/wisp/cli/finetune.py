"""`wisp finetune MODEL --data FOLDER`: go on training a network on one's own photos."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from wisp.cli.options import QuietOption
from wisp.cli.train.options import (
    FixedBatchOption,
    FreezeOption,
    PrecisionOption,
    SeedOption,
    SizeOption,
    WorkersOption,
    check_precision,
    check_size,
    reporter,
)
from wisp.core.errors import InputError
from wisp.core.extras import importing

FEW = 20
"""Fewer photos than this are held out in turns."""
FOLDS = 3
"""In so many parts."""


def finetune_command(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="What to begin with: the name of a shipped network (subject-mobile, matting-mobile …), "
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
            help="A data set of what the network knows already, as `wisp train` takes it "
            "[default: five photos of wisp's own, with procedural things for networks that need guidance]."
        ),
    ] = None,
    replay_share: Annotated[
        float, typer.Option(min=0, max=0.95, help="Share of the samples that come from --replay.")
    ] = 0.5,
    held_out: Annotated[
        float, typer.Option(min=0.01, max=0.9, help="Share of your photos to measure on.")
    ] = 0.2,
    folds: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Parts of your photos that are held out one after the other, in a run each, before the last "
            f"run learns from all; 0 or 1 holds a share out once [default: {FOLDS} where there are fewer "
            f"than {FEW} photos].",
        ),
    ] = None,
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
        from wisp.data.known import own_replay
        from wisp.data.user_photos import own_photos
        from wisp.training.finetuning import finetune, remembers
        from wisp.training.tuning import Photos, Tuning

    check_precision(precision)
    check_size(size)
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise InputError(out, "exists already", "a new or empty folder is accepted")
    kept, measured = own_photos(data, held_out, seed)
    count = len(kept) + len(measured)
    if folds is None:
        subjects = {entry.subject or entry.name for entry in (*kept, *measured)}
        folds = min(FOLDS, len(subjects)) if count < FEW else 0
    folds = 0 if folds == 1 else folds
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
    tuning = Tuning(freeze, steps, batch, size, rate, replay_share, seed, segmenter, keep, folds)
    report = reporter(quiet=quiet)
    told = f"{len(kept)} photos to train on, {len(measured)} held out"
    if folds:
        told = f"{count} photos, held out in {folds} parts one after the other"
    with TemporaryDirectory() as folder:
        if replay is None:
            known, known_scenes = own_replay(Path(folder), seed, things=not remembers(model))
        report(f"{told}, {len(known)} replayed" + (" of wisp's own" if replay is None else ""))
        photos = Photos(kept, measured, scenes, known, known_scenes)
        done = finetune(model, photos, out, tuning, precision=precision, workers=workers, report=report)
    whole = done.whole
    default, before, after = (scores.mean["sad"] for scores in (whole.default, whole.before, whole.after))
    report(
        f"the whole result: SAD {default:.2f} by default, {before:.2f} with the network as it was, "
        f"{after:.2f} now"
    )
    report(done.verdict.words)
    report(f"scores: {out / 'report.json'}; before and after: {out / 'sheet.png'}")
    report(f"for --model: {done.files[0]}")

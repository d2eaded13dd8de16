"""``wisp evaluate``: predictions scored against truths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wisp.cli.console import UsageError, complain, progress, usage_errors

if TYPE_CHECKING:
    from wisp.evaluation.protocols import Pairing, Report


def evaluate_command(
    predictions: Annotated[
        Path, typer.Argument(metavar="PREDICTIONS", help="Folder of alphas or cut-outs, or one file.")
    ],
    truth: Annotated[Path, typer.Argument(metavar="TRUTH", help="Folder of true alphas, or one file.")],
    trimaps: Annotated[
        Path | None,
        typer.Option("--trimaps", metavar="DIR", help="Score the unknown part of these trimaps only."),
    ] = None,
    protocol: Annotated[
        str,
        typer.Option(
            "--protocol",
            metavar="NAME",
            help="default (SAD, MSE, MAE, Grad, Conn), segmentation (cross-entropy, accuracy) or video "
            "(MAD, MSE, Grad, dtSSD of clips: videos, or folders of frames).",
        ),
    ] = "default",
    json_file: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE", help="Write the scores as JSON; - is standard output."),
    ] = None,
) -> None:
    """Score predictions against truths, paired by relative path and stem."""
    from wisp.io.atomic import STDIO, check_output, write_files

    plan = _plan_clips if protocol == "video" else _plan_images
    todo = plan(predictions, truth, trimaps, protocol)
    if json_file is not None:
        with usage_errors():
            check_output(json_file, overwrite=True, inputs=todo.files)
    with progress(todo.count, quiet=False) as advance:
        report = todo.score(advance)
    if report.ignored:
        complain(f"{report.ignored} of the predictions have no truth and are ignored")
    if json_file is None:
        _print(report, todo.what)
    elif json_file == STDIO:
        typer.echo(report.to_json())
    else:
        write_files({json_file: f"{report.to_json()}\n".encode()}, overwrite=True)
        _print(report, todo.what)


@dataclass(frozen=True)
class _Todo:
    """What is to be scored: how many of what, the files that are read, and what scores them."""

    count: int
    what: str
    files: list[Path]
    score: Callable[[Callable[[], None]], Report]


def _plan_images(predictions: Path, truth: Path, trimaps: Path | None, protocol: str) -> _Todo:
    from wisp.evaluation.protocols import check_places, check_protocol, find_pairs, score

    with usage_errors():
        check_protocol(protocol)
        check_places(predictions, truth, trimaps=trimaps)
    pairing = find_pairs(predictions, truth, trimaps=trimaps)
    return _Todo(
        len(pairing.pairs),
        "images",
        _files(pairing),
        lambda scored: score(pairing, protocol=protocol, scored=scored),
    )


def _plan_clips(predictions: Path, truth: Path, trimaps: Path | None, protocol: str) -> _Todo:
    from wisp.evaluation.video_protocol import check_clip_places, find_clip_pairs, score_clips

    with usage_errors():
        if trimaps is not None:
            raise UsageError("--trimaps: clips are scored as a whole; leave it out with --protocol video")
        check_clip_places(predictions, truth)
    pairing = find_clip_pairs(predictions, truth)
    files = [path for pair in pairing.pairs for path in (pair.prediction, pair.truth)]
    return _Todo(len(pairing.pairs), "clips", files, lambda scored: score_clips(pairing, scored=scored))


def _files(pairing: Pairing) -> list[Path]:
    return [
        path
        for pair in pairing.pairs
        for path in (pair.prediction, pair.truth, pair.trimap)
        if path is not None
    ]


def _print(report: Report, what: str) -> None:
    """A table on standard output: a row an image or a clip, and their mean."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(caption=f"{report.count} {what}, region: {report.region}")
    table.add_column(what.removesuffix("s"), overflow="fold")
    mean = report.mean
    for metric in mean:
        table.add_column(metric, justify="right", no_wrap=True)
    for name, values in report.images.items():
        table.add_row(Text(name), *(f"{value:.4g}" for value in values.values()))
    table.add_section()
    table.add_row("mean", *(f"{value:.4g}" for value in mean.values()))
    Console().print(table)

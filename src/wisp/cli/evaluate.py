"""``wisp evaluate``: predictions scored against truths."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wisp.cli.console import complain, progress, usage_errors

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
            help="default (SAD, MSE, MAE, Grad, Conn) or segmentation (cross-entropy, accuracy).",
        ),
    ] = "default",
    json_file: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE", help="Write the scores as JSON; - is standard output."),
    ] = None,
) -> None:
    """Score predictions against truths, paired by relative path and stem."""
    from wisp.evaluation.protocols import check_places, check_protocol, find_pairs, score
    from wisp.io.atomic import STDIO, check_output, write_files

    with usage_errors():
        check_protocol(protocol)
        check_places(predictions, truth, trimaps=trimaps)
    pairing = find_pairs(predictions, truth, trimaps=trimaps)
    if json_file is not None:
        with usage_errors():
            check_output(json_file, overwrite=True, inputs=_files(pairing))
    with progress(len(pairing.pairs), quiet=False) as advance:
        report = score(pairing, protocol=protocol, scored=advance)
    if report.ignored:
        complain(f"{report.ignored} of the predictions have no truth and are ignored")
    if json_file is None:
        _print(report)
    elif json_file == STDIO:
        typer.echo(report.to_json())
    else:
        write_files({json_file: f"{report.to_json()}\n".encode()}, overwrite=True)
        _print(report)


def _files(pairing: Pairing) -> list[Path]:
    return [
        path
        for pair in pairing.pairs
        for path in (pair.prediction, pair.truth, pair.trimap)
        if path is not None
    ]


def _print(report: Report) -> None:
    """A table on standard output: a row an image, and their mean."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(caption=f"{report.count} images, region: {report.region}")
    table.add_column("image", overflow="fold")
    mean = report.mean
    for metric in mean:
        table.add_column(metric, justify="right", no_wrap=True)
    for name, values in report.images.items():
        table.add_row(Text(name), *(f"{value:.4g}" for value in values.values()))
    table.add_section()
    table.add_row("mean", *(f"{value:.4g}" for value in mean.values()))
    Console().print(table)

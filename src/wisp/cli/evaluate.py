"""``wisp evaluate``: predictions scored against truths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wisp.cli.console import UsageError, complain, progress, usage_errors

if TYPE_CHECKING:
    from wisp.evaluation.alphamatting import Ranking
    from wisp.evaluation.protocols import Pair, Report


def evaluate_command(
    predictions: Annotated[
        Path, typer.Argument(metavar="PREDICTIONS", help="Folder of alphas or cut-outs, or one file.")
    ],
    truth: Annotated[
        Path | None,
        typer.Argument(
            metavar="TRUTH", help="Folder of true alphas, or one file; the set's folder with a benchmark."
        ),
    ] = None,
    trimaps: Annotated[
        Path | None,
        typer.Option(
            "--trimaps",
            metavar="DIR",
            help="Score the unknown part of these trimaps only; of alphamatting.com's the folder with "
            "trimap1/, trimap2/ ….",
        ),
    ] = None,
    protocol: Annotated[
        str,
        typer.Option(
            "--protocol",
            metavar="NAME",
            help="default (SAD, MSE, MAE, Grad, Conn), segmentation (cross-entropy, accuracy), video "
            "(MAD, MSE, Grad, dtSSD of clips: videos, or folders of frames), composition-1k, or alphamatting "
            "(METHOD/trimap1/NAME.png …: scores and ranks among the methods present).",
        ),
    ] = "default",
    submission: Annotated[
        Path | None,
        typer.Option(
            "--submission",
            metavar="DIR",
            help="With alphamatting: write the folder that the site takes; TRUTH may be left out then.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier submission, or scores that exist.")
    ] = False,
    json_file: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE", help="Write the scores as JSON; - is standard output."),
    ] = None,
) -> None:
    """Score predictions against truths, paired by relative path and stem."""
    from wisp.evaluation.protocols import PROTOCOLS
    from wisp.io.atomic import check_output, write_files
    from wisp.io.paths import STDIO, output_path

    if submission is not None:
        _submit(predictions, truth, trimaps, protocol, submission, overwrite=overwrite)
        if truth is None:
            return
    if truth is None:
        raise UsageError("TRUTH: is missing; a folder of true alphas, or one file, is accepted")
    plans = {"video": _plan_clips, "alphamatting": _plan_ranking, "composition-1k": _plan_composites}
    if protocol not in (*PROTOCOLS, *plans):
        accepted = ", ".join([*PROTOCOLS, *plans])
        raise UsageError(f"--protocol: is {protocol!r}; {accepted} are accepted")
    planned = plans[protocol] if protocol in plans else partial(_plan_images, protocol=protocol)
    todo = planned(predictions, truth, trimaps)
    if json_file is not None:
        with usage_errors():
            json_file = output_path(json_file)
            check_output(json_file, overwrite=overwrite, inputs=todo.files)
    with progress(todo.count, quiet=False) as advance:
        report = todo.score(advance)
    if report.ignored:
        complain(f"{report.ignored} of the predictions have no truth and are ignored")
    if json_file is None:
        todo.show(report)
    elif json_file == STDIO:
        typer.echo(report.to_json())
    else:
        write_files({json_file: f"{report.to_json()}\n".encode()}, overwrite=overwrite)
        todo.show(report)


def _submit(
    predictions: Path,
    truth: Path | None,
    trimaps: Path | None,
    protocol: str,
    submission: Path,
    *,
    overwrite: bool,
) -> None:
    """Write alphamatting.com's folder."""
    from wisp.evaluation.alphamatting import PROTOCOL, write_submission

    if protocol != PROTOCOL:
        raise UsageError(f"--submission: goes with --protocol {PROTOCOL}, which is {protocol}")
    drawn = trimaps or truth
    if drawn is None:
        raise UsageError("--trimaps: is missing; the folder of trimap1/, trimap2/ … is accepted")
    count = write_submission(predictions, drawn, submission, overwrite=overwrite)
    complain(f"{submission}: {count} alphas")


@dataclass(frozen=True)
class _Todo:
    """A scoring that has not begun: how many steps, the files it reads, how to score and show the scores."""

    count: int
    files: list[Path]
    score: Callable[[Callable[[], None]], Any]
    show: Callable[[Any], None]


def _plan_images(predictions: Path, truth: Path, trimaps: Path | None, *, protocol: str) -> _Todo:
    from wisp.evaluation.protocols import check_places, check_protocol, find_pairs, score

    with usage_errors():
        check_protocol(protocol)
        check_places(predictions, truth, trimaps=trimaps)
    pairing = find_pairs(predictions, truth, trimaps=trimaps)
    return _Todo(
        len(pairing.pairs),
        _files(pairing.pairs),
        lambda scored: score(pairing, protocol=protocol, scored=scored),
        lambda report: _print(report, "images"),
    )


def _plan_composites(predictions: Path, truth: Path, trimaps: Path | None) -> _Todo:
    from wisp.evaluation.composition import IMAGES, find_composites
    from wisp.evaluation.protocols import BENCHMARK, score_by

    pairing = find_composites(predictions, truth, trimaps=trimaps)
    if len(pairing.pairs) != IMAGES:
        complain(f"{truth}: has {len(pairing.pairs)} composites, the published set {IMAGES}")
    return _Todo(
        len(pairing.pairs),
        _files(pairing.pairs),
        lambda scored: score_by(BENCHMARK, pairing, scored=scored),
        lambda report: _print(report, "composites"),
    )


def _plan_ranking(predictions: Path, truth: Path, trimaps: Path | None) -> _Todo:
    from wisp.evaluation.alphamatting import find_entrants, rank

    entrants = find_entrants(predictions, truth, trimaps=trimaps)
    pairs = [pair for entrant in entrants for found in entrant.pairs.values() for pair in found]
    return _Todo(len(pairs), _files(pairs), lambda scored: rank(entrants, scored=scored), _print_ranking)


def _plan_clips(predictions: Path, truth: Path, trimaps: Path | None) -> _Todo:
    from wisp.evaluation.video_protocol import check_clip_places, find_clip_pairs, score_clips

    with usage_errors():
        if trimaps is not None:
            raise UsageError("--trimaps: clips are scored as a whole; leave it out with --protocol video")
        check_clip_places(predictions, truth)
    pairing = find_clip_pairs(predictions, truth)
    files = [path for pair in pairing.pairs for path in (pair.prediction, pair.truth)]
    return _Todo(
        len(pairing.pairs),
        files,
        lambda scored: score_clips(pairing, scored=scored),
        lambda report: _print(report, "clips"),
    )


def _files(pairs: Sequence[Pair]) -> list[Path]:
    return [path for pair in pairs for path in (pair.prediction, pair.truth, pair.trimap) if path is not None]


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


def _print_ranking(ranking: Ranking) -> None:
    """A table a metric on standard output: a row a method, best rank first."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    for metric in ranking.metrics:
        header, rows = ranking.rows(metric)
        table = Table(caption=f"{metric}: {ranking.count} photos with trimap, region: unknown")
        table.add_column(header[0], no_wrap=True)
        for name in header[1:]:
            table.add_column(name, justify="right")
        for row in rows:
            table.add_row(Text(row[0]), *row[1:])
        Console().print(table)

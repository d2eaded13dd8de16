"""The study of real photos under ``wisp figure``: the page that asks, and the table of what was answered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wisp.cli import options as o
from wisp.cli.console import progress, usage_errors
from wisp.cli.figure.files import named_folders


def dim_study_command(
    photos: Annotated[list[str], typer.Argument(metavar="PHOTO", help="Photos or folders of photos.")],
    out: Annotated[str, typer.Option("--out", "-o", metavar="FILE", help="The page, an HTML file.")],
    beside: Annotated[
        list[str],
        typer.Option(metavar="NAME=FOLDER", help="A method's alphas or cut-outs. Twice at least."),
    ],
    seed: Annotated[int, typer.Option(help="Seed of the order.")] = 0,
    longest: Annotated[int, typer.Option(min=64, help="Show larger photos so large, pixels.")] = 1000,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Pairs that each person sees [default: all].")
    ] = None,
    overwrite: o.OverwriteOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """A page that shows two methods' composites at a time and records which is preferred."""
    from wisp.core.errors import InputError
    from wisp.io.atomic import check_output, write_files
    from wisp.lab.figures.photos import partner, pictures
    from wisp.lab.study.dim import page

    methods = named_folders(beside)
    with usage_errors():
        if len(methods) < 2:
            raise InputError("--beside", "names one method", "two and more are accepted")
        places = pictures(photos)
        for folder in methods.values():
            for place in places:
                partner(place.name, folder)
        check_output(out, overwrite=overwrite, inputs=[place.path for place in places])
    with progress(len(places), quiet=quiet) as done:
        content = page(places, methods, seed=seed, longest=longest, trials=trials, done=done)
    write_files({out: content}, overwrite=overwrite)


def dim_votes_command(
    votes: Annotated[list[str], typer.Argument(metavar="VOTES", help="Files that the page saved.")],
    out: Annotated[str, typer.Option("--out", "-o", metavar="FOLDER", help="Folder of the tables.")],
    overwrite: o.OverwriteOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """How often each method was preferred to each other, with 95 % intervals."""
    from wisp.io.atomic import check_output, write_files
    from wisp.lab.study.votes import read_votes, tabulate

    folder = Path(out)
    with usage_errors():
        if folder.is_dir():
            for name in ("votes.json", "votes.md"):
                check_output(folder / name, overwrite=overwrite)
        else:
            check_output(folder)
    files = tabulate(*read_votes(votes))
    folder.mkdir(exist_ok=True)
    write_files({str(folder / name): content for name, content in files.items()}, overwrite=overwrite)
    if not quiet:
        typer.echo(files["votes.md"].decode(), err=True)

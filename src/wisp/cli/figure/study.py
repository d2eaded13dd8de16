"""The studies under ``wisp figure``: the pages that ask, and the tables of what was answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

import typer

from wisp.cli import options as o
from wisp.cli.bundles import with_bundles
from wisp.cli.console import progress, usage_errors
from wisp.cli.figure.files import ColourOption, PhotosArgument, check_folder, named_folders, write_folder

PageOption = Annotated[str, typer.Option("--out", "-o", metavar="FILE", help="The page, an HTML file.")]
TablesOption = Annotated[str, typer.Option("--out", "-o", metavar="FOLDER", help="Folder of the tables.")]


@dataclass(frozen=True)
class Asking:
    """How a page asks: in which order, how large, how much of a person; and the options of writing it."""

    seed: Annotated[int, typer.Option(help="Seed of the order.")] = 0
    longest: Annotated[int, typer.Option(min=64, help="Show larger photos so large, pixels.")] = 1000
    trials: Annotated[int | None, typer.Option(min=1, help="Pairs that each person sees [default: all].")] = (
        None
    )
    overwrite: o.OverwriteOption = False
    quiet: o.QuietOption = False


@with_bundles
def dim_study_command(
    photos: PhotosArgument,
    out: PageOption,
    beside: Annotated[
        list[str],
        typer.Option(metavar="NAME=FOLDER", help="A method's alphas or cut-outs. Twice at least."),
    ],
    *,
    asking: Asking,
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
        check_output(out, overwrite=asking.overwrite, inputs=[place.path for place in places])
    with progress(len(places), quiet=asking.quiet) as done:
        content = page(
            places, methods, seed=asking.seed, longest=asking.longest, trials=asking.trials, done=done
        )
    write_files({out: content}, overwrite=asking.overwrite)


def dim_votes_command(
    votes: Annotated[list[str], typer.Argument(metavar="VOTES", help="Files that the page saved.")],
    out: TablesOption,
    overwrite: o.OverwriteOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """How often each method was preferred to each other, with 95 % intervals."""
    from wisp.lab.study.votes import read_votes, tabulate

    _write_tables(out, "votes", lambda: tabulate(*read_votes(votes)), overwrite=overwrite, quiet=quiet)


@with_bundles
def portrait_study_command(
    photos: PhotosArgument,
    out: PageOption,
    ours: Annotated[
        str, typer.Option(metavar="NAME=FOLDER", help="Alphas or cut-outs of the method that is rated.")
    ],
    beside: Annotated[
        list[str],
        typer.Option(metavar="NAME=FOLDER", help="Those of a method that it is compared with. Repeatable."),
    ],
    colour: ColourOption = "#00b140",
    *,
    asking: Asking,
) -> None:
    """A page that asks, on five levels, how much better one of two methods is on green."""
    from wisp.compositing.backgrounds import parse_colour
    from wisp.core.errors import InputError
    from wisp.io.atomic import check_output, write_files
    from wisp.lab.figures.photos import partner, pictures
    from wisp.lab.study.portrait import page

    ((name, folder),) = named_folders([ours], "--ours").items()
    others = named_folders(beside)
    with usage_errors():
        parse_colour(colour)
        if name in others:
            raise InputError("--beside", f"names {name}, as --ours does", "another name is accepted")
        places = pictures(photos)
        for one in (folder, *others.values()):
            for place in places:
                partner(place.name, one)
        check_output(out, overwrite=asking.overwrite, inputs=[place.path for place in places])
    with progress(len(places), quiet=asking.quiet) as done:
        content = page(
            places,
            (name, folder),
            others,
            colour=colour,
            seed=asking.seed,
            longest=asking.longest,
            trials=asking.trials,
            done=done,
        )
    write_files({out: content}, overwrite=asking.overwrite)


def portrait_ratings_command(
    ratings: Annotated[list[str], typer.Argument(metavar="RATINGS", help="Files that the page saved.")],
    out: TablesOption,
    overwrite: o.OverwriteOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """How much better or worse ours was found than each other method, with 95 % intervals."""
    from wisp.lab.study.ratings import read_ratings, tabulate

    _write_tables(out, "ratings", lambda: tabulate(*read_ratings(ratings)), overwrite=overwrite, quiet=quiet)


def _write_tables(
    out: str, name: str, make: Callable[[], Mapping[str, bytes]], *, overwrite: bool, quiet: bool
) -> None:
    """Write ``NAME.json`` and ``NAME.md`` into a folder, and show the latter."""
    with usage_errors():
        check_folder(out, [f"{name}.{suffix}" for suffix in ("json", "md")], overwrite=overwrite)
    files = make()
    write_folder(out, files, overwrite=overwrite)
    if not quiet:
        typer.echo(files[f"{name}.md"].decode(), err=True)

"""The figures of El Abdellaoui and Kachbal's document among those of ``wisp figure``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wisp.cli import options as o
from wisp.cli.bundles import with_bundles
from wisp.cli.console import UsageError, progress, usage_errors
from wisp.cli.figure.files import (
    CountOption,
    HeightOption,
    LongestOption,
    OneMethod,
    PhotosArgument,
    SeedOption,
    SheetOption,
    SubjectsArgument,
    check_folder,
    photos_of_a_sheet,
    scenes_of,
    spread_evenly,
    write_folder,
    write_sheet,
)

NewBackgrounds = Annotated[
    list[str], typer.Option("--background", metavar="FILE|FOLDER|COLOUR", help="New backgrounds, dealt out.")
]
ScenesOption = Annotated[
    str, typer.Option("--scenes", metavar="FOLDER", help="Pictures that are made to resemble a subject.")
]
BesideOption = Annotated[
    list[str] | None,
    typer.Option(
        "--beside", metavar="METHOD", help="What ours is compared with. Repeatable. [knn, random-walk]"
    ),
]


@with_bundles
def dlmn_steps_command(
    photos: PhotosArgument,
    out: SheetOption,
    background: NewBackgrounds,
    *,
    height: HeightOption = 384,
    ours: OneMethod,
    work: o.NetworkOptions,
) -> None:
    """The five steps of any photo: itself, its segmentation, alpha, foreground, another background."""
    from wisp.lab.figures.dlmn_steps import COLUMNS, draw

    with usage_errors():
        running = ours.running(work.engine)
        places = photos_of_a_sheet(photos, out, overwrite=work.overwrite, others=background)
        scenes = [scene for text in background for scene in scenes_of(text)]
    with progress(len(places), quiet=work.quiet) as done:
        sheet = draw(places, scenes, running, height=height, done=done)
    write_sheet(out, sheet, COLUMNS, overwrite=work.overwrite, quiet=work.quiet)


@with_bundles
def dlmn_sheet_command(
    photos: PhotosArgument,
    out: SheetOption,
    background: NewBackgrounds,
    ours: OneMethod,
    work: o.NetworkOptions,
) -> None:
    """Selfies or camera photos beside their subjects on other backgrounds: one sheet of 1920×1080."""
    from wisp.lab.figures.dlmn_sheets import COLUMNS, draw

    with usage_errors():
        running = ours.running(work.engine)
        places = photos_of_a_sheet(photos, out, overwrite=work.overwrite, others=background)
        scenes = [scene for text in background for scene in scenes_of(text)]
    with progress(len(places), quiet=work.quiet) as done:
        sheet = draw(places, scenes, running, done=done)
    write_sheet(out, sheet, COLUMNS, overwrite=work.overwrite, quiet=work.quiet)


@with_bundles
def dlmn_compare_command(
    data: SubjectsArgument,
    out: SheetOption,
    scenes: ScenesOption,
    *,
    background: Annotated[
        str, typer.Option("--background", metavar="FILE|COLOUR", help="The new background.")
    ] = "#3b6ea5",
    case: Annotated[
        list[str] | None, typer.Option("--case", help="plain or alike. Repeatable. [default: both]")
    ] = None,
    count: CountOption = None,
    longest: LongestOption = None,
    height: HeightOption = 256,
    seed: SeedOption = 0,
    beside: BesideOption = None,
    ours: OneMethod,
    work: o.NetworkOptions,
) -> None:
    """Alpha, green screen and new background by others and ours, on plain and like backgrounds."""
    from wisp.io.atomic import check_output
    from wisp.io.formats import format_of
    from wisp.lab.figures.dlmn_cases import CASES
    from wisp.lab.figures.dlmn_compare import columns, compared, draw
    from wisp.lab.figures.photos import pictures
    from wisp.lab.figures.subjects import find

    unknown = sorted({*(case or ())} - {*CASES})
    if unknown:
        raise UsageError(f"--case: is {unknown[0]}; {' and '.join(CASES)} are accepted")
    cases = [name for name in CASES if not case or name in case]
    with usage_errors():
        methods = compared(ours.running(work.engine), _others(beside))
        scenes_of(background)
        format_of(out)
        sources = spread_evenly(find(data), count)
        pool = [place.path for place in pictures([scenes])]
        check_output(out, overwrite=work.overwrite, inputs=[source.photo for source in sources])
    with progress(len(sources) * len(cases), quiet=work.quiet) as done:
        sheet = draw(
            sources,
            pool,
            methods,
            background=background,
            cases=cases,
            height=height,
            longest=longest,
            seed=seed,
            done=done,
        )
    write_sheet(out, sheet, columns(methods), overwrite=work.overwrite, quiet=work.quiet)


@with_bundles
def dlmn_accuracy_command(
    data: SubjectsArgument,
    out: Annotated[str, typer.Option("--out", "-o", metavar="FOLDER", help="Folder of table and plot.")],
    scenes: ScenesOption,
    *,
    count: CountOption = None,
    longest: LongestOption = None,
    seed: SeedOption = 0,
    beside: BesideOption = None,
    ours: OneMethod,
    work: o.NetworkOptions,
) -> None:
    """How much of a matte others and ours get right, on plain and like backgrounds."""
    from wisp.lab.figures.dlmn_accuracy import measure, report
    from wisp.lab.figures.dlmn_cases import CASES
    from wisp.lab.figures.dlmn_compare import compared
    from wisp.lab.figures.photos import pictures
    from wisp.lab.figures.plots import check_plots
    from wisp.lab.figures.subjects import find

    check_plots()
    with usage_errors():
        methods = compared(ours.running(work.engine), _others(beside))
        sources = spread_evenly(find(data), count)
        pool = [place.path for place in pictures([scenes])]
        names = [f"accuracy.{suffix}" for suffix in ("json", "md", "png")]
        check_folder(out, names, overwrite=work.overwrite)
    with progress(len(sources) * len(CASES) * len(methods), quiet=work.quiet) as done:
        trials = measure(sources, pool, methods, longest=longest, seed=seed, done=done)
    named = None if ours.model is None else Path(ours.model).name
    about = {"ours": ours.method, "model": named, "subjects": len(sources), "longest": longest, "seed": seed}
    write_folder(out, report(trials, about), overwrite=work.overwrite)
    if not work.quiet:
        typer.echo(f"table: {Path(out) / 'accuracy.md'}", err=True)


def dlmn_curves_command(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Folders of wisp train dlmn or ssrn.")],
    out: Annotated[str, typer.Option("--out", "-o", metavar="FILE.png", help="The plot.")],
    overwrite: o.OverwriteOption = False,
) -> None:
    """Training and validation loss of runs."""
    from wisp.core.errors import InputError
    from wisp.io.atomic import check_output, write_files
    from wisp.lab.figures.dlmn_curves import draw
    from wisp.lab.figures.plots import check_plots

    check_plots()
    with usage_errors():
        if Path(out).suffix.lower() != ".png":
            raise InputError(out, "is no PNG file", "a name that ends in .png is accepted")
        check_output(out, overwrite=overwrite)
    write_files({out: draw(runs)}, overwrite=overwrite)


def _others(beside: list[str] | None) -> tuple[str, ...]:
    """The methods that ours is compared with; the document's when none are named."""
    from wisp.lab.figures.dlmn_compare import OTHERS

    return tuple(beside) if beside else OTHERS

"""``wisp figure NAME``: pictures and tables of the documents' experiments, for any photos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from wisp.cli import options as o
from wisp.cli.bundles import with_bundles
from wisp.cli.console import UsageError, progress, usage_errors
from wisp.cli.figure.dim import (
    dim_compare_command,
    dim_kinds_command,
    dim_sensitivity_command,
    dim_sheet_command,
)
from wisp.cli.figure.dlmn import (
    dlmn_accuracy_command,
    dlmn_compare_command,
    dlmn_curves_command,
    dlmn_sheet_command,
    dlmn_steps_command,
)
from wisp.cli.figure.files import (
    ColourOption,
    CountOption,
    HeightOption,
    LongestOption,
    OneMethod,
    PhotosArgument,
    SeedOption,
    SheetOption,
    SubjectsArgument,
    check_folder,
    named_folders,
    photos_of_a_sheet,
    scenes_of,
    spread_evenly,
    write_folder,
    write_sheet,
)
from wisp.cli.figure.study import (
    dim_study_command,
    dim_votes_command,
    portrait_ratings_command,
    portrait_study_command,
)

if TYPE_CHECKING:
    from wisp.lab.figures.photos import Place

figure_app = typer.Typer(
    help="Pictures and tables of the documents' experiments, by name.", no_args_is_help=False
)

BackgroundsOption = Annotated[
    list[str],
    typer.Option("--background", metavar="FILE|FOLDER", help="New backgrounds, dealt out. Repeatable."),
]


@figure_app.callback(invoke_without_command=True)
def _list_by_default(
    context: typer.Context,
    listed: Annotated[bool, typer.Option("--list", help="List the figures and end.")] = False,
) -> None:
    """Pictures and tables of the documents' experiments, by name."""
    if listed or context.invoked_subcommand is None:
        list_figures()
        raise typer.Exit


def list_figures() -> None:
    """Print every figure: its name, what it shows, and where the document has it."""
    from rich.console import Console
    from rich.table import Table

    from wisp.lab.figures import FIGURES

    table = Table("name", "shows", "after", box=None, pad_edge=False)
    for name, figure in FIGURES.items():
        table.add_row(name, figure.shows, figure.source)
    Console(soft_wrap=False).print(table)


@figure_app.command("portrait-green")
@with_bundles
def portrait_green_command(
    photos: PhotosArgument,
    out: SheetOption,
    *,
    truth: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="True alphas, under the photos' names: a column.")
    ] = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=FOLDER", help="Alphas of another system: a column each. Repeatable."),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(metavar="METHOD", help="How alpha is estimated: a column each. Repeatable. [auto]"),
    ] = None,
    colour: ColourOption = "#00b140",
    height: HeightOption = 384,
    model: o.ModelOption = None,
    work: o.NetworkOptions,
) -> None:
    """A sheet of photos and their subjects on green, beside the truth and other systems."""
    from wisp.compositing.backgrounds import parse_colour as colour_of
    from wisp.lab.figures.portrait_green import columns, draw
    from wisp.lab.figures.running import Running
    from wisp.methods import check_method

    systems = named_folders(beside or [])
    with usage_errors():
        colour_of(colour)
        for name in method or []:
            check_method(name, model)
        methods = [Running(name, model, work.engine) for name in method or ["auto"]]
        places = photos_of_a_sheet(photos, out, overwrite=work.overwrite)
    with progress(len(places), quiet=work.quiet) as done:
        sheet = draw(places, methods, truth=truth, beside=systems, height=height, colour=colour, done=done)
    write_sheet(
        out, sheet, columns(methods, truth=truth, beside=systems), overwrite=work.overwrite, quiet=work.quiet
    )


@figure_app.command("portrait-replace")
@with_bundles
def portrait_replace_command(
    photos: PhotosArgument,
    out: SheetOption,
    background: Annotated[
        list[str],
        typer.Option(metavar="FILE|FOLDER|COLOUR", help="New backgrounds, dealt out. Repeatable."),
    ],
    *,
    height: HeightOption = 384,
    seed: SeedOption = 0,
    ours: OneMethod,
    work: o.NetworkOptions,
) -> None:
    """A sheet of photos, their alphas, and their subjects on another background."""
    from wisp.lab.figures.portrait_replace import COLUMNS, draw

    with usage_errors():
        running = ours.running(work.engine)
        places = photos_of_a_sheet(photos, out, overwrite=work.overwrite, others=background)
        scenes = [scene for text in background for scene in scenes_of(text)]
    with progress(len(places), quiet=work.quiet) as done:
        sheet = draw(places, scenes, running, height=height, seed=seed, done=done)
    write_sheet(out, sheet, COLUMNS, overwrite=work.overwrite, quiet=work.quiet)


@figure_app.command("portrait-sensitivity")
@with_bundles
def portrait_sensitivity_command(
    data: SubjectsArgument,
    out: Annotated[str, typer.Option("--out", "-o", metavar="FOLDER", help="Folder of tables and plots.")],
    backgrounds: Annotated[str, typer.Option(metavar="FOLDER", help="Backgrounds to set subjects on.")],
    *,
    to: Annotated[
        list[str] | None,
        typer.Option(
            "--to", metavar="WHAT", help="backgrounds, exposure or mask. Repeatable. [default: all three]"
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=2, help="Backgrounds of each subject.")] = 20,
    subjects: CountOption = None,
    longest: LongestOption = None,
    seed: SeedOption = 0,
    ours: OneMethod,
    work: o.NetworkOptions,
) -> None:
    """Measure how a subject's score changes with its background, its exposure and the quality of the mask."""
    from wisp.lab.figures.photos import pictures
    from wisp.lab.figures.plots import check_plots
    from wisp.lab.figures.portrait_sensitivity import Experiment, Setting, count_mattes, vary
    from wisp.lab.figures.sensitivity_report import report
    from wisp.lab.figures.subjects import find

    unknown = sorted({*(to or ())} - {*get_args(Experiment)})
    if unknown:
        raise UsageError(f"--to: is {unknown[0]}; {', '.join(get_args(Experiment))} are accepted")
    experiments: list[Experiment] = [name for name in get_args(Experiment) if not to or name in to]
    names = ["sensitivity.json", "sensitivity.md", *(f"{name}.png" for name in experiments)]
    check_plots()
    with usage_errors():
        running = ours.running(work.engine)
        sources = find(data)
        scenes = [place.path for place in pictures([backgrounds])]
        check_folder(out, names, overwrite=work.overwrite)
    sources = spread_evenly(sources, subjects)
    setting = Setting(running, scenes, count, seed, longest)
    with progress(len(sources) * count_mattes(experiments, count), quiet=work.quiet) as done:
        trials = vary(sources, experiments, setting, done=done)
    about = {
        "method": ours.method,
        "model": ours.model,
        "subjects": len(sources),
        "seed": seed,
        "longest": longest,
    }
    write_folder(out, report(trials, about), overwrite=work.overwrite)
    if not work.quiet:
        typer.echo(f"tables: {Path(out) / 'sensitivity.md'}", err=True)


figure_app.command("portrait-study")(portrait_study_command)
figure_app.command("portrait-ratings")(portrait_ratings_command)
figure_app.command("dim-sheet")(dim_sheet_command)
figure_app.command("dim-sensitivity")(dim_sensitivity_command)
figure_app.command("dim-kinds")(dim_kinds_command)
figure_app.command("dim-compare")(dim_compare_command)
figure_app.command("dim-study")(dim_study_command)
figure_app.command("dim-votes")(dim_votes_command)


@figure_app.command("blend-colours")
@with_bundles
def blend_colours_command(
    photos: PhotosArgument,
    out: SheetOption,
    background: BackgroundsOption,
    *,
    json_out: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write the colour casts, in 255ths.")
    ] = None,
    keep_colours: Annotated[
        float,
        typer.Option(min=0, max=1e6, metavar="RATE", help="How soon the tint fades in the last column."),
    ] = 10.0,
    height: HeightOption = 384,
    ours: OneMethod,
    work: o.NetworkOptions,
) -> None:
    """Copy and paste beside Poisson blending, its colour cast, and the cast avoided."""
    import json

    from wisp.io.atomic import check_output, write_files
    from wisp.lab.figures.blend_colours import COLUMNS, draw

    with usage_errors():
        running = ours.running(work.engine)
        places = photos_of_a_sheet(photos, out, overwrite=work.overwrite, others=background)
        scenes = [str(place.path) for place in _pictures_of(background)]
        if json_out is not None and json_out != "-":
            check_output(json_out, overwrite=work.overwrite)
    with progress(len(places), quiet=work.quiet) as done:
        sheet, casts = draw(places, scenes, running, height=height, keep_colours=keep_colours, done=done)
    write_sheet(out, sheet, COLUMNS, overwrite=work.overwrite, quiet=work.quiet)
    if json_out is not None:
        write_files({json_out: json.dumps(casts, indent=1).encode() + b"\n"}, overwrite=work.overwrite)


@figure_app.command("model-blends")
def model_blends_command(
    photos: PhotosArgument,
    out: SheetOption,
    background: BackgroundsOption,
    network: Annotated[
        list[str],
        typer.Option(
            "--network", metavar="NAME=MODEL", help="A segmentation network, its name or file. Repeatable."
        ),
    ],
    keep_colours: Annotated[
        float,
        typer.Option(
            min=0, max=1e6, metavar="RATE", help="How soon the blend's tint fades; 0: as published."
        ),
    ] = 0.0,
    height: HeightOption = 256,
    overwrite: o.OverwriteOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Masks of several networks, and the subjects that they cut out, Poisson-blended."""
    from wisp.engine.models import find_model
    from wisp.lab.figures.model_blends import columns, draw

    models = named_folders(network, "--network", "MODEL")
    with usage_errors():
        for name in models.values():
            find_model(name)
        places = photos_of_a_sheet(photos, out, overwrite=overwrite, others=background)
        scenes = [str(place.path) for place in _pictures_of(background)]
    with progress(len(places), quiet=quiet) as done:
        sheet = draw(places, scenes, models, height=height, keep_colours=keep_colours, done=done)
    write_sheet(out, sheet, columns(models), overwrite=overwrite, quiet=quiet)


figure_app.command("dlmn-steps")(dlmn_steps_command)
figure_app.command("dlmn-sheet")(dlmn_sheet_command)
figure_app.command("dlmn-compare")(dlmn_compare_command)
figure_app.command("dlmn-accuracy")(dlmn_accuracy_command)
figure_app.command("dlmn-curves")(dlmn_curves_command)


def _pictures_of(texts: Sequence[str]) -> list[Place]:
    from wisp.lab.figures.photos import pictures

    return pictures(texts)

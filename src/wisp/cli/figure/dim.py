"""The figures of Deep Image Matting under ``wisp figure``: methods that are given a trimap, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wisp.cli import options as o
from wisp.cli.bundles import with_bundles
from wisp.cli.console import UsageError, progress, usage_errors
from wisp.cli.figure.files import (
    FolderOption,
    HeightOption,
    SeedOption,
    SheetOption,
    SomeMethods,
    check_folder,
    write_folder,
)

if TYPE_CHECKING:
    from wisp.lab.figures.running import Running

DataArgument = Annotated[str, typer.Argument(metavar="FOLDER", help="A folder with image/ and alpha/.")]
TrimapsOption = Annotated[
    str,
    typer.Option(metavar="FOLDER", help="Trimaps under the photos' names; a folder of FOLDER, or any other."),
]
RowHeightOption = Annotated[int, typer.Option(min=16, help="Height of a row of the sheet, pixels.")]
WidthsOption = Annotated[
    list[int] | None,
    typer.Option(
        "--width", min=0, metavar="D", help="Dilation of the trimap, pixels. Repeatable. [the paper's]"
    ),
]


@with_bundles
def dim_sheet_command(
    data: DataArgument,
    out: SheetOption,
    *,
    trimaps: TrimapsOption = "trimap",
    methods: SomeMethods,
    height: HeightOption = 300,
    work: o.NetworkOptions,
) -> None:
    """A sheet: photo, trimap, the methods' alphas, truth, and the last method's on green."""
    from wisp.io.atomic import check_output
    from wisp.io.formats import format_of
    from wisp.io.images import write_image
    from wisp.lab.figures import dim_sheet
    from wisp.lab.figures.guided import find_truths

    with usage_errors():
        format_of(out)
        running = methods.running(("closed-form", "dim"), work.engine)
        truths = find_truths(data)
        place = _trimaps(data, trimaps)
        files = [path for truth in truths for path in (truth.photo, truth.alpha)]
        check_output(out, overwrite=work.overwrite, inputs=files)
    with progress(len(truths), quiet=work.quiet) as done:
        sheet = dim_sheet.draw(truths, place, running, height=height, done=done)
    write_image(out, sheet, bits=8, overwrite=work.overwrite)
    if not work.quiet:
        typer.echo(f"columns: {', '.join(dim_sheet.columns(running))}", err=True)


@with_bundles
def dim_sensitivity_command(
    data: DataArgument,
    out: FolderOption,
    *,
    width: WidthsOption = None,
    methods: SomeMethods,
    seed: SeedOption = 0,
    work: o.NetworkOptions,
) -> None:
    """SAD with trimaps that lie ever farther from the subject, one photo of each thing."""
    from wisp.lab.figures import dim_sensitivity as figure
    from wisp.lab.figures.guided import CLASSICAL, NETWORK, find_truths
    from wisp.lab.figures.plots import check_plots

    check_plots()
    widths = sorted(set(width or figure.WIDTHS))
    with usage_errors():
        running = methods.running((NETWORK, *CLASSICAL), work.engine)
        truths = figure.one_of_each(find_truths(data), seed)
        check_folder(
            out, [f"sensitivity.{suffix}" for suffix in ("json", "md", "png")], overwrite=work.overwrite
        )
    with progress(len(truths) * len(widths) * len(running), quiet=work.quiet) as done:
        scores = figure.vary(truths, running, widths, done=done)
    _write(out, figure.report(scores, _about(running, seed)), overwrite=work.overwrite, quiet=work.quiet)


@with_bundles
def dim_compare_command(
    data: DataArgument,
    out: FolderOption,
    *,
    width: WidthsOption = None,
    rows: Annotated[int, typer.Option(min=1, help="Photos on the sheet, spread over all.")] = 4,
    methods: SomeMethods,
    height: RowHeightOption = 200,
    seed: SeedOption = 0,
    work: o.NetworkOptions,
) -> None:
    """Errors of every method with FOLDER/trimap*, SAD with ever wider trimaps, and a sheet of mattes."""
    from wisp.io.formats import FORMATS
    from wisp.io.images import encode_image
    from wisp.lab.figures import dim_compare as figure
    from wisp.lab.figures import dim_sensitivity, dim_sheet
    from wisp.lab.figures.guided import find_truths
    from wisp.lab.figures.plots import check_plots

    check_plots()
    widths = sorted(set(width or dim_sensitivity.WIDTHS))
    names = [f"compare.{suffix}" for suffix in ("json", "md")]
    names += [f"sensitivity.{suffix}" for suffix in ("json", "md", "png")]
    with usage_errors():
        running = methods.running(figure.COMPARED, work.engine)
        truths = find_truths(data)
        trimaps = figure.trimap_folders(data)
        varied = dim_sensitivity.one_of_each(truths, seed)
        shown = figure.spread(truths, rows)
        check_folder(out, [*names, "sheet.jpg"], overwrite=work.overwrite)
    mattes = len(running) * (len(truths) * len(trimaps) + len(varied) * len(widths)) + len(shown)
    with progress(mattes, quiet=work.quiet) as done:
        scores = figure.score(truths, trimaps, running, done=done)
        sensitivity = dim_sensitivity.vary(varied, running, widths, done=done)
        sheet = dim_sheet.draw(shown, next(iter(trimaps.values())), running, height=height, done=done)
    files = figure.report(scores, _about(running, None))
    files |= dim_sensitivity.report(sensitivity, _about(running, seed))
    files["sheet.jpg"] = encode_image(sheet, FORMATS["jpeg"], bits=8)
    _write(out, files, overwrite=work.overwrite, quiet=work.quiet)
    if not work.quiet:
        typer.echo(f"columns of the sheet: {', '.join(dim_sheet.columns(running))}", err=True)


@with_bundles
def dim_kinds_command(
    out: FolderOption,
    *,
    backgrounds: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Photos that procedural foregrounds are set on."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Procedural foregrounds of each material.")] = 4,
    size: Annotated[int, typer.Option(min=16, help="Side of these, pixels.")] = 384,
    data: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="A folder with image/ and alpha/: photos instead.")
    ] = None,
    kinds: Annotated[
        str | None, typer.Option(metavar="FILE", help="CSV with the columns name and kind: what these show.")
    ] = None,
    trimaps: TrimapsOption = "trimap",
    methods: SomeMethods,
    height: RowHeightOption = 200,
    seed: SeedOption = 0,
    work: o.NetworkOptions,
) -> None:
    """Scores by what foregrounds are made of: hair, holes, semi-transparency; and a sheet of examples."""
    from wisp.io.formats import FORMATS
    from wisp.io.images import encode_image
    from wisp.lab.figures import dim_kinds as figure
    from wisp.lab.figures.guided import CLASSICAL, NETWORK, find_truths
    from wisp.lab.figures.photos import pictures

    with usage_errors():
        running = methods.running((NETWORK, *CLASSICAL), work.engine)
        if data is not None:
            if kinds is None or backgrounds is not None:
                raise UsageError("--data: goes with --kinds and without --backgrounds")
            truths = find_truths(data)
            named = figure.read_kinds(kinds, truths)
            cases = figure.listed_cases(truths, _trimaps(data, trimaps), named)
            mattes = len(named)
        elif backgrounds is not None:
            scenes = [place.path for place in pictures([backgrounds])]
            cases = figure.procedural_cases(scenes, count, size, seed)
            mattes = count * sum(len(materials) for materials in figure.GROUPS.values())
        else:
            raise UsageError("--backgrounds or --data: one of them is needed")
        check_folder(out, ["kinds.json", "kinds.md", "kinds.jpg"], overwrite=work.overwrite)
    with progress(mattes * len(running), quiet=work.quiet) as done:
        scores, sheet = figure.compare(cases, running, height=height, done=done)
    files = figure.report(scores, _about(running, None if data else seed))
    files["kinds.jpg"] = encode_image(sheet, FORMATS["jpeg"], bits=8)
    _write(out, files, overwrite=work.overwrite, quiet=work.quiet)


def _about(methods: list[Running], seed: int | None) -> dict[str, object]:
    """Name what results depend on, for their file: methods, seed, and a network's file without its folder."""
    model = next((Path(running.model).name for running in methods if running.model is not None), None)
    return {"methods": [running.method for running in methods], "model": model, "seed": seed}


def _trimaps(data: str, folder: str) -> Path:
    inside = Path(data) / folder
    return inside if inside.is_dir() else Path(folder)


def _write(out: str, files: Mapping[str, bytes], *, overwrite: bool, quiet: bool) -> None:
    write_folder(out, files, overwrite=overwrite)
    if not quiet:
        typer.echo(f"written: {', '.join(str(Path(out) / name) for name in sorted(files))}", err=True)

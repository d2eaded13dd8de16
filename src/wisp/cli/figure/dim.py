"""The figures of Deep Image Matting under ``wisp figure``: methods that are given a trimap, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wisp.cli import options as o
from wisp.cli.console import UsageError, progress, usage_errors

if TYPE_CHECKING:
    from wisp.lab.figures.running import Running

DataArgument = Annotated[str, typer.Argument(metavar="FOLDER", help="A folder with image/ and alpha/.")]
MethodsOption = Annotated[
    list[str] | None,
    typer.Option("--method", metavar="METHOD", help="How alpha is estimated. Repeatable."),
]
ModelOption = Annotated[
    str | None, typer.Option("--model", metavar="NAME|FILE", help="The network of the method dim.")
]
TrimapsOption = Annotated[
    str,
    typer.Option(metavar="FOLDER", help="Trimaps under the photos' names; a folder of FOLDER, or any other."),
]
SeedOption = Annotated[int, typer.Option(help="Seed of what is drawn at random.")]
WidthsOption = Annotated[
    list[int] | None,
    typer.Option(
        "--width", min=0, metavar="D", help="Dilation of the trimap, pixels. Repeatable. [the paper's]"
    ),
]
FolderOption = Annotated[
    str, typer.Option("--out", "-o", metavar="FOLDER", help="Folder of tables and pictures.")
]


def dim_sheet_command(
    data: DataArgument,
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="FILE", help="The sheet; the suffix chooses the format.")
    ],
    trimaps: TrimapsOption = "trimap",
    method: MethodsOption = None,
    model: ModelOption = None,
    height: Annotated[int, typer.Option(min=16, help="Height of a row, pixels.")] = 300,
    device: o.DeviceOption = "auto",
    precision: o.PrecisionOption = "auto",
    overwrite: o.OverwriteOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """A sheet: photo, trimap, the methods' alphas, truth, and the last method's on green."""
    from wisp.engine.engine import Engine
    from wisp.io.atomic import check_output
    from wisp.io.formats import format_of
    from wisp.io.images import write_image
    from wisp.lab.figures import dim_sheet
    from wisp.lab.figures.guided import find_truths, runnings

    with usage_errors():
        format_of(out)
        methods = runnings(method, ("closed-form", "dim"), model, Engine(device, precision))
        truths = find_truths(data)
        place = _trimaps(data, trimaps)
        files = [path for truth in truths for path in (truth.photo, truth.alpha)]
        check_output(out, overwrite=overwrite, inputs=files)
    with progress(len(truths), quiet=quiet) as done:
        sheet = dim_sheet.draw(truths, place, methods, height=height, done=done)
    write_image(out, sheet, bits=8, overwrite=overwrite)
    if not quiet:
        typer.echo(f"columns: {', '.join(dim_sheet.columns(methods))}", err=True)


def dim_sensitivity_command(
    data: DataArgument,
    out: FolderOption,
    width: WidthsOption = None,
    method: MethodsOption = None,
    model: ModelOption = None,
    seed: SeedOption = 0,
    device: o.DeviceOption = "auto",
    precision: o.PrecisionOption = "auto",
    overwrite: o.OverwriteOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """SAD with trimaps that lie ever farther from the subject, one photo of each thing."""
    from wisp.engine.engine import Engine
    from wisp.lab.figures import dim_sensitivity as figure
    from wisp.lab.figures.guided import CLASSICAL, NETWORK, find_truths, runnings
    from wisp.lab.figures.plots import check_plots

    check_plots()
    widths = sorted(set(width or figure.WIDTHS))
    with usage_errors():
        methods = runnings(method, (NETWORK, *CLASSICAL), model, Engine(device, precision))
        truths = figure.one_of_each(find_truths(data), seed)
        _check_folder(out, [f"sensitivity.{suffix}" for suffix in ("json", "md", "png")], overwrite=overwrite)
    with progress(len(truths) * len(widths) * len(methods), quiet=quiet) as done:
        scores = figure.vary(truths, methods, widths, done=done)
    _write_folder(out, figure.report(scores, _about(methods, seed)), overwrite=overwrite, quiet=quiet)


def dim_compare_command(
    data: DataArgument,
    out: FolderOption,
    width: WidthsOption = None,
    rows: Annotated[int, typer.Option(min=1, help="Photos on the sheet, spread over all.")] = 4,
    method: MethodsOption = None,
    model: ModelOption = None,
    height: Annotated[int, typer.Option(min=16, help="Height of a row of the sheet, pixels.")] = 200,
    seed: SeedOption = 0,
    device: o.DeviceOption = "auto",
    precision: o.PrecisionOption = "auto",
    overwrite: o.OverwriteOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Errors of every method with FOLDER/trimap*, SAD with ever wider trimaps, and a sheet of mattes."""
    from wisp.engine.engine import Engine
    from wisp.io.formats import FORMATS
    from wisp.io.images import encode_image
    from wisp.lab.figures import dim_compare as figure
    from wisp.lab.figures import dim_sensitivity, dim_sheet
    from wisp.lab.figures.guided import find_truths, runnings
    from wisp.lab.figures.plots import check_plots

    check_plots()
    widths = sorted(set(width or dim_sensitivity.WIDTHS))
    names = [f"compare.{suffix}" for suffix in ("json", "md")]
    names += [f"sensitivity.{suffix}" for suffix in ("json", "md", "png")]
    with usage_errors():
        methods = runnings(method, figure.COMPARED, model, Engine(device, precision))
        truths = find_truths(data)
        trimaps = figure.trimap_folders(data)
        varied = dim_sensitivity.one_of_each(truths, seed)
        shown = figure.spread(truths, rows)
        _check_folder(out, [*names, "sheet.jpg"], overwrite=overwrite)
    mattes = len(methods) * (len(truths) * len(trimaps) + len(varied) * len(widths)) + len(shown)
    with progress(mattes, quiet=quiet) as done:
        scores = figure.score(truths, trimaps, methods, done=done)
        sensitivity = dim_sensitivity.vary(varied, methods, widths, done=done)
        sheet = dim_sheet.draw(shown, next(iter(trimaps.values())), methods, height=height, done=done)
    files = figure.report(scores, _about(methods, None))
    files |= dim_sensitivity.report(sensitivity, _about(methods, seed))
    files["sheet.jpg"] = encode_image(sheet, FORMATS["jpeg"], bits=8)
    _write_folder(out, files, overwrite=overwrite, quiet=quiet)
    if not quiet:
        typer.echo(f"columns of the sheet: {', '.join(dim_sheet.columns(methods))}", err=True)


def dim_kinds_command(
    out: FolderOption,
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
    method: MethodsOption = None,
    model: ModelOption = None,
    height: Annotated[int, typer.Option(min=16, help="Height of a row of the sheet, pixels.")] = 200,
    seed: SeedOption = 0,
    device: o.DeviceOption = "auto",
    precision: o.PrecisionOption = "auto",
    overwrite: o.OverwriteOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Scores by what foregrounds are made of: hair, holes, semi-transparency; and a sheet of examples."""
    from wisp.engine.engine import Engine
    from wisp.io.formats import FORMATS
    from wisp.io.images import encode_image
    from wisp.lab.figures import dim_kinds as figure
    from wisp.lab.figures.guided import CLASSICAL, NETWORK, find_truths, runnings
    from wisp.lab.figures.photos import pictures

    with usage_errors():
        methods = runnings(method, (NETWORK, *CLASSICAL), model, Engine(device, precision))
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
        _check_folder(out, ["kinds.json", "kinds.md", "kinds.jpg"], overwrite=overwrite)
    with progress(mattes * len(methods), quiet=quiet) as done:
        scores, sheet = figure.compare(cases, methods, height=height, done=done)
    files = figure.report(scores, _about(methods, None if data else seed))
    files["kinds.jpg"] = encode_image(sheet, FORMATS["jpeg"], bits=8)
    _write_folder(out, files, overwrite=overwrite, quiet=quiet)


def _about(methods: list[Running], seed: int | None) -> dict[str, object]:
    """Name what results depend on, for their file: methods, seed, and a network's file without its folder."""
    model = next((Path(running.model).name for running in methods if running.model is not None), None)
    return {"methods": [running.method for running in methods], "model": model, "seed": seed}


def _trimaps(data: str, folder: str) -> Path:
    inside = Path(data) / folder
    return inside if inside.is_dir() else Path(folder)


def _check_folder(out: str, names: list[str], *, overwrite: bool) -> None:
    from wisp.io.atomic import check_output

    folder = Path(out)
    if folder.is_dir():
        for name in names:
            check_output(folder / name, overwrite=overwrite)
    else:
        check_output(folder)


def _write_folder(out: str, files: Mapping[str, bytes], *, overwrite: bool, quiet: bool) -> None:
    from wisp.io.atomic import write_files

    folder = Path(out)
    folder.mkdir(exist_ok=True)
    write_files({str(folder / name): content for name, content in files.items()}, overwrite=overwrite)
    if not quiet:
        typer.echo(f"written: {', '.join(str(folder / name) for name in sorted(files))}", err=True)

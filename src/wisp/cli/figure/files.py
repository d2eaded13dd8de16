"""What the commands of ``wisp figure`` share: options, and the files of a sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from wisp.cli import options as o
from wisp.cli.console import UsageError

if TYPE_CHECKING:
    from wisp.core.arrays import Image
    from wisp.engine.engine import Engine
    from wisp.lab.figures.photos import Place
    from wisp.lab.figures.running import Running

T = TypeVar("T")

PhotosArgument = Annotated[list[str], typer.Argument(metavar="PHOTO", help="Photos or folders of photos.")]
SheetOption = Annotated[
    str, typer.Option("--out", "-o", metavar="FILE", help="The sheet; the suffix chooses the format.")
]
HeightOption = Annotated[int, typer.Option(min=16, help="Height of a row, pixels.")]
SeedOption = Annotated[int, typer.Option(help="Seed of what is drawn at random.")]
FolderOption = Annotated[
    str, typer.Option("--out", "-o", metavar="FOLDER", help="Folder of tables and pictures.")
]
SubjectsArgument = Annotated[
    str, typer.Argument(metavar="FOLDER", help="A folder with image/ and alpha/, or a folder of cut-outs.")
]
ColourOption = Annotated[str, typer.Option(help="What subjects are set on.")]
LongestOption = Annotated[
    int | None, typer.Option(min=64, help="Shrink larger photos to this many pixels, the longer side.")
]
CountOption = Annotated[int | None, typer.Option(min=1, help="Only so many subjects, spread evenly.")]


@dataclass(frozen=True)
class OneMethod:
    """The method of a figure that shows or measures one."""

    method: o.MethodOption = "auto"
    model: o.ModelOption = None

    def running(self, engine: Engine) -> Running:
        """The method as figures run it; `InputError` for one that is none, or takes no such model."""
        from wisp.lab.figures.running import Running
        from wisp.methods import check_method

        check_method(self.method, self.model)
        return Running(self.method, self.model, engine)


@dataclass(frozen=True)
class SomeMethods:
    """The methods of a figure that sets several side by side, each given a trimap."""

    method: Annotated[
        list[str] | None,
        typer.Option("--method", metavar="METHOD", help="How alpha is estimated. Repeatable."),
    ] = None
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME|FILE", help="The network of the method dim.")
    ] = None

    def running(self, usual: Sequence[str], engine: Engine) -> list[Running]:
        """The methods that are asked for, or the usual ones; errors are those of `runnings`."""
        from wisp.lab.figures.guided import runnings

        return runnings(self.method, usual, self.model, engine)


def photos_of_a_sheet(
    photos: Sequence[str], out: str, *, overwrite: bool, others: Sequence[str] = ()
) -> list[Place]:
    """The photos, after everything that can be known beforehand about the sheet's file."""
    from wisp.io.atomic import check_output
    from wisp.io.formats import format_of
    from wisp.lab.figures.photos import pictures

    format_of(out)
    places = pictures(photos)
    check_output(out, overwrite=overwrite, inputs=[*(place.path for place in places), *others])
    return places


def scenes_of(text: str) -> list[str]:
    """List the scenes of a ``--background``: itself, or every picture of a folder."""
    from wisp.compositing.backgrounds import parse_colour
    from wisp.core.errors import InputError
    from wisp.lab.figures.photos import pictures

    if Path(text).exists():
        return [str(place.path) for place in pictures([text])]
    try:
        parse_colour(text)
    except InputError as error:
        accepted = "a picture, a folder of pictures or a colour is accepted"
        raise InputError(text, "is no file, no folder and no colour", accepted) from error
    return [text]


def write_sheet(out: str, sheet: Image, columns: Sequence[str], *, overwrite: bool, quiet: bool) -> None:
    """Write a sheet, and say on stderr what its columns are."""
    from wisp.io.images import write_image

    write_image(out, sheet, bits=8, overwrite=overwrite)
    if not quiet:
        typer.echo(f"columns: {', '.join(columns)}", err=True)


def named_folders(texts: Sequence[str], option: str = "--beside", what: str = "FOLDER") -> dict[str, str]:
    """Folders (or other values) by name, of options given as NAME=VALUE such as ``--beside``."""
    out: dict[str, str] = {}
    for text in texts:
        name, equals, folder = text.partition("=")
        if not (name and equals and folder) or name in out:
            problem = "names one twice" if name in out else f"is no name with a {what.lower()}"
            raise UsageError(f"{option}: {text} {problem}; NAME={what} is accepted")
        out[name] = folder
    return out


def spread_evenly(items: list[T], count: int | None) -> list[T]:
    """Take only so many of a list, spread evenly; all when None."""
    if count is None or count >= len(items):
        return items
    return [items[index * len(items) // count] for index in range(count)]


def check_folder(out: str, names: Sequence[str], *, overwrite: bool) -> None:
    """Raise `InputError` where a folder cannot be made, or a file of these names is there already."""
    from wisp.io.atomic import check_output

    folder = Path(out)
    if folder.is_dir():
        for name in names:
            check_output(folder / name, overwrite=overwrite)
    else:
        check_output(folder)


def write_folder(out: str, files: Mapping[str, bytes], *, overwrite: bool) -> None:
    """Write files by name into a folder, which is made when missing: all of them, or none."""
    from wisp.io.atomic import write_files

    folder = Path(out)
    folder.mkdir(exist_ok=True)
    write_files({str(folder / name): content for name, content in files.items()}, overwrite=overwrite)

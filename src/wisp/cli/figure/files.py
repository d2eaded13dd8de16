"""What the commands of ``wisp figure`` share: options, and the files of a sheet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wisp.cli.console import UsageError

if TYPE_CHECKING:
    from wisp.core.arrays import Image
    from wisp.lab.figures.photos import Place

PhotosArgument = Annotated[list[str], typer.Argument(metavar="PHOTO", help="Photos or folders of photos.")]
SheetOption = Annotated[
    str, typer.Option("--out", "-o", metavar="FILE", help="The sheet; the suffix chooses the format.")
]
HeightOption = Annotated[int, typer.Option(min=16, help="Height of a row, pixels.")]
SeedOption = Annotated[int, typer.Option(help="Seed of what is drawn at random.")]


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

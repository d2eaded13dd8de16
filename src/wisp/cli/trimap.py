"""``wisp trimap``: a trimap to start matting from, or to touch up by hand first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from wisp.cli import options as o
from wisp.cli.console import UsageError, complain, usage_errors
from wisp.core.limits import MAX_PIXELS

if TYPE_CHECKING:
    from wisp.core.arrays import Float, Image

_LOSSLESS: Final = ("png", "tiff")


def trimap_command(
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="The photo; - is standard input.", show_default=False)
    ],
    out: Annotated[
        str,
        typer.Option("--out", "-o", metavar="OUT", help="The trimap, PNG or TIFF; - is standard output."),
    ],
    mask: Annotated[
        str | None,
        typer.Option("--mask", metavar="F", help="Soft or hard mask to start from instead of the network's."),
    ] = None,
    alpha: Annotated[
        str | None,
        typer.Option("--alpha", metavar="F", help="Alpha to start from: every mixed pixel becomes unknown."),
    ] = None,
    width: Annotated[
        float | None,
        typer.Option(
            "--width",
            metavar="FRACTION",
            min=0,
            max=1,
            help="Width of the unknown band over the square root of the subject's area.",
        ),
    ] = None,
    subject: o.SubjectOption = "auto",
    model: o.ModelOption = None,
    device: o.DeviceOption = "auto",
    precision: o.PrecisionOption = "auto",
    page: o.PageOption = None,
    max_pixels: o.MaxPixelsOption = MAX_PIXELS,
    overwrite: o.OverwriteOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Make a trimap: 0 background, 128 unknown, 255 foreground.

    It comes from the networks' soft mask of the subject, or from a mask or an alpha of your own.
    """
    import numpy as np

    from wisp.core.arrays import BACKGROUND, hide_transparent, to_float
    from wisp.io.atomic import check_output
    from wisp.io.formats import format_of
    from wisp.io.guidance import read_alpha, read_mask
    from wisp.io.images import read_photo, write_image
    from wisp.io.paths import STDIO, input_path, means_folder, output_path
    from wisp.matting.trimap import WIDTH, trimap_from_alpha, trimap_from_mask

    if mask is not None and alpha is not None:
        raise UsageError("--mask and --alpha are both given; one of them is accepted")
    given = "--mask" if mask is not None else "--alpha" if alpha is not None else None
    chosen = {"subject": subject, "model": model or "auto", "device": device, "precision": precision}
    for name, value in chosen.items():
        if value != "auto" and given is not None:
            raise UsageError(f"--{name}: changes nothing: with {given} no network runs")
    with usage_errors():
        source = input_path(source)
        making = means_folder(out) and not Path(out).exists()
        if means_folder(out) and source != STDIO:
            out = str(Path(out) / f"{Path(source).stem}.png")
        out = output_path(out)
        row = format_of(out, among=_LOSSLESS)
        if not making:
            check_output(out, overwrite=overwrite, inputs=[name for name in (source, mask, alpha) if name])
    if row.name not in _LOSSLESS:
        raise UsageError(f"{out}: {row.name} may change values; {' and '.join(_LOSSLESS)} are accepted")

    width = WIDTH if width is None else width
    photo = read_photo(source, page=page, max_pixels=max_pixels)
    image = photo.image
    if alpha is not None:
        trimap = trimap_from_alpha(_guidance(read_alpha, alpha, image, source, max_pixels), width=width)
    elif mask is not None:
        trimap = trimap_from_mask(_guidance(read_mask, mask, image, source, max_pixels), width=width)
    else:
        from wisp.engine.engine import Engine
        from wisp.engine.families.subject import find_subject

        seen = image if photo.alpha is None else hide_transparent(image, photo.alpha)
        engine = Engine(device, precision)
        found = find_subject(seen, wanted=subject, model=model, engine=engine).mask
        if photo.alpha is not None:
            found = np.minimum(found, photo.alpha)
        trimap = trimap_from_mask(found, width=width)
    if not quiet and bool((trimap == BACKGROUND).all()):
        complain(f"{source}: no subject was found; the trimap is all background")
    if making:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
    write_image(out, to_float(trimap), bits=8, overwrite=overwrite)


def _guidance(read: Callable[..., Float], path: str, image: Image, photo: str, max_pixels: int) -> Float:
    from wisp.core.arrays import check_same_size

    values = read(path, max_pixels=max_pixels)
    check_same_size(path, values, f"photo {photo}", image)
    return values

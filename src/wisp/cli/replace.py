"""``wisp replace``: photos to the same subject on another background."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from wisp.cli import options as o
from wisp.cli.bundles import with_bundles
from wisp.cli.console import UsageError, usage_errors

if TYPE_CHECKING:
    from wisp.core.arrays import Float, Image
    from wisp.io.images import Photo
    from wisp.pipeline import Result

    Scene = Callable[[Photo, Result], Image]

Blend: TypeAlias = Literal["over", "poisson", "poisson-mixed", "copy"]
Fit: TypeAlias = Literal["cover", "contain", "stretch"]
Anchor: TypeAlias = Literal[
    "centre",
    "top",
    "bottom",
    "left",
    "right",
    "top-left",
    "top-right",
    "bottom-left",
    "bottom-right",
]

_PANEL = "Background"


@with_bundles
def replace_command(
    inputs: o.InputsArgument,
    background: Annotated[
        str,
        typer.Option(
            "--background",
            metavar="FILE|COLOUR|blur[:SIGMA]",
            rich_help_panel=_PANEL,
            help="A picture, a colour (name or #rrggbb), or the photo's own background blurred.",
        ),
    ],
    *,
    blend: Annotated[
        Blend, typer.Option("--blend", rich_help_panel=_PANEL, help="How the subject is set on it.")
    ] = "over",
    keep_colours: Annotated[
        float,
        typer.Option(
            "--keep-colours",
            min=0,
            max=1e6,
            metavar="RATE",
            rich_help_panel=_PANEL,
            help="How soon the tint that poisson gives the subject fades away from its edge; 10 is fast.",
        ),
    ] = 0.0,
    fit: Annotated[
        Fit,
        typer.Option("--fit", rich_help_panel=_PANEL, help="How a picture of another size is made to fit."),
    ] = "cover",
    anchor: Annotated[
        Anchor,
        typer.Option(
            "--anchor", rich_help_panel=_PANEL, help="What of the picture stays when it is cropped."
        ),
    ] = "centre",
    options: o.PhotoOptions,
) -> None:
    """Set the subject on another background: a picture, a colour, or its own background blurred."""
    from wisp.cli.photos import process

    if keep_colours and not blend.startswith("poisson"):
        accepted = "--blend poisson and poisson-mixed are accepted with it"
        raise UsageError(f"--keep-colours: changes nothing with --blend {blend}; {accepted}")
    scene = _scene(background, fit, anchor, options.max_pixels)

    def finish(photo: Photo, result: Result) -> Float:
        return _set(blend, keep_colours, photo, result, scene(photo, result))

    process(
        inputs,
        options,
        finish,
        opaque=True,
        others=[background],
    )


def _scene(text: str, fit: Fit, anchor: Anchor, max_pixels: int) -> Scene:
    """Make of a ``--background`` a function that gives the scene for a photo."""
    import numpy as np

    from wisp.compositing import backgrounds
    from wisp.io.images import read_photo

    with usage_errors():
        found = backgrounds.parse_background(text)
    if isinstance(found, Path):
        picture = read_photo(text, max_pixels=max_pixels).image
        return lambda photo, result: backgrounds.fit_to_size(picture, photo.image.shape[:2], fit, anchor)
    _check_picture(text, fit, anchor)
    if isinstance(found, backgrounds.Blur):
        return lambda photo, result: backgrounds.blur_background(
            photo.image, result.matte.alpha, found.sigma, foreground=result.matte.foreground
        )
    return lambda photo, result: np.full_like(photo.image, found)


def _check_picture(text: str, fit: Fit, anchor: Anchor) -> None:
    """Raise `UsageError` where a background that is no picture would be fitted."""
    for name, changed in (("--fit", fit != "cover"), ("--anchor", anchor != "centre")):
        if changed:
            raise UsageError(f"{name}: changes nothing: --background {text} is no picture; leave out {name}")


def _set(blend: Blend, keep_colours: float, photo: Photo, result: Result, scene: Image) -> Image:
    """The subject on the new background."""
    from wisp.compositing.over import copy_paste, over
    from wisp.compositing.poisson import poisson_blend

    matte = result.matte
    if blend == "over":
        return over(matte.foreground, matte.alpha, scene)
    if blend == "copy":
        return copy_paste(photo.image, matte.alpha, scene)
    gradients: Literal["seamless", "mixed"] = "seamless" if blend == "poisson" else "mixed"
    return poisson_blend(matte.foreground, matte.alpha, scene, gradients=gradients, keep_colours=keep_colours)

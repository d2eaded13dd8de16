"""``wisp camera``: a live camera with another background."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from wisp.cli import options as o
from wisp.cli.console import UsageError, complain, usage_errors
from wisp.cli.video import BackgroundOption

if TYPE_CHECKING:
    from wisp.clips.camera import Screen


def camera_command(
    source: Annotated[
        str,
        typer.Option("--device", metavar="N", help="Number of the camera; or a video file that stands in."),
    ] = "0",
    background: BackgroundOption = "blur",
    virtual_camera: Annotated[
        bool, typer.Option("--virtual-camera", help="Show the picture to other programs as a camera.")
    ] = False,
    preview: Annotated[bool, typer.Option("--preview", help="Show the picture in a window.")] = False,
    method: o.ClipMethodOption = "auto",
    model: o.ModelOption = None,
    precision: o.PrecisionOption = "auto",
    quiet: o.QuietOption = False,
) -> None:
    """Set yourself on another background, live. Close the window or press Ctrl-C to end."""
    if not virtual_camera and not preview:
        raise UsageError(
            "wisp camera: shows its picture nowhere; --preview, --virtual-camera or both are accepted"
        )
    from wisp.clips.backdrops import check_backdrop, open_backdrop
    from wisp.clips.camera import Camera, Preview, VirtualCamera, run_camera
    from wisp.clips.methods import alpha_method
    from wisp.engine.engine import Engine

    with usage_errors():
        check_backdrop(background)
        alpha_of = alpha_method(method, model=model, engine=Engine(precision=precision))
    with ExitStack() as stack:
        camera = Camera(source)
        stack.callback(camera.close)
        screens: list[Screen] = []
        if virtual_camera:
            virtual = VirtualCamera(camera.info)
            stack.callback(virtual.close)
            screens.append(virtual)
        if preview:
            window = Preview()
            stack.callback(window.close)
            screens.append(window)
        backdrop = stack.enter_context(open_backdrop(background, (camera.info.height, camera.info.width)))
        stack.enter_context(camera)
        result = run_camera(camera, backdrop, screens, alpha_of)
    if not quiet:
        rate = result.shown / max(result.seconds, 1e-3)
        complain(f"{result.shown} pictures shown, {rate:.1f} a second; {result.dropped} frames dropped")

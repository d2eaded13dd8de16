"""``wisp camera``: a live camera with another background."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from wisp.cli import options as o
from wisp.cli.bundles import with_bundles
from wisp.cli.clips import FollowOptions, frame_rate
from wisp.cli.console import UsageError, complain, usage_errors
from wisp.cli.keys import terminal_keys

if TYPE_CHECKING:
    from wisp.clips.screens import Screen

_CAMERA, _SHOWN = "Camera", "Shown"


@with_bundles
def camera_command(
    source: Annotated[
        str,
        typer.Option(
            "--device",
            metavar="N",
            rich_help_panel=_CAMERA,
            help="Number of the camera; or a video file that stands in.",
        ),
    ] = "0",
    listed: Annotated[
        bool,
        typer.Option("--list", rich_help_panel=_CAMERA, help="Name the cameras that there are."),
    ] = False,
    size: Annotated[
        str | None,
        typer.Option("--size", metavar="WxH", rich_help_panel=_CAMERA, help="Of its pictures: 1280x720."),
    ] = None,
    fps: Annotated[
        str | None, typer.Option("--fps", metavar="N", rich_help_panel=_CAMERA, help="Pictures a second.")
    ] = None,
    mjpeg: Annotated[
        bool,
        typer.Option(
            "--mjpeg",
            rich_help_panel=_CAMERA,
            help="Ask for JPEG pictures: many USB cameras are fast at large sizes only so.",
        ),
    ] = False,
    mirror: Annotated[
        bool, typer.Option("--mirror", rich_help_panel=_CAMERA, help="Show yourself as in a mirror.")
    ] = False,
    background: Annotated[
        list[str] | None,
        typer.Option(
            "--background",
            metavar="FILE|VIDEO|COLOUR|blur[:S]|green",
            rich_help_panel=_SHOWN,
            help="What goes behind the subject: blur. Of several, the key n shows the next.",
        ),
    ] = None,
    virtual_camera: Annotated[
        bool,
        typer.Option(
            "--virtual-camera", rich_help_panel=_SHOWN, help="Show the picture to other programs as a camera."
        ),
    ] = False,
    preview: Annotated[
        bool,
        typer.Option(
            "--preview", rich_help_panel=_SHOWN, help="Show the picture in a window, with rate and latency."
        ),
    ] = False,
    light: Annotated[
        bool,
        typer.Option(
            "--light",
            rich_help_panel="Running",
            help="For weak machines: matte a smaller picture, as large as keeps up with the camera.",
        ),
    ] = False,
    *,
    follow: FollowOptions,
    method: o.ClipMethodOption = "auto",
    model: o.ModelOption = None,
    precision: o.PrecisionOption = "auto",
    quiet: o.QuietOption = False,
) -> None:
    """Set yourself on another background, live. Close the window, or press q or Ctrl-C, to end.

    Keys, in the window or the terminal: space on or off, f freeze, + and - blur, n next background,
    h hold still while nobody is there, m mirror, q quit.
    """
    if listed:
        _list()
        return
    if not virtual_camera and not preview:
        raise UsageError(
            "wisp camera: shows its picture nowhere; --preview, --virtual-camera or both are accepted"
        )
    from wisp.clips.backdrops import parse_backdrop
    from wisp.clips.camera import Camera
    from wisp.clips.devices import Wanted
    from wisp.clips.live import Backgrounds, Controls, run_camera
    from wisp.clips.methods import alpha_method
    from wisp.clips.screens import Preview, VirtualCamera
    from wisp.engine.engine import Engine

    selected = follow.selection(method)
    if selected is not None and light:
        raise UsageError("--light: works at sizes that change, at which nobody is followed; leave out one")
    wanted = Wanted(_size(size), None if fps is None else frame_rate("--fps", fps), mjpeg)
    names = background or ["blur"]
    with usage_errors():
        for name in names:
            parse_backdrop(name)
        engine = Engine(precision=precision)
        alpha_of = alpha_method(
            method, model=model, engine=engine, subject=follow.subject, things=0.0, selected=selected
        )
    with ExitStack() as stack:
        camera = Camera(source, wanted, tell=complain)
        stack.callback(camera.close)
        screens: list[Screen] = []
        window = None
        if virtual_camera:
            virtual = VirtualCamera(camera.info)
            stack.callback(virtual.close)
            screens.append(virtual)
        if preview:
            window = Preview()
            stack.callback(window.close)
            screens.append(window)
        behind = Backgrounds(names, (camera.info.height, camera.info.width))
        stack.callback(behind.close)
        keys = stack.enter_context(terminal_keys())
        stack.enter_context(camera)

        def pressed() -> Iterator[str]:
            yield from keys.pressed()
            while window is not None and window.pressed:
                yield window.pressed.pop(0)

        controls = Controls(mirrored=mirror)
        result = run_camera(
            camera, behind, screens, alpha_of, controls=controls, pressed=pressed, light=light
        )
    if not quiet:
        median, most = (1000 * result.latency(share) for share in (0.5, 0.95))
        complain(
            f"{result.shown} pictures shown, {result.rate:.1f} a second; {result.dropped} frames dropped; "
            f"latency {median:.0f} ms, 95 % under {most:.0f} ms; matted at {result.side} pixels"
        )


def _list() -> None:
    from wisp.clips.devices import list_devices

    found = list_devices()
    for line in found:
        typer.echo(line)
    if not found:
        complain("no cameras are there")


def _size(text: str | None) -> tuple[int, int] | None:
    """Height and width from ``1280x720``.

    Raises:
        UsageError: anything else.
    """
    if text is None:
        return None
    found = re.fullmatch(r"([1-9]\d{0,4})[x×X]([1-9]\d{0,4})", text)
    if found is None:
        raise UsageError(f"--size: is {text!r}; width and height, such as 1280x720, are accepted")
    return int(found[2]), int(found[1])

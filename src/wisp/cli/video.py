"""``wisp video``: clips to clips with alpha, or with another background."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from wisp.cli import options as o
from wisp.cli.console import UsageError, complain, usage_errors
from wisp.core.limits import MAX_PIXELS

if TYPE_CHECKING:
    from wisp.clips.convert import Progress as Done
    from wisp.clips.selection import Selection

CodecOption: TypeAlias = Literal[
    "auto",
    "h264",
    "hevc",
    "av1",
    "prores4444",
    "vp9-alpha",
    "ffv1",
    "qtrle",
    "png-mov",
    "raw",
    "gif",
    "webp",
    "apng",
    "png",
]

BackgroundOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--background",
        metavar="FILE|VIDEO|COLOUR|blur[:S]|transparent|green",
        help="What goes behind the subject.",
    ),
]

_RESULT, _PART, _RUNNING = "Result", "Part", "Running"


def video_command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="A video file; a folder of frames as pictures, NAME.%04d.png or NAME.1001-1050.png; - is "
            "standard input (Matroska).",
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            "--out",
            "-o",
            metavar="OUT",
            help=".mp4, .mov, .webm, .mkv, .avi, .nut, .gif, .webp or .apng; a name without a suffix, or "
            "with a slash at its end, is a folder of PNG files; - is standard output.",
        ),
    ],
    background: BackgroundOption = "transparent",
    codec: Annotated[
        CodecOption,
        typer.Option("--codec", rich_help_panel=_RESULT, help="The suffix and alpha choose it."),
    ] = "auto",
    format: Annotated[
        Literal["mkv", "nut", "webm"] | None,
        typer.Option("--format", rich_help_panel=_RESULT, help="What goes to standard output; mkv."),
    ] = None,
    save_alpha: Annotated[
        str | None,
        typer.Option(
            "--save-alpha",
            metavar="OUT2",
            rich_help_panel=_RESULT,
            help="Write the alpha too, as a grey clip; lossless in .mkv, .mov, .avi and folders.",
        ),
    ] = None,
    save_foreground: Annotated[
        str | None,
        typer.Option(
            "--save-foreground",
            metavar="OUT3",
            rich_help_panel=_RESULT,
            help="Write the subject's own colours too, as a clip without alpha.",
        ),
    ] = None,
    keep_metadata: Annotated[
        bool,
        typer.Option(
            "--keep-metadata", rich_help_panel=_RESULT, help="Carry tags of camera and place over, too."
        ),
    ] = False,
    fps: Annotated[
        str | None,
        typer.Option(
            "--fps", metavar="N", rich_help_panel=_PART, help="Pictures a second: 24, 23.976, 30000/1001."
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--start", metavar="T", rich_help_panel=_PART, help="Begin at this time: seconds, M:S or H:M:S."
        ),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--end", metavar="T", rich_help_panel=_PART, help="End before this time.")
    ] = None,
    subject: o.SubjectOption = "auto",
    point: o.PointOption = None,
    point_out: o.PointOutOption = None,
    box: o.BoxOption = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="T",
            rich_help_panel="Guidance",
            help="Time of the frame that --point and --box are of; before it nobody is kept.",
        ),
    ] = None,
    method: o.ClipMethodOption = "auto",
    model: o.ModelOption = None,
    ssrn: o.SSRNOption = None,
    device: o.DeviceOption = "auto",
    precision: o.PrecisionOption = "auto",
    max_pixels: Annotated[
        int,
        typer.Option(
            "--max-pixels",
            min=1,
            metavar="N",
            rich_help_panel=_RUNNING,
            help="Refuse frames with more pixels than this.",
        ),
    ] = MAX_PIXELS,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", rich_help_panel=_RESULT, help="Go on with an interrupted folder of PNG files."
        ),
    ] = False,
    overwrite: o.OverwriteOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Cut the subject out of a clip, or set it on another background; sound comes along."""
    from wisp.clips.convert import Job, check_job, convert
    from wisp.clips.methods import alpha_method
    from wisp.engine.engine import Engine

    if format is not None and "-" not in (out, save_alpha, save_foreground):
        raise UsageError(f"--format: {format} is for standard output (-o -); of files the suffix says it")
    job = Job(
        source,
        out,
        background,
        codec,
        save_alpha,
        save_foreground,
        Fraction(0) if start is None else seconds("--start", start),
        None if end is None else seconds("--end", end),
        None if fps is None else frame_rate("--fps", fps),
        max_pixels,
        f".{format}" if format else "",
        keep_metadata,
        overwrite,
        resume,
        _recipe(method, model, device, precision, subject, ssrn),
    )
    selected = selection(point, point_out, box, at, subject=subject, method=method)
    if selected is not None:
        if resume:
            raise UsageError("--resume: has no first frame to select on; leave out one of the two")
        if selected.at is not None and (
            selected.at < job.start or (job.end is not None and selected.at >= job.end)
        ):
            raise UsageError(f"--at: is {at}, which is not taken; a time from --start to --end is accepted")
    with usage_errors():
        check_job(job)
        engine = Engine(device, precision)
        alpha_of = alpha_method(
            method, model=model, engine=engine, ssrn=ssrn, subject=subject, selected=selected
        )
    try:
        with _progress(quiet=quiet) as show:
            notes = convert(job, alpha_of, progress=show)
    except KeyboardInterrupt:
        from wisp.clips.io.folders import partial_of

        result = job.outputs[0]
        if result.codec.resumable and str(source) != "-":
            complain(f"{out}: stopped; --resume goes on with what is in {partial_of(result.folder).name}")
        raise
    for note in () if quiet else notes:
        complain(f"{source}: {note}")


def selection(
    point: list[str] | None,
    point_out: list[str] | None,
    box: str | None,
    at: str | None,
    *,
    subject: str,
    method: str,
) -> Selection | None:
    """Whom the options say to follow; None where they say nothing.

    Raises:
        UsageError: no such numbers, or options that would change nothing.
    """
    from wisp.clips.selection import Selection

    given = "--point" if point else "--box"
    if not point and box is None:
        for name, there in (("--point-out", bool(point_out)), ("--at", at is not None)):
            if there:
                raise UsageError(f"{name}: changes nothing without --point or --box; one of them is accepted")
        return None
    if subject != "auto":
        raise UsageError(
            f"--subject: changes nothing: {given} says what the subject is; one of the two is accepted"
        )
    if method != "auto":
        raise UsageError(f"{given}: changes nothing: method {method} follows nobody; method auto is accepted")
    inside, outside = (
        [o.numbers(name, text, 2, "column and row, such as 320,180,") for text in texts or []]
        for name, texts in (("--point", point), ("--point-out", point_out))
    )
    place = (
        None
        if box is None
        else o.numbers("--box", box, 4, "left, top, width and height, such as 10,20,64,48,")
    )
    with usage_errors():
        return Selection(
            tuple((x, y) for x, y in inside),
            tuple((x, y) for x, y in outside),
            None if place is None else (place[0], place[1], place[2], place[3]),
            None if at is None else seconds("--at", at),
        )


def frame_rate(name: str, text: str) -> Fraction:
    """Frames a second from ``24``, ``12.5``, ``30000/1001`` or, for that, ``29.97``.

    Raises:
        UsageError: anything else.
    """
    try:
        if not set(text) <= set("0123456789./"):
            raise ValueError
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= 1000:
        raise UsageError(f"{name}: is {text!r}; frames a second (24, 29.97, 30000/1001) are accepted")
    ntsc = Fraction(1000 * round(rate * 1001 / 1000), 1001)
    return ntsc if rate.denominator > 1 and abs(ntsc - rate) < Fraction(1, 200) else rate


def _recipe(
    method: str, model: str | None, device: str, precision: str, subject: str, ssrn: bool | None
) -> dict[str, str]:
    """The words that a frame's alpha depends on, for a resumed clip to be compared with."""
    import wisp

    described = model or ""
    if model is not None and Path(model).is_file():
        stat = Path(model).stat()
        described = f"{model} ({stat.st_size} bytes, {stat.st_mtime_ns})"
    words = {
        "method": method,
        "model": described,
        "device": device,
        "precision": precision,
        "subject": subject,
    }
    if ssrn is not None:
        words["ssrn"] = str(ssrn)
    return {**words, "wisp": wisp.__version__}


def seconds(name: str, text: str) -> Fraction:
    """A time from ``12.5``, ``1:02.5`` or ``1:00:00``.

    Raises:
        UsageError: anything else.
    """
    try:
        total = Fraction(0)
        parts = text.split(":")
        for part in parts:
            if not part or part[0] in "+-" or not set(part) <= set("0123456789."):
                raise ValueError
            total = 60 * total + Fraction(part)
        if len(parts) > 3:
            raise ValueError
    except ValueError:
        accepted = "seconds (12.5), M:S (1:02.5) or H:M:S is accepted"
        raise UsageError(f"{name}: is {text!r}; {accepted}") from None
    return total


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[Done], None]]:
    """A bar on stderr, where that is a terminal, with frames a second and the time left."""
    if quiet or not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.1f} frames a second"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, rate=0.0)
        began = time.monotonic()
        first: list[int] = []  # a resumed clip begins in the middle

        def show(progress: Done) -> None:
            first[:1] = first[:1] or [progress.done - 1]
            rate = (progress.done - first[0]) / max(time.monotonic() - began, 1e-3)
            total = max(progress.total, progress.done) if progress.total else None
            bar.update(task, completed=progress.done, total=total, rate=rate)

        yield show

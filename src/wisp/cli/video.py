"""``wisp video``: clips to clips with alpha, or with another background."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from wisp.cli import options as o
from wisp.cli.bundles import with_bundles
from wisp.cli.clips import FollowOptions, frame_rate, seconds
from wisp.cli.console import UsageError, complain, usage_errors
from wisp.core.limits import MAX_PIXELS

if TYPE_CHECKING:
    from wisp.clips.convert import Progress as Done

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


@dataclass(frozen=True)
class ResultOptions:
    """The options of what is written."""

    codec: Annotated[
        CodecOption,
        typer.Option("--codec", rich_help_panel=_RESULT, help="The suffix and alpha choose it."),
    ] = "auto"
    format: Annotated[
        Literal["mkv", "nut", "webm"] | None,
        typer.Option("--format", rich_help_panel=_RESULT, help="What goes to standard output; mkv."),
    ] = None
    save_alpha: Annotated[
        str | None,
        typer.Option(
            "--save-alpha",
            metavar="OUT2",
            rich_help_panel=_RESULT,
            help="Write the alpha too, as a grey clip; lossless in .mkv, .mov, .avi and folders.",
        ),
    ] = None
    save_foreground: Annotated[
        str | None,
        typer.Option(
            "--save-foreground",
            metavar="OUT3",
            rich_help_panel=_RESULT,
            help="Write the subject's own colours too, as a clip without alpha.",
        ),
    ] = None
    keep_metadata: Annotated[
        bool,
        typer.Option(
            "--keep-metadata", rich_help_panel=_RESULT, help="Carry tags of camera and place over, too."
        ),
    ] = False
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", rich_help_panel=_RESULT, help="Go on with an interrupted folder of PNG files."
        ),
    ] = False
    overwrite: o.OverwriteOption = False


@dataclass(frozen=True)
class PartOptions:
    """How fast pictures follow each other, and which part of the clip is taken."""

    fps: Annotated[
        str | None,
        typer.Option(
            "--fps", metavar="N", rich_help_panel=_PART, help="Pictures a second: 24, 23.976, 30000/1001."
        ),
    ] = None
    start: Annotated[
        str | None,
        typer.Option(
            "--start", metavar="T", rich_help_panel=_PART, help="Begin at this time: seconds, M:S or H:M:S."
        ),
    ] = None
    end: Annotated[
        str | None, typer.Option("--end", metavar="T", rich_help_panel=_PART, help="End before this time.")
    ] = None


@dataclass(frozen=True)
class MethodOptions:
    """The options of the method that mattes the frames."""

    method: o.ClipMethodOption = "auto"
    model: o.ModelOption = None
    ssrn: o.SSRNOption = None
    device: o.DeviceOption = "auto"
    precision: o.PrecisionOption = "auto"
    max_pixels: Annotated[
        int,
        typer.Option(
            "--max-pixels",
            min=1,
            metavar="N",
            rich_help_panel=_RUNNING,
            help="Refuse frames with more pixels than this.",
        ),
    ] = MAX_PIXELS
    quiet: o.QuietOption = False


@with_bundles
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
    *,
    result: ResultOptions,
    part: PartOptions,
    follow: FollowOptions,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="T",
            rich_help_panel="Guidance",
            help="Time of the frame that --point and --box are of; before it nobody is kept.",
        ),
    ] = None,
    by: MethodOptions,
) -> None:
    """Cut the subject out of a clip, or set it on another background; sound comes along."""
    from wisp.clips.convert import Job, check_job, convert
    from wisp.clips.methods import alpha_method
    from wisp.engine.engine import Engine

    if result.format is not None and "-" not in (out, result.save_alpha, result.save_foreground):
        problem = f"{result.format} is for standard output (-o -); of files the suffix says it"
        raise UsageError(f"--format: {problem}")
    job = Job(
        source,
        out,
        background,
        codec=result.codec,
        alpha_out=result.save_alpha,
        foreground_out=result.save_foreground,
        start=Fraction(0) if part.start is None else seconds("--start", part.start),
        end=None if part.end is None else seconds("--end", part.end),
        fps=None if part.fps is None else frame_rate("--fps", part.fps),
        max_pixels=by.max_pixels,
        piped=f".{result.format}" if result.format else "",
        keep_metadata=result.keep_metadata,
        overwrite=result.overwrite,
        resume=result.resume,
        recipe=_recipe(by, follow.subject),
    )
    selected = follow.selection(by.method, at)
    if selected is not None:
        if result.resume:
            raise UsageError("--resume: has no first frame to select on; leave out one of the two")
        if selected.at is not None and (
            selected.at < job.start or (job.end is not None and selected.at >= job.end)
        ):
            raise UsageError(f"--at: is {at}, which is not taken; a time from --start to --end is accepted")
    with usage_errors():
        check_job(job)
        alpha_of = alpha_method(
            by.method,
            model=by.model,
            engine=Engine(by.device, by.precision),
            ssrn=by.ssrn,
            subject=follow.subject,
            selected=selected,
        )
    try:
        with _progress(quiet=by.quiet) as show:
            notes = convert(job, alpha_of, progress=show)
    except KeyboardInterrupt:
        from wisp.clips.io.folders import partial_of

        first = job.outputs[0]
        if first.codec.resumable and str(source) != "-":
            complain(f"{out}: stopped; --resume goes on with what is in {partial_of(first.folder).name}")
        raise
    for note in () if by.quiet else notes:
        complain(f"{source}: {note}")


def _recipe(by: MethodOptions, subject: str) -> dict[str, str]:
    """The words that a frame's alpha depends on, for a resumed clip to be compared with."""
    import wisp

    described = by.model or ""
    if by.model is not None and Path(by.model).is_file():
        stat = Path(by.model).stat()
        described = f"{by.model} ({stat.st_size} bytes, {stat.st_mtime_ns})"
    words = {
        "method": by.method,
        "model": described,
        "device": by.device,
        "precision": by.precision,
        "subject": subject,
    }
    if by.ssrn is not None:
        words["ssrn"] = str(by.ssrn)
    return {**words, "wisp": wisp.__version__}


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

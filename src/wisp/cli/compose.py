"""``wisp compose``: foregrounds on backgrounds, as a data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from wisp.cli import options as o
from wisp.cli.console import UsageError, complain, complain_of_exception, progress, usage_errors
from wisp.cli.jobs import Gate, end_process, job_count, run_jobs
from wisp.core.errors import WispError

if TYPE_CHECKING:
    from wisp.data.composites import Composite

FRAMES: Final = 60
SIZE: Final = "960x540"
"""Of clips, where nothing is asked for."""


def compose_command(
    foregrounds: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOREGROUNDS",
            help="Folders of cut-outs, with fg/ and alpha/, with image/ and alpha/, or published data sets.",
        ),
    ],
    backgrounds: Annotated[
        Path, typer.Option("--backgrounds", "-b", metavar="DIR", help="Folder of photos to go behind.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="Folder of the composites.")],
    split: Annotated[
        Literal["train", "test"] | None,
        typer.Option(
            help="Part of the foregrounds: the authors' own, else nine tenths and one tenth of the subjects "
            "[default: train where there are parts, else all]."
        ),
    ] = None,
    per_foreground: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Backgrounds a foreground [default: 100; 20 for --split test]."
        ),
    ] = None,
    order: Annotated[
        Literal["listed", "names", "random"],
        typer.Option(help="Which backgrounds: as the set's authors list them, in order of names, or drawn."),
    ] = "listed",
    seed: Annotated[int, typer.Option(min=0, help="Of what is drawn.")] = 0,
    names: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Text file with the names of the foregrounds to take, one a line."),
    ] = None,
    trimaps: Annotated[bool, typer.Option("--trimaps", help="Write trimap/ too.")] = False,
    layers: Annotated[bool, typer.Option("--layers", help="Write fg/ and bg/ too.")] = False,
    video: Annotated[
        bool, typer.Option("--video", help="Write clips: both layers move, and alpha is exact in each frame.")
    ] = False,
    frames: Annotated[
        int | None, typer.Option(min=1, metavar="N", help=f"With --video: frames a clip [default: {FRAMES}].")
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(metavar="WxH", help=f"With --video: size of the clips, pixels [default: {SIZE}]."),
    ] = None,
    jobs: o.JobsOption = 0,
    overwrite: o.OverwriteOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Write a composited data set: every foreground on N backgrounds, with its exact alpha.

    Run again after an interruption, it makes what is missing.
    """
    from wisp.data import composed, composites, layouts, selection

    for option, given in (("--frames", frames), ("--size", size)):
        if given is not None and not video:
            raise UsageError(f"{option}: changes nothing without --video, since it is of clips")
    if video and trimaps:
        raise UsageError("--trimaps: changes nothing with --video; it is accepted without")
    wanted = composed.parts(trimaps=trimaps, layers=layers)
    with usage_errors():
        collections = selection.merge([layouts.read_folder(folder, split) for folder in foregrounds])
        if names is not None:
            collections = selection.select(collections, selection.read_names(names), names)
        usual = 1 if video else composites.PER_FOREGROUND[split or "train"]
        count = per_foreground or usual
        planned = composites.plan(collections, backgrounds, count=count, order=order, seed=seed)
        if not planned:
            raise UsageError(f"{', '.join(map(str, foregrounds))}: no foreground is left to compose")
    if video:
        shape = _size(size or SIZE)
        _make_clips(
            planned, out, frames or FRAMES, shape, seed, layers=layers, overwrite=overwrite, quiet=quiet
        )
        return
    with usage_errors():
        todo = composed.prepare(out, planned, wanted, overwrite=overwrite)
    failed = _make(todo, out, jobs, trimaps=trimaps, layers=layers, quiet=quiet)
    if not quiet:
        there = len(planned) - len(todo)
        already = f", {there} of them already there" if there else ""
        complain(f"{out}: {len(planned) - failed} composites{already}")
    if failed:
        raise typer.Exit(1)


def _make(todo: list[Composite], out: Path, jobs: int, *, trimaps: bool, layers: bool, quiet: bool) -> int:
    """Make composites, several foregrounds at a time; how many of them failed, each told in a line."""
    from wisp.data import composed, composites

    failed: list[str] = []

    def work(block: list[Composite], gate: Gate) -> None:
        known: dict[str, bytes] = {}
        try:
            photo = block[0].entry.load()
            foreground = composites.foreground_of(photo)
        except (WispError, MemoryError) as error:
            failed.extend(composite.name for composite in block)
            complain(str(error) or f"{block[0].entry.photo}: there is not enough memory")
            return
        except Exception as error:  # a bug must not take the other foregrounds along
            failed.extend(composite.name for composite in block)
            complain_of_exception(error, block[0].entry.photo)
            return
        for composite in block:
            try:
                pictures = composites.render(composite, photo, foreground, trimap=trimaps, layers=layers)
                encoded = composed.encode(pictures, known)
                with gate.writing():
                    composed.store(composite, out, encoded)
            except (WispError, MemoryError) as error:
                failed.append(composite.name)
                complain(str(error) or f"{composite.name}: there is not enough memory")
            except Exception as error:  # nor the other composites
                failed.append(composite.name)
                complain_of_exception(error, composite.name)
            advance()

    blocks = list(composed.blocks(todo))
    try:
        with progress(len(todo), quiet=quiet) as advance:
            run_jobs(blocks, work, lambda: None, job_count(jobs, len(blocks)))
    except KeyboardInterrupt:
        complain("interrupted")
        end_process(130)
    return len(failed)


def _make_clips(
    planned: Sequence[Composite],
    out: Path,
    frames: int,
    size: tuple[int, int],
    seed: int,
    *,
    layers: bool,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Make clips one after the other, each told in a line if it fails; those that are there already stay."""
    from wisp.data.clip_files import ClipPlan, make_clip, prepare_clips
    from wisp.data.clips import scenario

    plans = [
        ClipPlan(composite, scenario(index, size, frames=frames, seed=seed))
        for index, composite in enumerate(planned)
    ]
    with usage_errors():
        todo = prepare_clips(out, plans, layers=layers, overwrite=overwrite)
    failed = 0
    with progress(len(todo), quiet=quiet) as advance:
        for plan in todo:
            try:
                make_clip(plan, out, layers=layers)
            except (WispError, MemoryError) as error:
                failed += 1
                complain(str(error) or f"{plan.name}: there is not enough memory")
            advance()
    if not quiet:
        there = len(plans) - len(todo)
        complain(
            f"{out}: {len(plans) - failed} clips" + (f", {there} of them already there" if there else "")
        )
    if failed:
        raise typer.Exit(1)


def _size(text: str) -> tuple[int, int]:
    """Height and width from ``WxH``."""
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise UsageError(f"--size: is {text!r}; a width and a height, as 960x540, are accepted")
    return int(height), int(width)

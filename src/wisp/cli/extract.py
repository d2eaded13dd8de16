"""``wisp extract``: cut-outs from photos and clips on plain backgrounds, screens or known ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from wisp.cli import options as o
from wisp.cli.batches import Advance, run_batch
from wisp.cli.console import UsageError, complain, usage_errors
from wisp.core.errors import InputError
from wisp.core.limits import MAX_PIXELS

if TYPE_CHECKING:
    from wisp.cli.jobs import Gate
    from wisp.core.arrays import Bits, Image, Matte
    from wisp.io.batch import Job, Plan
    from wisp.keying.extract import Known

VIDEO_SUFFIXES: Final = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mts", ".mpg", ".mpeg"})

_BACKGROUND: Final = "Background"


def extract_command(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT", help="Photos, folders of photos, or one video file.")
    ],
    out: Annotated[
        str,
        typer.Option(
            "--out", "-o", metavar="OUT", help="A file for one photo, a folder for several or for a video."
        ),
    ],
    screen: Annotated[
        str,
        typer.Option(
            metavar="auto|COLOUR",
            rich_help_panel=_BACKGROUND,
            help="Rough colour of the plain background (a CSS name or #rrggbb); auto finds it.",
        ),
    ] = "auto",
    plate: Annotated[
        Path | None,
        typer.Option(
            metavar="F", rich_help_panel=_BACKGROUND, help="Photo of the background without the subject."
        ),
    ] = None,
    second: Annotated[
        Path | None,
        typer.Option(
            metavar="F",
            rich_help_panel=_BACKGROUND,
            help="Photo of the same subject on another background; a folder of the same names for several.",
        ),
    ] = None,
    second_plate: Annotated[
        Path | None,
        typer.Option(metavar="F", rich_help_panel=_BACKGROUND, help="That background without the subject."),
    ] = None,
    reach: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="FRACTION",
            help="How deep inside, over the longer side, the subject is surely opaque [default: 0.0375].",
        ),
    ] = None,
    despill: Annotated[
        bool, typer.Option("--despill", help="Take a green or blue screen's light off the subject.")
    ] = False,
    every: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Every how many frames of a video one is taken.")
    ] = None,
    save_alpha: o.SaveAlphaOption = None,
    save_foreground: o.SaveForegroundOption = None,
    bits: o.BitsOption = None,
    format: o.FormatOption = None,
    jobs: o.JobsOption = 0,
    page: o.PageOption = None,
    max_pixels: o.MaxPixelsOption = MAX_PIXELS,
    overwrite: o.OverwriteOption = False,
    skip_existing: o.SkipExistingOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Pull exact mattes off photos whose background is plain or known: ground truth of one's own.

    The cut-outs are what `wisp compose` and `wisp train` take.
    """
    videos = [name for name in inputs if Path(name).suffix.lower() in VIDEO_SUFFIXES]
    _check_words(inputs, videos, every=every, second=second, second_plate=second_plate, reach=reach)
    if videos and (save_alpha or save_foreground):
        raise UsageError(
            "--save-alpha, --save-foreground: the frames of a video hold both; photos are accepted"
        )
    if skip_existing and (videos or overwrite):
        raise UsageError(
            f"--skip-existing: goes with photos, and not with {'--overwrite' if overwrite else 'videos'}"
        )
    with usage_errors():
        known = _known(screen, plate, second_plate, reach, despill=despill, max_pixels=max_pixels)
    if videos:
        _extract_frames(
            Path(videos[0]), Path(out), every or 1, known, o.as_bits(bits), format, overwrite=overwrite
        )
        return

    from wisp.io.batch import plan

    with usage_errors():
        todo = plan(
            inputs,
            out,
            format=format,
            save_alpha=save_alpha,
            save_foreground=save_foreground,
            others=[path for path in (plate, second, second_plate) if path is not None],
            overwrite=overwrite,
            skip_existing=skip_existing,
        )
        seconds = _seconds(todo, Path(out), second)

    def work(job: Job, gate: Gate, advance: Advance) -> tuple[str, ...]:
        _extract_one(
            job,
            seconds.get(job.input),
            known,
            gate,
            format=format,
            bits=o.as_bits(bits),
            page=page,
            max_pixels=max_pixels,
            overwrite=overwrite,
            folder=todo.folder,
        )
        return ()

    run_batch(todo, work, jobs=jobs, quiet=quiet)


def _check_words(
    inputs: Sequence[str],
    videos: Sequence[str],
    *,
    every: int | None,
    second: Path | None,
    second_plate: Path | None,
    reach: float | None,
) -> None:
    if videos and len(inputs) > 1:
        raise UsageError(f"{videos[0]}: is a video among several inputs; one video alone is accepted")
    if videos and second is not None:
        raise UsageError("--second: goes with a video; photos are accepted")
    if every is not None and not videos:
        known = ", ".join(sorted(VIDEO_SUFFIXES))
        raise UsageError(f"--every: {inputs[0]} is no video; {known} are accepted")
    if second_plate is not None and second is None:
        raise UsageError("--second-plate: is given without --second")
    if reach == 0:
        raise UsageError("--reach: is 0; a part of the longer side above 0 is accepted")


def _known(
    screen: str,
    plate: Path | None,
    second_plate: Path | None,
    reach: float | None,
    *,
    despill: bool,
    max_pixels: int,
) -> Known:
    from wisp.compositing.backgrounds import parse_colour
    from wisp.io.images import read_photo
    from wisp.keying.extract import Known
    from wisp.keying.pull import REACH

    if screen != "auto" and plate is not None:
        raise UsageError("--screen and --plate are both given; one of them is accepted")
    plates = [
        None if path is None else read_photo(path, max_pixels=max_pixels).image
        for path in (plate, second_plate)
    ]
    return Known(
        colour=None if screen == "auto" else parse_colour(screen),
        plate=plates[0],
        second_plate=plates[1],
        reach=REACH if reach is None else reach,
        despill=despill,
    )


def _seconds(todo: Plan, out: Path, second: Path | None) -> dict[Path, Path]:
    """The second photo of each job: the file given, or those of a folder with the same names.

    Raises:
        InputError: a file where a folder is needed or the reverse, or a photo without a partner.
    """
    from wisp.io.atomic import same_file

    if second is None:
        return {}
    if not todo.folder:
        if second.is_dir():
            raise InputError(second, "is a folder", "a file is accepted with one input")
        return {job.input: second for job in todo.jobs}
    if not second.is_dir():
        problem = "is a file" if second.exists() else "does not exist"
        raise InputError(second, problem, "a folder is accepted with several inputs or a folder")
    found = {}
    for job in todo.jobs:
        name = job.output.relative_to(out).with_suffix("")
        partners = [
            path
            for path in sorted((second / name).parent.glob("*"))
            if name.name in (path.name, path.stem) and path.is_file()
        ]
        if not partners:
            raise InputError(job.input, "has no second photo", f"a file {second / name}.* is accepted")
        if any(same_file(partners[0], output) for output in job.outputs):
            raise InputError(partners[0], "is an input; inputs are never overwritten")
        found[job.input] = partners[0]
    return found


def _extract_one(
    job: Job,
    second: Path | None,
    known: Known,
    gate: Gate,
    *,
    format: o.FormatName | None,
    bits: Bits | None,
    page: int | None,
    max_pixels: int,
    overwrite: bool,
    folder: bool,
) -> None:
    from dataclasses import replace

    import numpy as np

    from wisp.io.atomic import write_files
    from wisp.io.formats import format_of
    from wisp.io.images import encode_image, read_photo

    photo = read_photo(job.input, page=page, max_pixels=max_pixels)
    other = None if second is None else read_photo(second, max_pixels=max_pixels).image
    _check_sizes(
        photo.image, {str(second): other, "--plate": known.plate, "--second-plate": known.second_plate}
    )
    matte = _extracted(photo.image, other, known)
    if photo.alpha is not None:
        matte = replace(matte, alpha=np.minimum(matte.alpha, photo.alpha))
    pictures = {job.output: matte.rgba()}
    if job.alpha_out is not None:
        pictures[job.alpha_out] = matte.alpha
    if job.foreground_out is not None:
        pictures[job.foreground_out] = matte.foreground
    contents = {
        str(path): encode_image(
            pixels, format_of(path, format if path == job.output else None), bits=bits, like=photo, name=path
        )
        for path, pixels in pictures.items()
    }
    with gate.writing():
        if folder:
            job.make_folders()
        write_files(contents, overwrite=overwrite)


def _extract_frames(
    video: Path,
    out: Path,
    every: int,
    known: Known,
    bits: Bits | None,
    format: o.FormatName | None,
    *,
    overwrite: bool,
) -> None:
    """Every n-th frame of a video as a cut-out of its own, ``STEM_000000.png``, numbered as in the video."""
    from wisp.clips.io.read import open_clip
    from wisp.io.atomic import reason, write_files
    from wisp.io.formats import FORMATS, check_holds
    from wisp.io.images import encode_image

    row = FORMATS[format or "png"]
    with usage_errors():
        check_holds(out / "*", row, alpha=True, bits=bits or row.bits[0], width=1, height=1)
        if out.exists() and not out.is_dir():
            raise InputError(out, "is a file", "a folder is accepted for a video")
        there = sorted(out.glob(f"{video.stem}_*{row.suffix}")) if out.is_dir() else []
        if there and not overwrite:
            raise InputError(there[0], "exists already", "--overwrite replaces")
    with open_clip(video) as clip:
        for frame in clip.frames():
            if frame.index % every:
                continue
            image = frame.image
            name = out / f"{video.stem}_{frame.index:06d}{row.suffix}"
            _check_sizes(image, {"--plate": known.plate})
            try:
                matte = _extracted(image, None, known)
            except InputError as error:
                raise InputError(f"{video}, frame {frame.index}", error.problem, error.accepted) from error
            content = encode_image(matte.rgba(), row, bits=bits or (16 if frame.pixels.itemsize == 2 else 8))
            try:
                out.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(out, f"the folder cannot be created: {reason(error)}") from error
            write_files({str(name): content}, overwrite=overwrite)
        for note in clip.notes:
            complain(f"{video}: {note}")


def _extracted(image: Image, second: Image | None, known: Known) -> Matte:
    from wisp.keying.extract import extract_matte

    return extract_matte(image, second, known)


def _check_sizes(image: Image, others: dict[str, Image | None]) -> None:
    from wisp.core.arrays import check_same_size

    for name, other in others.items():
        if other is not None:
            check_same_size(name, other, "upright photo", image)

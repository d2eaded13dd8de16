"""What ``cutout`` and ``replace`` share: files are planned before any work, then photos become results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wisp.cli.batches import Advance, count_kinds, run_batch
from wisp.cli.console import usage_errors
from wisp.cli.options import PhotoOptions
from wisp.core.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from wisp.cli.jobs import Gate
    from wisp.io.batch import Job, Plan
    from wisp.io.images import Photo, Pixels
    from wisp.pipeline import Result

    Finish = Callable[[Photo, Result], Pixels]


def process(
    inputs: Sequence[str], options: PhotoOptions, finish: Finish, *, opaque: bool, others: Sequence[str] = ()
) -> None:
    """Turn photos into results, and end with exit code 1 if any of them failed.

    Args:
        inputs: files, folders, or ``-``.
        options: what the user asked for.
        finish: makes the pixels to write of a photo and its matte.
        opaque: whether those have no alpha channel.
        others: further files that are read, and so must not be overwritten.

    Raises:
        UsageError: nothing to do, or what is bound to fail whatever the files hold.
    """
    with usage_errors():
        todo = _plan(inputs, options, opaque=opaque, others=others)
        if todo.jobs:
            _load_network(options)

    def work(job: Job, gate: Gate, advance: Advance) -> tuple[str, ...]:
        return _process_one(job, options, finish, gate, advance, folder=todo.folder, opaque=opaque)

    run_batch(todo, work, jobs=options.jobs, quiet=options.quiet)


def _plan(inputs: Sequence[str], options: PhotoOptions, *, opaque: bool, others: Sequence[str]) -> Plan:
    from wisp.engine.models import find_model
    from wisp.engine.peers.chosen import chosen_peer
    from wisp.io.batch import plan
    from wisp.io.formats import FORMATS, READABLE, check_holds, format_of
    from wisp.methods import check_options

    check_options(
        options.method,
        trimap=options.trimap is not None,
        mask=options.mask is not None,
        alpha=options.alpha is not None,
        plate=options.plate is not None,
        width=options.width is not None,
        refine=options.refine,
        subject=options.subject,
        smooth=options.smooth,
        ssrn=options.ssrn,
        model=options.model,
        device=options.device,
        precision=options.precision,
        prefix="--",
    )
    if options.overwrite and options.skip_existing:
        problem = "are both given, and say two things of outputs that exist"
        raise InputError("--overwrite and --skip-existing", problem, "one of the two is accepted")
    family = _family(options)
    if options.model is not None and family is not None and chosen_peer(options.model) is None:
        find_model(options.model, family)
    todo = plan(
        inputs,
        options.out,
        format=options.format,
        opaque=opaque,
        save_alpha=options.save_alpha,
        save_foreground=options.save_foreground,
        trimap=options.trimap,
        mask=options.mask,
        alpha=options.alpha,
        plate=options.plate,
        others=others,
        overwrite=options.overwrite,
        skip_existing=options.skip_existing,
    )
    if todo.jobs:
        row = format_of(todo.jobs[0].output, options.format)
        if options.depth is not None:
            check_holds(options.out, row, alpha=not opaque, bits=options.depth, width=1, height=1)
        beside = todo.jobs[0].foreground_out
        for held in (row, *([] if beside is None else [format_of(beside)])):
            if options.keep_metadata and not held.exif:
                able = ", ".join(name for name, other in FORMATS.items() if other.exif)
                raise InputError("--keep-metadata", f"{held.name} cannot hold EXIF", f"{able} can")
    if todo.jobs or todo.errors or todo.existing:
        return todo
    if todo.unread:
        problem = f"holds only pictures of kinds that wisp does not read: {count_kinds(todo.unread)}"
        raise InputError(", ".join(map(str, inputs)), problem, READABLE)
    raise InputError(", ".join(map(str, inputs)), "holds no pictures", READABLE)


def _load_network(options: PhotoOptions) -> None:
    """Load the network, so that what is wrong with it is told once, and not for every photo."""
    from wisp.engine.engine import shared_engine
    from wisp.engine.models import find_model
    from wisp.engine.peers.chosen import chosen_peer, loaded_peer

    engine = shared_engine(options.device, options.precision)
    peer = chosen_peer(options.model)
    if peer is not None:
        loaded_peer(peer, engine)
        return
    family = _family(options)
    if family is not None:
        engine.session_of(find_model(options.model, family))


def _family(options: PhotoOptions) -> str | None:
    """The family of the network that ``--model`` replaces; None where none runs."""
    from wisp.methods import family_used

    return family_used(
        options.method,
        trimap=options.trimap is not None or options.width is not None,
        mask=options.mask is not None and options.width is None,
        alpha=options.alpha is not None,
    )


def _process_one(
    job: Job,
    options: PhotoOptions,
    finish: Finish,
    gate: Gate,
    progress: Advance,
    *,
    folder: bool,
    opaque: bool,
) -> tuple[str, ...]:
    """One photo to its files; what there is to tell the user."""
    from wisp.core.arrays import check_same_size
    from wisp.engine.engine import shared_engine
    from wisp.io.atomic import write_files
    from wisp.io.formats import format_of
    from wisp.io.guidance import read_alpha, read_mask, read_trimap
    from wisp.io.images import encode_image, read_photo
    from wisp.pipeline import NO_SUBJECT, run

    photo = read_photo(job.input, page=options.page, max_pixels=options.max_pixels)
    if options.ignore_alpha:
        photo = replace(photo, alpha=None)
    readers: dict[str, Callable[..., Any]] = {"trimap": read_trimap, "mask": read_mask, "alpha": read_alpha}
    guidance: dict[str, Any] = {}
    for kind, file in (("trimap", job.trimap), ("mask", job.mask), ("alpha", job.alpha)):
        if file is not None:
            guidance[kind] = readers[kind](file, max_pixels=options.max_pixels)
            check_same_size(str(file), guidance[kind], "upright photo", photo.image)
    if job.plate is not None:
        guidance["plate"] = read_photo(job.plate, max_pixels=options.max_pixels).image
        check_same_size(str(job.plate), guidance["plate"], "upright photo", photo.image)
    result = run(
        photo.image,
        method=options.method,
        width=options.width,
        refine=options.refine,
        smooth=options.smooth,
        ssrn=options.ssrn,
        subject=options.subject,
        model=options.model,
        engine=shared_engine(options.device, options.precision),
        opacity=photo.alpha,
        progress=progress,
        **guidance,
    )
    if NO_SUBJECT in result.notes and (options.strict or opaque):
        accepted = "a photo with a subject, or guidance (--mask, --trimap, --alpha), is accepted"
        raise InputError(str(job.input), "shows no subject, and nothing is written", accepted)
    pictures: dict[Path, Pixels] = {job.output: finish(photo, result)}
    if job.alpha_out is not None:
        pictures[job.alpha_out] = result.matte.alpha
    if job.foreground_out is not None:
        pictures[job.foreground_out] = result.matte.foreground
    contents = {
        str(path): encode_image(
            pixels,
            format_of(path, options.format if path == job.output else None),
            bits=options.depth,
            like=photo,
            keep_metadata=options.keep_metadata,
            name=path,
        )
        for path, pixels in pictures.items()
    }
    with gate.writing():
        if folder:
            job.make_folders()
        write_files(contents, overwrite=options.overwrite)
    if (
        folder
        or result.finding is None
        or result.finding.describe() in result.notes
        or NO_SUBJECT in result.notes
    ):
        return result.notes
    return (result.finding.describe(), *result.notes)

"""A batch of photos at work: each fails by itself, and what was left out is told at its end."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

import typer

from wisp.cli.console import complain, complain_of_exception, shares, tell_memory
from wisp.cli.jobs import Gate, end_process, job_count, run_jobs
from wisp.core.errors import InputError, WispError, is_out_of_memory

if TYPE_CHECKING:
    from wisp.io.batch import Job, Plan

Advance: TypeAlias = Callable[[float], None]
"""Is told the share of a photo that is done so far, [0, 1]."""


def run_batch(
    todo: Plan, work: Callable[[Job, Gate, Advance], Iterable[str]], *, jobs: int, quiet: bool
) -> None:
    """Turn every photo of a plan into files, several at a time, and tell each that failed in a line.

    Args:
        todo: the plan, whose own errors are told first.
        work: makes one photo's files, as far as it is done telling its share; gives what there is to tell.
        jobs: photos at a time; 0 is what cores and memory allow.
        quiet: whether to show no progress and tell nothing but errors.

    Raises:
        Exit: with code 1 if any of them failed.
    """
    for error in todo.errors:
        complain(error)
    failed: list[object] = list(todo.errors)

    def attempt(job: Job, gate: Gate, advance: Advance) -> None:
        done = 0.0

        def tell(share: float) -> None:
            nonlocal done
            if share == 1.0 or share - done > 0.001:  # and a residual may rise for a while
                advance(share - done)
                done = share

        try:
            notes = work(job, gate, tell)
        except (WispError, MemoryError) as error:
            failed.append(job.input)
            complain(_naming(job, error))
        except Exception as error:  # a bug must not take the other photos along
            failed.append(job.input)
            complain_of_exception(error, job.input)
        else:
            for note in () if quiet else notes:
                complain(f"{job.input}: {note}")
        finally:
            tell(1.0)

    try:
        with shares(len(todo.jobs), quiet=quiet) as advance, _warnings_as_lines(quiet):
            run_jobs(
                todo.jobs,
                lambda job, gate: attempt(job, gate, advance),
                lambda: None,
                job_count(jobs, len(todo.jobs)),
            )
    except KeyboardInterrupt:
        complain("interrupted; --skip-existing goes on" if len(todo.jobs) > 1 else "interrupted")
        end_process(130)
    if not quiet:
        _tell_what_was_left_out(todo)
    if failed:
        raise typer.Exit(1)


def count_kinds(unread: Mapping[str, int]) -> str:
    """Suffixes with how many pictures there are of each, as words."""
    return ", ".join(f"{count} {suffix}" for suffix, count in sorted(unread.items()))


def _tell_what_was_left_out(todo: Plan) -> None:
    if todo.existing:
        photos = "photo" if todo.existing == 1 else "photos"
        complain(f"{todo.existing} {photos} skipped: what they would become exists")
    if todo.skipped:
        complain(f"{todo.skipped} {'file' if todo.skipped == 1 else 'files'} skipped: no pictures")
    if todo.unread:
        count = sum(todo.unread.values())
        pictures = "picture" if count == 1 else "pictures"
        complain(f"{count} {pictures} skipped, of kinds that wisp does not read: {count_kinds(todo.unread)}")


@contextmanager
def _warnings_as_lines(quiet: bool) -> Iterator[None]:
    """Tell ignored profiles and painted trimaps in a line each; of all else, results carry notes."""
    from wisp.core.arrays import TrimapWarning
    from wisp.io.profiles import ProfileWarning

    def tell(message: Warning | str, *_: object, **__: object) -> None:
        complain(message)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not quiet:
            for kind in (ProfileWarning, TrimapWarning):
                warnings.simplefilter("always", kind)
            warnings.showwarning = tell
        yield


def _naming(job: Job, error: Exception) -> str:
    """The error's text, beginning with a file of this photo."""
    text = tell_memory(error) if is_out_of_memory(error) else str(error)
    if not isinstance(error, InputError):
        return f"{job.input}: {text}"
    if error.name == "image":
        return str(InputError(job.input, error.problem, error.accepted))
    return text if error.name in map(str, (*job.inputs, *job.outputs)) else f"{job.input}: {text}"

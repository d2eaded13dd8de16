"""What the command line prints on stderr: one line an error, and a progress bar."""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

import typer

from wisp.core.errors import MissingInputError, WispError, is_out_of_memory

if TYPE_CHECKING:
    from rich.progress import Progress

WAIT: Final = 1.0
"""Seconds of work before `shares` shows a bar: photos that are done by then need none."""


class UsageError(WispError):
    """The command line asks for something that cannot be done, whatever is in the files: exit code 2."""


@contextmanager
def usage_errors() -> Iterator[None]:
    """Make every `WispError` inside a `UsageError`: for what is checked before any work starts.

    A photo or clip that is not there stays what it is: an input that failed.
    """
    try:
        yield
    except MissingInputError:
        raise
    except WispError as error:
        raise UsageError(str(error)) from error


def complain(text: object) -> None:
    """Print ``wisp: text`` on stderr: one line whatever it holds, and one for each item indented by two."""
    lines = (" ".join(line.split()) for line in str(text).split("\n  "))
    typer.echo("wisp: " + "\n  ".join(lines), err=True)


def tell_memory(error: BaseException) -> str:
    """An error of a machine without memory in those words, with what more it says."""
    words, more = "there is not enough memory", str(error).strip().partition("\n")[0]
    if words in more:
        return more
    return f"{words} ({more})" if more else words


def complain_of_exception(error: Exception, name: object = "") -> None:
    """Print an error that is no `WispError`, as one line; the traceback of a bug where WISP_DEBUG is set.

    A machine without memory, and a path that the system refuses (a folder that may not be entered, too long a
    name), are told as that; everything else is a bug.
    """
    where = f"{name}: " if name else ""
    if is_out_of_memory(error):
        complain(f"{where}{tell_memory(error)}")
        return
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        complain(f"{error.filename}: {error.strerror[0].lower()}{error.strerror[1:]}")
    else:
        complain(f"{where}unexpected {type(error).__name__}: {error}; WISP_DEBUG=1 shows where it comes from")
    if os.environ.get("WISP_DEBUG"):
        traceback.print_exception(error)


@contextmanager
def progress(total: int, *, quiet: bool) -> Iterator[Callable[[], None]]:
    """A progress bar on stderr for several files, where stderr is a terminal.

    Args:
        total: how many files there are.
        quiet: show nothing.

    Yields:
        What to call after each file.
    """
    if quiet or total < 2 or not sys.stderr.isatty():
        yield lambda: None
        return
    with _bar(total) as bar:
        yield lambda: bar.advance(bar.task_ids[0])


@contextmanager
def shares(total: int, *, quiet: bool) -> Iterator[Callable[[float], None]]:
    """A progress bar on stderr, where stderr is a terminal, for files that tell how far each of them is.

    For a single file it is in per cent, and appears only when that takes longer than `WAIT`.

    Args:
        total: how many files there are.
        quiet: show nothing.

    Yields:
        What to call, from any thread, with each further share of a file that is done; a file's add up to 1.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda share: None
        return
    lock, began, done, ended = threading.Lock(), time.monotonic(), 0.0, False
    bar: Progress | None = None
    with ExitStack() as stack:
        if total > 1:
            bar = stack.enter_context(_bar(total))

        def advance(share: float) -> None:
            nonlocal bar, done
            with lock:
                done += share
                late = time.monotonic() - began >= WAIT and done < total - 1e-6
                if bar is None and late and not ended:
                    bar = stack.enter_context(_bar(total))
                if bar is not None:
                    bar.update(bar.task_ids[0], completed=round(done, 6))

        try:
            yield advance
        finally:
            with lock:  # a thread that computes on after an interruption opens no bar
                ended = True


def _bar(total: int) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TimeRemainingColumn

    count = MofNCompleteColumn() if total > 1 else TaskProgressColumn()
    bar = Progress(BarColumn(), count, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
    bar.add_task("", total=total)
    return bar

"""What the command line prints on stderr: one line an error, and a progress bar."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from wisp.core.errors import MissingInputError, WispError


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
    """Print ``wisp: text`` on stderr, as one line whatever `text` holds."""
    typer.echo(f"wisp: {' '.join(str(text).split())}", err=True)


def tell_memory(error: BaseException) -> str:
    """An error of a machine without memory in those words, with what more it says."""
    words, more = "there is not enough memory", str(error).strip().partition("\n")[0]
    if words in more:
        return more
    return f"{words} ({more})" if more else words


def complain_of_bug(error: Exception, name: object = "") -> None:
    """Print an error nobody expected, as one line; its traceback follows where WISP_DEBUG is set."""
    where = f"{name}: " if name else ""
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
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)

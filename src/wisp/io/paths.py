"""What a path on a command line means before anything is opened: an address, a folder, a device, a stream."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final

from wisp.core.errors import InputError

STDIO: Final = "-"
"""Standard input or output in a path's place."""

_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/|data:")
_STDOUT: Final = frozenset({"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})
_STDIN: Final = frozenset({"/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})
_SHOWN: Final = 60


def refuse_address(path: object) -> None:
    """Raise `InputError` if a path is really an address (``https://…``) and no such file exists."""
    text = str(path)
    if _ADDRESS.match(text) and not Path(text[:255]).exists():
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        raise InputError(shown, "is an address", "a file is accepted; download it first")


def output_path(path: Path | str) -> str:
    """A path that is written to; the system's names of standard output become ``-``.

    Raises:
        InputError: it is an address.
    """
    refuse_address(path)
    return STDIO if str(path) in _STDOUT else str(path)


def input_path(path: Path | str) -> str:
    """A path that is read; the system's names of standard input become ``-``.

    Raises:
        InputError: it is an address.
    """
    refuse_address(path)
    return STDIO if str(path) in _STDIN else str(path)


def means_folder(path: Path | str) -> bool:
    """Whether a path says by itself that it is a folder: one that exists, or with a slash at its end."""
    separators = tuple(filter(None, (os.sep, os.altsep)))
    return str(path).endswith(separators) or Path(path).is_dir()


def is_special(path: Path | str) -> bool:
    """Whether a path leads to a device, a pipe or a socket: what can be written to but not renamed over.

    What /dev/stdout or /dev/fd/3 lead to may have no name in the file system.
    """
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - through links
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))

"""Files below a folder: each once, links followed, and which of them are photos."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from wisp.core.errors import InputError
from wisp.io.formats import (
    READABLE_SUFFIXES,
    SNIFF_BYTES,
    UNREADABLE_SUFFIXES,
    is_other_picture,
    sniff,
)


def walk(
    top: Path, barred: set[tuple[int, int] | None], refuse: Callable[[InputError], object]
) -> Iterator[Path]:
    """Yield the files below `top` in a stable order; folders through links, none twice and none of `barred`.

    A folder that cannot be read is handed to `refuse`, as an error that names it.
    """

    def tell(error: OSError) -> None:
        refuse(
            InputError(error.filename, f"cannot be read: {error.strerror}", "a readable folder is accepted")
        )

    seen = barred | {identity_of(top)}
    for folder, subfolders, files in os.walk(top, followlinks=True, onerror=tell):
        entered = []
        for name in sorted(subfolders):
            identity = identity_of(Path(folder, name))
            if not name.startswith(".") and identity is not None and identity not in seen:
                seen.add(identity)
                entered.append(name)
        subfolders[:] = entered
        for name in sorted(files):
            if not name.startswith("."):
                yield Path(folder, name)


def identity_of(path: Path) -> tuple[int, int] | None:
    """Device and inode of a file, which tell it from every other; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def is_photo(path: Path) -> bool:
    """True for a file of a folder that is a photo: by its suffix, else by its content.

    A picture suffix is taken at its word, so that a damaged photo is reported rather than skipped; of a pipe
    or a device nothing is read. TIFF content under another suffix is a camera's raw file.
    """
    if path.suffix.lower() in READABLE_SUFFIXES:
        return path.is_file() or not path.exists()  # a broken link is reported, too
    if path.suffix.lower() in UNREADABLE_SUFFIXES:
        return False
    return sniff(_head(path)) not in (None, "tiff")


def is_unread(path: Path) -> bool:
    """True for a file that is no photo but a picture all the same, of a kind that is not read."""
    if path.suffix.lower() in UNREADABLE_SUFFIXES:
        return path.is_file()
    head = _head(path)
    return sniff(head) == "tiff" or is_other_picture(head)


def _head(path: Path) -> bytes:
    """The first bytes of a regular file; none of any other."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(SNIFF_BYTES)
    except OSError:
        return b""

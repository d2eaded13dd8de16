"""Files that appear whole, together, or not at all."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from errno import EEXIST, EINVAL, ENOSYS, ENOTSUP
from pathlib import Path

from wisp.core.errors import InputError
from wisp.io.paths import STDIO, is_special, refuse_address


@contextmanager
def atomic_paths(paths: Sequence[Path | str], *, overwrite: bool = False) -> Iterator[list[Path]]:
    """Stand-in paths to write to; when the block ends well, all of them become `paths`, else none does.

    Each stand-in has a temporary name, the final suffix and the final folder, so that the last step is a
    rename. An error or an interruption in the block, or in one of the renames, leaves no file behind and
    every older file as it was. A link is followed: what it points to is replaced. The one thing that
    cannot be renamed over, a device or a pipe such as /dev/null, is handed out as it is.

    Args:
        paths: final paths, all different; their folders must exist.
        overwrite: whether files already there may be replaced.

    Yields:
        the stand-ins, in the order of `paths`. None exists yet.

    Raises:
        InputError: what `check_output` raises; and any `OSError` of the block that concerns a stand-in
            or has no file, told with the final path (disk full, read-only folder).
    """
    for path in paths:
        check_output(path, overwrite=overwrite)
    finals = [Path(path) if is_special(path) else Path(os.path.realpath(path)) for path in paths]
    if len(set(finals)) < len(finals):
        twice = next(path for path, final in zip(paths, finals, strict=True) if finals.count(final) > 1)
        raise InputError(twice, "is named for two outputs", "a path of its own for each is accepted")
    temporary = [final if is_special(final) else _beside(final) for final in finals]
    mine = [(t, f) for t, f in zip(temporary, finals, strict=True) if t != f]
    try:
        yield list(temporary)
        _rename_all(mine, overwrite=overwrite)
    except OSError as error:
        names = {os.fspath(t): name for t, name in zip(temporary, paths, strict=True)}
        culprit = os.fspath(error.filename) if isinstance(error.filename, str | Path) else ""
        if not paths or (culprit and culprit not in names):
            raise
        raise InputError(names.get(culprit, paths[0]), reason(error)) from error
    finally:
        for stand_in, _ in mine:
            with suppress(OSError):
                stand_in.unlink(missing_ok=True)


def write_files(contents: Mapping[str, bytes], *, overwrite: bool = False) -> None:
    """Write several files so that they appear together or not at all.

    Args:
        contents: path → bytes; ``-`` is standard output, written when all files are safe on disk and
            before any takes its name.
        overwrite: whether files already there may be replaced.

    Raises:
        InputError: see `atomic_paths`; or standard output is a terminal or was closed by its reader.
    """
    files = [path for path in contents if path != STDIO]
    if STDIO in contents and sys.stdout.isatty():
        raise InputError(STDIO, "standard output is a terminal", "a file or a pipe is accepted")
    with atomic_paths(files, overwrite=overwrite) as stand_ins:
        for path, stand_in in zip(files, stand_ins, strict=True):
            try:
                with stand_in.open("wb") as file:
                    file.write(contents[path])
                    file.flush()
                    _sync(file.fileno())
            except OSError as error:
                raise InputError(path, reason(error)) from error
        if STDIO in contents:
            try:
                sys.stdout.buffer.write(contents[STDIO])
                sys.stdout.buffer.flush()
            except OSError as error:
                raise InputError(STDIO, f"standard output: {reason(error)}") from error


def check_output(path: Path | str, *, overwrite: bool = False, inputs: Sequence[Path | str] = ()) -> None:
    """Raise `InputError` where writing `path` is bound to fail, or would touch an input.

    Args:
        path: the output; ``-`` and devices pass.
        overwrite: whether a file already there may be replaced.
        inputs: paths that are read; an output that is one of them, under any name, is refused even with
            `overwrite`.

    Raises:
        InputError: the folder is missing or cannot be written to, `path` is a folder, exists already
            without `overwrite`, or is one of `inputs`.
    """
    if str(path) == STDIO:
        return
    if is_special(path):
        return
    final = Path(os.path.realpath(path))
    if final.is_dir():
        raise InputError(path, "is a folder", "the path of a file is accepted")
    if not final.parent.is_dir():
        refuse_address(path)
        raise InputError(path, f"the folder {Path(path).parent} does not exist")
    for other in inputs:
        if str(other) != STDIO and same_file(path, other):
            raise InputError(path, "is an input; inputs are never overwritten")
    if final.exists() and not overwrite:
        raise InputError(path, "exists already", "--overwrite replaces it")
    if not os.access(final.parent, os.W_OK | os.X_OK):
        raise InputError(path, f"the folder {Path(path).parent} cannot be written to")


def same_file(one: Path | str, other: Path | str) -> bool:
    """Whether two paths lead to the same file: through links, hard links or another case of letters.

    Of files that do not exist yet, the resolved paths are compared.
    """
    with suppress(OSError):
        return Path(one).samefile(other)
    return os.path.realpath(one) == os.path.realpath(other)


def reason(error: OSError) -> str:
    """The text of an `OSError` without its number and path: ``No space left on device``."""
    return error.strerror or str(error) or type(error).__name__


def _beside(final: Path) -> Path:
    return final.with_name(f".wisp-{secrets.token_hex(8)}{final.suffix}")


def _sync(handle: int) -> None:
    """Bring a file's contents to the disk, where its file system knows how to."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (EINVAL, ENOTSUP, ENOSYS):
            raise


def sync_path(path: Path) -> None:
    """Bring a file's contents, or the names in a folder, to the disk; Windows knows no handles of folders."""
    windows = sys.platform == "win32"
    if windows and path.is_dir():
        return
    handle = os.open(path, os.O_RDWR if windows else os.O_RDONLY)
    try:
        _sync(handle)
    finally:
        os.close(handle)


def _rename_all(pairs: Sequence[tuple[Path, Path]], *, overwrite: bool) -> None:
    """Rename each first path to its second; when one fails, put everything back and raise.

    One rename is atomic by itself. Of several, the older files are first moved aside and come back if a
    later step fails. Every step is noted before it is taken, so that an interruption undoes it too. Contents
    are on the disk before the first rename, and the renames before older files are given up, so that a
    machine that goes down leaves the old files or the new ones.
    """
    for stand_in, final in pairs:
        if final.exists() and not overwrite:
            raise FileExistsError(EEXIST, "appeared while its contents were being made", str(stand_in))
    for stand_in, _ in pairs:
        sync_path(stand_in)
    kept: list[tuple[Path, Path]] = []
    placed: list[tuple[Path, Path]] = []
    try:
        if len(pairs) > 1:
            for _, final in pairs:
                if final.exists():
                    kept.append((_beside(final), final))
                    final.replace(kept[-1][0])
        for stand_in, final in pairs:
            placed.append((stand_in, final))
            stand_in.replace(final)
        for folder in {final.parent for _, final in pairs}:
            sync_path(folder)
    except BaseException:
        for stand_in, final in placed:
            if not stand_in.exists():
                final.unlink(missing_ok=True)
        for older, final in kept:
            if older.exists():
                older.replace(final)
        raise
    for older, _ in kept:
        with suppress(OSError):
            older.unlink()

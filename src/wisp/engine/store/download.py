"""Getting a published file here: resumed where it stopped, compared with its hash, placed in one step.

What has come so far lies in a hidden file beside the place; a process that is killed leaves it there, and the
next one asks for the rest. Only a file whose size and sha256 are its row's gets its name. One process at a
time works on it, the others wait and find it done.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Final, TypeAlias

from wisp.core.digests import sha256_of
from wisp.core.errors import InputError
from wisp.engine.store.addresses import Answer, request
from wisp.engine.store.places import find, folders, is_whole, offline
from wisp.engine.store.rows import Published
from wisp.io.atomic import reason
from wisp.io.locks import locked

CHUNK: Final = 1 << 18
TRIES: Final = 4
"""How often a connection that broke is taken up again, as long as something came each time."""
LIMIT: Final = 16 << 30
"""Bytes beyond which a file whose size nobody knows is not believed."""
MIRROR: Final = "WISP_MIRROR"

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the bytes that are here and those that there will be; 0 while that is not known."""


def fetch(
    row: Published,
    where: Sequence[Path] | None = None,
    *,
    mirrors: Sequence[str] = (),
    without_network: bool = False,
    progress: Progress = lambda here, total: None,
    waiting: Callable[[], None] = lambda: None,
) -> Path:
    """The file of a published model, fetched unless a folder of the store has it whole.

    Args:
        row: the model.
        where: the store's folders, of which the first takes the file; None for `folders`.
        mirrors: addresses that hold the file under its name in the store, asked before its own; those in
            ``WISP_MIRROR``, separated by spaces, come after them.
        without_network: only look; so does ``WISP_OFFLINE``.
        progress: told how far it is.
        waiting: called once if another process is fetching the same file.

    Returns:
        Where the file lies, whole and verified.

    Raises:
        InputError: it is not here and may not be fetched, cannot be reached, comes damaged, short or in
            another size (nothing of that is kept), comes from a refused address, or cannot be written.
    """
    where = folders() if where is None else where
    found = find(row, where)
    if found is not None:
        return found
    final = where[0] / row.file
    if without_network or offline():
        problem = "is not here whole, and nothing is to be fetched"
        raise InputError(row.name, problem, f"the file from {row.url} is accepted as {final}")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with locked(_beside(final, "lock"), waiting):
            if not is_whole(final, row):
                part = _beside(final, f"{row.sha256[:16]}.part")
                _from_anywhere(row, part, [*mirrors, *os.environ.get(MIRROR, "").split()], progress)
                part.replace(final)
                _settle(final.parent)
    except OSError as error:
        place = error.filename if isinstance(error.filename, str) else final
        accepted = "WISP_MODELS with a folder that can be written to is accepted"
        raise InputError(place, f"cannot be written ({reason(error)})", accepted) from error
    return final


def _from_anywhere(row: Published, part: Path, mirrors: Sequence[str], progress: Progress) -> None:
    """Make `part` the whole file, from the first place that has it."""
    places = [(f"{mirror.rstrip('/')}/{row.file}", mirror) for mirror in mirrors] + [(row.url, "")]
    problems: list[InputError] = []
    for url, mirror in places:
        try:
            _from(url, mirror, row, part, progress)
        except InputError as error:
            problems.append(error)
        else:
            return
    if len(problems) == 1:
        raise problems[0]
    raise InputError(
        row.name, "is nowhere to be had: " + "; ".join(f"{p.name} {p.problem}" for p in problems)
    )


def _from(url: str, mirror: str, row: Published, part: Path, progress: Progress) -> None:
    """Make `part` the whole file, from one address; what came of another file is thrown away."""
    resumed = _size(part) > 0
    tries, before = TRIES, _size(part)
    while not _all_here(url, mirror, row, part, progress):
        tries = tries - 1 if _size(part) <= before else TRIES
        before = _size(part)
        if tries <= 0:
            raise InputError(url, f"broke off after {before} bytes, again and again", "pull again to go on")
    found = sha256_of(part)
    if found == row.sha256:
        return
    part.unlink()
    if resumed:  # what lay here may have been of another edition, or damaged: once more from the start
        _from(url, mirror, row, part, progress)
        return
    raise InputError(url, f"gives a file with the sha256 {found}", f"{row.sha256} is accepted")


def _all_here(url: str, mirror: str, row: Published, part: Path, progress: Progress) -> bool:
    """Ask for what is missing; whether it came. False after a connection that broke."""
    if row.size and _size(part) > row.size:
        part.unlink()
    if _size(part) and (_size(part) == row.size or (not row.size and sha256_of(part) == row.sha256)):
        return True
    try:
        answer = request(url, start=_size(part), mirror=mirror)
    except (OSError, HTTPException) as error:
        raise _unreachable(url, error, row, part) from error
    try:
        total = _begin(url, answer, row, part)
        return total is not None and _receive(url, answer, total, part, progress)
    finally:
        answer.close()


def _begin(url: str, answer: Answer, row: Published, part: Path) -> int | None:
    """The bytes that there will be, after making `part` end where the answer begins; None to ask anew."""
    if answer.status == 416 and _size(part):  # it says that nothing is left, and yet it is not whole
        part.unlink()
        return None
    if answer.status not in (200, 206):
        problem = f"answers {answer.status} {answer.reason}".strip()
        raise InputError(url, problem, _by_other_means(part, row))
    if answer.header("Content-Encoding").lower() not in ("", "identity"):
        raise InputError(url, "sends the file encoded", "a server that sends it as it is, is accepted")
    total = int(answer.header("Content-Length")) if answer.header("Content-Length").isdigit() else 0
    if answer.status == 206:
        told = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", answer.header("Content-Range").strip())
        if told is None or int(told[1]) != _size(part):
            part.unlink(missing_ok=True)
            return None
        total = int(told[3]) if told[3].isdigit() else 0
    if row.size and total and total != row.size:
        raise InputError(url, f"gives a file of {total} bytes", f"{row.size} are accepted")
    if answer.status == 200:
        part.unlink(missing_ok=True)
    total = row.size or total
    free = shutil.disk_usage(part.parent).free
    if total - _size(part) > free:
        needed = f"{(total - _size(part)) / 1e6:.0f} MB are needed"
        raise InputError(part.parent, f"has {free / 1e6:.0f} MB left; {needed}")
    return total


def _receive(url: str, answer: Answer, total: int, part: Path, progress: Progress) -> bool:
    """Append what comes; whether all of it did."""
    here = _size(part)
    limit = total or LIMIT
    with part.open("ab") as file:
        while True:
            progress(here, total)
            try:
                chunk = answer.body.read1(CHUNK)
            except (OSError, HTTPException):
                return False
            if not chunk:
                break
            here += len(chunk)
            if here > limit:
                break
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if here > limit:
        part.unlink()
        raise InputError(url, f"gives more than {limit} bytes", "the published file is accepted")
    return here == total if total else True


def _unreachable(url: str, error: Exception, row: Published, part: Path) -> InputError:
    why = reason(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
    return InputError(url, f"cannot be reached ({why})", _by_other_means(part, row))


def _by_other_means(part: Path, row: Published) -> str:
    return f"the same file, fetched by other means, is accepted as {part.with_name(row.file)}"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _beside(final: Path, suffix: str) -> Path:
    return final.with_name(f".{final.name}.{suffix}")


def _settle(folder: Path) -> None:
    """Have the system write down that a name was taken, where it can be told to."""
    with suppress(OSError, PermissionError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

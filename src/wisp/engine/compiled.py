"""Compiled networks, kept in the user's cache folder so that the next process need not compile them again.

A file holds what the runtime exported, under a name that is a hash of all that it depends on, behind a hash
of its own contents: OpenVINO loads a damaged network without a word and computes nonsense with it. Files
appear whole, whoever else writes the same one at the time; where nothing can be written, or what is there
cannot be used, networks are compiled as if there were no cache. docs/decisions/012 has the measurements.

The environment variable ``WISP_CACHE`` names another folder, or switches the cache off with ``off``.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wisp.core.digests import sha256_of
from wisp.core.errors import InputError
from wisp.io.atomic import atomic_paths

VARIABLE: Final = "WISP_CACHE"
OFF: Final = frozenset({"off", "0", "no", "none", "false"})
LIMIT: Final = 250_000_000
"""Bytes that the folder may hold; what was not used for longest goes first."""

_MAGIC: Final = b"wisp compiled 1\n"
_SUFFIX: Final = ".compiled"
_HASH_BYTES: Final = 32
_ABANDONED: Final = 24 * 3600.0
"""Seconds after which a temporary file belongs to a process that is no more."""


@dataclass(frozen=True)
class Kept:
    """A compiled network.

    Attributes:
        quantised: whether it computes in int8.
        blob: what the runtime exported.
    """

    quantised: bool
    blob: bytes


def folder() -> Path | None:
    """The folder of compiled networks, whether or not it exists yet; None when the cache is switched off."""
    wanted = os.environ.get(VARIABLE, "").strip()
    if wanted.lower() in OFF:
        return None
    if wanted:
        return Path(wanted).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("wisp", appauthor=False) / "networks"


def name_of(network: Path, *dependencies: object) -> str | None:
    """The name under which a compiled network is kept.

    Args:
        network: the ONNX file; its contents count, not its path.
        dependencies: whatever else decides what the compiler makes of it.

    Returns:
        None where the file cannot be read.
    """
    try:
        contents = sha256_of(network)
    except OSError:
        return None
    return hashlib.sha256(repr((contents, *map(str, dependencies))).encode()).hexdigest()[:40]


def read(name: str) -> Kept | None:
    """The network kept under a name; None when there is none, or none that is whole. Never raises."""
    where = folder()
    if where is None:
        return None
    path = where / f"{name}{_SUFFIX}"
    with suppress(OSError):
        with path.open("rb") as file:
            magic, found, quantised = (file.read(length) for length in (len(_MAGIC), _HASH_BYTES, 1))
            blob = file.read()  # by itself: networks are large, and slices are copies
        digest = hashlib.sha256(quantised)
        digest.update(blob)
        if magic == _MAGIC and quantised and digest.digest() == found:
            with suppress(OSError):  # the time of its last use, for `_trim`
                os.utime(path)
            return Kept(bool(quantised[0]), blob)
    return None


def write(name: str, kept: Kept) -> bool:
    """Keep a compiled network, and drop the longest unused ones beyond `LIMIT` bytes.

    Returns:
        Whether it is kept now. Never raises: a folder that cannot be written to, or a full disk, only means
        that it is not.
    """
    where = folder()
    payload = bytes([kept.quantised]) + kept.blob
    if where is None or len(payload) > LIMIT:
        return False
    try:
        where.mkdir(mode=0o700, parents=True, exist_ok=True)
        with atomic_paths([where / f"{name}{_SUFFIX}"], overwrite=True) as (stand_in,):
            stand_in.write_bytes(_MAGIC + hashlib.sha256(payload).digest() + payload)
    except (OSError, InputError):
        return False
    _trim(where)
    return True


def usage(where: Path) -> tuple[int, int]:
    """How many compiled networks a folder holds, and their bytes in all."""
    sizes = [size for _, size, _ in _files(where)]
    return len(sizes), sum(sizes)


def writable(where: Path) -> bool:
    """Whether compiled networks could be kept there."""
    while not where.exists():
        if where == where.parent:
            return False
        where = where.parent
    return where.is_dir() and os.access(where, os.W_OK | os.X_OK)


def _trim(where: Path) -> None:
    for path in _scan(where):
        if path.name.startswith(".wisp-") and path.suffix == _SUFFIX:
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _ABANDONED:
                    path.unlink()
    total = 0
    for _, size, path in sorted(_files(where), reverse=True):  # the last used first
        total += size
        if total > LIMIT:
            with suppress(OSError):
                path.unlink()


def _files(where: Path) -> list[tuple[float, int, Path]]:
    """Time of the last use, bytes and path of what is kept."""
    found = []
    for path in _scan(where):
        if path.suffix == _SUFFIX and not path.name.startswith("."):
            with suppress(OSError):  # another process may have dropped it meanwhile
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
    return found


def _scan(where: Path) -> Iterator[Path]:
    with suppress(OSError):
        yield from list(where.iterdir())

"""Loaded networks, kept for as long as their files stay what they were, and let go of when asked to."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, Final, Generic, TypeAlias, TypeVar
from weakref import WeakSet

T = TypeVar("T")
Identity: TypeAlias = tuple[str, int, int, int, int, int]

LIMIT: Final = 16
"""Networks of one kind that are kept; beyond it the one unused for longest goes."""


class Loaded(Generic[T]):
    """A store of what was made of files, each loaded once while its path leads to the same contents.

    Threads that want the same one wait for the first of them; others are not held up.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, _Entry[T]] = OrderedDict()
        _all.add(self)

    def get(self, files: tuple[Path, ...], options: Hashable, load: Callable[[], T]) -> T:
        """The result of `load`, now or before, of the same files with the same options.

        Args:
            files: whatever decides what `load` makes.
            options: whatever else decides it.
            load: called without a lock on anything else; what it raises is raised, and nothing is kept.
        """
        place = options, tuple(str(file.resolve()) for file in files)
        now = tuple(map(identity, files))
        with self._lock:
            entry = self._entries.get(place)
            if entry is None or entry.identities != now:  # another file lies there by now
                entry = self._entries[place] = _Entry(now)
            self._entries.move_to_end(place)
            while len(self._entries) > LIMIT:
                self._entries.popitem(last=False)
        with entry.lock:
            if not entry.made:
                entry.made.append(load())
            return entry.made[0]

    def made(self) -> list[T]:
        """The results that are kept now, in no order that counts."""
        with self._lock:
            return [made for entry in self._entries.values() for made in entry.made]

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._entries.clear()


class _Entry(Generic[T]):
    def __init__(self, identities: tuple[Identity | None, ...]) -> None:
        self.identities = identities
        self.lock = threading.Lock()
        self.made: list[T] = []


_all: Final[WeakSet[Loaded[Any]]] = WeakSet()


def identity(file: Path) -> Identity | None:
    """Numbers that tell a file's contents from all others without reading them; None where there is no file.

    Returns:
        real path, device, number, bytes, and when contents and entry changed, ns.
    """
    try:
        status = file.stat()
    except OSError:
        return None
    times = status.st_mtime_ns, status.st_ctime_ns
    return (str(file.resolve()), status.st_dev, status.st_ino, status.st_size, *times)


def release_networks() -> None:
    """Let go of every loaded network, so that its memory is free once no call uses it any more.

    The next call that needs one loads it again.
    """
    for loaded in list(_all):
        loaded.clear()

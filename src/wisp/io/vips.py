"""libvips as wisp uses it: each picture goes to the loader of its own format, by name.

In another program libvips is that program's: nothing of it is set up. Where the process is wisp's own, as on
the command line, `own_process` says so, and libvips is confined and kept from holding memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Event, Lock
from typing import Any, Final

from wisp.core.machine import cores

LOADERS: Final = {
    "jpeg": "VipsForeignLoadJpeg",
    "png": "VipsForeignLoadPng",
    "tiff": "VipsForeignLoadTiff",
    "webp": "VipsForeignLoadWebp",
    "avif": "VipsForeignLoadHeif",
    "heic": "VipsForeignLoadHeif",
    "gif": "VipsForeignLoadNsgif",
}
MAX_THREADS: Final = 8

_owned: Final = Event()
_starting: Final = Lock()


def libvips() -> Any:
    """The `pyvips` module, imported at the first call; set up for the whole process where that is wisp's."""
    with _starting:  # photos are read side by side, and what is set up is the process's
        return _prepared()


@cache
def _prepared() -> Any:
    with _few_threads():
        import pyvips

    if _owned.is_set():
        pyvips.operation_block_set("VipsForeignLoad", True)
        for name in LOADERS.values():
            pyvips.operation_block_set(name, False)
        pyvips.cache_set_max(0)
    return pyvips


def own_process() -> None:
    """Say that this process is wisp's own, so that libvips may be set up for all of it.

    Every libvips loader is blocked except those of the formats that wisp reads (so SVG, PDF, ImageMagick and
    the rest cannot run whatever a file pretends to be), finished operations are not cached, and at most
    `MAX_THREADS` threads decode, unless VIPS_CONCURRENCY says otherwise. libvips is not imported by this.
    """
    if not _owned.is_set():
        _owned.set()
        _prepared.cache_clear()


@contextmanager
def _few_threads() -> Iterator[None]:
    """Have libvips, which reads it once at its start, find `MAX_THREADS` unless the user says something.

    Its function for the same is in pyvips and libvips only since 3.2 and 8.18.
    """
    if not _owned.is_set() or "VIPS_CONCURRENCY" in os.environ:
        yield
        return
    os.environ["VIPS_CONCURRENCY"] = str(min(MAX_THREADS, cores()))
    try:
        yield
    finally:
        del os.environ["VIPS_CONCURRENCY"]

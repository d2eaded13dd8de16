"""libvips, set up once: only the loaders wisp reads with may run, and it holds no memory between calls."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

LOADERS: Final = {
    "jpeg": "VipsForeignLoadJpeg",
    "png": "VipsForeignLoadPng",
    "tiff": "VipsForeignLoadTiff",
    "webp": "VipsForeignLoadWebp",
    "avif": "VipsForeignLoadHeif",
    "heic": "VipsForeignLoadHeif",
}
MAX_THREADS: Final = 8


@cache
def libvips() -> Any:
    """The `pyvips` module, imported at the first call and configured for the whole process.

    Every libvips loader is blocked except those of the formats that `wisp.io.images` reads (so SVG, PDF,
    ImageMagick and the rest cannot run whatever a file pretends to be), finished operations are not
    cached, and at most `MAX_THREADS` threads decode, unless VIPS_CONCURRENCY says otherwise.
    """
    with _few_threads():
        import pyvips

    pyvips.operation_block_set("VipsForeignLoad", True)
    for name in LOADERS.values():
        pyvips.operation_block_set(name, False)
    pyvips.cache_set_max(0)
    return pyvips


@contextmanager
def _few_threads() -> Iterator[None]:
    """Have libvips, which reads it once at its start, find `MAX_THREADS` unless the user says something.

    Its function for the same is in pyvips and libvips only since 3.2 and 8.18.
    """
    if "VIPS_CONCURRENCY" in os.environ:
        yield
        return
    os.environ["VIPS_CONCURRENCY"] = str(min(MAX_THREADS, os.cpu_count() or 1))
    try:
        yield
    finally:
        del os.environ["VIPS_CONCURRENCY"]

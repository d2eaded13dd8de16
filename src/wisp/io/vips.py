"""libvips, set up once: only the loaders wisp reads with may run, and it holds no memory between calls."""

from __future__ import annotations

import os
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
    import pyvips

    pyvips.operation_block_set("VipsForeignLoad", True)
    for name in LOADERS.values():
        pyvips.operation_block_set(name, False)
    pyvips.cache_set_max(0)
    if "VIPS_CONCURRENCY" not in os.environ:
        pyvips.concurrency_set(min(MAX_THREADS, os.cpu_count() or 1))
    return pyvips

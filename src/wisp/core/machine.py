"""What this process may use of the machine: processor cores, memory, and how the processor multiplies.

A container's limits count: those of the control groups that the process is in, of either version, and of all
groups above them. So do the affinity of the process and its limit of address space (``ulimit -v``).
"""

from __future__ import annotations

import math
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

ROOT: Final = Path("/")
_UNKNOWN_MEMORY: Final = 8 * 2**30
_DOT_PRODUCTS: Final = frozenset({"avx512_vnni", "avx_vnni", "amx_int8", "asimddp"})
"""What Linux calls dot products of 8-bit integers that are summed in 32 bits."""
_DOT_PRODUCTS_NUMPY: Final = frozenset({"AVX512_CLX", "AVX512_ICL", "AVX512_SPR", "ASIMDDP"})
"""What NumPy calls processors that have them."""


def cores() -> int:
    """How many CPU cores this process may use: those of its affinity, or its quota in whole cores."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota()
    return count if quota is None else max(1, min(count, math.ceil(quota)))


def memory() -> int:
    """How many bytes of memory this process may use; 8 GB where the system says nothing."""
    limits = [limit for limit in (_physical(), _address_space(), memory_limit()) if limit is not None]
    return min(limits, default=_UNKNOWN_MEMORY)


def cpu_quota(root: Path = ROOT) -> float | None:
    """Processor time that the control groups grant, in cores; None where they set no limit.

    Args:
        root: where the file system begins, for tests.
    """
    quotas = []
    for folder in _groups("cpu", root):
        words = _words(folder / "cpu.max")  # version 2: "max 100000" or "200000 100000"
        if len(words) < 2:
            words = [*_words(folder / "cpu.cfs_quota_us"), *_words(folder / "cpu.cfs_period_us")]
        with suppress(ValueError, IndexError, ZeroDivisionError):
            quota = int(words[0]) / int(words[1])
            if quota > 0:  # -1 is none, in version 1
                quotas.append(quota)
    return min(quotas, default=None)


def memory_limit(root: Path = ROOT) -> int | None:
    """Bytes of memory that the control groups grant; None where they set no limit.

    Args:
        root: where the file system begins, for tests.
    """
    limits = []
    for folder in _groups("memory", root):
        for name in ("memory.max", "memory.high", "memory.limit_in_bytes"):
            with suppress(ValueError, IndexError):
                limit = int(_words(folder / name)[0])  # "max" is none; so is about 2**63, in version 1
                if 0 < limit < 2**62:
                    limits.append(limit)
    return min(limits, default=None)


def has_dot_products(root: Path = ROOT) -> bool:
    """Whether the processor sums products of 8-bit integers in 32 bits at once (VNNI, AMX, dot products).

    Without these, products are summed in 16 bits first, where large ones are cut off.

    Args:
        root: where the file system begins, for tests.
    """
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return True
    with suppress(OSError):
        text = (root / "proc" / "cpuinfo").read_text(encoding="utf-8", errors="replace")
        lines = (line.partition(":") for line in text.splitlines())
        flags = {
            flag for key, _, value in lines if key.strip() in ("flags", "Features") for flag in value.split()
        }
        return bool(flags & _DOT_PRODUCTS)
    import numpy as np

    with suppress(KeyError, TypeError):
        found = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
        return bool(_DOT_PRODUCTS_NUMPY & set(found))
    return False


def _groups(controller: str, root: Path) -> Iterator[Path]:
    """The folders of this process's control groups that may limit something, each with those above it.

    Inside a container the path that the kernel tells may be the host's, of which the container sees only its
    own end: what is not there is passed over.
    """
    mounted = root / "sys" / "fs" / "cgroup"
    try:
        lines = (root / "proc" / "self" / "cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            tops = [mounted, mounted / "unified"]
        elif controller in controllers.split(","):
            tops = [mounted / controllers, mounted / controller]
        else:
            continue
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for top in tops:
            for count in range(len(parts), -1, -1):
                yield top.joinpath(*parts[:count])


def _words(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return []


def _physical() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def address_space_left(root: Path = ROOT) -> int | None:
    """Bytes that this process may still map (``ulimit -v``); None without a limit that is told."""
    limit = _address_space()
    if limit is None:
        return None
    try:
        pages = int((root / "proc" / "self" / "statm").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return max(0, limit - pages * os.sysconf("SC_PAGE_SIZE"))


def _address_space() -> int | None:
    if sys.platform == "win32":
        return None
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit

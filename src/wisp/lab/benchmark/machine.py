"""What a benchmark ran on, and what a process has used."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


def about_machine() -> dict[str, Any]:
    """The processor's name, the cores that may be used, and Python."""
    from wisp.core.machine import cores

    return {"cpu": cpu_name(), "cores": cores(), "python": platform.python_version()}


def cpu_name() -> str:
    """The processor's name, where the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine()
    )


def versions(packages: Iterable[str]) -> dict[str, str]:
    """The versions of those packages that are installed."""
    found = {}
    for package in packages:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def peak_megabytes() -> float | None:
    """The most memory that this process has held, in 10⁶ bytes; None where the system does not tell."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would count what the parent held when it started this process
        line = next((text for text in status.read_text().splitlines() if text.startswith("VmHWM:")), "")
        return int(line.split()[1]) * 1024 / 1e6 if line else None
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def stay_on(count: int) -> None:
    """Bind this process to the `count` cores that are least busy; nothing happens where systems lack that."""
    if not hasattr(os, "sched_setaffinity"):
        return
    allowed = os.sched_getaffinity(0)
    if count < len(allowed):
        busy = _busy_ticks()
        time.sleep(0.3)
        after = _busy_ticks()
        by_load = sorted(allowed, key=lambda core: after.get(core, 0) - busy.get(core, 0))
        os.sched_setaffinity(0, by_load[:count])


def _busy_ticks() -> dict[int, int]:
    """Core → time since the start of the system in which it was not idle."""
    ticks = {}
    for line in Path("/proc/stat").read_text().splitlines():
        word, *numbers = line.split()
        if word.startswith("cpu") and word[3:].isdigit():
            idle = sum(map(int, numbers[3:5]))
            ticks[int(word[3:])] = sum(map(int, numbers)) - idle
    return ticks

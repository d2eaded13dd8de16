"""Several photos at a time, in threads: NumPy, SciPy, libvips and the runtimes all let go of the GIL."""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final, NoReturn, TypeVar

T = TypeVar("T")

MEMORY_PER_JOB: Final = 3 * 2**30
"""What a large photo may need at its peak, in bytes."""


class Gate:
    """Lets workers write until it closes, and says when the last of them has finished writing."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._writers = 0
        self._closed = False

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the gate open while files are written. Never returns once the gate is closed."""
        with self._condition:
            while self._closed:  # the process is about to end: leave nothing behind that it could not remove
                self._condition.wait()
            self._writers += 1
        try:
            yield
        finally:
            with self._condition:
                self._writers -= 1
                self._condition.notify_all()

    def close(self) -> None:
        """Let nobody else begin to write, and wait for those who are at it."""
        with self._condition:
            self._closed = True
            self._condition.wait_for(lambda: self._writers == 0)


def job_count(asked: int, files: int) -> int:
    """How many photos to work on at a time: at most one a file; for 0 what cores and memory allow."""
    if asked:
        return min(asked, files)
    from wisp.core.machine import cores, memory

    return max(1, min(cores(), files, memory() // MEMORY_PER_JOB))


def run_jobs(
    items: Sequence[T], work: Callable[[T, Gate], None], done: Callable[[], None], jobs: int
) -> None:
    """Call `work` for every item, `jobs` at a time, and `done` after each.

    Even a single job runs in a thread of its own. The calling one only waits, so that an interruption reaches
    it at once, and not inside some library's callback, where it would be lost.

    Raises:
        KeyboardInterrupt: interrupted. Files that were being written are whole by then, and no others will be
            begun; threads that compute cannot be stopped, so `end_process` is what should follow.
    """
    gate = Gate()
    waiting: queue.SimpleQueue[T] = queue.SimpleQueue()
    finished: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
    for item in items:
        waiting.put(item)

    def worker() -> None:
        with suppress(queue.Empty):
            while True:
                item = waiting.get_nowait()
                try:
                    work(item, gate)
                except BaseException as error:  # handed to the thread that waits
                    finished.put(error)
                else:
                    finished.put(None)

    for _ in range(jobs):
        threading.Thread(target=worker, daemon=True).start()
    try:
        for _ in items:
            error = _next(finished)
            if error is not None:
                raise error
            done()
    except KeyboardInterrupt:
        gate.close()
        raise


def end_process(code: int) -> NoReturn:
    """End the process although threads are still at work."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _next(finished: queue.SimpleQueue[T]) -> T:
    """Wait for the next item, and wake up now and then: on Windows an interruption cannot end a wait."""
    while True:
        with suppress(queue.Empty):
            return finished.get(timeout=0.5)

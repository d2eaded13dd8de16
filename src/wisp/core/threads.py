"""How many threads numerical libraries may take."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from threading import Lock
from typing import Final

from threadpoolctl import ThreadpoolController

from wisp.core.opencv import opencv

Restore = Callable[[], object]
"""Gives a library back the number of threads that it had."""


class _OneThread:
    """Holds a library to one thread, inside a ``with`` that may be nested, in any thread.

    A library has one setting for all threads of the program, those of others too, so that the last block to
    end restores it.
    """

    def __init__(self, limit: Callable[[], Restore]) -> None:
        self._lock = Lock()
        self._blocks = 0
        self._limit = limit
        self._restore: Restore = lambda: None

    def __enter__(self) -> None:
        with self._lock:
            if self._blocks == 0:
                self._restore = self._limit()  # if that raises, nothing is limited and nothing counted
            self._blocks += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._blocks -= 1
            if self._blocks == 0:
                restore, self._restore = self._restore, lambda: None
                restore()


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


def _limit_blas() -> Restore:
    restore: Restore = _libraries().limit(limits=1, user_api="blas").restore_original_limits
    return restore


def _limit_opencv() -> Restore:
    cv2 = opencv()
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    return partial(cv2.setNumThreads, before)


one_blas_thread: Final = _OneThread(_limit_blas)
"""Around dense algebra on small matrices, where BLAS's threads wait for each other and burn CPU time."""
one_opencv_thread: Final = _OneThread(_limit_opencv)
"""Around stages that share the cores already, where OpenCV's threads do the same."""

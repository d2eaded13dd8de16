"""How many threads numerical libraries may take."""

from __future__ import annotations

from functools import cache
from threading import Lock
from typing import Any, Final

from threadpoolctl import ThreadpoolController


class _OneBlasThread:
    """Holds BLAS to one thread: on matrices this small its threads wait for each other and burn CPU time.

    BLAS has one setting for all threads of the program, so that the last block to end restores it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._blocks = 0
        self._limit: Any = None

    def __enter__(self) -> None:
        with self._lock:
            self._blocks += 1
            if self._blocks == 1:
                self._limit = _libraries().limit(limits=1, user_api="blas")

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._blocks -= 1
            if self._blocks == 0:
                self._limit.restore_original_limits()


one_blas_thread: Final = _OneBlasThread()
"""``with one_blas_thread:`` around dense algebra on small matrices; it may be nested, in any thread."""


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()

"""Work in stages that overlap, each in a thread of its own, with short queues between them.

FFmpeg, OpenCV, NumPy and the runtimes let go of the GIL, so stages share the cores; the queues are bounded,
so that the slowest stage sets the pace and memory stays the same however much there is to do.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, Final, TypeVar

A = TypeVar("A")
B = TypeVar("B")

CAPACITY: Final = 3
"""Items that wait between two stages."""

_END: Final = object()


class _StoppedError(Exception):
    """Another stage failed, or the user interrupted."""


def run_stages(
    produce: Callable[[], Iterable[A]],
    work: Callable[[A], B],
    consume: Callable[[B], None],
    *,
    capacity: int = CAPACITY,
) -> None:
    """Call ``consume(work(item))`` for every item of ``produce()``, in order, the three overlapped.

    Whatever ends it early, an error in any stage or an interruption of the calling thread, every stage has
    ended when this returns, and none is called again.

    Args:
        produce: makes the items; run in a thread.
        work: run in a second thread, one item at a time.
        consume: run in a third.
        capacity: items that wait between two stages.

    Raises:
        BaseException: the first error of any stage, or KeyboardInterrupt.
    """
    stop = threading.Event()
    ended = threading.Semaphore(0)
    errors: list[BaseException] = []
    first, second = (_Queue(capacity, stop) for _ in range(2))

    def producer() -> None:
        for item in produce():
            first.put(item)
        first.put(_END)

    def worker() -> None:
        for item in first:
            second.put(work(item))
        second.put(_END)

    def consumer() -> None:
        for item in second:
            consume(item)

    def guarded(stage: Callable[[], None]) -> None:
        try:
            stage()
        except _StoppedError:
            pass
        except BaseException as error:  # handed to the thread that waits
            errors.append(error)
            stop.set()
        finally:
            ended.release()

    stages = (producer, worker, consumer)
    left = len(stages)
    for stage in stages:
        threading.Thread(target=guarded, args=(stage,), daemon=True).start()
    # An interrupted `Thread.join` takes its thread for ended, so stages report their end themselves.
    try:
        while left:  # now and then awake: on Windows an interruption cannot end a wait
            left -= ended.acquire(timeout=0.2)
    except BaseException:
        stop.set()
        for _ in range(left):
            ended.acquire()
        raise
    if errors:
        raise errors[0]


class _Queue:
    """A bounded queue that both ends leave when `stop` is set."""

    def __init__(self, capacity: int, stop: threading.Event) -> None:
        self._queue: queue.Queue[Any] = queue.Queue(capacity)
        self._stop = stop

    def put(self, item: object) -> None:
        while not self._stop.is_set():
            with suppress(queue.Full):
                self._queue.put(item, timeout=0.1)
                return
        raise _StoppedError

    def __iter__(self) -> Iterator[Any]:
        while not self._stop.is_set():
            with suppress(queue.Empty):
                item = self._queue.get(timeout=0.1)
                if item is _END:
                    return
                yield item
        raise _StoppedError

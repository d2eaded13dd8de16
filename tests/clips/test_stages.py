"""Stages that overlap: order, bounded queues, errors and interruptions."""

import signal
import threading
import time

import pytest

from wisp.clips.stages import run_stages


def test_items_arrive_in_order():
    got = []
    run_stages(lambda: range(200), lambda n: n * n, got.append)
    assert got == [n * n for n in range(200)]


def test_stages_overlap():
    """While an item is consumed, the next is worked on: the two wait for each other."""
    meeting = threading.Barrier(2, timeout=10)

    def work(item):
        if item == 1:
            meeting.wait()
        return item

    def consume(item):
        if item == 0:
            meeting.wait()

    run_stages(lambda: range(2), work, consume)


def test_no_more_than_the_queues_hold_is_made_ahead():
    made, release = [], threading.Event()

    def produce():
        for item in range(50):
            made.append(item)
            yield item

    def consume(item):
        if item == 0:
            time.sleep(0.3)  # everything before it has time to run ahead
            release.most = len(made)

    run_stages(produce, lambda item: item, consume, capacity=2)
    assert release.most <= 2 + 2 + 4  # both queues, and one in each hand
    assert len(made) == 50


@pytest.mark.parametrize("stage", ["produce", "work", "consume"])
def test_an_error_ends_all_stages(stage):
    def fail(name, item):
        if name == stage and item == 5:
            raise RuntimeError(f"{name} failed")
        return item

    def produce():
        for item in range(10**9):
            yield fail("produce", item)

    got = []
    with pytest.raises(RuntimeError, match=f"{stage} failed"):
        run_stages(produce, lambda item: fail("work", item), lambda item: got.append(fail("consume", item)))
    count = len(got)
    time.sleep(0.1)
    assert len(got) == count < 10


@pytest.fixture
def interruptible():
    """A process that was started in the background of a shell ignores interruptions."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interruption_ends_all_stages():
    import _thread

    def consume(item):
        if item == 3:
            _thread.interrupt_main()
        time.sleep(0.01)

    got = []
    with pytest.raises(KeyboardInterrupt):
        run_stages(
            lambda: iter(range(10**9)), lambda item: item, lambda item: (consume(item), got.append(item))
        )
    count = len(got)
    time.sleep(0.1)
    assert len(got) == count < 100

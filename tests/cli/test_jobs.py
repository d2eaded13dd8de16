import threading
import time

import pytest

from wisp.cli.jobs import Gate, job_count, run_jobs


@pytest.mark.parametrize("count", [1, 3])
def test_every_item_is_worked_on_once(count):
    worked, done = [], []
    run_jobs(range(20), lambda item, gate: worked.append(item), lambda: done.append(None), count)
    assert sorted(worked) == list(range(20))
    assert len(done) == 20


def test_nothing_to_do():
    run_jobs([], lambda item, gate: None, lambda: None, 2)


def test_jobs_run_side_by_side():
    """Two that wait for each other can only end when both are running."""
    both = threading.Barrier(2, timeout=30)
    run_jobs([0, 1], lambda item, gate: both.wait(), lambda: None, 2)
    assert not both.broken


def test_an_error_that_work_lets_out_is_not_lost():
    def work(item, gate):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_jobs([1], work, lambda: None, 1)


def test_an_interruption_waits_for_what_is_being_written_and_lets_nothing_else_begin():
    writing, interrupted = threading.Event(), threading.Event()
    written = []

    def work(item, gate):
        if item == "writes":
            with gate.writing():
                writing.set()
                interrupted.wait(30)
                time.sleep(0.1)
                written.append(item)
        elif item == "computes":
            writing.wait(30)
            interrupted.wait(30)
            time.sleep(0.05)
            with gate.writing():
                written.append(item)
        else:
            writing.wait(30)

    def done():
        interrupted.set()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_jobs(["writes", "computes", "interrupts"], work, done, 3)
    assert written == ["writes"]
    time.sleep(0.2)
    assert written == ["writes"]


def test_a_closed_gate_stays_closed():
    gate = Gate()
    with gate.writing():
        pass
    gate.close()
    entered = threading.Event()

    def late():
        with gate.writing():
            entered.set()

    threading.Thread(target=late, daemon=True).start()
    assert not entered.wait(0.2)


def test_the_count_is_what_was_asked_for_but_one_a_file(monkeypatch):
    assert job_count(5, 3) == 3
    assert job_count(2, 100) == 2


@pytest.mark.parametrize(
    ("cores", "memory", "files", "expected"),
    [(8, 64, 100, 8), (8, 64, 3, 3), (8, 6, 100, 2), (8, 1, 100, 1), (1, 64, 100, 1)],
)
def test_without_a_count_cores_and_memory_decide(monkeypatch, cores, memory, files, expected):
    from wisp.core import machine

    monkeypatch.setattr(machine, "cores", lambda: cores)
    monkeypatch.setattr(machine, "memory", lambda: memory * 2**30)
    assert job_count(0, files) == expected

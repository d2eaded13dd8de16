import os
import subprocess
import sys

import pytest

from wisp.lab.benchmark import machine


def test_the_machine_has_a_name_and_cores():
    about = machine.about_machine()
    assert about["cpu"]
    assert about["cores"] >= 1


def test_versions_are_of_what_is_installed():
    assert machine.versions(["numpy", "no-such-package"]).keys() == {"numpy"}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows is not asked")
def test_peak_memory_is_this_processs_own():
    """Not what the process that started it held at the time."""
    held = bytearray(300_000_000)
    code = "from wisp.lab.benchmark.machine import peak_megabytes; print(peak_megabytes())"
    alone = float(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    )
    assert 5 < alone < 200
    assert machine.peak_megabytes() > 300
    assert len(held) == 300_000_000


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinities")
def test_a_process_stays_on_its_cores(monkeypatch):
    allowed = os.sched_getaffinity(0)
    chosen = []
    busy = iter([dict.fromkeys(range(9), 0), {core: 100 - core for core in range(9)}])
    monkeypatch.setattr(machine, "_busy_ticks", lambda: next(busy))
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: {2, 5, 7})
    monkeypatch.setattr(machine.os, "sched_setaffinity", lambda _, cores: chosen.append(set(cores)))
    machine.stay_on(2)
    assert chosen == [{5, 7}]  # the least busy
    machine.stay_on(3)
    assert len(chosen) == 1
    monkeypatch.undo()
    assert os.sched_getaffinity(0) == allowed

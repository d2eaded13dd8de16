"""The deliberate faults of `benchmarks/mutations.py` still find their places, and are seen."""

import json
import runpy
from pathlib import Path

import pytest

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks/mutations.py"))


@pytest.mark.parametrize("fault", SCRIPT["FAULTS"], ids=lambda fault: fault.name)
def test_a_fault_finds_its_place(fault):
    """Once, and the file it leaves is Python, so that no test fails for want of that."""
    text = (SCRIPT["PACKAGE"] / fault.file).read_text(encoding="utf-8")
    assert text.count(fault.old) == 1
    broken = text.replace(fault.old, fault.new)
    assert broken != text
    compile(broken, fault.file, "exec")


def test_names_are_unique():
    names = [fault.name for fault in SCRIPT["FAULTS"]]
    assert len(set(names)) == len(names)


def test_the_faults_that_once_survived_are_all_there():
    """33 survived; gone with their numbers are haze's limit, `uncertain`, `colour_omega`, `colour_rim`."""
    assert sum(fault.survived for fault in SCRIPT["FAULTS"]) == 29


def test_a_faulty_copy_is_what_the_tests_see():
    """The broken package comes first on the path."""
    (fault,) = [fault for fault in SCRIPT["FAULTS"] if "told as an extra" in fault.name]
    found = SCRIPT["run"]([fault], [fault.tests, "-k", "no_extra_brings"])
    assert found.code == 1
    assert [name.split("::")[0] for name in found.failed] == ["tests/core/test_extras.py"]
    sound = SCRIPT["run"]([], [fault.tests, "-k", "no_extra_brings"])
    assert (sound.code, sound.failed) == (0, ())


def test_what_was_run_is_kept_beside_what_was_kept_before(tmp_path):
    """A part of the list adds its rows, the list's order stays, and a survivor is counted."""
    first, second, *_ = SCRIPT["FAULTS"]
    found, survived = SCRIPT["Run"](1, ("tests/x.py::y",), 2.0), SCRIPT["Run"](0, (), 3.0)
    SCRIPT["keep"](tmp_path / "m.json", {second.name: survived})
    SCRIPT["keep"](tmp_path / "m.json", {first.name: found})
    kept = json.loads((tmp_path / "m.json").read_text(encoding="utf-8"))
    assert [row["fault"] for row in kept["faults"]] == [first.name, second.name]
    assert (kept["found"], kept["survivors"], kept["processor_seconds"]) == (1, [second.name], 5)

import ast
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import wisp

PUBLIC = [
    "InputError",
    "Matte",
    "MissingExtraError",
    "WispError",
    "__version__",
    "composite",
    "cutout",
    "estimate_alpha",
    "estimate_foreground",
    "evaluate",
    "poisson_blend",
    "release_networks",
]
HEAVY = ("torch", "openvino", "onnxruntime", "scipy", "pyvips", "numpy", "rich")


def test_the_public_names_are_these():
    assert wisp.__all__ == PUBLIC
    assert set(PUBLIC) <= set(dir(wisp))


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_loads_and_is_documented(name):
    value = getattr(wisp, name)
    if name != "__version__":
        assert value.__module__.startswith("wisp.")
        assert len(value.__doc__) > 40


def test_other_names_are_refused_as_of_any_module():
    with pytest.raises(AttributeError, match="module 'wisp' has no attribute 'cutuot'"):
        _ = wisp.cutuot


def test_the_version_is_the_packages():
    assert wisp.__version__ == version("wisp-matting")


def test_type_checkers_see_each_name_where_the_lazy_loader_finds_it():
    tree = ast.parse(Path(wisp.__file__).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    assert isinstance(guarded.test, ast.Name)
    assert guarded.test.id == "TYPE_CHECKING"
    seen = {alias.name: node.module for node in guarded.body for alias in node.names}
    assert seen == wisp._HOMES
    assert {*seen, "__version__"} == set(PUBLIC)


def loaded_by(code):
    """Which heavy packages a fresh interpreter has loaded after `code`."""
    command = [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(run.stdout.split()) & set(HEAVY)


def test_importing_loads_nothing_heavy():
    assert loaded_by("import wisp") == set()


def cpu_seconds(*command):
    best = float("inf")
    for _ in range(3):
        before = os.times()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = os.times()
        best = min(
            best, after.children_user + after.children_system - before.children_user - before.children_system
        )
    return best


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not count the seconds of child processes")
def test_importing_costs_next_to_nothing():
    assert cpu_seconds(sys.executable, "-c", "import wisp") <= 0.25

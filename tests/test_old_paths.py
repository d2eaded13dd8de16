"""Modules that documents of version 0.1 name are still found where they say, with a warning."""

import importlib
import sys

import pytest

OLD = {
    "wisp.foreground": "wisp.matting.foreground",
    "wisp.foreground.blur_fusion": "wisp.matting.foreground.blur_fusion",
    "wisp.foreground.multilevel": "wisp.matting.foreground.multilevel",
    "wisp.inference.dim": "wisp.engine.families.dim",
    "wisp.inference.peers": "wisp.engine.peers",
}


@pytest.mark.parametrize(("old", "new"), OLD.items())
def test_the_names_are_those_of_the_new_module(old, new):
    package = ".".join(old.split(".")[:2])
    for name in [name for name in sys.modules if name.startswith(package)]:
        del sys.modules[name]
    with pytest.warns(DeprecationWarning, match=f"{package} has moved to wisp"):
        module = importlib.import_module(old)
    assert module.__all__
    for name in module.__all__:
        assert getattr(module, name) is getattr(importlib.import_module(new), name)

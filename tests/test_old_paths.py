"""What documents of versions before name is still found where they say, with a warning."""

import importlib
import sys

import pytest

from wisp.io import guidance, images

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


@pytest.mark.parametrize("name", ["read_alpha", "read_grey", "read_mask", "read_trimap"])
def test_readers_of_guidance_are_still_found_beside_those_of_photos(name):
    with pytest.warns(DeprecationWarning, match=f"wisp.io.images.{name} has moved to wisp.io.guidance"):
        assert getattr(images, name) is getattr(guidance, name)


def test_other_names_are_not():
    with pytest.raises(AttributeError, match="has no attribute 'read_grye'"):
        _ = images.read_grye

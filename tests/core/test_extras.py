"""What is said when a module of an extra is missing, broken, or when the fault is somebody else's."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

from wisp.core.errors import MissingExtraError, WispError
from wisp.core.extras import EXTRAS, importing

ROOT = Path(__file__).parents[2]
DISTRIBUTIONS = {"cv2": "opencv-python-headless", "pi_heif": "pi-heif"}


def test_the_table_says_what_the_package_metadata_says():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = {
        extra: {re.match(r"[\w-]+", line)[0] for line in lines}
        for extra, lines in project["optional-dependencies"].items()
    }
    groups = {extra for extra, names in listed.items() if names == {project["name"]}}  # extras of extras
    assert {extra: {DISTRIBUTIONS.get(m, m) for m in modules} for extra, modules in EXTRAS.items()} == {
        extra: names for extra, names in listed.items() if extra not in groups
    }
    for extra in groups:
        (line,) = project["optional-dependencies"][extra]
        assert set(re.search(r"\[(.*)\]", line)[1].split(",")) <= EXTRAS.keys()


def test_a_missing_module_is_told_with_the_extra_that_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    expected = r"^quantising needs the 'onnxruntime' extra; pip install 'wisp-matting\[onnxruntime\]'$"
    with pytest.raises(MissingExtraError, match=expected), importing("quantising", "onnxruntime", "train"):
        import onnxruntime  # noqa: F401


def test_what_two_extras_bring_is_told_with_the_first(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match="'figures'"), importing("plotting", "figures", "train"):
        import matplotlib  # noqa: F401


@pytest.mark.parametrize("name", ["wisp.traning", "nupmy", "torch.no_such_part"])
def test_a_module_that_no_extra_brings_is_not_taken_for_one(name):
    with pytest.raises(ModuleNotFoundError) as raised, importing("training", "train"):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    assert not isinstance(raised.value, WispError)


def test_a_module_that_does_not_load_is_told_as_that():
    expected = r"^clips needs cv2, which cannot be loaded \(libGL.so.1: .*\); opencv-python-headless"
    with pytest.raises(WispError, match=expected) as raised, importing("clips", "opencv"):
        raise ImportError("libGL.so.1: cannot open shared object file", name="cv2")
    assert not isinstance(raised.value, MissingExtraError)


def test_opencv_is_asked_for_as_a_module(tmp_path, monkeypatch):
    """Whatever distribution brings `cv2` will do; without one the extra is named that brings one."""
    from wisp.core import opencv

    opencv.opencv.cache_clear()
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtraError, match="'opencv' extra"):
        opencv.opencv()
    monkeypatch.delitem(sys.modules, "cv2")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "cv2.py").write_text("FLAVOUR = 'a build of their own'\n")
    assert opencv.opencv().FLAVOUR == "a build of their own"
    opencv.opencv.cache_clear()

"""Every snippet of the README runs, on the shipped example under the names that the snippets use."""

import re
import runpy
import shlex
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from wisp.cli import main
from wisp.io.images import read_photo, write_image
from wisp.matting.trimap import trimap_from_alpha

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with what the snippets name."""
    shutil.copy(ROOT / "examples/portrait.jpg", tmp_path / "photo.jpg")
    shutil.copy(ROOT / "examples/background.jpg", tmp_path / "beach.jpg")
    (tmp_path / "photos").mkdir()
    shutil.copy(ROOT / "examples/portrait.jpg", tmp_path / "photos/one.jpg")
    height, width = read_photo(tmp_path / "photo.jpg").image.shape[:2]
    y, x = np.mgrid[:height, :width]
    disc = (np.hypot(y - height / 2, x - width / 2) < height / 4).astype(np.float32)
    trimap = trimap_from_alpha(disc, width=0.05)
    write_image(tmp_path / "trimap.png", (trimap / np.float32(255)).astype(np.float32), bits=8)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commands() -> list[str]:
    """What can run here: everything but installing and training, whose own tests do that."""
    lines = [line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    skipped = ("pip", "wisp train", "wisp finetune", "wisp export")
    return [line for line in lines if line and not line.startswith(skipped) and "--model" not in line]


@pytest.mark.parametrize("command", commands())
def test_command(command, desk):
    words = shlex.split(command)
    assert words[0] == "wisp"
    assert main(words[1:]) == 0
    assert (desk / words[words.index("-o") + 1]).exists()


def test_python(desk):
    snippets = blocks("python")
    assert snippets
    for snippet in snippets:
        names: dict[str, object] = {}
        exec(compile(snippet, "README.md", "exec"), names)
        assert names["matte"].alpha.max() > 0.9
        assert names["picture"].shape[2] == 3


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_figures_are_those_of_the_kept_results(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    script = runpy.run_path(str(ROOT / "benchmarks/_readme.py"))
    needs = {"docs/dlmn.md": "torch", "docs/video.md": "cv2"}
    for page, figures in script["PAGES"].items():
        if page in needs and find_spec(needs[page]) is None:
            continue
        text = (ROOT / page).read_text(encoding="utf-8")
        assert "<!-- figures -->" in text
        assert script["with_figures"](text, figures()) == text


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert f"\n{target}:" in makefile

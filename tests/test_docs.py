"""Every command and every Python snippet of the pages in docs/ runs, on files that are called as there.

Commands that train, or need a camera, are parsed to the last option instead; their own tests run them. So are
those of pages that name other people's data sets.
"""

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import typer

from file_server import running
from tiny_clips import moving_disc, write_clip
from tiny_networks import write_segmenter
from tiny_peers import write_affine
from wisp.cli import app, main
from wisp.clips.io.sequences import is_pattern
from wisp.core.digests import sha256_of
from wisp.core.resample import resize
from wisp.engine.peers import chosen
from wisp.engine.store import PUBLISHED, places
from wisp.io.images import read_photo, write_image
from wisp.matting.trimap import trimap_from_alpha

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if path.parent.name != "decisions")
PARSED = ("wisp train", "wisp export", "wisp camera", "wisp finetune", "wisp ablate")


def blocks(page, language):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [text for word, text in found if word == language]


def commands(text):
    lines = (line.partition(" #")[0].strip() for line in text.replace("\\\n", " ").splitlines())
    return [line for line in lines if line]


def of_pages(language):
    return [
        pytest.param(page, text, id=f"{page.relative_to(DOCS)}-{number}")
        for page in PAGES
        for number, text in enumerate(blocks(page, language))
    ]


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """What the snippets name."""
    desk = tmp_path_factory.mktemp("desk")
    photo = read_photo(DOCS.parent / "examples" / "portrait.jpg").image
    image = resize(photo, 160, 120).clip(0, 1)
    write_image(desk / "photo.jpg", image)
    write_image(desk / "beach.jpg", np.full((90, 160, 3), [0.9, 0.8, 0.6], np.float32))
    y, x = np.mgrid[:160, :120]
    disc = np.clip((45 - np.hypot(y - 80, x - 60)) / 6 + 0.5, 0, 1).astype(np.float32)
    trimap = (trimap_from_alpha(disc, width=0.05) / 255).astype(np.float32)
    for name, pixels in (("mask.png", disc), ("trimap.png", trimap), ("alpha.tif", disc)):
        write_image(desk / name, pixels, bits=8)
    for folder, pixels in (("photos", image), ("masks", disc), ("predictions", disc)):
        (desk / folder).mkdir()
        write_image(desk / folder / "a.png", pixels, bits=8)
    for kind, pixels in (("image", image), ("alpha", disc), ("trimap", trimap)):
        (desk / "set" / kind).mkdir(parents=True)
        write_image(desk / "set" / kind / "a.png", pixels, bits=8)
    write_affine(desk / "modnet.onnx", gain=0.5, offset=0.5)
    write_segmenter(desk / "segmenter.onnx")
    write_clip(desk / "clip.mp4", [moving_disc(index, 48, 64)[0] for index in range(4)])
    return desk


@pytest.fixture
def desk(originals, tmp_path, monkeypatch):
    """A copy to work in, with a store of its own whose MODNet comes from a server on this machine."""
    shutil.copytree(originals, tmp_path / "desk")
    monkeypatch.chdir(tmp_path / "desk")
    monkeypatch.setenv("WISP_MODELS", str(tmp_path / "models"))
    for name in ("WISP_PEERS", "WISP_OFFLINE", "WISP_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    with running() as server:
        content = (tmp_path / "desk" / "modnet.onnx").read_bytes()
        server.content["/modnet.onnx"] = content
        about = {"name": "modnet", "file": "modnet.onnx", "peer": "modnet", "size": len(content)}
        row = server.row("/modnet.onnx", sha256=sha256_of(tmp_path / "desk" / "modnet.onnx"), **about)
        monkeypatch.setattr(places, "PUBLISHED", {**PUBLISHED, "modnet": row})
        yield tmp_path / "desk"
    chosen._stored.cache_clear()


@pytest.mark.parametrize(("page", "text"), of_pages("sh"))
def test_commands_run(page, text, desk):
    for command in commands(text):
        words = shlex.split(command)
        assert words[0] == "wisp", command
        if command.startswith(PARSED):
            parse(words[1:])
            continue
        overwrite = words[1] in ("cutout", "replace", "trimap") and not {
            "--overwrite",
            "--skip-existing",
        } & set(words)
        words += ["--overwrite"] if overwrite and "-o" in words else []
        assert main(words[1:]) == 0, command
        if "-o" in words:
            out = desk / words[words.index("-o") + 1]
            assert (out.parent if is_pattern(out.name) else out).exists(), command


@pytest.mark.parametrize(("page", "text"), of_pages(""))
def test_other_commands_can_be_parsed(page, text):
    for command in commands(text):
        words = shlex.split(command)
        if words[0] == "wisp" and "$" not in command:  # a shell's variable stands for several words
            parse(words[1:])


@pytest.mark.parametrize(("page", "text"), of_pages("python"))
def test_python_runs(page, text, desk):
    exec(compile(text, str(page), "exec"), {})


def test_links_lead_somewhere():
    cards = sorted((DOCS.parent / "src/wisp/weights").glob("*.md"))
    for page in PAGES + sorted((DOCS / "decisions").glob("*.md")) + sorted(DOCS.parent.glob("*.md")) + cards:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_page_is_reached_from_the_index():
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    linked = {(DOCS / target).resolve() for target in re.findall(r"\]\(([^)#]+)\)", index)}
    guides = {path.resolve() for path in (DOCS / "guide").glob("*.md")}
    assert guides <= linked


def test_every_network_has_its_card_among_the_pages():
    from wisp.engine.models import MODELS

    page = (DOCS / "models.md").read_text(encoding="utf-8")
    for model in MODELS.values():
        assert f"[{model.name}](../src/wisp/weights/{model.name}.md)" in page


def parse(words):
    """Have the command line read a command to the last option, and do nothing."""
    command = typer.main.get_command(app)
    while words and hasattr(command, "commands") and words[0] in command.commands:
        command, words = command.commands[words[0]], words[1:]
    command.make_context("wisp", list(words))

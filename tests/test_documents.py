"""docs/documents.md: every row names code that is there, a test, a command that is one, and weights."""

import importlib
import re
import shlex
from pathlib import Path

import pytest

from test_docs import parse
from wisp.engine.families import FAMILIES
from wisp.engine.models import MODELS
from wisp.lab.figures import FIGURES

PAGE = Path(__file__).parent.parent / "docs" / "documents.md"
HEAD = ["part", "code", "test", "command", "weights", "deviation"]


def rows():
    """Each row of the page's tables with its line's number: cells by the column's name."""
    found = []
    for number, line in enumerate(PAGE.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("| ") and "---" not in line:
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if cells != HEAD:
                row = dict(zip(HEAD, cells, strict=True))
                found.append(pytest.param(row, id=f"{number}-{cells[0][:30]}"))
    return found


ROWS = rows()


def code_in(cell):
    return re.findall(r"`([^`]+)`", cell)


def find(name):
    """A module, or what it holds, by its dotted name."""
    module, _, attribute = name.rpartition(".")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return getattr(importlib.import_module(module), attribute)


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_true(row):
    assert all(row.values())
    names = code_in(row["code"])
    assert names
    for name in names:
        assert name.startswith("wisp.")
        assert find(name) is not None
    links = re.findall(r"\[(\w+)\]\(([^)]+)\)", row["test"])
    assert links
    for text, target in links:
        path = (PAGE.parent / target).resolve()
        assert path.is_file()
        assert path.stem == text
        assert "def test_" in path.read_text(encoding="utf-8")
    for command in code_in(row["command"]):
        words = shlex.split(command)
        assert words[0] == "wisp"
        parse(words[1:])
    for name in code_in(row["weights"]):
        assert name in MODELS
    assert code_in(row["weights"]) or row["weights"] in ("none", "—")


def test_a_test_of_a_row_uses_its_code():
    """Named, or imported from its module, or run by the row's own command."""
    for parameter in ROWS:
        (row,) = parameter.values
        texts = [
            (PAGE.parent / target).resolve().read_text(encoding="utf-8")
            for target in re.findall(r"\]\(([^)]+)\)", row["test"])
        ]
        for name in code_in(row["code"]):
            module, _, attribute = name.rpartition(".")
            spoken = {name, module, module.rpartition(".")[2], attribute}
            spoken |= {word for command in code_in(row["command"]) for word in shlex.split(command)[1:3]}
            assert any(re.search(rf"\b{re.escape(word)}\b", text) for word in spoken for text in texts), row


def test_every_figure_every_ablation_and_every_network_has_a_row():
    text = PAGE.read_text(encoding="utf-8")
    for name in FIGURES:
        assert f"`wisp figure {name} " in text
    for name in ("portrait", "dim", "unet", "unet-search", "dlmn"):
        assert f"`wisp ablate {name} " in text
    for name in ("segmenter", "portrait", "dim", "unet", "unet-simple", "dlmn", "ssrn"):
        assert f"`wisp train {name} " in text
    for model in MODELS.values():
        document = FAMILIES[model.family].document
        # those that go on from another one, or are its parts, share its row
        assert not document or any(f"`{name}`" in text for name in (model.name, model.name.rsplit("-", 1)[0]))

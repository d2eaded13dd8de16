"""The first line of every docstring says by itself what a thing is or gives back."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "wisp"
LEANS = re.compile(
    r"^(what|where|which|the same|those|as|see|everything|all that|it|that|this|like|ditto|same)\b"
    r"|\b(likewise|as there|as above|as before|as below|attributes as in|arguments as in)\b"
    r"|\balike\b(?=[.;:]|$)",
    re.IGNORECASE,
)
"""Beginnings and words with which a summary leans on something that `help()` does not show."""
OPEN = re.compile(r"^\s+\w+: (as there|likewise|the same|see there|ditto)\b\s*[.;,]?\s*$", re.IGNORECASE)
"""Lines of arguments and attributes that say nothing alone."""

DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def found_in(source):
    """Names and docstrings of the classes and functions of a module, private ones and their parts too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DEFINITIONS) and (text := ast.get_docstring(node)):
            yield f"{node.name}, line {node.lineno}", text


def faults_of(source):
    faults = []
    for name, text in found_in(source):
        first, *others = text.split("\n")
        if LEANS.search(first):
            faults.append(f"{name}: {first}")
        faults += [f"{name}: {line.strip()}" for line in others if OPEN.match(line)]
    return faults


@pytest.mark.parametrize(
    "room", sorted(path.name for path in PACKAGE.iterdir() if path.suffix in ("", ".py"))
)
def test_summaries_say_something_alone(room):
    path = PACKAGE / room
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    faults = [
        f"{file.relative_to(PACKAGE)}: {fault}"
        for file in files
        for fault in faults_of(file.read_text("utf-8"))
    ]
    assert faults == []


@pytest.mark.parametrize(
    "text",
    [
        "What a training did.",
        "The same by another method.",
        "As `other`, with masks.",
        "Those of the part.",
        "See `Clip`.",
        "Faint alpha goes, strong alike.",
        "Alpha.\n\n    Args:\n        names: as there.\n    ",
    ],
)
def test_a_docstring_that_leans_is_found(text):
    assert len(faults_of(f'def function():\n    """{text}"""\n')) == 1


def test_a_docstring_that_stands_alone_is_not_found():
    assert faults_of('def function():\n    """Whether a file is read twice, as cameras are not."""\n') == []

"""Options that go together are one value of a command, and no option is written twice."""

import ast
import inspect
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from wisp import cli
from wisp.cli.bundles import with_bundles

FOLDER = Path(cli.__file__).parent


@dataclass(frozen=True)
class Size:
    height: Annotated[int, typer.Option("--height", min=1, help="Rows.")]
    width: Annotated[int, typer.Option("--width", help="Columns.")] = 7


@pytest.fixture
def ran():
    """Runs a command with a bundle in its middle; what it was called with, and what was printed."""
    called = []

    @with_bundles
    def command(
        name: Annotated[str, typer.Argument()],
        size: Size,
        *,
        loud: Annotated[bool, typer.Option("--loud")] = False,
    ) -> None:
        """Say what came."""
        called.append((name, size, loud))

    app = typer.Typer()
    app.command()(command)

    def run(*words):
        called.clear()
        result = CliRunner().invoke(app, words)
        return result.exit_code, [*called], result.output

    return run


def test_a_command_is_called_with_the_whole(ran):
    assert ran("x", "--height", "3") == (0, [("x", Size(3, 7), False)], "")
    assert ran("--loud", "--width", "2", "x", "--height", "3")[1] == [("x", Size(3, 2), True)]


def test_a_field_without_a_default_is_needed_and_limits_hold(ran):
    code, called, told = ran("x")
    assert (code, called) == (2, [])
    assert "--height" in told
    assert ran("x", "--height", "0")[:2] == (2, [])


def test_help_shows_fields_where_the_bundle_stands(ran):
    told = ran("--help")[2]
    assert "Say what came." in told
    places = [told.index(word) for word in ("--height", "Rows.", "--width", "Columns.", "--loud")]
    assert places == sorted(places)


def test_the_signature_is_what_typer_sees():
    @with_bundles
    def command(size: Size) -> None: ...

    assert list(inspect.signature(command).parameters) == ["height", "width"]


def test_no_option_is_written_twice():
    written = defaultdict(list)
    for path in sorted(FOLDER.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("typer.Option", "typer.Argument"):
                written[ast.unparse(node)].append(f"{path.name}:{node.lineno}")
    assert {text: places for text, places in written.items() if len(places) > 1} == {}

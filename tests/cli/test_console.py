"""The progress bars of the command line."""

import io
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from wisp.cli import console
from wisp.cli.console import shares


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def opened(monkeypatch):
    """Makes stderr a terminal for the rest of the test; between fixtures and tests pytest sets its own."""

    def open_terminal():
        screen = Terminal()
        monkeypatch.setattr(sys, "stderr", screen)
        monkeypatch.setenv("TERM", "xterm")
        return screen

    return open_terminal


def test_errors_are_a_line_each_and_lists_a_line_an_item(capsys):
    console.complain("a: is\nodd\t\x20name; see:\n  one: 1\n  two: 2")
    assert capsys.readouterr().err == "wisp: a: is odd name; see:\n  one: 1\n  two: 2\n"


def test_a_photo_that_takes_long_shows_its_share(opened, monkeypatch):
    terminal = opened()
    monkeypatch.setattr(console, "WAIT", 0)
    with shares(1, quiet=False) as advance:
        advance(0.125)
        advance(0.125)
    assert " 25%" in terminal.getvalue()
    with shares(1, quiet=False) as advance:
        advance(0.5)
        advance(0.5)
    assert "100%" in terminal.getvalue()


def test_a_photo_that_takes_no_time_shows_nothing(opened, monkeypatch):
    terminal = opened()
    with shares(1, quiet=False) as advance:
        advance(0.5)
        advance(0.5)
    monkeypatch.setattr(console, "WAIT", 0)
    with shares(1, quiet=False) as advance:
        advance(1.0)  # only the end is told
    assert terminal.getvalue() == ""


def test_several_photos_are_counted_from_the_start(opened):
    terminal = opened()
    with shares(3, quiet=False) as advance:
        assert "0/3" in terminal.getvalue()
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(advance, [0.1] * 30))
    assert "3/3" in terminal.getvalue()


def test_quiet_or_no_terminal_no_bar(opened, monkeypatch):
    terminal = opened()
    monkeypatch.setattr(console, "WAIT", 0)
    with shares(2, quiet=True) as advance:
        advance(0.5)
    monkeypatch.setattr(terminal, "isatty", lambda: False)
    with shares(2, quiet=False) as advance:
        advance(0.5)
    assert terminal.getvalue() == ""


def test_a_thread_that_outlives_the_work_opens_no_bar(opened, monkeypatch):
    terminal = opened()
    monkeypatch.setattr(console, "WAIT", 0)
    with shares(1, quiet=False) as advance:
        pass
    advance(0.5)
    assert terminal.getvalue() == ""

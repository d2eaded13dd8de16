"""Keys that are pressed in a terminal while a command runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def terminal_keys(stream: TextIO | None = None) -> Iterator[_Keys]:
    """Let the keys pressed in a terminal be taken one by one, without waiting for the end of a line.

    Args:
        stream: the terminal; None is standard input. Where it is none, no keys come.

    Yields:
        what hands out the keys since it was asked last.
    """
    stream = sys.stdin if stream is None else stream
    if not stream.isatty():
        yield _Keys(None)
        return
    if sys.platform == "win32":
        yield _Keys(-1)
        return
    import termios
    import tty

    number = stream.fileno()
    before = termios.tcgetattr(number)
    try:
        tty.setcbreak(number)
        yield _Keys(number)
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)


class _Keys:
    """Keys of a terminal.

    Args:
        number: of its open file; -1 for Windows' console, None for none.
    """

    def __init__(self, number: int | None) -> None:
        self._number = number

    def pressed(self) -> Iterator[str]:
        """The characters that have come since this was called last; never waits."""
        if self._number is None:
            return
        if sys.platform == "win32":
            import msvcrt

            while msvcrt.kbhit():
                yield msvcrt.getwch()
            return
        import select

        while select.select([self._number], [], [], 0)[0]:
            text = os.read(self._number, 64).decode(errors="ignore")
            if not text:
                return
            yield from text

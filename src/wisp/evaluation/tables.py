"""Tables as text that both people and web pages read."""

from __future__ import annotations

from collections.abc import Sequence


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown, its first column to the left and the others to the right; ends with a newline.

    Args:
        header: names of the columns.
        rows: cells, as many as there are columns.
    """
    rule = [":--", *["--:"] * (len(header) - 1)]
    lines = [_line(header), _line(rule), *(_line(row) for row in rows)]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"

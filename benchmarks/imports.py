"""A picture of what imports what, before and after: rooms, circles, and arrows that run back.

    git archive --prefix=before/ COMMIT src | tar x -C FOLDER
    python benchmarks/imports.py FOLDER/before/src src -o docs/figures/imports.png

Each row of a matrix imports from its columns; a number is how many modules of the one import a module of the
other, imports inside functions counted. Rooms, which are the folders and lone modules of the package, stand
in the order in which the fewest numbers lie above the diagonal, where an arrow runs back (red). The graph is
grimp's. It prints modules, arrows, circles of modules, and pairs of rooms that run back.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
PACKAGE = "wisp"


class Rooms(NamedTuple):
    """The arrows of a tree.

    Attributes:
        names: of the rooms, in order.
        counts: int64 (n, n), arrows from the row's room to the column's.
        modules: how many there are.
        arrows: between modules.
        circles: of modules, each a list of names.
    """

    names: list[str]
    counts: Counts
    modules: int
    arrows: int
    circles: list[list[str]]

    @property
    def back(self) -> int:
        """Pairs of rooms of which one imports against the order."""
        return int(np.count_nonzero(np.triu(self.counts, 1)))


def read(source: Path) -> Rooms:
    """The rooms of the package below a folder of sources, in a process of its own."""
    words = [sys.executable, str(Path(__file__)), "--arrows", str(source)]
    told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    modules, arrows = json.loads(told)
    between = Counter((room_of(a), room_of(b)) for a, b in arrows if room_of(a) != room_of(b))
    names = sorted({room_of(name) for name in modules})
    counts = np.array([[between[a, b] for b in names] for a in names])
    order = arranged(counts)
    return Rooms(
        [names[i] for i in order], counts[np.ix_(order, order)], len(modules), len(arrows), circles(arrows)
    )


def room_of(module: str) -> str:
    """The folder or lone module of the package that a module belongs to."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else PACKAGE


def arranged(counts: Counts) -> list[int]:
    """An order of rooms with few numbers above the diagonal: most imported first, then moved one by one."""
    order = [int(i) for i in np.argsort(counts.sum(axis=1) - counts.sum(axis=0), kind="stable")]

    def back(rooms: Sequence[int]) -> tuple[int, int]:
        above = np.triu(counts[np.ix_(rooms, rooms)], 1)
        return int(np.count_nonzero(above)), int(above.sum())

    improved = True
    while improved:
        improved = False
        for room in list(order):
            rest = [other for other in order if other != room]
            best = min(([*rest[:i], room, *rest[i:]] for i in range(len(order))), key=back)
            if back(best) < back(order):
                order, improved = best, True
    return order


def circles(arrows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The circles of modules: sets in which each can be reached from each."""
    onward: dict[str, set[str]] = {}
    for a, b in arrows:
        onward.setdefault(a, set()).add(b)

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        todo = [start]
        while todo:
            new = onward.get(todo.pop(), set()) - found
            found |= new
            todo += new
        return found

    far = {name: reached(name) for name in onward}
    inside = [name for name in onward if name in far[name]]
    together = {tuple(sorted(b for b in inside if b in far[a] and a in far[b])) for a in inside}
    return [list(names) for names in sorted(together)]


def draw(trees: Sequence[tuple[str, Rooms]], out: Path) -> None:
    """Write the matrices side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2 * len(trees), 7.8), layout="constrained")
    for axes, (title, rooms) in zip(np.atleast_1d(figure.subplots(1, len(trees))), trees, strict=True):
        size = len(rooms.names)
        colours = np.ones((size, size, 3))
        above = np.triu(rooms.counts, 1) > 0
        colours[np.tril(rooms.counts, -1) > 0] = (0.82, 0.88, 0.96)
        colours[above] = (0.96, 0.45, 0.4)
        axes.imshow(colours)
        for row, column in zip(*np.nonzero(rooms.counts), strict=True):
            axes.text(column, row, rooms.counts[row, column], ha="center", va="center", fontsize=5.5)
        axes.set_xticks(range(size), rooms.names, rotation=90, fontsize=7)
        axes.set_yticks(range(size), rooms.names, fontsize=7)
        axes.set_title(f"{title}\n{told(rooms)}", fontsize=9)
    figure.savefig(out, dpi=110)


def told(rooms: Rooms) -> str:
    """The numbers in a line."""
    return (
        f"{rooms.modules} modules, {rooms.arrows} arrows, {len(rooms.circles)} circles of modules, "
        f"{rooms.back} pairs of rooms run back"
    )


def main() -> int:
    """Read the command line, count and draw."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "sources", nargs="+", type=Path, help="folders that hold the package, the older first"
    )
    parser.add_argument("-o", "--out", type=Path, help="the picture")
    parser.add_argument("--arrows", action="store_true", help="print one tree's modules and arrows as JSON")
    asked = parser.parse_args()
    if asked.arrows:
        print(json.dumps(_arrows(asked.sources[0])))
        return 0
    trees = [(title, read(source)) for title, source in zip(("before", "after"), asked.sources, strict=False)]
    for title, rooms in trees:
        print(f"{title}: {told(rooms)} {rooms.circles or ''}")
    if asked.out:
        draw(trees, asked.out)
    return 0


def _arrows(source: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """The modules of the package in a folder, and which of them imports which, by grimp."""
    import grimp

    sys.path.insert(0, str(source.resolve()))
    graph: Any = grimp.build_graph(PACKAGE, cache_dir=None)
    modules = sorted(graph.modules)
    return modules, [(a, b) for a in modules for b in sorted(graph.find_modules_directly_imported_by(a))]


if __name__ == "__main__":
    sys.exit(main())

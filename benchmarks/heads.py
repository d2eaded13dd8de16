"""Two dozen heads at full resolution on green: truth, MODNet and the default, to look at.

Run from the root of the repository, with the ``bench`` dependency group installed::

    python benchmarks/heads.py --modnet FILE -o FOLDER [--eval FOLDER]

Heads are one of each person: of portrait-dev, and of the close, hatted and turned-away people, the children
and those who hold something in half ``a`` of people-dev. A head is the square at the top of the true alpha's
box, as wide as the box, of which `SIDE` pixels at most are shown, unscaled.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from _sheets import arrange, on_green
from wisp.core.arrays import Alpha
from wisp.core.regions import Box, bounding_box
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo, write_image
from wisp.pipeline import cutout

ROOT: Final = Path(__file__).parent.parent
KINDS: Final = ("close", "hat", "back", "child", "held")
HEADS: Final = 24
SIDE: Final = 360
ROWS: Final = 6


def photos(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Photos and their true alphas, one of every person."""
    portraits, people = folder / "portrait-dev", folder / "people-dev"
    found = [(photo.stem.rsplit("-", 1)[0], photo) for photo in sorted((portraits / "image").iterdir())]
    with (people / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["half"] == "a" and row["kind"] in KINDS]
    rows.sort(key=lambda row: KINDS.index(row["kind"]))
    found += [(row["subject"], next((people / "image").glob(f"{row['name']}.*"))) for row in rows]
    seen = set()
    for person, photo in found:
        if person not in seen:
            seen.add(person)
            yield photo, photo.parent.parent / "alpha" / f"{photo.stem}.png"


def head_of(alpha: Alpha) -> Box:
    """The square at the top of what is opaque, `SIDE` pixels at most."""
    box = bounding_box(alpha > 0.05)
    assert box is not None
    side = min(SIDE, box.right - box.left + 20, *alpha.shape)
    top = max(0, min(box.top - 10, alpha.shape[0] - side))
    columns = np.flatnonzero((alpha[top : top + side // 2] > 0.5).any(0))
    middle = int(columns.mean()) if len(columns) else (box.left + box.right) // 2
    left = max(0, min(middle - side // 2, alpha.shape[1] - side))
    return Box(top, left, top + side, left + side)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the sheets; print which photo is in which row."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--eval", type=Path, default=ROOT.parent / "shared" / "eval")
    parser.add_argument("--modnet", type=Path, required=True, help="MODNet's ONNX file")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder of the sheets")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    chosen = list(photos(given.eval))[:HEADS]
    for number, start in enumerate(range(0, len(chosen), ROWS), 1):
        lines = []
        for photo, truth in chosen[start : start + ROWS]:
            image, alpha = read_photo(photo).image, read_grey(truth)
            alphas = (
                alpha,
                cutout(image, model=f"modnet={given.modnet}").alpha,
                cutout(image).alpha,
            )
            head = head_of(alpha).slices
            lines.append([image[head], *(on_green(image, one)[head] for one in alphas)])
        file = given.out / f"heads-{number}.jpg"
        write_image(file, arrange(lines), overwrite=True)
        print(file, *(photo.stem for photo, _ in chosen[start : start + ROWS]))


if __name__ == "__main__":
    main()

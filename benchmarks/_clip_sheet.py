"""A contact sheet of a clip: every tenth frame, as it is and cut out on green, to be looked at.

    python benchmarks/_clip_sheet.py CLIP SHEET [--method NAME] [--start S] [--end S] [--every N]

Every frame is matted, as ``wisp video`` does it, so that what is handed on from frame to frame shows.
"""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path

import numpy as np

from wisp.clips.backdrops import GREEN
from wisp.clips.io.read import open_clip
from wisp.clips.methods import alpha_method
from wisp.clips.steady import State, step
from wisp.compositing.backgrounds import parse_colour
from wisp.compositing.over import over
from wisp.core.arrays import Image
from wisp.core.opencv import shrink
from wisp.io.images import write_image

COLUMNS = 6
CELL = 320


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--method", default="auto")
    parser.add_argument("--start", type=Fraction, default=Fraction(0))
    parser.add_argument("--end", type=Fraction)
    parser.add_argument("--every", type=int, default=10)
    options = parser.parse_args()
    alpha_of = alpha_method(options.method)
    green = np.array(parse_colour(GREEN), np.float32)
    state: State | None = None
    cells = []
    with open_clip(options.clip) as clip:
        for frame in clip.frames(options.start, options.end):
            image = frame.image
            matte, state = step(image, state, alpha_of)
            if frame.index % options.every == 0:
                shown = over(matte.foreground, matte.alpha, green)
                cells.append(np.concatenate([reduced(image), reduced(shown)]))
                print(f"{float(frame.time):.2f} s, {state.age} frames since a cut", flush=True)
    write_image(options.sheet, arranged(cells), overwrite=True)


def reduced(image: Image) -> Image:
    """The image `CELL` pixels wide, or as it is where it is no wider."""
    height, width = image.shape[:2]
    share = min(1.0, CELL / width)
    return shrink(image, round(height * share), round(width * share))


def arranged(cells: list[Image]) -> Image:
    """The cells in rows of `COLUMNS`, what is left of the last row white."""
    blank = np.ones_like(cells[0])
    cells = cells + [blank] * (-len(cells) % COLUMNS)
    rows = [np.concatenate(cells[i : i + COLUMNS], axis=1) for i in range(0, len(cells), COLUMNS)]
    return np.concatenate(rows)


if __name__ == "__main__":
    main()

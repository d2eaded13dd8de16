"""Other methods and the network on a plain background and on one that resembles the subject.

El Abdellaoui and Kachbal, background matting with DLMN-G and SSRN (Studies in Informatics and Control),
figures 7 and 8: alpha, green screen and background matting of each method. All start from the mask that the
pipeline finds in the same picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from wisp.core.arrays import Image
from wisp.lab.figures.dlmn_cases import CASES, Case, case_of, scene_of
from wisp.lab.figures.running import Running
from wisp.lab.figures.sheets import GREEN, row, stack
from wisp.lab.figures.subjects import Source
from wisp.methods import check_method
from wisp.pipeline import composite

OTHERS: Final = ("knn", "random-walk")
"""The methods that the paper compares with."""


def compared(ours: Running, others: Sequence[str] = OTHERS) -> list[Running]:
    """List the methods to compare, ours last; `InputError` for a name that is no method."""
    for name in others:
        check_method(name)
    return [*(Running(name, None, ours.engine) for name in others), ours]


def columns(methods: Sequence[Running]) -> list[str]:
    """Name the sheet's columns, left to right."""
    return ["photo", *(f"{r.method}: {what}" for r in methods for what in ("alpha", "green", "new"))]


def draw(
    sources: Sequence[Source],
    scenes: Sequence[Path],
    methods: Sequence[Running],
    *,
    background: str,
    cases: Sequence[Case] = CASES,
    height: int = 256,
    longest: int | None = None,
    seed: int = 0,
    done: Callable[[], None] = lambda: None,
) -> Image:
    """The sheet: one row for each subject and case.

    Args:
        sources: the subjects.
        scenes: pictures that are made to resemble a subject.
        methods: what is compared (`compared`).
        background: the new one: a picture or a colour.
        cases: ``plain``, ``alike``.
        height: of a row, pixels.
        longest: the longer side that larger photos are shrunk to, pixels.
        seed: of which scene a subject gets.
        done: called after each row.

    Returns:
        float32 (H, W, 3), [0, 1].

    Raises:
        InputError: a file that cannot be read, or what the pipeline raises.
    """
    rows = []
    for index, source in enumerate(sources):
        subject = source.load(longest)
        for case in cases:
            image = case_of(subject, case, scene_of(index, scenes, seed))
            pictures: list[Image] = [image]
            for running in methods:
                matte = running(image).matte
                pictures += [matte.alpha, composite(matte, GREEN), composite(matte, background)]
            rows.append(row(pictures, height))
            done()
    return stack(rows)

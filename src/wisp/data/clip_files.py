"""The folder that ``wisp compose --video`` writes: ``image/``, ``alpha/`` and ``pairs.csv``, a clip a name.

Clips are FFV1 in Matroska, lossless, 8 bits a channel; alpha is grey. ``pairs.csv`` says what each is made
of. It is written first, and a later run goes on only where it would write the same.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from wisp.clips.io.codecs import CODECS
from wisp.clips.io.colour import Colour
from wisp.clips.io.write import FileWriter, Layout
from wisp.core.arrays import from_float
from wisp.core.errors import InputError
from wisp.data import vips
from wisp.data.clips import Scenario, clip
from wisp.data.composites import Composite
from wisp.io.atomic import atomic_paths, reason, write_files

PAIRS: Final = "pairs.csv"
_SRGB: Final = Colour(0, 1, 13, full=True)


@dataclass(frozen=True)
class ClipPlan:
    """One clip to make: a foreground on a background, and how they move."""

    composite: Composite
    scenario: Scenario

    @property
    def name(self) -> str:
        """Of its files."""
        return self.composite.name

    def files(self, out: Path, *, layers: bool) -> dict[str, Path]:
        """The file of each part."""
        return {part: out / part / f"{self.name}.mkv" for part in parts(layers=layers)}


def parts(*, layers: bool) -> tuple[str, ...]:
    """The names of the subfolders that are written."""
    return ("image", "alpha", *(("fg", "bg") if layers else ()))


def prepare_clips(
    out: Path, plans: Sequence[ClipPlan], *, layers: bool = False, overwrite: bool = False
) -> list[ClipPlan]:
    """Make the folder ready, write ``pairs.csv``, and return the clips that are still to be made.

    Args:
        out: the folder; it is created.
        plans: all that the set is made of.
        layers: whether ``fg/`` and ``bg/`` are written too.
        overwrite: make all of them anew.

    Raises:
        InputError: the folder holds something else, or cannot be written.
    """
    rows = _table(plans)
    pairs = out / PAIRS
    try:
        if not overwrite and out.is_dir() and any(out.iterdir()):
            if not pairs.is_file():
                raise InputError(out, "is not empty", "a new folder is accepted; --overwrite writes into it")
            if pairs.read_bytes() != rows.encode():
                accepted = "another folder is accepted; --overwrite replaces"
                raise InputError(pairs, "was made of other pairs, sizes, lengths or seeds", accepted)
        out.mkdir(parents=True, exist_ok=True)
        write_files({str(pairs): rows.encode()}, overwrite=True)
    except OSError as error:
        raise InputError(out, f"cannot be written to: {reason(error)}") from error
    if overwrite:
        return list(plans)
    return [p for p in plans if not all(file.is_file() for file in p.files(out, layers=layers).values())]


def make_clip(plan: ClipPlan, out: Path, *, layers: bool = False) -> None:
    """Write the files of a clip; they appear together or not at all.

    Raises:
        InputError: an input cannot be read, or an output not be written.
    """
    files = plan.files(out, layers=layers)
    for file in files.values():
        file.parent.mkdir(parents=True, exist_ok=True)
    person, scene = plan.composite.entry.load(), vips.read_rgb(plan.composite.background)
    height, width = plan.scenario.size
    rate = Fraction(plan.scenario.rate).limit_denominator(1001)
    with atomic_paths(list(files.values()), overwrite=True) as stand_ins:
        writers = {
            part: FileWriter(
                stand_in,
                CODECS["ffv1"],
                Layout(height, width, 1 if part == "alpha" else 3, tick=1 / rate, rate=rate, colour=_SRGB),
            )
            for part, stand_in in zip(files, stand_ins, strict=True)
        }
        try:
            for number, frame in enumerate(clip(person, scene, plan.scenario)):
                layer = {"image": 0, "alpha": 1, "fg": 2, "bg": 3}
                for part, writer in writers.items():
                    writer.write(from_float(frame[layer[part]]), number / rate, 1 / rate)
            for writer in writers.values():
                writer.finish()
        finally:
            for writer in writers.values():
                writer.close()


def _table(plans: Sequence[ClipPlan]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["name", "foreground", "background", "scenario"])
    for plan in plans:
        c = plan.composite
        writer.writerow([c.name, c.entry.name, c.background.name, repr(plan.scenario)])
    return text.getvalue()

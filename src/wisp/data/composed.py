"""The folder that `wisp compose` writes: ``image/``, ``alpha/``, ``pairs.csv``, and what else is asked for.

``pairs.csv`` says what each composite is made of. It is written first, and a later run goes on only where it
would write the same: so an interrupted run is resumed by running it again, and two sets never mix.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from wisp.core.arrays import Bytes
from wisp.core.errors import InputError
from wisp.data import vips
from wisp.data.composites import Composite, table
from wisp.io.atomic import reason, write_files
from wisp.io.images import SAVE_OPTIONS

PARTS: Final = ("image", "alpha", "trimap", "fg", "bg")
PAIRS: Final = "pairs.csv"
BLOCK: Final = 25
"""Composites of one foreground that are made one after the other, for one decoding of it."""


def parts(*, trimaps: bool, layers: bool) -> tuple[str, ...]:
    """The names of the subfolders that will be written."""
    return ("image", "alpha", *(["trimap"] if trimaps else []), *(["fg", "bg"] if layers else []))


def files_of(composite: Composite, out: Path, wanted: Sequence[str]) -> dict[str, Path]:
    """The file of each part of a composite."""
    return {part: out / part / f"{composite.name}.png" for part in wanted}


def prepare(
    out: Path, composites: Sequence[Composite], wanted: Sequence[str], *, overwrite: bool
) -> list[Composite]:
    """Make the folder ready, write ``pairs.csv``, and return the composites that are still to be made.

    Args:
        out: the folder; it is created.
        composites: all that the set is made of.
        wanted: as `parts` gives them.
        overwrite: make all of them anew, whatever the folder holds.

    Raises:
        InputError: an input lies where outputs go, the folder holds something else, or it cannot be written.
    """
    _check_inputs(out, composites)
    pairs = out / PAIRS
    rows = table(composites)
    try:
        if not overwrite and out.is_dir() and any(out.iterdir()):
            if not pairs.is_file():
                raise InputError(out, "is not empty", "a new folder is accepted; --overwrite writes into it")
            if pairs.read_bytes() != rows.encode():
                problem = "was made of other pairs: other foregrounds, backgrounds, order, number or seed"
                raise InputError(pairs, problem, "another folder is accepted; --overwrite replaces")
        out.mkdir(parents=True, exist_ok=True)
        write_files({str(pairs): rows.encode()}, overwrite=True)
    except OSError as error:
        raise InputError(out, f"cannot be written to: {reason(error)}") from error
    if overwrite:
        return list(composites)
    return [c for c in composites if not all(path.is_file() for path in files_of(c, out, wanted).values())]


def blocks(composites: Iterable[Composite]) -> Iterator[list[Composite]]:
    """Composites of one foreground each, at most `BLOCK` together."""
    for _, group in groupby(composites, key=lambda composite: composite.entry):
        same = list(group)
        for start in range(0, len(same), BLOCK):
            yield same[start : start + BLOCK]


def encode(pictures: Mapping[str, Bytes], known: dict[str, bytes]) -> dict[str, bytes]:
    """The pictures as PNG files, by part.

    Args:
        pictures: as `wisp.data.composites.render` gives them.
        known: what is the same for all composites of a foreground (``alpha`` and ``fg``); filled here, and to
            be handed in again with the next of them.
    """
    encoded = {}
    for part, pixels in pictures.items():
        if part not in known:
            data = bytes(vips.as_image(pixels).pngsave_buffer(keep="none", **SAVE_OPTIONS["png"]))
            if part in ("alpha", "fg"):
                known[part] = data
            encoded[part] = data
        else:
            encoded[part] = known[part]
    return encoded


def store(composite: Composite, out: Path, encoded: Mapping[str, bytes]) -> None:
    """Write the files of a composite; they appear together or not at all.

    Raises:
        InputError: they cannot be written.
    """
    files = files_of(composite, out, list(encoded))
    for path in files.values():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(path.parent, f"the folder cannot be created: {reason(error)}") from error
    write_files({str(path): encoded[part] for part, path in files.items()}, overwrite=True)


def _check_inputs(out: Path, composites: Sequence[Composite]) -> None:
    """Raise `InputError` where a file that is read lies in a folder that is written to."""
    written = [(out / part).resolve() for part in PARTS]
    files = {
        path for c in composites for path in (c.background, c.entry.photo, c.entry.alpha, c.trimap) if path
    }
    folders = {path.parent: path for path in files}
    for folder, path in folders.items():
        if any(folder.resolve().is_relative_to(place) for place in written):
            raise InputError(
                path, f"is an input and lies where {out} is written", "another folder is accepted"
            )

"""One's own few photos to fine-tune on: read, checked whole before anything starts, and split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from wisp.core.errors import InputError
from wisp.data import datasets, layouts, vips
from wisp.data.datasets import Entry

ACCEPTED: Final = "a folder with image/ and alpha/, or of cut-outs with transparency, is accepted"


def own_photos(folder: Path, held_out: float = 0.2, seed: int = 0) -> tuple[list[Entry], list[Entry]]:
    """The photos of a folder, to train on and held out.

    Args:
        folder: with ``image/`` and ``alpha/``, a folder of cut-outs, or any other layout that
            `wisp.data.layouts` knows.
        held_out: share that is held out, at least one photo.
        seed: of the choice.

    Raises:
        InputError: no such folder, nothing labelled in it, a photo without alpha, an alpha of another size,
            or a single photo.
    """
    if folder.is_dir() and not _pictures(folder):
        raise InputError(folder, "holds no photos", ACCEPTED)
    if folder.is_dir() and (folder / "image").is_dir() and not (folder / "alpha").is_dir():
        raise InputError(folder / "alpha", "is missing", ACCEPTED)
    try:
        layouts.find_layout(folder)
    except InputError as error:
        if not folder.is_dir():
            raise
        raise InputError(folder, "holds photos, but no alphas", ACCEPTED) from error
    entries = layouts.read_folder(folder).entries
    for entry in entries:
        check(entry)
    if len({entry.subject or entry.name for entry in entries}) < 2:
        raise InputError(folder, "holds one photo", "at least two are accepted: one is held out")
    return datasets.hold_out_subjects(entries, held_out, seed)


def check(entry: Entry) -> None:
    """Raise `InputError` where a photo has no alpha, or one of another size; headers alone are read."""
    if entry.alpha is None:
        if not vips.has_alpha(entry.photo):
            raise InputError(entry.photo, "has no alpha channel", "a cut-out with transparency is accepted")
        return
    photo, alpha = vips.size_of(entry.photo), vips.size_of(entry.alpha)
    if photo != alpha:
        (height, width), (rows, columns) = photo, alpha
        problem = f"is {columns}×{rows}"
        raise InputError(entry.alpha, problem, f"its photo's size, {width}×{height}, is accepted")


def _pictures(folder: Path) -> Sequence[Path]:
    return [path for path in folder.rglob("*") if path.suffix.lower() in datasets.SUFFIXES and path.is_file()]

"""The photos of a benchmark: ``image/``, ``alpha/``, and beside them what may guide a system or score it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wisp.core.errors import InputError
from wisp.lab.figures.photos import partner, pictures

GUIDES: Final = ("trimap", "mask", "plate")
"""Kinds of guidance. Several sets of a kind are told apart by what follows the word: ``trimap1`` …"""
FOREGROUND: Final = ("foreground", "fg")
"""What a folder of true foreground colours may be called; the second is `wisp compose`'s word."""


@dataclass(frozen=True)
class Case:
    """A photo and what belongs to it.

    Attributes:
        name: path of the photo in ``image/`` without its suffix, with forward slashes.
        image: its file.
        alpha: the file of its true alpha.
        guides: name of a folder of guidance → the photo's file there.
        foreground: the file of its true foreground colours; None where these are not known.
    """

    name: str
    image: Path
    alpha: Path
    guides: Mapping[str, Path]
    foreground: Path | None = None


def find_cases(folder: Path, count: int | None = None) -> list[Case]:
    """The photos of a folder, in the order of their names.

    Args:
        folder: holds ``image/`` and ``alpha/``, and may hold ``trimap…/``, ``mask…/``, ``plate…/`` and
            ``foreground/`` or ``fg/``, in which each photo has a file of its own name.
        count: only so many, spread evenly; None for all.

    Raises:
        InputError: no such folder, nothing in it, or a photo without its file in one of the others.
    """
    for name in ("image", "alpha"):
        if not (folder / name).is_dir():
            raise InputError(folder, f"holds no folder {name}/", "a folder of image/ and alpha/ is accepted")
    places = pictures([folder / "image"])
    if count is not None and count < len(places):
        places = [places[index * len(places) // count] for index in range(count)]
    names = {place.name for place in places}
    if len(names) < len(places):
        twice = next(p for p in places if sum(q.name == p.name for q in places) > 1)
        raise InputError(twice.path, "has the name of another photo", "one photo of a name is accepted")
    sets = guide_sets(folder)
    colours = next((folder / name for name in FOREGROUND if (folder / name).is_dir()), None)
    return [
        Case(
            place.name,
            place.path,
            partner(place.name, folder / "alpha"),
            {name: partner(place.name, folder / name) for name in sets},
            partner(place.name, colours) if colours is not None else None,
        )
        for place in places
    ]


def guide_sets(folder: Path) -> list[str]:
    """Names of the folders of guidance, in order."""
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and kind_of(path.name) is not None)


def kind_of(guide: str) -> str | None:
    """Tell the kind of guidance in a folder by its name; None for no guidance."""
    return next((kind for kind in GUIDES if guide.startswith(kind)), None)

"""Of which labelled photos a set is made: lists of names, several sets as one, subjects kept apart."""

from __future__ import annotations

import filecmp
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wisp.core.errors import InputError
from wisp.data.datasets import Entry


@dataclass(frozen=True)
class Collection:
    """The entries read of one folder; the tuples go together.

    Attributes:
        layout: name of its layout.
        entries: the labelled photos, in the authors' order where they give one, else by name.
        places: each entry's place in that order, which a selection does not change.
        listed: for each entry the file names of the backgrounds that the authors set it on; empty tuples
            where they list none.
        trimaps: folder with the trimaps of the authors' composites, ``NAME_0.png`` ….
    """

    layout: str
    entries: tuple[Entry, ...]
    places: tuple[int, ...]
    listed: tuple[tuple[str, ...], ...]
    trimaps: Path | None = None


def read_names(file: Path) -> list[str]:
    """The names that a text file lists, one a line; blank lines and those that begin with # are left out.

    Raises:
        InputError: the file cannot be read as text or lists nothing.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        problem = "is no text in UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise InputError(file, f"cannot be read: {problem}") from error
    names = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not names:
        raise InputError(file, "lists no names", "a text file with one name a line is accepted")
    return names


def select(collections: Sequence[Collection], names: Sequence[str], source: Path | str) -> list[Collection]:
    """Keep the entries that a list names, with or without suffix, with or without folders.

    Args:
        collections: of several sets, one list may serve all.
        names: as `read_names` gives them.
        source: where they come from, for messages.

    Raises:
        InputError: a name that no set has.
    """
    known = {key for c in collections for entry in c.entries for key in _keys(entry)}
    for name in names:
        if name not in known:
            sets = " and ".join(dict.fromkeys(collection.layout for collection in collections))
            raise InputError(
                source, f"names {name}, which is not in {sets}", "names of its files are accepted"
            )
    wanted = set(names)
    return [only(c, [bool(wanted & _keys(entry)) for entry in c.entries]) for c in collections]


def merge(collections: Sequence[Collection]) -> list[Collection]:
    """Several sets as one: their places follow each other, and shared names get the set's own before them.

    Raises:
        InputError: two sets of the same layout share a name.
    """
    counts = Counter(entry.name for collection in collections for entry in collection.entries)
    merged, start = [], 0
    taken: dict[str, Path] = {}
    for collection in collections:
        entries = []
        for entry in collection.entries:
            name = f"{collection.layout}/{entry.name}" if counts[entry.name] > 1 else entry.name
            if name in taken:
                raise InputError(
                    entry.photo, f"has the name of {taken[name]}", "names of their own are accepted"
                )
            taken[name] = entry.photo
            entries.append(replace(entry, name=name))
        places = tuple(start + place for place in collection.places)
        merged.append(replace(collection, entries=tuple(entries), places=places))
        start += max(collection.places, default=-1) + 1
    return merged


def check_disjoint(train: Sequence[Entry], test: Sequence[Entry]) -> None:
    """Raise `InputError` where a subject is in both.

    A subject is known by its name together with its files: Distinctions-646 uses some names in both of its
    parts for different subjects.
    """
    trained = {entry.subject or entry.name: entry for entry in train}
    for entry in test:
        other = trained.get(entry.subject or entry.name)
        if other is not None and filecmp.cmp(
            other.alpha or other.photo, entry.alpha or entry.photo, shallow=False
        ):
            raise InputError(
                entry.photo, f"is also trained on, as {other.photo}", "subjects apart are accepted"
            )


def only(collection: Collection, keep: Sequence[bool]) -> Collection:
    """Keep the entries for which `keep`, one for each, is true."""
    kept = [index for index, wanted in enumerate(keep) if wanted]
    return replace(
        collection,
        entries=tuple(collection.entries[index] for index in kept),
        places=tuple(collection.places[index] for index in kept),
        listed=tuple(collection.listed[index] for index in kept),
    )


def _keys(entry: Entry) -> set[str]:
    """The ways in which a list may name an entry."""
    return {entry.name, entry.photo.name, entry.photo.stem, f"{entry.name}{entry.photo.suffix}"}

"""Clips as numbered pictures: which files of a folder, or of a pattern, are its frames, and their numbers."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from math import gcd
from pathlib import Path
from typing import Final

from wisp.core.errors import InputError
from wisp.io.formats import READABLE, READABLE_SUFFIXES, UNREADABLE_SUFFIXES

PATTERNS: Final = "NAME.%04d.png, NAME.####.png, NAME.1001-1050.png or a folder is accepted"

_LAST_NUMBER: Final = re.compile(r"^(.*?)(\d+)(\D*)$")
_PLACE: Final = re.compile(r"%0?(\d*)d|(#+|@+)")
_RANGE: Final = re.compile(r"^(.*?)(\d+)-(\d+)(\D*)$")


@dataclass(frozen=True)
class Sequence:
    """The pictures of a clip.

    Attributes:
        files: in the order that they are shown.
        numbers: of the frames, rising; None where the names have none.
        strays: pictures beside them that do not belong to them.
        asked: the numbers that a range asks for; None where all are taken.
    """

    files: tuple[Path, ...]
    numbers: tuple[int, ...] | None = None
    strays: tuple[Path, ...] = ()
    asked: range | None = None

    @property
    def step(self) -> int:
        """By how much numbers rise from a frame to the next, where none is missing."""
        return gcd(*(b - a for a, b in pairwise(self.numbers or ()))) or 1

    @property
    def missing(self) -> tuple[int, ...]:
        """Numbers that should be there between the first and the last.

        Empty where more are missing than there are: such numbers are names and no clock.
        """
        if self.numbers is None:
            return ()
        whole = range(self.numbers[0], self.numbers[-1] + 1, self.step)
        if len(whole) > 2 * len(self.numbers):
            return ()
        return tuple(sorted(set(whole) - set(self.numbers)))

    @property
    def beyond(self) -> tuple[int, ...]:
        """Numbers that are asked for and not there, before the first and after the last."""
        if self.numbers is None or self.asked is None:
            return ()
        before = range(self.numbers[0] - self.step, self.asked.start - 1, -self.step)
        return (*reversed(before), *range(self.numbers[-1] + self.step, self.asked.stop, self.step))

    @property
    def places(self) -> tuple[int, ...]:
        """When each frame is shown, counted in frames from the first: missing ones leave their time."""
        if self.numbers is None or not self.missing:
            return tuple(range(len(self.files)))
        return tuple((number - self.numbers[0]) // self.step for number in self.numbers)


def find_sequence(path: Path | str) -> Sequence | None:
    """The pictures that a folder or a pattern names; None where `path` is a file, or neither.

    Of a folder those that are called alike but for the last number in their names; other pictures in it are
    strays. Where no names are alike it is all of them, in the order of their names.

    Args:
        path: a folder; or a pattern: ``shot.%04d.png``, ``shot.####.png``, or ``shot.1001-1050.png``, which
            is a part of it. A file of that very name comes first.

    Raises:
        InputError: no pictures; several sequences in one folder; a number that is there twice.
    """
    path = Path(path)
    if path.is_dir():
        return _of_folder(path)
    if path.exists() or not path.parent.is_dir():
        return None
    place, part = _PLACE.search(path.name), _RANGE.match(path.name)
    if path.suffix.lower() not in READABLE_SUFFIXES:
        if (place or part) and path.suffix.lower() in UNREADABLE_SUFFIXES:
            raise InputError(path, f"is of a kind that wisp does not read ({path.suffix})", READABLE)
        return None
    if place is not None:
        head, tail = path.name[: place.start()], path.name[place.end() :]
        return _of_names(path, head, tail)
    if part is None:
        return None
    first, last = int(part[2]), int(part[3])
    return _of_names(path, part[1], part[4], range(first, last + 1))


def pattern_name(name: str, number: int) -> str:
    """A pattern's file name for a number: ``shot.%04d.png`` and 7 are ``shot.0007.png``."""
    return _PLACE.sub(lambda found: f"{number:0{_digits(found)}}", name, count=1)


def is_pattern(name: str) -> bool:
    """Whether a file name has a place for a number."""
    return _PLACE.search(name) is not None


def last_number(stem: str) -> int | None:
    """The last number in a name; None for none."""
    found = _LAST_NUMBER.match(stem)
    return None if found is None else int(found[2])


def pictures(folder: Path) -> list[Path]:
    """The picture files of a folder but hidden ones, in the order of their names, numbers by their value."""
    found = (path for path in folder.iterdir() if path.suffix.lower() in READABLE_SUFFIXES)
    return sorted((p for p in found if not p.name.startswith(".") and p.is_file()), key=_natural)


def _of_folder(folder: Path) -> Sequence:
    files = pictures(folder)
    if not files:
        unread = {path.suffix for path in folder.iterdir() if path.suffix.lower() in UNREADABLE_SUFFIXES}
        if unread:
            kinds = ", ".join(sorted(unread))
            raise InputError(folder, f"holds pictures of kinds that wisp does not read ({kinds})", READABLE)
        raise InputError(folder, "holds no pictures", "a video file or a folder of pictures is accepted")
    groups: dict[tuple[str, str], list[tuple[int, Path]]] = defaultdict(list)
    for file in files:
        found = _LAST_NUMBER.match(file.stem)
        if found is not None:
            groups[found[1], found[3]].append((int(found[2]), file))
    alike = sorted(groups.values(), key=len, reverse=True)
    if not alike or (len(alike[0]) == 1 and len(files) > 1):
        return Sequence(tuple(files))
    if len(alike) > 1 and len(alike[1]) > 1:
        names = ", ".join(f"{group[0][1].name} …" for group in alike if len(group) > 1)
        accepted = f"one of them is accepted, as {_as_pattern(alike[0][0][1])}"
        raise InputError(folder, f"holds several sequences: {names}", accepted)
    kept = {file for _, file in alike[0]}
    return _numbered(folder, alike[0], tuple(file for file in files if file not in kept))


def _of_names(path: Path, head: str, tail: str, wanted: range | None = None) -> Sequence:
    """The files of a folder that begin with `head`, end in `tail` and have a number between."""
    found = []
    for file in pictures(path.parent):
        number = file.name[len(head) : len(file.name) - len(tail)]
        fits = file.name.startswith(head) and file.name.endswith(tail) and number.isdecimal()
        if fits and (wanted is None or int(number) in wanted):
            found.append((int(number), file))
    if not found:
        raise InputError(path, "names no picture that is there", PATTERNS)
    return _numbered(path, found, (), wanted)


def _numbered(
    path: Path, found: list[tuple[int, Path]], strays: tuple[Path, ...], asked: range | None = None
) -> Sequence:
    found = sorted(found, key=lambda item: item[0])
    for (number, one), (other, two) in pairwise(found):
        if number == other:
            accepted = f"one file a number is accepted, as {_as_pattern(one)}"
            raise InputError(path, f"has frame {number} twice: {one.name}, {two.name}", accepted)
    return Sequence(tuple(file for _, file in found), tuple(number for number, _ in found), strays, asked)


def _as_pattern(file: Path) -> str:
    found = _LAST_NUMBER.match(file.stem)
    if found is None:
        return file.name
    return f"{found[1]}{'#' * len(found[2])}{found[3]}{file.suffix}"


def _digits(found: re.Match[str]) -> int:
    return len(found[2]) if found[2] else int(found[1] or 1)


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """A key by which names are sorted with their numbers by value: ``frame2`` before ``frame10``."""
    parts = re.split(r"(\d+)", path.name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in parts if part]

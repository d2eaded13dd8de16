"""Sets of photos with a true alpha, and photos with a rough word on what must be kept and what must go."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from wisp.core.arrays import Alpha, check_same_size, from_float
from wisp.core.errors import InputError
from wisp.io.formats import READABLE_SUFFIXES
from wisp.io.guidance import read_grey

Half: TypeAlias = Literal["a", "b"]

MUST: Final = ".must.png"
"""What a photo's must mask is called after the photo's stem."""


@dataclass(frozen=True)
class Picture:
    """A photo of a set.

    Attributes:
        name: its file's stem.
        photo: its file.
        truth: the file of its true alpha; None where there is no subject and so the right alpha is empty.
        group: a number that it shares with the pictures of the same subjects.
        labels: its kinds, then its variants, as tables list them.
    """

    name: str
    photo: Path
    truth: Path | None
    group: int
    labels: tuple[str, ...]


def read_set(folder: Path, half: Half | None = None) -> list[Picture]:
    """The pictures of a set, in the order of their names.

    ``image/`` holds the photos and ``alpha/`` the truths; where there is no ``alpha/`` nothing is to be found
    on any photo. ``manifest.csv`` says which photos there are (``name``), of which ``half`` they are, their
    ``subject`` or ``subjects``, ``kind``, and ``variant`` or ``made``; several in one cell are joined by
    ``+``. Without one there are no halves, and names are SUBJECT-NUMBER.

    Args:
        folder: the set.
        half: ``a`` or ``b`` for that one, where the set has halves; None for all.

    Raises:
        InputError: no such folder, no photos, or a file that is missing.
    """
    images = folder / "image"
    if not images.is_dir():
        raise InputError(images, "is no folder", "a set with the folder image/ is accepted")
    files = {path.stem: path for path in photos_of(folder)}
    rows = _manifest(folder / "manifest.csv") or [
        {"name": name, "subject": name.rsplit("-", 1)[0]} for name in files
    ]
    rows = sorted(
        (row for row in rows if half is None or row.get("half", half) == half), key=lambda row: row["name"]
    )
    if not rows:
        raise InputError(images, "holds no photos" + (f" of half {half}" if half else ""))
    groups = connected([_parts(row, "subject", "subjects") or (row["name"],) for row in rows])
    truths = folder / "alpha" if (folder / "alpha").is_dir() else None
    return [
        Picture(
            row["name"],
            _file(images, row["name"], files),
            None if truths is None else _file(truths, row["name"]),
            group,
            _labels(row),
        )
        for row, group in zip(rows, groups, strict=True)
    ]


def photos_of(folder: Path) -> list[Path]:
    """The photos of FOLDER/image, or of FOLDER where there is no such folder; must masks are none."""
    place = folder / "image" if (folder / "image").is_dir() else folder
    if not place.is_dir():
        raise InputError(place, "is no folder", "a folder of photos is accepted")
    found = sorted(
        path
        for path in place.iterdir()
        if path.suffix.lower() in READABLE_SUFFIXES and not path.name.endswith(MUST)
    )
    if not found:
        raise InputError(place, "holds no photos")
    return found


def connected(members: Sequence[Sequence[str]]) -> list[int]:
    """A number for each entry, the same for those that have a member in common, directly or by way of others.

    Args:
        members: of each entry, at least one.
    """
    number: dict[str, int] = {}
    columns = [number.setdefault(name, len(number)) for names in members for name in names]
    rows = [row for row, names in enumerate(members) for _ in names]
    count, width = len(members), len(members) + len(number)
    places = (rows, [count + column for column in columns])
    _, labels = connected_components(csr_array((np.ones(len(rows)), places), shape=(width, width)), False)
    return [int(label) for label in labels[:count]]


@dataclass(frozen=True)
class Case:
    """A photo and the file of its must mask."""

    photo: Path
    must: Path


@dataclass(frozen=True)
class Verdict:
    """How much of a photo is where it must be, each in [0, 1]; None where there is no such pixel.

    Attributes:
        kept: mean alpha where the subject is.
        wrong: mean alpha where it is not.
    """

    kept: float | None
    wrong: float | None


def read_cases(folder: Path) -> list[Case]:
    """The photos of a folder that have a must mask, NAME.must.png, in the order of their names.

    Raises:
        InputError: no such folder, or none in it.
    """
    if not folder.is_dir():
        raise InputError(folder, "is no folder", f"a folder of photos and NAME{MUST} is accepted")
    cases = [
        Case(path, path.with_name(path.stem + MUST))
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in READABLE_SUFFIXES and path.with_name(path.stem + MUST).is_file()
    ]
    if not cases:
        raise InputError(folder, "holds no photo with a must mask", f"a photo NAME.jpg and NAME{MUST} are")
    return cases


def judge(alpha: Alpha, must: Path) -> Verdict:
    """Compare alpha, float32 (H, W), with a must mask: 255 must be kept, 0 must go, the rest is free.

    Raises:
        InputError: the mask cannot be read or has another size.
    """
    drawn = read_must(must)
    check_same_size("alpha", alpha, str(must), drawn)
    return Verdict(
        *(float(alpha[drawn == value].mean()) if (drawn == value).any() else None for value in (255, 0))
    )


def read_must(must: Path) -> npt.NDArray[np.uint8]:
    """A must mask, uint8 (H, W)."""
    return from_float(read_grey(must)).astype(np.uint8)


def _manifest(file: Path) -> list[dict[str, str]]:
    if not file.is_file():
        return []
    with file.open(newline="", encoding="utf-8") as rows:
        return list(csv.DictReader(rows))


def _parts(row: Mapping[str, str], *columns: str) -> tuple[str, ...]:
    text = next((row[column] for column in columns if row.get(column)), "")
    return tuple(dict.fromkeys(part for part in text.split("+") if part))


def _labels(row: Mapping[str, str]) -> tuple[str, ...]:
    variants = _parts(row, "variant", "made")
    return _parts(row, "kind") + (("plain",) if "variant" in row and not variants else variants)


def _file(folder: Path, name: str, files: Mapping[str, Path] | None = None) -> Path:
    found = [files[name]] if files and name in files else sorted(folder.glob(f"{name}.*"))
    if not found:
        raise InputError(folder, f"has no file of {name}", f"a file {name}.png is accepted")
    return found[0]

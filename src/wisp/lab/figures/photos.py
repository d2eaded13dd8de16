"""Which files a figure is made of: photos in files and folders, and what belongs to each in other folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wisp.core.errors import InputError
from wisp.io.formats import READABLE, READABLE_SUFFIXES


@dataclass(frozen=True)
class Place:
    """A picture file and its name: the path in its folder without suffix, with forward slashes."""

    name: str
    path: Path


def pictures(places: Sequence[Path | str]) -> list[Place]:
    """The picture files in files and folders, in this order, folders recursively and sorted.

    Hidden files are passed over, and so is in a folder what is no picture by its suffix.

    Raises:
        InputError: a place does not exist, or a folder holds no picture.
    """
    found = []
    for place in map(Path, places):
        if place.is_dir():
            inside = [path for path in sorted(place.rglob("*")) if _is_picture(path, place)]
            if not inside:
                raise InputError(place, "holds no pictures", READABLE)
            found += [Place(path.relative_to(place).with_suffix("").as_posix(), path) for path in inside]
        elif place.is_file():
            found.append(Place(place.stem, place))
        else:
            raise InputError(place, "does not exist", "photos and folders of photos are accepted")
    return found


def partner(name: str, folder: Path | str) -> Path:
    """The picture of that name in a folder, whatever its suffix.

    Raises:
        InputError: no folder, or none or several such pictures in it.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError(folder, "is no folder", "a folder of pictures is accepted")
    wanted = root / name
    beside = wanted.parent.iterdir() if wanted.parent.is_dir() else ()
    found = [path for path in beside if path.stem == wanted.name and _is_picture(path, root)]
    if len(found) != 1:
        problem = f"has {len(found) or 'no'} pictures of the name {name}"
        raise InputError(folder, problem, f"one, {name}.png, is accepted")
    return found[0]


def _is_picture(path: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    return path.suffix.lower() in READABLE_SUFFIXES and not hidden and path.is_file()

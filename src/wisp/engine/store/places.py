"""Where models lie: folders that are searched in turn, of which the first takes what is fetched.

``WISP_MODELS`` names the folders, separated as in ``PATH``; any but the first may be shared and read-only.
Without it there is one: ``models`` in ``WISP_CACHE``, or in the user's cache folder. A file that the user
puts there under the name of its row is as good as one that was fetched.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Final

from wisp.core.digests import sha256_of
from wisp.core.errors import InputError
from wisp.engine import compiled
from wisp.engine.store.rows import PUBLISHED, Published
from wisp.io.atomic import write_files

VARIABLE: Final = "WISP_MODELS"
OFFLINE: Final = "WISP_OFFLINE"


def folders() -> tuple[Path, ...]:
    """The store's folders in the order in which they are searched; none of them need exist."""
    named = tuple(Path(part).expanduser() for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part)
    if named:
        return named
    cache = os.environ.get(compiled.VARIABLE, "").strip()
    if cache and cache.lower() not in compiled.OFF:
        return (Path(cache).expanduser() / "models",)
    import platformdirs

    return (platformdirs.user_cache_path("wisp", appauthor=False) / "models",)


def offline() -> bool:
    """Whether ``WISP_OFFLINE`` forbids to fetch anything."""
    return os.environ.get(OFFLINE, "").strip().lower() not in ("", "0", "no", "false", "off")


def find(row: Published, where: Sequence[Path] | None = None) -> Path | None:
    """The file of a row, whole and compared with its hash; None when no folder has it.

    Args:
        row: the model.
        where: folders to search; None for `folders`.
    """
    for folder in folders() if where is None else where:
        path = folder / row.file
        if is_whole(path, row):
            return path
    return None


def is_whole(path: Path, row: Published) -> bool:
    """Whether a file is there and is the one that the row describes, to the last bit."""
    with suppress(OSError):
        if path.is_file() and row.size in (0, path.stat().st_size):
            return sha256_of(path) == row.sha256
    return False


def rows_here(where: Sequence[Path] | None = None) -> dict[str, Published]:
    """The rows that users added to the store, by name; `PUBLISHED` is not among them.

    A row that cannot be read is passed over: it is another program's file, or a damaged one.
    """
    found: dict[str, Published] = {}
    for folder in folders() if where is None else where:
        for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
            with suppress(OSError, ValueError, TypeError, InputError):
                row = Published(**json.loads(path.read_text(encoding="utf-8")))
                if path.stem == row.name and row.name not in PUBLISHED:
                    found.setdefault(row.name, row)
    return found


def find_row(name: str) -> Published | None:
    """The row of a name, published or the user's own; None when there is none."""
    return PUBLISHED.get(name) or rows_here().get(name)


def keep_row(row: Published, folder: Path) -> None:
    """Write down a row of the user's own beside its file, so that its name will be known.

    Raises:
        InputError: it cannot be written.
    """
    text = json.dumps(asdict(row), indent=1, ensure_ascii=False) + "\n"
    write_files({str(folder / f"{row.name}.json"): text.encode()}, overwrite=True)

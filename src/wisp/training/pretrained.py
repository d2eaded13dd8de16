"""Published weights that a training can start from, fetched only when they are asked for by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from wisp.core.errors import InputError
from wisp.engine.store import fetch, row_of

PRETRAINED: Final[Mapping[str, str]] = {"imagenet": "mobilenetv2-imagenet", "vgg16": "vgg16-imagenet"}
"""What ``--encoder-weights`` calls them → their names in the model store."""


def resolve(name_or_file: str | Path) -> Path:
    """A file as it is, or the file of a name in `PRETRAINED`, fetched on first use.

    Raises:
        InputError: neither a name nor a file, or what `wisp.engine.store.fetch` raises.
    """
    name = PRETRAINED.get(str(name_or_file))
    if name is not None:
        return fetch(row_of(name))
    path = Path(name_or_file)
    if not path.is_file():
        known = ", ".join(PRETRAINED)
        raise InputError(path, "does not exist", f"a file of weights or one of the names {known} is accepted")
    return path

"""Published weights that a training can start from, fetched only when they are asked for by name.

Nothing is believed before it is checked: a file appears under its name once its sha256 is right.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.error import URLError

from wisp.errors import InputError

CHUNK: Final = 1 << 20
TIMEOUT: Final = 60.0


@dataclass(frozen=True)
class Pretrained:
    """One published file.

    Attributes:
        url: where its publisher offers it.
        sha256: of the file.
        size: bytes.
        licence: of the weights.
    """

    url: str
    sha256: str
    size: int
    licence: str


PRETRAINED: Final[Mapping[str, Pretrained]] = {
    "imagenet": Pretrained(
        url="https://download.pytorch.org/models/mobilenet_v2-b0353104.pth",
        sha256="b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
        size=14_212_972,
        licence="BSD-3-Clause (torchvision); trained on ImageNet, whose photos are for research use",
    ),
    "vgg16": Pretrained(
        url="https://download.pytorch.org/models/vgg16-397923af.pth",
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        size=553_433_881,
        licence="BSD-3-Clause (torchvision); trained on ImageNet, whose photos are for research use",
    ),
}
"""MobileNetV2 and VGG-16; the first eight digits of the hash stand in torchvision's own file name."""


def cache_folder() -> Path:
    """Where fetched files are kept: ``$WISP_CACHE``, else ``wisp`` in the user's cache folder."""
    own = os.environ.get("WISP_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wisp"


def resolve(name_or_file: str | Path) -> Path:
    """A file as it is, or the file of a name in `PRETRAINED`, fetched on first use.

    Raises:
        InputError: neither a name nor a file, or what `fetch` raises.
    """
    row = PRETRAINED.get(str(name_or_file))
    if row is not None:
        return fetch(row, cache_folder())
    path = Path(name_or_file)
    if not path.is_file():
        known = ", ".join(PRETRAINED)
        raise InputError(path, "does not exist", f"a file of weights or one of the names {known} is accepted")
    return path


def fetch(row: Pretrained, folder: Path) -> Path:
    """Download a file unless it is there already, whole.

    Raises:
        InputError: it cannot be reached or written, or its size or sha256 is another one (nothing is kept).
    """
    final = folder / row.url.rpartition("/")[2]
    if final.is_file() and _sha256(final) == row.sha256:
        return final
    temporary = final.with_name(f".{final.name}.{secrets.token_hex(4)}.tmp")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = _download(row, temporary)
        if found != row.sha256:
            raise InputError(row.url, f"has the sha256 {found}", f"{row.sha256} is accepted")
        temporary.replace(final)
    except URLError as error:
        accepted = f"the same file, fetched by other means, is accepted as {final} or by its path"
        raise InputError(row.url, f"cannot be reached ({error.reason})", accepted) from error
    except OSError as error:
        raise InputError(final, f"cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return final


def _download(row: Pretrained, out: Path) -> str:
    """Write at most the expected number of bytes, plus one that gives a longer file away; its sha256."""
    digest, left = hashlib.sha256(), row.size + 1
    with urllib.request.urlopen(row.url, timeout=TIMEOUT) as answer, out.open("wb") as file:
        while left > 0 and (chunk := answer.read(min(CHUNK, left))):
            file.write(chunk)
            digest.update(chunk)
            left -= len(chunk)
    return digest.hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Published models as rows of data.

A row is here when its hash is known from where the file is published, and says where that is. A model that is
not here can be had as well: the user names its address and its sha256.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote, urlsplit

from wisp.core.errors import InputError


@dataclass(frozen=True)
class Published:
    """One published file.

    Attributes:
        name: what ``wisp models pull`` and ``--model`` call it.
        url: where it is published.
        size: bytes; 0 when only the server knows.
        sha256: of the file, 64 hexadecimal digits.
        licence: of the weights.
        training_data: what it was trained on, in short.
        hash_from: where the hash is known from.
        file: its name in the store.
        peer: the key of `wisp.engine.peers.PEERS` that runs it; empty for what trainings start from.
    """

    name: str
    url: str
    size: int
    sha256: str
    licence: str
    training_data: str
    hash_from: str
    file: str
    peer: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            accepted = "small letters, digits, dots, dashes and underscores are accepted"
            raise InputError(self.name or "NAME", "is no name for a model", accepted)
        if not _FILE.fullmatch(self.file):
            raise InputError(self.file, "is no file name for a model", "letters, digits, . _ - are accepted")
        if not _HASH.fullmatch(self.sha256):
            raise InputError("sha256", f"is {self.sha256!r}", "64 hexadecimal digits are accepted")
        if self.size < 0:
            raise InputError("size", f"is {self.size}", "a number of bytes is accepted")


_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_FILE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")

_TORCHVISION: Final = "BSD-3-Clause (torchvision); trained on ImageNet, whose photos are for research use"
_TORCHVISION_HASH: Final = (
    "its first eight digits stand in torchvision's own file name, and its loader checks them; the rest is of "
    "the file that fits them"
)

PUBLISHED: Final[Mapping[str, Published]] = MappingProxyType(
    {
        row.name: row
        for row in (
            Published(
                name="modnet",
                url="https://huggingface.co/Xenova/modnet/resolve/"
                "fa2fa546052fba4c08921230a26cc69a333fca12/onnx/model.onnx",
                size=25_888_640,
                sha256="07c308cf0fc7e6e8b2065a12ed7fc07e1de8febb7dc7839d7b7f15dd66584df9",
                licence="Apache-2.0",
                training_data="photos of people; the paper tells which",
                hash_from="the id under which the repository keeps the file (Git LFS) at that revision; "
                "that of the file which docs/benchmark.md measures",
                file="modnet.onnx",
                peer="modnet",
            ),
            Published(
                name="u2net",
                url="https://github.com/danielgatis/rembg/releases/download/v0.0.0/u2net.onnx",
                size=175_997_641,
                sha256="8d10d2f3bb75ae3b6d527c77944fc5e7dcd94b29809d47a739a7a728a912b491",
                licence="Apache-2.0",
                training_data="DUTS-TR",
                hash_from="of the file with the MD5 60024c5c889badc19c04ad937298a77b, which rembg's source "
                "names for this address",
                file="u2net.onnx",
                peer="u2net",
            ),
            Published(
                name="mobilenetv2-imagenet",
                url="https://download.pytorch.org/models/mobilenet_v2-b0353104.pth",
                size=14_212_972,
                sha256="b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
                licence=_TORCHVISION,
                training_data="ImageNet",
                hash_from=_TORCHVISION_HASH,
                file="mobilenet_v2-b0353104.pth",
            ),
            Published(
                name="vgg16-imagenet",
                url="https://download.pytorch.org/models/vgg16-397923af.pth",
                size=553_433_881,
                sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
                licence=_TORCHVISION,
                training_data="ImageNet",
                hash_from=_TORCHVISION_HASH,
                file="vgg16-397923af.pth",
            ),
        )
    }
)
"""What ``wisp models pull`` knows by name."""


def row_of(name: str) -> Published:
    """The row of a published model; `InputError` for a name that is not in `PUBLISHED`."""
    if name not in PUBLISHED:
        known = ", ".join(PUBLISHED)
        raise InputError(name, "is no published model that wisp knows", f"{known} are accepted")
    return PUBLISHED[name]


def own_row(
    url: str, sha256: str, *, name: str | None = None, peer: str = "", licence: str = "unknown"
) -> Published:
    """A row for a model that the user names by its address and its hash.

    Args:
        url: where it is published.
        sha256: its hash, with which whatever comes from there is compared.
        name: what it is called from now on; None for its file's name without the suffix.
        peer: the key of `wisp.engine.peers.PEERS` that runs it; empty for none.
        licence: of the weights, for those who read the list.

    Raises:
        InputError: a hash or a name of another form, or a name that `PUBLISHED` or a shipped
            network has already.
    """
    from wisp.engine.models import MODELS

    last = unquote(urlsplit(url).path).rpartition("/")[2]
    stem, dot, suffix = last.rpartition(".")
    if name is None:
        name = re.sub(r"[^a-z0-9._-]+", "-", (stem if dot else last).lower()).strip("-._")
    if name in MODELS:
        raise InputError(
            name, "is the name of a network of wisp's own", "--name with another one is accepted"
        )
    if name in PUBLISHED and PUBLISHED[name].sha256 != sha256.strip().lower():
        raise InputError(
            name, "is the name of another published model", "--name with another one is accepted"
        )
    return Published(
        name=name,
        url=url,
        size=0,
        sha256=sha256.strip().lower(),
        licence=licence,
        training_data="unknown",
        hash_from="given by the user",
        file=f"{name}.{suffix.lower()}" if dot else name,
        peer=peer,
    )

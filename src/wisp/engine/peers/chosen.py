"""Which peer ``--model`` means, and its network, loaded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from wisp.core.arrays import Alpha, Background, Image, Mask, Trimap
from wisp.core.errors import InputError
from wisp.engine.engine import ENGINE, Engine
from wisp.engine.models import MODELS
from wisp.engine.peers import PEERS, LoadedPeer, Peer, open_peer
from wisp.engine.store import Published, find, folders
from wisp.engine.store.places import find_row


@dataclass(frozen=True)
class Chosen:
    """A peer and the file that holds its network."""

    peer: Peer
    file: Path


def chosen_peer(model: str | Path | None) -> Chosen | None:
    """The peer that a model's name stands for; None for a network of wisp's own, or a file without a family.

    Args:
        model: ``modnet=FILE.onnx``, or a name in the model store; None for none.

    Raises:
        InputError: a peer whose file is not there, or a model that makes no alpha. Nothing is fetched.
    """
    if model is None or str(model) in MODELS or Path(model).is_file():
        return None
    name, equals, file = str(model).partition("=")
    if equals and name in PEERS:
        if not Path(file).is_file():
            raise InputError(
                file or name, "does not exist", f"{name}= and the path of its ONNX file is accepted"
            )
        return Chosen(PEERS[name], Path(file))
    row = find_row(str(model))
    if row is not None:
        return _stored(row, folders())
    if name in PEERS:
        accepted = f"{name}=FILE.onnx is accepted, or a name of `wisp models pull ADDRESS --peer {name}`"
        raise InputError(name, "is no file and not in the model store", accepted)
    return None


def peer_alpha(
    chosen: Chosen,
    image: Image,
    *,
    trimap: Trimap | None = None,
    mask: Mask | None = None,
    plate: Background | None = None,
    engine: Engine = ENGINE,
) -> Alpha:
    """Alpha of a photo by a peer, as `wisp.engine.peers.LoadedPeer` gives it.

    Raises:
        InputError: see `wisp.engine.peers.open_peer` and `LoadedPeer`.
    """
    return loaded_peer(chosen, engine)(image, trimap=trimap, mask=mask, plate=plate)


def loaded_peer(chosen: Chosen, engine: Engine = ENGINE) -> LoadedPeer:
    """The peer with its network, kept after the first call; errors as of `wisp.engine.peers.open_peer`."""
    name = chosen.peer.name

    def load() -> LoadedPeer:
        return open_peer(
            name, chosen.file, device=engine.device, precision=engine.precision, threads=engine.threads
        )

    return engine.keep((chosen.file,), ("peer", name), load)


@cache
def _stored(row: Published, where: Sequence[Path]) -> Chosen:
    """The peer of a row, its file verified once in a process."""
    if not row.peer:
        raise InputError(row.name, "is no network that makes an alpha", "wisp models lists those that do")
    path = find(row, where)
    if path is None:
        size = f"{row.size / 1e6:.0f} MB, " if row.size else ""
        raise InputError(
            row.name, "is not here", f"wisp models pull {row.name} fetches it ({size}{row.licence})"
        )
    return Chosen(PEERS[row.peer], path)

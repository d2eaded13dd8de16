"""What the portrait benchmark compares: systems of `wisp benchmark`, a stopwatch inside their networks."""

from __future__ import annotations

import argparse
import dataclasses
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from wisp.core.arrays import Alpha, Float, Image
from wisp.engine.peers import PEERS, open_peer
from wisp.engine.sessions import Description, Port, Runtime, Session
from wisp.lab.benchmark import systems
from wisp.lab.benchmark.machine import stay_on
from wisp.lab.benchmark.systems import PEERS_FOLDER, System

EXPECTED: Final = ("modnet", "rvm", "u2net", "isnet")
"""Peers whose absence is told."""


@dataclass(frozen=True)
class Opened:
    """A system that is ready.

    Attributes:
        estimate: image → alpha, as a user of it has it.
        seconds: image → CPU seconds: for a peer those inside its network, for ours everything from image to
            alpha.
        runtime: what it runs in.
    """

    estimate: Callable[[Image], Alpha]
    seconds: Callable[[Image], float]
    runtime: str


def open_system(system: System) -> Opened:
    """Load it; `InputError` where it is not to be had."""
    if system.kind == "peer":
        loaded = open_peer(system.key, system.file, runtime=cast(Runtime, system.runtime))
        stopwatch = Stopwatch(loaded.network.session)
        watched = dataclasses.replace(
            loaded, network=dataclasses.replace(loaded.network, session=cast(Session, stopwatch))
        )

        def inside(image: Image) -> float:
            stopwatch.seconds = 0.0
            watched(image)
            return stopwatch.seconds

        description = loaded.network.session.describe()
        return Opened(loaded, inside, f"{description.runtime}, {description.precision}")
    opened = systems.open_system(system)

    def everything(image: Image) -> float:
        start = time.process_time()
        opened.estimate(image, None)
        return time.process_time() - start

    return Opened(lambda image: opened.estimate(image, None), everything, opened.runtime)


class Stopwatch:
    """A session that adds up the CPU seconds spent inside it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.seconds = 0.0

    @property
    def inputs(self) -> tuple[Port, ...]:
        """Those of the session."""
        return self._session.inputs

    @property
    def outputs(self) -> tuple[Port, ...]:
        """Those of the session."""
        return self._session.outputs

    def run(self, inputs: Mapping[str, Float]) -> dict[str, Float]:
        """Run the session, and take the time."""
        start = time.process_time()
        try:
            return self._session.run(inputs)
        finally:
            self.seconds += time.process_time() - start

    def describe(self) -> Description:
        """What the session says."""
        return self._session.describe()


def stay_on_one_core() -> None:
    """Bind this process to the core that is least busy, so that every runtime has one thread."""
    stay_on(1)


def add_peers(parser: argparse.ArgumentParser) -> None:
    """Give a command line an option for the ONNX file of each peer that needs nothing but the photo."""
    for name, peer in PEERS.items():
        if not peer.guidance:
            help = f"{peer.family}'s ONNX"
            parser.add_argument(f"--{name}", dest=_destination(name), type=Path, metavar="FILE", help=help)


def peer_files(arguments: argparse.Namespace) -> tuple[dict[str, Path], dict[str, str]]:
    """The peers that are here, name → file, and those that are missing, family → why.

    A file is the one of the option, or PEER.onnx in the folder that the environment variable names.
    """
    given = os.environ.get(PEERS_FOLDER)
    files, left_out = {}, {}
    for name in (name for name, peer in PEERS.items() if not peer.guidance):
        file: Path | None = getattr(arguments, _destination(name))
        if file is None and given and (Path(given) / f"{name}.onnx").is_file():
            file = Path(given) / f"{name}.onnx"
        if file is not None:
            files[name] = file
        elif name in EXPECTED:
            left_out[PEERS[name].family] = "no file was given"
    return files, left_out


def _destination(name: str) -> str:
    return "file_" + name.replace("-", "_").replace(".", "_")

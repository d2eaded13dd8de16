"""What the portrait benchmark compares: systems of `wisp benchmark`, a stopwatch inside their networks."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from wisp.core.arrays import Alpha, Float, Image
from wisp.engine.peers import open_peer
from wisp.engine.sessions import Description, Port, Runtime, Session
from wisp.lab.benchmark import systems
from wisp.lab.benchmark.machine import stay_on
from wisp.lab.benchmark.systems import System


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

"""What the portrait benchmark compares: wisp's methods and others' networks, opened in the same way."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import wisp
from wisp.arrays import Alpha, Float, Image
from wisp.inference.peers import find_peer, open_peer
from wisp.inference.sessions import Description, Port, Runtime, Session
from wisp.pipeline import Method, check_method, estimate

RUNTIMES = {"onnxruntime": "ONNX Runtime", "openvino": "wisp's runtime"}


@dataclass(frozen=True)
class System:
    """One line of the comparison.

    Attributes:
        kind: ``ours`` or ``peer``.
        key: a method of `wisp.cutout`, or a name of `wisp.inference.peers.PEERS`.
        file: the ONNX file; "" for the one that comes with wisp.
        runtime: what runs a peer.
    """

    kind: str
    key: str
    file: str = ""
    runtime: str = "onnxruntime"

    @property
    def name(self) -> str:
        """What the tables call it."""
        if self.kind == "ours":
            return f"wisp, {self.key}"
        return f"{find_peer(self.key).family}, {RUNTIMES[self.runtime]}"

    def about(self) -> dict[str, str]:
        """What there is to know before it runs."""
        if self.kind == "ours":
            default = "yes" if self.key == "auto" else "no"
            return {"kind": "ours", "method": self.key, "default": default, "network": Path(self.file).name}
        peer = find_peer(self.key)
        return {
            "kind": "peer",
            "peer": self.key,
            "runtime": self.runtime,
            "network": Path(self.file).name,
            "licence": peer.licence,
            "source": peer.source,
        }


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
    method, model = cast(Method, system.key), system.file or None
    check_method(method, model)
    alpha_of = _alpha_of(method, model)

    def everything(image: Image) -> float:
        start = time.process_time()
        alpha_of(image)
        return time.process_time() - start

    return Opened(
        lambda image: wisp.cutout(image, method=method, model=model).alpha, everything, "wisp's defaults"
    )


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
    import psutil  # of the bench group, which the tests do without

    if hasattr(os, "sched_setaffinity"):
        loads: Any = psutil.cpu_percent(interval=0.5, percpu=True)
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0), key=lambda core: loads[core])})


def _alpha_of(method: Method, model: str | None) -> Callable[[Image], Alpha]:
    """What `wisp.cutout` does with a photo before it looks for the foreground's colours."""
    return lambda image: (
        estimate(image, method, None, None, model=model, device="auto", precision="auto").alpha
    )

"""Which edition of a network runs and in which precision: what ``--precision auto`` comes to, and why.

The int8 edition, where there is one and it is faster on this very CPU than floats; that is measured once, and
what came out is kept with the compiled networks. Floats are bf16 where the CPU computes in it, else fp32.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from wisp.core.arrays import Float
from wisp.core.errors import InputError
from wisp.engine import compiled
from wisp.engine.models import Model, verified_edition, verified_file
from wisp.engine.sessions import (
    Device,
    Precision,
    Session,
    cores,
    cpu_capabilities,
    cpu_name,
    open_session,
    runtime_version,
)

FASTER: Final = 1.1
"""int8 is taken where it is this many times as fast as floats; it costs a little quality."""
_RUNS: Final = 4


@dataclass(frozen=True)
class Choice:
    """What to open.

    Attributes:
        file: the ONNX file, compared with its row.
        precision: as `wisp.engine.sessions.open_session` takes it.
        reason: why, as the end of a sentence.
    """

    file: Path
    precision: Precision
    reason: str


def choose(model: Model, *, device: Device = "auto", precision: Precision = "auto") -> Choice:
    """The file and the precision to run a network with.

    Args:
        model: its row.
        device: ``auto``, ``cpu`` or ``gpu``.
        precision: ``auto``, or what the user insists on.

    Raises:
        InputError: a file is missing or damaged, or there is no int8 edition and it was asked for.
    """
    if precision == "int8" and model.int8 is not None:
        return Choice(verified_edition(model.int8), precision, "as asked")
    if precision == "int8" and model.shipped:
        raise InputError(
            "precision", f"int8: {model.name} has no int8 edition", "auto, fp32 and bf16 are accepted"
        )
    floats = verified_file(model)
    if precision != "auto":
        return Choice(floats, precision, "as asked")
    if device == "gpu":
        return Choice(floats, precision, "left to the GPU's driver")
    capabilities = cpu_capabilities()
    if not capabilities:
        return Choice(floats, precision, "ONNX Runtime computes as the file is stored")
    other: Precision = "bf16" if "BF16" in capabilities else "fp32"
    if model.int8 is None:
        return Choice(floats, precision, f"this CPU computes in {other}, the network has no int8 edition")
    quantised = verified_edition(model.int8)
    factor = _measured(model, floats, quantised, other)
    if factor is None:
        told = f"this CPU computes in {other}, and there is no cache to keep int8's speed in"
        return Choice(floats, precision, told)
    told = f"int8 takes {1 / factor:.2f} of {other}'s time on this CPU"
    return Choice(quantised, "int8", told) if factor >= FASTER else Choice(floats, precision, told)


def _measured(model: Model, floats: Path, quantised: Path, other: Precision) -> float | None:
    """How many times as fast as `other` int8 is here, measured before or now; None without a cache."""
    name = compiled.name_of(
        floats, "speed", other, compiled.name_of(quantised), runtime_version(), cpu_name(), cores()
    )
    if name is None:
        return None
    kept = compiled.read(name)
    if kept is not None:
        return float(kept.blob)
    if compiled.folder() is None:
        return None
    factor = _speed_up(
        model, open_session(floats, precision=other), open_session(quantised, precision="int8")
    )
    return factor if compiled.write(name, compiled.Kept(True, repr(factor).encode())) else None


def _speed_up(model: Model, floats: Session, quantised: Session) -> float:
    """Ratio of processor times, the least of some runs each; other work disturbs clocks more."""
    inputs = {port.name: _example(model, port.shape) for port in floats.inputs}
    best = [float("inf"), float("inf")]
    for _ in range(1 + _RUNS):  # the first is not counted less, but never the fastest
        for index, session in enumerate((floats, quantised)):
            start = time.process_time()
            session.run(inputs)
            best[index] = min(best[index], time.process_time() - start)
    return best[0] / best[1]


def _example(model: Model, shape: tuple[int | None, ...] | None) -> Float:
    """A picture of the size that the network usually sees: float32 (1, C, S, S)."""
    side = max(model.multiple, model.input_size // model.multiple * model.multiple)
    free = (1, 1, side, side)
    lengths = free if shape is None else tuple(n or m for n, m in zip(shape, free, strict=True))
    return np.random.default_rng(0).random(lengths, np.float32)

"""Which variant of a network runs and in which precision: what ``--precision auto`` comes to, and why.

What the processor can do decides, and no clock, so that the same kind of machine gives the same pixels every
time: the int8 variant, where there is one and the processor sums products of 8-bit integers exactly
(docs/decisions/013); else bf16 where it computes in that; else fp32.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from wisp.core.arrays import Float
from wisp.core.errors import InputError
from wisp.core.machine import has_dot_products
from wisp.engine.devices import Device, Precision
from wisp.engine.models import Model, verified_file, verified_variant
from wisp.engine.sessions import (
    Session,
    cpu_capabilities,
    open_session,
)

_RUNS: Final = 4


@dataclass(frozen=True)
class Choice:
    """The file and the precision in which to open a network, and why.

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
        InputError: a file is missing or damaged, or there is no int8 variant and it was asked for.
    """
    if precision == "int8" and model.int8 is not None:
        return Choice(verified_variant(model.int8), precision, "as asked")
    if precision == "int8" and model.shipped:
        raise InputError(
            "precision", f"int8: {model.name} has no int8 variant", "auto, fp32 and bf16 are accepted"
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
        return Choice(floats, precision, f"this CPU computes in {other}, the network has no int8 variant")
    if "INT8" not in capabilities or not has_dot_products():
        told = f"this CPU computes in {other} and has no dot products of 8-bit integers"
        return Choice(floats, precision, told)
    return Choice(verified_variant(model.int8), "int8", "this CPU has dot products of 8-bit integers")


def time_int8(model: Model) -> tuple[Precision, float] | None:
    """How long int8 takes here beside floats, by a clock; nothing depends on it.

    Args:
        model: its row.

    Returns:
        the precision of the floats, bf16 or fp32, and int8's share of its processor time; None where the
        network has no int8 variant or OpenVINO is not installed.

    Raises:
        InputError: a file is missing or damaged.
    """
    capabilities = cpu_capabilities()
    if model.int8 is None or not capabilities:
        return None
    other: Precision = "bf16" if "BF16" in capabilities else "fp32"
    floats = open_session(verified_file(model), precision=other)
    quantised = open_session(verified_variant(model.int8), precision="int8")
    return other, 1 / _speed_up(model, floats, quantised)


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

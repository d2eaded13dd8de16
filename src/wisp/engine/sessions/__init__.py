"""Running ONNX files: OpenVINO on CPUs and Intel GPUs, ONNX Runtime (an extra) on other GPUs.

A `Session` maps named arrays to named arrays and can be called from several threads at once.
`Session.describe` says what the runtime really does, read back from it, which may differ from what was asked
for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, TypeAlias

from wisp.core.errors import InputError
from wisp.core.machine import address_space_left, cores
from wisp.engine.devices import DEVICES, PRECISIONS, Device, Precision
from wisp.engine.sessions import openvino
from wisp.engine.sessions.onnx_runtime import OnnxRuntimeSession
from wisp.engine.sessions.openvino import (
    cpu_capabilities,
    cpu_name,
    load_openvino,
    openvino_core,
    runtime_version,
)
from wisp.engine.sessions.session import Description, Port, Session, check_ports, out_of_memory

__all__ = [
    "RUNTIMES",
    "Description",
    "Port",
    "Runtime",
    "Session",
    "check_ports",
    "cpu_capabilities",
    "cpu_name",
    "load_openvino",
    "open_session",
    "opened_files",
    "openvino_core",
    "runtime_version",
]

Runtime: TypeAlias = Literal["auto", "openvino", "onnxruntime"]

RUNTIMES: Final = ("auto", "openvino", "onnxruntime")


def open_session(
    file: Path,
    *,
    device: Device = "auto",
    precision: Precision = "auto",
    threads: int | None = None,
    runtime: Runtime = "auto",
    cache: bool = True,
) -> Session:
    """Load an ONNX file.

    ``auto`` is the CPU: loading a small network onto a GPU takes longer than running it here. The CPU is
    driven by OpenVINO, or by ONNX Runtime where OpenVINO is not installed; ``gpu`` is an Intel GPU driven by
    OpenVINO, or CUDA, CoreML or DirectML driven by ONNX Runtime.

    Args:
        file: the ONNX file.
        device: where to run: ``auto``, ``cpu`` or ``gpu``.
        precision: ``auto`` is bf16 on a CPU that computes it natively, fp32 on others, and the runtime's own
            choice on a GPU; ``int8`` needs a quantised network.
        threads: of the CPU; None for as many as there are cores.
        runtime: ``openvino`` or ``onnxruntime`` to have that one, ``auto`` for the choice described above.
        cache: whether what OpenVINO compiles for the CPU is kept on disk, and taken from there.

    Raises:
        InputError: the file is no network that the runtime can load, or this machine has no such device or
            precision.
        MissingExtraError: no runtime is installed for that device.
        MemoryError: this process may not map what a runtime takes to begin with.
    """
    if device not in DEVICES:
        raise InputError("device", f"is {device!r}", f"{', '.join(DEVICES)} are accepted")
    if precision not in PRECISIONS:
        raise InputError("precision", f"is {precision!r}", f"{', '.join(PRECISIONS)} are accepted")
    if runtime not in RUNTIMES:
        raise InputError("runtime", f"is {runtime!r}", f"{', '.join(RUNTIMES)} are accepted")
    threads = cores() if threads is None else threads
    left = None if _opened else address_space_left()
    if left is not None and left < _ROOM:  # the libraries underneath would end the process
        raise out_of_memory(file)
    _opened.setdefault(file)
    if runtime == "onnxruntime":
        return OnnxRuntimeSession(file, device, precision, threads)
    try:
        session = openvino.open_file(file, device=device, precision=precision, threads=threads, cache=cache)
    except ImportError:
        if runtime == "openvino":
            raise InputError("runtime", "is openvino, which is not installed", "install wisp again") from None
        return OnnxRuntimeSession(file, device, precision, threads)
    if session is not None:
        return session
    if runtime == "openvino":
        raise InputError("device", "gpu: OpenVINO finds none here", "auto and cpu are accepted")
    return OnnxRuntimeSession(file, device, precision, threads)


def opened_files() -> tuple[Path, ...]:
    """The files that this process loaded, or tried to, in the order of their first use; reports name them."""
    return tuple(_opened)


_opened: Final[dict[Path, None]] = {}
_ROOM: Final = 2**30
"""Bytes of addresses that a runtime and its first network take.

Under ``ulimit -v`` of 1.0 GB OpenVINO 2026.4 aborts, under 1.2 it waits without end, and 1.6 are enough.
"""

"""Networks on OpenVINO: the process's one core, what its CPU can do, and sessions.

What OpenVINO compiled for the CPU is kept on disk (`wisp.engine.compiled`); loading it again takes a
quarter of the time.
"""

from __future__ import annotations

import importlib
import queue
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np

from wisp.core.arrays import Float
from wisp.core.errors import InputError, is_out_of_memory
from wisp.engine import compiled
from wisp.engine.devices import Device, Precision
from wisp.engine.sessions.session import Description, Port, failure, out_of_memory

_QUANTISED_OPERATORS: Final = frozenset({"FakeQuantize"})


def load_openvino() -> Any:
    """The `openvino` module, imported without its telemetry.

    Importing it otherwise reports to a web analytics service, from a thread that the end of the process waits
    for, and writes to the user's home.

    Raises:
        ImportError: it is not installed.
    """
    with _one_at_a_time:
        loaded = sys.modules.get("openvino")
        if loaded is None or not _warmed_up:
            finder = _NoTelemetry()
            # New lists: a change of the one that another thread walks through would make it skip a finder.
            sys.meta_path = [finder, *sys.meta_path]
            try:
                loaded = importlib.import_module("openvino")
            finally:
                sys.meta_path = [other for other in sys.meta_path if other is not finder]
            _warm_up(loaded)
        return loaded


def openvino_core() -> Any:
    """The process's one `openvino.Core`, which is kept until the process ends.

    Its CPU plugin gives the thread that makes it a stack for signal handlers, and takes that stack's memory
    back when it is let go of, in whichever thread that happens. If it is another one, the next signal that
    the first handles, even a child process's end, kills the process (OpenVINO 2026.4).

    Raises:
        ImportError: OpenVINO is not installed.
    """
    openvino = load_openvino()
    with _one_at_a_time:
        if not _cores:
            _cores.append(openvino.Core())
        return _cores[0]


_cores: Final[list[Any]] = []


class _NoTelemetry:
    """Lets an import of OpenVINO's telemetry fail in the thread that made this; OpenVINO has a stub for it.

    Other threads of the program find the package where it is.
    """

    def __init__(self) -> None:
        self._thread = threading.get_ident()

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] == "openvino_telemetry" and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"{name} is left out", name=name)


def _warm_up(openvino: Any) -> None:
    """Convert an array to OpenVINO and back, which its binding sets itself up for at the first time.

    Two threads that come to that at once each wait for what the other holds, for ever.
    """
    tensor = openvino.Tensor(np.zeros(1, np.float32))
    np.array(tensor.data)
    _warmed_up.append(True)


_warmed_up: Final[list[bool]] = []


def cpu_capabilities() -> frozenset[str]:
    """The precisions that OpenVINO computes in on this CPU (``FP32``, ``BF16`` …); empty without OpenVINO."""
    return frozenset(_of_cpu("OPTIMIZATION_CAPABILITIES") or ())


def cpu_name() -> str:
    """The CPU's name by OpenVINO; empty without OpenVINO."""
    return str(_of_cpu("FULL_DEVICE_NAME") or "").strip()


def runtime_version() -> str:
    """OpenVINO's version and build; empty without it."""
    try:
        return str(load_openvino().__version__)
    except ImportError:
        return ""


def _of_cpu(what: str) -> Any:
    try:
        load_openvino()
    except ImportError:
        return None
    with _one_at_a_time:
        return openvino_core().get_property("CPU", what)


_one_at_a_time: Final = threading.RLock()
"""Held by whoever loads OpenVINO or a network; networks that are loaded run side by side."""


def open_file(
    file: Path, *, device: Device, precision: Precision, threads: int, cache: bool
) -> OpenVinoSession | None:
    """A session of an ONNX file; None where a GPU is asked for and OpenVINO finds none.

    Args:
        file: the ONNX file.
        device: ``auto`` and ``cpu`` are the CPU, ``gpu`` is an Intel GPU.
        precision: as `wisp.engine.sessions.open_session` takes it.
        threads: of the CPU.
        cache: whether what is compiled for the CPU is kept on disk, and taken from there.

    Raises:
        ImportError: OpenVINO is not installed.
        InputError: it cannot read or compile the file, or has no such precision.
        MemoryError: there is not enough memory for the network.
    """
    openvino = load_openvino()
    with _one_at_a_time:
        core = openvino_core()
        if device == "gpu" and "GPU" not in core.available_devices:
            return None
        return OpenVinoSession(
            core,
            file,
            version=openvino.__version__,
            device="GPU" if device == "gpu" else "CPU",
            precision=precision,
            threads=threads,
            cache=cache,
        )


class OpenVinoSession:
    """OpenVINO, tuned for the time of a single picture. Each thread that is inside `run` has a request."""

    def __init__(
        self,
        core: Any,
        file: Path,
        *,
        version: str,
        device: str,
        precision: Precision,
        threads: int,
        cache: bool,
    ) -> None:
        settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        settings |= _precision_setting(core, device, precision)
        name = None
        if device == "CPU":
            settings["INFERENCE_NUM_THREADS"] = threads
        if device == "CPU" and cache and compiled.folder() is not None:
            name = compiled.name_of(
                file,
                version,
                core.get_property(device, "FULL_DEVICE_NAME"),
                sorted(core.get_property(device, "OPTIMIZATION_CAPABILITIES")),
                sorted(settings.items()),
            )
        self._network, self._quantised = _load_kept(core, device, settings, name) or _compile(
            core, file, device, settings, name
        )
        if precision == "int8" and not self._quantised:
            raise InputError(file, "is not quantised for int8", "auto, fp32 and bf16 are accepted")
        self._file = file
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.inputs = tuple(map(_openvino_port, self._network.inputs))
        self.outputs = tuple(map(_openvino_port, self._network.outputs))
        self._runtime = f"OpenVINO {version.partition('-')[0]}"
        self._device = f"{device} ({core.get_property(device, 'FULL_DEVICE_NAME').strip()})"
        self._is_cpu = device == "CPU"

    def run(self, inputs: Mapping[str, Float]) -> dict[str, Float]:
        """Outputs by name of inputs by name: `Session.run`."""
        try:
            request = self._idle.get_nowait()
        except queue.Empty:
            request = self._network.create_infer_request()
        try:
            results = request.infer(dict(inputs), share_inputs=True)
            return {port.name: np.array(results[port.name], np.float32) for port in self.outputs}
        except (RuntimeError, ValueError, TypeError, KeyError, MemoryError) as error:
            raise failure(self._file, error) from error
        finally:
            self._idle.put(request)

    def describe(self) -> Description:
        """Runtime, device, precision and threads of this session: `Session.describe`."""
        hint = self._network.get_property("INFERENCE_PRECISION_HINT").to_string()
        precision = "int8" if self._quantised else {"f32": "fp32", "f16": "fp16"}.get(hint, hint)
        threads = int(self._network.get_property("INFERENCE_NUM_THREADS")) if self._is_cpu else 0
        return Description(self._runtime, self._device, precision, threads)

    def release_buffers(self) -> None:
        """Give back the memory that layers computed in: `Session.release_buffers`."""
        with suppress(RuntimeError):  # another thread is inside `run`, and takes them with it
            self._network.release_memory()


def _precision_setting(core: Any, device: str, precision: Precision) -> dict[str, str]:
    if precision == "fp32" or (precision == "int8" and device == "CPU"):
        return {
            "INFERENCE_PRECISION_HINT": "f32"
        }  # what is not int8 in an int8 network gains nothing from bf16
    native = "BF16" in core.get_property(device, "OPTIMIZATION_CAPABILITIES")
    if precision == "bf16" and not native:
        raise InputError("precision", f"bf16: this {device} lacks it", "auto and fp32 are accepted")
    if device == "CPU":
        return {"INFERENCE_PRECISION_HINT": "bf16" if native else "f32"}
    return {"INFERENCE_PRECISION_HINT": "bf16"} if precision == "bf16" else {}


def _load_kept(
    core: Any, device: str, settings: Mapping[str, Any], name: str | None
) -> tuple[Any, bool] | None:
    """The network as it was compiled before, and whether it is quantised."""
    kept = compiled.read(name) if name is not None else None
    if kept is not None:
        with suppress(RuntimeError):  # whole, but not what this OpenVINO takes
            return core.import_model(kept.blob, device, dict(settings)), kept.quantised
    return None


def _compile(
    core: Any, file: Path, device: str, settings: Mapping[str, Any], name: str | None
) -> tuple[Any, bool]:
    """The network compiled now, and whether it is quantised; kept under `name`."""
    network = _read_onnx(file)
    quantised = any(op.get_type_name() in _QUANTISED_OPERATORS for op in network.get_ops())
    try:
        built = core.compile_model(network, device, dict(settings))
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise out_of_memory(file) from error
        raise InputError(file, f"cannot be compiled for the {device} ({_first_line(error)})") from error
    if name is not None:
        with suppress(RuntimeError):  # not every network can be exported
            compiled.write(name, compiled.Kept(quantised, _exported(built)))
    return built, quantised


def _exported(network: Any) -> bytes:
    """A compiled network as the bytes that `import_model` takes."""
    blob = network.export_model()
    return bytes(blob if isinstance(blob, bytes) else blob.getvalue())  # bytes in OpenVINO 2025.0


def _openvino_port(node: Any) -> Port:
    shape = node.get_partial_shape()
    # Operators that OpenVINO swaps may leave an output with the names of both: the node has the file's own.
    own = node.get_node().get_friendly_name().removesuffix(f"/sink_port_{node.get_index()}")
    name = own if own in node.get_names() else node.get_any_name()
    if shape.rank.is_dynamic:
        return Port(name, None)
    return Port(name, tuple(n.get_length() if n.is_static else None for n in shape))


def _read_onnx(file: Path) -> Any:
    """The network in a file, read as ONNX only.

    Left to itself, OpenVINO tries what is no ONNX as other formats, whose readers complain on stderr.
    """
    front_end = importlib.import_module("openvino.frontend").FrontEndManager().load_by_framework("onnx")
    wrong = InputError(file, "is no network OpenVINO can read", "an ONNX file is accepted")
    try:
        network = front_end.convert(front_end.load(str(file)))
    except Exception as error:  # the front end's exceptions share no base of their own
        raise (out_of_memory(file) if is_out_of_memory(error) else wrong) from error
    if not network.inputs:  # what it makes of an empty file
        raise wrong
    return network


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

"""Running ONNX files: OpenVINO on CPUs and Intel GPUs, ONNX Runtime (an extra) on other GPUs.

A `Session` maps named arrays to named arrays and can be called from several threads at once. `describe` says
what the runtime really does, read back from it, which may differ from what was asked for.

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeAlias

import numpy as np

from wisp.core.arrays import Float
from wisp.core.errors import InputError, is_out_of_memory
from wisp.core.extras import importing
from wisp.core.machine import address_space_left, cores
from wisp.engine import compiled
from wisp.engine.devices import DEVICES, PRECISIONS, Device, Precision

Runtime: TypeAlias = Literal["auto", "openvino", "onnxruntime"]

RUNTIMES: Final = ("auto", "openvino", "onnxruntime")


@dataclass(frozen=True)
class Description:
    """The runtime, device, precision and threads that a session really got.

    Attributes:
        runtime: its name and version.
        device: the kind of device and its name.
        precision: what the layers compute in: ``fp32``, ``fp16``, ``bf16`` or ``int8``.
        threads: of the CPU; 0 on other devices.
    """

    runtime: str
    device: str
    precision: str
    threads: int


@dataclass(frozen=True)
class Port:
    """An input or an output of a network.

    Attributes:
        name: its name in the file.
        shape: its lengths, None for those that are free; None as a whole where even their number is.
    """

    name: str
    shape: tuple[int | None, ...] | None


class Session(Protocol):
    """A loaded network."""

    @property
    def inputs(self) -> tuple[Port, ...]:
        """The network's inputs, in the file's order."""

    @property
    def outputs(self) -> tuple[Port, ...]:
        """The network's outputs, in the file's order."""

    def run(self, inputs: Mapping[str, Float]) -> dict[str, Float]:
        """Map input names to float32 arrays, to output names to float32 arrays. Safe to call from threads.

        Raises:
            InputError: the network fails, and how.
            MemoryError: there is not enough memory to run it.
        """

    def describe(self) -> Description:
        """Tell the runtime, device, precision and number of threads of this session."""

    def release_buffers(self) -> None:
        """Give back the memory that layers computed in, which the next `run` takes again; from any thread.

        Nothing happens while another thread is inside `run`.
        """


def check_ports(
    session: Session, inputs: Mapping[str, int], outputs: Mapping[str, int], wrong: InputError
) -> None:
    """Raise `wrong` unless a network has exactly these inputs and at least these outputs.

    Args:
        session: the loaded network.
        inputs: name → number of channels of (N, C, H, W).
        outputs: name → number of channels of (N, C, H, W), of those that are read.
        wrong: the error to raise.
    """
    takes = {port.name: port for port in session.inputs}
    gives = {port.name: port for port in session.outputs}
    if takes.keys() != inputs.keys() or not outputs.keys() <= gives.keys():
        raise wrong
    for ports, channels in ((takes, inputs), (gives, outputs)):
        for name, count in channels.items():
            shape = ports[name].shape
            if shape is not None and (len(shape) != 4 or shape[1] not in (None, count)):
                raise wrong


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
        raise _out_of_memory(file)
    _opened.setdefault(file)
    if runtime == "onnxruntime":
        return _OnnxRuntimeSession(file, device, precision, threads)
    try:
        openvino = load_openvino()
    except ImportError:
        if runtime == "openvino":
            raise InputError("runtime", "is openvino, which is not installed", "install wisp again") from None
        return _OnnxRuntimeSession(file, device, precision, threads)
    with _one_at_a_time:
        core = openvino_core()
        if device != "gpu" or "GPU" in core.available_devices:
            return _OpenVinoSession(
                core,
                file,
                version=openvino.__version__,
                device="GPU" if device == "gpu" else "CPU",
                precision=precision,
                threads=threads,
                cache=cache,
            )
    if runtime == "openvino":
        raise InputError("device", "gpu: OpenVINO finds none here", "auto and cpu are accepted")
    return _OnnxRuntimeSession(file, device, precision, threads)


def opened_files() -> tuple[Path, ...]:
    """The files that this process loaded, or tried to, in the order of their first use; reports name them."""
    return tuple(_opened)


_opened: Final[dict[Path, None]] = {}
_ROOM: Final = 2**30
"""Bytes of addresses that a runtime and its first network take.

Under ``ulimit -v`` of 1.0 GB OpenVINO 2026.4 aborts, under 1.2 it waits without end, and 1.6 are enough.
"""


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


class _OpenVinoSession:
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
        try:
            request = self._idle.get_nowait()
        except queue.Empty:
            request = self._network.create_infer_request()
        try:
            results = request.infer(dict(inputs), share_inputs=True)
            return {port.name: np.array(results[port.name], np.float32) for port in self.outputs}
        except (RuntimeError, ValueError, TypeError, KeyError, MemoryError) as error:
            raise _failure(self._file, error) from error
        finally:
            self._idle.put(request)

    def describe(self) -> Description:
        hint = self._network.get_property("INFERENCE_PRECISION_HINT").to_string()
        precision = "int8" if self._quantised else {"f32": "fp32", "f16": "fp16"}.get(hint, hint)
        threads = int(self._network.get_property("INFERENCE_NUM_THREADS")) if self._is_cpu else 0
        return Description(self._runtime, self._device, precision, threads)

    def release_buffers(self) -> None:
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
            raise _out_of_memory(file) from error
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
        raise (_out_of_memory(file) if is_out_of_memory(error) else wrong) from error
    if not network.inputs:  # what it makes of an empty file
        raise wrong
    return network


class _OnnxRuntimeSession:
    """ONNX Runtime, in the precision that the file is in."""

    def __init__(self, file: Path, device: Device, precision: Precision, threads: int) -> None:
        where = "on this GPU" if device == "gpu" else "without OpenVINO"
        with importing(f"running networks {where}", "onnxruntime"):
            onnxruntime = importlib.import_module("onnxruntime")
        if precision not in ("auto", "fp32"):
            raise InputError("precision", f"{precision} is not available here", "auto and fp32 are accepted")
        available = onnxruntime.get_available_providers()
        gpus = [name for name in _GPU_PROVIDERS if name in available]
        if device == "gpu" and not gpus:
            raise InputError("device", "gpu: this machine has none that works", "auto and cpu are accepted")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4
        providers = [gpus[0], "CPUExecutionProvider"] if device == "gpu" else ["CPUExecutionProvider"]
        try:
            self._session = onnxruntime.InferenceSession(str(file), options, providers)
        except Exception as error:  # ONNX Runtime's exceptions share no base of their own
            wrong = InputError(file, "is no network ONNX Runtime can read", "an ONNX file is accepted")
            raise (_out_of_memory(file) if is_out_of_memory(error) else wrong) from error
        self._file = file
        self.inputs = tuple(map(_onnx_runtime_port, self._session.get_inputs()))
        self.outputs = tuple(map(_onnx_runtime_port, self._session.get_outputs()))
        self._runtime = f"ONNX Runtime {onnxruntime.__version__}"
        self._threads = threads

    def run(self, inputs: Mapping[str, Float]) -> dict[str, Float]:
        names = [port.name for port in self.outputs]
        try:
            results = self._session.run(names, dict(inputs))
        except Exception as error:  # as above
            raise _failure(self._file, error) from error
        return {name: np.asarray(result, np.float32) for name, result in zip(names, results, strict=True)}

    def describe(self) -> Description:
        provider = self._session.get_providers()[0].removesuffix("ExecutionProvider")
        return Description(self._runtime, provider, "fp32", self._threads if provider == "CPU" else 0)

    def release_buffers(self) -> None:
        """Do nothing: ONNX Runtime has no such call for a session."""


def _onnx_runtime_port(node: Any) -> Port:
    """ONNX Runtime gives free lengths as names, and no shape at all as an empty one."""
    if not node.shape:
        return Port(node.name, None)
    return Port(node.name, tuple(n if isinstance(n, int) else None for n in node.shape))


_QUANTISED_OPERATORS: Final = frozenset({"FakeQuantize"})
_GPU_PROVIDERS: Final = (
    "CUDAExecutionProvider",
    "ROCMExecutionProvider",
    "CoreMLExecutionProvider",
    "DmlExecutionProvider",
)


def _out_of_memory(file: Path) -> MemoryError:
    return MemoryError(f"{file.name}: there is not enough memory for this network")


def _failure(file: Path, error: BaseException) -> Exception:
    """Make the error to raise for a network that failed as it ran: out of memory, or a line with its file."""
    if is_out_of_memory(error):
        return _out_of_memory(file)
    # OpenVINO begins with places in its source and ends with what happened there
    reason = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
    return InputError(file, f"fails when it is run ({reason})")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

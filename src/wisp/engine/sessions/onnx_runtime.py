"""Networks on ONNX Runtime, an extra: on GPUs that are not Intel's, or where OpenVINO is not installed."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from wisp.core.arrays import Float
from wisp.core.errors import InputError, is_out_of_memory
from wisp.core.extras import importing
from wisp.engine.devices import Device, Precision
from wisp.engine.sessions.session import Description, Port, failure, out_of_memory

_GPU_PROVIDERS: Final = (
    "CUDAExecutionProvider",
    "ROCMExecutionProvider",
    "CoreMLExecutionProvider",
    "DmlExecutionProvider",
)


class OnnxRuntimeSession:
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
            raise (out_of_memory(file) if is_out_of_memory(error) else wrong) from error
        self._file = file
        self.inputs = tuple(map(_onnx_runtime_port, self._session.get_inputs()))
        self.outputs = tuple(map(_onnx_runtime_port, self._session.get_outputs()))
        self._runtime = f"ONNX Runtime {onnxruntime.__version__}"
        self._threads = threads

    def run(self, inputs: Mapping[str, Float]) -> dict[str, Float]:
        """Outputs by name of inputs by name: `Session.run`."""
        names = [port.name for port in self.outputs]
        try:
            results = self._session.run(names, dict(inputs))
        except Exception as error:  # as above
            raise failure(self._file, error) from error
        return {name: np.asarray(result, np.float32) for name, result in zip(names, results, strict=True)}

    def describe(self) -> Description:
        """Runtime, device, precision and threads of this session: `Session.describe`."""
        provider = self._session.get_providers()[0].removesuffix("ExecutionProvider")
        return Description(self._runtime, provider, "fp32", self._threads if provider == "CPU" else 0)

    def release_buffers(self) -> None:
        """Do nothing: ONNX Runtime has no such call for a session."""


def _onnx_runtime_port(node: Any) -> Port:
    """ONNX Runtime gives free lengths as names, and no shape at all as an empty one."""
    if not node.shape:
        return Port(node.name, None)
    return Port(node.name, tuple(n if isinstance(n, int) else None for n in node.shape))

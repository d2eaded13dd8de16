"""An exported network in int8: static quantisation, calibrated on training photos.

ONNX Runtime's quantiser does the work: weights as signed integers with a scale for each channel, activations
as unsigned ones with a scale for each tensor, from the least and greatest values that the calibration shows.
They are written as QuantizeLinear and DequantizeLinear pairs, which every runtime fuses into int8 kernels.

What stays in floats, each because 8 bits measured badly there (docs/decisions/013):

- What the last convolutions yield, and all that follows: logits and alphas need more than 256 levels.
- Means over a whole map are taken of the values before they are rounded; OpenVINO would round the mean once
  more, and what is global then goes wrong everywhere.
- The modules that the caller names, in practice the first ones, which see the photo itself.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from wisp.core.arrays import Float
from wisp.core.errors import InputError
from wisp.core.extras import importing
from wisp.engine.sessions import openvino_core
from wisp.training.calibration import Case

CONVOLUTIONS: Final = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
MEANS: Final = frozenset({"ReduceMean", "GlobalAveragePool", "InstanceNormalization"})


@dataclass(frozen=True)
class Quantised:
    """How many of a network's convolutions went to int8, and how many did not.

    Attributes:
        quantised: convolutions in int8.
        kept: convolutions in floats.
    """

    quantised: int
    kept: int


def quantise(
    network: Path, out: Path, inputs: Sequence[Mapping[str, Float]], keep: Sequence[str] = ()
) -> Quantised:
    """Write a network with int8 weights and activations.

    Args:
        network: ONNX file with fp32 weights.
        out: the ONNX file to write.
        inputs: what to calibrate with, by name, float32.
        keep: modules that stay in floats, everything inside them included, as the exporter names them: paths
            like ``network/encoder/features.0``.

    Raises:
        InputError: nothing to calibrate with, or a module of `keep` that the network does not have.
        MissingExtraError: ONNX Runtime is not installed.
    """
    with importing("quantising networks", "onnxruntime", "train"):
        import onnx
        from onnxruntime import quantization
        from onnxruntime.quantization.shape_inference import quant_pre_process
    if not inputs:
        raise InputError("calibration", "has no samples", "at least one is accepted")

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left = iter(inputs)

        def get_next(self) -> Mapping[str, Float] | None:
            return next(self._left, None)

    with TemporaryDirectory() as folder, _quiet():
        prepared, written = Path(folder, "prepared.onnx"), Path(folder, "quantised.onnx")
        quant_pre_process(str(network), str(prepared), skip_symbolic_shape=True)
        graph = onnx.load(str(prepared)).graph
        last, tail = _tail(graph)
        kept = tail | _inside(graph, keep)
        quantization.quantize_static(
            str(prepared),
            str(written),
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            calibrate_method=quantization.CalibrationMethod.MinMax,
            nodes_to_exclude=sorted(kept),
        )
        model = onnx.load(str(written))
    _unround_means(model.graph)
    _unround_results(model.graph, last)
    onnx.checker.check_model(model)
    onnx.save(model, str(out))
    convolutions = {node.name for node in graph.node if node.op_type in CONVOLUTIONS}
    return Quantised(len(convolutions - kept), len(convolutions & kept))


def error_of(network: Path, cases: Sequence[Case]) -> float:
    """Mean absolute error of a network's alphas, each pixel counted as far as its label is trusted.

    Args:
        network: ONNX file; OpenVINO runs it, what is not int8 in fp32.
        cases: what to run it on.
    """
    core = openvino_core()
    compiled = core.compile_model(str(network), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    error = weight = 0.0
    for case in cases:
        alpha = np.clip(case.base + compiled(dict(case.inputs))[0], 0, 1)
        error += float(np.sum(np.abs(alpha - case.truth) * case.weight, dtype=np.float64))
        weight += float(np.sum(case.weight, dtype=np.float64))
    return error / max(weight, 1.0)


def _tail(graph: Any) -> tuple[set[str], set[str]]:
    """Names of the last convolutions before the outputs, and of the nodes that follow them."""
    makers = {name: node for node in graph.node for name in node.output}
    last: set[str] = set()
    found: set[str] = set()
    left = [output.name for output in graph.output]
    while left:
        node = makers.get(left.pop())
        if node is None or node.name in found:
            continue
        if node.op_type in CONVOLUTIONS:
            last.add(node.name)
        else:
            found.add(node.name)
            left.extend(node.input)
    return last, found


def _inside(graph: Any, modules: Sequence[str]) -> set[str]:
    """Names of the nodes inside `modules`; ``/network/head/Conv`` is inside ``network/head``."""
    found: set[str] = set()
    for module in modules:
        names = {node.name for node in graph.node if node.name.startswith(f"/{module.strip('/')}/")}
        if not names:
            raise InputError(module, "is no module of the network", _modules(graph))
        found |= names
    return found


def _modules(graph: Any) -> str:
    """The modules that hold convolutions, for an error."""
    places = (node.name.split("/")[1:-1] for node in graph.node if node.op_type in CONVOLUTIONS)
    names = sorted({"/".join(place[:3]) for place in places})
    return f"{', '.join(names)} and others are accepted"


def _unround_means(graph: Any) -> None:
    """Let means over the map read what was there before it was rounded."""
    makers = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        if node.op_type in MEANS:
            restored = makers.get(node.input[0])
            if restored is not None and restored.op_type == "DequantizeLinear":
                node.input[0] = makers[restored.input[0]].input[0]


def _unround_results(graph: Any, convolutions: set[str]) -> None:
    """Let what reads the results of `convolutions` read them before they are rounded."""
    results = {node.output[0] for node in graph.node if node.name in convolutions}
    rounded = {
        node.output[0]: node.input[0]
        for node in graph.node
        if node.op_type == "QuantizeLinear" and node.input[0] in results
    }
    restored = {
        node.output[0]: rounded[node.input[0]]
        for node in graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in rounded
    }
    live = [node for node in graph.node if node.output[0] not in {*rounded, *restored}]
    # The results take the restored values' names, of which one may be an output's.
    names = {result: name for name, result in restored.items()}
    for node in live:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    del graph.node[:]
    graph.node.extend(live)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the quantiser's advice to prepare the network, which it is."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(before)

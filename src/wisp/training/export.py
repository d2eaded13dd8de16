"""Checkpoint → the ONNX file that `wisp.engine` runs.

Weights are stored as fp16 and cast back to fp32 in the graph: half the file, and every runtime folds the
casts away when it loads it, so no operator runs in a precision that the runtime did not choose.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from wisp.core.errors import InputError
from wisp.engine.sessions import openvino_core
from wisp.io.atomic import atomic_paths
from wisp.networks.checkpoints import read_checkpoint
from wisp.training import pruning
from wisp.training.calibration import cases
from wisp.training.loader import Batch
from wisp.training.quantisation import error_of, quantise
from wisp.training.recipes import NETWORKS

OPSET: Final = 17
TOLERANCE: Final = 1e-3
ROUNDING: Final = 1 / 255
METADATA: Final = "wisp.recipe"
"""Under this key an exported file keeps the recipe of its network, as JSON."""
SMALLEST: Final = 1024
"""Initialisers with fewer values stay fp32: they weigh nothing, and the first of MobileNetV2 need it."""
HALVED: Final = (SMALLEST, 4 * SMALLEST, 16 * SMALLEST, 64 * SMALLEST, 256 * SMALLEST)
"""From which size on initialisers are fp16: the first that leaves the outputs as they are, to `ROUNDING`."""

_QUANTISERS: Final = frozenset({"QuantizeLinear", "DequantizeLinear"})


@dataclass(frozen=True)
class Calibration:
    """Samples for an int8 variant, as `wisp.training.calibration.samples` gives them.

    Attributes:
        photos: to calibrate with.
        held_out: to measure the loss on.
        keep: modules that stay in floats; None for those that are known to be sensitive.
    """

    photos: Sequence[Batch]
    held_out: Sequence[Batch]
    keep: Sequence[str] | None = None


@dataclass(frozen=True)
class QuantisationCost:
    """Accuracy before and after a quantisation to int8.

    Attributes:
        quantised: convolutions in int8.
        kept: convolutions in floats.
        samples: how many held-out ones were judged.
        before: mean absolute error of the float network's alphas on them.
        after: that of the file.
    """

    quantised: int
    kept: int
    samples: int
    before: float
    after: float

    @property
    def share(self) -> float:
        """By how much the error grew, as a share of it."""
        return self.after / self.before - 1 if self.before else 0.0


@dataclass(frozen=True)
class Exported:
    """An export's files, sizes and measured costs.

    Attributes:
        path: the file.
        size: bytes.
        parameters: how many numbers the network has learned.
        difference: largest difference between the network's outputs and those of the file with fp32 weights.
        rounding: the same with the weights that the file keeps, fp16 as far as these change no output by more
            than `ROUNDING`; of an int8 file, before quantisation.
        loss: what int8 cost; None for a file in floats.
        pruned: mean absolute difference of a lean network's alphas from the whole one's on held-out samples;
            None where the network is whole.
    """

    path: Path
    size: int
    parameters: int
    difference: float
    rounding: float
    loss: QuantisationCost | None = None
    pruned: float | None = None


def export_checkpoint(
    checkpoint: Path,
    out: Path,
    *,
    part: str | None = None,
    average_with: Sequence[Path] = (),
    lean_with: pruning.Samples | None = None,
    calibration: Calibration | None = None,
    overwrite: bool = False,
) -> Exported:
    """Export ``best.pt`` (or ``checkpoint.pt``) of a run.

    Args:
        checkpoint: a file that `wisp.training.loop.fit` wrote.
        out: the ONNX file.
        part: the key in `NETWORKS` to export the weights as, where a run trains several networks at once
            (``portrait-refinement``); the run's own when None.
        average_with: checkpoints of runs that went on from one another, whose weights are averaged with its.
        lean_with: what to make the network's pruned variant with, which is exported then.
        calibration: what to quantise it to int8 with; weights stay floats when None.
        overwrite: replace an existing file.

    Raises:
        InputError: what `load_averaged`, `pruning.prune`, `export` and `quantise` raise; or the network has
            no int8 variant.
    """
    name, recipe, network = load_averaged([checkpoint, *average_with], part)
    family = NETWORKS[name]
    pruned = None
    if lean_with is not None:
        recipe, network, pruned = pruning.prune(name, recipe, network, lean_with)
    if calibration is None:
        done = export_network(name, recipe, network, out, overwrite=overwrite)
        return replace(done, pruned=pruned)
    if family.cases is None:
        able = [key for key, other in NETWORKS.items() if other.cases is not None]
        raise InputError("--int8", f"is not available for {name}", f"{', '.join(able)} are accepted")
    photos, held_out = (
        cases(family.cases, network, batches) for batches in (calibration.photos, calibration.held_out)
    )
    keep = family.sensitive if calibration.keep is None else calibration.keep
    with atomic_paths([out], overwrite=overwrite) as (temporary,), TemporaryDirectory() as folder:
        floats = Path(folder, "floats.onnx")
        done = export(family.wrap(network), family.example(), family.outputs, floats, halved=False)
        counts = quantise(floats, temporary, [case.inputs for case in photos], keep)
        _halve(temporary)
        loss = QuantisationCost(
            counts.quantised,
            counts.kept,
            len(held_out),
            error_of(floats, held_out),
            error_of(temporary, held_out),
        )
        return replace(done, path=out, size=temporary.stat().st_size, loss=loss, pruned=pruned)


def export_network(
    name: str, recipe: Mapping[str, Any], network: nn.Module, out: Path, *, overwrite: bool = False
) -> Exported:
    """Export a bare network; the file keeps its recipe, so that training can go on from it.

    Args:
        name: its key in `NETWORKS`.
        recipe: what `NETWORKS[name].build` makes it from.
        network: the network.
        out: the ONNX file.
        overwrite: replace an existing file.

    Raises:
        InputError: as `export`.
    """
    family = NETWORKS[name]
    kept = json.dumps({**recipe, "network": name}, sort_keys=True)
    return export(
        family.wrap(network), family.example(), family.outputs, out, overwrite=overwrite, recipe=kept
    )


def load_averaged(
    checkpoints: Sequence[Path], part: str | None = None
) -> tuple[str, Mapping[str, Any], nn.Module]:
    """The network whose weights are the mean of several runs' (Wortsman et al. 2022, "Model soups").

    Runs that went on from one another lie in one valley of the loss; their mean errs less than each.

    Args:
        checkpoints: one or more; the recipe is the first one's.
        part: as in `export_checkpoint`.

    Returns:
        As `load_checkpoint`.

    Raises:
        InputError: what `load_checkpoint` raises, or networks that differ in shape.
    """
    name, recipe, network = load_checkpoint(checkpoints[0], part)
    weights = [network.state_dict()]
    shapes = {key: value.shape for key, value in weights[0].items()}
    for other in checkpoints[1:]:
        found, _, another = load_checkpoint(other, part)
        weights.append(another.state_dict())
        if found != name or {key: value.shape for key, value in weights[-1].items()} != shapes:
            problem = f"holds another network ({found})"
            raise InputError(other, problem, f"a {name} of the same shape is accepted")
    mean = {
        key: torch.stack([one[key] for one in weights]).mean(0) if value.is_floating_point() else value
        for key, value in weights[0].items()
    }
    network.load_state_dict(mean)
    return name, recipe, network


def load_checkpoint(checkpoint: Path, part: str | None = None) -> tuple[str, Mapping[str, Any], nn.Module]:
    """The averaged network of a run.

    Args:
        checkpoint: ``best.pt`` or ``checkpoint.pt``.
        part: as in `export_checkpoint`.

    Returns:
        Its key in `NETWORKS`, the recipe and the bare network.

    Raises:
        InputError: no such checkpoint, not one of ours, or `part` is not in its run.
    """
    accepted = "best.pt of a training run is accepted"
    state = read_checkpoint(checkpoint, accepted)
    if "recipe" not in state:
        raise InputError(checkpoint, "is no checkpoint of a wisp run", accepted)
    recipe = json.loads(state["recipe"])
    own = recipe["network"]
    name = part or own
    parts = [key for key in NETWORKS if key == own or key.startswith(f"{own}-")]
    if name not in parts:
        raise InputError(checkpoint, f"has no network {name}", f"{' and '.join(parts)} are accepted")
    network = NETWORKS[name].build(recipe)
    network.load_state_dict(state["network"] if "network" in state else state["averaged"])
    return name, recipe, network


def export(
    network: nn.Module,
    example: Mapping[str, Tensor],
    outputs: Sequence[str],
    out: Path,
    *,
    halved: bool = True,
    overwrite: bool = False,
    recipe: str = "",
) -> Exported:
    """Write a network as ONNX with dynamic batch, height and width, and check the file against it.

    Args:
        network: as it is to be run, its post-processing inside.
        example: inputs by name, (N, C, H, W); what the check runs.
        outputs: names of the outputs, (N, C, H, W).
        out: the ONNX file.
        halved: store the weights as fp16. Where that changes an output by more than `ROUNDING`, those of
            smaller layers stay fp32, as many as it takes (`HALVED`), which may be all.
        overwrite: replace an existing file.
        recipe: kept in the file under `METADATA`; nothing is where it is empty.

    Raises:
        InputError: the graph differs from the network by more than `TOLERANCE`; nothing is written then.
    """
    network.eval()
    names = list(example)
    axes = {name: {0: "n", 2: "h", 3: "w"} for name in [*names, *outputs]}
    with atomic_paths([out], overwrite=overwrite) as (temporary,):
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # the tracing exporter announces its successor
            torch.onnx.export(
                network,
                tuple(example.values()),
                str(temporary),
                dynamo=False,
                opset_version=OPSET,
                input_names=names,
                output_names=list(outputs),
                dynamic_axes=axes,
            )
        difference = parity(network, example, temporary)
        _check(out, difference, TOLERANCE)
        rounding = difference
        whole = temporary.read_bytes()
        for smallest in HALVED if halved else ():
            _halve(temporary, smallest)
            rounding = parity(network, example, temporary)
            if rounding <= ROUNDING:
                break
            temporary.write_bytes(whole)
            rounding = difference
        if recipe:
            _describe(temporary, recipe)
        size = temporary.stat().st_size
    parameters = sum(p.numel() for p in network.parameters())
    return Exported(out, size, parameters, difference, rounding)


def _check(out: Path, difference: float, tolerance: float) -> None:
    if difference > tolerance:
        raise InputError(
            out, f"differs from its network by {difference:.2g}", f"at most {tolerance:.2g} is accepted"
        )


def _describe(path: Path, recipe: str) -> None:
    import onnx

    model = onnx.load(str(path))
    model.metadata_props.add(key=METADATA, value=recipe)
    onnx.save(model, str(path))


def _halve(path: Path, smallest: int = SMALLEST) -> None:
    import onnx

    model = onnx.load(str(path))
    halve_weights(model, smallest)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def halve_weights(model: Any, smallest: int = SMALLEST) -> None:
    """Store the large fp32 initialisers of an ONNX model as fp16, each followed by a cast to fp32.

    Scales of quantised tensors stay as they are: runtimes look for constants there.

    Args:
        model: the loaded file; changed.
        smallest: initialisers of fewer numbers stay as they are.
    """
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    scales = {name for node in graph.node if node.op_type in _QUANTISERS for name in node.input[1:]}
    casts = []
    for initialiser in graph.initializer:
        values = numpy_helper.to_array(initialiser)
        if initialiser.data_type != TensorProto.FLOAT or values.size < smallest:
            continue
        if initialiser.name in scales:
            continue
        name = initialiser.name
        stored = f"{name}.fp16"
        casts.append(helper.make_node("Cast", [stored], [name], name=f"{name}.cast", to=TensorProto.FLOAT))
        initialiser.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def parity(network: nn.Module, example: Mapping[str, Tensor], path: Path) -> float:
    """Largest difference between the outputs of a torch module and of an ONNX file, at two sizes."""
    core = openvino_core()
    compiled = core.compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    worst = 0.0
    for factor in (1, 2):
        inputs = {name: x.repeat(1, 1, 1, factor) for name, x in example.items()}
        with torch.inference_mode():
            result = network(*inputs.values())
        expected = [result] if isinstance(result, Tensor) else list(result)
        found: list[npt.NDArray[np.float32]] = list(
            compiled({name: x.numpy() for name, x in inputs.items()}).values()
        )
        for a, b in zip(expected, found, strict=True):
            worst = max(worst, float(np.abs(a.numpy() - b).max()))
    return worst

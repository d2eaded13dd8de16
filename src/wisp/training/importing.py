"""The ONNX file that `wisp.training.export` wrote → the network that it was written from, to train on.

An export folds batch norms into the convolutions before them and renames what it folded. So the network is
run once, and the convolutions that it calls are matched with those of the graph, in order; all else is found
by its name. A folded batch norm becomes the affine that is left, as in `MobileNetV2.load_modnet`: its
statistics mean nothing to a new batch and stay frozen (`wisp.training.freezing.freeze_folded`).

Nothing is believed: shapes must fit, every parameter must be found, and network and file must answer alike.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from wisp.core.errors import InputError
from wisp.engine.models import MODELS, Model, find_model, refinement_of, verified_file
from wisp.training.export import METADATA, load_checkpoint, parity
from wisp.training.freezing import NORMS, folded, freeze_folded
from wisp.training.recipes import NETWORKS, TrainedNetwork

TOLERANCE: Final = 1e-3
ACCEPTED: Final = "an ONNX file of `wisp export` is accepted"


class _Recipe(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def network(self) -> str: ...


R = TypeVar("R", bound=_Recipe)

_CALLED = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_COPIES: Final = frozenset({"Cast", "Identity"})


def load_start(network: nn.Module, name: str, start: str | Path) -> None:
    """Fill a network with weights trained before; batch norms that hold no statistics are frozen then.

    Args:
        network: what to fill.
        name: its key in `NETWORKS`.
        start: ``best.pt`` of a run, an ONNX file of `wisp export`, or the name of a network that wisp ships.

    Raises:
        InputError: no such file or name, or of a network whose parameters differ.
    """
    found, earlier = read_network(start, name)
    try:
        if found != name:
            raise RuntimeError
        network.load_state_dict(earlier.state_dict())
    except RuntimeError as error:
        accepted = f"best.pt or the ONNX file of a {name} of the same recipe is accepted"
        raise InputError(start, f"holds another network ({found})", accepted) from error
    freeze_folded(network)


def read_network(name_or_file: str | Path, family: str | None = None) -> tuple[str, nn.Module]:
    """A trained network from a checkpoint, an ONNX file or the name of a network that wisp ships.

    Args:
        name_or_file: one of these.
        family: its key in `NETWORKS`, where it is known; guessed from an ONNX file otherwise.

    Returns:
        Its key in `NETWORKS` and the bare network, complete: a portrait network with its refinement.

    Raises:
        InputError: neither, or an ONNX file that is not `family` or that `load_onnx` refuses.
    """
    found, recipe, network = read_trained(name_or_file, family)
    del recipe
    return found, network


def read_trained(
    name_or_file: str | Path, family: str | None = None
) -> tuple[str, Mapping[str, Any], nn.Module]:
    """Read a trained network: its name, its recipe as far as the file tells it, and itself."""
    known = MODELS.get(str(name_or_file))
    if known is None and Path(name_or_file).suffix.lower() != ".onnx":
        if not Path(name_or_file).exists():
            names = ", ".join(name for name, model in MODELS.items() if model.family in (family, None))
            accepted = "best.pt of a run or an ONNX file is accepted"
            accepted += f", or one of the names {names}" if names else ""
            raise InputError(name_or_file, "does not exist", accepted)
        return load_checkpoint(Path(name_or_file))
    name = _family_of(known.path if known else Path(name_or_file), known)
    if family is not None and name != family:
        raise InputError(name_or_file, f"holds a {name}", f"a {family} is accepted")
    model = known or find_model(name_or_file, name)
    path = verified_file(model)
    recipe = recipe_of(path) or NETWORKS[name].usual
    network = NETWORKS[name].build(recipe)
    for part, file in {_exported_as(name, path): path, **_parts(model)}.items():
        load_onnx(network, NETWORKS[part], file)
    return name, recipe, network


def _exported_as(name: str, path: Path) -> str:
    """The key in `NETWORKS` that a file of a network was exported by: its own, or that of a part of it."""
    outputs = [value.name for value in _read(path).graph.output]
    own = NETWORKS[name]
    if outputs == list(own.outputs):
        return name
    parts = (key for key, part in NETWORKS.items() if part.build == own.build)
    return next((key for key in parts if outputs == list(NETWORKS[key].outputs)), name)


def continued(recipe: R, start: str | Path | None, *shapes: str) -> R:
    """The recipe, for a network of the shape of the one that it goes on with.

    Args:
        recipe: a frozen dataclass with the field ``network``, a key in `NETWORKS`.
        start: as `load_start` takes it; the recipe stays as it is when None.
        shapes: its fields that decide on the network's shape; where the start names none, they are off.

    Raises:
        InputError: as `read_network`.
    """
    if start is None:
        return recipe
    _, kept, _ = read_trained(start, recipe.network)
    defaults = {field.name: field.default for field in fields(recipe)}
    return replace(recipe, **{shape: kept.get(shape, defaults[shape]) for shape in shapes})


def load_onnx(network: nn.Module, family: TrainedNetwork, path: Path) -> None:
    """Fill a bare network, or the part of it that `family` exports, from an ONNX file; and check it.

    Args:
        network: as `family.build` gives it.
        family: how it was exported.
        path: the file.

    Raises:
        InputError: not such a file, quantised to int8, of other layers or shapes, or the filled network does
            not answer like the file.
    """
    model = _read(path)
    exported = family.wrap(network).eval()
    example = family.example()
    state = _matched(path, model.graph, exported, example)
    aids = tuple(f"{name}." for name in family.aids)
    needed = [key for key in exported.state_dict() if not key.startswith(aids)]
    missing = [key for key in needed if key not in state and "num_batches" not in key]
    if missing:
        raise InputError(path, f"lacks {missing[0]} and {len(missing) - 1} others of its network", ACCEPTED)
    try:
        exported.load_state_dict(state, strict=False)
    except RuntimeError as error:
        first = str(error).strip().splitlines()[-1].strip()
        raise InputError(path, f"holds another network ({first})", ACCEPTED) from error
    difference = parity(exported, example, path)
    if difference > TOLERANCE:
        problem = f"answers {difference:.2g} off what its weights say"
        raise InputError(path, problem, f"at most {TOLERANCE:g} is accepted")


def recipe_of(path: Path) -> Mapping[str, Any] | None:
    """The recipe that an exported file names; None where it names none (files of wisp 0.1)."""
    for entry in _read(path).metadata_props:
        if entry.key == METADATA:
            recipe: Mapping[str, Any] = json.loads(entry.value)
            return recipe
    return None


def _family_of(path: Path, known: Model | None) -> str:
    """The key in `NETWORKS` that a file names, that its row has, or whose inputs and outputs it has."""
    recipe = recipe_of(path)
    if recipe is not None and recipe.get("network") in NETWORKS:
        return str(recipe["network"])
    if known is not None and known.family in NETWORKS:
        return known.family
    graph = _read(path).graph
    seen = ([value.name for value in graph.input], [value.name for value in graph.output])
    for name, family in NETWORKS.items():
        if seen == (list(family.example()), list(family.outputs)):
            return name
    told = f"{', '.join(seen[0])} → {', '.join(seen[1])}"
    raise InputError(path, f"is no network that can be trained on ({told})", ACCEPTED)


def _parts(model: Model) -> dict[str, Path]:
    """The further files that belong to a network, by their keys in `NETWORKS`."""
    if model.family != "portrait":
        return {}
    return {"portrait-refinement": verified_file(refinement_of(model))}


def _read(path: Path) -> Any:
    import onnx

    try:
        model = onnx.load(str(path))
    except FileNotFoundError as error:
        raise InputError(path, "does not exist", ACCEPTED) from error
    except Exception as error:  # protobuf raises whatever the bytes lead it to
        raise InputError(path, "is no ONNX file", ACCEPTED) from error
    if any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        raise InputError(path, "is quantised to int8", "the same network in floats is accepted")
    return model


def _matched(path: Path, graph: Any, exported: nn.Module, example: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of `exported` as far as the graph has it."""
    values = _values(graph)
    own = exported.state_dict()
    state = {key: values[key] for key in own if key in values}
    called = _calls(exported, example)
    nodes = [node for node in graph.node if node.op_type == "Conv"]
    if len(nodes) != len(called):
        problem = f"has {len(nodes)} convolutions where its network has {len(called)}"
        raise InputError(path, problem, ACCEPTED)
    for node, (conv, norm) in zip(nodes, called, strict=True):
        weight = values[node.input[1]]
        if weight.shape != own[f"{conv}.weight"].shape:
            found, wanted = tuple(weight.shape), tuple(own[f"{conv}.weight"].shape)
            raise InputError(path, f"holds another network ({conv} is {found}, not {wanted})", ACCEPTED)
        bias = values[node.input[2]] if len(node.input) > 2 else torch.zeros(len(weight))
        state[f"{conv}.weight"] = weight
        joined = norm is not None and f"{norm}.running_var" not in values
        if f"{conv}.bias" in own:
            state[f"{conv}.bias"] = torch.zeros_like(bias) if joined else bias
        if joined:
            module = exported.get_submodule(str(norm))
            assert isinstance(module, NORMS)
            state |= {f"{norm}.{key}": value for key, value in folded(bias, module.eps).items()}
    return state


def _values(graph: Any) -> dict[str, Tensor]:
    """Every stored tensor by the names under which nodes read it, fp16 ones as fp32."""
    from onnx import numpy_helper

    values = {
        tensor.name: torch.from_numpy(np.array(numpy_helper.to_array(tensor))) for tensor in graph.initializer
    }
    for node in graph.node:
        if node.op_type in _COPIES and node.input[0] in values:
            value = values[node.input[0]]
            values[node.output[0]] = value.float() if value.is_floating_point() else value
    return values


def _calls(exported: nn.Module, example: Mapping[str, Tensor]) -> list[tuple[str, str | None]]:
    """The convolutions that a network calls, in order, each with the batch norm that reads its output."""
    calls: list[tuple[str, str | None]] = []
    outputs: dict[int, int] = {}
    held: list[Tensor] = []  # so that no two of them share an id

    def convolved(name: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            outputs[id(output)] = len(calls)
            held.append(output)
            calls.append((name, None))

        return hook

    def normalised(name: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            place = outputs.get(id(inputs[0]))
            if place is not None:
                calls[place] = (calls[place][0], name)

        return hook

    handles = []
    for name, module in exported.named_modules():
        if isinstance(module, _CALLED):
            handles.append(module.register_forward_hook(convolved(name)))
        elif isinstance(module, NORMS):
            handles.append(module.register_forward_hook(normalised(name)))
    try:
        with torch.inference_mode():
            exported(*example.values())
    finally:
        for handle in handles:
            handle.remove()
    return calls

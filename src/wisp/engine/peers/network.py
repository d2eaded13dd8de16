"""A file that somebody else exported: what its ports are for, and whether it is what it is said to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wisp.core.arrays import Alpha, Float
from wisp.core.errors import InputError
from wisp.engine.sessions import Port, Session

_ROUNDING = 0.01
"""How far values may leave [0, 1] by computing in bf16."""


@dataclass(frozen=True)
class Signature:
    """The inputs and outputs of the ONNX files of a family.

    A file whose ports are called so is taken by these names, any other by the order of its ports.

    Attributes:
        inputs: name → number of channels of (N, C, H, W), in order; 0 where any shape will do.
        outputs: name → number of channels of (N, C, H, W), in order; 0 where any shape will do.
        more: whether further outputs may follow.
        named: whether the inputs must have these very names.
    """

    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    more: bool = False
    named: bool = False

    def __str__(self) -> str:
        channels = ", ".join(str(count) for count in self.inputs.values() if count)
        inputs = f"input{'s' * (len(self.inputs) > 1)} {', '.join(self.inputs)} ({channels} channels)"
        outputs = f"{'at least ' * self.more}{len(self.outputs)} output{'s' * (len(self.outputs) > 1)}"
        return f"the {inputs} and {outputs}"

    def fits(self, inputs: Sequence[Port], outputs: Sequence[Port]) -> bool:
        """Whether a network with these ports can be one of the family."""
        enough = len(outputs) >= len(self.outputs) if self.more else len(outputs) == len(self.outputs)
        return (
            enough
            and len(inputs) == len(self.inputs)
            and not (self.named and {port.name for port in inputs} != self.inputs.keys())
            and all(map(_has_channels, bind(self.inputs, inputs).values(), self.inputs.values()))
            and all(map(_has_channels, bind(self.outputs, outputs).values(), self.outputs.values()))
        )


def bind(names: Mapping[str, int], ports: Sequence[Port]) -> dict[str, Port]:
    """Find the port of each name: the one called so if all are there, else by order."""
    found = {port.name: port for port in ports}
    if names.keys() <= found.keys():
        return {name: found[name] for name in names}
    return dict(zip(names, ports, strict=False))


@dataclass(frozen=True)
class Network:
    """A loaded network of a family.

    Attributes:
        family: what it is said to be, for messages.
        file: where it lies, for messages.
        session: the loaded network.
        signature: the names by which `run` knows its ports.
    """

    family: str
    file: Path
    session: Session
    signature: Signature

    def fixed_size(self) -> tuple[int, int] | None:
        """Height and width of its first input where the file leaves no choice, else None."""
        shape = next(iter(bind(self.signature.inputs, self.session.inputs).values())).shape
        if shape is None or len(shape) != 4:
            return None
        height, width = shape[2:]
        return None if height is None or width is None else (height, width)

    def run(self, **inputs: Float) -> dict[str, Float]:
        """Map the signature's input names to arrays, to its output names to arrays.

        Raises:
            InputError: the file takes another size only, or fails.
        """
        ports = bind(self.signature.inputs, self.session.inputs)
        for name, array in inputs.items():
            shape = ports[name].shape
            if shape is not None and len(shape) == 4 and not _goes_in(array.shape[2:], shape[2:]):
                height, width = ("any" if length is None else length for length in shape[2:])
                problem = f"takes pictures of {width}×{height} only; this one is seen at"
                seen = f"{array.shape[3]}×{array.shape[2]}"
                raise InputError(
                    self.file, f"{problem} {seen}", "a file with free height and width is accepted"
                )
        results = self.session.run({ports[name].name: array for name, array in inputs.items()})
        outputs = bind(self.signature.outputs, self.session.outputs)
        return {name: results[port.name] for name, port in outputs.items()}

    def alpha(self, output: Float, height: int, width: int) -> Alpha:
        """The first channel of an output (1, C, height, width) of alpha or probabilities, clipped to [0, 1].

        Raises:
            InputError: it has another shape, or values that are neither.
        """
        values = self.map(output, height, width)
        if not (values.min() >= -_ROUNDING and values.max() <= 1 + _ROUNDING):  # also where there are NaNs
            raise self.wrong()
        return values.clip(0, 1)

    def map(self, output: Float, height: int, width: int) -> Float:
        """The first channel of an output (1, C, height, width), whatever its values.

        Raises:
            InputError: it has another shape.
        """
        if output.ndim != 4 or output.shape[0] != 1 or output.shape[2:] != (height, width):
            raise self.wrong()
        first: Float = output[0, 0]
        return first

    def wrong(self) -> InputError:
        """The error for a file that is something else."""
        return not_of_family(self.file, self.family, [self.signature])


def not_of_family(file: Path, family: str, signatures: Sequence[Signature]) -> InputError:
    """The error for a file that is something else than it is said to be."""
    known = ", or ".join(str(signature) for signature in signatures)
    return InputError(file, f"is no {family} network", f"a float32 ONNX file with {known} is accepted")


def planes(values: Float) -> Float:
    """(H, W) or (H, W, C) as the contiguous batch of one, (1, C, H, W), that networks take."""
    if values.ndim == 2:
        return np.ascontiguousarray(values[None, None], np.float32)
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None], np.float32)


def _has_channels(port: Port, channels: int) -> bool:
    if channels == 0 or port.shape is None:
        return True
    return len(port.shape) == 4 and port.shape[1] in (None, channels)


def _goes_in(size: Sequence[int], lengths: Sequence[int | None]) -> bool:
    return all(length in (None, side) for side, length in zip(size, lengths, strict=True))

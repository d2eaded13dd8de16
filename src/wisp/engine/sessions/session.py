"""A loaded network as the rest of wisp sees it, whichever runtime it runs on, and how it fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wisp.core.arrays import Float
from wisp.core.errors import InputError, is_out_of_memory


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


def out_of_memory(file: Path) -> MemoryError:
    """Make the error to raise where there is not enough memory for a network."""
    return MemoryError(f"{file.name}: there is not enough memory for this network")


def failure(file: Path, error: BaseException) -> Exception:
    """Make the error to raise for a network that failed as it ran: out of memory, or a line with its file."""
    if is_out_of_memory(error):
        return out_of_memory(file)
    # OpenVINO begins with places in its source and ends with what happened there
    reason = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
    return InputError(file, f"fails when it is run ({reason})")

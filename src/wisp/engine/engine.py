"""Where networks run and what they compute in, with those that are loaded, as one value."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final, Protocol, TypeVar, cast

from wisp.core.arrays import check_at_least
from wisp.core.errors import InputError
from wisp.engine.devices import DEVICES, PRECISIONS, Device, Precision
from wisp.engine.loaded import Loaded
from wisp.engine.models import Model
from wisp.engine.precision import choose
from wisp.engine.sessions import Session, open_session


class Network(Protocol):
    """A loaded network, alone or with what goes around it."""

    def release_buffers(self) -> None:
        """Give back the memory that it computed in, which its next run takes again."""


T = TypeVar("T", bound=Network)


@dataclass(frozen=True)
class Engine:
    """A runner of networks: device, precision and threads; it keeps what it has loaded until `release`.

    Attributes:
        device: ``auto``, ``cpu`` or ``gpu``.
        precision: ``auto``, ``fp32``, ``bf16`` or ``int8``.
        threads: of the CPU; None for as many as there are cores.
        cache: whether networks that were compiled for the CPU are kept on disk.

    Raises:
        InputError: another device, precision or number of threads.
    """

    device: Device = "auto"
    precision: Precision = "auto"
    threads: int | None = None
    cache: bool = True
    _loaded: Loaded[Network] = field(default_factory=Loaded, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        words = {"device": (self.device, DEVICES), "precision": (self.precision, PRECISIONS)}
        for name, (word, accepted) in words.items():
            if word not in accepted:
                raise InputError(name, f"is {word!r}", f"{', '.join(accepted)} are accepted")
        if self.threads is not None:
            check_at_least(1, threads=self.threads)

    def session_of(self, model: Model) -> Session:
        """The loaded network, in the variant that `wisp.engine.precision.choose` finds.

        It is loaded at the first call, and anew where its path leads to other contents than before.

        Raises:
            InputError: a file that is missing or no network, or a device or precision that is not here.
            MissingExtraError: no runtime is installed for the device.
        """

        def load() -> Session:
            choice = choose(model, device=self.device, precision=self.precision)
            return open_session(
                choice.file,
                device=self.device,
                precision=choice.precision,
                threads=self.threads,
                cache=self.cache,
            )

        files = (model.path,) if model.int8 is None else (model.path, model.int8.path)
        return self.keep(files, model, load)

    def keep(self, files: tuple[Path, ...], name: Hashable, load: Callable[[], T]) -> T:
        """The result of `load`, which is called once until its files change or `release` is called.

        Args:
            files: whatever decides what `load` makes.
            name: tells it from other things made of the same files.
            load: makes it; what it raises is raised, and nothing is kept.
        """
        return cast(T, self._loaded.get(files, name, load))

    def release_buffers(self) -> None:
        """Give back the memory that loaded networks computed in; they stay loaded.

        For a photo that is some ten megabytes each, which the next run takes again at the cost of a tenth of
        its time or so (docs/speed.md). Whoever runs several networks in turns need not hold all of it.
        """
        for network in self._loaded.made():
            network.release_buffers()

    def release(self) -> None:
        """Let go of every loaded network, so that its memory is free once no call uses it any more."""
        self._loaded.clear()


ENGINE: Final = Engine()
"""What the library's functions run networks on unless they are told otherwise."""


def shared_engine(device: Device = "auto", precision: Precision = "auto") -> Engine:
    """The one engine of this process for a device and a precision, so that calls share what is loaded.

    Raises:
        InputError: another device or precision.
    """
    return ENGINE if (device, precision) == ("auto", "auto") else _shared(device, precision)


@cache
def _shared(device: Device, precision: Precision) -> Engine:
    return Engine(device, precision)

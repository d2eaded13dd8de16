"""Batches from samples: worker processes that stay ahead of the step, in an order that a seed fixes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from wisp.core.errors import WispError
from wisp.data.samples import Source

Stored: TypeAlias = Mapping[str, Tensor]
"""Samples side by side as they are stored, uint8 (N, …), by the names of their source's `fields`."""


@dataclass(frozen=True)
class Batch:
    """Samples side by side as float tensors in [0, 1]; fields as in `Example`, (N, C, S, S)."""

    image: Tensor
    alpha: Tensor
    weight: Tensor
    foreground: Tensor
    background: Tensor
    exact: Tensor
    """(N, 1, 1, 1), 1 where the composition is exact."""
    trimap: Tensor | None = None
    """Of samples that have one (`TrimapExample`, `CueExample`): 0, 128/255 or 1."""
    prior: Tensor | None = None
    """Of samples that have one (`TrimapExample`)."""
    mask: Tensor | None = None
    """Of samples that have one (`CueExample`, `InitialAlphaExample`): soft segmentation, (N, 1, S, S)."""
    motion: Tensor | None = None
    """Of samples that have one (`CueExample`): four neighbouring frames in grey, (N, 4, S, S)."""


def batches(source: Source, *, batch: int, first: int, count: int, workers: int) -> Iterator[Stored]:
    """`count` batches, number `first` onwards: batch k holds the samples k·batch … (k + 1)·batch − 1.

    Yields:
        What `to_batch` makes a `Batch` of.

    Raises:
        WispError: a sample cannot be made, in whichever process it was to be.
    """
    os.environ.setdefault("VIPS_CONCURRENCY", "1")
    feed: Iterable[Stored | WispError] = DataLoader(
        _Indexed(source),
        batch_size=batch,
        sampler=_Run(first * batch, count * batch),
        num_workers=workers,
        collate_fn=_collate,
        prefetch_factor=4 if workers else None,
        multiprocessing_context="forkserver" if workers else None,
        worker_init_fn=_one_thread,
        drop_last=False,
    )
    for stored in feed:
        if isinstance(stored, WispError):
            raise stored
        yield stored


class _Example(Protocol):
    """A sample as a named tuple of arrays."""

    def _asdict(self) -> dict[str, npt.NDArray[np.uint8]]: ...


def stack(examples: Sequence[_Example]) -> Stored:
    """Samples side by side, as `batches` gives them."""
    made = [example._asdict() for example in examples]
    return {name: torch.from_numpy(np.stack([one[name] for one in made])) for name in made[0]}


def to_batch(stored: Stored, device: torch.device) -> Batch:
    """Stored samples → working floats on `device`, channels last."""
    made = {
        name: t.to(device).to(torch.float32, memory_format=torch.channels_last).mul_(1 / 255)
        for name, t in stored.items()  # bytes travel faster
        if name != "exact"
    }
    exact = stored["exact"].to(device, torch.float32).view(-1, 1, 1, 1)
    return Batch(**made, exact=exact)


def first_batches(source: Source, count: int, batch: int) -> list[Batch]:
    """The first `count` samples of a source, or `batch` if that is more: what every validation looks at."""
    stored = batches(source, batch=batch, first=0, count=max(1, count // batch), workers=0)
    return [to_batch(tensors, torch.device("cpu")) for tensors in stored]


def on(batch: Batch, device: torch.device) -> Batch:
    """A batch on another device."""
    if batch.image.device == device:
        return batch
    moved: dict[str, Any] = {name: x if x is None else x.to(device) for name, x in vars(batch).items()}
    return Batch(**moved)


class _Indexed(Dataset[Stored | WispError]):
    def __init__(self, source: Source) -> None:
        self.source = source

    def __getitem__(self, index: int) -> Stored | WispError:
        try:
            arrays = zip(self.source.fields, self.source[index], strict=True)
        except WispError as error:
            return error  # raised in another process it would come out as a bug, traceback and all
        return {name: torch.from_numpy(array) for name, array in arrays}


class _Run(Sampler[int]):
    """The indices first … first + count − 1, in order."""

    def __init__(self, first: int, count: int) -> None:
        self.first, self.count = first, count

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.first + self.count))

    def __len__(self) -> int:
        return self.count


def _collate(examples: list[Stored | WispError]) -> Stored | WispError:
    made = []
    for example in examples:
        if isinstance(example, WispError):
            return example
        made.append(example)
    return {name: torch.stack([example[name] for example in made]) for name in made[0]}


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)

"""Batches from samples: worker processes that stay ahead of the step, in an order that a seed fixes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from wisp.data.cues import CueExample
from wisp.data.initial_alphas import InitialAlphaExample
from wisp.data.samples import Source
from wisp.data.trimap_samples import TrimapExample


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


def batches(
    source: Source, *, batch: int, first: int, count: int, workers: int
) -> Iterator[tuple[Tensor, ...]]:
    """`count` batches, number `first` onwards: batch k holds the samples k·batch … (k + 1)·batch − 1.

    Yields:
        Tuples of uint8 tensors in the order of the fields of an example, of which
        `to_batch` makes a `Batch`.
    """
    return iter(loader(source, batch=batch, first=first, count=count, workers=workers))


def loader(
    source: Source, *, batch: int, first: int, count: int, workers: int
) -> DataLoader[tuple[Tensor, ...]]:
    """The data loader behind `batches`, for Accelerate to prepare."""
    os.environ.setdefault("VIPS_CONCURRENCY", "1")
    return DataLoader(
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


def to_batch(tensors: tuple[Tensor, ...], device: torch.device) -> Batch:
    """Stored tensors → working floats on `device`, channels last."""
    image, alpha, weight, foreground, background, *guidance = (
        t.to(device).to(torch.float32, memory_format=torch.channels_last).mul_(1 / 255)  # bytes travel faster
        for t in (*tensors[:5], *tensors[6:])
    )
    exact = tensors[5].to(device, torch.float32).view(-1, 1, 1, 1)
    names = next(n for n in _GUIDANCE if len(n) == len(guidance))
    return Batch(
        image, alpha, weight, foreground, background, exact, **dict(zip(names, guidance, strict=True))
    )


_GUIDANCE: Final = ((), InitialAlphaExample._fields[6:], TrimapExample._fields[6:], CueExample._fields[6:])
"""What examples hold beside the fields that all of them have."""


class _Indexed(Dataset[tuple[Tensor, ...]]):
    def __init__(self, source: Source) -> None:
        self.source = source

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(torch.from_numpy(array) for array in self.source[index])


class _Run(Sampler[int]):
    """The indices first … first + count − 1, in order."""

    def __init__(self, first: int, count: int) -> None:
        self.first, self.count = first, count

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.first + self.count))

    def __len__(self) -> int:
        return self.count


def _collate(examples: list[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    return tuple(torch.stack(field) for field in zip(*examples, strict=True))


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)

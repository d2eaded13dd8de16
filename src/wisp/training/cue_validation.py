"""Validation of networks that are given a segmentation, a trimap and a motion cue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wisp.data.cues import Cues, CueSamples, Unlabelled, as_at_inference
from wisp.data.datasets import Entry
from wisp.data.synthesis import Samples, Synthesis
from wisp.training.loader import Batch, batches, to_batch
from wisp.training.loop import Validation
from wisp.training.validation import SEED, calm, validate_alpha


def fixed_cue_examples(
    people: Sequence[Entry], scenes: Sequence[Path], synthesis: Synthesis, cues: Cues, count: int, batch: int
) -> list[Batch]:
    """Draw `count` samples for every validation: masks as at inference, half of the cues in motion."""
    samples = Samples(people, scenes, calm(synthesis), SEED)
    return _stored(CueSamples(samples, as_at_inference(cues)), count, batch)


def fixed_unlabelled(source: Unlabelled, count: int, batch: int) -> list[Batch]:
    """Draw `count` photos without labels for every validation."""
    return _stored(source, count, batch)


def _stored(source: CueSamples | Unlabelled, count: int, batch: int) -> list[Batch]:
    stored = batches(source, batch=batch, first=0, count=max(1, count // batch), workers=0)
    return [to_batch(tensors, torch.device("cpu")) for tensors in stored]


def validate_cues(
    predict: Callable[[Batch], Tensor], network: nn.Module, examples: Sequence[Batch], device: torch.device
) -> Validation:
    """Scores and sheet of `validate_alpha`.

    Args:
        predict: a batch on `device` → alpha (N, 1, S, S), [0, 1].
        network: what it runs.
        examples: labelled samples.
        device: where the network lies.
    """
    waiting: Iterator[Batch] = iter(examples)  # they are asked for in this order

    def alpha(_: Tensor) -> Tensor:
        return predict(on(next(waiting), device))

    return validate_alpha(alpha, network, examples, device)


def on(batch: Batch, device: torch.device) -> Batch:
    """A batch on another device."""
    if batch.image.device == device:
        return batch
    moved: dict[str, Any] = {name: x if x is None else x.to(device) for name, x in vars(batch).items()}
    return Batch(**moved)

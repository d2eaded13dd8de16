"""Validation that every alpha-predicting network shares: fixed held-out samples, scores and a sheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from wisp.core.arrays import Bytes
from wisp.data.augmentation import Appearance, Geometry
from wisp.data.datasets import Entry
from wisp.data.initial_alphas import InitialAlphas, WithInitialAlpha
from wisp.data.synthesis import Samples, Synthesis
from wisp.training import pictures
from wisp.training.loader import Batch, first_batches, on
from wisp.training.loop import Validation
from wisp.training.losses import weighted_mean
from wisp.training.pictures import to_bytes

CALM = Appearance(0, 1, 1, 0, 1, 0, (0, 0), (0, 0), (0, 100))
SEED = 20_260_101


def fixed_examples(
    people: Sequence[Entry],
    scenes: Sequence[Path],
    synthesis: Synthesis,
    count: int = 64,
    batch: int = 8,
    leads: InitialAlphas | None = None,
) -> list[Batch]:
    """Draw `count` samples for every validation: half real, half composites, an empty one in each batch.

    Colours are left alone and geometry is mild, so that scores say how well photos are cut, not how well the
    augmentation is undone. With `leads` they have initial alphas.
    """
    samples = Samples(people, scenes, calm(synthesis), SEED)
    return first_batches(samples if leads is None else WithInitialAlpha(samples, leads), count, batch)


def calm(synthesis: Synthesis) -> Synthesis:
    """Tame a synthesis for validation: mild geometry, one person each and their own colours."""
    return replace(
        synthesis,
        person=Geometry(zoom=(0.9, 1.1), rotation=0, shear=0, stretch=1, shift=0.05, flip=0),
        scene=Geometry(zoom=(1.6, 2.0), rotation=0, shear=0, stretch=1, shift=0, flip=0),
        look=CALM,
        camera=CALM,
        pair=0.0,
    )


def validate_alpha(
    predict: Callable[[Batch], Tensor],
    network: nn.Module,
    examples: Sequence[Batch],
    device: torch.device,
    shown: int = 12,
) -> Validation:
    """Scores of alphas against truth, each pixel counted as far as its label is trusted.

    Args:
        predict: a batch on `device` → alpha (N, 1, S, S) in [0, 1].
        network: what `predict` runs; put in evaluation mode meanwhile.
        examples: fixed samples.
        device: where the network lies.
        shown: rows of the sheet: image, truth, prediction, on green.

    Returns:
        ``mae`` (all), ``mae_composite`` (exact labels), ``mse``, ``bce`` (nats) and ``accuracy`` (share of
        pixels on the right side of 0.5).
    """
    was_training = network.training
    network.eval()
    sums: dict[str, list[float]] = {}
    rows: list[list[Bytes]] = []
    with torch.inference_mode():
        for batch in examples:
            prediction = predict(on(batch, device)).float().cpu()
            for index in range(len(prediction)):
                p, t, w = prediction[index], batch.alpha[index], batch.weight[index]
                subject = bool(t.any())
                scores = {
                    "mae": weighted_mean((p - t).abs(), w),
                    "mse": weighted_mean((p - t) ** 2, w),
                    "bce": weighted_mean(
                        functional.binary_cross_entropy(p.clamp(1e-6, 1 - 1e-6), t, reduction="none"), w
                    ),
                    "accuracy": weighted_mean(((p > 0.5) == (t > 0.5)).float(), w),
                }
                if bool(batch.exact[index]) and subject:
                    scores["mae_composite"] = scores["mae"]
                for name, value in scores.items():
                    sums.setdefault(name, []).append(float(value))
                if len(rows) < shown and index < 3:
                    rows.append(_row(batch.image[index], t, p))
    network.train(was_training)
    return Validation({name: float(np.mean(values)) for name, values in sums.items()}, pictures.sheet(rows))


def _row(image: Tensor, truth: Tensor, prediction: Tensor) -> list[Bytes]:
    photo, alpha = to_bytes(image.permute(1, 2, 0)), to_bytes(prediction[0])
    return [photo, to_bytes(truth[0]), alpha, pictures.on_green(photo, alpha)]

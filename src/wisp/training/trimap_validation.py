"""Validation of networks that are given a trimap: fixed held-out samples, scores over the unknown part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from wisp.core.arrays import Bytes
from wisp.data.datasets import Entry
from wisp.data.trimap_samples import Cropping, TrimapSamples
from wisp.training import pictures
from wisp.training.loader import Batch, first_batches, on
from wisp.training.loop import Validation
from wisp.training.pictures import to_bytes
from wisp.training.validation import CALM, SEED

PROCEDURAL, PHOTOS = "procedural", "photos"


def fixed_trimap_examples(
    cutouts: Sequence[Entry],
    scenes: Sequence[Path],
    cropping: Cropping,
    count: int = 32,
    batch: int = 8,
    *,
    procedural: bool = True,
) -> dict[str, list[Batch]]:
    """Draw the samples of every validation: `count` of procedural foregrounds, `count` of photographed ones.

    Colours are left alone and geometry is mild; trimaps are as wide as in training.

    Args:
        cutouts: held-out photos; the second kind is left out where there are none.
        scenes: held-out photos without people.
        cropping: as in training.
        count: samples of each kind.
        batch: samples a batch.
        procedural: whether there are procedural ones where there are photographed ones.
    """
    mild = replace(cropping, rotation=0.0, shear=0.0, stretch=1.0, pair=0.0, contrast=1.0, islands=0.0)
    calm = replace(mild, look=CALM, camera=CALM, uses=1)
    shares = {PROCEDURAL: 1.0, PHOTOS: 0.0} if cutouts else {PROCEDURAL: 1.0}
    if cutouts and not procedural:
        del shares[PROCEDURAL]
    examples = {}
    for kind, share in shares.items():
        source = TrimapSamples(cutouts, scenes, replace(calm, procedural=share), SEED)
        examples[kind] = first_batches(source, count, batch)
    return examples


def validate_unknown(
    predict: Callable[[Batch], Tensor],
    network: nn.Module,
    examples: Mapping[str, Sequence[Batch]],
    device: torch.device,
    shown: int = 6,
) -> Validation:
    """Scores of alphas against truth over the unknown part.

    Args:
        predict: a batch on `device` → alpha (N, 1, S, S) in [0, 1].
        network: what `predict` runs; put in evaluation mode meanwhile.
        examples: fixed samples by kind.
        device: where the network lies.
        shown: rows of the sheet of each kind: image, trimap, truth, prediction, on green.

    Returns:
        ``sad`` (sum of absolute differences over 1000, mean of the samples), ``mse`` and ``mae`` (means over
        unknown pixels, then of the samples), and ``sad_KIND`` of each kind.
    """
    was_training = network.training
    network.eval()
    found: dict[str, list[float]] = {"sad": [], "mse": [], "mae": []}
    rows: list[list[Bytes]] = []
    with torch.inference_mode():
        for kind, kept in examples.items():
            left, name = shown, f"sad_{kind}"
            found[name] = []
            for batch in kept:
                alphas = predict(on(batch, device)).float().cpu()
                for index, alpha in enumerate(alphas):
                    difference = (alpha - batch.alpha[index])[batch.weight[index] > 0.5]
                    sad = float(difference.abs().sum()) / 1000
                    count = max(1, difference.numel())
                    found["sad"].append(sad)
                    found[name].append(sad)
                    found["mae"].append(1000 * sad / count)
                    found["mse"].append(float((difference**2).sum()) / count)
                    if left:
                        left -= 1
                        rows.append(_row(batch, index, alpha))
    network.train(was_training)
    scores = {name: float(np.mean(values)) for name, values in found.items()}
    return Validation(scores, pictures.sheet(rows))


def _row(batch: Batch, index: int, alpha: Tensor) -> list[Bytes]:
    assert batch.trimap is not None
    photo, matte = to_bytes(batch.image[index].permute(1, 2, 0)), to_bytes(alpha[0])
    trimap, truth = to_bytes(batch.trimap[index, 0]), to_bytes(batch.alpha[index, 0])
    return [photo, trimap, truth, matte, pictures.on_green(photo, matte)]

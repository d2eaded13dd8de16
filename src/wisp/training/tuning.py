"""How a family's networks are tuned on photos of one's own: what `wisp.training.finetuning` needs of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from wisp.core.arrays import Alpha, Image
from wisp.core.errors import InputError
from wisp.data.datasets import Entry
from wisp.data.synthesis import Kind
from wisp.engine.families.segmenter import segment
from wisp.training.loop import Task
from wisp.training.masks import coarsen

SLOWER: Final = 0.3
"""The learning rates, as a share of the recipe's."""


@dataclass(frozen=True)
class Photos:
    """Photos of a fine-tuning: the user's, and those that the network knows already.

    Attributes:
        kept: the user's photos to train on.
        held_out: those to measure on.
        scenes: photos without a subject, to set cut-outs on; may be empty.
        known: photos of what the network knows already; may be empty.
        known_scenes: photos without a subject, as the network knows them.
    """

    kept: Sequence[Entry]
    held_out: Sequence[Entry]
    scenes: Sequence[Path] = ()
    known: Sequence[Entry] = ()
    known_scenes: Sequence[Path] = ()


@dataclass(frozen=True)
class Tuning:
    """How long, how fast, how much of it.

    Attributes:
        freeze: what keeps its weights, a key of `wisp.training.freezing.LEVELS`.
        steps: optimiser steps.
        batch: samples a step.
        size: side of the samples, pixels; the recipe's when None.
        rate: learning rate of the new layers; a share of the recipe's (`SLOWER`) when None.
        replay: share of the samples that come from what the network knows already.
        seed: of everything random.
        segmenter: of networks that are given a mask, where coarse masks come from; the true alphas when None.
        folds: in how many parts the photos are held out one after the other, at least 2; 0 holds
            `Photos.held_out` out, once.
        keep: share of the old weights that the result keeps (Wortsman et al. 2022, "Robust Fine-Tuning of
            Zero-Shot Models"): it forgets less, and learns less.
    """

    freeze: str = "none"
    steps: int = 150
    batch: int = 8
    size: int | None = None
    rate: float | None = None
    replay: float = 0.5
    seed: int = 0
    segmenter: str | None = None
    keep: float = 0.0
    folds: int = 0


Cut: TypeAlias = Callable[[Image, Alpha, Path, Tuning], Alpha]
"""Photo, its true alpha (for guidance alone), the exported file, the options → alpha."""


@dataclass(frozen=True)
class Tuner:
    """One family.

    Attributes:
        task: the recipe as its file keeps it, the photos and the options → the task, its network at random.
        cut: how a photo is cut out by the network itself.
        method: of `wisp cutout`, by which a user has it.
        answer: alpha's logits (N, 1, S, S) of a network that sees the image alone, from the bare network and
            images (N, 3, S, S): what it is to remember (`Remembered`); None where it sees more.
        beside: further networks of the run, as `wisp.training.recipes.NETWORKS` calls them, each in a file of
            its own beside the main one.
        masked: whether it is given a coarse mask, so that `Tuning.segmenter` has an effect.
    """

    task: Callable[[Mapping[str, Any], Photos, Tuning], Task]
    cut: Cut
    method: str
    answer: Callable[[nn.Module, Tensor], Tensor] | None = None
    beside: Sequence[str] = ()
    masked: bool = False


def adapt(recipe: Any, photos: Photos, tuning: Tuning, **changes: Any) -> Any:
    """A recipe for a short, slow run; what its network is made of stays.

    Args:
        recipe: a frozen dataclass with a rate, a schedule and a synthesis.
        photos: whether there are scenes decides on the kinds of samples.
        tuning: how long, how fast, of which size.
        changes: further fields to replace.
    """
    steps = tuning.steps
    schedule = replace(
        recipe.schedule,
        steps=steps,
        batch=tuning.batch,
        warm_up=max(1, steps // 15),
        final=0.05,
        clip=3.0,
        average=0.98,
        validate_every=steps,
        checkpoint_every=steps,
        seed=tuning.seed,
        patience=None,
    )
    rate = recipe.rate * SLOWER if tuning.rate is None else tuning.rate
    if hasattr(recipe, "encoder_rate"):
        changes["encoder_rate"] = recipe.encoder_rate * rate / recipe.rate
    synthesis = recipe.synthesis
    if tuning.size is not None:
        synthesis = replace(synthesis, size=tuning.size)
    if hasattr(synthesis, "kinds"):
        synthesis = replace(synthesis, kinds=_kinds(photos))
    return replace(recipe, rate=rate, schedule=schedule, synthesis=synthesis, **changes)


def _kinds(photos: Photos) -> tuple[Kind, ...]:
    """Photos as they are, and where there is something to set them on, composites and empty scenes, too."""
    if not photos.scenes:
        return ("real",)
    return ("composite", "real", "composite", "real", "composite", "real", "composite", "real", "empty")


def answer(network: nn.Module, image: Tensor) -> Tensor:
    """Alpha's logits of a network that answers with nothing else, (N, 3, S, S) → (N, 1, S, S)."""
    logits: Tensor = network(image)
    return logits


def coarse_mask(image: Image, truth: Alpha, tuning: Tuning) -> Alpha:
    """The coarse mask that a network is given: the segmenter's, or the true alpha made coarse."""
    if tuning.segmenter is not None:
        return segment(image, model=_segmenting(tuning.segmenter))
    height, width = truth.shape
    padded = np.pad(truth, ((0, -height % 4), (0, -width % 4)), mode="edge")
    coarse: Tensor = coarsen(torch.from_numpy(padded)[None, None])
    return np.ascontiguousarray(coarse[0, 0, :height, :width].clamp(0, 1).numpy())


def _segmenting(name_or_file: str) -> str:
    if Path(name_or_file).suffix == ".pt":
        accepted = "the name of a segmenter or its ONNX file (wisp export) is accepted"
        raise InputError(name_or_file, "cannot cut out photos", accepted)
    return name_or_file

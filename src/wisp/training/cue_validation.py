"""Fixed samples to validate on, of packed photos and of networks that are given cues beside the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from wisp.data.cues import CueExample, Cues, CueSamples, as_at_inference
from wisp.data.datasets import Entry
from wisp.data.matting_samples import MattingSamples, MattingSynthesis
from wisp.data.packed import Pack
from wisp.data.packed_cues import packed_cues
from wisp.data.subject_samples import Kind, SubjectMix
from wisp.data.synthesis import Example, Samples, Synthesis
from wisp.training.loader import Batch, first_batches, stack, to_batch
from wisp.training.validation import SEED, calm


def fixed_cue_examples(
    people: Sequence[Entry], scenes: Sequence[Path], synthesis: Synthesis, cues: Cues, count: int, batch: int
) -> list[Batch]:
    """Draw `count` samples for every validation: masks as at inference, half of the cues in motion."""
    samples = Samples(people, scenes, calm(synthesis), SEED)
    return first_batches(CueSamples(samples, as_at_inference(cues)), count, batch)


def fixed_packed_examples(
    pack: Pack, synthesis: MattingSynthesis, count: int, cues: Cues | None = None
) -> list[Batch]:
    """Draw `count` composites of packed photos for every validation, every fourth of several subjects.

    With `cues` they have masks, trimaps and motion cues, too, masks as at inference.
    """
    mix = SubjectMix(single=0.6, several=0.2, held=0.2, turned=0.0, degraded=0.0)
    samples = MattingSamples(pack, replace(synthesis, mix=mix), batch=8, steps=1)
    size = (synthesis.size, synthesis.size)
    kinds: tuple[Kind, ...] = ("single", "single", "single", "several")
    found: list[Batch] = []
    for number in range(max(1, count // 8)):
        made: list[Example | CueExample] = []
        for place in range(8):
            rng = np.random.default_rng((77, number, place))
            example = samples.example(rng, size, kinds[place % 4])
            made.append(example if cues is None else packed_cues(example, rng, as_at_inference(cues)))
        found.append(to_batch(stack(made), torch.device("cpu")))
    return found

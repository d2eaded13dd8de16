"""The tables of the report "Background Image Matting": what pre-training and freezing do for a U-Net.

Li, Miao, Hu, Cao, Jin, tables 1 and 2. Every network is trained on the same hundred photos, watches the same
held-out ones to stop early, and is scored on others. Pre-training comes first: on general things, then, from
there, on people who are not among the hundred; fine-tuning starts from either.

Deviations: the report pre-trains on Pascal VOC and on a set of people that are not here; composites of
procedural foregrounds and this corpus's other people stand for them, unless ``general`` photos are given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn
from torch.optim import AdamW, Optimizer

from wisp.core.errors import InputError
from wisp.data.datasets import Entry, some
from wisp.data.single_image import fitted
from wisp.evaluation.protocols import PROTOCOLS, Report
from wisp.lab.ablation import Ablation, Row, Table
from wisp.training.loop import Schedule
from wisp.training.recipes.segmenter import SegmenterRecipe
from wisp.training.recipes.segmenter import network as deeplab
from wisp.training.recipes.unet import SIMPLE, STANDARD, UNetRecipe, UNetTask

COLUMNS: Final = (("bce", "cross-entropy", 1.0), ("accuracy", "accuracy", 1.0))
WATCHED: Final = 16
"""Held-out photos that early stopping looks at; the others are scored."""

FREEZING: Final = Table(
    "Layers frozen while fine-tuning (table 1)",
    (
        Row("all but the last", "people-all-but-last", (0.3613, 0.8214)),
        Row("first two", "people-first-two", (0.3202, 0.8527)),
        Row("first", "people-first", (0.3013, 0.8814)),
        Row("none", "people-none", (0.2710, 0.9123)),
    ),
)
MODELS: Final = Table(
    "Networks and pre-training (table 2)",
    (
        Row("simplified U-Net", "simplified", (0.5419, 0.7227)),
        Row("U-Net", "standard", (0.3602, 0.8328)),
        Row("U-Net, pre-trained on general things", "general-none", (0.3213, 0.8814)),
        Row("U-Net, pre-trained on people", "people-none", (0.2710, 0.9123)),
        Row("MobileNetV2/DeepLab", "deeplab", (0.1183, 0.9565)),
    ),
)


@dataclass(frozen=True)
class UNetAblation:
    """Photos, steps and recipes that all variants of the U-Nets' ablation share.

    Attributes:
        photos: how many photos the networks are trained on.
        general_steps: of the first pre-training.
        people_steps: of the second.
        fine_steps: of fine-tuning after either, at most; as many as from scratch when None.
        deeplab: the recipe of the network of MobileNetV2; its rates and width count.
        recipe: of the U-Nets; the simplified one has the report's dropout.
    """

    photos: int = 100
    general_steps: int = 1250
    people_steps: int = 2500
    fine_steps: int | None = None
    deeplab: SegmenterRecipe = field(default_factory=SegmenterRecipe)
    recipe: UNetRecipe = field(default_factory=UNetRecipe)


class UNetTrial(UNetTask):
    """One variant: a U-Net, scored on photos that it has never seen.

    Args:
        scored: photos to score on; the other arguments are those of `UNetTask`.
    """

    def __init__(
        self,
        recipe: UNetRecipe,
        photos: Sequence[Entry],
        scenes: Sequence[Path],
        held_out: Sequence[Entry],
        held_out_scenes: Sequence[Path],
        start: str | Path | None = None,
        *,
        scored: Sequence[Entry],
    ) -> None:
        super().__init__(recipe, photos, scenes, held_out, held_out_scenes, start)
        self._scored = scored

    def measure(self, network: nn.Module, device: torch.device) -> Report:
        """Cross-entropy and accuracy in the network's own square, by photo."""
        images = {}
        for entry in self._scored:
            example = fitted(entry, self.recipe.synthesis)
            with torch.inference_mode():
                image = torch.from_numpy(example.image)[None].to(device).float() / 255
                mask = torch.sigmoid(network(image).float())[0, 0].cpu().numpy().astype(np.float64)
            truth = example.alpha[0].astype(np.float64) / 255
            images[entry.name] = {
                name: metric(mask, truth, None) for name, metric in PROTOCOLS["segmentation"].items()
            }
        return Report("whole", images)


class DeepLabTrial(UNetTrial):
    """DeepLabV3+ on MobileNetV2 in a U-Net's place: same photos, same squares, same loss.

    Args:
        deeplab: its recipe.
        encoder_weights: as in `wisp.training.recipes.segmenter.network`.
    """

    def __init__(
        self,
        recipe: UNetRecipe,
        *photos: Any,
        scored: Sequence[Entry],
        deeplab_recipe: SegmenterRecipe,
        encoder_weights: Path | None,
    ) -> None:
        super().__init__(recipe, *photos, scored=scored)
        self._deeplab = deeplab_recipe
        torch.manual_seed(self.recipe.schedule.seed)
        self.networks = {self.recipe.network: deeplab(deeplab_recipe, encoder_weights)}

    def optimisers(self, networks: Mapping[str, nn.Module]) -> Mapping[str, Optimizer]:
        """AdamW; the encoder learns more slowly."""
        parts: dict[bool, list[nn.Parameter]] = {True: [], False: []}
        for name, parameter in networks[self.recipe.network].named_parameters():
            parts["encoder." in name].append(parameter)
        recipe = self._deeplab
        groups = [
            {"params": parts[False], "lr": recipe.rate},
            {"params": parts[True], "lr": recipe.encoder_rate},
        ]
        return {self.recipe.network: AdamW(groups, weight_decay=recipe.decay, fused=True)}


def watched_and_scored(held_out: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """The held-out photos that early stopping looks at, and the others."""
    watched = some(held_out, max(1, min(WATCHED, len(held_out) // 2)))
    seen = {entry.name for entry in watched}
    return watched, [entry for entry in held_out if entry.name not in seen]


def unet_ablation(
    shared: UNetAblation,
    people: Sequence[Entry],
    scenes: Sequence[Path],
    held_out: Sequence[Entry],
    held_out_scenes: Sequence[Path],
    out: Path,
    *,
    general: Sequence[Entry] = (),
    encoder_weights: Path | None = None,
) -> Ablation:
    """Set up the ablations of the U-Net paper's tables 1 and 2 for `wisp.lab.ablation.ablate`.

    Args:
        shared: what all variants share.
        people: training photos; `UNetAblation.photos` of them are trained on, the others pre-trained on.
        scenes: photos without people.
        held_out: photos to watch and to score on.
        held_out_scenes: photos without people, for validation of the general pre-training.
        out: folder of the run, where pre-trained weights are found again.
        general: photos of things of every kind; procedural composites when empty.
        encoder_weights: MobileNetV2's start.

    Raises:
        InputError: fewer photos than are to be trained on, or fewer than two are held out.
    """
    few = some(people, shared.photos)
    names = {entry.name for entry in few}
    others = [entry for entry in people if entry.name not in names]
    watched, scored = watched_and_scored(held_out)
    if not scored:
        problem = f"has {len(held_out)} held-out photo"
        accepted = "two or more are accepted, one to stop by and one to score on; a tenth is held out"
        raise InputError("--data", problem, accepted)
    base = shared.recipe

    def trial(
        recipe: UNetRecipe,
        photos: Sequence[Entry] = few,
        start: str | None = None,
        kind: Callable[..., UNetTrial] = UNetTrial,
    ) -> UNetTrial:
        begin = None if start is None else out / start / "best.pt"
        return kind(recipe, photos, scenes, watched, held_out_scenes, begin, scored=scored)

    def longer(steps: int) -> Schedule:
        return replace(base.schedule, steps=steps, patience=None, validate_every=max(1, steps // 4))

    broad = replace(base.synthesis, general=0.0 if general else 1.0)
    first = replace(base, synthesis=broad, schedule=longer(shared.general_steps))
    second = replace(base, schedule=longer(shared.people_steps))
    simple = replace(base, network=SIMPLE, dropout=(0.1, 0.2))
    fine = base
    if shared.fine_steps is not None:
        fine = replace(base, schedule=replace(base.schedule, steps=shared.fine_steps))
    lab = partial(DeepLabTrial, deeplab_recipe=shared.deeplab, encoder_weights=encoder_weights)
    trials: dict[str, Callable[[], UNetTrial]] = {
        "deeplab": partial(trial, replace(base, network=STANDARD), kind=lab),
        "simplified": partial(trial, simple),
        "standard": partial(trial, base),
        "general": partial(trial, first, general),
        "people": partial(trial, second, others, "general"),
        "general-none": partial(trial, fine, start="general"),
    }
    for level in ("none", "first", "first-two", "all-but-last"):
        trials[f"people-{level}"] = partial(trial, replace(fine, freeze=level), start="people")
    size = base.synthesis.size
    return Ablation(
        trials=trials,
        tables=(FREEZING, MODELS),
        reference="people-none",
        settings={
            "network": "unet",
            **asdict(shared),
            "people": len(people),
            "held_out": len(held_out),
            "general": len(general),
            "encoder": None if encoder_weights is None else encoder_weights.name,
        },
        scored=f"{len(scored)} held-out photos at {size}×{size}; trained on {len(few)} photos, "
        f"U-Nets of width {base.width}, at most {base.schedule.steps} steps of {base.schedule.batch}, "
        f"{fine.schedule.steps} after pre-training for {shared.general_steps} on general things and "
        f"{shared.people_steps} on people",
        groups={entry.name: entry.subject or entry.name for entry in held_out},
        columns=COLUMNS,
    )

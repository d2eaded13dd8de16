"""What a network is quantised and judged on: its inputs as they come at inference, and the truth beside them.

Samples are those of validation (`wisp.training.validation.fixed_examples`): photos and composites, mild
geometry, their own colours, and scenes without people; with the initial alphas of `wisp.data.initial_alphas`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from wisp.core.arrays import Float
from wisp.core.errors import InputError
from wisp.data import datasets, layouts
from wisp.data.initial_alphas import InitialAlphas
from wisp.data.synthesis import Synthesis
from wisp.networks.portrait import border_cells, gather_patches
from wisp.training import validation
from wisp.training.loader import Batch
from wisp.training.masks import MaskDamage, coarsen, damage_mask

SAMPLES: Final = 16
"""To calibrate with, an eighth of them without people. More of them show wider ranges, and coarser steps."""
HELD_OUT: Final = 64
"""To judge by."""
PATCHES: Final = 16
"""Patches of a sample, at most, for networks that see patches."""
REDUCTION: Final = 2
"""Alpha is shrunk and enlarged by this before it is cut into patches, as in large photos."""


@dataclass(frozen=True)
class Case:
    """One run of a network.

    Attributes:
        inputs: by name, float32 (N, C, H, W).
        truth: alpha, float32 (N, 1, H, W), [0, 1].
        weight: how far it is trusted, like it.
        base: what the network's output is added to, like it; 0 where the output is the alpha itself.
    """

    inputs: Mapping[str, Float]
    truth: Float
    weight: Float
    base: Float | float = 0.0


CaseMaker: TypeAlias = Callable[[nn.Module, Batch], list[Case]]
"""The bare network and a batch of samples → its runs, one a sample."""


def samples(
    data: Sequence[Path], *, names: Path | None = None, backgrounds: Path | None = None, count: int = SAMPLES
) -> tuple[list[Batch], list[Batch]]:
    """Samples of the training photos, to calibrate with, and of those held out, to judge by.

    Args:
        data: as `wisp.data.layouts.split_folders` takes it.
        names: file with the names of the photos to take; None for all.
        backgrounds: photos without people; ``backgrounds/`` in the first folder when None.
        count: how many to calibrate with, a multiple of 8; `HELD_OUT` are held out.

    Raises:
        InputError: as `split_folders` and `wisp.data.datasets.backgrounds`; or a bad `count`.
    """
    if count < 8 or count % 8:
        raise InputError("--samples", f"is {count}", "a multiple of 8 is accepted")
    people, held_out = layouts.split_folders(data, names=names)
    scenes, held_out_scenes = datasets.hold_out(datasets.backgrounds(backgrounds or data[0] / "backgrounds"))
    synthesis = Synthesis()
    return (
        validation.fixed_examples(people, scenes, synthesis, count, leads=InitialAlphas()),
        validation.fixed_examples(held_out, held_out_scenes, synthesis, HELD_OUT, leads=InitialAlphas()),
    )


def cases(make: CaseMaker, network: nn.Module, batches: Sequence[Batch]) -> list[Case]:
    """The runs of a network over all batches; the same ones every time, whatever `make` draws at random."""
    network.eval()
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(validation.SEED)
        return [case for batch in batches for case in make(network, batch)]


def mask_cases(_: nn.Module, batch: Batch) -> list[Case]:
    """Image → mask."""
    return [
        Case({"image": _array(batch.image[i])}, _array(batch.alpha[i]), _array(batch.weight[i]))
        for i in _each(batch)
    ]


def alpha_cases(_: nn.Module, batch: Batch) -> list[Case]:
    """Image and initial alpha, or the true one's coarse mask where samples have none → alpha."""
    masks = damage_mask(coarsen(batch.alpha), MaskDamage()) if batch.mask is None else batch.mask
    return [
        Case(
            {"image": _array(batch.image[i]), "mask": _array(masks[i])},
            _array(batch.alpha[i]),
            _array(batch.weight[i]),
        )
        for i in _each(batch)
    ]


def patch_cases(portrait: nn.Module, batch: Batch) -> list[Case]:
    """Patches of image and of the generator's alpha → what to add to alpha."""
    masks = damage_mask(coarsen(batch.alpha), MaskDamage())
    alpha = torch.sigmoid(portrait.get_submodule("generator")(batch.image, masks).float())
    size = alpha.shape[2:]
    shrunk = functional.avg_pool2d(alpha, REDUCTION)
    alpha = functional.interpolate(shrunk, size=size, mode="bilinear", align_corners=False)
    found = []
    for i in _each(batch):
        cells = border_cells(alpha[i][None])
        if len(cells):
            cells = cells[torch.randperm(len(cells))[:PATCHES]]
            image, coarse, truth, weight = (
                gather_patches(x[i][None], cells).contiguous().numpy()
                for x in (batch.image, alpha, batch.alpha, batch.weight)
            )
            found.append(Case({"image": image, "alpha": coarse}, truth, weight, coarse))
    return found


def _each(batch: Batch) -> range:
    return range(len(batch.image))


def _array(sample: Tensor) -> Float:
    """(C, H, W) → (1, C, H, W)."""
    array: Float = sample[None].contiguous().numpy()
    return array

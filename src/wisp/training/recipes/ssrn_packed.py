"""SSRN's compact generator on packed photos of people and things, beside the compact DLMN-G.

wisp train ssrn --recipe packed --data corpus --dlmn runs/dlmn/last.pt -o runs/ssrn
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import nn

from wisp.core.errors import InputError
from wisp.data.matting_samples import MattingSamples
from wisp.data.packed import Pack
from wisp.data.packed_cues import PackedCues, PackedPhotos
from wisp.networks.dlmn import DLMN
from wisp.networks.portrait import MobileContentEncoder
from wisp.training.cue_validation import fixed_packed_examples
from wisp.training.freezing import freeze_batch_norm
from wisp.training.loader import first_batches
from wisp.training.recipes.ssrn import NETWORK, PackedRecipe, SSRNTask


class PackedTask(SSRNTask):
    """The compact generator on packed photos, for `wisp.training.loop.fit`.

    Args:
        recipe: with labels or without.
        photos: packed training photos, groups ``people``, ``things``, ``cutouts`` and ``scenes``.
        held_out: packed photos to validate on.
        dlmn: as `SSRNTask` takes it: the compact network.
        start: as `SSRNTask` takes it.
    """

    def __init__(
        self,
        recipe: PackedRecipe,
        photos: Pack,
        held_out: Pack,
        *,
        dlmn: str | Path,
        start: str | Path | None = None,
    ) -> None:
        count = recipe.examples
        self._begin(
            recipe,
            _source(recipe, photos, recipe.schedule.seed),
            partial(fixed_packed_examples, held_out, recipe.synthesis, count, recipe.cues),
            lambda: first_batches(_source(recipe, held_out, 1), count, min(count, 8)),
            dlmn,
            None,
            start,
        )
        if start is None:
            _begin_as(self.networks[NETWORK].get_submodule("encoder.encoder"), self._dlmn, dlmn)


def _source(recipe: PackedRecipe, photos: Pack, seed: int) -> PackedCues | PackedPhotos:
    schedule = recipe.schedule
    samples = MattingSamples(photos, recipe.synthesis, batch=schedule.batch, steps=schedule.steps, seed=seed)
    return (PackedPhotos if recipe.unlabelled else PackedCues)(samples, recipe.cues)


def _begin_as(encoder: nn.Module, dlmn: nn.Module, name: str | Path) -> None:
    """Give SSRN's encoder the weights of DLMN-G's, which sees the image alone."""
    if not (isinstance(dlmn, DLMN) and isinstance(dlmn.image, MobileContentEncoder)):
        raise InputError(
            name, "is not the compact network", "one of wisp train dlmn --recipe packed is accepted"
        )
    state = dict(dlmn.image.encoder.state_dict())
    first = "features.0.0.weight"
    wide = torch.zeros_like(encoder.state_dict()[first])
    wide[:, :3] = state[first]
    encoder.load_state_dict({**state, first: wide})
    freeze_batch_norm(encoder)

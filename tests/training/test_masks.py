"""Coarse masks: what is lost, and how they are damaged."""

import pytest
import torch

from wisp.training import masks as module
from wisp.training.masks import MaskDamage, coarsen, damage_mask


def disc(size=64):
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    return (size / 4 - torch.hypot(y - size / 2, x - size / 2)).clamp(0, 1)[None, None]


def test_coarse_mask_of_an_alpha_loses_its_details():
    hair = torch.zeros(1, 1, 64, 64)
    hair[..., 10] = 1
    assert not coarsen(hair).any()
    both = coarsen(disc())
    assert (both - disc()).abs().mean() < 0.03


def test_damage_is_bounded_random_and_repeatable():
    masks = disc().expand(16, -1, -1, -1)
    torch.manual_seed(0)
    first = damage_mask(masks, MaskDamage())
    torch.manual_seed(0)
    assert torch.equal(first, damage_mask(masks, MaskDamage()))
    assert first.shape == masks.shape
    assert 0 <= first.min() <= first.max() <= 1
    changed = [(a - b).abs().mean().item() for a, b in zip(first, masks, strict=True)]
    assert sum(value == 0 for value in changed) >= 1  # some are kept
    assert len({value for value in changed if value}) >= 8  # the others differ from each other
    assert max(changed) < 0.3
    assert torch.equal(damage_mask(masks, MaskDamage(kept=1)), masks)


@pytest.mark.parametrize("sign", [1, -1])
def test_damage_grows_and_shrinks(sign, monkeypatch):
    monkeypatch.setattr(module, "_uniform", lambda low, high: high if sign > 0 else low)
    grown = damage_mask(disc(), MaskDamage(kept=0, blur=0, shift=0, grow=0.1, patch=0))
    assert sign * (grown.sum() - disc().sum()) > 0.2 * disc().sum()


def test_damage_moves(monkeypatch):
    monkeypatch.setattr(module, "_uniform", lambda low, high: high)
    moved = damage_mask(disc(), MaskDamage(kept=0, blur=0, shift=0.125, grow=0, patch=0))
    centre = (moved[0, 0] * torch.arange(64.0)).sum() / moved.sum()
    assert centre == pytest.approx(32 + 8, abs=0.6)

"""Losses as pure functions of (N, 1, H, W) tensors; each is a mean over the trusted pixels.

A training step names its terms: see `wisp.training.loop.Terms`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean of `values` under `weight`, both (N, C, H, W) or broadcast to it; 0 where nothing is trusted."""
    weight = weight.expand_as(values)
    return (values * weight).sum() / weight.sum().clamp_min(1e-6)


def l1(prediction: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Mean absolute difference of two alphas in [0, 1]."""
    return weighted_mean((prediction - truth).abs(), weight)


def binary_cross_entropy(logits: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy in nats between a soft truth in [0, 1] and the sigmoid of `logits`."""
    return weighted_mean(functional.binary_cross_entropy_with_logits(logits, truth, reduction="none"), weight)


def laplacian_pyramid(prediction: Tensor, truth: Tensor, weight: Tensor, levels: int = 5) -> Tensor:
    """L1 between Laplacian pyramids, level l weighted 2^l.

    Source: Hou and Liu 2019, "Context-Aware Image Matting", section 3.3 (5 levels).
    H and W are at least 2^levels.
    """
    total = prediction.new_zeros(())
    p, t, w = prediction, truth, weight
    for level in range(levels):
        p_next, t_next, w_next = (functional.avg_pool2d(_blur(x), 2) for x in (p, t, w))
        band_p = p - _upsample(p_next, p)
        band_t = t - _upsample(t_next, t)
        total = total + 2.0**level * weighted_mean((band_p - band_t).abs(), w)
        p, t, w = p_next, t_next, w_next
    return total / sum(2.0**level for level in range(levels))


def _blur(x: Tensor) -> Tensor:
    """Binomial 5×5 (1 4 6 4 1) with replicated borders, a channel at a time."""
    line = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], dtype=x.dtype, device=x.device) / 16
    kernel = (line[:, None] * line[None, :]).expand(x.shape[1], 1, 5, 5)
    return functional.conv2d(functional.pad(x, (2, 2, 2, 2), mode="replicate"), kernel, groups=x.shape[1])


def _upsample(x: Tensor, reference: Tensor) -> Tensor:
    return functional.interpolate(x, size=reference.shape[2:], mode="bilinear", align_corners=False)

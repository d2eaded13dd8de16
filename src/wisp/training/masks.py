"""Coarse masks to train with: a segmenter's, or an alpha made coarse, and the damage that both are given.

Everything works on tensors on their own device and draws from torch's generator.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class MaskDamage:
    """How coarse masks are damaged in training; each with its own chance, lengths as shares of the height.

    Attributes:
        kept: chance that a mask stays as it is.
        blur: largest deviation of a Gaussian.
        shift: largest shift either way.
        grow: largest radius of a dilation or an erosion.
        patch: chance that a rectangle is lost or made up.
    """

    kept: float = 0.25
    blur: float = 0.02
    shift: float = 0.02
    grow: float = 0.025
    patch: float = 0.15


def coarsen(alpha: Tensor) -> Tensor:
    """A segmentation of the true alpha: thresholded at a quarter of the resolution and enlarged again.

    Args:
        alpha: (N, 1, H, W), H and W multiples of 4.

    Returns:
        (N, 1, H, W), soft only where it was enlarged.
    """
    small = (functional.avg_pool2d(alpha, 4) > 0.5).to(alpha.dtype)
    return functional.interpolate(small, scale_factor=4, mode="bilinear", align_corners=False)


def segment(segmenter: nn.Module, image: Tensor, longest: int) -> Tensor:
    """The segmenter's soft mask of a batch, seen at reduced size.

    Args:
        segmenter: image → logits.
        image: (N, 3, H, W), [0, 1].
        longest: the longer side it is shrunk to, never enlarged; sides become multiples of 32.

    Returns:
        (N, 1, H, W), [0, 1].
    """
    height, width = image.shape[2:]
    factor = min(1.0, longest / max(height, width))
    size = [max(32, round(side * factor / 32) * 32) for side in (height, width)]
    small = functional.interpolate(image, size=size, mode="bilinear", align_corners=False, antialias=True)
    mask = torch.sigmoid(segmenter(small).float())
    return functional.interpolate(mask, size=(height, width), mode="bilinear", align_corners=False)


def damage_mask(mask: Tensor, damage: MaskDamage) -> Tensor:
    """Masks as a worse segmenter would give them, each sample with damage of its own (torch's generator).

    Args:
        mask: (N, 1, H, W), [0, 1], H and W multiples of 4.
        damage: how much.

    Returns:
        (N, 1, H, W), [0, 1].
    """
    samples = [sample if _chance(damage.kept) else _damaged(sample[None], damage)[0] for sample in mask]
    return torch.stack(samples)


def _damaged(mask: Tensor, damage: MaskDamage) -> Tensor:
    """One mask (1, 1, H, W), at a quarter of its resolution."""
    x = functional.avg_pool2d(mask, 4)
    height, width = x.shape[2:]
    radius = round(_uniform(-damage.grow, damage.grow) * height)
    if radius:
        side = 2 * abs(radius) + 1
        sign = 1 if radius > 0 else -1
        x = sign * functional.max_pool2d(sign * x, side, 1, abs(radius))
    dy, dx = (round(_uniform(-damage.shift, damage.shift) * height) for _ in range(2))
    margin = max(abs(dy), abs(dx))
    padded = functional.pad(x, (margin, margin, margin, margin), mode="replicate")
    x = padded[:, :, margin - dy : margin - dy + height, margin - dx : margin - dx + width]
    if _chance(damage.patch):
        h, w = (max(1, round(_uniform(0.05, 0.25) * side)) for side in (height, width))
        top, left = int(_uniform(0, height - h)), int(_uniform(0, width - w))
        x = x.clone()
        x[:, :, top : top + h, left : left + w] = float(_chance(0.5))
    sigma = _uniform(0, damage.blur) * height
    if sigma > 0.2:
        x = _gaussian(x, sigma)
    return functional.interpolate(x, scale_factor=4, mode="bilinear", align_corners=False)


def _gaussian(x: Tensor, sigma: float) -> Tensor:
    reach = max(1, round(3 * sigma))
    place = torch.arange(-reach, reach + 1, dtype=x.dtype, device=x.device)
    line = torch.exp(-0.5 * (place / sigma) ** 2)
    line = line / line.sum()
    x = functional.pad(x, (reach, reach, reach, reach), mode="replicate")
    with torch.autocast(x.device.type, enabled=False):
        return functional.conv2d(functional.conv2d(x, line.view(1, 1, 1, -1)), line.view(1, 1, -1, 1)).clamp(
            0, 1
        )


def _uniform(low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand(()))


def _chance(probability: float) -> bool:
    return float(torch.rand(())) < probability

"""Layers that several networks are built of; none has parameters of its own name."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn
from torch.nn import functional


def conv(
    inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1, instance: bool = False
) -> nn.Sequential:
    """Convolution, batch norm or instance norm, ReLU."""
    norm = nn.InstanceNorm2d(outputs, affine=True) if instance else nn.BatchNorm2d(outputs)
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, norm, nn.ReLU())


def collect_maps(blocks: Iterable[nn.Module], x: Tensor) -> list[Tensor]:
    """The maps that each of the blocks makes of those of the one before, the first of `x`."""
    maps = []
    for block in blocks:
        x = block(x)
        maps.append(x)
    return maps


def double(x: Tensor) -> Tensor:
    """Twice the size, bilinearly: (N, C, H, W) → (N, C, 2H, 2W)."""
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def repeat(x: Tensor) -> Tensor:
    """Each value four times: (N, C, H, W) → (N, C, 2H, 2W)."""
    return functional.interpolate(x, scale_factor=2, mode="nearest")

"""A depth-wise 3×3 convolution that trains on processors at the speed of plain ones.

oneDNN has no fast gradient of depth-wise convolutions that are dilated or strided. Both are plain ones in
disguise: a dilated one is a plain one on each of the interleaved grids of pixels, a strided one keeps every
so-many-eth row and column. Nor is its gradient of the weights always right: in bf16, dilated by 12 on a map
of 32 × 32 or by 6 on one of 36 × 36, it reads memory that nobody wrote (PyTorch 2.13, oneDNN 3.12, processors
with AMX), so that a training ends in NaN now and then.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

_LAST: Final = torch.channels_last
LEAST: Final = 3
"""Grids of fewer rows or columns cost more, each with its own call, than nine products do."""


class DepthwiseConv(nn.Conv2d):
    """A depth-wise 3×3 convolution, padded by its dilation, so that stride 1 keeps the map's size.

    Its parameters and values are those of `torch.nn.Conv2d` with as many groups as channels; where gradients
    are asked for on a processor, these come by plain convolutions.

    Args:
        channels: C.
        stride: 1 or more; 1 where it is dilated.
        dilation: 1 or more.
        bias: whether it adds one.
    """

    def __init__(self, channels: int, stride: int = 1, dilation: int = 1, *, bias: bool = False) -> None:
        super().__init__(channels, channels, 3, stride, dilation, dilation, channels, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, ⌈H / stride⌉, ⌈W / stride⌉)."""
        step = self.dilation[0]
        if not (self.training and torch.is_grad_enabled() and x.device.type == "cpu"):
            return super().forward(x)
        if step > 1:
            return self._on_grids(x, step) if min(x.shape[2:]) >= LEAST * step else self._by_taps(x, step)
        stride = self.stride[0]
        whole = functional.conv2d(x, self.weight, self.bias, 1, 1, 1, self.groups)
        return whole if stride == 1 else whole[..., ::stride, ::stride].contiguous(memory_format=_LAST)

    def _on_grids(self, x: Tensor, step: int) -> Tensor:
        """The dilated convolution, on each of the step² grids of pixels that lie `step` apart."""
        count, channels, height, width = x.shape
        padded = functional.pad(x, (0, -width % step, 0, -height % step))
        rows, columns = padded.shape[2] // step, padded.shape[3] // step
        grids = padded.reshape(count, channels, rows, step, columns, step).permute(0, 3, 5, 1, 2, 4)
        grids = grids.reshape(-1, channels, rows, columns).contiguous(memory_format=_LAST)
        grids = functional.conv2d(grids, self.weight, self.bias, 1, 1, 1, self.groups)
        grids = grids.reshape(count, step, step, channels, rows, columns).permute(0, 3, 4, 1, 5, 2)
        whole = grids.reshape(count, channels, rows * step, columns * step)[..., :height, :width]
        return whole.contiguous(memory_format=_LAST)

    def _by_taps(self, x: Tensor, step: int) -> Tensor:
        """The dilated convolution as a sum of nine products, of those whose tap meets the map at all."""
        height, width = x.shape[2:]
        padded = functional.pad(x, (step, step, step, step))
        whole = torch.zeros_like(x, dtype=torch.float32)
        for row in range(3):
            for column in range(3):
                if (row != 1 and step >= height) or (column != 1 and step >= width):
                    continue
                part = padded[..., row * step : row * step + height, column * step : column * step + width]
                whole = torch.addcmul(whole, part.float(), self.weight[:, 0, row, column, None, None])
        if self.bias is not None:
            whole = whole + self.bias[:, None, None]
        return whole.to(x.dtype)

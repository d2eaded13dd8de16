"""DeepLabV3+ for person segmentation.

Chen, Zhu, Papandreou, Schroff, Adam 2018, "Encoder-Decoder with Atrous Separable Convolution for Semantic
Image Segmentation", with a MobileNetV2 encoder as in its section 4.3.

Deviations: one class, so the head ends in a sigmoid and yields a soft mask; the encoder feeds the decoder
its stride-4 map of 24 channels directly, without the reduction to 48 that wider encoders need.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from wisp.networks.depthwise import DepthwiseConv
from wisp.networks.encoders.mobilenetv2 import MobileNetV2

RATES: Final = (6, 12, 18)


class SeparableConv(nn.Sequential):
    """Atrous separable convolution: 3×3 depth-wise, then 1×1, each with batch norm and ReLU."""

    def __init__(self, inputs: int, outputs: int, dilation: int = 1) -> None:
        super().__init__(
            DepthwiseConv(inputs, dilation=dilation),
            nn.BatchNorm2d(inputs),
            nn.ReLU(),
            nn.Conv2d(inputs, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        )


class PointConv(nn.Sequential):
    """1×1 convolution, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class ImagePooling(nn.Module):
    """The mean of the whole map through a 1×1 convolution, spread back over the map.

    No batch norm: at batch 1 there is a single value a channel, which it could not normalise.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) → (N, outputs, H, W)."""
        pooled = functional.relu(self.conv(x.mean((2, 3), keepdim=True)))
        return pooled.expand(-1, -1, x.shape[2], x.shape[3])


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: 1×1, three dilated separable 3×3, the image's mean; joined by a 1×1."""

    def __init__(
        self, inputs: int, width: int, outputs: int, rates: tuple[int, ...] = RATES, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.width = width
        self.branches = nn.ModuleList(
            [
                PointConv(inputs, width),
                *[SeparableConv(inputs, width, rate) for rate in rates],
                ImagePooling(inputs, width),
            ]
        )
        self.project = nn.Sequential(PointConv(width * (len(rates) + 2), outputs), nn.Dropout(dropout))

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) → (N, outputs, H, W)."""
        joined: Tensor = self.project(torch.cat([branch(x) for branch in self.branches], 1))
        return joined


class DeepLabV3Plus(nn.Module):
    """Soft person mask from an image.

    Args:
        encoder: MobileNetV2 with output stride 16.
        width: channels of the pyramid's branches; the paper has 256.
        decoder: channels of what joins them and of the decoder; `width` when None, as in the paper.
    """

    def __init__(self, encoder: MobileNetV2, width: int = 256, decoder: int | None = None) -> None:
        super().__init__()
        joined = decoder or width
        self.encoder = encoder
        self.aspp = ASPP(320, width, joined)
        self.decoder = nn.Sequential(SeparableConv(joined + 24, joined), SeparableConv(joined, joined))
        self.head = nn.Conv2d(joined, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Logits of the mask.

        Args:
            image: (N, 3, H, W), sRGB-encoded RGB, [0, 1]; H and W multiples of 16.

        Returns:
            (N, 1, H, W); `torch.sigmoid` of it is the soft mask.
        """
        features = self.encoder(image)
        context = _resize_like(self.aspp(features.deep), features.at4)
        logits: Tensor = self.head(self.decoder(torch.cat([context, features.at4], 1)))
        return _enlarged(logits, 4)


def _enlarged(x: Tensor, factor: int) -> Tensor:
    """(N, 1, H, W) → (N, 1, factor H, factor W), bilinearly, as `functional.interpolate` does it.

    Written as sums of neighbours that are laid out as pixels: runtimes resize a single channel slowly.
    """
    height, width = x.shape[2:]
    # Of the pixel before, the pixel and the pixel after, in each part of the pixel.
    place = (torch.arange(factor, device=x.device) + 0.5) / factor - 0.5
    shares = (1 - (place[:, None] - torch.arange(-1, 2, device=x.device)).abs()).clamp_min(0)
    padded = functional.pad(x, (1, 1, 1, 1), mode="replicate")
    rows = torch.cat([padded[:, :, start : start + height] for start in range(3)], 1)
    rows = (rows[:, None] * shares[:, :, None, None]).sum(2)
    columns = torch.stack([rows[..., start : start + width] for start in range(3)], 2)
    parts = (columns[:, :, None] * shares[:, :, None, None]).sum(3)
    return functional.pixel_shuffle(parts.flatten(1, 2), factor)


def _resize_like(x: Tensor, reference: Tensor) -> Tensor:
    return functional.interpolate(x, size=reference.shape[2:], mode="bilinear", align_corners=False)

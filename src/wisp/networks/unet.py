"""Two U-Nets for portrait segmentation, a very small one and the usual one.

Ronneberger, Fischer, Brox 2015, "U-Net", as the report "Background Image Matting" (Li, Miao, Hu, Cao, Jin)
builds it: sections 3.1 and 3.2.

The simple one has a single level::

    image ─▶ conv conv ─▶ dropout ─┬─▶ pool ─▶ unpool ─▶ join ─▶ conv conv ─▶ dropout ─▶ 1×1
                                   └────────────────────▶┘

The standard one has four, of three convolutions each on the way down and two on the way up, two more at the
bottom. Every convolution is 3×3 with same padding and ReLU, He initialisation; neither has batch norms. They
can be had while training: an export folds them into the convolutions, and what is left is the report's.

Where the report is silent: unpooling repeats each value; the bottom widens to twice the deepest level and
back; the first convolution after a join halves its channels, and the second halves them again but for the
last level, whose width the output keeps. The sigmoid that ends the report's networks is applied by the loss
and by the export.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Squared(nn.Module):
    """Base of the U-Nets, which see a square, whatever the photo's shape.

    Attributes:
        size: side of the square, pixels.
        letterbox: the photo keeps its proportions, black beside it, instead of being stretched.
    """

    size: int = 256
    letterbox: bool = False

    def mask(self, image: Tensor) -> Tensor:
        """The soft mask of a photo of any size.

        Args:
            image: (N, 3, H, W), sRGB-encoded RGB, [0, 1].

        Returns:
            (N, 1, H, W), [0, 1].
        """
        height, width = image.shape[2:]
        square = image
        if self.letterbox:
            # As tensors, so that an export keeps the sizes open.
            sides = torch.stack([torch.as_tensor(height), torch.as_tensor(width)])
            short = sides.max() - sides
            square = functional.pad(image, (0, short[1], 0, short[0]))  # type: ignore[arg-type]
        seen = functional.interpolate(square, (self.size, self.size), mode="bilinear", align_corners=False)
        mask = torch.sigmoid(self(seen))
        mask = functional.interpolate(mask, square.shape[2:], mode="bilinear", align_corners=False)
        return mask[:, :, :height, :width]


class SimpleUNet(Squared):
    """One level.

    Args:
        width: filters of each convolution.
        dropout: after the first block, after the second.
        normed: with a batch norm after each 3×3 convolution.
    """

    def __init__(
        self, width: int = 64, dropout: tuple[float, float] = (0.1, 0.2), *, normed: bool = False
    ) -> None:
        super().__init__()
        first = _convolutions(3, width, width, normed=normed)
        second = _convolutions(2 * width, width, width, normed=normed)
        self.down = nn.Sequential(*first, nn.Dropout(dropout[0]))
        self.up = nn.Sequential(*second, nn.Dropout(dropout[1]))
        self.head = nn.Conv2d(width, 1, 1)
        _initialise(self)

    def forward(self, image: Tensor) -> Tensor:
        """Logits of the mask.

        Args:
            image: (N, 3, H, W), sRGB-encoded RGB, [0, 1]; H and W even.

        Returns:
            (N, 1, H, W); `torch.sigmoid` of it is the soft mask.
        """
        skip = self.down(image)
        x = self.up(torch.cat([_unpool(functional.max_pool2d(skip, 2)), skip], 1))
        logits: Tensor = self.head(x)
        return logits


class UNet(Squared):
    """Four levels.

    Args:
        width: filters of the first level; each further one has twice as many.
        dropout: after the bottom, before the output.
        normed: with a batch norm after each 3×3 convolution.
    """

    def __init__(
        self, width: int = 64, dropout: tuple[float, float] = (0.0, 0.0), *, normed: bool = False
    ) -> None:
        super().__init__()
        widths = [width, 2 * width, 4 * width, 8 * width]
        self.down = nn.ModuleList(
            nn.Sequential(*_convolutions(inputs, c, c, c, normed=normed))
            for inputs, c in zip([3, *widths], widths, strict=False)
        )
        deepest = widths[-1]
        bottom = _convolutions(deepest, 2 * deepest, deepest, normed=normed)
        self.bottom = nn.Sequential(*bottom, nn.Dropout(dropout[0]))
        self.up = nn.ModuleList(
            nn.Sequential(*_convolutions(2 * c, c, max(c // 2, width), normed=normed))
            for c in reversed(widths)
        )
        self.dropout = nn.Dropout(dropout[1])
        self.head = nn.Conv2d(width, 1, 1)
        _initialise(self)

    def forward(self, image: Tensor) -> Tensor:
        """Compute logits (N, 1, H, W) of an image (N, 3, H, W); H and W are multiples of 16."""
        skips = []
        x = image
        for level in self.down:
            skips.append(level(x))
            x = functional.max_pool2d(skips[-1], 2)
        x = self.bottom(x)
        for level, skip in zip(self.up, reversed(skips), strict=True):
            x = level(torch.cat([_unpool(x), skip], 1))
        logits: Tensor = self.head(self.dropout(x))
        return logits


def _convolutions(inputs: int, *widths: int, normed: bool = False) -> list[nn.Module]:
    """3×3 convolutions, each with ReLU."""
    layers: list[nn.Module] = []
    for width in widths:
        norm = [nn.BatchNorm2d(width)] if normed else []
        layers += [nn.Conv2d(inputs, width, 3, padding=1), *norm, nn.ReLU()]
        inputs = width
    return layers


def _unpool(x: Tensor) -> Tensor:
    """Every value four times."""
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


def _initialise(network: nn.Module) -> None:
    """He et al. 2015: normal, with the variance that ReLUs keep."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            assert module.bias is not None
            nn.init.zeros_(module.bias)

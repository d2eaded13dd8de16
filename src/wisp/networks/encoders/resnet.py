"""ResNet (He et al. 2016, "Deep Residual Learning for Image Recognition") as a dilated feature encoder.

Parameter names are torchvision's (``conv1.weight``, ``layer3.22.bn2.bias`` …), so its published ResNet-101
loads strictly; the classifier is left out.

As Lutz et al. 2018 ("AlphaGAN") have it, the third and fourth blocks are dilated by 2 and 4 instead of
strided, which keeps every weight and leaves an output stride of 8. As in torchvision (its "v1.5"), a block
strides in its 3×3 convolution. Inputs beside the image's three channels enter through weights that begin at
zero, so that a published checkpoint sees at first what it was trained on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from wisp.core.errors import InputError
from wisp.networks.checkpoints import read_checkpoint
from wisp.networks.encoders.mobilenetv2 import IMAGENET_MEAN, IMAGENET_STD

RESNET101: Final = (3, 4, 23, 3)
EXPANSION: Final = 4
ACCEPTED: Final = "torchvision's resnet101 checkpoint is accepted"


class Features(NamedTuple):
    """The encoder's maps for an input (N, C, H, W); channels are those of the usual width of 64."""

    at2: Tensor
    """64 channels, stride 2."""
    at4: Tensor
    """256 channels, stride 4: the first block's."""
    at8: Tensor
    """512 channels, stride 8: the second block's."""
    deep: Tensor
    """2048 channels, stride 8: the fourth block's, dilated."""


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolutions with batch norms, added to the input or to its projection."""

    def __init__(self, inputs: int, width: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        outputs = EXPANSION * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) → (N, 4 · width, H/stride, W/stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(y)))))
        kept = x if self.downsample is None else self.downsample(x)
        result: Tensor = self.relu(y + kept)
        return result


class ResNet(nn.Module):
    """Encoder of output stride 8.

    Args:
        blocks: bottlenecks of each of the four blocks.
        extra: input channels beside the image's three.
        width: of the first convolution, 64 in the paper.
        dilations: of the third and fourth blocks.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        blocks: tuple[int, int, int, int] = RESNET101,
        extra: int = 0,
        width: int = 64,
        dilations: tuple[int, int] = (2, 4),
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)
        self.extra = extra
        self.conv1 = nn.Conv2d(3 + extra, width, 7, 2, 3, bias=False)
        with torch.no_grad():
            self.conv1.weight[:, 3:] = 0
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self._channels = width
        third, fourth = dilations
        self.layer1 = self._layer(width, blocks[0])
        self.layer2 = self._layer(2 * width, blocks[1], stride=2)
        # The first bottleneck of a dilated block still sees what the block before it left.
        self.layer3 = self._layer(4 * width, blocks[2], first=1, dilation=third)
        self.layer4 = self._layer(8 * width, blocks[3], first=third, dilation=fourth)

    def _layer(self, width: int, count: int, stride: int = 1, first: int = 1, dilation: int = 1) -> nn.Module:
        layers = [Bottleneck(self._channels, width, stride, first)]
        self._channels = EXPANSION * width
        layers += [Bottleneck(self._channels, width, 1, dilation) for _ in range(count - 1)]
        return nn.Sequential(*layers)

    def forward(self, image: Tensor, extra: Tensor | None = None) -> Features:
        """Encode an image.

        Args:
            image: (N, 3, H, W), sRGB-encoded RGB, [0, 1]; H and W multiples of 8.
            extra: (N, extra, H, W), as it is; None where there are no such channels.
        """
        x = (image - self.mean) / self.std
        if extra is not None:
            x = torch.cat([x, extra], 1)
        at2 = self.relu(self.bn1(self.conv1(x)))
        at4 = self.layer1(self.maxpool(at2))
        at8 = self.layer2(at4)
        return Features(at2, at4, at8, self.layer4(self.layer3(at8)))

    def load_torchvision(self, path: Path) -> None:
        """Load torchvision's ``resnet101`` checkpoint (ImageNet), strictly but for its classifier.

        Raises:
            InputError: the file is missing or holds other parameters.
        """
        state = dict(read_checkpoint(path, ACCEPTED))
        wanted = {key: value for key, value in state.items() if not key.startswith("fc.")}
        first = wanted.get("conv1.weight")
        if isinstance(first, Tensor) and first.ndim == 4:
            wanted["conv1.weight"] = torch.cat([first, first.new_zeros(len(first), self.extra, 7, 7)], 1)
        try:
            self.load_state_dict(wanted, strict=True)
        except RuntimeError as error:
            line = str(error).strip().splitlines()[-1].strip()
            raise InputError(path, f"is no such ResNet ({line})", ACCEPTED) from error

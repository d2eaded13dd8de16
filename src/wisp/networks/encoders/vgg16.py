"""VGG-16 (Simonyan and Zisserman 2015) as feature maps for perceptual losses.

Parameter names are torchvision's (``features.0.weight`` …); the classifier is left out. The five maps are
those after the last ReLU of each stage, the first four of which Johnson et al. 2016 ("Perceptual Losses for
Real-Time Style Transfer and Super-Resolution") use.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from wisp.core.errors import InputError
from wisp.networks.checkpoints import read_checkpoint
from wisp.networks.encoders.mobilenetv2 import IMAGENET_MEAN, IMAGENET_STD

STAGES: Final = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
TAPS: Final = (3, 8, 15, 22, 29)


class VGG16(nn.Module):
    """Five feature maps of an image; parameters do not learn."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)
        layers: list[nn.Module] = []
        inputs = 3
        for stage in STAGES:
            for width in stage:
                layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
                inputs = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers[:-1])
        self.requires_grad_(False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Features.

        Args:
            image: (N, 3, H, W), sRGB-encoded RGB, [0, 1]; H and W at least 16.

        Returns:
            Maps of 64, 128, 256, 512 and 512 channels at strides 1, 2, 4, 8 and 16.
        """
        x = (image - self.mean) / self.std
        maps = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in TAPS:
                maps.append(x)
        return maps

    def load_torchvision(self, path: Path) -> None:
        """Load torchvision's ``vgg16`` checkpoint (ImageNet), strictly but for its classifier.

        Raises:
            InputError: the file is missing or holds something else.
        """
        accepted = "torchvision's vgg16 checkpoint is accepted"
        state = read_checkpoint(path, accepted)
        try:
            self.load_state_dict({k: v for k, v in state.items() if not k.startswith("classifier.")})
        except RuntimeError as error:
            first = str(error).strip().splitlines()[-1].strip()
            raise InputError(path, f"is no VGG-16 ({first})", accepted) from error

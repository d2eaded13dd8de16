"""Discriminators at three scales.

Wang et al. 2018, "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs"
(pix2pixHD), section 3.2, as Yaman et al. 2022 use them: three identical PatchGANs (Isola et al. 2017), one
on the input, one on its half and one on its quarter; the input is alpha beside the extracted foreground. The
paper says that they are identical and not what they are; the smaller pictures are means.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class PatchGAN(nn.Sequential):
    """4×4 convolutions with instance norm and leaky ReLU; judges patches of 70×70 pixels.

    Args:
        inputs: channels.
        width: channels of the first convolution; they double up to eight times that.
    """

    def __init__(self, inputs: int = 4, width: int = 64) -> None:
        layers: list[nn.Module] = [nn.Conv2d(inputs, width, 4, 2, 2), nn.LeakyReLU(0.2)]
        for factor, stride in ((2, 2), (4, 2), (8, 1)):
            layers += [
                nn.Conv2d(width * factor // 2, width * factor, 4, stride, 2),
                nn.InstanceNorm2d(width * factor),
                nn.LeakyReLU(0.2),
            ]
        super().__init__(*layers, nn.Conv2d(width * 8, 1, 4, 1, 2))


class PyramidDiscriminators(nn.Module):
    """A PatchGAN for each of the scales 1, 1/2 and 1/4.

    Args:
        width: of each PatchGAN.
        scales: how many.
        foreground: judge the extracted foreground beside alpha, or alpha alone.
    """

    def __init__(self, width: int = 64, scales: int = 3, *, foreground: bool = True) -> None:
        super().__init__()
        self.foreground = foreground
        inputs = 4 if foreground else 1
        self.scales = nn.ModuleList(PatchGAN(inputs, width) for _ in range(scales))

    def forward(self, alpha: Tensor, image: Tensor) -> list[Tensor]:
        """Judge an alpha, true or predicted.

        Args:
            alpha: (N, 1, H, W), [0, 1].
            image: (N, 3, H, W), [0, 1].

        Returns:
            Logits of "true" a scale, (N, 1, h, w) each.
        """
        subject = torch.cat([alpha, image * alpha], 1) if self.foreground else alpha
        return [judge(x) for judge, x in zip(self.scales, pyramid(subject, len(self.scales)), strict=True)]


def pyramid(x: Tensor, levels: int = 3) -> Sequence[Tensor]:
    """(N, C, H, W) and its means over blocks of 2, 4, … pixels a side."""
    out = [x]
    for _ in range(levels - 1):
        out.append(functional.avg_pool2d(out[-1], 2))
    return out

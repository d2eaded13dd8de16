"""SSRN: what DLMN-G found, refined by a generator that learns from photos without labels.

El Abdellaoui and Kachbal, background matting with DLMN-G and SSRN (Studies in Informatics and Control),
section 3 and figure 3, after Lutz, Amplianitis and Smolic 2018, "AlphaGAN: Generative Adversarial Networks
for Natural Image Matting":

    image, motion, mask ─▶ encoder ─▶ residual decoder with skips ─┬─▶ alpha
    mask ──────────────────────────────────────────────── + ───────┘

Two builders: `ssrn_resnet101` has the paper's encoder, ResNet-101 with dilations of 2 and 4 in its third and
fourth blocks; `ssrn_mobile` MobileNetV2, and a decoder that ends at stride 2, where each place sees the 2×2
pixels of image, motion and mask and yields those of alpha.

Choices (docs/decisions/019): the motion channel is the mean of the four grey frames; the mask is DLMN-G's
alpha ("a copy of DLMN-G results"), or an imperfect segmentation in the supervised part of training; what the
decoder yields is added to that mask's logits and begins at zero, so that an untrained SSRN returns DLMN-G's
result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from wisp.networks.discriminators import PatchGAN
from wisp.networks.dlmn import ResidualBlock, mask_logits, to_luma
from wisp.networks.encoders.mobilenetv2 import MobileNetV2
from wisp.networks.encoders.resnet import RESNET101, ResNet
from wisp.networks.layers import conv, double

EXTRA: Final = 2
"""Input channels beside the image: motion and mask."""
SUREST: Final = 1e-3
"""Masks are kept this far from 0 and 1 before their logits are taken."""


class SSRN(nn.Module):
    """The generator.

    Args:
        encoder: image (N, 3, H, W), and motion and mask (N, 2, H, W) → maps, finest first.
        decoder: the image and these → what is added to the mask's logits, (N, 1, H, W).
        lean: the decoder is given each 2×2 pixels of image, motion and mask, (N, 20, H/2, W/2), instead of
            the image, and yields each 2×2 pixels, (N, 4, H/2, W/2).
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, *, lean: bool = False) -> None:
        super().__init__()
        self.encoder, self.decoder, self.lean = encoder, decoder, lean

    def forward(self, image: Tensor, mask: Tensor, motion: Tensor) -> Tensor:
        """Alpha's logits.

        Args:
            image: (N, 3, H, W), sRGB-encoded RGB, [0, 1]; H and W multiples of 32.
            mask: (N, 1, H, W), DLMN-G's alpha or a soft segmentation, [0, 1].
            motion: (N, 4, H, W), four neighbouring frames in grey, [0, 1].

        Returns:
            (N, 1, H, W); `torch.sigmoid` of it is alpha.
        """
        extra = torch.cat([motion.mean(1, keepdim=True), mask], 1)
        maps = self.encoder(image, extra)
        if self.lean:
            pixels = functional.pixel_unshuffle(torch.cat([image, extra], 1), 2)
            change = functional.pixel_shuffle(self.decoder([pixels, *maps]), 2)
        else:
            change = self.decoder([image, *maps])
        result: Tensor = mask_logits(mask, SUREST) + change
        return result


class ResidualDecoder(nn.Module):
    """Up by two, narrowed skips joined, a residual block; from the deepest maps to the image itself.

    Args:
        skips: channels of the maps, finest first, without the deepest.
        deep: channels of the deepest.
        inner: channels that the deepest are narrowed to.
        blocks: residual blocks there.
        narrowed: how many are kept of each skip, finest first.
        outputs: channels after each skip is joined, finest first.
        scales: how much larger each skip is than what it is joined with: 1 or 2, finest first.
        results: channels of the result.
    """

    def __init__(
        self,
        skips: Sequence[int],
        deep: int,
        inner: int,
        blocks: int,
        narrowed: Sequence[int],
        outputs: Sequence[int],
        scales: Sequence[int],
        results: int = 1,
    ) -> None:
        super().__init__()
        self.deep = nn.Sequential(conv(deep, inner, kernel=1), *[ResidualBlock(inner) for _ in range(blocks)])
        self.narrow, self.blocks = nn.ModuleList(), nn.ModuleList()
        inputs = inner
        for skip, kept, width in reversed(list(zip(skips, narrowed, outputs, strict=True))):
            self.narrow.append(conv(skip, kept, kernel=1))
            self.blocks.append(nn.Sequential(conv(inputs + kept, width), ResidualBlock(width)))
            inputs = width
        self.scales = list(reversed(scales))
        self.head = nn.Conv2d(inputs, results, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        assert self.head.bias is not None
        nn.init.zeros_(self.head.bias)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps, finest first → (N, results, h, w) of the finest's size."""
        x = self.deep(maps[-1])
        steps = zip(self.narrow, self.blocks, self.scales, reversed(maps[:-1]), strict=True)
        for narrow, block, scale, skip in steps:
            x = block(torch.cat([double(x) if scale == 2 else x, narrow(skip)], 1))
        change: Tensor = self.head(x)
        return change


class MobileEncoder(nn.Module):
    """MobileNetV2 over image, motion and mask; weights of the two new channels begin at zero.

    Args:
        encoder: with output stride 16; its first convolution is widened here.
    """

    def __init__(self, encoder: MobileNetV2) -> None:
        super().__init__()
        stem = encoder.features[0]
        assert isinstance(stem, nn.Sequential)
        first = stem[0]
        assert isinstance(first, nn.Conv2d)
        wide = nn.Conv2d(3 + EXTRA, first.out_channels, 3, 2, 1, bias=False)
        with torch.no_grad():
            wide.weight.zero_()
            wide.weight[:, :3] = first.weight
        stem[0] = wide
        self.encoder = encoder

    def forward(self, image: Tensor, extra: Tensor) -> list[Tensor]:
        """(N, 3, H, W) and (N, 2, H, W) → maps at strides 2, 4, 8, 16 and, dilated, 16."""
        normalised = (image - self.encoder.mean) / self.encoder.std
        return list(self.encoder.maps(torch.cat([normalised, extra], 1)))


class Judge(nn.Module):
    """The discriminator: image, segmentation and motion, real or re-composed → logits of "real".

    Args:
        width: channels of its first convolution.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.patches = PatchGAN(3 + EXTRA, width)

    def forward(self, image: Tensor, mask: Tensor, motion: Tensor) -> Tensor:
        """Image (N, 3, H, W), segmentation (N, 1, H, W) and motion (N, 4, H, W) → (N, 1, h, w)."""
        logits: Tensor = self.patches(torch.cat([image, mask, motion.mean(1, keepdim=True)], 1))
        return logits


def ssrn_resnet101(blocks: tuple[int, int, int, int] = RESNET101, width: int = 64, inner: int = 256) -> SSRN:
    """The paper's generator.

    Args:
        blocks: of the encoder.
        width: of its first convolution.
        inner: channels of the decoder's deepest residual blocks.
    """
    decoder = ResidualDecoder(
        skips=(3, width, 4 * width, 8 * width),
        deep=32 * width,
        inner=inner,
        blocks=2,
        narrowed=(inner // 16, inner // 8, inner // 4, inner // 4),
        outputs=(inner // 8, inner // 4, inner // 2, inner),
        scales=(2, 2, 2, 1),
    )
    return SSRN(ResNet(blocks, EXTRA, width), decoder)


def ssrn_mobile(encoder: MobileNetV2 | None = None) -> SSRN:
    """The compact generator, for the CPU.

    Args:
        encoder: with output stride 16; at random when None.
    """
    decoder = ResidualDecoder(
        skips=(4 * (3 + EXTRA), 16, 24, 32, 96),
        deep=320,
        inner=96,
        blocks=1,
        narrowed=(16, 12, 16, 24, 32),
        outputs=(16, 16, 32, 48, 64),
        scales=(1, 2, 2, 2, 1),
        results=4,
    )
    return SSRN(MobileEncoder(encoder or MobileNetV2(output_stride=16)), decoder, lean=True)


def recompose(alpha: Tensor, foreground: Tensor, background: Tensor, motion: Tensor) -> tuple[Tensor, Tensor]:
    """The composition C of the paper's equation 2: image and motion cue with another background.

    The cue is re-composed by the same alpha, so that it does not give the composition away.

    Args:
        alpha: the generator's, (N, 1, H, W), [0, 1].
        foreground: (N, 3, H, W).
        background: the new one, (N, 3, H, W).
        motion: (N, 4, H, W).

    Returns:
        Image (N, 3, H, W) and motion cue (N, 4, H, W).
    """
    image = alpha * foreground + (1 - alpha) * background
    return image, alpha * motion + (1 - alpha) * to_luma(background)

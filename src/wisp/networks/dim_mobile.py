"""The compact network of Deep Image Matting: MobileNetV2, an unpooling decoder, the paper's refinement.

After Xu et al. 2017 (`wisp.networks.dim`), made for CPUs in bf16 and for short trainings. Where it differs:

- MobileNetV2 pools by strides. The decoder unpools to where the encoder's maps, narrowed to its channels,
  have their 2×2 maxima, and joins these maps as skips. The maxima are soft (`soft_maxima`), so that where to
  unpool is learned, as in Lu et al. 2019, "Indices Matter", and so that values which nearly tie do not flip
  when a runtime computes in bf16.
- Beside the encoder, skips at strides 1, 2 and 4 see the image, the trimap, and the colours of known
  foreground and background carried into the unknown part (`carry_colours`): what sampling methods start from,
  so that training is not spent on learning to look for them.
- A prior enters as well, closed-form matting at half size (`wisp.matting.classical.initial_alpha`), and what
  the
  decoder finds is added to it: the network begins where closed-form matting ends.
- The trimap and the prior enter the encoder as three channels (known background, known foreground, prior)
  that begin at zero.
- The refinement has 16 channels and its input is not scaled, which Adam would undo.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from wisp.networks.dim import DeepImageMatting, Refinement, regions, widen
from wisp.networks.encoders.mobilenetv2 import MobileNetV2
from wisp.networks.layers import conv, repeat

CARRIED: Final = 4
"""The stride at which colours are carried: they vary slowly."""
REACH: Final = 7
"""Cells of 32 pixels, a side, from which a place far inside the unknown part takes its colours."""
CARRIED_CUES, PIXEL_CUES = 9, 7
"""Channels of the two parts of `colour_cues`."""


class MobileStage(nn.Module):
    """Image, trimap and prior → alpha, not clamped.

    Args:
        encoder: MobileNetV2 with output stride 32; its first convolution is widened here.
        widths: channels of the decoder at strides 32, 16, 8, 4, 2 and 1.
        fine: channels of the skips beside the encoder at strides 1, 2 and 4.
    """

    def __init__(
        self,
        encoder: MobileNetV2,
        widths: tuple[int, ...] = (128, 64, 48, 32, 16, 16),
        fine: tuple[int, ...] = (16, 24, 24),
    ) -> None:
        super().__init__()
        stem = encoder.features[0]
        assert isinstance(stem, nn.Sequential)
        stem[0] = widen(stem[0], 3)
        self.encoder = encoder
        self.fine1 = conv(PIXEL_CUES, fine[0])
        self.fine2 = conv(fine[0], fine[1], stride=2)
        self.fine4 = conv(fine[1], fine[2], stride=2)
        self.deep = conv(320, widths[0], kernel=1)
        self.to16 = Unpooling(96, widths[0], widths[1])
        self.to8 = Unpooling(32, widths[1], widths[2])
        self.to4 = Unpooling(24 + fine[2] + CARRIED_CUES, widths[2], widths[3])
        self.to2 = Unpooling(16 + fine[1], widths[3], widths[4])
        self.to1 = Unpooling(fine[0], widths[4], widths[5], add=True)
        self.head = nn.Conv2d(widths[5], 1, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        assert self.head.bias is not None
        nn.init.zeros_(self.head.bias)

    def forward(self, image: Tensor, trimap: Tensor, prior: Tensor) -> Tensor:
        """Image (N, 3, H, W), trimap, prior (N, 1, H, W), [0, 1], sides multiples of 32 → (N, 1, H, W)."""
        background, _, foreground = regions(trimap)
        normalised = (image - self.encoder.mean) / self.encoder.std
        maps = self.encoder.maps(torch.cat([normalised, background, foreground, prior], 1))
        carried, cues = colour_cues(image, background, foreground)
        cues = torch.cat([cues, prior], 1)
        fine1 = self.fine1(cues)
        fine2 = self.fine2(fine1)
        fine4 = self.fine4(fine2)
        x = self.to16(self.deep(maps.deep), maps.at16)
        x = self.to8(x, maps.at8)
        x = self.to4(x, torch.cat([maps.at4, fine4, carried], 1))
        x = self.to2(x, torch.cat([maps.at2, fine2], 1))
        x = self.to1(x, fine1)
        alpha: Tensor = prior + self.head(x)
        return alpha


class Unpooling(nn.Module):
    """Unpool by two to where a skip has its maxima, join or add the skip, convolve.

    Args:
        skip: channels of the skip.
        inputs: channels of what is unpooled, to which the skip is narrowed.
        outputs: channels.
        add: add the skip instead of joining it: half the work.
    """

    def __init__(self, skip: int, inputs: int, outputs: int, *, add: bool = False) -> None:
        super().__init__()
        self.add = add
        self.narrow = nn.Identity() if skip == inputs else nn.Conv2d(skip, inputs, 1)
        self.block = conv(inputs if add else 2 * inputs, outputs)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(N, inputs, H, W) and (N, skip, 2H, 2W) → (N, outputs, 2H, 2W)."""
        guide = self.narrow(skip)
        unpooled = repeat(x) * soft_maxima(guide)
        result: Tensor = self.block(unpooled + guide if self.add else torch.cat([unpooled, guide], 1))
        return result


def dim_mobile(encoder: MobileNetV2 | None = None) -> DeepImageMatting:
    """The compact network.

    Args:
        encoder: MobileNetV2 with output stride 32 at its start; a random one when None.
    """
    stage = MobileStage(MobileNetV2(output_stride=32) if encoder is None else encoder)
    return DeepImageMatting(stage, Refinement((16, 16, 16), scale=1.0))


def soft_maxima(x: Tensor) -> Tensor:
    """How nearly each value is the largest of its 2×2 cell: 1 for that one, 0 for those 1 or more below it.

    Args:
        x: (N, C, H, W), H and W even.

    Returns:
        (N, C, H, W), [0, 1].
    """
    return functional.relu(x - repeat(functional.max_pool2d(x, 2)) + 1)


def carry_colours(image: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Colours of a known region carried to where it is not, from the nearest scale on which it is seen.

    Push and pull (Gortler et al. 1996, "The Lumigraph", section 3.4): the region's colours are averaged over
    ever larger cells, and each cell takes from the next larger one as much as it lacks.

    Args:
        image: (N, 3, H, W), H and W multiples of 32.
        known: (N, 1, H, W), 1 inside the region, 0 outside.

    Returns:
        Colours (N, 3, H/4, W/4), and how far they are to be had, (N, 1, H/4, W/4) in [0, 1].
    """
    levels = [functional.avg_pool2d(torch.cat([image * known, known], 1), CARRIED)]
    for _ in range(3):
        levels.append(functional.avg_pool2d(levels[-1], 2))
    last = levels.pop()
    around = functional.avg_pool2d(last, REACH, 1, REACH // 2, count_include_pad=False)
    x = last + (1 - last[:, 3:]) * around
    x = x / (x[:, 3:] + 2e-3)  # a little of the region among the largest cells is as good as much
    for level in reversed(levels):
        larger = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = level + (1 - level[:, 3:]) * larger
    cover = x[:, 3:]
    return x[:, :3] / (cover + 1e-3), cover


def colour_cues(image: Tensor, background: Tensor, foreground: Tensor) -> tuple[Tensor, Tensor]:
    """Carry the known regions' colours to every pixel, and solve for the alpha with which they mix to it.

    Args:
        image: (N, 3, H, W), [0, 1].
        background: known background, (N, 1, H, W), 0 or 1.
        foreground: known foreground, (N, 1, H, W), 0 or 1.

    Returns:
        carried: (N, 9, H/4, W/4): carried colours of foreground and background, how far either is to be had,
            and how far apart they are.
        cues: (N, 6, H, W): the image, both regions, and the alpha with which the carried colours mix to the
            image best, 0 where one of them is not to be had.
    """
    front, front_cover = carry_colours(image, foreground)
    back, back_cover = carry_colours(image, background)
    across = front - back
    contrast = (across * across).sum(1, keepdim=True)
    # alpha = (I − B)·(F − B) / |F − B|² = I·direction − B·direction
    direction = across * (front_cover * back_cover / (contrast + 0.01))
    line = torch.cat([direction, (back * direction).sum(1, keepdim=True)], 1)
    line = functional.interpolate(line, scale_factor=CARRIED, mode="bilinear", align_corners=False)
    mixed = ((image * line[:, :3]).sum(1, keepdim=True) - line[:, 3:]).clamp(0, 1)
    carried = torch.cat([front, back, front_cover, back_cover, contrast], 1)
    return carried, torch.cat([image, background, foreground, mixed], 1)

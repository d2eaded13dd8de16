"""The subject network: finds what a person would cut out of any photo, and corrects itself by clicks.

One look at a small picture (192 to 640 pixels a side) answers with two soft masks and, for each, with how
sure it is that there is anything to find:

- *people*: persons alone;
- *subject*: whatever somebody would cut out: people with what they hold, wear and ride, animals, products,
  vehicles, plants.

::

    image (N, 3, H, W) ──▶ MobileNetV2 ─┬─ 1/2, 16 ───────────────────────────────────▶ + ─▶ 1/1 masks
      guidance (N, 3, H, W) ─▶ + (1/4)  ├─ 1/4, 24 ──────────────────────────▶ + ─▶ conv ┘  (shuffled pixels)
                                        ├─ 1/8, 32 ──────────────────▶ + ─▶ conv ─▶ masks at 1/4 and 1/8
                                        ├─ 1/16, 96 ─────────▶ + ─▶ conv
                                        └─ 1/32, 320 ─▶ + ──▶ conv
                                               └▶ 1/64, 128, + mean of all ─▶ presence of people, of a subject

What it is made of, and where each part comes from:

- the encoder is MobileNetV2 (Sandler et al. 2018) with MODNet's or ImageNet's weights. Its batch norms are
  folded into its convolutions, whose biases they become; those stay frozen, as frozen norms would;
- a stage at stride 64 and a mean over the picture see all of it at once, as in PP-HumanSeg and the networks
  for salient objects after PoolNet (Liu et al. 2019); presence is read from there, because whether a picture
  holds a subject at all is no matter of single pixels;
- the decoder adds what comes from below to narrow projections of the skips (Lin et al. 2017).
  Decoders differ little in what they find (SALOD, Zhou et al. 2022), so this one is as narrow as it is fast;
- masks at 1/8, 1/4 and 1/1 of the size are all compared with the truth while training (deep supervision, as
  in U²-Net, Qin et al. 2020); only the last is shipped;
- guidance is clicks inside, clicks outside (disks: `wisp.engine.families.guidance.draw_click`) and the mask
  before, as in RITM (Sofiiuk et al. 2021). A branch of its own (`GuidanceBranch`) changes the encoder's maps
  at stride 4 and every step of the decoder, and tells each place how like the clicked ones it is. It has no
  biases, so that with no guidance given the answer is the automatic one, exactly; its last layers begin at
  zero.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights

from wisp.networks.encoders.mobilenetv2 import MobileNetV2
from wisp.networks.layers import conv

MAPS: Final = ("people", "subject")
"""Order of the two masks and of the two presence values."""
WIDTHS: Final = (96, 64, 48, 32, 24)
"""Channels of the decoder at strides 32, 16, 8, 4 and 2."""
GLOBAL: Final = 128
"""Channels at stride 64."""
GUIDANCE: Final = (16, 24, 48, 96, 128)
"""Channels of the guidance's maps at strides 2, 4, 8, 16 and 32."""
LIKENESS: Final = 32
"""Channels in which features are compared with those under clicks."""
FROZEN: Final = 4
"""Blocks of the encoder, to stride 4, that are never trained: edges and colours are known from ImageNet."""


class Found(NamedTuple):
    """Answer of the subject network: everything before its sigmoid.

    Attributes:
        logits: masks, (N, 2, H, W).
        quarter: masks at a quarter of the size, (N, 2, ⌈H/4⌉, ⌈W/4⌉).
        eighth: masks at an eighth, (N, 2, ⌈H/8⌉, ⌈W/8⌉).
        presence: (N, 2).
    """

    logits: Tensor
    quarter: Tensor
    eighth: Tensor
    presence: Tensor


class FoldedMobileNetV2(nn.Module):
    """MobileNetV2 whose batch norms are folded into its convolutions.

    Args:
        encoder: the one to take weights and normalisation from.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, encoder: MobileNetV2) -> None:
        super().__init__()
        self.register_buffer("mean", encoder.mean.clone())
        self.register_buffer("std", encoder.std.clone())
        self.features = nn.ModuleList(_fold(block) for block in encoder.features)

    def early(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Maps at stride 2 (N, 16, …) and stride 4 (N, 24, …) of an image (N, 3, H, W) in [0, 1]."""
        x = (image - self.mean) / self.std
        for block in self.features[:2]:
            x = block(x)
        at2 = x
        for block in self.features[2:FROZEN]:
            x = block(x)
        return at2, x

    def late(self, at4: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Maps at strides 8 (32 channels), 16 (96) and 32 (320) of the one at stride 4."""
        taps = {}
        x = at4
        for index in range(FROZEN, len(self.features)):
            x = self.features[index](x)
            taps[index] = x
        return taps[6], taps[13], taps[17]


class GuidanceBranch(nn.Module):
    """Changes to a subject network by clicks and the mask before; none where all of them are 0.

    Maps of the guidance at strides 2 to 32, without biases. At stride 16 they are joined by how like the
    image's features of each place are to those under the clicks inside, under the clicks outside and under
    the mask before (cosines of a projection), which tells far parts of a subject of a click on it.

    Args:
        widths: channels of the decoder at strides 32, 16, 8, 4 and 2, which are scaled and shifted.
    """

    def __init__(self, widths: tuple[int, int, int, int, int] = WIDTHS) -> None:
        super().__init__()
        maps = GUIDANCE
        self.stages = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False)
            for inputs, outputs in zip((3, *maps[:-1]), maps, strict=True)
        )
        self.project = nn.Conv2d(96, LIKENESS, 1, bias=False)
        self.join = nn.Conv2d(maps[3] + 3, maps[3], 3, padding=1, bias=False)
        self.into_encoder = nn.Conv2d(maps[1], 24, 1, bias=False)
        self.into_decoder = nn.ModuleList(
            nn.Conv2d(inputs, 2 * width, 1, bias=False)
            for inputs, width in zip(reversed(maps), widths, strict=True)
        )
        for last in (self.into_encoder, *self.into_decoder):
            nn.init.zeros_(last.weight)

    def early(self, guidance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Maps at strides 2 and 4 of guidance (N, 3, H, W), and what to add to the encoder at stride 4."""
        at2 = functional.relu(self.stages[0](guidance))
        at4 = functional.relu(self.stages[1](at2))
        return at2, at4, self.into_encoder(at4)

    def late(
        self, guidance: Tensor, at2: Tensor, at4: Tensor, image16: Tensor
    ) -> list[tuple[Tensor, Tensor]]:
        """Scales and shifts of the decoder at strides 32, 16, 8, 4 and 2.

        Args:
            guidance: (N, 3, H, W).
            at2: of `early`.
            at4: of `early`.
            image16: the encoder's map at stride 16, (N, 96, H/16, W/16).
        """
        at8 = functional.relu(self.stages[2](at4))
        at16 = functional.relu(self.stages[3](at8))
        at16 = functional.relu(self.join(torch.cat([at16, self._likeness(guidance, image16)], 1)))
        at32 = functional.relu(self.stages[4](at16))
        pairs = []
        for layer, maps in zip(self.into_decoder, (at32, at16, at8, at4, at2), strict=True):
            scale, shift = layer(maps).chunk(2, 1)
            pairs.append((scale, shift))
        return pairs

    def _likeness(self, guidance: Tensor, image16: Tensor) -> Tensor:
        """Cosines with the mean feature under each plane of the guidance, (N, 3, H/16, W/16), or 0."""
        features = functional.normalize(self.project(image16), dim=1).flatten(2)
        places = functional.avg_pool2d(guidance, 16, ceil_mode=True).flatten(2)
        means = places @ features.transpose(1, 2)
        likeness = functional.normalize(means, dim=2) @ features
        return likeness.reshape(-1, 3, image16.shape[2], image16.shape[3])


class SubjectNetwork(nn.Module):
    """Two soft masks and two presence values from an image, with or without guidance.

    Args:
        encoder: MobileNetV2 with output stride 32; its batch norms are folded here.
        widths: channels of the decoder at strides 32, 16, 8, 4 and 2.
    """

    def __init__(self, encoder: MobileNetV2, widths: tuple[int, int, int, int, int] = WIDTHS) -> None:
        super().__init__()
        self.encoder = FoldedMobileNetV2(encoder)
        for block in self.encoder.features[:FROZEN]:
            block.requires_grad_(False)
        self.guidance = GuidanceBranch(widths)
        w32, w16, w8, w4, w2 = widths
        self.reduce = conv(320, GLOBAL, kernel=1)
        self.whole = nn.Sequential(conv(GLOBAL, GLOBAL, stride=2), conv(GLOBAL, GLOBAL))
        self.mean_of_all = nn.Linear(GLOBAL, GLOBAL)
        self.presence = nn.Linear(GLOBAL, len(MAPS))
        self.from64 = nn.Conv2d(GLOBAL, w32, 1)
        self.skips = nn.ModuleList(
            nn.Conv2d(inputs, width, 1)
            for inputs, width in ((320, w32), (96, w16), (32, w8), (24, w4), (16, w2))
        )
        self.mixes = nn.ModuleList([conv(w32, w16), conv(w16, w8), conv(w8, w4), conv(w4, w2), conv(w2, w2)])
        self.eighth = nn.Conv2d(w4, len(MAPS), 1)
        self.quarter = nn.Conv2d(w2, len(MAPS), 1)
        self.head = nn.Conv2d(w2, 4 * len(MAPS), 3, padding=1)

    def forward(self, image: Tensor, guidance: Tensor | None = None) -> Found:
        """Find the subject.

        Args:
            image: (N, 3, H, W), sRGB-encoded RGB, [0, 1]; any size from 32 pixels a side, H and W even.
            guidance: (N, 3, H, W): disks of clicks inside, of clicks outside, and the mask before, [0, 1];
                None where nothing is given.

        Returns:
            Masks and presence before the sigmoid.
        """
        logits, presence, steps = self._decode(image, guidance)
        return Found(logits, self.quarter(steps[3]), self.eighth(steps[2]), presence)

    def find(self, image: Tensor, guidance: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Masks at full size and presence alone, (N, 2, H, W) and (N, 2), before their sigmoid.

        Args:
            image: (N, 3, H, W), sRGB-encoded, [0, 1]; H and W as `forward` takes them.
            guidance: (N, 3, H, W), clicks and the mask before, as `forward` takes them; None for none.
        """
        logits, presence, _ = self._decode(image, guidance)
        return logits, presence

    def _decode(self, image: Tensor, guidance: Tensor | None) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Masks, presence, and the decoder's maps, from stride 16 to 2."""
        with torch.no_grad():
            at2, at4 = self.encoder.early(image)
        if guidance is not None:
            guided2, guided4, change = self.guidance.early(guidance)
            at4 = at4 + change
        at8, at16, at32 = self.encoder.late(at4)
        whole = self.whole(self.reduce(at32))
        pooled = functional.relu(self.mean_of_all(whole.mean((2, 3))))
        presence = self.presence(pooled)
        x = self.from64(whole + pooled[:, :, None, None])
        changes = None if guidance is None else self.guidance.late(guidance, guided2, guided4, at16)
        steps: list[Tensor] = []
        for skip, mix, features in zip(self.skips, self.mixes, (at32, at16, at8, at4, at2), strict=True):
            x = functional.interpolate(x, size=features.shape[2:], mode="bilinear", align_corners=False)
            x = x + skip(features)
            if changes is not None:
                scale, shift = changes[len(steps)]
                x = x * (1 + scale) + shift
            x = mix(functional.relu(x))
            steps.append(x)
        logits = functional.pixel_shuffle(self.head(x), 2)
        return logits, presence, steps


def subject_network(weights: Path | None = None) -> SubjectNetwork:
    """The subject network at its start.

    Args:
        weights: of its encoder: MODNet's ONNX file or torchvision's MobileNetV2 checkpoint (``.pth``);
            random when None.

    Raises:
        InputError: the file is missing or something else.
    """
    encoder = MobileNetV2(output_stride=32)
    if weights is not None:
        (encoder.load_modnet if weights.suffix == ".onnx" else encoder.load_torchvision)(weights)
    return SubjectNetwork(encoder)


def _fold(module: nn.Module) -> nn.Module:
    """A copy of a block in which every convolution took its batch norm in."""
    children = list(module.named_children())
    if not children:
        return module
    if isinstance(module, nn.Sequential):
        layers: list[nn.Module] = []
        for _, child in children:
            if isinstance(child, nn.BatchNorm2d):
                layers[-1] = _fold_pair(layers[-1], child)
            else:
                layers.append(_fold(child))
        return nn.Sequential(*layers)
    for name, child in children:
        setattr(module, name, _fold(child))
    return module


def _fold_pair(convolution: nn.Module, norm: nn.BatchNorm2d) -> nn.Conv2d:
    assert isinstance(convolution, nn.Conv2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    weight, bias = fuse_conv_bn_weights(
        convolution.weight, None, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    folded = copy.deepcopy(convolution)
    folded.weight, folded.bias = weight, bias
    return folded

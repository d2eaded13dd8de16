"""DLMN-G: alpha and foreground from an image, its soft segmentation, a trimap and a motion cue.

El Abdellaoui and Kachbal, background matting with DLMN-G and SSRN (Studies in Informatics and Control),
section 3 and figure 2; where its text is silent, Sengupta et al. 2020, "Background Matting: The World is Your
Green Screen", on which it builds:

    image ──▶ encoder ─┬──────────────────┐
    mask ───▶ encoder ─┼▶ combinator:     ─┼▶ residual ─┬─▶ residual blocks ─▶ decoder ─▶ alpha
    trimap ─▶ encoder ─┤  three pairs of   │  blocks    └─▶ residual blocks ─▶ decoder ─▶ foreground
    motion ─▶ encoder ─┘  64 maps each ────┘

Two builders: `dlmn_paper` has encoders of 3×3 convolutions that end in 256 maps at a quarter of the size,
`dlmn_mobile` the same figure around MobileNetV2, at a sixteenth, for CPUs.

Choices (docs/decisions/018): alpha is a sigmoid; the foreground is the image plus what its decoder adds,
which begins at zero. The compact network is shown the motion cue less the image's own grey, so that a still
shows it zeros, its decoders join the encoders' maps of each stride, and its alpha begins as the mask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from wisp.networks.encoders.mobilenetv2 import InvertedResidual, MobileNetV2
from wisp.networks.portrait import MobileSegmentationEncoder

CUES: Final[Mapping[str, int]] = {"mask": 1, "trimap": 1, "motion": 4}
"""The cues beside the image, and their channels."""
LUMA: Final = (0.299, 0.587, 0.114)
"""Grey of sRGB-encoded colours (ITU-R BT.601), as cameras and OpenCV have it."""


SUREST: Final = 0.02
"""Masks are kept this far from 0 and 1 before their logits are taken: a wrong one is soon overcome."""


class Prediction(NamedTuple):
    """Logits of alpha and the foreground's colours from `DLMN`.

    Attributes:
        logits: (N, 1, H, W); their sigmoid is alpha.
        foreground: (N, 3, H, W), straight colours, not clamped; they mean something where alpha is not 0.
    """

    logits: Tensor
    foreground: Tensor


class DLMN(nn.Module):
    """The paper's figure 2.

    Args:
        image: image (N, 3, H, W) → maps, finest first.
        cues: for each cue used, by its name in `CUES`: the cue → maps of the same sizes.
        combinator: the image's deepest map and those of the cues → joined maps.
        residual: those → the two branches' input.
        alpha: that and the finer maps of image and cues → logits (N, 1, H, W).
        foreground: that and the image's finer maps → what to add to the image, (N, 3, H, W).
        relative: show the motion cue less the image's grey.
        anchored: add the mask's logits to alpha's.
    """

    def __init__(
        self,
        image: nn.Module,
        cues: Mapping[str, nn.Module],
        combinator: nn.Module,
        residual: nn.Module,
        alpha: nn.Module,
        foreground: nn.Module,
        *,
        relative: bool,
        anchored: bool,
    ) -> None:
        super().__init__()
        self.image, self.cues = image, nn.ModuleDict(cues)
        self.combinator, self.residual = combinator, residual
        self.alpha, self.foreground = alpha, foreground
        self.relative, self.anchored = relative, anchored

    def forward(self, image: Tensor, mask: Tensor, trimap: Tensor, motion: Tensor) -> Prediction:
        """Alpha's logits and the foreground.

        Args:
            image: (N, 3, H, W), sRGB-encoded RGB, [0, 1]; H and W multiples of 32.
            mask: (N, 1, H, W), soft person segmentation, [0, 1].
            trimap: (N, 1, H, W): 0, 128/255 or 1, made from the mask.
            motion: (N, 4, H, W), four neighbouring frames in grey, [0, 1]; of a still, its own grey.
        """
        if self.relative:
            motion = motion - to_luma(image)
        given = {"mask": mask, "trimap": trimap, "motion": motion}
        seen = self.image(image)
        cues = [encoder(given[name]) for name, encoder in self.cues.items()]
        shared = self.residual(self.combinator(seen[-1], [maps[-1] for maps in cues]))
        finer = [torch.cat(maps, 1) for maps in zip(seen[:-1], *(maps[:-1] for maps in cues), strict=True)]
        logits = self.alpha(shared, finer)
        if self.anchored:
            logits = logits + mask_logits(mask, SUREST)
        return Prediction(logits, image + self.foreground(shared, seen[:-1]))


class Combinator(nn.Module):
    """The image's maps joined with each cue's, a pair at a time: 1×1 convolution, batch norm, ReLU.

    Args:
        image: channels of the image's maps.
        cues: those of each cue's.
        width: maps that are left of a pair.
    """

    def __init__(self, image: int, cues: Sequence[int], width: int = 64) -> None:
        super().__init__()
        self.pairs = nn.ModuleList(conv(image + cue, width, kernel=1) for cue in cues)

    def forward(self, image: Tensor, cues: Sequence[Tensor]) -> Tensor:
        """(N, image, H, W) and the cues' maps → the image's and `width` for each pair, joined."""
        pairs = [pair(torch.cat([image, cue], 1)) for pair, cue in zip(self.pairs, cues, strict=True)]
        return torch.cat([image, *pairs], 1)


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with batch norms, added to the input (He et al. 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv(channels, channels),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W), in and out."""
        result: Tensor = functional.relu(x + self.body(x))
        return result


class Branch(nn.Module):
    """Residual blocks of a branch, then its decoder: resize by two, join the maps of that stride, convolve.

    Args:
        residual: (N, inputs, h, w) → the same.
        inputs: channels.
        skips: channels of the finer maps, finest first; those at the end of the list are joined first.
        narrowed: how many are kept of each by a 1×1 convolution; 0 joins none.
        outputs: channels after each doubling, deepest first; as many as there are skips.
        results: channels of the result.
        zero: begin with zeros.
    """

    def __init__(
        self,
        residual: nn.Module,
        inputs: int,
        skips: Sequence[int],
        narrowed: Sequence[int],
        outputs: Sequence[int],
        results: int,
        *,
        zero: bool = False,
    ) -> None:
        super().__init__()
        self.residual = residual
        self.narrow, self.blocks = nn.ModuleList(), nn.ModuleList()
        for skip, kept, width in zip(reversed(skips), reversed(narrowed), outputs, strict=True):
            self.narrow.append(nn.Conv2d(skip, kept, 1) if kept else nn.Identity())
            self.blocks.append(conv(inputs + kept, width))
            inputs = width
        self.joined = [kept > 0 for kept in reversed(narrowed)]
        self.head = nn.Conv2d(inputs, results, 3, padding=1)
        if zero:
            nn.init.zeros_(self.head.weight)
            assert self.head.bias is not None
            nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor, finer: Sequence[Tensor]) -> Tensor:
        """The shared maps and the finer ones, finest first → (N, results, H, W)."""
        x = self.residual(x)
        steps = zip(self.narrow, self.blocks, self.joined, reversed(finer), strict=True)
        for narrow, block, joined, skip in steps:
            x = double(x)
            x = block(torch.cat([x, narrow(skip)], 1) if joined else x)
        result: Tensor = self.head(x)
        return result


class PlainEncoder(nn.Module):
    """3×3 convolutions with batch norm and ReLU; the first of stride 1, the others of stride 2."""

    def __init__(self, inputs: int, widths: Sequence[int]) -> None:
        super().__init__()
        blocks = []
        for index, width in enumerate(widths):
            blocks.append(conv(inputs, width, stride=2 if index else 1))
            inputs = width
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, inputs, H, W) → a map a stride, 1 first."""
        maps = []
        for block in self.blocks:
            x = block(x)
            maps.append(x)
        return maps


class MobileImageEncoder(nn.Module):
    """MobileNetV2's maps at strides 2 to 8, a few at stride 1, and at 16 what it sees there and at 32.

    Args:
        encoder: with output stride 32.
        stem: maps at stride 1.
        deep: maps of stride 32 that are brought to stride 16.
    """

    def __init__(self, encoder: MobileNetV2, stem: int, deep: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.stem = conv(3, stem)
        self.deep = conv(320, deep, kernel=1)

    def forward(self, image: Tensor) -> list[Tensor]:
        """(N, 3, H, W) → five maps, stride 1 first."""
        seen = self.encoder(image)
        deep = torch.cat([seen.at16, double(self.deep(seen.deep))], 1)
        return [self.stem(image), seen.at2, seen.at4, seen.at8, deep]


def dlmn_paper(
    widths: tuple[int, int, int] = (64, 128, 256),
    blocks: tuple[int, int] = (7, 3),
    pair: int = 64,
    cues: Sequence[str] = tuple(CUES),
) -> DLMN:
    """The paper's network.

    Args:
        widths: of each encoder at strides 1, 2 and 4.
        blocks: residual blocks that both branches share, and of each branch (Background Matting's).
        pair: maps that the combinator leaves of a pair.
        cues: which of `CUES` there are.
    """
    deep = widths[-1]
    finer = widths[:-1]
    width_of = [len(cues) * w + w for w in finer]
    shared = [ResidualBlock(deep) for _ in range(blocks[0])]

    def branch(skips: Sequence[int], kept: Sequence[int], results: int) -> Branch:
        residual = nn.Sequential(*[ResidualBlock(deep) for _ in range(blocks[1])])
        outputs = (deep // 2, deep // 4)
        return Branch(residual, deep, skips, kept, outputs, results, zero=results == 3)

    return DLMN(
        PlainEncoder(3, widths),
        {name: PlainEncoder(CUES[name], widths) for name in cues},
        Combinator(deep, [deep] * len(cues), pair),
        nn.Sequential(conv(deep + pair * len(cues), deep, kernel=1), *shared),
        branch(width_of, (0, 0), 1),
        branch(finer, (widths[0], 0), 3),  # the image's finest maps, for the foreground alone
        relative=False,
        anchored=False,
    )


def dlmn_mobile(width: int = 16, cues: Sequence[str] = tuple(CUES)) -> DLMN:
    """The compact network, for the CPU.

    Args:
        width: channels of alpha's decoder at stride 1; the other strides follow.
        cues: which of `CUES` there are.
    """
    image = (4, 16, 24, 32, 96 + 96)
    cue = (4, 8, 16, 24, 48)
    inner, pair = 10 * width, 4 * width
    joined = [a + len(cues) * b for a, b in zip(image[:-1], cue[:-1], strict=True)]

    def blocks(count: int) -> nn.Module:
        return nn.Sequential(*[InvertedResidual(inner, inner, 1, 3) for _ in range(count)])

    return DLMN(
        MobileImageEncoder(MobileNetV2(output_stride=32), image[0], image[-1] - 96),
        {name: MobileSegmentationEncoder(cue[0], cue[1:], CUES[name]) for name in cues},
        Combinator(image[-1], [cue[-1]] * len(cues), pair),
        nn.Sequential(conv(image[-1] + pair * len(cues), inner, kernel=1), blocks(3)),
        Branch(
            blocks(1),
            inner,
            joined,
            (12, 20, 32, 48),
            (5 * width, 3 * width, 3 * width // 2, width),
            1,
            zero="mask" in cues,
        ),
        Branch(
            blocks(1),
            inner,
            image[:-1],
            (4, 8, 12, 16),
            (3 * width, 2 * width, width, width // 2),
            3,
            zero=True,
        ),
        relative=True,
        anchored="mask" in cues,
    )


def to_luma(image: Tensor) -> Tensor:
    """Luma of sRGB-encoded colours: (N, 3, H, W) → (N, 1, H, W)."""
    return LUMA[0] * image[:, :1] + LUMA[1] * image[:, 1:2] + LUMA[2] * image[:, 2:3]


def motion_of_still(image: Tensor) -> Tensor:
    """The motion cue of a still, which repeats itself: (N, 3, H, W) → (N, 4, H, W)."""
    return to_luma(image).expand(-1, CUES["motion"], -1, -1)


def mask_logits(mask: Tensor, surest: float) -> Tensor:
    """Logits of a mask in [0, 1] that is first kept `surest` from both ends."""
    sure = mask.clamp(surest, 1 - surest)
    return torch.log(sure) - torch.log(1 - sure)


def conv(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def double(x: Tensor) -> Tensor:
    """Twice the size, bilinearly."""
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)

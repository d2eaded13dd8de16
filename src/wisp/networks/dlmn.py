"""DLMN-G: alpha and foreground from an image, its soft segmentation, a trimap and a motion cue.

El Abdellaoui and Kachbal, background matting with DLMN-G and SSRN (Studies in Informatics and Control),
section 3 and figure 2; where its text is silent, Sengupta et al. 2020, "Background Matting: The World is Your
Green Screen", on which it builds:

    image ──▶ encoder ─┬──────────────────┐
    mask ───▶ encoder ─┼▶ combinator:     ─┼▶ residual ─┬─▶ residual blocks ─▶ decoder ─▶ alpha
    trimap ─▶ encoder ─┤  three pairs of   │  blocks    └─▶ residual blocks ─▶ decoder ─▶ foreground
    motion ─▶ encoder ─┘  64 maps each ────┘

Two builders: `dlmn_paper` has encoders of 3×3 convolutions that end in 256 maps at a quarter of the size,
`dlmn_mobile` the same figure around MobileNetV2, at a 32nd, for CPUs.

Choices (docs/decisions/018): alpha is a sigmoid; the foreground is the image plus what its decoder adds,
which begins at zero. Those of the compact network (docs/decisions/035): it is shown the motion cue less the
image's own grey, so that a still shows it zeros; its mask encoder sees the subject, image × mask, beside the
mask; its decoders join the encoders' maps of each stride and end at stride 2, where each place yields 2×2
pixels; its alpha begins as the mask, or as the lean portrait network's whose layers it can take over
(`take_over`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from wisp.core.arrays import LUMA
from wisp.networks.encoders.mobilenetv2 import InvertedResidual, MobileNetV2
from wisp.networks.layers import collect_maps, conv, double
from wisp.networks.portrait import (
    Decoder,
    MobileContentEncoder,
    MobileSegmentationEncoder,
    PortraitGenerator,
)

CUES: Final[Mapping[str, int]] = {"mask": 1, "trimap": 1, "motion": 4}
"""The cues beside the image, and their channels."""


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
        shaded: show the mask's encoder the subject, image × mask, beside the mask.
        anchored: add the mask's logits to alpha's.
        apart: the foreground's branch teaches nothing of what alpha is found with: it begins with nothing,
            and what it gets wrong then would spoil an alpha that is good already.
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
        relative: bool = False,
        shaded: bool = False,
        anchored: bool = False,
        apart: bool = False,
    ) -> None:
        super().__init__()
        self.image, self.cues = image, nn.ModuleDict(cues)
        self.combinator, self.residual = combinator, residual
        self.alpha, self.foreground = alpha, foreground
        self.relative, self.shaded, self.anchored = relative, shaded, anchored
        self.apart = apart

    def forward(self, image: Tensor, mask: Tensor, trimap: Tensor, motion: Tensor) -> Prediction:
        """Alpha's logits and the foreground.

        Args:
            image: (N, 3, H, W), sRGB-encoded RGB, [0, 1]; H and W multiples of 32.
            mask: (N, 1, H, W), soft person segmentation, [0, 1].
            trimap: (N, 1, H, W): 0, 128/255 or 1, made from the mask.
            motion: (N, 4, H, W), four neighbouring frames in grey, [0, 1]; of a still, its own grey.
        """
        logits, read = self._decode_alpha(image, mask, trimap, motion)
        first, *others = [maps.detach() for maps in read] if self.apart else read
        return Prediction(logits, image + self.foreground(first, others))

    def alpha_logits(self, image: Tensor, mask: Tensor, trimap: Tensor, motion: Tensor) -> Tensor:
        """Alpha's logits alone, (N, 1, H, W), without the foreground's branch; arguments as `forward`'s."""
        return self._decode_alpha(image, mask, trimap, motion)[0]

    def _decode_alpha(
        self, image: Tensor, mask: Tensor, trimap: Tensor, motion: Tensor
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Alpha's logits, and the maps that the foreground's branch reads, the coarsest first."""
        if self.relative:
            motion = motion - to_luma(image)
        shown = torch.cat([mask, image * mask], 1) if self.shaded else mask
        given = {"mask": shown, "trimap": trimap, "motion": motion}
        seen = self.image(image)
        cues = [encoder(given[name]) for name, encoder in self.cues.items()]
        shared = self.residual(self.combinator(seen[-1], [maps[-1] for maps in cues]))
        finer = [torch.cat(maps, 1) for maps in zip(seen[:-1], *(maps[:-1] for maps in cues), strict=True)]
        logits = self.alpha(shared, finer)
        if self.anchored:
            logits = logits + mask_logits(mask, SUREST)
        return logits, (shared, *seen[:-1])


class Combinator(nn.Module):
    """The image's maps joined with each cue's, a pair at a time: 1×1 convolution, batch norm, ReLU.

    Args:
        image: channels of the image's maps.
        cues: those of each cue's.
        widths: maps that are left of each pair.
    """

    def __init__(self, image: int, cues: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        self.pairs = nn.ModuleList(
            conv(image + cue, width, kernel=1) for cue, width in zip(cues, widths, strict=True)
        )

    def forward(self, image: Tensor, cues: Sequence[Tensor]) -> Tensor:
        """(N, image, H, W) and the cues' maps → the image's and those left of each pair, joined."""
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
        lean: the finest maps are of stride 2 as those before, and each place yields 2×2 pixels (as
            `wisp.networks.portrait.Decoder`).
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
        lean: bool = False,
    ) -> None:
        super().__init__()
        self.residual, self.lean = residual, lean
        self.narrow, self.blocks = nn.ModuleList(), nn.ModuleList()
        for skip, kept, width in zip(reversed(skips), reversed(narrowed), outputs, strict=True):
            self.narrow.append(nn.Conv2d(skip, kept, 1) if 0 < kept != skip else nn.Identity())
            self.blocks.append(conv(inputs + kept, width))
            inputs = width
        self.joined = [kept > 0 for kept in reversed(narrowed)]
        self.head = nn.Conv2d(inputs, 4 * results if lean else results, 3, padding=1)
        if zero:
            nn.init.zeros_(self.head.weight)
            assert self.head.bias is not None
            nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor, finer: Sequence[Tensor]) -> Tensor:
        """The shared maps and the finer ones, finest first → (N, results, H, W)."""
        x = self.residual(x)
        last = len(self.blocks) - 1
        steps = zip(self.narrow, self.blocks, self.joined, reversed(finer), strict=True)
        for index, (narrow, block, joined, skip) in enumerate(steps):
            x = x if self.lean and index == last else double(x)
            x = block(torch.cat([x, narrow(skip)], 1) if joined else x)
        result: Tensor = self.head(x)
        return functional.pixel_shuffle(result, 2) if self.lean else result


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
        return collect_maps(self.blocks, x)


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
        Combinator(deep, [deep] * len(cues), [pair] * len(cues)),
        nn.Sequential(conv(deep + pair * len(cues), deep, kernel=1), *shared),
        branch(width_of, (0, 0), 1),
        branch(finer, (widths[0], 0), 3),  # the image's finest maps, for the foreground alone
    )


def dlmn_mobile(
    width: int = 16, cues: Sequence[str] = tuple(CUES), *, anchored: bool = True, apart: bool = False
) -> DLMN:
    """The compact network, for the CPU.

    Args:
        width: channels of alpha's decoder at stride 2; the other strides follow.
        cues: which of `CUES` there are.
        anchored: whether alpha's logits are added to the mask's; not where it begins as a portrait network.
        apart: whether the foreground's branch learns by itself.
    """
    image = (16, 16, 24, 32, 96, 320)
    of_cue = {name: SHADED if name == "mask" else CUE for name in cues}
    kept_of_cue = [(4, 4, 16, 32) if name == "mask" else (4, 4, 8, 8) for name in cues]
    inner = 12 * width
    pairs = [4 * width if name == "mask" else 3 * width // 2 for name in cues]
    joined = [sum(maps) for maps in zip(image, *of_cue.values(), strict=True)]
    narrowed = [sum(maps) for maps in zip((12, 12, 32, 64), *kept_of_cue, strict=True)]

    def block() -> InvertedResidual:
        return InvertedResidual(inner, inner, 1, 4)

    def branch(skips: Sequence[int], kept: Sequence[int], outputs: Sequence[int], results: int) -> Branch:
        zero = results == 3 or (anchored and "mask" in cues)
        return Branch(nn.Sequential(block()), inner, skips, kept, outputs, results, zero=zero, lean=True)

    return DLMN(
        MobileContentEncoder(MobileNetV2(output_stride=32), image[0], stride=2),
        {name: _cue_encoder(name, of_cue[name]) for name in cues},
        Combinator(image[-1], [maps[-1] for maps in of_cue.values()], pairs),
        nn.Sequential(
            nn.Conv2d(image[-1] + sum(pairs), inner, 1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU6(),
            block(),
        ),
        branch(joined[:-1], (joined[0], *narrowed), [n * width for n in (4, 3, 2, 1, 2)], 1),
        branch(image[:-1], (image[0], 4, 8, 12, 16), [width * n // 2 for n in (3, 2, 1, 1, 1)], 3),
        relative=True,
        shaded="mask" in cues,
        anchored=anchored and "mask" in cues,
        apart=apart,
    )


SHADED: Final = (16, 8, 16, 32, 64, 96)
"""Maps of the compact network's mask encoder: two of stride 2, then one a stride; the portrait network's."""
CUE: Final = (8, 8, 12, 16, 24, 32)
"""Those of the trimap's and the motion cue's encoders."""


def _cue_encoder(name: str, maps: Sequence[int]) -> MobileSegmentationEncoder:
    inputs = 1 + 3 if name == "mask" else CUES[name]
    return MobileSegmentationEncoder(maps[0], maps[1:], inputs, stride=2)


@torch.no_grad()
def take_over(network: DLMN, portrait: PortraitGenerator) -> None:
    """Let the compact network begin as a lean portrait network: nearly its alpha, whatever the other cues.

    Encoders of image and mask, the first and the last residual block and alpha's decoder are the portrait
    network's; what the other cues add begins at zero. The combinator's pair of image and mask carries those
    directions of the mask's maps that weigh most in what the portrait network makes of them (a singular value
    decomposition), each with either sign.

    Args:
        network: of `dlmn_mobile` with the portrait network's width, the mask first among its cues, not
            anchored.
        portrait: the generator of `wisp.networks.portrait.portrait_mobile`, lean.

    Raises:
        RuntimeError: layers of other shapes, or another network.
    """
    decoder, alpha = portrait.decoder, network.alpha
    if not (isinstance(decoder, Decoder) and isinstance(alpha, Branch) and decoder.lean and alpha.lean):
        raise RuntimeError("a compact network and a lean portrait network are needed")
    network.image.load_state_dict(portrait.content.state_dict())
    network.cues["mask"].load_state_dict(portrait.segmentation.state_dict())
    theirs, ours = list(portrait.residual.children()), list(network.residual.children())
    for one, other in zip((*ours[1:], *alpha.residual.children()), (*theirs[1:4], theirs[-1]), strict=True):
        one.load_state_dict(other.state_dict())
    _carry_over(theirs[0], ours[0], network.combinator.get_submodule("pairs.0"))
    parts = zip(alpha.narrow, alpha.blocks, decoder.narrow_content, decoder.narrow_segmentation, strict=True)
    for index, (narrow, block, of_image, of_mask) in enumerate(parts):
        if isinstance(narrow, nn.Conv2d):
            _stack(narrow, of_image, of_mask)
        earlier, earlier_norm = _first_two(decoder.blocks[index])
        convolution, norm = _first_two(block)
        convolution.weight.zero_()
        convolution.weight[:, : earlier.in_channels] = earlier.weight
        norm.load_state_dict(earlier_norm.state_dict())
    alpha.head.load_state_dict(decoder.head.state_dict())


def _carry_over(theirs: nn.Module, ours: nn.Module, pair: nn.Module) -> None:
    """Make a 1×1 convolution of image and mask maps anew from the image's maps and from a pair's."""
    assert isinstance(theirs, nn.Conv2d)
    assert isinstance(ours, nn.Conv2d)
    joined, seen = theirs.weight[..., 0, 0], theirs.in_channels - SHADED[-1]
    paired, norm = _first_two(pair)
    count = paired.out_channels // 2
    left, sizes, right = torch.linalg.svd(joined[:, seen:])
    paired.weight.zero_()
    paired.weight[:, seen:, 0, 0] = torch.cat([right[:count], -right[:count]])
    _do_nothing(norm)
    weight = left[:, :count] * sizes[:count]
    ours.weight.zero_()
    ours.weight[:, :seen, 0, 0] = joined[:, :seen]
    ours.weight[:, seen : seen + 2 * count, 0, 0] = torch.cat([weight, -weight], 1)


def _first_two(block: nn.Module) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    """The convolution and the batch norm that a block begins with."""
    convolution, norm, *_ = block.children()
    assert isinstance(convolution, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    return convolution, norm


def _stack(narrow: nn.Conv2d, of_image: nn.Module, of_mask: nn.Module) -> None:
    """Two 1×1 convolutions, of the first maps and of those after them, as the first rows of one."""
    assert narrow.bias is not None
    row = column = 0
    for one in (of_image, of_mask):
        assert isinstance(one, nn.Conv2d)
        assert one.bias is not None
        rows, columns = slice(row, row + one.out_channels), slice(column, column + one.in_channels)
        narrow.weight[rows] = 0
        narrow.weight[rows, columns] = one.weight
        narrow.bias[rows] = one.bias
        row, column = rows.stop, columns.stop


def _do_nothing(norm: nn.BatchNorm2d) -> None:
    """Let a batch norm return what it is given, and hold no statistics."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    nn.init.ones_(norm.weight)
    nn.init.zeros_(norm.bias)
    norm.running_mean.zero_()
    norm.running_var.fill_(1 - norm.eps)


def to_luma(image: Tensor) -> Tensor:
    """Luma of sRGB-encoded colours: (N, 3, H, W) → (N, 1, H, W)."""
    return LUMA[0] * image[:, :1] + LUMA[1] * image[:, 1:2] + LUMA[2] * image[:, 2:3]


def mask_logits(mask: Tensor, surest: float) -> Tensor:
    """Logits of a mask in [0, 1] that is first kept `surest` from both ends."""
    sure = mask.clamp(surest, 1 - surest)
    return torch.log(sure) - torch.log(1 - sure)

"""Portrait matting from one photo and a coarse person mask.

Yaman, Ekenel, Waibel 2022, "Alpha Matte Generation from Single Input for Portrait Matting" (CVPRW):

    image ──────────────────▶ content encoder ──────┬─▶ residual blocks ─▶ decoder ─▶ alpha ─▶ refinement
    mask, image × mask ─────▶ segmentation encoder ─┘                        ▲
                                    skips of both, narrowed by 1×1 ──────────┘

Two builders: `portrait_paper` has the paper's two U-Net encoders (Isola et al. 2017, "pix2pix"), and
`portrait_mobile` the same figure around MobileNetV2, made of operators that CPUs run in bf16 and int8.

Deviations: the decoder resizes and convolves instead of transposed convolutions, which leave checkerboards;
norms are instance norms in the paper's network (what batch norm is at its batch of one). Numbers that the
paper leaves open: five strides, four residual blocks, skips narrowed to half of an encoder's channels. The
compact network has narrow skips down to stride 1, where hair is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from wisp.networks.encoders.mobilenetv2 import InvertedResidual, MobileNetV2
from wisp.networks.layers import collect_maps, conv, double

PATCH: Final = 64
"""Side of the patches that the border refinement sees, pixels."""
STRIDE: Final = PATCH // 2
"""Distance between neighbouring patches."""
BORDER: Final = 0.1
"""A patch is on the border where alpha varies by more than this within `REACH` pixels."""
REACH: Final = 3


class Prediction(NamedTuple):
    """Logits and alphas of `Portrait`, (N, 1, H, W) each.

    Attributes:
        logits: the generator's; their sigmoid is the alpha before refinement.
        alpha: after refinement, [0, 1].
        coverage: how far each pixel was refined, [0, 1]; 0 where alpha is the generator's own.
    """

    logits: Tensor
    alpha: Tensor
    coverage: Tensor


class PortraitGenerator(nn.Module):
    """Image and coarse mask → alpha's logits: the paper's figure 1 without the refinement.

    Args:
        content: image (N, 3, H, W) → maps, finest first; stride 2 from one to the next.
        segmentation: mask and image × mask (N, 4, H, W) → maps of the same sizes.
        residual: joined deepest maps → the decoder's first input, same size.
        decoder: that and the remaining maps of both, deepest first → logits (N, 1, H, W).
    """

    def __init__(
        self, content: nn.Module, segmentation: nn.Module, residual: nn.Module, decoder: nn.Module
    ) -> None:
        super().__init__()
        self.content, self.segmentation = content, segmentation
        self.residual, self.decoder = residual, decoder

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """Alpha's logits.

        Args:
            image: (N, 3, H, W), sRGB-encoded RGB, [0, 1]; H and W multiples of 32.
            mask: (N, 1, H, W), soft person segmentation, [0, 1].

        Returns:
            (N, 1, H, W); `torch.sigmoid` of it is alpha.
        """
        content = self.content(image)
        segmentation = self.segmentation(self.guidance(image, mask))
        deep = self.residual(torch.cat([content[-1], segmentation[-1]], 1))
        logits: Tensor = self.decoder(deep, content[-2::-1], segmentation[-2::-1])
        return logits

    def guidance(self, image: Tensor, mask: Tensor) -> Tensor:
        """Lay mask and subject, image × mask, side by side for the segmentation encoder: (N, 4, H, W)."""
        return torch.cat([mask, image * mask], 1)


class Decoder(nn.Module):
    """Resize by two, join both encoders' narrowed maps of that size, convolve; once a stride.

    Args:
        inputs: channels of the deepest map.
        content: channels of the content encoder's maps, deepest first, without the deepest.
        segmentation: those of the segmentation encoder.
        narrowed: channels that the skips of each encoder keep at each stride: (content, segmentation).
        outputs: channels after each stride. With one more entry than skips there is a last stride without.
        instance: instance norm instead of batch norm.
        lean: the last entry stays at the stride before, 2, and so do its skips, which are not narrowed; there
            each position yields 2×2 pixels (Shi et al. 2016, "Real-Time Single Image and Video
            Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network", CVPR).
    """

    def __init__(
        self,
        inputs: int,
        content: Sequence[int],
        segmentation: Sequence[int],
        narrowed: Sequence[tuple[int, int]],
        outputs: Sequence[int],
        *,
        instance: bool = False,
        lean: bool = False,
    ) -> None:
        super().__init__()
        self.lean = lean
        self.narrow_content = nn.ModuleList(
            nn.Conv2d(a, b, 1) for a, (b, _) in zip(content, narrowed, strict=True)
        )
        self.narrow_segmentation = nn.ModuleList(
            nn.Conv2d(a, b, 1) for a, (_, b) in zip(segmentation, narrowed, strict=True)
        )
        if lean:
            self.narrow_content[-1] = self.narrow_segmentation[-1] = nn.Identity()
        blocks = []
        for index, width in enumerate(outputs):
            skips = sum(narrowed[index]) if index < len(narrowed) else 0
            blocks.append(conv(inputs + skips, width, instance=instance))
            inputs = width
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Conv2d(inputs, 4 if lean else 1, 3, padding=1)

    def forward(self, x: Tensor, content: Sequence[Tensor], segmentation: Sequence[Tensor]) -> Tensor:
        """Deepest map and skips, deepest first → logits; an encoder without skips has none of them."""
        last = len(self.blocks) - 1
        for index, block in enumerate(self.blocks):
            joined = [x if self.lean and index == last else double(x)]
            if index < len(content):
                joined.append(self.narrow_content[index](content[index]))
            if index < len(segmentation):
                joined.append(self.narrow_segmentation[index](segmentation[index]))
            x = block(torch.cat(joined, 1))
        logits: Tensor = self.head(x)
        return functional.pixel_shuffle(logits, 2) if self.lean else logits


class UNetEncoder(nn.Module):
    """The encoder of pix2pix's U-Net generator: 4×4 convolutions of stride 2, instance norm, leaky ReLU.

    Args:
        inputs: channels.
        widths: channels after each convolution; the first has no norm.
    """

    def __init__(self, inputs: int, widths: Sequence[int]) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for index, width in enumerate(widths):
            norm = [nn.InstanceNorm2d(width, affine=True)] if index else []
            blocks.append(nn.Sequential(nn.Conv2d(inputs, width, 4, 2, 1), *norm, nn.LeakyReLU(0.2)))
            inputs = width
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, inputs, H, W) → a map a stride, 2 first."""
        return collect_maps(self.blocks, x)


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with instance norms, added to the input (He et al. 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv(channels, channels, instance=True),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.InstanceNorm2d(channels, affine=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W), in and out."""
        result: Tensor = x + self.body(x)
        return result


class MobileContentEncoder(nn.Module):
    """MobileNetV2's maps of strides 2 to 32, and a few maps of the image itself.

    Args:
        encoder: with output stride 32.
        stem: how many of the image itself.
        stride: theirs, 1 or 2.
    """

    def __init__(self, encoder: MobileNetV2, stem: int, stride: int = 1) -> None:
        super().__init__()
        self.encoder = encoder
        self.stem = _stem(3, stem, stride)

    def forward(self, image: Tensor) -> list[Tensor]:
        """(N, 3, H, W) → six maps, those of the image itself first, then strides 2 to 32."""
        return [self.stem(image), *self.encoder(image)]


class MobileSegmentationEncoder(nn.Module):
    """Two convolutions, then inverted residuals, of stride 2 each, over mask and image × mask.

    Args:
        stem: maps of its inputs themselves.
        widths: channels at strides 2, 4, ….
        inputs: channels of what it sees.
        stride: that of the stem, 1 or 2.
    """

    def __init__(self, stem: int, widths: Sequence[int], inputs: int = 4, stride: int = 1) -> None:
        super().__init__()
        self.stem = _stem(inputs, stem, stride)
        blocks: list[nn.Module] = [conv(inputs, widths[0], stride=2), conv(widths[0], widths[1], stride=2)]
        blocks += [InvertedResidual(a, b, 2, 3) for a, b in pairwise(widths[1:])]
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, inputs, H, W) → the stem's maps, then a map a stride, 2 first."""
        return [self.stem(x), *collect_maps(self.blocks, x)]


class PatchNetwork(nn.Module):
    """Small encoder–decoder over patches of image and alpha; yields what to add to alpha.

    Args:
        width: channels at stride 1; twice at 2, three times at 4.
        instance: instance norm instead of batch norm.

    It begins as the identity: its last convolution is zero.
    """

    def __init__(self, width: int = 16, *, instance: bool = False) -> None:
        super().__init__()
        one, two, four = width, 2 * width, 3 * width
        self.encode1 = conv(4, one, instance=instance)
        self.encode2 = conv(one, two, stride=2, instance=instance)
        self.encode4 = nn.Sequential(
            conv(two, four, stride=2, instance=instance),
            conv(four, four, instance=instance),
            conv(four, four, instance=instance),
        )
        self.decode2 = conv(four + two, two, instance=instance)
        self.decode1 = conv(two + one, one, instance=instance)
        self.head = nn.Conv2d(one, 1, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        if self.head.bias is not None:
            nn.init.zeros_(self.head.bias)

    def forward(self, image: Tensor, alpha: Tensor) -> Tensor:
        """Patches (P, 3, S, S) and (P, 1, S, S), S a multiple of 4 → residual (P, 1, S, S)."""
        at1 = self.encode1(torch.cat([image, alpha], 1))
        at2 = self.encode2(at1)
        x = self.decode2(torch.cat([double(self.encode4(at2)), at2], 1))
        residual: Tensor = self.head(self.decode1(torch.cat([double(x), at1], 1)))
        return residual


class BorderRefinement(nn.Module):
    """Correct alpha in 64×64 patches along the subject's border and blend the corrections without seams.

    Patches lie on a grid of half their side and are weighted by a squared sine, whose copies on that grid add
    up to 1: where all patches around a pixel are refined it gets their weighted mean, and towards patches
    that are not, corrections fade to nothing. In training, where a bounded number is drawn at random, the
    sum is divided by the weights that were there, so that a pixel of a lone patch is judged by its whole
    correction.

    Args:
        network: patches of image and alpha → residual.
    """

    def __init__(self, network: PatchNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, alpha: Tensor, patches: int | None = None) -> tuple[Tensor, Tensor]:
        """Refine.

        Args:
            image: (N, 3, H, W), [0, 1].
            alpha: (N, 1, H, W), [0, 1].
            patches: at most this many in the batch, drawn at random; all on the border when None.

        Returns:
            Refined alpha and coverage, (N, 1, H, W) each, [0, 1].
        """
        cells = border_cells(alpha)
        if patches is not None and len(cells) > patches:
            cells = cells[torch.randperm(len(cells), device=cells.device)[:patches]]
        if len(cells) == 0:
            return alpha, torch.zeros_like(alpha)
        residual = self.network(gather_patches(image, cells), gather_patches(alpha, cells))
        window = patch_window(alpha)
        correction = scatter_patches(residual.float() * window, cells, alpha)
        coverage = scatter_patches(window.expand(len(cells), 1, PATCH, PATCH), cells, alpha)
        if self.training:
            correction = correction / coverage.clamp_min(1e-3)
        return (alpha + correction).clamp(0, 1), coverage.clamp_max(1)


class Portrait(nn.Module):
    """Generator and refinement, trained jointly.

    Args:
        generator: image and mask → logits.
        refinement: image and alpha → better alpha and coverage, as `BorderRefinement`.
    """

    def __init__(self, generator: PortraitGenerator, refinement: nn.Module) -> None:
        super().__init__()
        self.generator, self.refinement = generator, refinement

    def forward(
        self, image: Tensor, mask: Tensor, patches: int | None = None, reduction: float = 1.0
    ) -> Prediction:
        """Alpha from an image and a coarse mask.

        Args:
            image: (N, 3, H, W), sRGB-encoded RGB, [0, 1]; H and W multiples of 32.
            mask: (N, 1, H, W), [0, 1].
            patches: as in `BorderRefinement`.
            reduction: at least 1; alpha is shrunk by this factor and enlarged again before it is refined, as
                it is where a large photo is refined at its own resolution.
        """
        logits = self.generator(image, mask).float()
        coarse = torch.sigmoid(logits)
        if reduction > 1:
            small = [max(1, round(side / reduction)) for side in coarse.shape[2:]]
            shrunk = functional.interpolate(
                coarse, size=small, mode="bilinear", align_corners=False, antialias=True
            )
            coarse = functional.interpolate(
                shrunk, size=logits.shape[2:], mode="bilinear", align_corners=False
            )
        alpha, coverage = self.refinement(image, coarse, patches)
        return Prediction(logits, alpha, coverage)


def portrait_mobile(width: int = 16, *, lean: bool = False) -> Portrait:
    """The compact network, for the CPU.

    Args:
        width: channels of the decoder at stride 1; the other strides follow.
        lean: fewer channels in the decoder, and no convolutions at stride 1, whose few channels fill no
            vector: its last stage is at stride 2. `wisp.training.pruning` makes it of a trained network.
    """
    deep = 12 * width
    segmentation = (8, 16, 32, 64, 96)
    stem, stride = (16, 2) if lean else (4, 1)
    outputs = (4, 3, 2, 1, 2) if lean else (8, 5, 3, 1.5, 1)
    generator = PortraitGenerator(
        MobileContentEncoder(MobileNetV2(output_stride=32), stem, stride),
        MobileSegmentationEncoder(stem, segmentation, stride=stride),
        nn.Sequential(
            nn.Conv2d(320 + 96, deep, 1, bias=False),
            nn.BatchNorm2d(deep),
            nn.ReLU6(),
            *[InvertedResidual(deep, deep, 1, 4) for _ in range(4)],
        ),
        Decoder(
            deep,
            content=(96, 32, 24, 16, stem),
            segmentation=(*segmentation[-2::-1], stem),
            narrowed=((64, 32), (32, 16), (12, 4), (12, 4), (stem, stem)),
            outputs=[int(share * width) for share in outputs],
            lean=lean,
        ),
    )
    return Portrait(generator, BorderRefinement(PatchNetwork(16)))


def portrait_paper(widths: Sequence[int] = (64, 128, 256, 512, 512), blocks: int = 4) -> Portrait:
    """The paper's network, for 1280×768.

    Args:
        widths: channels of either encoder at strides 2, 4, ….
        blocks: residual blocks.
    """
    skips = tuple(widths[-2::-1])
    generator = PortraitGenerator(
        UNetEncoder(3, widths),
        UNetEncoder(4, widths),
        nn.Sequential(*[ResidualBlock(2 * widths[-1]) for _ in range(blocks)]),
        Decoder(
            2 * widths[-1],
            content=skips,
            segmentation=skips,
            narrowed=[(width // 2, width // 2) for width in skips],
            outputs=(*skips, widths[0] // 2),
            instance=True,
        ),
    )
    return Portrait(generator, BorderRefinement(PatchNetwork(32, instance=True)))


def border_cells(alpha: Tensor) -> Tensor:
    """Patches on the subject's border.

    Args:
        alpha: (N, 1, H, W), [0, 1].

    Returns:
        int64 (P, 3): place in the batch, row and column on the grid (`grid_size`). Cell (r, c) spans rows
        STRIDE·(r − 1) … STRIDE·(r + 1) − 1 of the image, and columns alike.
    """
    with torch.no_grad():
        side = 2 * REACH + 1
        high = functional.max_pool2d(alpha.float(), side, 1, REACH)
        low = -functional.max_pool2d(-alpha.float(), side, 1, REACH)
        varied = _padded(((high - low) > BORDER).float(), "constant")
        return functional.max_pool2d(varied, PATCH, STRIDE)[:, 0].nonzero()


def grid_size(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of patches that cover an image twice in either direction."""
    return -(-height // STRIDE) + 1, -(-width // STRIDE) + 1


def gather_patches(x: Tensor, cells: Tensor) -> Tensor:
    """Patches of (N, C, H, W) at `cells` (P, 3) → (P, C, PATCH, PATCH); edges repeat outside the image."""
    padded = _padded(x, "replicate")
    return padded[_places(cells, padded)].permute(0, 3, 1, 2)


def scatter_patches(patches: Tensor, cells: Tensor, like: Tensor) -> Tensor:
    """Sum of patches (P, 1, PATCH, PATCH) at their cells, in the size (N, 1, H, W) of `like`."""
    n, _, height, width = like.shape
    rows, columns = grid_size(height, width)
    total = patches.new_zeros(n, (rows + 1) * STRIDE, (columns + 1) * STRIDE)
    batch, _, y, x = _places(cells, total[:, None])
    total = total.index_put((batch, y, x), patches[:, 0], accumulate=True)
    return total[:, None, STRIDE : STRIDE + height, STRIDE : STRIDE + width]


def patch_window(like: Tensor) -> Tensor:
    """Weights (1, 1, PATCH, PATCH) of a patch's pixels; the four over a pixel add up to 1."""
    place = (torch.arange(PATCH, device=like.device, dtype=torch.float32) + 0.5) / PATCH
    line = torch.sin(torch.pi * place) ** 2
    return (line[:, None] * line[None, :])[None, None]


def _places(cells: Tensor, padded: Tensor) -> tuple[Tensor, slice, Tensor, Tensor]:
    """Index of every pixel of the cells in a padded (N, C, H, W); gathers as (P, PATCH, PATCH, C)."""
    offset = torch.arange(PATCH, device=padded.device)
    y = (cells[:, 1, None] * STRIDE + offset)[:, :, None]
    x = (cells[:, 2, None] * STRIDE + offset)[:, None, :]
    return cells[:, 0, None, None], slice(None), y, x


def _padded(x: Tensor, mode: str) -> Tensor:
    """(N, C, H, W) with half a patch all round, and up to the grid at the right and the bottom."""
    height, width = x.shape[2:]
    rows, columns = grid_size(height, width)
    right, bottom = columns * STRIDE - width, rows * STRIDE - height
    return functional.pad(x, (STRIDE, right, STRIDE, bottom), mode=mode)


def _stem(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """Build a network's first layers: a convolution that misses no pixel, norm, ReLU; stride 1 or 2."""
    if stride == 1:
        return conv(inputs, outputs)
    convolution = nn.Conv2d(inputs, outputs, 2 * stride, stride, stride // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())

"""Matting of the unknown part of a trimap: Deep Image Matting.

Xu, Price, Cohen, Huang 2017, "Deep Image Matting" (CVPR). Two stages:

    image, trimap ─▶ encoder ─▶ decoder ─▶ coarse alpha ─┬───────────────────────────(+)─▶ alpha
              maxima └──────────▶┘  image, alpha · 255 ──┴─▶ four 3×3 convolutions ───┘

`dim_vgg16` is the paper's network: VGG-16's thirteen convolutions and fc6 as a convolution, five max-poolings
whose indices steer the decoder's unpoolings. `wisp.networks.dim_mobile` has the compact one.

Where this deviates: unpooling multiplies by the mask of the maxima, which places values exactly where the
indices say (`first_maxima`) and consists of operators that every runtime has. The refinement's last
convolution begins at zero, so that the second stage starts as the identity. Clamping alpha lets gradients
pass in training (`clamp_alpha`): otherwise a pixel that starts below 0 never learns.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from wisp.core.errors import InputError
from wisp.networks.checkpoints import read_checkpoint
from wisp.networks.encoders.mobilenetv2 import IMAGENET_MEAN, IMAGENET_STD
from wisp.networks.encoders.vgg16 import STAGES
from wisp.networks.layers import repeat

FC6: Final = 4096
"""Channels of VGG-16's first fully connected layer."""
DECODER: Final = (512, 512, 256, 128, 64, 64)
"""Channels of the paper's decoder: of its 1×1 convolution, then of the 5×5 one after each unpooling."""


class Prediction(NamedTuple):
    """Alphas of `DeepImageMatting`, (N, 1, H, W) each, [0, 1], 0 and 1 where the trimap says so.

    Attributes:
        coarse: alpha of the first stage.
        alpha: alpha of the second; the first's where the refinement was left out.
    """

    coarse: Tensor
    alpha: Tensor


class DeepImageMatting(nn.Module):
    """Both stages.

    Args:
        stage: image and trimap, and a prior where it takes one → alpha that may leave [0, 1].
        refinement: image and alpha → alpha that may leave [0, 1].
    """

    def __init__(self, stage: nn.Module, refinement: Refinement) -> None:
        super().__init__()
        self.stage, self.refinement = stage, refinement

    def forward(
        self, image: Tensor, trimap: Tensor, prior: Tensor | None = None, *, refine: bool = True
    ) -> Prediction:
        """Alpha from an image and a trimap.

        Args:
            image: (N, 3, H, W), sRGB-encoded RGB, [0, 1]; H and W multiples of 32.
            trimap: (N, 1, H, W): 0 background, about 0.5 unknown, 1 foreground.
            prior: an initial alpha (`wisp.matting.classical.initial_alpha`), (N, 1, H, W), [0, 1],
                for stages that take one.
            refine: with the second stage.
        """
        inputs = (image, trimap) if prior is None else (image, trimap, prior)
        coarse = clamp_alpha(self.stage(*inputs), training=self.training)
        coarse = within_unknown(coarse, trimap)
        if not refine:
            return Prediction(coarse, coarse)
        refined = clamp_alpha(self.refinement(image, coarse), training=self.training)
        return Prediction(coarse, within_unknown(refined, trimap))


class Refinement(nn.Module):
    """The second stage: 3×3 convolutions over image and alpha, whose result is added to alpha.

    Args:
        widths: channels of all convolutions but the last.
        scale: what image and alpha are multiplied by; the paper has 255.
    """

    def __init__(self, widths: tuple[int, ...] = (64, 64, 64), scale: float = 255.0) -> None:
        super().__init__()
        self.scale = scale
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((4, *widths)):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
        last = nn.Conv2d(widths[-1], 1, 3, padding=1)
        nn.init.zeros_(last.weight)
        assert last.bias is not None
        nn.init.zeros_(last.bias)
        self.layers = nn.Sequential(*layers, last)

    def forward(self, image: Tensor, alpha: Tensor) -> Tensor:
        """Image (N, 3, H, W) and alpha (N, 1, H, W), both in [0, 1] → alpha, not clamped."""
        residual: Tensor = self.layers(torch.cat([image, alpha], 1) * self.scale)
        return alpha + residual


class VGG16Stage(nn.Module):
    """The paper's first stage.

    The encoder's parameters bear torchvision's names; its first convolution has a fourth input channel, for
    the trimap, that begins at zero.

    Args:
        width: share of the paper's channels, for tests; its decoder's unpoolings need those of the encoder.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))

        def scaled(channels: int) -> int:
            return max(1, round(channels * width))

        layers: list[nn.Module] = []
        inputs = 3
        for stage in STAGES:
            for channels in map(scaled, stage):
                layers += [nn.Conv2d(inputs, channels, 3, padding=1), nn.ReLU()]
                inputs = channels
            layers.append(nn.MaxPool2d(2))
        self.fc6 = nn.Conv2d(inputs, scaled(FC6), 7, padding=3)
        for layer in (*layers, self.fc6):
            _start(layer, nn.init.kaiming_normal_)  # where no weights are loaded
        layers[0] = widen(layers[0], 1)
        self.features = nn.Sequential(*layers)
        widths = [scaled(channels) for channels in DECODER]
        self.reduce = nn.Conv2d(scaled(FC6), widths[0], 1)
        self.decode = nn.ModuleList(nn.Conv2d(a, b, 5, padding=2) for a, b in pairwise(widths))
        self.head = nn.Conv2d(widths[-1], 1, 5, padding=2)
        for layer in (self.reduce, *self.decode, self.head):
            _start(layer, nn.init.xavier_uniform_)

    def forward(self, image: Tensor, trimap: Tensor) -> Tensor:
        """Image (N, 3, H, W) and trimap (N, 1, H, W) in [0, 1], sides multiples of 32 → alpha, unclamped."""
        x = torch.cat([(image - self.mean) / self.std, trimap], 1)
        places = []
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d):
                places.append(first_maxima(x))
            x = layer(x)
        x = functional.relu(self.reduce(functional.relu(self.fc6(x))))
        for convolution, place in zip(self.decode, reversed(places), strict=True):
            x = functional.relu(convolution(repeat(x) * place))
        alpha: Tensor = self.head(x)
        return alpha

    def load_torchvision(self, path: Path) -> None:
        """Start the encoder from torchvision's ``vgg16`` checkpoint (ImageNet).

        The thirteen convolutions must be there. fc6 (``classifier.0``) is loaded where the file has it and
        stays random otherwise; the trimap's channel stays zero.

        Raises:
            InputError: the file is missing or holds something else.
        """
        accepted = "torchvision's vgg16 checkpoint is accepted"
        state = read_checkpoint(path, accepted)
        wanted = {name: values for name, values in state.items() if name.startswith("features.")}
        first = wanted.get("features.0.weight")
        if first is not None:
            wanted["features.0.weight"] = functional.pad(first, (0, 0, 0, 0, 0, 1))
        try:
            self.features.load_state_dict({name[len("features.") :]: x for name, x in wanted.items()})
            if "classifier.0.weight" in state:
                fc6 = {"weight": state["classifier.0.weight"].reshape(self.fc6.weight.shape)}
                self.fc6.load_state_dict({**fc6, "bias": state["classifier.0.bias"]})
        except (RuntimeError, KeyError) as error:
            first_line = str(error).strip().splitlines()[-1].strip()
            raise InputError(path, f"is no VGG-16 ({first_line})", accepted) from error


def _start(layer: nn.Module, initialise: Callable[[Tensor], Tensor]) -> None:
    """Random weights and no bias, where the layer is a convolution."""
    if isinstance(layer, nn.Conv2d):
        initialise(layer.weight)
        assert layer.bias is not None
        nn.init.zeros_(layer.bias)


def dim_vgg16(width: float = 1.0) -> DeepImageMatting:
    """The paper's network, 130 million parameters at its own width.

    Args:
        width: share of the paper's channels, for tests.
    """
    channels = max(1, round(64 * width))
    return DeepImageMatting(VGG16Stage(width), Refinement((channels, channels, channels)))


def widen(convolution: nn.Module, channels: int) -> nn.Conv2d:
    """A convolution with more input channels, whose weights for the new ones are zero.

    Args:
        convolution: what to widen, an `nn.Conv2d` without groups.
        channels: how many to add, behind the present ones.
    """
    assert isinstance(convolution, nn.Conv2d)
    assert convolution.groups == 1
    wide = nn.Conv2d(
        convolution.in_channels + channels,
        convolution.out_channels,
        convolution.kernel_size,  # type: ignore[arg-type]
        convolution.stride,  # type: ignore[arg-type]
        convolution.padding,  # type: ignore[arg-type]
        bias=convolution.bias is not None,
    )
    with torch.no_grad():
        wide.weight.zero_()
        wide.weight[:, : convolution.in_channels] = convolution.weight
        if wide.bias is not None and convolution.bias is not None:
            wide.bias.copy_(convolution.bias)
    return wide


def first_maxima(x: Tensor) -> Tensor:
    """1 at the first largest value of each 2×2 cell, 0 at the other three.

    ``repeat(y) * first_maxima(x)`` is what `functional.max_unpool2d` makes of ``y`` and the indices with
    which `functional.max_pool2d` pools ``x``, in operators that ONNX and OpenVINO have.

    Args:
        x: (N, C, H, W), H and W even.

    Returns:
        (N, C, H, W).
    """
    with torch.no_grad():
        # The places of a cell side by side, in the order in which pooling reads them: (N, C, 4, H/2, W/2).
        n, channels, height, width = x.shape
        cells = functional.pixel_unshuffle(x, 2).reshape(n, channels, 4, height // 2, width // 2)
        largest = (cells == cells.amax(2, keepdim=True)).to(x.dtype)
        taken = torch.cumsum(largest, 2)  # 1 from the first largest on, until the second
        first = largest * (taken < 1.5).to(x.dtype)
        return functional.pixel_shuffle(first.flatten(1, 2), 2)


def clamp_alpha(alpha: Tensor, *, training: bool) -> Tensor:
    """Alpha thresholded between 0 and 1, through which gradients pass unchanged in training."""
    clamped = alpha.clamp(0, 1)
    return alpha + (clamped - alpha).detach() if training else clamped


def regions(trimap: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Known background, unknown, known foreground: 1 inside and 0 outside, (N, 1, H, W) each.

    Args:
        trimap: (N, 1, H, W): 0, anything from 1/4 to 3/4, 1.
    """
    foreground = (4 * trimap - 3).clamp(0, 1)
    background = (1 - 4 * trimap).clamp(0, 1)
    return background, 1 - foreground - background, foreground


def within_unknown(alpha: Tensor, trimap: Tensor) -> Tensor:
    """Alpha where the trimap is unknown, exactly 0 and 1 where it is not; (N, 1, H, W) each."""
    _, unknown, foreground = regions(trimap)
    return alpha * unknown + foreground

"""MobileNetV2 (Sandler et al. 2018, "Inverted Residuals and Linear Bottlenecks") as a feature encoder.

Parameter names are torchvision's (``features.0.0.weight`` …), so its published checkpoint loads strictly.
The classifier is left out, and so is the last 1×1 convolution to 1280 maps (``features.18``), which only
feeds it.

Deviation from the paper: the output stride can be held at 16 by dilating the last stages instead of
striding (DeepLabV3+, Chen et al. 2018), which keeps every weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple

import torch
from torch import Tensor, nn

from wisp.core.errors import InputError
from wisp.networks.checkpoints import read_checkpoint
from wisp.networks.depthwise import DepthwiseConv

IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_STD: Final = (0.229, 0.224, 0.225)
MODNET_MEAN: Final = (0.5, 0.5, 0.5)
MODNET_STD: Final = (0.5, 0.5, 0.5)

# expansion, channels, repeats, stride: table 2 of the paper.
STAGES: Final = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class Features(NamedTuple):
    """The encoder's maps (N, C, H/s, W/s) for an input (N, 3, H, W), by stride s."""

    at2: Tensor
    """16 channels, stride 2."""
    at4: Tensor
    """24 channels, stride 4."""
    at8: Tensor
    """32 channels, stride 8."""
    at16: Tensor
    """96 channels, stride 16."""
    deep: Tensor
    """320 channels, stride 16 or 32 (the encoder's output stride)."""


class InvertedResidual(nn.Module):
    """1×1 expansion, 3×3 depth-wise, 1×1 linear projection; a skip where shapes allow it."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int, dilation: int = 1) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.skip = stride == 1 and inputs == outputs
        layers: list[nn.Module] = []
        if expansion != 1:
            layers.append(_conv_bn_relu6(inputs, hidden, kernel=1))
        layers += [
            _conv_bn_relu6(hidden, hidden, kernel=3, stride=stride, groups=hidden, dilation=dilation),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) → (N, outputs, H/stride, W/stride)."""
        y: Tensor = self.conv(x)
        return x + y if self.skip else y


class MobileNetV2(nn.Module):
    """Encoder with skips.

    Args:
        output_stride: 32 as in the paper, or 16 with a dilated last stage.
        mean: per-channel mean taken from the [0, 1] image, kept in a buffer.
        std: per-channel deviation it is divided by, kept in a buffer.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        output_stride: Literal[16, 32] = 32,
        mean: tuple[float, float, float] = IMAGENET_MEAN,
        std: tuple[float, float, float] = IMAGENET_STD,
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))
        blocks: list[nn.Module] = [_conv_bn_relu6(3, 32, kernel=3, stride=2)]
        channels, total_stride, dilation = 32, 2, 1
        for expansion, width, repeats, first_stride in STAGES:
            for repeat in range(repeats):
                stride = first_stride if repeat == 0 else 1
                own_dilation = dilation
                if stride == 2 and total_stride == output_stride:
                    stride, dilation = 1, dilation * 2
                total_stride *= stride
                blocks.append(InvertedResidual(channels, width, stride, expansion, own_dilation))
                channels = width
        self.features = nn.Sequential(*blocks)

    def forward(self, image: Tensor) -> Features:
        """Encode an image.

        Args:
            image: (N, 3, H, W), sRGB-encoded RGB, [0, 1]; H and W multiples of the output stride.
        """
        return self.maps((image - self.mean) / self.std)

    def maps(self, x: Tensor) -> Features:
        """Encode what is normalised already, with as many channels as the first convolution has."""
        taps: dict[int, Tensor] = {}
        for index, block in enumerate(self.features):
            x = block(x)
            taps[index] = x
        return Features(taps[1], taps[3], taps[6], taps[13], taps[17])

    def load_torchvision(self, path: Path) -> None:
        """Load torchvision's ``mobilenet_v2`` checkpoint (ImageNet), strictly but for its classifier.

        Raises:
            InputError: the file is missing or holds other parameters.
        """
        state = read_checkpoint(path, "torchvision's mobilenet_v2 checkpoint is accepted")
        wanted = {k: v for k, v in state.items() if not k.startswith(("classifier.", "features.18."))}
        self._load(path, wanted, IMAGENET_MEAN, IMAGENET_STD)

    def load_modnet(self, path: Path) -> None:
        """Load the MobileNetV2 encoder inside MODNet's published ONNX file (Apache-2.0).

        The export folded each batch norm into its convolution, and its initialisers lost their names, so
        they are read in the order of the graph. Each batch norm here becomes the affine that is left: unit
        statistics, weight 1, the folded bias as its bias. Those statistics mean nothing to a new batch:
        keep the batch norms frozen (`wisp.training.freezing.freeze_batch_norm`).

        Raises:
            InputError: the file is missing or is not that network.
        """
        import onnx
        from onnx import numpy_helper

        try:
            graph = onnx.load(str(path)).graph
        except FileNotFoundError as error:
            raise InputError(path, "does not exist", "MODNet's ONNX is accepted") from error
        except Exception as error:  # protobuf raises whatever the bytes lead it to
            raise InputError(path, "is no ONNX file", "MODNet's ONNX is accepted") from error
        initialisers = {i.name: i for i in graph.initializer}
        convolutions = iter([node for node in graph.node if node.op_type == "Conv"])
        state: dict[str, Tensor] = {}
        modules = dict(self.features.named_modules(prefix="features"))
        names = [name for name, module in modules.items() if isinstance(module, nn.Conv2d)]
        for name in names:
            node = next(convolutions, None)
            if node is None or len(node.input) != 3 or not {*node.input[1:]} <= initialisers.keys():
                raise InputError(
                    path, "does not begin with a folded MobileNetV2", "MODNet's ONNX is accepted"
                )
            weight, bias = (torch.tensor(numpy_helper.to_array(initialisers[key])) for key in node.input[1:])
            parent, _, index = name.rpartition(".")
            norm_name = f"{parent}.{int(index) + 1}"
            norm = modules[norm_name]
            assert isinstance(norm, nn.BatchNorm2d)
            state[f"{name}.weight"] = weight
            state[f"{norm_name}.weight"] = torch.ones_like(bias)
            state[f"{norm_name}.bias"] = bias
            state[f"{norm_name}.running_mean"] = torch.zeros_like(bias)
            state[f"{norm_name}.running_var"] = torch.full_like(bias, 1 - norm.eps)
            state[f"{norm_name}.num_batches_tracked"] = torch.tensor(0)
        self._load(path, state, MODNET_MEAN, MODNET_STD)

    def _load(
        self,
        path: Path,
        state: Mapping[str, Tensor],
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
    ) -> None:
        statistics = {"mean": torch.tensor(mean).view(1, 3, 1, 1), "std": torch.tensor(std).view(1, 3, 1, 1)}
        try:
            self.load_state_dict({**state, **statistics}, strict=True)
        except RuntimeError as error:
            first = str(error).strip().splitlines()[-1].strip()
            raise InputError(path, f"is no MobileNetV2 encoder ({first})") from error


def _conv_bn_relu6(
    inputs: int, outputs: int, *, kernel: int, stride: int = 1, groups: int = 1, dilation: int = 1
) -> nn.Sequential:
    convolution = (
        DepthwiseConv(inputs, stride, dilation)
        if groups > 1
        else nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, bias=False)
    )
    return nn.Sequential(
        convolution,
        nn.BatchNorm2d(outputs),
        nn.ReLU6(),
    )

"""One frozen dataclass a recipe, and what an export must know of each network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from wisp.training.calibration import CaseMaker, alpha_cases, mask_cases, patch_cases


@dataclass(frozen=True)
class Family:
    """How a checkpoint of one network becomes the module that is shipped.

    Attributes:
        build: the recipe as its checkpoint keeps it → the bare network.
        wrap: bare network → module with its post-processing inside.
        example: inputs by name to trace and check it with.
        outputs: names of its outputs.
        cases: what it is quantised and judged on; None where there is no int8 edition.
        sensitive: modules of the exported network that stay in floats when it is quantised; see
            `wisp.training.quantisation.quantise`.
        usual: what `build` needs of a recipe, for ONNX files that keep none: those of wisp 0.1.
        aids: modules of the exported network that only its training has; a file lacks them, and whoever goes
            on with it has them anew.
    """

    build: Callable[[Mapping[str, Any]], nn.Module]
    wrap: Callable[[nn.Module], nn.Module]
    example: Callable[[], dict[str, Tensor]]
    outputs: Sequence[str]
    cases: CaseMaker | None = None
    sensitive: Sequence[str] = ()
    usual: Mapping[str, Any] = field(default_factory=dict)
    aids: Sequence[str] = ()


def _segmenter(recipe: Mapping[str, Any]) -> nn.Module:
    from wisp.networks.deeplab import DeepLabV3Plus
    from wisp.networks.encoders.mobilenetv2 import MobileNetV2

    return DeepLabV3Plus(MobileNetV2(output_stride=16), recipe["width"], recipe.get("decoder"))


class _Mask(nn.Module):
    """Image (N, 3, H, W) → soft mask (N, 1, H, W), the sigmoid inside."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        return torch.sigmoid(self.network(image))


def _subject(_: Mapping[str, Any]) -> nn.Module:
    from wisp.networks.subject import subject_network

    return subject_network()


class _MasksAndPresence(nn.Module):
    """Image and guidance (N, 3, H, W) → masks (N, 2, H, W) and presence (N, 2), sigmoids inside."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, guidance: Tensor) -> tuple[Tensor, Tensor]:
        logits, presence = self.network.find(image, guidance)  # type: ignore[operator]
        return torch.sigmoid(logits), torch.sigmoid(presence)


def _image_and_guidance() -> dict[str, Tensor]:
    """A soft warm disc on a cool ground, a click on it, one beside it, and its mask before."""
    pictures = _image_and_trimap()
    guidance = torch.zeros_like(pictures["image"])
    guidance[:, 0, 62:66, 78:82] = guidance[:, 1, 10:14, 10:14] = 1
    guidance[:, 2:] = functional.avg_pool2d(pictures["trimap"], 9, 1, 4)
    return {"image": pictures["image"], "guidance": guidance}


def _portrait(recipe: Mapping[str, Any]) -> nn.Module:
    from wisp.networks.portrait import portrait_mobile, portrait_paper

    if "widths" in recipe:
        return portrait_paper(recipe["widths"], recipe["blocks"])
    return portrait_mobile(recipe["width"], lean=recipe.get("lean", False))


def _unet(recipe: Mapping[str, Any]) -> nn.Module:
    from wisp.networks.unet import SimpleUNet, UNet

    kind = SimpleUNet if recipe["network"] == "unet-simple" else UNet
    built = kind(recipe["width"], normed=recipe.get("normed", False))
    built.size, built.letterbox = recipe["synthesis"]["size"], recipe["synthesis"]["letterbox"]
    return built


class _SquaredMask(nn.Module):
    """Image (N, 3, H, W) of any size → soft mask (N, 1, H, W): resized, masked, resized back."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        mask: Tensor = self.network.mask(image)  # type: ignore[operator]
        return mask


class _Alpha(nn.Module):
    """Image (N, 3, H, W) and mask (N, 1, H, W) → alpha (N, 1, H, W) before refinement, the sigmoid inside."""

    def __init__(self, portrait: nn.Module) -> None:
        super().__init__()
        self.generator = portrait.get_submodule("generator")

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        return torch.sigmoid(self.generator(image, mask))


def _refinement(portrait: nn.Module) -> nn.Module:
    """Patches of image (P, 3, 64, 64) and alpha (P, 1, 64, 64) → what to add to alpha."""
    return portrait.get_submodule("refinement.network")


def _dim_mobile(_: Mapping[str, Any]) -> nn.Module:
    from wisp.networks.dim_mobile import dim_mobile

    return dim_mobile()


def _dim_vgg16(recipe: Mapping[str, Any]) -> nn.Module:
    from wisp.networks.dim import dim_vgg16

    return dim_vgg16(recipe["width"])


class _RefinedAlpha(nn.Module):
    """Image (N, 3, H, W), trimap and perhaps a prior (N, 1, H, W) → alpha (N, 1, H, W) of both stages."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, trimap: Tensor, prior: Tensor | None = None) -> Tensor:
        alpha: Tensor = self.network(image, trimap, prior).alpha
        return alpha


def _dlmn(recipe: Mapping[str, Any]) -> nn.Module:
    from wisp.networks.dlmn import dlmn_mobile, dlmn_paper

    if "widths" in recipe:
        return dlmn_paper(tuple(recipe["widths"]), tuple(recipe["blocks"]), recipe["pair"], recipe["shown"])
    apart = recipe.get("apart", False)
    return dlmn_mobile(recipe["width"], recipe["shown"], anchored=recipe["anchored"], apart=apart)


class _AlphaAndForeground(nn.Module):
    """Image and cues → alpha (N, 1, H, W) and foreground (N, 3, H, W), both in [0, 1]."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, mask: Tensor, trimap: Tensor, motion: Tensor) -> tuple[Tensor, Tensor]:
        found = self.network(image, mask, trimap, motion)
        return torch.sigmoid(found.logits), found.foreground.clamp(0, 1)


class _AlphaAlone(_AlphaAndForeground):
    """A portrait network without the foreground's branch, for those who find the foreground otherwise."""

    def forward(self, image: Tensor, mask: Tensor, trimap: Tensor, motion: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(image, mask, trimap, motion)[0]


def _ssrn(recipe: Mapping[str, Any]) -> nn.Module:
    from wisp.networks.ssrn import ssrn_mobile, ssrn_resnet101

    if recipe["encoder"] == "mobile":
        return ssrn_mobile()
    return ssrn_resnet101(tuple(recipe["blocks"]), recipe["width"], recipe["inner"])


class _RefinedMask(nn.Module):
    """Image, mask (N, 1, H, W) and motion (N, 4, H, W) → alpha (N, 1, H, W)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, mask: Tensor, motion: Tensor) -> Tensor:
        return torch.sigmoid(self.network(image, mask, motion))


def _image_and_cues() -> dict[str, Tensor]:
    """Make the image of `_image_and_trimap`, a soft disc as mask, and the cue of a disc that has moved."""
    pictures = _image_and_trimap()
    image, trimap = pictures["image"], pictures["trimap"]
    mask = functional.avg_pool2d(trimap, 9, 1, 4)
    grey = image.mean(1, keepdim=True)
    motion = torch.cat([grey.roll(shift, 3) for shift in (-4, -2, 2, 4)], 1)
    return {"image": image, "mask": mask, "trimap": trimap, "motion": motion}


def _image_mask_and_motion() -> dict[str, Tensor]:
    return {name: x for name, x in _image_and_cues().items() if name != "trimap"}


def _image_and_trimap() -> dict[str, Tensor]:
    """A soft warm disc on a cool ground, a little noise over both, and a band of unknown along its edge."""
    generator = torch.Generator().manual_seed(0)
    rows, columns = torch.meshgrid(torch.arange(128) - 64, torch.arange(160) - 80, indexing="ij")
    inside = (40 - torch.hypot(rows.float(), columns.float()))[None, None]
    alpha = (inside / 12 + 0.5).clamp(0, 1)
    warm, cool = (torch.tensor(c).view(1, 3, 1, 1) for c in ((0.8, 0.5, 0.3), (0.2, 0.4, 0.7)))
    image = alpha * warm + (1 - alpha) * cool + 0.05 * torch.rand(1, 3, 128, 160, generator=generator)
    trimap = torch.where(inside.abs() < 16, 128 / 255, (inside > 0).float())
    return {"image": image, "trimap": trimap}


def _image_trimap_and_prior() -> dict[str, Tensor]:
    """Make the image and trimap of `_image_and_trimap`, and a prior that is a little too soft."""
    given = _image_and_trimap()
    prior = torch.nn.functional.avg_pool2d(given["trimap"], 9, 1, 4)
    return {**given, "prior": torch.where(given["trimap"] == 128 / 255, prior, given["trimap"])}


def _image_and_mask() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "image": torch.rand(1, 3, 128, 160, generator=generator),
        "mask": torch.rand(1, 1, 128, 160, generator=generator),
    }


def _patches() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, 64, 64, generator=generator)
    return {"image": image, "alpha": torch.rand(2, 1, 64, 64, generator=generator)}


def _image() -> dict[str, Tensor]:
    return {"image": torch.rand(1, 3, 128, 160, generator=torch.Generator().manual_seed(0))}


SEGMENTER_SENSITIVE: Final = ("network/encoder/features.0", "network/encoder/features.1", "network/head")
"""Its first three convolutions, which see the photo, and its last (docs/decisions/013)."""

NETWORKS: Final[Mapping[str, Family]] = {
    "segmenter": Family(
        _segmenter, _Mask, _image, ("mask",), mask_cases, SEGMENTER_SENSITIVE, usual={"width": 256}
    ),
    "subject": Family(
        _subject,
        _MasksAndPresence,
        _image_and_guidance,
        ("masks", "presence"),
        aids=("network.quarter", "network.eighth"),
    ),
    "portrait": Family(_portrait, _Alpha, _image_and_mask, ("alpha",), alpha_cases, usual={"width": 16}),
    "portrait-refinement": Family(
        _portrait, _refinement, _patches, ("residual",), patch_cases, usual={"width": 16}
    ),
    "dim-mobile": Family(_dim_mobile, _RefinedAlpha, _image_trimap_and_prior, ("alpha",)),
    "dim-vgg16": Family(_dim_vgg16, _RefinedAlpha, _image_and_trimap, ("alpha",), usual={"width": 1.0}),
    "unet": Family(_unet, _SquaredMask, _image, ("mask",)),
    "unet-simple": Family(_unet, _SquaredMask, _image, ("mask",)),
    "dlmn": Family(_dlmn, _AlphaAndForeground, _image_and_cues, ("alpha", "foreground")),
    "dlmn-alpha": Family(_dlmn, _AlphaAlone, _image_and_cues, ("alpha",)),
    "ssrn": Family(_ssrn, _RefinedMask, _image_mask_and_motion, ("alpha",)),
}

"""Inputs to trace a network with when it is exported, and to check its file with: tensors by name."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def image_alone() -> dict[str, Tensor]:
    """An image of noise, (1, 3, 128, 160), [0, 1]."""
    return {"image": torch.rand(1, 3, 128, 160, generator=torch.Generator().manual_seed(0))}


def image_and_mask() -> dict[str, Tensor]:
    """An image and a mask of noise, (1, 3, 128, 160) and (1, 1, 128, 160), [0, 1]."""
    generator = torch.Generator().manual_seed(0)
    return {
        "image": torch.rand(1, 3, 128, 160, generator=generator),
        "mask": torch.rand(1, 1, 128, 160, generator=generator),
    }


def patches_and_alpha() -> dict[str, Tensor]:
    """Two patches of an image and of its alpha, all noise, (2, 3, 64, 64) and (2, 1, 64, 64), [0, 1]."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, 64, 64, generator=generator)
    return {"image": image, "alpha": torch.rand(2, 1, 64, 64, generator=generator)}


def image_and_trimap() -> dict[str, Tensor]:
    """A soft warm disc on a cool ground, a little noise over both, and a band of unknown along its edge."""
    generator = torch.Generator().manual_seed(0)
    rows, columns = torch.meshgrid(torch.arange(128) - 64, torch.arange(160) - 80, indexing="ij")
    inside = (40 - torch.hypot(rows.float(), columns.float()))[None, None]
    alpha = (inside / 12 + 0.5).clamp(0, 1)
    warm, cool = (torch.tensor(c).view(1, 3, 1, 1) for c in ((0.8, 0.5, 0.3), (0.2, 0.4, 0.7)))
    image = alpha * warm + (1 - alpha) * cool + 0.05 * torch.rand(1, 3, 128, 160, generator=generator)
    trimap = torch.where(inside.abs() < 16, 128 / 255, (inside > 0).float())
    return {"image": image, "trimap": trimap}


def image_trimap_and_prior() -> dict[str, Tensor]:
    """Make the image and trimap of `image_and_trimap`, and a prior that is a little too soft."""
    given = image_and_trimap()
    prior = functional.avg_pool2d(given["trimap"], 9, 1, 4)
    return {**given, "prior": torch.where(given["trimap"] == 128 / 255, prior, given["trimap"])}


def image_and_guidance() -> dict[str, Tensor]:
    """A soft warm disc on a cool ground, a click on it, one beside it, and its mask before."""
    pictures = image_and_trimap()
    guidance = torch.zeros_like(pictures["image"])
    guidance[:, 0, 62:66, 78:82] = guidance[:, 1, 10:14, 10:14] = 1
    guidance[:, 2:] = functional.avg_pool2d(pictures["trimap"], 9, 1, 4)
    return {"image": pictures["image"], "guidance": guidance}


def image_and_cues() -> dict[str, Tensor]:
    """Make the image of `image_and_trimap`, a soft disc as mask, and the cue of a disc that has moved."""
    pictures = image_and_trimap()
    image, trimap = pictures["image"], pictures["trimap"]
    mask = functional.avg_pool2d(trimap, 9, 1, 4)
    grey = image.mean(1, keepdim=True)
    motion = torch.cat([grey.roll(shift, 3) for shift in (-4, -2, 2, 4)], 1)
    return {"image": image, "mask": mask, "trimap": trimap, "motion": motion}


def image_mask_and_motion() -> dict[str, Tensor]:
    """An image, a mask and the cue of motion: those of `image_and_cues`."""
    return {name: x for name, x in image_and_cues().items() if name != "trimap"}

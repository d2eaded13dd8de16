"""Networks that need something beside the photo: a trimap, a mask, or the place without the subject.

Each function does what its authors' own script does; where it does not, it says so. All take a `Network` of
their family, an image, float32 (H, W, 3), sRGB-encoded, [0, 1], and guidance of its size, and give alpha,
float32 (H, W), [0, 1].
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import ndimage

from wisp.core.arrays import BACKGROUND, FOREGROUND, Alpha, Background, Float, Image, Mask, Region, Trimap
from wisp.core.resample import pad_to_multiple
from wisp.engine.peers.network import Network, planes
from wisp.engine.peers.single import IMAGENET_MEAN, IMAGENET_STD

FBA_MULTIPLE: Final = 8
FBA_REACH: Final = 320
"""FBA's length in pixels, of which the widths of its three Gaussians are 2, 8 and 16 %."""
MGM_MULTIPLE: Final = 32
MGM_RADII: Final = (7.3, 3.3)
"""Within how many pixels of what is uncertain MGM's map of stride 4, then that of stride 1, takes over."""
BGMV2_MULTIPLE: Final = 4


def fba(network: Network, image: Image, *, trimap: Trimap) -> Alpha:
    """F, B, Alpha matting: photo, what is known, and how far away that is; known pixels keep their value.

    Both sides are brought to multiples of 8 by repeating the last row and column, where the authors' script
    stretches photo and trimap, which blurs both.
    """
    height, width = image.shape[:2]
    padded = pad_to_multiple(image, FBA_MULTIPLE)
    known = pad_to_multiple(_two_channels(trimap), FBA_MULTIPLE)
    inputs = {
        "image": padded,
        "trimap": known,
        "normalised": (padded - IMAGENET_MEAN) / IMAGENET_STD,
        "distances": known_nearby(known),
    }
    asked_for = {name: planes(inputs[name]) for name in network.signature.inputs}
    output = network.run(**asked_for)["output"]
    alpha = network.alpha(output, *padded.shape[:2])[:height, :width]
    alpha = np.where(trimap == BACKGROUND, np.float32(0), alpha)
    return np.where(trimap == FOREGROUND, np.float32(1), alpha)


def known_nearby(known: Float) -> Float:
    """Gaussians of the distance to what a trimap knows, which FBA is told beside the trimap itself.

    Args:
        known: float32 (H, W, 2): known background, known foreground, each 0 or 1.

    Returns:
        float32 (H, W, 6): for background, then foreground, widths of 2, 8 and 16 % of 320 pixels; 1 where it
        is known, 0 everywhere when nothing is.
    """
    planes_ = []
    for side in (known[..., 0], known[..., 1]):
        away = ndimage.distance_transform_edt(side == 0) if side.any() else np.inf
        planes_ += [
            np.broadcast_to(np.exp(-(away**2) / (2 * (share * FBA_REACH) ** 2)), side.shape)
            for share in (0.02, 0.08, 0.16)
        ]
    return np.stack(planes_, axis=-1).astype(np.float32)


def mgm(network: Network, image: Image, *, mask: Mask | None = None, trimap: Trimap | None = None) -> Alpha:
    """Mask-guided matting: three maps from coarse to fine, the finer one only where the coarser is uncertain.

    Of a mask it is told what is at least ½, of a trimap what is known foreground. Both sides get a mirrored
    margin of 32 pixels and become multiples of 32.
    """
    guidance = np.asarray(mask >= 0.5 if mask is not None else trimap == FOREGROUND, np.float32)
    height, width = image.shape[:2]
    padded, guidance = _mirrored(image), _mirrored(guidance)
    seen = planes((padded - IMAGENET_MEAN) / IMAGENET_STD)
    output = network.run(image=seen, mask=planes(guidance))
    alpha, *finer = (network.alpha(output[f"alpha_os{stride}"], *guidance.shape) for stride in (8, 4, 1))
    for values, radius in zip(finer, MGM_RADII, strict=True):
        alpha = np.where(_around_uncertain(alpha, radius), values, alpha)
    return np.ascontiguousarray(alpha[MGM_MULTIPLE:, MGM_MULTIPLE:][:height, :width])


def bgmv2(network: Network, image: Image, *, plate: Background) -> Alpha:
    """Background Matting V2: the photo, and the place without the subject seen by a camera that stood still.

    Both sides are brought to multiples of 4, which it asks for, by repeating the last row and column.
    """
    height, width = image.shape[:2]
    src, bgr = (pad_to_multiple(picture, BGMV2_MULTIPLE) for picture in (image, plate))
    output = network.run(src=planes(src), bgr=planes(bgr))["pha"]
    return np.ascontiguousarray(network.alpha(output, *src.shape[:2])[:height, :width])


def _two_channels(trimap: Trimap) -> Float:
    return np.dstack([trimap == BACKGROUND, trimap == FOREGROUND]).astype(np.float32)


def _mirrored(values: Float) -> Float:
    margins = [(MGM_MULTIPLE, MGM_MULTIPLE + -side % MGM_MULTIPLE) for side in values.shape[:2]]
    return np.pad(values, margins + [(0, 0)] * (values.ndim - 2), mode="reflect")


def _around_uncertain(alpha: Alpha, radius: float) -> Region:
    """Mask of the pixels within `radius` of one that differs from 0 and 1 by more than 1/255."""
    certain = (alpha < 1 / 255) | (alpha > 1 - 1 / 255)
    if certain.all():
        return np.zeros(alpha.shape, bool)
    near: Region = ndimage.distance_transform_edt(certain) <= radius
    return near

"""Networks that need nothing but the photo; each function does what its authors' own script does.

Where a script is not followed to the letter, its function says so. Each takes a `Network` of its family and
an image, float32 (H, W, 3), sRGB-encoded, [0, 1], and gives alpha, float32 (H, W), [0, 1].
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import numpy as np

from wisp.core.arrays import Alpha, Float, Foreground, Image, from_float, to_float
from wisp.core.resample import resize
from wisp.engine.peers.network import Network, planes
from wisp.engine.peers.sampling import average, sample

IMAGENET_MEAN: Final = np.array([0.485, 0.456, 0.406], np.float32)
IMAGENET_STD: Final = np.array([0.229, 0.224, 0.225], np.float32)

MODNET_SIDE: Final = 512
U2NET_SIDE: Final = 320
DICHOTOMOUS_SIDE: Final = 1024
RVM_SIDE: Final = 512
"""The long side that RVM's first stage sees."""
RVM_LEAST: Final = 16
"""The short side that RVM needs; what is smaller is brought there by repeating the last row and column."""
RVM_PASSES: Final = 2
"""How often RVM sees a still photo."""

RvmState: TypeAlias = tuple[Float, Float, Float, Float]


class RvmFrame(NamedTuple):
    """RVM's result for a frame: alpha (H, W), foreground (H, W, 3), and the state for the next frame."""

    alpha: Alpha
    foreground: Foreground
    state: RvmState


def modnet(network: Network, image: Image) -> Alpha:
    """MODNet: the short side at 512, rounded to 8 bits as the stored photos that it is fed with elsewhere."""
    height, width = network.fixed_size() or modnet_size(*image.shape[:2])
    seen = to_float(from_float(average(image, height, width)))
    output = network.run(image=planes((seen - 0.5) / 0.5))["output"]
    return sample(network.alpha(output, height, width), *image.shape[:2])


def modnet_size(height: int, width: int) -> tuple[int, int]:
    """Height and width at which MODNet sees a photo.

    The short side becomes 512 unless 512 lies between the two sides; both become multiples of 32 by leaving
    the rest off, but are never less than 32, which its script does not take care of.
    """
    if max(height, width) < MODNET_SIDE or min(height, width) > MODNET_SIDE:
        short = min(height, width)
        height, width = height * MODNET_SIDE // short, width * MODNET_SIDE // short
    return max(32, height - height % 32), max(32, width - width % 32)


def u2net(network: Network, image: Image) -> Alpha:
    """U²-Net: 320×320, divided by its brightest value, ImageNet's statistics; the map stretched to [0, 1].

    The photo is sampled without a filter, as scikit-image 0.14 does, the version that the authors name.
    """
    height, width = network.fixed_size() or (U2NET_SIDE, U2NET_SIDE)
    seen = sample(image, height, width)
    seen /= max(float(seen.max()), 1e-6)
    output = network.run(image=planes((seen - IMAGENET_MEAN) / IMAGENET_STD))["d0"]
    return sample(stretched(network.alpha(output, height, width)), *image.shape[:2])


def isnet(network: Network, image: Image) -> Alpha:
    """IS-Net: 1024×1024, cut off to 8 bits, mean ½, deviation 1; the map enlarged, then stretched."""
    height, width = network.fixed_size() or (DICHOTOMOUS_SIDE, DICHOTOMOUS_SIDE)
    stored = to_float((sample(image, height, width) * 255 + np.float32(1e-3)).clip(0, 255).astype(np.uint8))
    return _dichotomous(network, image, stored)


def rmbg14(network: Network, image: Image) -> Alpha:
    """RMBG 1.4, an IS-Net with weights of its own: as `isnet`, but not cut off to 8 bits."""
    height, width = network.fixed_size() or (DICHOTOMOUS_SIDE, DICHOTOMOUS_SIDE)
    return _dichotomous(network, image, sample(image, height, width))


def birefnet(network: Network, image: Image) -> Alpha:
    """BiRefNet and RMBG 2.0: 1024×1024 or what the file fixes, ImageNet's statistics; nothing is stretched.

    Some exports end with the sigmoid, others before it: a map with values outside [0, 1] is one of logits.
    """
    height, width = network.fixed_size() or (DICHOTOMOUS_SIDE, DICHOTOMOUS_SIDE)
    seen = (resize(image, height, width) - IMAGENET_MEAN) / IMAGENET_STD
    values = network.map(network.run(image=planes(seen))["output"], height, width)
    if not np.isfinite(values).all():
        raise network.wrong()
    if values.min() < 0 or values.max() > 1:
        values = 1 / (1 + np.exp(-values.clip(-80, 80)))
    return resize(values, *image.shape[:2]).clip(0, 1)


def rvm(network: Network, image: Image) -> Alpha:
    """RVM on a still photo: the photo `RVM_PASSES` times as if it were a film, beginning with no memory.

    Its authors allow single images with no memory at all. A second look, with the memory of the first, costs
    as much again and is better on portraits; what a third one changes is small.
    """
    frame = rvm_frame(network, image)
    for _ in range(RVM_PASSES - 1):
        frame = rvm_frame(network, image, frame.state)
    return frame.alpha


def rvm_frame(
    network: Network, image: Image, state: RvmState | None = None, *, downsample_ratio: float | None = None
) -> RvmFrame:
    """One frame of a film through RVM.

    Args:
        network: an RVM.
        image: the frame, float32 (H, W, 3), sRGB-encoded, [0, 1].
        state: what the frame before gave; None at the start.
        downsample_ratio: by how much the first stage sees the frame smaller, in (0, 1]; None for a long side
            of 512 pixels, never larger than the frame, which is what the authors' converter does.
    """
    height, width = image.shape[:2]
    ratio = min(1.0, RVM_SIDE / max(height, width)) if downsample_ratio is None else downsample_ratio
    below, right = max(0, RVM_LEAST - height), max(0, RVM_LEAST - width)
    seen = np.pad(image, ((0, below), (0, right), (0, 0)), mode="edge")
    r1, r2, r3, r4 = state or (np.zeros((1, 1, 1, 1), np.float32),) * 4
    output = network.run(
        src=planes(seen), r1i=r1, r2i=r2, r3i=r3, r4i=r4, downsample_ratio=np.array([ratio], np.float32)
    )
    alpha, foreground = network.alpha(output["pha"], *seen.shape[:2]), output["fgr"]
    if foreground.shape != (1, 3, *alpha.shape):
        raise network.wrong()
    return RvmFrame(
        np.ascontiguousarray(alpha[:height, :width]),
        np.ascontiguousarray(foreground[0, :, :height, :width].transpose(1, 2, 0).clip(0, 1)),
        (output["r1o"], output["r2o"], output["r3o"], output["r4o"]),
    )


def stretched(values: Float) -> Float:
    """Least to 0 and greatest to 1; a constant map, of which that says nothing, stays as it is."""
    least, greatest = float(values.min()), float(values.max())
    return (values - least) / (greatest - least) if greatest > least else values


def _dichotomous(network: Network, image: Image, seen: Image) -> Alpha:
    output = network.run(image=planes(seen - 0.5))["d0"]
    return stretched(sample(network.alpha(output, *seen.shape[:2]), *image.shape[:2]))

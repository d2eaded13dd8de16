"""Augmentation of one image at a time: geometry as a matrix, appearance as a function of its pixels.

Every function takes a `numpy.random.Generator`, so a sample is a function of its seed alone.

For the recipes that read photos from files, of portrait network, segmenter, DLMN-G, SSRN, Deep Image Matting
and U-Net, and for fine-tuning; they warp with `wisp.data.vips`. Those of packed photos have
`wisp.data.damage` and `wisp.data.placing`, which says why both exist.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from wisp.core.arrays import Bytes, Float, from_float, to_luma
from wisp.data import vips

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Geometry:
    """Ranges of a random affine map.

    Attributes:
        zoom: least and most scale, 1 being the whole source fitted into the canvas.
        rotation: degrees either way.
        shear: tangent of the shear angle either way.
        stretch: the aspect ratio varies by this factor either way.
        shift: share of the canvas either way.
        flip: chance of a mirrored source.
    """

    zoom: tuple[float, float] = (0.7, 1.8)
    rotation: float = 12.0
    shear: float = 0.08
    stretch: float = 1.1
    shift: float = 0.25
    flip: float = 0.5

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], size: vips.Size) -> Matrix:
        """A map (2, 3) from a source of `shape` (H, W, …) to a canvas of `size`."""
        height, width = shape[:2]
        rows, columns = vips.sides(size)
        zoom = np.exp(rng.uniform(np.log(self.zoom[0]), np.log(self.zoom[1])))
        angle = np.deg2rad(rng.uniform(-self.rotation, self.rotation))
        shear = rng.uniform(-self.shear, self.shear)
        stretch = np.exp(rng.uniform(-np.log(self.stretch), np.log(self.stretch)))
        mirror = -1.0 if rng.random() < self.flip else 1.0
        cos, sin = np.cos(angle), np.sin(angle)
        linear = np.array([[cos, -sin], [sin, cos]]) @ np.array([[1, shear], [0, 1]])
        linear = linear @ np.diag([mirror * stretch, 1 / stretch])
        linear = linear * min(zoom * rows / height, zoom * columns / width)
        canvas = np.array([columns, rows])
        centre = canvas / 2 + rng.uniform(-self.shift, self.shift, 2) * canvas
        return np.column_stack([linear, centre - linear @ np.array([width / 2, height / 2])])


@dataclass(frozen=True)
class Appearance:
    """Ranges of random changes to how a picture looks; each applies with its own chance.

    Attributes:
        brightness: exposure in stops either way.
        contrast: factor either way.
        saturation: factor either way.
        cast: gain of each channel either way, as a share.
        gamma: exponent's factor either way.
        grey: chance of a grey picture.
        blur: chance of a Gaussian blur, and its largest sigma in pixels.
        noise: chance of noise, and its largest deviation on the scale 0–1.
        jpeg: chance of JPEG, and its lowest quality.
    """

    brightness: float = 0.5
    contrast: float = 1.3
    saturation: float = 1.4
    cast: float = 0.12
    gamma: float = 1.25
    grey: float = 0.05
    blur: tuple[float, float] = (0.15, 2.0)
    noise: tuple[float, float] = (0.3, 0.04)
    jpeg: tuple[float, int] = (0.3, 40)


def recolour(image: Float, rng: np.random.Generator, look: Appearance) -> Float:
    """Exposure, contrast, gamma, cast and saturation; float32 (H, W, 3) in [0, 1], in and out.

    Source: the colour jitter that matting networks since Deep Image Matting train with.
    """
    gain = 2.0 ** rng.uniform(-look.brightness, look.brightness)
    gains = gain * (1 + rng.uniform(-look.cast, look.cast, 3))
    contrast = _factor(rng, look.contrast)
    gamma = _factor(rng, look.gamma)
    saturation = 0.0 if rng.random() < look.grey else _factor(rng, look.saturation)
    pivot = float(image.mean())
    out: Float = image - np.float32(pivot)  # the rest in place: fresh memory costs as much as the arithmetic
    out *= np.float32(contrast)
    out += np.float32(pivot)
    np.clip(out, 0, 1, out=out)
    np.power(out, np.float32(gamma), out=out)
    out *= gains.astype(np.float32)
    np.clip(out, 0, 1, out=out)
    grey = to_luma(out)[..., None]
    out -= grey
    out *= np.float32(saturation)
    out += grey
    return np.clip(out, 0, 1, out=out)


def soften(image: Float, rng: np.random.Generator, look: Appearance) -> Float:
    """Sometimes a Gaussian blur of the whole picture; float32 (H, W, 3)."""
    chance, largest = look.blur
    if rng.random() >= chance:
        return image
    sigma = rng.uniform(0.3, largest)
    return np.asarray(ndimage.gaussian_filter(image, (sigma, sigma, 0), mode="nearest", truncate=3))


def degrade(image: Float, rng: np.random.Generator, look: Appearance) -> Bytes:
    """Noise, rounding to 8 bits and JPEG, as a camera leaves a picture: float32 (H, W, 3) → uint8."""
    chance, largest = look.noise
    if rng.random() < chance:
        deviation = rng.uniform(0, largest)
        noise = rng.standard_normal(image.shape, dtype=np.float32)
        if rng.random() < 0.5:
            noise = ndimage.uniform_filter(noise, (2, 2, 0)) * np.float32(2)
        noise *= np.float32(deviation)
        noise += image
        image = noise
    stored = from_float(image)
    chance, lowest = look.jpeg
    if rng.random() < chance:
        return vips.jpeg(stored, int(rng.integers(lowest, 96)))
    return stored


def _factor(rng: np.random.Generator, largest: float) -> float:
    return float(np.exp(rng.uniform(-np.log(largest), np.log(largest))))

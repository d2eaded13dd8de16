"""Samples of packed photos spoilt by chance: colours changed, photographs taken badly, masks wrong as drafts.

On bytes, by OpenCV, for the recipes that `wisp.data.placing` names, which says why these and
`wisp.data.augmentation` both exist.
"""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from wisp.core.arrays import Bytes, Float
from wisp.data.placing import Rng


class Chances(Protocol):
    """Chances of what a camera does to a picture, as `wisp.data.subject_samples.SubjectMix` tells them."""

    @property
    def grey(self) -> float:
        """Chance of a picture without colours."""

    @property
    def sepia(self) -> float:
        """Chance of a brown one."""

    @property
    def degraded(self) -> float:
        """Chance that contrast, blur, noise and JPEG are drawn at all."""

    @property
    def motion_blur(self) -> float:
        """Chance of a blur along a line."""


def photograph(image: Bytes, rng: Rng, chances: Chances) -> Bytes:
    """Pass a picture through a camera: grey or sepia, motion blur, contrast, blur, noise and JPEG."""
    draw = rng.random()
    if draw < chances.grey + chances.sepia:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        image = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
        if draw >= chances.grey:
            image = to_bytes(to_floats(image) * np.array([1.05, 0.93, 0.74], np.float32))
    if rng.random() < chances.motion_blur:
        image = blur_by_motion(image, rng)
    if rng.random() >= chances.degraded:
        return image
    sharpness = max(image.shape[:2]) / 512
    if rng.random() < 0.5:
        contrast = float(rng.uniform(0.6, 1.4))
        image = cv2.convertScaleAbs(image, alpha=contrast, beta=(1 - contrast) * float(image.mean()))
    if rng.random() < 0.4:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.3, 0.3 + 2.5 * sharpness)))
    if rng.random() < 0.5:
        noise = rng.standard_normal((image.shape[0], image.shape[1], 3), np.float32)
        noise *= np.float32(rng.uniform(0, 25 * sharpness + 3))
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        _, stored = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 95))])
        image = np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR))
    return image


def blur_by_motion(image: Bytes, rng: Rng) -> Bytes:
    """Blur along a line of 1 to 4 % of the picture's longer side, in a direction drawn at random."""
    length = int(rng.uniform(0.01, 0.04) * max(image.shape[:2])) + 2
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    half = (length - 1) / 2
    ends = [(round(half + s * half * np.cos(angle)), round(half + s * half * np.sin(angle))) for s in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1)
    blurred: Bytes = cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
    return blurred


def recolour_by_table(pixels: Bytes, rng: Rng) -> Bytes:
    """Contrast, gamma, white balance and saturation at random, by table; uint8 (H, W, 3)."""
    if rng.random() < 0.2:
        return np.ascontiguousarray(pixels)
    levels = np.arange(256, dtype=np.float32)[:, None] / 255
    pivot, contrast = rng.uniform(0.3, 0.7), np.exp(rng.uniform(-0.3, 0.3))
    levels = np.clip((levels - pivot) * contrast + pivot, 0, 1) ** np.exp(rng.uniform(-0.35, 0.35))
    levels = levels * np.exp(rng.uniform(-0.12, 0.12, 3))
    table = to_bytes(levels.astype(np.float32))[:, None, :]
    out: Bytes = cv2.LUT(np.ascontiguousarray(pixels), np.ascontiguousarray(table.reshape(1, 256, 3)))
    saturation = float(rng.uniform(0.6, 1.3))
    grey = cv2.cvtColor(cv2.cvtColor(out, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    mixed: Bytes = cv2.addWeighted(out, saturation, grey, 1 - saturation, 0)
    return mixed


def like_colours(scene: Float, foreground: Float, alpha: Float, rng: Rng) -> Float:
    """A scene whose colours' means and deviations are moved to those of a subject, by a half or more."""
    inside = alpha > 0.5
    if int(inside.sum()) < 16:
        return scene
    colours = foreground[inside]
    mean, deviation = scene.mean((0, 1)), scene.std((0, 1)) + 1e-3
    moved = (scene - mean) / deviation * colours.std(0) + colours.mean(0)
    share = np.float32(rng.uniform(0.5, 1))
    out: Float = np.clip(scene + share * (moved - scene), 0, 1).astype(np.float32)
    return out


def damage(target: Bytes, rng: Rng) -> Bytes:
    """A mask that is wrong as drafts are: wider, narrower, moved, with a part missing or added, then soft.

    Args:
        target: alpha, uint8 (H, W).
        rng: source of chance.
    """
    height, width = target.shape
    mask = np.ascontiguousarray(np.where(target > int(rng.integers(40, 215)), 255, 0).astype(np.uint8))
    radius = int(rng.uniform(0, 0.06) * max(height, width)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    draw = rng.random()
    if draw < 0.3:
        mask = cv2.dilate(mask, kernel)
    elif draw < 0.55:
        mask = cv2.erode(mask, kernel)
    elif draw < 0.7:
        mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN if rng.random() < 0.5 else cv2.MORPH_CLOSE, kernel)
    if rng.random() < 0.6:  # a part missing or too much
        inside = np.argwhere(mask > 127)
        missing = rng.random() < 0.6 and len(inside) > 0
        spot = inside[int(rng.integers(len(inside)))] if missing else rng.uniform(0, 1, 2) * (height, width)
        axes = (rng.uniform(0.04, 0.3, 2) * (width, height)).astype(int) + 1
        middle = (int(spot[1]), int(spot[0]))
        cv2.ellipse(mask, middle, (int(axes[0]), int(axes[1])), float(rng.uniform(0, 180)), 0, 360,
                    0 if missing else 255, -1)  # fmt: skip
    soft: Bytes = cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.5, 0.02 * max(height, width) + 0.6)))
    return soft


def to_floats(pixels: Bytes) -> Float:
    """uint8 → float32 in [0, 1]."""
    return pixels.astype(np.float32) * np.float32(1 / 255)


def to_bytes(values: npt.NDArray[np.floating]) -> Bytes:
    """Float, clipped to [0, 1] → uint8, rounded."""
    rounded: Bytes = (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)
    return rounded

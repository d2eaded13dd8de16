"""A head of hair in front of unevenly lit, noisy screens, with exact alpha and foreground."""

from functools import cache

import numpy as np
from scipy import ndimage

from wisp.compositing.over import over
from wisp.core.arrays import from_float, to_float

SCREENS = {
    "green": (0.13, 0.62, 0.22),
    "blue": (0.10, 0.22, 0.60),
    "white": (0.88, 0.88, 0.86),
    "dark": (0.10, 0.10, 0.11),
}


@cache
def subject(height=230, width=201, seed=0):
    """A soft disc of textured skin with strands around it: foreground (H, W, 3) and alpha (H, W)."""
    rng = np.random.default_rng(seed)
    fine = 3  # samples a pixel, either way
    y, x = np.mgrid[: height * fine, : width * fine].astype(np.float32) / fine
    radius = min(height, width)
    r = np.hypot(y - 0.55 * height, x - 0.5 * width)
    angle = np.arctan2(y - 0.55 * height, x - 0.5 * width)
    cover = (r < 0.26 * radius).astype(np.float32)
    for _ in range(60):
        start, bend, length = rng.uniform(-np.pi, np.pi), rng.normal(0, 0.6), rng.uniform(0.32, 0.46)
        along = np.clip((r / radius - 0.2) / 0.26, 0, None)
        off = np.abs(np.angle(np.exp(1j * (angle - start - bend * along**2)))) * r
        cover[(off < rng.uniform(0.3, 1.0)) & (r < length * radius)] = 1
    alpha = cover.reshape(height, fine, width, fine).mean((1, 3))
    alpha = ndimage.gaussian_filter(alpha, 0.6).astype(np.float32)
    alpha = np.where(alpha < 1 / 255, 0, np.where(alpha > 254 / 255, 1, alpha)).astype(np.float32)
    grain = ndimage.gaussian_filter(rng.normal(size=(height, width)), 2)
    hair = r[::fine, ::fine][:height, :width] > 0.24 * radius
    colour = np.where(hair[..., None], [0.36, 0.24, 0.16], [0.80, 0.60, 0.52])
    colour = ndimage.gaussian_filter(colour, (2, 2, 0)) * (1 + 0.6 * grain[..., None])
    return np.clip(colour, 0.02, 0.98).astype(np.float32), alpha


def screen(shape, name, seed=0, uneven=0.2):
    """A plain background whose light falls off, and which is a little wrinkled: (H, W, 3)."""
    rng = np.random.default_rng(seed)
    y, x = (np.mgrid[: shape[0], : shape[1]] / max(shape) - 0.5).astype(np.float32)
    light = 1 - uneven * (0.7 * x + rng.uniform(-0.5, 0.5) * y + x * x + y * y)
    wrinkles = ndimage.gaussian_filter(rng.normal(size=shape), max(shape) / 8)
    light = light + 0.01 * wrinkles / max(float(np.abs(wrinkles).max()), 1e-9)
    return np.clip(np.array(SCREENS[name]) * light[..., None], 0, 1).astype(np.float32)


def shot(foreground, alpha, background, noise=0.012, seed=0):
    """What a camera makes of it, in 8 bits: (H, W, 3)."""
    rng = np.random.default_rng(seed + 100)
    image = over(foreground, alpha, background) + rng.normal(0, noise, background.shape).astype(np.float32)
    return to_float(from_float(np.clip(image, 0, 1)))

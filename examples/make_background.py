"""Paint `examples/background.jpg`, an evening street far out of focus, and `examples/underwater.jpg`.

Nobody's photos, so nobody's licence.

python examples/make_background.py
"""

from pathlib import Path

import numpy as np

from wisp.io.images import write_image

HEIGHT, WIDTH = 900, 1200


def main() -> None:
    """Paint and write the pictures."""
    street()
    underwater()


def underwater() -> None:
    """Deep teal, brighter towards the surface, with shafts of light and a few bubbles."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    depth = (y / HEIGHT)[..., None]
    picture = (1 - depth) * np.array([0.16, 0.66, 0.68]) + depth * np.array([0.01, 0.20, 0.28])
    for _ in range(14):
        middle, lean, width = rng.uniform(0, WIDTH), rng.uniform(-0.25, 0.25), rng.uniform(25, 90)
        across = (x - middle - lean * y) / (width * (1 + y / HEIGHT))
        picture += (0.10 * np.exp(-(across**2)) * (1 - y / HEIGHT))[..., None]
    for _ in range(40):
        radius, cx, cy = rng.uniform(3, 14), rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT)
        distance = np.hypot(x - cx, y - cy) / radius
        picture += (0.25 * np.exp(-(((distance - 0.9) / 0.15) ** 2)))[..., None]
    grain = rng.normal(0, 0.006, (HEIGHT, WIDTH, 1))
    out = np.clip(picture + grain, 0, 1).astype(np.float32)
    write_image(Path(__file__).with_name("underwater.jpg"), out, bits=8, overwrite=True)


def street() -> None:
    """Lamps and windows, far out of focus."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    stops = np.array([[0.10, 0.14, 0.30], [0.36, 0.27, 0.42], [0.86, 0.52, 0.36], [0.22, 0.14, 0.18]])
    height = np.interp(y[:, 0] / HEIGHT, [0, 0.42, 0.62, 1], range(4))
    sky = np.stack([np.interp(height, range(4), stops[:, c]) for c in range(3)], 1)
    picture = np.repeat(sky[:, None], WIDTH, 1).astype(np.float32)
    lamps = np.array(
        [[1.0, 0.78, 0.42], [1.0, 0.55, 0.28], [0.95, 0.88, 0.72], [0.55, 0.75, 1.0], [1.0, 0.36, 0.32]]
    )
    for _ in range(90):
        depth = rng.random()
        radius = 14 + 62 * depth**2
        cx, cy = rng.uniform(0, WIDTH), HEIGHT * (0.62 + rng.normal(0, 0.07) + 0.22 * depth * rng.random())
        edge = np.clip((radius - np.hypot(x - cx, y - cy)) / (2 + radius / 12) + 0.5, 0, 1)
        rim = 0.75 + 0.25 * np.clip(np.hypot(x - cx, y - cy) / radius, 0, 1) ** 6
        light = lamps[rng.integers(len(lamps))] * rng.uniform(0.12, 0.42)
        picture = 1 - (1 - picture) * (1 - (edge * rim)[..., None] * light.astype(np.float32))
    grain = rng.normal(0, 0.006, (HEIGHT, WIDTH, 1)).astype(np.float32)
    out = np.clip(picture + grain, 0, 1).astype(np.float32)
    write_image(Path(__file__).with_name("background.jpg"), out, bits=8, overwrite=True)


if __name__ == "__main__":
    main()

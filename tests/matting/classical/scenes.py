"""Small made-up photos with trimaps for the tests of classical matting."""

import json
from pathlib import Path

import numpy as np

REFERENCE = Path(__file__).parents[2] / "reference" / "classical_pymatting.npz"


def scene(size, kind, seed=3):
    """A soft disc over a textured ground, float32 (H, W, 3), and a trimap of a kind, uint8 (H, W)."""
    rng = np.random.default_rng(seed)
    height, width = size
    y, x = np.mgrid[:height, :width]
    distance = np.hypot((y - height / 2) / height, (x - width / 2) / width)
    alpha = np.clip((0.36 - distance) * 6 + 0.5, 0, 1)[..., None]
    foreground = np.array([0.8, 0.5, 0.3]) + 0.05 * rng.standard_normal((height, width, 3))
    background = np.array([0.2, 0.4, 0.6]) + 0.10 * np.sin(x / 3)[..., None]
    noise = 0.02 * rng.standard_normal((height, width, 3))
    image = np.clip(alpha * foreground + (1 - alpha) * background + noise, 0, 1).astype(np.float32)

    trimap = np.full(size, 128, np.uint8)
    if kind == "band":
        trimap[distance < 0.26] = 255
        trimap[distance > 0.46] = 0
    elif kind == "scribbles":
        trimap[height // 2, width // 3 : 2 * width // 3 + 1] = 255
        trimap[0, :] = 0
        trimap[:, -1] = 0
    elif kind == "corner":
        trimap[0, 0], trimap[-1, -1] = 0, 255
    elif kind == "specks":  # single unknown pixels amid known ones
        trimap[...] = np.where(distance < 0.36, 255, 0)
        trimap[rng.random(size) < 0.1] = 128
    else:
        raise ValueError(kind)
    return image, trimap


def reference():
    """A photo and trimap with the alphas that pymatting found; the file says how it was made."""
    with np.load(REFERENCE) as stored:
        arrays = {name: stored[name] for name in stored.files}
    assert json.loads(str(arrays.pop("provenance")))["pymatting"]
    return arrays.pop("image"), arrays.pop("trimap"), arrays

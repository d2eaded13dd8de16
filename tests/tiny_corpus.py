"""Tiny data sets written for a test: discs for people, gradients for scenes."""

import csv

import numpy as np
import pytest

from wisp.data import vips


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    """Tiny tensors gain nothing from threads, and lose much where other work wants the cores."""
    try:
        import torch
    except ModuleNotFoundError:  # an install without training: no test here has a tensor
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def disc(size=64, radius=0.3):
    """Alpha uint8 (size, size) of a soft disc."""
    y, x = np.mgrid[:size, :size] / size - 0.5
    return (np.clip((radius - np.hypot(x, y)) * size / 4 + 0.5, 0, 1) * 255).astype(np.uint8)


def photo(alpha, seed=0):
    """A red subject on blue, uint8 (H, W, 3)."""
    rng = np.random.default_rng(seed)
    a = alpha[..., None] / 255
    noise = rng.integers(0, 20, (*alpha.shape, 3))
    return (a * np.array([200, 40, 30]) + (1 - a) * np.array([20, 40, 180]) + noise).astype(np.uint8)


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    vips.as_image(pixels).write_to_file(str(path))


@pytest.fixture
def corpus_folder(tmp_path):
    """corpus/people with 4 training and 2 held-out photos, corpus/backgrounds with 3."""
    return write_corpus(tmp_path / "corpus")


@pytest.fixture(scope="module")
def lasting_corpus(tmp_path_factory):
    """The same for all tests of a module."""
    return write_corpus(tmp_path_factory.mktemp("module") / "corpus")


def write_corpus(root):
    """What `corpus_folder` is."""
    rows = []
    for number in range(6):
        name = f"p-{number}"
        alpha = disc(radius=0.2 + 0.03 * number)
        save(root / f"people/photo/{name}.jpg", photo(alpha, number))
        save(root / f"people/alpha/{name}.png", alpha)
        save(root / f"people/weight/{name}.png", np.full((16, 16), 255, np.uint8))
        licence = "CC0-1.0" if number % 2 else "research use"
        rows.append({"name": name, "split": "val" if number > 3 else "train", "licence": licence})
    with (root / "people/manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    for number in range(3):
        ramp = np.linspace(0, 255, 80).astype(np.uint8)
        red, blue = np.tile(ramp, (60, 1)), np.tile(ramp[::-1], (60, 1))
        green = np.full((60, 80), 60 * number, np.uint8)
        save(root / f"backgrounds/b{number}.png", np.stack([red, green, blue], 2))
    return root

"""Tiny data sets written for a test: discs for people, gradients for scenes."""

import csv

import numpy as np
import pytest

from wisp.data import datasets, vips


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


@pytest.fixture
def photos(corpus_folder):
    """The photos of `corpus_folder` as tasks take them: people and scenes, held-out people and scenes."""
    return photos_of(corpus_folder)


def photos_of(root):
    """What `photos` is, of another corpus."""
    people, scenes = root / "people", datasets.backgrounds(root / "backgrounds")
    return datasets.corpus(people, "train"), scenes, datasets.corpus(people, "val"), scenes


@pytest.fixture(scope="module")
def packed(lasting_corpus, tmp_path_factory):
    """The training photos packed: as people, two as things, two as cut-outs, and the scenes."""
    from wisp.data.packed import pack

    people, scenes, *_ = photos_of(lasting_corpus)
    groups = [("people", people), ("things", people[:2]), ("cutouts", people[2:]), ("scenes", scenes)]
    return pack(groups, tmp_path_factory.mktemp("packed"))


@pytest.fixture(scope="module")
def red_is_subject():
    """For cues, what is red is the subject: no network is asked."""
    from wisp.data import cues, packed_cues

    with pytest.MonkeyPatch.context() as patch:
        for module in (cues, packed_cues):
            patch.setattr(module, "segment", lambda image: (image[..., 0] > 0.4).astype(np.float32))
        yield


def first_batch(task, count):
    """The first samples of a task."""
    import torch

    from wisp.training.loader import batches, to_batch

    (tensors,) = batches(task.source, batch=count, first=0, count=1, workers=0)
    return to_batch(tensors, torch.device("cpu"))


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

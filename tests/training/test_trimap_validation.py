"""Validation over the unknown part: scores by hand, fixed samples, a sheet."""

import numpy as np
import pytest
import torch

from wisp.data import datasets
from wisp.data.trimap_samples import Cropping
from wisp.training.trimap_validation import fixed_trimap_examples, validate_unknown

SMALL = Cropping(size=64, crops=(48,), widths=(1, 6), pool=4, drawn=64)


@pytest.fixture
def examples(corpus_folder):
    people = datasets.corpus(corpus_folder / "people", "val")
    return fixed_trimap_examples(
        people, datasets.backgrounds(corpus_folder / "backgrounds"), SMALL, count=4, batch=2
    )


def test_examples_are_the_same_every_time_and_of_both_kinds(examples, corpus_folder):
    assert {kind: len(kept) for kind, kept in examples.items()} == {"procedural": 2, "photos": 2}
    people = datasets.corpus(corpus_folder / "people", "val")
    scenes = datasets.backgrounds(corpus_folder / "backgrounds")
    again = fixed_trimap_examples(people, scenes, SMALL, count=4, batch=2)
    for kind, kept in examples.items():
        for a, b in zip(kept, again[kind], strict=True):
            assert torch.equal(a.image, b.image)
            assert torch.equal(a.trimap, b.trimap)
    assert set(fixed_trimap_examples([], scenes, SMALL, count=2, batch=2)) == {"procedural"}


def test_scores_count_the_unknown_part(examples):
    flat = [batch for kept in examples.values() for batch in kept]
    network = torch.nn.Identity().train()

    def half(batch):
        return torch.full_like(batch.trimap, 0.5)

    found = validate_unknown(half, network, examples, torch.device("cpu"), shown=3)
    assert network.training
    off = [((0.5 - b.alpha[i]).abs() * (b.trimap[i] == 128 / 255)).sum().item() for b in flat for i in (0, 1)]
    count = [(b.trimap[i] == 128 / 255).sum().item() for b in flat for i in (0, 1)]
    assert found.scores["sad"] == pytest.approx(np.mean(off) / 1000, rel=1e-5)
    assert found.scores["sad_procedural"] == pytest.approx(np.mean(off[:4]) / 1000, rel=1e-5)
    assert found.scores["sad_photos"] == pytest.approx(np.mean(off[4:]) / 1000, rel=1e-5)
    assert found.scores["mae"] == pytest.approx(np.mean(np.divide(off, count)), rel=1e-5)
    assert found.scores["mse"] <= found.scores["mae"] / 2
    assert found.sheet.shape[:2] == (6 * 68 - 4, 5 * 68 - 4)

    perfect = validate_unknown(lambda batch: batch.alpha, network, examples, torch.device("cpu"))
    assert perfect.scores["sad"] == 0

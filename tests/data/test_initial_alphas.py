"""Initial alphas of training samples: functions of seed and index, each kind with its errors."""

from dataclasses import replace

import numpy as np
import pytest

from wisp.core.arrays import to_float
from wisp.data import initial_alphas as module
from wisp.data.cues import Cues
from wisp.data.datasets import backgrounds, corpus
from wisp.data.initial_alphas import (
    AT_INFERENCE,
    KINDS,
    InitialAlphas,
    WithInitialAlpha,
    draw_initial_alpha,
    last_alpha,
    solve_initial_alpha,
)
from wisp.data.synthesis import Samples, Synthesis


def only(kind, **changes):
    return replace(InitialAlphas(shares=tuple(float(k == kind) for k in KINDS)), **changes)


@pytest.fixture(autouse=True)
def red_is_subject(monkeypatch):
    """A segmenter that finds what is red and answers coarsely, instead of the shipped one."""

    def segment(image):
        coarse = (image[::4, ::4, 0] > 0.4).astype(np.float32)
        return np.kron(coarse, np.ones((4, 4), np.float32))[: image.shape[0], : image.shape[1]]

    monkeypatch.setattr(module, "segment", segment)


@pytest.fixture
def samples(corpus_folder):
    people = corpus(corpus_folder / "people", "train")
    scenes = backgrounds(corpus_folder / "backgrounds")
    return Samples(people, scenes, Synthesis(size=64, kinds=("composite", "real", "empty"), pair=0.0))


def test_a_sample_is_a_function_of_seed_and_index(samples):
    one, other = WithInitialAlpha(samples, InitialAlphas()), WithInitialAlpha(samples, InitialAlphas())
    for index in range(6):
        for mine, theirs in zip(one[index], other[index], strict=True):
            np.testing.assert_array_equal(mine, theirs)
    assert not np.array_equal(one[0].mask, one[3].mask)


def test_batches_carry_initial_alphas_as_masks(samples):
    import torch

    from wisp.training.loader import batches, to_batch

    source = WithInitialAlpha(samples, InitialAlphas())
    (tensors,) = batches(source, batch=3, first=0, count=1, workers=0)
    batch = to_batch(tensors, torch.device("cpu"))
    stored = np.stack([source[index].mask for index in range(3)])
    np.testing.assert_allclose(batch.mask.numpy(), stored / 255, atol=1e-6)
    assert batch.prior is batch.trimap is batch.motion is None


def test_shares_decide_which_kind_leads(samples, monkeypatch):
    asked = []
    known = np.zeros((64, 64), np.float32)
    monkeypatch.setattr(module, "solve_initial_alpha", lambda *_: asked.append("prior") or known)
    monkeypatch.setattr(module, "last_alpha", lambda *_: asked.append("last") or known)
    example = samples[0]
    for kind in KINDS:
        asked.clear()
        draw_initial_alpha(example, np.random.default_rng(0), only(kind, imperfect=0))
        assert asked == ([] if kind == "mask" else [kind])
    drawn = [draw_initial_alpha(example, np.random.default_rng(i), InitialAlphas()).max() for i in range(200)]
    assert len(drawn) == 200
    assert 0.5 < asked.count("prior") / 200 < 0.7
    assert 0.1 < asked.count("last") / 200 < 0.3


def test_closed_form_finds_more_of_the_edge_than_the_mask(samples):
    example = samples[0]
    truth = to_float(example.alpha[0])
    image = to_float(np.ascontiguousarray(example.image.transpose(1, 2, 0)))
    mask = np.kron((truth[::8, ::8] > 0.5).astype(np.float32), np.ones((8, 8), np.float32))
    wide = Cues(width=(0.3, 0.3))
    for half in (0.0, 1.0):
        found = solve_initial_alpha(
            image, mask, np.random.default_rng(0), replace(AT_INFERENCE, half=half, cues=wide)
        )
        assert found.dtype == np.float32
        assert np.abs(found - truth).mean() < 0.7 * np.abs(mask - truth).mean()


def test_nobody_found_leads_nowhere(samples, monkeypatch):
    monkeypatch.setattr(module, "segment", lambda image: np.zeros(image.shape[:2], np.float32))
    empty = samples[2]
    assert not draw_initial_alpha(empty, np.random.default_rng(0), AT_INFERENCE).any()


def test_the_last_alpha_is_near_but_not_there(samples):
    alpha = samples[0].alpha[0]
    calm = only("last", cues=replace(InitialAlphas().cues, patch=0.0))
    found = [last_alpha(alpha, np.random.default_rng(i), calm) for i in range(8)]
    errors = [np.abs(last - to_float(alpha)).mean() for last in found]
    assert max(errors) < 0.1
    assert min(errors) > 1e-3
    torn = only("last", cues=replace(InitialAlphas().cues, patch=1.0))
    worst = max(
        np.abs(last_alpha(alpha, np.random.default_rng(i), torn) - to_float(alpha)).mean() for i in range(8)
    )
    assert worst > max(errors)

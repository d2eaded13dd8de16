"""Every kind of procedural foreground, and hair on cut-outs."""

import numpy as np
import pytest

from wisp.compositing.over import over
from wisp.core.arrays import Matte
from wisp.core.errors import InputError
from wisp.data import procedural
from wisp.data.procedural import KINDS, generate, random_foreground, with_hair
from wisp.data.procedural.finish import finish
from wisp.data.procedural.strands import Canvas, Strands

SIZE = (150, 131)
SOLID = set(KINDS) - {"cloth", "glass", "smoke"}
"""Kinds that always have an opaque part."""


def made(kind, seed, size=SIZE):
    return generate(kind, size, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def samples():
    return {kind: [made(kind, seed) for seed in range(4)] for kind in KINDS}


def test_public_names():
    assert procedural.__all__ == ["KINDS", "generate", "random_foreground", "with_hair"]
    assert {"hair", "curls", "fur", "lashes", "wool", "net", "lace", "foliage", "grass", "feather"} < set(
        KINDS
    )
    assert {"glass", "cloth", "smoke", "motion", "defocus"} < set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_have_the_promised_form(kind, samples):
    for foreground, alpha in samples[kind]:
        Matte(alpha, foreground)
        assert alpha.shape == SIZE
        assert foreground.flags.c_contiguous
        for array in (foreground, alpha):
            assert np.isfinite(array).all()
            assert array.min() >= 0
            assert array.max() <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_foreground(kind, samples):
    again = made(kind, 2)
    for first, second in zip(samples[kind][2], again, strict=True):
        np.testing.assert_array_equal(first, second)
    assert np.abs(samples[kind][0][1] - samples[kind][1][1]).max() > 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_there_is_something_solid_something_partial_and_something_empty(kind, samples):
    alphas = np.stack([alpha for _, alpha in samples[kind]])
    partial = (alphas > 0) & (alphas < 1)
    assert partial.mean() > 0.01
    assert (alphas == 0).mean() > 0.01
    if kind in SOLID:
        assert (alphas == 1).mean() > 0.0004
    # Partial alpha takes on all values, not a few.
    assert (np.histogram(alphas[partial], 8, (0, 1))[0] > 0).sum() >= 6


@pytest.mark.parametrize("kind", KINDS)
def test_two_backgrounds_give_the_alpha_back(kind, samples):
    rng = np.random.default_rng(5)
    for foreground, alpha in samples[kind]:
        first = rng.random((*SIZE, 3), np.float32) * np.float32(0.3)
        second = first + np.float32(0.6)
        difference = over(foreground, alpha, second) - over(foreground, alpha, first)
        solved = 1 - (difference / (second - first)).mean(-1)
        np.testing.assert_allclose(solved, alpha, atol=2e-6)


@pytest.mark.parametrize("seed", range(4))
def test_colours_are_straight_where_strands_are_faint_and_beyond(seed):
    rng = np.random.default_rng(seed)
    colour = np.array([0.8, 0.5, 0.2], np.float32)
    canvas = Canvas(SIZE)
    points = rng.uniform(0, 130, (25, 3, 2)).astype(np.float32)
    near = rng.random(25).astype(np.float32)
    canvas.strands(Strands(points, np.full((25, 1), 0.3, np.float32), np.tile(colour, (25, 1, 1)), near))
    foreground, alpha = finish(canvas.result(), rng)
    assert ((alpha > 0) & (alpha < 0.05)).sum() > 100
    np.testing.assert_allclose(foreground, np.broadcast_to(colour, foreground.shape), atol=2e-3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (17, 1), (3, 2), (31, 67)])
def test_any_size(kind, size):
    foreground, alpha = made(kind, 7, size)
    assert alpha.shape == size
    assert foreground.shape == (*size, 3)
    assert np.isfinite(foreground).all()
    assert np.isfinite(alpha).all()


def test_colour_goes_on_where_there_is_no_subject():
    foreground, alpha = made("motion", 1)
    ring = (alpha == 0) & (np.roll(alpha, 2, 0) > 0.1)
    ring[:3] = False
    beside = np.roll(foreground, 2, 0)[ring]
    assert ring.any()
    assert np.abs(foreground[ring] - beside).mean() < 0.2


def test_random_foreground_draws_every_kind_or_the_one_asked_for(monkeypatch):
    drawn = []
    rows = {
        name: row._replace(make=lambda s, r, n=name: drawn.append(n))
        for name, row in procedural._KINDS.items()
    }
    monkeypatch.setattr(procedural, "_KINDS", rows)
    rng = np.random.default_rng(0)
    for _ in range(600):
        random_foreground((8, 8), rng)
    assert set(drawn) == set(KINDS)
    assert drawn.count("hair") > drawn.count("smoke")
    drawn.clear()
    random_foreground((8, 8), rng, "lace")
    assert drawn == ["lace"]


def test_bad_requests_are_told():
    with pytest.raises(InputError, match="kind: is 'beard'; hair, curls"):
        generate("beard", (8, 8), np.random.default_rng(0))
    with pytest.raises(InputError, match="size: is 8×0; at least 1×1"):
        random_foreground((0, 8), np.random.default_rng(0))


def person(size=(120, 100)):
    """A disc with a soft edge, brown above and white below."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    alpha = np.clip(30 - np.hypot(x - size[1] / 2, y - size[0] / 2) + 0.5, 0, 1).astype(np.float32)
    foreground = np.where(
        (y < size[0] / 2)[..., None], np.float32([0.4, 0.2, 0.1]), np.float32([0.9, 0.9, 0.9])
    )
    return foreground.astype(np.float32), alpha


def test_hair_grows_out_of_a_cut_out():
    foreground, alpha = person()
    grown = 0
    for seed in range(12):
        haired, more = with_hair(foreground, alpha, np.random.default_rng(seed))
        Matte(more, haired)
        assert (more >= alpha - 1e-6).all()
        assert more.max() <= 1
        untouched = more == alpha
        np.testing.assert_array_equal(haired[untouched & (alpha == 0)], foreground[untouched & (alpha == 0)])
        new = (alpha == 0) & (more > 0.02)
        grown += new.any()
        again = with_hair(foreground, alpha, np.random.default_rng(seed))
        np.testing.assert_array_equal(again[0], haired)
        np.testing.assert_array_equal(again[1], more)
    assert grown >= 10


def test_hair_takes_the_colours_it_grows_from():
    foreground, alpha = person()
    seen = 0
    for seed in range(20):
        haired, more = with_hair(foreground, alpha, np.random.default_rng(seed))
        new = (alpha == 0) & (more > 0.1)
        if new.sum() < 10:
            continue
        seen += 1
        red, _, blue = np.median(haired[new], axis=0)
        assert red > 1.5 * blue or red > 0.6  # brown, or white where it grows from below
    assert seen >= 5


def test_what_hair_adds_composes_exactly():
    foreground, alpha = person()
    haired, more = with_hair(foreground, alpha, np.random.default_rng(3))
    dark, light = (over(haired, more, np.full_like(foreground, value)) for value in (0.1, 0.9))
    np.testing.assert_allclose(1 - (light - dark).mean(-1) / np.float32(0.8), more, atol=2e-6)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_nothing_grows_without_an_edge(value):
    foreground, alpha = np.full((20, 30, 3), 0.5, np.float32), np.full((20, 30), value, np.float32)
    haired, more = with_hair(foreground, alpha, np.random.default_rng(0))
    np.testing.assert_array_equal(haired, foreground)
    np.testing.assert_array_equal(more, alpha)


def test_hair_refuses_other_arrays():
    foreground, alpha = person()
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="foreground: is 100×119"):
        with_hair(foreground[1:], alpha, rng)
    with pytest.raises(InputError, match="alpha: is uint8"):
        with_hair(foreground, alpha.astype(np.uint8), rng)

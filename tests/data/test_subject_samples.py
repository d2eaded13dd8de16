"""Samples of the subject and the matting network: determinism, exact labels, and what each kind promises."""

from types import SimpleNamespace

import numpy as np
import pytest

from wisp.data import subject_samples, subject_scenes
from wisp.data.damage import damage, like_colours
from wisp.data.matting_samples import MattingSamples, MattingSynthesis
from wisp.data.placing import place
from wisp.data.subject_samples import (
    KINDS,
    Sizes,
    SubjectMix,
    SubjectSamples,
    SubjectSynthesis,
)
from wisp.data.subject_scenes import clear_part

SIZE = (96, 96)


def samples(packed, **mix):
    synthesis = SubjectSynthesis(Sizes(((1.0, (64, 96)),)), SubjectMix(**mix))
    return SubjectSamples(packed, synthesis, batch=4, steps=10, seed=3)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_a_sample_is_a_function_of_seed_and_index(packed):
    first, again = samples(packed)[7], samples(packed)[7]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first.image[:, :32, :32], samples(packed)[11].image[:, :32, :32])


def test_all_of_a_batch_have_one_size(packed):
    source = samples(packed)
    for step in range(6):
        shapes = {source[4 * step + i].image.shape for i in range(4)}
        assert len(shapes) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_made_whole(packed, kind):
    for seed in range(6):
        made = samples(packed).sample(rng(seed), SIZE, kind)
        assert made.image.shape == (3, *SIZE)
        assert made.label.shape == made.weight.shape == (2, *SIZE)
        assert KINDS[int(made.kind[0])] == kind
        if not made.guided[0]:
            assert made.label[0].max() <= 255
            assert not made.previous.any()


def test_people_are_part_of_the_subject(packed):
    for seed in range(20):
        made = samples(packed, guided=0).sample(rng(seed), SIZE, "several")
        assert (made.label[0].astype(int) <= made.label[1].astype(int) + 1).all()


def labelled(alpha, trust=255):
    photo = np.dstack([np.arange(alpha.size, dtype=np.uint8).reshape(alpha.shape)] * 3 + [alpha])
    layer = np.dstack([photo[..., :3], np.full_like(alpha, trust)])
    return SimpleNamespace(photo=photo, layer=layer)


def test_the_clear_part_is_the_largest_side_without_a_label():
    alpha = np.zeros((240, 200), np.uint8)
    alpha[150:200, 60:90] = 200
    photo = labelled(alpha)
    np.testing.assert_array_equal(clear_part(photo), photo.photo[:150, :, :3])
    assert clear_part(labelled(alpha, trust=120)) is None
    assert clear_part(labelled(np.zeros_like(alpha))) is None
    alpha[80:220, 30:170] = 9
    assert clear_part(labelled(alpha)) is None  # the largest is narrower than 96 pixels


def test_empty_pictures_also_show_patterns_and_what_lies_beside_things(packed, monkeypatch):
    beside = np.full((120, 120, 3), 77, np.uint8)
    monkeypatch.setattr(subject_scenes, "clear_part", lambda photo: beside)
    monkeypatch.setattr(
        subject_samples, "random_pattern", lambda size, rng: np.full((*size, 3), 13, np.uint8)
    )
    for module in (subject_samples, subject_scenes):
        monkeypatch.setattr(module, "recolour_by_table", lambda pixels, rng: pixels)
    source = samples(packed, pattern=0.3, surroundings=0.4)
    shown = [round(float(source._empty(rng(seed), SIZE).max()) * 255) for seed in range(60)]
    assert {13, 77} < set(shown)
    assert 10 < shown.count(13) < 30
    assert 12 < shown.count(77) < 36


def test_empty_pictures_have_no_label_but_full_trust(packed):
    for seed in range(8):
        made = samples(packed).sample(rng(seed), SIZE, "empty")
        assert not made.label.any()
        assert (made.weight == 255).all()


def test_a_poster_alone_is_no_subject(packed):
    alone = [samples(packed, guided=0).sample(rng(seed), SIZE, "poster").label for seed in range(12)]
    assert any(not label.any() for label in alone)
    assert any(label.any() for label in alone)  # somebody real stands before others


def test_a_composite_is_exact(packed):
    """Where the label is 0 the picture is the scene: its red subject shows nowhere else."""
    still = samples(
        packed, guided=0, degraded=0, grey=0, sepia=0, motion_blur=0, distractor=0, like=0, turned=0
    )
    for seed in range(8):
        made = still.sample(rng(seed), SIZE, "small")
        share = (made.label[1] > 127).mean()
        assert share < 0.25


def test_guided_samples_ask_for_one_of_several(packed):
    made = [samples(packed, guided=1, one_of=1).sample(rng(seed), SIZE, "several") for seed in range(10)]
    asked = [bool(example.guided[0]) for example in made]  # unless the one is hidden
    assert sum(asked) >= 7
    assert all(not e.weight[0].any() for e in made if e.guided[0])  # people are not asked for
    plain = [samples(packed, guided=0).sample(rng(seed), SIZE, "several") for seed in range(10)]
    fewer = [
        int((g.label[1] > 127).sum()) < int((p.label[1] > 127).sum())
        for g, p in zip(made, plain, strict=True)
    ]
    assert sum(fewer) >= 5


def test_a_given_mask_is_damaged(packed):
    made = samples(packed, guided=1, given=1).sample(rng(1), SIZE, "single")
    assert made.previous.any()
    assert not np.array_equal(made.previous[0], made.label[1])


def test_damage_keeps_the_size_and_takes_turned_arrays():
    alpha = np.zeros((40, 60), np.uint8)
    alpha[10:30, 10:40] = 255
    for seed in range(30):
        for target in (alpha, np.rot90(alpha)):
            assert damage(target, rng(seed)).shape == target.shape


def test_sizes_follow_the_progress():
    sizes = Sizes(((0.5, (192,)), (1.0, (416,))), wide=0.0)
    assert sizes.draw(rng(), 0.1) == (192, 192)
    assert sizes.draw(rng(), 0.6) == sizes.draw(rng(), 1.0) == (416, 416)
    wide = {Sizes(((1.0, (256,)),), wide=1.0).draw(rng(seed), 0.0) for seed in range(20)}
    assert all(h % 32 == w % 32 == 0 and 1.4 < max(h, w) / min(h, w) < 3.6 for h, w in wide)


def test_a_warp_by_the_identity_changes_nothing():
    pixels = rng().integers(0, 256, (20, 30, 3)).astype(np.uint8)
    assert np.array_equal(place(pixels, np.array([[1.0, 0, 0], [0, 1, 0]]), (20, 30)), pixels)


def test_a_warp_shrinks_by_areas():
    checks = np.indices((64, 64)).sum(0) % 2 * np.uint8(255)
    half = place(checks.astype(np.uint8), np.array([[0.5, 0, 0], [0, 0.5, 0]]), (32, 32))
    assert np.abs(half.astype(int) - 128).max() <= 2


def test_like_colours_moves_a_scene_towards_the_subject():
    scene = rng().random((32, 32, 3)).astype(np.float32)
    foreground = np.full((32, 32, 3), (0.8, 0.2, 0.1), np.float32)
    moved = like_colours(scene, foreground, np.ones((32, 32), np.float32), rng(1))
    before, after = (np.abs(x.mean((0, 1)) - (0.8, 0.2, 0.1)).sum() for x in (scene, moved))
    assert after < before / 2


def test_matting_samples_compose_exactly(packed):
    mix = SubjectMix(degraded=0, grey=0, sepia=0, motion_blur=0, guided=0, turned=0)
    synthesis = MattingSynthesis(sizes=Sizes(((1.0, (96,)),), wide=0.0), mix=mix, procedural=0.0, hair=1.0)
    source = MattingSamples(packed, synthesis, batch=2, steps=10)
    for seed, kind in enumerate(("single", "several", "held", "faint", "empty", "poster")):
        made = source.example(rng(seed), SIZE, kind)
        assert made.exact[0] == 1
        alpha = made.alpha.astype(np.float32) / 255
        composed = alpha * made.foreground + (1 - alpha) * made.background
        assert np.abs(composed - made.image).max() <= 2.5


def test_matting_samples_of_photos_trust_their_borders_less(packed):
    source = MattingSamples(packed, MattingSynthesis(), batch=2, steps=10)
    made = source.example(rng(2), SIZE, "person")
    soft = (made.alpha > 20) & (made.alpha < 235)
    assert made.exact[0] == 0
    assert soft.any()
    assert made.weight[soft].max() <= 0.2 * 255 + 1

"""Alpha for video: nearly that of the slow ways, at odd sizes too."""

from dataclasses import replace

import numpy as np
import pytest

from tiny_networks import bright_disc, write_portrait, write_refinement
from wisp.clips import alpha as clip_alpha
from wisp.clips import belief as beliefs
from wisp.clips import kinds
from wisp.clips.alpha import (
    PortraitMethod,
    WarpedPrevious,
    lead_of,
    matte_by_segmenter,
    upsample_to_frame,
)
from wisp.core.errors import InputError
from wisp.core.resample import resize
from wisp.core.settings import CLIPS
from wisp.engine.engine import Engine
from wisp.engine.families.subject import Seen

FP32 = Engine(precision="fp32")


@pytest.mark.parametrize(("height", "width"), [(90, 121), (701, 1000)])
def test_alpha_lies_where_the_subject_is(network, height, width):
    image, alpha = bright_disc(height, width, softness=6)
    found = matte_by_segmenter(image, model=network, engine=FP32)
    assert found.shape == (height, width)
    assert found.dtype == np.float32
    assert np.abs(found - alpha).mean() < 0.01


@pytest.fixture
def looks(monkeypatch):
    """Both networks take what is bright for people; the sizes that they looked at."""
    sizes = []

    def see(image, **_):
        sizes.append(image.shape[:2])
        mask = (image.mean(2) > 0.5).astype(np.float32)
        return Seen(np.dstack([mask, mask]), np.ones(2, np.float32), mask, 1)

    for module in (beliefs, kinds):
        monkeypatch.setattr(module, "see", see)
    return sizes


@pytest.fixture
def method(tmp_path):
    write_refinement(tmp_path / "tiny-refinement.onnx")
    return PortraitMethod(write_portrait(tmp_path / "tiny.onnx"), FP32)


def test_the_portrait_network_sees_a_small_picture(looks, method):
    image, alpha = bright_disc(500, 1000, softness=6)
    small, belief = method.decide(image)
    assert looks == [(360, 720)]
    assert small.shape == (360, 720)
    assert belief.size == (192, 384)
    found = upsample_to_frame(image, small)
    assert found.shape == alpha.shape
    assert np.abs(found - alpha).mean() < 0.02
    assert not method(np.zeros((40, 50, 3), np.float32)).any()

    looks.clear()
    led, kept = method.decide(image, WarpedPrevious(small, 1, belief=belief))
    assert not looks  # the last alpha says where the subject is
    np.testing.assert_array_equal(kept, belief)
    assert np.abs(led - small).mean() < 0.01
    method(image, WarpedPrevious(small, CLIPS.glance_every, belief=belief))
    method(image, WarpedPrevious(small, CLIPS.look_every, belief=belief))
    method(image, WarpedPrevious(small[:9], 1))
    assert looks == [(360, 720)] * 3


@pytest.mark.parametrize(
    ("shift", "seen"),
    [(0, (384, 384)), (-600, None)],  # pixels of 1280; what the border cuts off is as large as it seems
)
def test_a_small_subject_is_shown_larger_with_the_frames_own_pixels(monkeypatch, looks, method, shift, seen):
    views = []

    def generate(session, row, view, mask, *, smallest):
        assert smallest == 0
        views.append((view, mask.shape))
        return resize(mask, *view.shape[:2]).clip(0, 1)

    monkeypatch.setattr(clip_alpha, "generate", generate)
    image, _ = bright_disc(720, 1280, radius=0.08)
    image = np.roll(image, shift, axis=1)
    image[320:400:2] *= 0.9  # stripes of a pixel, which are lost in the reduced frame
    found = method(image)
    ((view, small),) = views
    assert view.shape[:2] == (seen or small)
    if seen:
        assert max(small) == 128
        assert np.abs(np.diff(view[180:204, 192], axis=0)).mean() > 0.03
    assert found.shape == (405, 720)


def test_a_subject_that_comes_in_is_found(looks, method):
    image, alpha = bright_disc(120, 160, softness=4)
    nobody = method.decide(np.zeros_like(image))
    assert not nobody.alpha.any()
    looks.clear()
    past = WarpedPrevious(nobody.alpha, 1, belief=nobody.belief)
    first = method.decide(image, past)  # where nobody was, every frame is looked at
    assert len(looks) == 1
    assert first.alpha[alpha > 0.99].mean() > 0.9


def test_what_is_far_from_the_subject_or_left_out_is_not_in_its_alpha(looks, method):
    image, alpha = bright_disc(120, 160, softness=4)
    image[:12, :12] = 0.9
    found = method.decide(image)
    assert found.alpha[:8, :8].mean() > 0.9
    is_person, mask = found.belief.is_person.copy(), found.belief.mask.copy()
    is_person[:20, :20] = mask[:20, :20] = 0  # seen there, and not the subject
    belief = found.belief._replace(is_person=is_person, mask=mask)
    led = method(image, WarpedPrevious(found.alpha, 1, belief=belief))
    assert led[:8, :8].max() == 0
    assert led[alpha > 0.99].mean() > 0.9


def test_a_thing_is_none_of_the_portrait_networks_business(monkeypatch, tmp_path):
    image, alpha = bright_disc(120, 160, softness=4)

    def see(image, **_):
        mask = (image.mean(2) > 0.5).astype(np.float32)
        return Seen(np.dstack([0 * mask, mask]), np.ones(2, np.float32), None, 1)

    for module in (beliefs, kinds):
        monkeypatch.setattr(module, "see", see)
    found = PortraitMethod(write_portrait(tmp_path / "tiny.onnx", bias=-99.0), FP32, "anything")(image)
    assert np.abs(found - alpha).mean() < 0.02
    assert not PortraitMethod(write_portrait(tmp_path / "tiny.onnx"), FP32, "people")(image).any()


def test_a_clip_of_which_some_frames_are_known(looks, method):
    image, _ = bright_disc(120, 160, softness=4)
    empty = np.zeros_like(image)
    assert method.primed_by([]) is method
    told = replace(method, subject="anything")
    assert told.primed_by(iter([1])) is told  # nothing is read
    assert method.primed_by([empty, empty]).things == 1
    looks.clear()
    assert method.primed_by(iter([empty, image, image])).things == 0
    assert len(looks) == 2  # the third need not be looked at


def test_another_kind_of_network_is_refused(looks, network):
    image, _ = bright_disc(60, 81)
    with pytest.raises(InputError, match="is no portrait network"):
        PortraitMethod(network)(image)


@pytest.fixture
def walled():
    """An alpha with a small hole, a large one, and a notch at the picture's side."""
    alpha = np.zeros((80, 100), np.float32)
    alpha[10:, 10:90] = 1
    alpha[40:46, 40:46] = 0.1
    alpha[50:70, 60:80] = 0
    alpha[75:, 20:25] = 0
    return alpha


def test_small_enclosed_holes_are_doubted(walled):
    closed = walled.copy()
    closed[40:46, 40:46] = CLIPS.doubtful
    before = walled.copy()
    np.testing.assert_array_equal(lead_of(np.ones_like(walled), walled, looked=False), closed)
    np.testing.assert_array_equal(walled, before)
    np.testing.assert_array_equal(lead_of(walled, None, looked=True), closed)
    np.testing.assert_array_equal(lead_of(walled, walled, looked=True), closed)


def test_the_last_alpha_leads_as_far_as_it_agrees_with_what_is_believed():
    subject, last = np.ones((6, 100), np.float32), np.ones((6, 100), np.float32)
    subject[:, 1], subject[:, 3] = 0.5, 0
    last[:, 5], subject[:, 5] = 0.4, 0.6
    led = lead_of(subject, last, looked=True)
    np.testing.assert_allclose(led[0, :8], [1, 0.8, 1, 0.3, 1, 0.4, 1, 1], atol=1e-6)
    np.testing.assert_allclose(lead_of(subject, last, looked=False)[0], last[0], atol=1e-6)


def test_far_from_what_is_believed_the_last_alpha_leads_to_nothing():
    subject, last = np.zeros((6, 100), np.float32), np.ones((6, 100), np.float32)
    subject[:, :50] = 1
    led = lead_of(subject, last, looked=True)[0]
    np.testing.assert_allclose(led[:50], 1)
    np.testing.assert_allclose(led[50:54], 0.3, atol=1e-6)
    assert not led[60:].any()


def test_what_eight_bits_cannot_show_is_nothing_and_all():
    image = np.full((64, 64, 3), 0.5, np.float32)
    for value, expected in ((0.003, 0), (0.997, 1), (0.006, 0.006)):
        drawn = upsample_to_frame(image, np.full((32, 32), value, np.float32))
        np.testing.assert_allclose(drawn, expected, atol=1e-6)

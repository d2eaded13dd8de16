"""Alpha for video: nearly that of the slow ways, at odd sizes too."""

import numpy as np
import pytest

from tiny_networks import bright_disc, write_portrait, write_refinement, write_segmenter
from wisp.clips.alpha import REFRESH, WarpedPrevious, matte_by_portrait, matte_by_segmenter, upsample_to_frame
from wisp.core.errors import InputError
from wisp.engine.engine import Engine

FP32 = Engine(precision="fp32")


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return write_segmenter(tmp_path_factory.mktemp("networks") / "tiny.onnx")


@pytest.mark.parametrize(("height", "width"), [(90, 121), (701, 1000)])
def test_alpha_lies_where_the_subject_is(network, height, width):
    image, alpha = bright_disc(height, width, softness=6)
    found = matte_by_segmenter(image, model=network, engine=FP32)
    assert found.shape == (height, width)
    assert found.dtype == np.float32
    assert np.abs(found - alpha).mean() < 0.01


def test_the_portrait_network_sees_a_small_picture(monkeypatch, tmp_path):
    from wisp.clips import alpha as quick

    write_refinement(tmp_path / "tiny-refinement.onnx")
    network = write_portrait(tmp_path / "tiny.onnx")
    seen = []

    def bright(image, **_):
        seen.append(image.shape[:2])
        return (image.mean(2) > 0.5).astype(np.float32)

    monkeypatch.setattr(quick, "segment", bright)
    image, alpha = bright_disc(500, 1000, softness=6)
    small = matte_by_portrait(image, model=network, engine=FP32)
    assert seen == [(360, 720)]
    assert small.shape == (360, 720)
    found = upsample_to_frame(image, small)
    assert found.shape == alpha.shape
    assert np.abs(found - alpha).mean() < 0.02
    assert not matte_by_portrait(np.zeros((40, 50, 3), np.float32), model=network).any()

    seen.clear()
    led = matte_by_portrait(image, WarpedPrevious(small, 1), model=network, engine=FP32)
    assert not seen  # the last alpha says where the subject is
    assert np.abs(led - small).mean() < 0.01
    matte_by_portrait(image, WarpedPrevious(small, REFRESH), model=network, engine=FP32)
    matte_by_portrait(image, WarpedPrevious(small[:9], 1), model=network, engine=FP32)
    assert seen == [(360, 720)] * 2


def test_a_subject_that_comes_in_is_found(monkeypatch, tmp_path):
    from wisp.clips import alpha as quick

    write_refinement(tmp_path / "tiny-refinement.onnx")
    network = write_portrait(tmp_path / "tiny.onnx")
    image, alpha = bright_disc(120, 160, softness=4)
    monkeypatch.setattr(quick, "segment", lambda image, **_: (image.mean(2) > 0.5).astype(np.float32))
    elsewhere = np.zeros(alpha.shape, np.float32)
    assert (
        matte_by_portrait(image, WarpedPrevious(elsewhere, 1), model=network, engine=FP32)[
            alpha > 0.99
        ].mean()
        > 0.9
    )
    elsewhere[:9, :9] = 1
    assert not matte_by_portrait(image, WarpedPrevious(elsewhere, 1), model=network, engine=FP32)[
        alpha > 0.99
    ].any()
    found = matte_by_portrait(image, WarpedPrevious(elsewhere, REFRESH), model=network, engine=FP32)
    assert found[alpha > 0.99].mean() > 0.9


def test_another_kind_of_network_is_refused(network):
    image, _ = bright_disc(60, 81)
    with pytest.raises(InputError, match="is no portrait network"):
        matte_by_portrait(image, WarpedPrevious(np.ones((60, 81), np.float32), 1), model=network)


@pytest.fixture
def walled():
    """An alpha with a small hole, a large one, and a notch at the picture's side."""
    alpha = np.zeros((80, 100), np.float32)
    alpha[10:, 10:90] = 1
    alpha[40:46, 40:46] = 0.1
    alpha[50:70, 60:80] = 0
    alpha[75:, 20:25] = 0
    return alpha


def test_small_enclosed_holes_are_doubted(walled, monkeypatch):
    from wisp.clips import alpha as quick

    small = np.zeros((80, 100, 3), np.float32)
    closed = walled.copy()
    closed[40:46, 40:46] = quick.DOUBTFUL
    before = walled.copy()
    np.testing.assert_array_equal(quick.find_initial_alpha(small, WarpedPrevious(walled, 1)), closed)
    np.testing.assert_array_equal(walled, before)
    monkeypatch.setattr(quick, "segment", lambda image, **_: walled)
    np.testing.assert_array_equal(quick.find_initial_alpha(small, None), closed)
    np.testing.assert_array_equal(quick.find_initial_alpha(small, WarpedPrevious(walled, REFRESH)), closed)


def test_what_was_surely_subject_stays_where_the_segmenter_merely_doubts(monkeypatch):
    from wisp.clips import alpha as quick

    last, mask = np.full((6, 8), 1, np.float32), np.full((6, 8), 1, np.float32)
    mask[:, 1], mask[:, 3] = 0.3, 0.1
    last[:, 5], mask[:, 5] = 0.6, 0.3
    monkeypatch.setattr(quick, "segment", lambda image, **_: mask)
    led = quick.find_initial_alpha(np.zeros((6, 8, 3), np.float32), WarpedPrevious(last, REFRESH))
    np.testing.assert_allclose(led[0], [1, 1, 1, 0.55, 1, 0.45, 1, 1], atol=1e-6)


def test_what_eight_bits_cannot_show_is_nothing_and_all():
    image = np.full((64, 64, 3), 0.5, np.float32)
    for value, expected in ((0.003, 0), (0.997, 1), (0.006, 0.006)):
        drawn = upsample_to_frame(image, np.full((32, 32), value, np.float32))
        np.testing.assert_allclose(drawn, expected, atol=1e-6)

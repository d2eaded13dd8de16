"""What mattes a single frame of a clip, by name."""

from types import SimpleNamespace

import numpy as np
import pytest

from tiny_networks import bright_disc, write_portrait, write_refinement
from wisp import pipeline
from wisp.clips.alpha import PortraitMethod, matte_by_segmenter
from wisp.clips.methods import alpha_method
from wisp.clips.selection import Selection
from wisp.core.errors import InputError
from wisp.pipeline import run


@pytest.fixture(scope="module")
def portrait(tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    write_refinement(folder / "tiny-refinement.onnx")
    return write_portrait(folder / "tiny.onnx")


def test_what_keeps_up_with_a_clip(network, portrait):
    image, _ = bright_disc(60, 81)
    found = alpha_method("segmenter", model=network)(image)
    np.testing.assert_array_equal(found, matte_by_segmenter(image, model=network))
    found = alpha_method(model=portrait)(image)
    np.testing.assert_array_equal(found, PortraitMethod(portrait)(image))


def test_the_methods_of_photos(network):
    image, alpha = bright_disc(60, 81)
    found = alpha_method("closed-form", model=network)(image)
    np.testing.assert_array_equal(found, run(image, method="closed-form", model=network).matte.alpha)
    assert np.abs(found - alpha).mean() < 0.03


def test_the_portrait_network_gets_its_mask_from_a_small_picture(portrait, network, monkeypatch):
    from wisp.clips import methods as alpha_methods

    sizes = []

    def seen(image, **_):
        sizes.append(image.shape[:2])
        return SimpleNamespace(mask=(image.mean(2) > 0.5).astype(np.float32))

    monkeypatch.setattr(alpha_methods, "find_subject", seen)
    image, alpha = bright_disc(400, 1000)
    found = alpha_method("portrait", model=portrait)(image)
    assert sizes == [(288, 720)]
    assert found.shape == alpha.shape
    assert np.abs(found - alpha).mean() < 0.05


def test_what_cannot_be_used_is_told_at_once(tmp_path):
    with pytest.raises(InputError, match="method: is 'magic'"):
        alpha_method("magic")
    (tmp_path / "broken.onnx").write_bytes(b"x")
    with pytest.raises(InputError, match=r"broken\.onnx"):
        alpha_method("auto", model=tmp_path / "broken.onnx")
    with pytest.raises(InputError, match="no known network"):
        alpha_method("auto", model="nobody")
    with pytest.raises(InputError, match="dlmn-mobile: has no SSRN"):
        alpha_method("dlmn", ssrn=True)


def test_only_the_usual_method_is_told_what_to_look_for():
    for said in ({"subject": "anything"}, {"selected": Selection(points=((3, 4),))}):
        with pytest.raises(InputError, match="changes nothing: method segmenter"):
            alpha_method("segmenter", **said)
    with pytest.raises(InputError, match="subject: is nobody; auto, people, anything are accepted"):
        alpha_method(subject="nobody")


def test_slow_methods_find_no_colours(network, monkeypatch):
    """A clip finds the colours of its steadied alpha; those of each frame's own would be thrown away."""

    def never(*args, **kwargs):
        raise AssertionError("foreground colours were estimated")

    monkeypatch.setattr(pipeline, "estimate_foreground", never)
    image, alpha = bright_disc(60, 80)
    found = alpha_method("knn", model=network)(image)
    assert found.shape == alpha.shape

import numpy as np
import pytest

from tiny_networks import bright_disc, write_segmenter
from wisp.core.errors import InputError
from wisp.engine.engine import Engine
from wisp.engine.families.segmenter import segment
from wisp.engine.sessions.onnx_runtime import OnnxRuntimeSession

FP32 = Engine(precision="fp32")


@pytest.mark.parametrize(("height", "width"), [(300, 400), (401, 233), (90, 120), (1200, 800)])
def test_the_mask_lies_where_the_subject_is(network, height, width):
    image, alpha = bright_disc(height, width)
    mask = segment(image, model=network, engine=FP32)
    assert mask.shape == (height, width)
    assert mask.dtype == np.float32
    assert np.abs(mask - alpha).mean() < 0.01
    rows, columns = np.indices(mask.shape)
    for axis in (rows, columns):
        assert np.average(axis, weights=mask) == pytest.approx(np.average(axis, weights=alpha), abs=0.3)


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (700, 1), (3, 5), (33, 31)])
def test_odd_sizes(network, size):
    bright = np.full((*size, 3), 0.9, np.float32)
    mask = segment(bright, model=network)
    assert mask.shape == size
    assert mask.min() > 0.99
    assert segment(1 - bright, model=network).max() < 0.01


def test_values_are_the_networks_own(network):
    """Nothing is stretched: beside a subject, what the network is unsure about keeps its low values."""
    image = np.full((416, 312, 3), 0.47, np.float32)
    image[:208] = 0.7
    mask = segment(image, model=network, engine=FP32)
    np.testing.assert_allclose(mask[220:], 1 / (1 + np.exp(40 * 0.03)), atol=1e-3)
    np.testing.assert_allclose(mask[:200], 1 / (1 + np.exp(-40 * 0.2)), atol=1e-3)


def test_a_photo_in_which_nothing_is_sure_has_no_subject(network):
    assert segment(np.full((64, 48, 3), 0.55, np.float32), model=network).max() == 0


def test_onnx_runtime_gives_the_same_mask(network, monkeypatch):
    image, _ = bright_disc(120, 160)
    by_openvino = segment(image, model=network, engine=FP32)
    other = OnnxRuntimeSession(network, "cpu", "fp32", 1)
    monkeypatch.setattr(Engine, "session_of", lambda *_: other)
    np.testing.assert_allclose(segment(image, model=network), by_openvino, atol=1e-4)


@pytest.mark.parametrize("fault", [{"channels": 4}, {"output": "alpha"}, {"stride": 2}])
@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_networks_of_another_kind_are_refused(tmp_path, monkeypatch, fault, runtime):
    other = write_segmenter(tmp_path / "other.onnx", **fault)
    if runtime == "onnxruntime":
        session = OnnxRuntimeSession(other, "cpu", "fp32", 1)
        monkeypatch.setattr(Engine, "session_of", lambda *_: session)
    image, _ = bright_disc(40, 40)
    with pytest.raises(InputError, match=r"other\.onnx: is no segmentation network; an ONNX"):
        segment(image, model=other)


def test_other_arrays_are_refused(network):
    with pytest.raises(InputError, match="image: is uint8"):
        segment(np.zeros((4, 4, 3), np.uint8), model=network)


def test_a_small_gap_in_the_subject_is_in_doubt_and_others_stay():
    from wisp.engine.families.segmenter import GAP, without_doubtful_gaps
    from wisp.matting.trimap import trimap_from_mask

    mask = np.zeros((80, 80), np.float32)
    mask[10:, 10:70] = 1
    mask[30:33, 30:33] = 0.02  # small and enclosed
    mask[40:52, 30:42] = 0  # large
    mask[76:, 50:53] = 0  # at the border
    found = without_doubtful_gaps(mask)
    assert (found[30:33, 30:33] == np.float32(GAP)).all()
    assert (trimap_from_mask(found)[30:33, 30:33] == 128).all()
    changed = found != mask
    changed[30:33, 30:33] = False
    assert not changed.any()


def test_a_small_gap_in_the_network_s_mask_is_in_doubt(network):
    image, _ = bright_disc(416, 416)
    image[204:212, 204:212] = 0.02  # dark for four pixels around the middle: the network says background
    mask = segment(image, model=network, engine=FP32)
    assert mask[206:210, 206:210].min() >= 0.09
    image[150:260, 150:260] = 0.02  # a gap that is seen through stays one
    assert segment(image, model=network, engine=FP32)[200:210, 200:210].max() < 0.01

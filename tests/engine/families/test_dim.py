"""Deep Image Matting on a photo: known pixels, tiles without seams, missing regions, bad input."""

import numpy as np
import pytest

from tiny_networks import write_dim, write_segmenter
from wisp import pipeline
from wisp.core.errors import InputError
from wisp.engine.engine import Engine
from wisp.engine.families import dim as module
from wisp.engine.families.dim import MARGIN, RAMP, dim, tile_axis
from wisp.engine.models import find_model

FP32 = Engine(precision="fp32")

TILE = 2 * (MARGIN + RAMP) + 96


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return write_dim(tmp_path_factory.mktemp("dim") / "tiny.onnx")


def scene(height, width, seed=0):
    """Noise, and a trimap whose unknown part is a frame-high zigzag with a hole of each kind."""
    rng = np.random.default_rng(seed)
    trimap = np.full((height, width), 128, np.uint8)
    trimap[:, : width // 5] = 0
    trimap[:, 4 * width // 5 :] = 255
    trimap[height // 2 : height // 2 + 9, width // 3 : width // 3 + 9] = 255
    return rng.random((height, width, 3), dtype=np.float32), trimap


def expected(image, trimap):
    """What `write_dim` computes, without tiles: outside the photo is nothing."""
    height, width = trimap.shape
    product = np.pad(image.mean(2) * (0.5 + trimap.astype(np.float32) / 510), 3)
    shifted = [product[y : y + height, x : x + width] for y in (0, 3, 6) for x in (0, 3, 6)]
    return np.where(trimap == 128, np.mean(shifted, 0), trimap / np.float32(255))


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (33, 31), (64, 96), (101, 67)])
def test_alpha_is_the_network_s_where_unknown_and_the_trimap_s_elsewhere(size, network):
    image, trimap = scene(*size)
    alpha = dim(image, trimap, model=network, engine=FP32)
    assert alpha.dtype == np.float32
    assert alpha.shape == size
    assert np.array_equal(alpha[trimap == 0], np.zeros((trimap == 0).sum(), np.float32))
    assert np.array_equal(alpha[trimap == 255], np.ones((trimap == 255).sum(), np.float32))
    inside = np.zeros(size, bool)
    inside[: size[0] - 3, : size[1] - 3] = True  # what the padding to multiples of 32 does not touch
    inside &= trimap == 128
    np.testing.assert_allclose(alpha[inside], expected(image, trimap)[inside], atol=2e-6)


@pytest.mark.parametrize("reach", [3, 128])
def test_tiles_leave_no_seam(reach, tmp_path):
    network = write_dim(tmp_path / "reach.onnx", reach=reach)
    image, trimap = scene(700, 1300)
    whole = dim(image, trimap, model=network, engine=FP32, tile=2048)
    tiled = dim(image, trimap, model=network, engine=FP32, tile=TILE)
    difference = np.abs(tiled - whole)[trimap == 128]
    assert difference.max() < 1e-5
    assert np.array_equal(tiled[trimap != 128], whole[trimap != 128])


def test_tiles_are_run_only_where_something_is_unknown_and_none_is_larger(network, monkeypatch):
    image, trimap = scene(900, 1500)
    trimap[:] = 0
    trimap[20:30, 20:40] = 128
    trimap[850:870, 1400:1420] = 128
    seen = []
    run = module._run
    monkeypatch.setattr(module, "_run", lambda s, r, i: seen.append(i[0].shape[:2]) or run(s, r, i))
    dim(image, trimap, model=network, tile=TILE)
    assert len(seen) == 2
    trimap[:] = 128
    seen.clear()
    dim(image, trimap, model=network, tile=TILE)
    assert len(seen) > 4
    assert max(max(shape) for shape in seen) <= TILE
    seen.clear()
    trimap[:] = 255
    assert dim(image, trimap, model=network).min() == 1
    assert seen == []


@pytest.mark.parametrize("length", [40, 500, 545, 1000, 1300, 4001])
def test_spans_cover_and_their_weights_add_up(length):
    total = np.zeros(length)
    found = tile_axis(7, length - 3, length, TILE, 32)
    for span in found:
        begin, end = span.kept
        assert span.start % 32 == 0
        assert span.stop - span.start <= TILE
        assert span.start == 0 or begin - span.start >= MARGIN or span.first is None
        assert span.stop == length or span.stop - end >= MARGIN or span.last is None
        total[begin:end] += span.weights()
    np.testing.assert_allclose(total[7 : length - 3], 1, atol=1e-5)
    assert (len(found) > 1) == (length > TILE)


def test_alpha_outside_the_range_is_clipped(tmp_path):
    network = write_dim(tmp_path / "strong.onnx", gain=5.0)
    image, trimap = scene(40, 40)
    alpha = dim(image, trimap, model=network)
    assert alpha.max() == 1
    assert alpha.min() == 0


@pytest.mark.parametrize("value", [0, 128, 255])
def test_known_regions_may_be_missing(value, network):
    image, trimap = scene(50, 60)
    trimap[:] = value
    alpha = dim(image, trimap, model=network)
    assert np.isfinite(alpha).all()
    if value != 128:
        assert (alpha == value // 255).all()


def test_bad_input_is_refused(network, tmp_path):
    image, trimap = scene(40, 50)
    with pytest.raises(InputError, match="trimap: is 49×40"):
        dim(image, trimap[:, :-1], model=network)
    with pytest.raises(InputError, match="has the value 7"):
        dim(image, np.where(trimap == 0, np.uint8(7), trimap), model=network)
    with pytest.raises(InputError, match="tile: is 500"):
        dim(image, trimap, model=network, tile=500)
    with pytest.raises(InputError, match="tile: is 64; a multiple of 32 above 544"):
        dim(image, trimap, model=network, tile=64)
    with pytest.raises(InputError, match="is no network of Deep Image Matting"):
        dim(image, trimap, model=write_segmenter(tmp_path / "other.onnx"))
    with pytest.raises(InputError, match="is no network of Deep Image Matting"):
        dim(image, trimap, model=write_dim(tmp_path / "named.onnx", output="matte"))
    with pytest.raises(InputError, match="is no known network and no file"):
        dim(image, trimap, model=tmp_path / "none.onnx")


def test_the_user_s_file_has_the_family_asked_for(network):
    row = find_model(network, "dim")
    assert (row.family, row.shipped, row.multiple) == ("dim", False, 32)
    with pytest.raises(InputError, match="is a segmenter"):
        find_model("segmenter-mobile", "dim")


def test_the_pipeline_has_the_method_with_a_network_of_the_user_s(network):
    image, trimap = scene(60, 70)
    result = pipeline.run(image, method="dim", trimap=trimap, model=network, engine=FP32)
    alpha = dim(image, trimap, model=network, engine=FP32)
    assert np.array_equal(result.matte.alpha, alpha)
    assert np.array_equal(result.trimap, trimap)
    assert result.solution is None


def test_the_pipeline_makes_the_trimap_of_a_mask(network):
    image, _ = scene(60, 70)
    mask = np.zeros((60, 70), np.float32)
    mask[15:45, 20:50] = 1
    result = pipeline.run(image, method="dim", mask=mask, model=network)
    assert (result.trimap == 128).any()
    assert result.matte.alpha[30, 35] == 1
    assert result.matte.alpha[2, 2] == 0

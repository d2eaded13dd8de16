import cv2
import numpy as np
import pytest

from tiny_peers import recorded, write_affine, write_network, write_rvm
from wisp.core.errors import InputError
from wisp.engine.peers import open_peer
from wisp.engine.peers.single import IMAGENET_MEAN, IMAGENET_STD, modnet_size, rvm_frame, stretched

FP32 = {"precision": "fp32", "threads": 1}


def photo(height, width, low=0.1, high=0.9):
    """A scene without detail, so that every way to resize it gives nearly the same."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    red = low + (high - low) * columns / max(1, width - 1)
    green = 0.2 + 0.6 * rows / max(1, height - 1)
    return np.dstack([red, green, np.full_like(red, 0.35)]).astype(np.float32)


def seen_by(fed, index=0):
    """The picture of the fed batch, (H, W, C)."""
    (batch,) = fed[index].values()
    assert batch.dtype == np.float32
    assert batch.flags.c_contiguous
    return batch[0].transpose(1, 2, 0)


# MODNet


@pytest.mark.parametrize(
    ("size", "seen"),
    [
        ((832, 832), (512, 512)),
        ((512, 512), (512, 512)),
        ((3000, 4000), (512, 672)),  # the short side becomes 512, 682 loses what is over a multiple of 32
        ((300, 400), (512, 672)),  # so it does where both are smaller
        ((400, 600), (384, 576)),  # 512 lies between them: nothing but whole multiples of 32
        ((10, 600), (32, 576)),
        ((1, 1), (512, 512)),
    ],
)
def test_modnet_sees(size, seen):
    assert modnet_size(*size) == seen
    assert modnet_size(*size[::-1]) == seen[::-1]


@pytest.fixture
def modnet(tmp_path):
    """Alpha is the red that the network saw."""
    return open_peer("modnet", write_affine(tmp_path / "modnet.onnx", gain=0.5, offset=0.5), **FP32)


@pytest.mark.parametrize("size", [(832, 832), (700, 530), (300, 401), (64, 48)])
def test_modnet_is_fed_8_bit_averages_between_minus_one_and_one(modnet, size):
    modnet, fed = recorded(modnet)
    image = np.random.default_rng(0).random((*size, 3), np.float32)
    alpha = modnet(image)
    height, width = modnet_size(*size)
    seen = seen_by(fed)
    assert seen.shape == (height, width, 3)
    stored = (seen * 0.5 + 0.5) * 255
    np.testing.assert_allclose(stored, np.rint(stored), atol=1e-3)
    if height < size[0] and width < size[1]:
        expected = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        np.testing.assert_allclose(stored, expected * 255, atol=0.501)
    assert alpha.shape == size
    assert alpha.dtype == np.float32
    expected = cv2.resize(stored[..., 0] / 255, size[::-1], interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(alpha, expected, atol=1e-4)


def test_modnet_of_a_fixed_size_sees_that(tmp_path):
    file = write_affine(tmp_path / "fixed.onnx", gain=0.5, offset=0.5, size=(64, 96))
    modnet, fed = recorded(open_peer("modnet", file, **FP32))
    image = photo(200, 150)
    np.testing.assert_allclose(modnet(image), image[..., 0], atol=0.02)
    assert seen_by(fed).shape == (64, 96, 3)


# U²-Net


@pytest.fixture
def u2net(tmp_path):
    file = write_affine(tmp_path / "u2net.onnx", gain=0.1, offset=0.4, outputs=7, size=(320, 320))
    return open_peer("u2net", file, **FP32)


@pytest.mark.parametrize("size", [(832, 640), (101, 320), (1, 1)])
def test_u2net_is_fed_320_pixels_by_imagenets_statistics_over_the_brightest(u2net, size):
    u2net, fed = recorded(u2net)
    image = photo(*size, high=0.5) * np.float32(0.5)
    alpha = u2net(image)
    seen = seen_by(fed) * IMAGENET_STD + IMAGENET_MEAN
    expected = cv2.resize(image, (320, 320), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(seen, expected / expected.max(), atol=1e-4)
    assert seen.max() == pytest.approx(1, abs=1e-5)
    assert alpha.shape == size


def test_u2nets_map_is_stretched_to_the_whole_range(u2net):
    alpha = u2net(photo(320, 320))
    assert (alpha.min(), alpha.max()) == (0, 1)
    np.testing.assert_allclose(alpha[100], np.linspace(0, 1, 320), atol=1e-3)


def test_a_map_without_contrast_stays_as_it_is(u2net):
    assert np.isfinite(u2net(np.zeros((40, 50, 3), np.float32))).all()
    np.testing.assert_array_equal(stretched(np.full((2, 3), 0.3, np.float32)), np.float32(0.3))


# IS-Net and RMBG 1.4


@pytest.mark.parametrize("outputs", [1, 12])
def test_isnet_is_fed_1024_pixels_cut_off_to_8_bits(tmp_path, outputs):
    file = write_affine(tmp_path / "isnet.onnx", gain=0.5, offset=0.4, outputs=outputs)
    isnet, fed = recorded(open_peer("isnet", file, **FP32))
    image = photo(300, 200)
    alpha = isnet(image)
    stored = (seen_by(fed) + 0.5) * 255
    assert stored.shape == (1024, 1024, 3)
    np.testing.assert_allclose(stored, np.rint(stored), atol=1e-3)
    expected = cv2.resize(image, (1024, 1024), interpolation=cv2.INTER_LINEAR) * 255
    lost = expected - stored
    assert -0.01 < lost.min() <= lost.max() < 1.01
    assert lost.mean() == pytest.approx(0.5, abs=0.1)  # cut off, not rounded
    assert (alpha.min(), alpha.max()) == (0, 1)
    np.testing.assert_allclose(alpha[150], np.linspace(0, 1, 200), atol=0.01)


def test_stored_values_survive_the_cut(tmp_path):
    """What is a whole number of 255ths stays that number, although 1/255 is none in binary."""
    file = write_affine(tmp_path / "isnet.onnx", gain=0.5, offset=0.4, size=(16, 16))
    isnet, fed = recorded(open_peer("isnet", file, **FP32))
    image = np.arange(256, dtype=np.float32).reshape(16, 16, 1).repeat(3, 2) / np.float32(255)
    isnet(image)
    np.testing.assert_allclose((seen_by(fed)[..., 0] + 0.5) * 255, np.arange(256).reshape(16, 16), atol=1e-3)


def test_rmbg_14_is_not_cut_off(tmp_path):
    file = write_affine(tmp_path / "rmbg.onnx", gain=0.5, offset=0.4, size=(64, 64))
    rmbg, fed = recorded(open_peer("rmbg-1.4", file, **FP32))
    image = photo(64, 64)
    assert rmbg(image).max() == 1
    np.testing.assert_allclose(seen_by(fed) + 0.5, image, atol=1e-6)


# BiRefNet and RMBG 2.0


@pytest.mark.parametrize("name", ["birefnet", "rmbg"])
def test_birefnet_turns_logits_into_alpha_and_stretches_nothing(tmp_path, name):
    file = write_affine(tmp_path / "birefnet.onnx", gain=1.0, offset=0.0, size=(64, 96))
    birefnet, fed = recorded(open_peer(name, file, **FP32))
    image = photo(64, 96)
    alpha = birefnet(image)
    np.testing.assert_allclose(seen_by(fed), (image - IMAGENET_MEAN) / IMAGENET_STD, atol=1e-5)
    expected = 1 / (1 + np.exp(-(image[..., 0] - 0.485) / 0.229))
    np.testing.assert_allclose(alpha, expected, atol=1e-5)


def test_birefnet_that_ends_with_its_sigmoid_has_one_only(tmp_path):
    file = write_affine(tmp_path / "birefnet.onnx", gain=1.0, offset=0.0, size=(32, 32), sigmoid=True)
    image = photo(32, 32)
    expected = 1 / (1 + np.exp(-(image[..., 0] - 0.485) / 0.229))
    np.testing.assert_allclose(open_peer("birefnet", file, **FP32)(image), expected, atol=1e-5)


def test_birefnet_sees_1024_pixels_where_its_file_leaves_it_open(tmp_path):
    file = write_affine(tmp_path / "birefnet.onnx", gain=1.0, offset=0.0)
    birefnet, fed = recorded(open_peer("birefnet", file, **FP32))
    assert birefnet(photo(50, 70)).shape == (50, 70)
    assert seen_by(fed).shape == (1024, 1024, 3)


# RVM


@pytest.fixture
def rvm(tmp_path):
    return open_peer("rvm", write_rvm(tmp_path / "rvm.onnx"), **FP32)


def test_a_still_photo_is_seen_twice_and_begins_without_memory(rvm):
    rvm, fed = recorded(rvm)
    image = photo(40, 30)
    np.testing.assert_allclose(rvm(image), 0.25, atol=1e-6)  # one frame was before
    assert len(fed) == 2
    for name in ("r1i", "r2i", "r3i", "r4i"):
        np.testing.assert_array_equal(fed[0][name], np.zeros((1, 1, 1, 1)))
        np.testing.assert_array_equal(fed[1][name], np.ones((1, 1, 1, 1)))
    np.testing.assert_array_equal(fed[0]["src"][0].transpose(1, 2, 0), image)
    np.testing.assert_allclose(rvm(image), 0.25, atol=1e-6)  # nothing is left of the photo before


def test_the_state_goes_from_frame_to_frame_by_hand(rvm):
    image, state = photo(20, 24), None
    for number in range(4):
        frame = rvm_frame(rvm.network, image, state)
        state = frame.state
        np.testing.assert_allclose(frame.alpha, number / 4, atol=1e-6)
        np.testing.assert_allclose(frame.foreground, image, atol=1e-6)


@pytest.mark.parametrize(("size", "ratio"), [((1024, 600), 0.5), ((300, 512), 1), ((100, 80), 1)])
def test_rvms_first_stage_sees_512_pixels_and_never_more_than_there_are(rvm, size, ratio):
    rvm, fed = recorded(rvm)
    rvm(photo(*size))
    assert [entry["downsample_ratio"].tolist() for entry in fed] == [[ratio]] * 2
    rvm_frame(rvm.network, photo(*size), downsample_ratio=0.375)
    assert fed[-1]["downsample_ratio"].tolist() == [0.375]


@pytest.mark.parametrize("size", [(1, 1), (3, 700), (15, 16)])
def test_rvm_is_fed_no_less_than_16_pixels(rvm, size):
    rvm, fed = recorded(rvm)
    image = photo(*size)
    assert rvm(image).shape == size
    seen = fed[0]["src"][0].transpose(1, 2, 0)
    assert seen.shape[:2] == (max(16, size[0]), max(16, size[1]))
    np.testing.assert_array_equal(seen[: size[0], : size[1]], image)
    np.testing.assert_array_equal(seen[-1, : size[1]], image[-1])


# What is not the network it is said to be


@pytest.mark.parametrize("offset", [0.8, float("nan")])
@pytest.mark.parametrize(("name", "outputs"), [("modnet", 1), ("u2net", 7), ("isnet", 1)])
def test_a_map_that_is_no_alpha_is_refused(tmp_path, name, outputs, offset):
    file = write_affine(tmp_path / "other.onnx", gain=1.0, offset=offset, outputs=outputs, size=(64, 64))
    with pytest.raises(InputError, match=r"other\.onnx: is no .*-?Net network; a float32 ONNX file with"):
        open_peer(name, file, **FP32)(photo(30, 40))


def test_a_map_of_another_size_is_refused(tmp_path):
    file = write_network(
        tmp_path / "half.onnx",
        {"picture": (1, 3, None, None)},
        {"map": (1, 1, None, None)},
        [("Conv", ["picture", "weights"], ["map"], {"strides": [2, 2]})],
        weights=np.zeros((1, 3, 1, 1)),
    )
    for name in ("modnet", "birefnet"):
        with pytest.raises(InputError, match=r"half\.onnx: is no (MODNet|BiRefNet) network"):
            open_peer(name, file, **FP32)(photo(30, 40))

import cv2
import numpy as np
import pytest

from tiny_peers import recorded, write_network
from wisp.engine.peers import open_peer
from wisp.engine.peers.guided import known_nearby
from wisp.engine.peers.single import IMAGENET_MEAN, IMAGENET_STD

FP32 = {"precision": "fp32", "threads": 1}
FREE = (None, None)
SIZES = [(13, 21), (16, 24), (64, 96), (1, 1), (33, 7)]


def photo(height, width):
    return np.random.default_rng(0).random((height, width, 3), np.float32)


def thirds(height, width):
    """Known background to the left, known foreground to the right."""
    trimap = np.full((height, width), 128, np.uint8)
    trimap[:, : width // 3] = 0
    trimap[:, width - width // 3 :] = 255
    return trimap


def picture(batch):
    return batch[0].transpose(1, 2, 0)


# FBA


def write_fba(path, *, normalised=True):
    """Alpha is the photo's red; the other six channels are green and blue, thrice."""
    inputs = {"photo": 3, "two_chan_trimap": 2} | ({"image_n": 3} if normalised else {}) | {"transformed": 6}
    used = ("Sum", [f"{name}_sum" for name in inputs], ["sum"], {})
    return write_network(
        path,
        {name: (1, channels, *FREE) for name, channels in inputs.items()},
        {"seven": (1, 7, *FREE)},
        [
            *[("ReduceMean", [name], [f"{name}_sum"], {"axes": [1], "keepdims": 1}) for name in inputs],
            used,  # so that no input is left without a use
            ("Mul", ["sum", "nothing"], ["zero"], {}),
            ("Concat", ["photo", "photo", "zero"], ["seven"], {"axis": 1}),
        ],
        nothing=[0.0],
    )


@pytest.mark.parametrize("size", SIZES)
def test_fba_is_fed_photo_knowledge_and_distances_at_multiples_of_8(tmp_path, size):
    fba, fed = recorded(open_peer("fba", write_fba(tmp_path / "fba.onnx"), **FP32))
    image, trimap = photo(*size), thirds(*size)
    alpha = fba(image, trimap=trimap)
    (inputs,) = fed
    plain, known, normalised, distances = (picture(batch) for batch in inputs.values())
    height, width = (8 * -(-side // 8) for side in size)
    assert plain.shape == (height, width, 3)
    np.testing.assert_array_equal(plain[: size[0], : size[1]], image)
    np.testing.assert_array_equal(plain[-1, : size[1]], image[-1])
    np.testing.assert_allclose(normalised, (plain - IMAGENET_MEAN) / IMAGENET_STD, atol=1e-6)
    np.testing.assert_array_equal(known[: size[0], : size[1]], np.dstack([trimap == 0, trimap == 255]))
    np.testing.assert_array_equal(distances, known_nearby(known))
    assert alpha.shape == size
    unknown = trimap == 128
    np.testing.assert_allclose(alpha[unknown], image[..., 0][unknown], atol=1e-6)
    np.testing.assert_array_equal(alpha[~unknown], trimap[~unknown] / 255)


def test_fba_that_normalises_by_itself_is_fed_three_arrays(tmp_path):
    file = write_fba(tmp_path / "fba.onnx", normalised=False)
    fba, fed = recorded(open_peer("fba", file, **FP32))
    image, trimap = photo(16, 24), thirds(16, 24)
    alpha = fba(image, trimap=trimap)
    assert [batch.shape[1] for batch in fed[0].values()] == [3, 2, 6]
    np.testing.assert_array_equal(picture(fed[0]["photo"]), image)
    np.testing.assert_allclose(alpha[:, 8:16], image[:, 8:16, 0], atol=1e-6)


def test_distances_are_gaussians_of_the_way_to_what_is_known():
    known = np.zeros((9, 12, 2), np.float32)
    known[2, 3, 0] = known[7, 10, 0] = 1
    nearby = known_nearby(known)
    assert nearby.dtype == np.float32
    rows, columns = np.indices((9, 12))
    squared = np.minimum((rows - 2) ** 2 + (columns - 3) ** 2, (rows - 7) ** 2 + (columns - 10) ** 2)
    for channel, sigma in enumerate((6.4, 25.6, 51.2)):
        np.testing.assert_allclose(nearby[..., channel], np.exp(-squared / (2 * sigma**2)), rtol=1e-5)
    np.testing.assert_array_equal(nearby[..., 3:], 0)  # no foreground is known: nothing is near it


# MGM


def write_mgm(path, *, order=("alpha_os1", "alpha_os4", "alpha_os8"), names=None):
    """os8 is the photo's red times the mask, os4 is ¼, os1 is ¾; `names` renames the outputs in order."""
    renamed = dict(zip(order, names or order, strict=True))
    return write_network(
        path,
        {"image": (1, 3, *FREE), "mask": (1, 1, *FREE)},
        {renamed[name]: (1, 1, *FREE) for name in order},
        [
            ("Slice", ["image", "int_start", "int_end", "int_axis"], ["red"], {}),
            ("Mul", ["red", "deviation"], ["scaled"], {}),
            ("Add", ["scaled", "mean"], ["original"], {}),
            ("Mul", ["original", "mask"], [renamed["alpha_os8"]], {}),
            ("Mul", ["mask", "nothing"], ["zero"], {}),
            ("Add", ["zero", "quarter"], [renamed["alpha_os4"]], {}),
            ("Add", ["zero", "three_quarters"], [renamed["alpha_os1"]], {}),
        ],
        int_start=[0],
        int_end=[1],
        int_axis=[1],
        deviation=[IMAGENET_STD[0]],
        mean=[IMAGENET_MEAN[0]],
        nothing=[0.0],
        quarter=[0.25],
        three_quarters=[0.75],
    )


@pytest.fixture
def mgm(tmp_path):
    return open_peer("mgm", write_mgm(tmp_path / "mgm.onnx"), **FP32)


@pytest.mark.parametrize("size", SIZES)
def test_mgm_is_fed_a_mirrored_margin_and_the_sure_half_of_the_mask(mgm, size):
    mgm, fed = recorded(mgm)
    image = photo(*size)
    mask = np.linspace(0, 1, size[0] * size[1], dtype=np.float32).reshape(size)
    assert mgm(image, mask=mask).shape == size
    seen, guidance = picture(fed[0]["image"]) * IMAGENET_STD + IMAGENET_MEAN, fed[0]["mask"][0, 0]
    assert guidance.shape == tuple(32 * -(-side // 32) + 64 for side in size)
    inside = np.s_[32 : 32 + size[0], 32 : 32 + size[1]]
    np.testing.assert_allclose(seen[inside], image, atol=1e-6)
    np.testing.assert_array_equal(guidance[inside], mask >= 0.5)
    if min(size) > 1:
        np.testing.assert_allclose(seen[31, 32 : 32 + size[1]], image[1], atol=1e-6)


def test_mgm_takes_the_known_foreground_of_a_trimap(mgm):
    mgm, fed = recorded(mgm)
    trimap = thirds(30, 40)
    mgm(photo(30, 40), trimap=trimap)
    np.testing.assert_array_equal(fed[0]["mask"][0, 0, 32:62, 32:72], trimap == 255)


def ellipse(array, size):
    return cv2.dilate(array.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))) > 0


def test_mgms_finer_maps_take_over_around_what_is_uncertain(mgm):
    """As the authors' script has it, by ellipses of 15 and 7 pixels, but for the tips of the ellipses."""
    image = np.ones((60, 80, 3), np.float32)
    image[30:33, 30:34] = 0.5  # the coarse map is uncertain here, and sure of foreground elsewhere
    alpha = mgm(image, mask=np.ones((60, 80), np.float32))
    coarse = image[..., 0]
    fourth = np.where(ellipse(coarse < 1, 15), 0.25, coarse)
    expected = np.where(ellipse(fourth < 1, 7), 0.75, fourth)
    assert np.count_nonzero(np.abs(alpha - expected) > 1e-5) <= 24
    rows, columns = np.nonzero(alpha < 1)
    assert (rows.min(), rows.max()) == (30 - 10, 32 + 10)
    assert (columns.min(), columns.max()) == (30 - 10, 33 + 10)
    assert alpha[0, 0] == 1


@pytest.mark.parametrize(
    ("order", "names"),
    [
        (("alpha_os8", "alpha_os1", "alpha_os4"), None),  # by name
        (("alpha_os1", "alpha_os4", "alpha_os8"), ("a", "b", "c")),  # by order
    ],
)
def test_mgms_outputs_are_told_apart(tmp_path, mgm, order, names):
    other = open_peer("mgm", write_mgm(tmp_path / "other.onnx", order=order, names=names), **FP32)
    image, mask = photo(40, 50), np.ones((40, 50), np.float32)
    np.testing.assert_allclose(other(image, mask=mask), mgm(image, mask=mask), atol=1e-6)


def test_mgm_that_is_sure_everywhere_keeps_its_coarse_map(mgm):
    np.testing.assert_array_equal(mgm(np.zeros((9, 9, 3), np.float32), mask=np.ones((9, 9), np.float32)), 0)


# Background Matting V2


def write_bgmv2(path, *, names=("src", "bgr"), outputs=2):
    """Alpha is the mean over the channels of src² − bgr²: it tells one from the other."""
    first, second = names
    return write_network(
        path,
        {first: (1, 3, *FREE), second: (1, 3, *FREE)},
        dict([("pha", (1, 1, *FREE)), ("fgr", (1, 3, *FREE))][:outputs]),
        [
            ("Mul", ["src" if "src" in names else first] * 2, ["photo2"], {}),
            ("Mul", ["bgr" if "bgr" in names else second] * 2, ["plate2"], {}),
            ("Sub", ["photo2", "plate2"], ["difference"], {}),
            ("ReduceMean", ["difference"], ["pha"], {"axes": [1], "keepdims": 1}),
            *([("Identity", ["photo2"], ["fgr"], {})] if outputs == 2 else []),
        ],
    )


@pytest.mark.parametrize(
    ("names", "outputs"), [(("src", "bgr"), 2), (("bgr", "src"), 1), (("input_1", "input_2"), 2)]
)
@pytest.mark.parametrize("size", SIZES)
def test_background_matting_sees_photo_and_plate_at_multiples_of_4(tmp_path, size, names, outputs):
    file = write_bgmv2(tmp_path / "bgmv2.onnx", names=names, outputs=outputs)
    peer, fed = recorded(open_peer("bgmv2", file, **FP32))
    image = photo(*size)
    plate = image * np.float32(0.5)
    alpha = peer(image, plate=plate)
    np.testing.assert_allclose(alpha, (image**2 - plate**2).mean(-1), atol=1e-5)
    for batch in fed[0].values():
        assert batch.shape == (1, 3, *(4 * -(-side // 4) for side in size))

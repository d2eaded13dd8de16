"""DLMN-G at inference: what the network is shown, SSRN beside it, sizes, refusals."""

import numpy as np
import pytest

from tiny_networks import bright_disc, write_dlmn, write_portrait, write_ssrn
from wisp.core.arrays import motion_of_still
from wisp.core.errors import InputError
from wisp.core.resample import size_within
from wisp.engine.engine import Engine
from wisp.engine.families.dlmn import dlmn, network_inputs
from wisp.engine.models import find_model, ssrn_of
from wisp.matting.trimap import trimap_from_mask
from wisp.pipeline import run

FP32 = Engine(precision="fp32")


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return write_dlmn(tmp_path_factory.mktemp("networks") / "tiny.onnx")


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    write_ssrn(folder / "tiny-ssrn.onnx", gain=0.5)
    return write_dlmn(folder / "tiny.onnx")


@pytest.mark.parametrize(("height", "width"), [(1, 1), (33, 47), (120, 90), (600, 401)])
def test_alpha_is_made_of_mask_trimap_and_motion(network, height, width):
    image = np.full((height, width, 3), 0.5, np.float32)
    mask = np.ones((height, width), np.float32)
    motion = np.full((height, width, 4), 0.2, np.float32)
    found = dlmn(image, mask, motion=motion, model=network, engine=FP32, refined=False)
    assert found.shape == (height, width)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, (1 + 1 + 0.2) / 3, atol=1e-3)
    still = dlmn(image, mask, model=network, engine=FP32, refined=False)
    np.testing.assert_allclose(still, (1 + 1 + 0.5) / 3, atol=1e-3)


def test_a_trimap_takes_the_place_of_that_from_the_mask(network):
    image, alpha = bright_disc(64, 96)
    mask = np.ones_like(alpha)
    motion = np.zeros((64, 96, 4), np.float32)
    unknown = np.full((64, 96), 128, np.uint8)
    found = dlmn(image, mask, trimap=unknown, motion=motion, model=network, engine=FP32, refined=False)
    np.testing.assert_allclose(found, (1 + 128 / 255) / 3, atol=1e-3)


def test_the_cues_are_those_of_training(network):
    image, alpha = bright_disc(300, 700)
    row = find_model(network, "dlmn")
    given = network_inputs(image, alpha, None, None, row)
    height, width = size_within(image.shape, row.input_size)
    assert (height, width) == (219, 512)
    assert {name: x.shape for name, x in given.items()} == {
        "image": (1, 3, 224, 512),
        "mask": (1, 1, 224, 512),
        "trimap": (1, 1, 224, 512),
        "motion": (1, 4, 224, 512),
    }
    small = np.ascontiguousarray(given["image"][0, :, :height].transpose(1, 2, 0))
    np.testing.assert_allclose(
        given["motion"][0, :, :height].transpose(1, 2, 0), motion_of_still(small), atol=1e-5
    )
    known = trimap_from_mask(np.ascontiguousarray(given["mask"][0, 0, :height]))
    np.testing.assert_array_equal((given["trimap"][0, 0, :height] * 255).round(), known)


def test_the_ssrn_beside_a_network_refines_it(network, pair):
    assert ssrn_of(find_model(network, "dlmn")) is None
    assert ssrn_of(find_model(pair, "dlmn")).family == "ssrn"
    image, alpha = bright_disc(64, 96)
    alone, refined = (dlmn(image, alpha, model=m, engine=FP32, refined=False) for m in (network, pair))
    np.testing.assert_allclose(refined, alone / 2, atol=1e-3)


def test_the_ssrn_can_be_left_out_and_asked_for(network, pair):
    image, alpha = bright_disc(64, 96)
    alone = dlmn(image, alpha, model=network, engine=FP32, refined=False)
    without, with_it = (
        dlmn(image, alpha, model=pair, engine=FP32, refined=False, ssrn=ssrn) for ssrn in (False, True)
    )
    np.testing.assert_array_equal(without, alone)
    np.testing.assert_allclose(with_it, alone / 2, atol=1e-3)
    with pytest.raises(InputError, match=r"tiny: has no SSRN; FILE-ssrn.onnx beside the model's FILE.onnx"):
        dlmn(image, alpha, model=network, engine=FP32, ssrn=True)


def test_the_method_is_asked_for_the_ssrn_or_not(pair):
    image, alpha = bright_disc(64, 96)
    found = {
        ssrn: run(image, mask=alpha, method="dlmn", model=pair, engine=FP32, ssrn=ssrn).matte.alpha
        for ssrn in (None, True, False)
    }
    np.testing.assert_array_equal(found[None], found[True])
    assert not np.array_equal(found[None], found[False])
    with pytest.raises(InputError, match="ssrn: changes nothing beside method portrait; dlmn has one"):
        run(image, mask=alpha, method="portrait", ssrn=False)


def test_the_border_is_refined_at_the_photos_size(network):
    image, alpha = bright_disc(90, 120)
    found = dlmn(image, alpha, model=network, engine=FP32)
    assert found.shape == alpha.shape
    assert 0 <= found.min() <= found.max() <= 1


def test_no_subject_no_alpha(network):
    image = np.full((50, 70, 3), 0.9, np.float32)
    assert not dlmn(image, np.full((50, 70), 0.01, np.float32), model=network).any()


@pytest.mark.parametrize(
    ("cue", "complaint"),
    [
        ({"mask": np.ones((5, 6), np.float32)}, "mask: is 6×5"),
        ({"trimap": np.zeros((5, 6), np.uint8)}, "trimap: is 6×5"),
        ({"trimap": np.full((64, 96), 7, np.uint8)}, "trimap: has the value 7"),
        ({"motion": np.zeros((64, 96, 3), np.float32)}, r"motion: is float32 \(64, 96, 3\)"),
        ({"motion": np.zeros((5, 6, 4), np.float32)}, "motion: is 6×5"),
    ],
)
def test_other_cues_are_refused(network, cue, complaint):
    image, alpha = bright_disc(64, 96)
    with pytest.raises(InputError, match=complaint):
        dlmn(image, model=network, **{"mask": alpha, **cue})


def test_other_networks_are_refused(tmp_path):
    image, alpha = bright_disc(64, 96)
    with pytest.raises(InputError, match="no ssrn network comes with wisp"):
        find_model(None, "ssrn")
    other = write_portrait(tmp_path / "portrait.onnx")
    with pytest.raises(InputError, match="is no dlmn network; an ONNX file with the inputs image"):
        dlmn(image, alpha, model=other)
    wrong = write_dlmn(tmp_path / "wrong.onnx", output="beta")
    with pytest.raises(InputError, match="is no dlmn network"):
        dlmn(image, alpha, model=wrong)
    pair = write_dlmn(tmp_path / "pair.onnx")
    write_portrait(tmp_path / "pair-ssrn.onnx", output="beta")
    with pytest.raises(InputError, match="is no ssrn network"):
        dlmn(image, alpha, model=pair)

"""The U-Net's mask as alpha: sizes, what is left out, what it may not be given, a network of one's own."""

import numpy as np
import pytest

from tiny_networks import bright_disc, write_portrait
from wisp.core.errors import InputError
from wisp.engine.engine import Engine
from wisp.engine.families.unet import unet
from wisp.pipeline import run

FP32 = Engine(precision="fp32")


@pytest.mark.parametrize(("height", "width"), [(1, 1), (33, 47), (300, 701)])
def test_the_mask_is_alpha_at_the_photos_size(network, height, width):
    alpha = unet(np.full((height, width, 3), 0.6, np.float32), model=network, engine=FP32)
    assert alpha.shape == (height, width)
    assert alpha.dtype == np.float32
    np.testing.assert_allclose(alpha, 1 / (1 + np.exp(-4)), atol=1e-3)


def test_what_is_nowhere_more_likely_subject_than_not_is_left_out(network):
    image = np.zeros((64, 96, 3), np.float32)
    image[10:30, 10:30] = 0.9
    image[10:30, 60:90] = 0.52  # a mask of 0.69
    image[40:60, 60:90] = 0.49  # a mask of 0.40
    alpha = unet(image, model=network, engine=FP32)
    assert alpha[15:25, 15:25].min() > 0.95
    np.testing.assert_allclose(alpha[15:25, 65:85], 0.69, atol=0.02)
    assert not alpha[40:60, 60:90].any()


def test_the_method_cuts_out_by_the_mask_itself(network):
    image, alpha = bright_disc(120, 160)
    result = run(image, method="unet", model=network, engine=FP32)
    np.testing.assert_array_equal(result.matte.alpha, unet(image, model=network, engine=FP32))
    assert np.abs(result.matte.alpha - alpha).mean() < 0.05
    assert result.trimap is None


@pytest.mark.parametrize("kind", ["mask", "trimap"])
def test_guidance_has_no_effect_and_is_refused(network, kind):
    image, alpha = bright_disc(60, 80)
    given = alpha if kind == "mask" else np.where(alpha > 0.5, 255, 0).astype(np.uint8)
    with pytest.raises(InputError, match=f"{kind}: changes nothing: method unet looks at the photo alone"):
        run(image, method="unet", model=network, engine=FP32, **{kind: given})


def test_other_networks_are_refused(tmp_path):
    image, _ = bright_disc(60, 80)
    other = write_portrait(tmp_path / "portrait.onnx")
    with pytest.raises(InputError, match="is no segmentation network"):
        unet(image, model=other, engine=FP32)
    with pytest.raises(InputError, match="is a dim; a unet is accepted"):
        unet(image, model="dim-mobile")

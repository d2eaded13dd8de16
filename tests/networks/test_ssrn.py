"""SSRN: it begins as what it refines, sees all of its inputs, and re-composes with the generated alpha."""

import pytest
import torch

from wisp.networks.dlmn import to_luma
from wisp.networks.ssrn import Judge, recompose, ssrn_mobile, ssrn_resnet101


def inputs(height=64, width=96):
    torch.manual_seed(1)
    image = torch.rand(1, 3, height, width)
    motion = to_luma(image).expand(-1, 4, -1, -1)
    return {"image": image, "mask": torch.rand(1, 1, height, width), "motion": motion}


def build(name):
    torch.manual_seed(0)
    return (ssrn_mobile() if name == "mobile" else ssrn_resnet101((1, 1, 1, 1), 8, 32)).eval()


@pytest.mark.parametrize("name", ["mobile", "resnet"])
@pytest.mark.parametrize("size", [(32, 32), (64, 160)])
def test_it_begins_as_what_it_refines(name, size):
    given = inputs(*size)
    given["mask"][..., 0], given["mask"][..., 1] = 0, 1
    with torch.inference_mode():
        alpha = torch.sigmoid(build(name)(**given))
    assert (alpha - given["mask"]).abs().max() < 1.1e-3


@pytest.mark.parametrize("name", ["mobile", "resnet"])
def test_every_input_reaches_alpha(name):
    network = build(name)
    with torch.no_grad():
        network.decoder.head.weight.normal_()
        for parameter in network.encoder.parameters():  # new channels begin at zero
            if parameter.ndim == 4 and parameter.shape[1] == 5:
                parameter.normal_(std=0.1)
    given = {key: x.clone().requires_grad_(True) for key, x in inputs().items()}
    (network(**given) - given["mask"].detach()).sum().backward()
    for key, x in given.items():
        assert x.grad.abs().sum() > 0, key


def test_motion_is_the_mean_of_the_frames():
    network = build("mobile")
    with torch.no_grad():
        network.decoder.head.weight.normal_()
        network.encoder.encoder.features[0][0].weight.normal_(std=0.1)
    given = inputs()
    mean = given["motion"].mean(1, keepdim=True)
    apart = torch.cat([mean - 0.1, mean + 0.1, mean - 0.2, mean + 0.2], 1)
    with torch.inference_mode():
        torch.testing.assert_close(
            network(**{**given, "motion": apart}), network(**given), atol=1e-4, rtol=1e-4
        )


def test_the_papers_generator_has_the_papers_encoder():
    with torch.device("meta"):
        network = ssrn_resnet101()
    assert network.encoder.conv1.in_channels == 5
    assert len(network.encoder.layer3) == 23
    assert network.encoder.layer3[1].conv2.dilation == (2, 2)
    assert network.encoder.layer4[1].conv2.dilation == (4, 4)


def test_the_judge_sees_image_segmentation_and_motion():
    judge = Judge(4)
    given = {key: x.clone().requires_grad_(True) for key, x in inputs().items()}
    judge(given["image"], given["mask"], given["motion"]).sum().backward()
    for key, x in given.items():
        assert x.grad.abs().sum() > 0, key


def test_recomposing_with_alpha_one_is_the_foreground_and_with_zero_the_new_background():
    given = inputs()
    foreground, background = given["image"], torch.rand_like(given["image"])
    for value in (0.0, 1.0):
        alpha = torch.full_like(given["mask"], value)
        image, motion = recompose(alpha, foreground, background, given["motion"])
        torch.testing.assert_close(image, foreground if value else background)
        torch.testing.assert_close(
            motion, given["motion"] if value else to_luma(background).expand_as(given["motion"])
        )

"""The compact network of Deep Image Matting: colours carried from known regions, unpooling, size, export."""

import onnx
import pytest
import torch

from contracts import NetworkContract
from wisp.networks.dim_mobile import (
    Unpooling,
    carry_colours,
    colour_cues,
    dim_mobile,
    soft_maxima,
)
from wisp.networks.encoders.mobilenetv2 import MobileNetV2
from wisp.training.export import export
from wisp.training.recipes import NETWORKS

RED, BLUE = (0.9, 0.2, 0.1), (0.1, 0.3, 0.8)


def two_colours(alpha):
    """Red over blue by `alpha` (H, W), and the trimap that knows its first and last 32 columns."""
    front, back = (torch.tensor(c).view(1, 3, 1, 1) for c in (RED, BLUE))
    image = alpha * front + (1 - alpha) * back
    trimap = torch.full((1, 1, *alpha.shape), 0.5)
    trimap[..., :32], trimap[..., -32:] = 0, 1
    return image, trimap


def known(trimap):
    return (trimap == 0).float(), (trimap == 1).float()


def test_colours_are_carried_as_they_are():
    image, trimap = two_colours(torch.linspace(0, 1, 128).expand(64, 128).clamp(0.25, 0.75))
    background, foreground = known(trimap)
    for region in (background, foreground):
        expected = image[:, :, 0, 0] if region is background else image[:, :, 0, -1]
        colours, cover = carry_colours(image, region)
        assert colours.shape == (1, 3, 16, 32)
        near = cover > 0.5
        assert near.float().mean() > 0.5
        shown = colours.where(near, expected[..., None, None])
        torch.testing.assert_close(shown, expected[..., None, None].expand_as(shown), atol=2e-3, rtol=0)


def test_a_region_that_is_not_there_covers_nothing():
    image, trimap = two_colours(torch.rand(64, 64))
    colours, cover = carry_colours(image, torch.zeros_like(trimap))
    assert cover.abs().max() == 0
    assert colours.abs().max() == 0
    _, cues = colour_cues(image, torch.zeros_like(trimap), torch.zeros_like(trimap))
    assert torch.isfinite(cues).all()
    assert cues[:, 5].abs().max() == 0


def test_the_mixing_cue_is_the_alpha_of_a_two_coloured_picture():
    torch.manual_seed(0)
    alpha = torch.rand(64, 128)
    alpha[:, :32], alpha[:, -32:] = 0, 1
    image, trimap = two_colours(alpha)
    carried, cues = colour_cues(image, *known(trimap))
    assert carried.shape == (1, 9, 16, 32)
    assert cues.shape == (1, 6, 64, 128)
    middle = slice(48, 80)
    torch.testing.assert_close(cues[0, 5, :, middle], alpha[:, middle], atol=0.04, rtol=0)


def test_unpooling_puts_values_at_the_skip_s_maxima():
    skip = torch.tensor([[1.0, 2.0], [4.0, 3.75]]).view(1, 1, 2, 2)
    assert soft_maxima(skip).flatten().tolist() == [0, 0, 1, 0.75]
    seen = []
    unpooling = Unpooling(1, 1, 1)
    unpooling.block.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    unpooling.eval()(torch.full((1, 1, 1, 1), 7.0), skip)
    assert seen[0][0, 0].flatten().tolist() == [0, 0, 7, 5.25]
    assert torch.equal(seen[0][:, 1:], skip)


def test_known_pixels_are_exact_and_may_be_missing():
    torch.manual_seed(0)
    network = dim_mobile().eval()
    image, trimap = torch.rand(1, 3, 64, 96), torch.full((1, 1, 64, 96), 128 / 255)
    prior = torch.rand(1, 1, 64, 96)
    with torch.inference_mode():
        assert torch.isfinite(network(image, trimap, prior).alpha).all()
        trimap[..., :40], trimap[..., 56:] = 0, 1
        alpha = network(image, trimap, prior).alpha
    assert torch.equal(alpha[..., :40], torch.zeros(1, 1, 64, 40))
    assert torch.equal(alpha[..., 56:], torch.ones(1, 1, 64, 40))


def test_it_begins_as_the_prior():
    torch.manual_seed(0)
    network = dim_mobile().eval()
    image, trimap = torch.rand(1, 3, 64, 96), torch.full((1, 1, 64, 96), 128 / 255)
    prior = torch.rand(1, 1, 64, 96)
    with torch.inference_mode():
        torch.testing.assert_close(network(image, trimap, prior).alpha, prior)


def test_the_encoder_is_imagenet_s_until_the_trimap_has_taught_it():
    torch.manual_seed(0)
    encoder = MobileNetV2(output_stride=32).eval()
    image = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        expected = encoder(image)
        stage = dim_mobile(encoder).stage.eval()
        seen = torch.cat([(image - encoder.mean) / encoder.std, torch.ones(1, 3, 64, 64)], 1)
        found = stage.encoder.maps(seen)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    family = NETWORKS["dim-mobile"]
    torch.manual_seed(0)
    network = family.build({})
    torch.nn.init.normal_(network.refinement.layers[-1].weight, std=0.02)
    path = tmp_path_factory.mktemp("dim") / "dim.onnx"
    return export(family.wrap(network), family.example(), family.outputs, path)


def test_it_ships_within_its_limits(exported):
    assert exported.parameters <= 7e6
    assert exported.size <= 14e6
    assert exported.difference < 1e-3


def test_every_operator_is_one_that_runs_in_low_precision(exported):
    used = {node.op_type for node in onnx.load(exported.path).graph.node}
    arithmetic = {"Conv", "Relu", "Clip", "Add", "Sub", "Mul", "Div", "Concat", "ReduceSum", "Slice"}
    pooling = {"AveragePool", "MaxPool", "Resize"}
    assert used <= arithmetic | pooling | {"Cast", "Constant", "Identity"}


class TestContract(NetworkContract):
    family, recipe = "dim-mobile", {}

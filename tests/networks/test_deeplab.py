"""DeepLabV3+: shapes, sizes, and learning from a single image."""

import pytest
import torch

from contracts import NetworkContract
from wisp.networks.deeplab import ASPP, DeepLabV3Plus
from wisp.networks.encoders.mobilenetv2 import MobileNetV2


@pytest.fixture
def network():
    torch.manual_seed(0)
    return DeepLabV3Plus(MobileNetV2(output_stride=16), width=32)


@pytest.mark.parametrize("size", [(32, 32), (64, 96), (112, 48)])
@pytest.mark.parametrize("decoder", [None, 8])
def test_logits_have_the_size_of_the_image(decoder, size):
    network = DeepLabV3Plus(MobileNetV2(output_stride=16), width=32, decoder=decoder)
    assert network.eval()(torch.rand(2, 3, *size)).shape == (2, 1, *size)


def test_a_lean_decoder_is_as_wide_as_asked_from_the_pyramid_on():
    network = DeepLabV3Plus(MobileNetV2(output_stride=16), width=32, decoder=8)
    assert network.aspp.project[0][0].weight.shape[:2] == (8, 5 * 32)
    assert network.decoder[1][3].weight.shape[:2] == (8, 8)


def test_the_shipped_width_fits_eight_megabytes_as_fp16():
    network = DeepLabV3Plus(MobileNetV2(output_stride=16))
    assert 2 * sum(p.numel() for p in network.parameters()) < 8e6


def test_a_batch_of_one_trains(network):
    network.train()
    loss = network(torch.rand(1, 3, 64, 64)).mean()
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


def test_pyramid_sees_the_whole_image():
    torch.manual_seed(0)
    pyramid = ASPP(4, 8, 8).eval()
    x = torch.zeros(1, 4, 65, 65, requires_grad=True)
    pyramid(x)[0, :, 0, 0].sum().backward()
    assert (x.grad[0].abs().sum(0) > 0).all()  # through image pooling


def test_save_and_load_keep_the_outputs(network, tmp_path):
    torch.save(network.state_dict(), tmp_path / "n.pt")
    other = DeepLabV3Plus(MobileNetV2(output_stride=16), width=32)
    other.load_state_dict(torch.load(tmp_path / "n.pt", weights_only=True))
    image = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(network.eval()(image), other.eval()(image))


class TestContract(NetworkContract):
    family, recipe = "segmenter", {"width": 16, "decoder": 8}

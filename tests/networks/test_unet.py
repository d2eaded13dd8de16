"""The U-Nets: shapes, sizes of the report, and photos of any shape."""

import pytest
import torch
from torch import nn

from contracts import NetworkContract
from wisp.networks.unet import SimpleUNet, UNet


def test_layers_are_the_report_s():
    simple, standard = SimpleUNet(), UNet()
    assert [m.out_channels for m in simple.modules() if isinstance(m, nn.Conv2d)] == [64, 64, 64, 64, 1]
    assert [m.p for m in simple.modules() if isinstance(m, nn.Dropout)] == [0.1, 0.2]
    levels = [[m.out_channels for m in level if isinstance(m, nn.Conv2d)] for level in standard.down]
    assert levels == [[c] * 3 for c in (64, 128, 256, 512)]
    assert [m.out_channels for m in standard.bottom if isinstance(m, nn.Conv2d)] == [1024, 512]
    up = [[m.out_channels for m in level if isinstance(m, nn.Conv2d)] for level in standard.up]
    assert up == [[512, 256], [256, 128], [128, 64], [64, 64]]
    assert (standard.head.in_channels, standard.head.kernel_size) == (64, (1, 1))
    assert sum(p.numel() for p in simple.parameters()) == 149_505
    assert sum(p.numel() for p in standard.parameters()) == 25_112_065


@pytest.mark.parametrize("network", [SimpleUNet(4), UNet(4)])
def test_same_padding_keeps_the_size(network):
    assert network(torch.rand(2, 3, 32, 48)).shape == (2, 1, 32, 48)


@pytest.mark.parametrize("letterbox", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (33, 20), (20, 33), (64, 64)])
def test_masks_have_the_photo_s_size(size, letterbox):
    network = UNet(4).eval()
    network.size, network.letterbox = 32, letterbox
    with torch.inference_mode():
        mask = network.mask(torch.rand(1, 3, *size))
    assert mask.shape == (1, 1, *size)
    assert 0 <= mask.min() <= mask.max() <= 1


def test_a_letterboxed_photo_keeps_its_proportions():
    """What the network sees of a photo twice as wide as high lies in the upper half, black below."""
    seen = []
    network = UNet(4).eval()
    network.size, network.letterbox = 32, True
    network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        network.mask(torch.ones(1, 3, 40, 80))
    assert torch.equal(seen[0][:, :, :16], torch.ones(1, 3, 16, 32))
    assert not seen[0][:, :, 16:].any()


def test_he_initialisation_keeps_the_signal():
    torch.manual_seed(0)
    network = UNet(16)
    with torch.inference_mode():
        out = network(torch.rand(1, 3, 64, 64))
    assert 0.05 < out.std() < 20


class TestContract(NetworkContract):
    family, recipe = "unet", {"network": "unet", "width": 2, "synthesis": {"size": 32, "letterbox": True}}

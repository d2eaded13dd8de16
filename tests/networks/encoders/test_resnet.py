"""ResNet: torchvision's names, dilations, loading, refusals."""

import pytest
import torch

from wisp.core.errors import InputError
from wisp.networks.encoders.resnet import RESNET101, ResNet

TINY = {"blocks": (1, 1, 2, 2), "width": 8}


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return ResNet(**TINY).eval()


def test_names_and_count_are_those_of_torchvisions_resnet101():
    with torch.device("meta"):
        state = ResNet().state_dict()
    parameters = {n: p for n, p in state.items() if "running" not in n and "num_batches" not in n}
    # torchvision's resnet101 has 44,549,160 parameters, of which its classifier takes 2048 · 1000 + 1000.
    assert sum(p.numel() for p in parameters.values()) == 44_549_160 - 2_049_000
    assert RESNET101 == (3, 4, 23, 3)
    assert state["conv1.weight"].shape == (64, 3, 7, 7)
    assert state["layer3.22.conv2.weight"].shape == (256, 256, 3, 3)
    assert state["layer4.0.downsample.0.weight"].shape == (2048, 1024, 1, 1)
    assert state["layer1.0.downsample.1.running_var"].shape == (256,)


@pytest.mark.parametrize("size", [(8, 8), (64, 40)])
def test_maps_and_strides(network, size):
    height, width = size
    with torch.inference_mode():
        maps = network(torch.rand(1, 3, *size))
    assert [tuple(m.shape[1:]) for m in maps] == [
        (8, height // 2, width // 2),
        (32, height // 4, width // 4),
        (64, height // 8, width // 8),
        (256, height // 8, width // 8),
    ]


def test_the_third_block_is_dilated_by_two_and_the_fourth_by_four(network):
    dilations = {
        name: [block.conv2.dilation[0] for block in getattr(network, name)] for name in ("layer3", "layer4")
    }
    assert dilations == {"layer3": [1, 2], "layer4": [2, 4]}
    strides = [m.stride for m in network.layer4.modules() if isinstance(m, torch.nn.Conv2d)]
    assert set(strides) == {(1, 1)}


def test_a_checkpoint_loads_and_new_inputs_see_nothing_at_first(network, tmp_path):
    torch.save({**network.state_dict(), "fc.weight": torch.zeros(2, 2)}, tmp_path / "resnet.pth")
    wide = ResNet(**TINY, extra=2).eval()
    wide.load_torchvision(tmp_path / "resnet.pth")
    image = torch.rand(1, 3, 16, 24)
    with torch.inference_mode():
        expected = network(image)
        for extra in (torch.zeros(1, 2, 16, 24), torch.rand(1, 2, 16, 24)):
            for mine, theirs in zip(wide(image, extra), expected, strict=True):
                assert torch.equal(mine, theirs)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        ResNet(**TINY).load_torchvision(tmp_path / "none.pth")
    torch.save({"features.0.weight": torch.zeros(3)}, tmp_path / "vgg.pth")
    with pytest.raises(InputError, match="is no such ResNet"):
        ResNet(**TINY).load_torchvision(tmp_path / "vgg.pth")

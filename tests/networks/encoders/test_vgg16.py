"""VGG-16: torchvision's names, five maps, refusals."""

import pytest
import torch

from wisp.core.errors import InputError
from wisp.networks.encoders.vgg16 import VGG16


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return VGG16().eval()


def test_five_maps(network):
    with torch.inference_mode():
        maps = network(torch.rand(1, 3, 32, 48))
    assert [tuple(m.shape) for m in maps] == [
        (1, 64, 32, 48),
        (1, 128, 16, 24),
        (1, 256, 8, 12),
        (1, 512, 4, 6),
        (1, 512, 2, 3),
    ]
    assert all((m >= 0).all() for m in maps)


def test_torchvision_checkpoint_loads_without_its_classifier(network, tmp_path):
    state = network.state_dict()
    assert state["features.28.weight"].shape == (512, 512, 3, 3)
    assert sum(p.numel() for p in state.values()) == 14_714_688  # torchvision's vgg16 without its classifier
    torch.save({**state, "classifier.0.weight": torch.zeros(2, 2)}, tmp_path / "vgg16.pth")
    loaded = VGG16()
    loaded.load_torchvision(tmp_path / "vgg16.pth")
    assert torch.equal(loaded.features[28].weight, network.features[28].weight)


def test_parameters_do_not_learn_and_gradients_pass(network):
    image = torch.rand(1, 3, 16, 16, requires_grad=True)
    network(image)[-1].sum().backward()
    assert image.grad.abs().sum() > 0
    assert all(p.grad is None for p in network.parameters())


def test_other_files_are_refused(network, tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        VGG16().load_torchvision(tmp_path / "none.pth")
    (tmp_path / "x.pth").write_bytes(b"nothing")
    with pytest.raises(InputError, match="is no checkpoint"):
        VGG16().load_torchvision(tmp_path / "x.pth")
    torch.save({"conv1.weight": torch.zeros(3)}, tmp_path / "resnet.pth")
    with pytest.raises(InputError, match="is no VGG-16"):
        VGG16().load_torchvision(tmp_path / "resnet.pth")

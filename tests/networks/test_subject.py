"""The subject network: sizes, guidance that begins as nothing, and the folded encoder."""

import pytest
import torch

from contracts import NetworkContract
from wisp.networks.encoders.mobilenetv2 import MobileNetV2
from wisp.networks.subject import FROZEN, FoldedMobileNetV2, SubjectNetwork, subject_network


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return subject_network().eval()


@pytest.mark.parametrize("size", [(64, 64), (96, 160), (38, 50), (128, 34)])
def test_masks_have_the_pictures_size(network, size):
    found = network(torch.rand(2, 3, *size))
    assert found.logits.shape == (2, 2, *size)
    assert found.presence.shape == (2, 2)
    assert found.quarter.shape[2:] == tuple(-(-side // 4) for side in size)
    assert found.eighth.shape[2:] == tuple(-(-side // 8) for side in size)


def test_it_keeps_its_bounds(network):
    assert sum(p.numel() for p in network.parameters()) <= 4_000_000


def test_without_guidance_it_is_the_automatic_network(network):
    image = torch.rand(1, 3, 64, 64)
    trained = subject_network().eval()
    trained.load_state_dict(network.state_dict())
    change_guidance(trained)
    with torch.no_grad():
        plain, zero = trained(image), trained(image, torch.zeros_like(image))
        clicked = trained(image, torch.ones_like(image))
    assert torch.equal(plain.logits, zero.logits)
    assert not torch.allclose(plain.logits, clicked.logits)


def change_guidance(network):
    torch.manual_seed(2)
    for layer in (network.guidance.into_encoder, *network.guidance.into_decoder):
        torch.nn.init.normal_(layer.weight, std=0.1)


def test_a_click_tells_which_places_are_like_it(network):
    """Two squares of one colour and one of another: a click on one tells of both alike."""
    image = torch.full((1, 3, 192, 192), 0.5)
    for row, column, colour in ((16, 16, 0.9), (16, 128, 0.9), (128, 16, 0.1)):
        image[:, :2, row : row + 48, column : column + 48] = colour
    clicks = torch.zeros_like(image)
    clicks[:, 0, 32:48, 32:48] = 1
    with torch.no_grad():
        _, at4 = network.encoder.early(image)
        _, at16, _ = network.encoder.late(at4)
        like = network.guidance._likeness(clicks, at16)[0]
    there, twin, other = (
        like[0, row // 16, column // 16] for row, column in ((32, 32), (32, 144), (144, 32))
    )
    assert there > 0.999
    assert twin > other
    assert not like[1:].any()


def test_every_step_of_the_decoder_hears_the_guidance(network):
    trained = subject_network().eval()
    image, clicks = torch.rand(1, 3, 64, 64), torch.ones(1, 3, 64, 64)
    with torch.no_grad():
        plain = trained(image).logits
        for layer in (trained.guidance.into_encoder, *trained.guidance.into_decoder):
            torch.nn.init.normal_(layer.weight, std=0.1)
            assert not torch.allclose(trained(image, clicks).logits, plain)
            torch.nn.init.zeros_(layer.weight)


def test_at_its_start_guidance_changes_nothing(network):
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(network(image).logits, network(image, torch.ones_like(image)).logits)


def test_early_blocks_are_not_trained():
    torch.manual_seed(0)
    network = subject_network()
    change_guidance(network)
    network.train()
    found = network(torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64))
    (found.logits.mean() + found.presence.mean() + found.quarter.mean() + found.eighth.mean()).backward()
    for name, parameter in network.named_parameters():
        inside = name.startswith("encoder.")
        frozen = inside and (int(name.split(".")[2]) < FROZEN or name.endswith("bias"))  # the norms' part
        assert (parameter.grad is None) == frozen, name


def test_folding_the_norms_changes_no_map():
    torch.manual_seed(1)
    encoder = MobileNetV2(output_stride=32)
    for module in encoder.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    encoder.eval()
    image = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        wanted = encoder(image)
        folded = FoldedMobileNetV2(encoder)
        at2, at4 = folded.early(image)
        at8, at16, at32 = folded.late(at4)
    for mine, true in zip((at2, at4, at8, at16, at32), wanted, strict=True):
        assert torch.allclose(mine, true, atol=1e-4)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())


def test_widths_are_a_choice():
    small = SubjectNetwork(MobileNetV2(output_stride=32), (32, 24, 16, 16, 8)).eval()
    assert small(torch.rand(1, 3, 64, 64)).logits.shape == (1, 2, 64, 64)


class TestContract(NetworkContract):
    family, recipe = "subject", {}

"""Export: weights become fp16 where that is harmless, and stay fp32 where it is not."""

import pytest
import torch
from torch import nn

from wisp.training.export import ROUNDING, SMALLEST, export


def mixer(spread):
    """Channels mixed to one; weights of ±`spread` cancel on a grey picture, but not once they are rounded."""
    torch.manual_seed(0)
    network = nn.Conv2d(3, 512, 1, bias=False)
    mix = nn.Conv2d(512, 8, 1, bias=False)
    with torch.no_grad():
        network.weight.fill_(1 / 3)
        half = spread * (1 + torch.rand(8, 256, 1, 1))
        mix.weight[:, :256], mix.weight[:, 256:] = half, -half + 1 / 256
    return nn.Sequential(network, mix)


@pytest.mark.parametrize(("spread", "kept"), [(0.0, 2), (5.0, 4)])
def test_weights_stay_fp32_where_fp16_would_show(spread, kept, tmp_path):
    network = mixer(spread)
    count = sum(p.numel() for p in network.parameters())
    assert all(p.numel() >= SMALLEST for p in network.parameters())
    done = export(network, {"image": torch.full((1, 3, 4, 4), 0.5)}, ("mixed",), tmp_path / "net.onnx")
    assert done.difference <= done.rounding <= ROUNDING
    assert kept * count < done.size < (kept + 0.5) * count


def test_only_as_many_weights_stay_fp32_as_it_takes(tmp_path):
    large = nn.Conv2d(8, 64, 7, padding=3, bias=False)
    with torch.no_grad():
        large.weight.fill_(1 / 512)
    network = nn.Sequential(*mixer(5.0), large)
    first, second, third = (p.numel() for p in network.parameters())
    assert third > 4 * second
    done = export(network, {"image": torch.full((1, 3, 16, 16), 0.5)}, ("mixed",), tmp_path / "net.onnx")
    assert done.rounding <= ROUNDING
    exact = 4 * (first + second) + 2 * third
    assert exact < done.size < exact + 4096

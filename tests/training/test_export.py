"""Export: weights become fp16 where that is harmless, and stay fp32 where it is not."""

import json

import pytest
import torch
from torch import nn

from wisp.core.errors import InputError
from wisp.training.export import ROUNDING, SMALLEST, export, load_averaged
from wisp.training.recipes import NETWORKS


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


def checkpoint(path, name, seed):
    """A file as a run writes it, of a network as it begins, and its weights."""
    recipe = dict(NETWORKS[name].usual)
    torch.manual_seed(seed)
    weights = NETWORKS[name].build(recipe).state_dict()
    torch.save({"recipe": json.dumps({**recipe, "network": name}), "step": 1, "network": weights}, path)
    return weights


def test_weights_of_runs_are_averaged(tmp_path):
    files = [tmp_path / f"{seed}.pt" for seed in range(3)]
    weights = [checkpoint(file, "subject", seed) for seed, file in enumerate(files)]
    name, _, network = load_averaged(files)
    assert name == "subject"
    for key, value in network.state_dict().items():
        expected = weights[0][key]
        if value.is_floating_point():
            expected = sum(one[key] for one in weights) / 3
        torch.testing.assert_close(value, expected)


def test_other_networks_are_not_averaged_with(tmp_path):
    checkpoint(tmp_path / "subject.pt", "subject", 0)
    checkpoint(tmp_path / "segmenter.pt", "segmenter", 0)
    with pytest.raises(InputError, match=r"segmenter\.pt: holds another network \(segmenter\); a subject"):
        load_averaged([tmp_path / "subject.pt", tmp_path / "segmenter.pt"])

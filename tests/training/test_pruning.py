"""Pruned variants: regression finds what can be found, and networks stay what they were."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from wisp.core.errors import InputError
from wisp.networks.deeplab import DeepLabV3Plus
from wisp.networks.encoders.mobilenetv2 import MobileNetV2
from wisp.networks.portrait import portrait_mobile, portrait_paper
from wisp.training import pruning
from wisp.training.loader import Batch
from wisp.training.pruning import Regression, Samples, prune, prune_portrait, prune_segmenter


@pytest.fixture(autouse=True)
def repeatable():
    torch.manual_seed(0)


def lived(network):
    """A network whose batch norms have statistics of their own."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.normal_(module.bias, std=0.1)
    return network.eval()


def batches(count, size=96):
    for _ in range(count):
        coarse = torch.rand(1, 4, size // 8, size // 8)
        image, mask = (
            functional.interpolate(coarse, size=(size, size), mode="bicubic").clamp(0, 1).split([3, 1], 1)
        )
        yield Batch(image, mask, torch.ones_like(mask), image, image, torch.ones(1, 1, 1, 1), mask=mask)


def difference(one, other, answer):
    with torch.inference_mode():
        return float(np.mean([(answer(one, b) - answer(other, b)).abs().mean() for b in batches(4)]))


class TestRegression:
    def test_a_convolution_is_found_again(self):
        convolution = nn.Conv2d(4, 3, 3, padding=1)
        regression = Regression(3)
        for _ in range(4):
            inputs = torch.randn(1, 4, 24, 24)
            regression.add(inputs, convolution(inputs), torch.randn(1, 1, 96, 96))
        weight, bias = regression.fit(range(4))
        torch.testing.assert_close(weight, convolution.weight.detach(), atol=1e-4, rtol=0)
        torch.testing.assert_close(bias, convolution.bias.detach(), atol=1e-4, rtol=0)
        weight, _ = regression.fit(range(4), [2])
        torch.testing.assert_close(weight, convolution.weight.detach()[2:], atol=1e-4, rtol=0)

    def test_the_channels_that_matter_are_chosen(self):
        convolution = nn.Conv2d(6, 2, 1)
        with torch.no_grad():
            convolution.weight[:, [0, 2, 3]] = 0
            convolution.weight[0, 5] = 0
        regression = Regression(1)
        inputs = torch.randn(1, 6, 40, 40)
        regression.add(inputs, convolution(inputs), torch.zeros(1, 1, 40, 40))
        assert regression.choose(3) == [1, 4, 5]
        assert regression.choose(2, [0]) == [1, 4]
        assert regression.choose(1, [0], fixed=2) in ([1, 4, 5], [0, 4, 5])
        assert 1 in regression.choose(1, [0], fixed=2)

    def test_of_two_channels_that_say_the_same_one_is_enough(self):
        base = torch.randn(1, 3, 40, 40)
        inputs = torch.cat([base, base[:, :1] * 2 + 1], 1)
        regression = Regression(1)
        regression.add(inputs, 3 * base[:, :1] + base[:, 1:2], torch.zeros(1, 1, 40, 40))
        chosen = regression.choose(2)
        assert 1 in chosen
        assert len({0, 3} & set(chosen)) == 1
        weight, bias = regression.fit(chosen)
        found = functional.conv2d(inputs[:, chosen], weight, bias)
        torch.testing.assert_close(found, 3 * base[:, :1] + base[:, 1:2], atol=1e-4, rtol=0)


def test_a_lean_segmenter_answers_alike_and_keeps_its_encoder():
    whole = lived(DeepLabV3Plus(MobileNetV2(output_stride=16), 24))
    with torch.inference_mode():
        found = {width: prune_segmenter(whole, batches(24), width) for width in (4, 16)}
    mask = lambda network, batch: torch.sigmoid(network(batch.image))  # noqa: E731
    errors = {width: difference(whole, network, mask) for width, network in found.items()}
    spread = float(np.mean([mask(whole, b).std().item() for b in batches(4)]))
    assert errors[16] < errors[4] / 2
    assert errors[16] < 0.1 * spread
    for key in ("encoder.features.0.0.weight", "aspp.branches.1.3.weight"):
        torch.testing.assert_close(found[4].state_dict()[key], whole.state_dict()[key])
    assert found[4].decoder[1][3].weight.shape[:2] == (4, 4)


def test_a_lean_portrait_network_answers_alike_and_keeps_its_refinement():
    whole = lived(portrait_mobile(8))
    with torch.inference_mode():
        found = prune_portrait(whole, batches(24), 8)
    alpha = lambda network, batch: torch.sigmoid(network.generator(batch.image, batch.mask))  # noqa: E731
    spread = float(np.mean([alpha(whole, b).std().item() for b in batches(4)]))
    assert difference(whole, found, alpha) < 0.2 * spread
    untouched = lived(portrait_mobile(8, lean=True))
    assert difference(whole, found, alpha) < 0.2 * difference(whole, untouched, alpha)
    for key in ("refinement.network.encode1.0.weight", "generator.residual.0.weight"):
        torch.testing.assert_close(found.state_dict()[key], whole.state_dict()[key])


def test_the_stem_s_results_are_those_of_stride_1_exactly():
    whole = lived(portrait_mobile(8))
    with torch.inference_mode():
        found = prune_portrait(whole, batches(4), 8)
        image = next(batches(1)).image
        expected = functional.pixel_unshuffle(whole.generator.content.stem(image), 2)
        torch.testing.assert_close(found.generator.content.stem(image), expected, atol=1e-5, rtol=0)


def test_recipe_and_difference_are_told(monkeypatch):
    monkeypatch.setattr(pruning, "DECODER", 8)
    whole = lived(DeepLabV3Plus(MobileNetV2(output_stride=16), 16))
    held_out = list(batches(3))
    recipe, built, told = prune("segmenter", {"width": 16}, whole, Samples(batches(8), held_out))
    assert recipe == {"width": 16, "decoder": 8}
    with torch.inference_mode():
        errors = [(whole(b.image).sigmoid() - built(b.image).sigmoid()).abs().mean() for b in held_out]
    assert told == pytest.approx(float(torch.stack(errors).mean()))
    with pytest.raises(InputError, match="--lean: is not available for this segmenter"):
        prune("segmenter", recipe, built, Samples(batches(1), batches(1)))


@pytest.mark.parametrize(
    ("name", "recipe", "network"),
    [
        ("portrait", {"width": 8, "lean": True}, portrait_mobile(8, lean=True)),
        ("portrait", {"widths": (4, 4, 4, 4, 4), "blocks": 1}, portrait_paper((4, 4, 4, 4, 4), 1)),
        ("dim-mobile", {}, nn.Conv2d(3, 1, 1)),
    ],
)
def test_others_are_refused(name, recipe, network):
    with pytest.raises(InputError, match=f"--lean: is not available for this {name}"):
        prune(name, recipe, network, Samples(batches(1), batches(1)))

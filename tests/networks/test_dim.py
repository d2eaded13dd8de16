"""The paper's network of Deep Image Matting: its numbers, unpooling and start, and what it leaves alone."""

import pytest
import torch
from torch.nn import functional

from contracts import NetworkContract
from wisp.core.errors import InputError
from wisp.networks.dim import (
    Refinement,
    VGG16Stage,
    clamp_alpha,
    dim_vgg16,
    first_maxima,
    regions,
    within_unknown,
)
from wisp.networks.encoders.vgg16 import VGG16
from wisp.networks.layers import repeat

SMALL = 1 / 32


def scene(height=64, width=96, seed=0):
    """A random image, and a trimap of three vertical stripes."""
    generator = torch.Generator().manual_seed(seed)
    trimap = torch.zeros(2, 1, height, width)
    trimap[..., width // 4 :] = 128 / 255
    trimap[..., 3 * width // 4 :] = 1
    return torch.rand(2, 3, height, width, generator=generator), trimap


def test_the_paper_s_numbers():
    with torch.device("meta"):
        network = dim_vgg16()
    stage = network.stage
    encoder = [layer for layer in stage.features if isinstance(layer, torch.nn.Conv2d)]
    assert [layer.out_channels for layer in encoder] == [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6
    assert encoder[0].in_channels == 4
    assert sum(isinstance(layer, torch.nn.MaxPool2d) for layer in stage.features) == 5
    assert stage.fc6.weight.shape == (4096, 512, 7, 7)
    assert stage.reduce.weight.shape == (512, 4096, 1, 1)
    shapes = [tuple(layer.weight.shape) for layer in (*stage.decode, stage.head)]
    outputs, inputs = [512, 256, 128, 64, 64, 1], [512, 512, 256, 128, 64, 64]
    assert shapes == [(o, i, 5, 5) for o, i in zip(outputs, inputs, strict=True)]
    refinement = [layer for layer in network.refinement.layers if isinstance(layer, torch.nn.Conv2d)]
    assert [tuple(layer.weight.shape) for layer in refinement] == [
        *((64, 4, 3, 3), (64, 64, 3, 3), (64, 64, 3, 3), (1, 64, 3, 3))
    ]
    sizes = [(3, layer.in_channels, layer.out_channels) for layer in encoder]
    sizes += [(7, 512, 4096), (1, 4096, 512), *((5, i, o) for i, o in zip(inputs, outputs, strict=True))]
    sizes += [(3, 4, 64), (3, 64, 64), (3, 64, 64), (3, 64, 1)]
    expected = sum(side * side * i * o + o for side, i, o in sizes)
    assert sum(p.numel() for p in network.parameters()) == expected == 130_613_698


def test_first_maxima_place_values_where_the_indices_say():
    torch.manual_seed(0)
    for x in (torch.randn(2, 3, 8, 12), torch.randint(0, 2, (2, 3, 8, 12)).float(), torch.zeros(1, 2, 4, 4)):
        pooled, indices = functional.max_pool2d(x, 2, return_indices=True)
        values = torch.randn_like(pooled)
        expected = functional.max_unpool2d(values, indices, 2)
        torch.testing.assert_close(repeat(values) * first_maxima(x), expected)


def test_the_trimap_s_channel_begins_at_zero_and_learns():
    torch.manual_seed(0)
    stage = VGG16Stage(SMALL)
    image, trimap = scene()
    torch.testing.assert_close(stage(image, trimap), stage(image, torch.zeros_like(trimap)))
    stage(image, trimap).sum().backward()
    assert stage.features[0].weight.grad[:, 3].abs().max() > 0


def test_the_signal_lives_through_an_encoder_that_starts_at_random():
    torch.manual_seed(0)
    stage = VGG16Stage(1 / 4)
    found = []
    stage.fc6.register_forward_hook(lambda *arguments: found.append(arguments[2].std().item()))
    stage(*scene())
    assert 0.1 < found[0] < 10


@pytest.mark.parametrize("known", [0.0, 0.5, 1.0])
def test_known_pixels_are_exact_and_may_be_missing(known):
    torch.manual_seed(0)
    network = dim_vgg16(SMALL).eval()
    image, trimap = scene()
    coarse, alpha = network(image, trimap)
    for found in (coarse, alpha):
        assert torch.equal(found[..., :24], torch.zeros_like(found[..., :24]))
        assert torch.equal(found[..., 72:], torch.ones_like(found[..., 72:]))
        assert found.min() >= 0
        assert found.max() <= 1
    alone = network(image, torch.full_like(trimap, known)).alpha
    assert torch.isfinite(alone).all()
    if known != 0.5:
        assert torch.equal(alone, torch.full_like(alone, known))


def test_the_refinement_begins_as_the_identity_and_scales_its_input():
    torch.manual_seed(0)
    refinement = Refinement((4, 4, 4))
    image, alpha = torch.rand(1, 3, 9, 7), torch.rand(1, 1, 9, 7)
    assert torch.equal(refinement(image, alpha), alpha)
    torch.nn.init.normal_(refinement.layers[-1].weight)
    expected = alpha + refinement.layers(255 * torch.cat([image, alpha], 1))
    torch.testing.assert_close(refinement(image, alpha), expected)
    assert (refinement(image, alpha) - alpha).abs().max() > 1


def test_without_refinement_both_alphas_are_the_first_stage_s():
    torch.manual_seed(0)
    network = dim_vgg16(SMALL)
    torch.nn.init.normal_(network.refinement.layers[-1].weight)
    image, trimap = scene()
    plain, refined = network(image, trimap, refine=False), network(image, trimap)
    assert torch.equal(plain.alpha, plain.coarse)
    assert torch.equal(refined.coarse, plain.coarse)
    assert not torch.equal(refined.alpha, refined.coarse)


def test_gradients_pass_the_clamp_in_training_only():
    for training, expected in ((True, [1.0, 1.0, 1.0]), (False, [0.0, 1.0, 0.0])):
        raw = torch.tensor([-0.5, 0.5, 1.5], requires_grad=True)
        clamped = clamp_alpha(raw, training=training)
        torch.testing.assert_close(clamped.detach(), torch.tensor([0.0, 0.5, 1.0]))
        clamped.sum().backward()
        assert raw.grad.tolist() == expected


def test_regions_of_a_trimap():
    trimap = torch.tensor([0, 0.5, 128 / 255, 1.0]).view(1, 1, 1, 4)
    found = [region.flatten().tolist() for region in regions(trimap)]
    assert found == [[1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]]
    alpha = torch.full_like(trimap, 0.3)
    torch.testing.assert_close(within_unknown(alpha, trimap).flatten(), torch.tensor([0, 0.3, 0.3, 1]))


def torchvision_state(stage):
    """What torchvision's file would hold for a network of this width, without its classifier."""
    state = {f"features.{name}": torch.rand_like(x) for name, x in stage.features.state_dict().items()}
    state["features.0.weight"] = state["features.0.weight"][:, :3]
    return state


def test_torchvision_s_checkpoint_loads_without_fc6_and_nothing_else_does(tmp_path):
    torch.manual_seed(0)
    stage = VGG16Stage(SMALL)
    state = torchvision_state(stage)
    torch.save(state, tmp_path / "without.pth")
    before = stage.fc6.weight.detach().clone()
    stage.load_torchvision(tmp_path / "without.pth")
    assert torch.equal(stage.features[0].weight[:, :3], state["features.0.weight"])
    assert torch.equal(stage.features[0].weight[:, 3], torch.zeros(2, 3, 3))
    assert torch.equal(stage.features[28].bias, state["features.28.bias"])
    assert torch.equal(stage.fc6.weight, before)

    torch.save({**state, "features.28.bias": torch.zeros(3)}, tmp_path / "other.pth")
    torch.save({**state, "classifier.0.weight": torch.zeros(3, 3)}, tmp_path / "fc6.pth")
    torch.save({"weight": torch.zeros(3)}, tmp_path / "nothing.pth")
    for name in ("other.pth", "fc6.pth", "nothing.pth"):
        with pytest.raises(InputError, match="is no VGG-16"):
            VGG16Stage(SMALL).load_torchvision(tmp_path / name)
    with pytest.raises(InputError, match="does not exist"):
        VGG16Stage(SMALL).load_torchvision(tmp_path / "none.pth")


def test_the_encoder_bears_torchvision_s_names():
    with torch.device("meta"):
        theirs = VGG16().state_dict()
        ours = VGG16Stage().features.state_dict()
    assert set(theirs) == {f"features.{name}" for name in ours}


def test_fc6_is_read_in_the_order_of_the_flattened_map(tmp_path):
    """Torchvision's classifier sees the map flattened as channel, row, column."""
    stage = VGG16Stage(SMALL)
    channels, outputs = stage.fc6.in_channels, stage.fc6.out_channels
    torch.manual_seed(0)
    dense = torch.nn.Linear(channels * 49, outputs)
    state = torchvision_state(stage)
    state |= {f"classifier.0.{name}": values for name, values in dense.state_dict().items()}
    torch.save(state, tmp_path / "vgg16.pth")
    stage.load_torchvision(tmp_path / "vgg16.pth")
    seen = torch.randn(1, channels, 7, 7)
    torch.testing.assert_close(stage.fc6(seen)[..., 3, 3], dense(seen.flatten(1)))


class TestContract(NetworkContract):
    family, recipe = "dim-vgg16", {"width": 0.0625}

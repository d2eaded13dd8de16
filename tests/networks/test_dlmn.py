"""DLMN-G: the paper's figure, sizes, cues, and what the compact network begins as."""

import pytest
import torch

from contracts import NetworkContract
from wisp.networks.dlmn import CUES, dlmn_mobile, dlmn_paper, take_over, to_luma
from wisp.networks.portrait import portrait_mobile


def inputs(height=64, width=96, count=1):
    torch.manual_seed(1)
    image = torch.rand(count, 3, height, width)
    mask = torch.rand(count, 1, height, width)
    return {
        "image": image,
        "mask": mask,
        "trimap": (mask > 0.5).float(),
        "motion": to_luma(image).expand(-1, 4, -1, -1),
    }


@pytest.fixture(scope="module")
def mobile():
    torch.manual_seed(0)
    return dlmn_mobile(4).eval()


@pytest.fixture(scope="module")
def paper():
    torch.manual_seed(0)
    return dlmn_paper((4, 8, 12), (2, 1), 4).eval()


@pytest.mark.parametrize("size", [(32, 32), (96, 160), (224, 32)])
@pytest.mark.parametrize("name", ["mobile", "paper"])
def test_alpha_and_foreground_have_the_size_of_the_image(name, size, request):
    network = request.getfixturevalue(name)
    with torch.inference_mode():
        logits, foreground = network(**inputs(*size, count=2))
    assert logits.shape == (2, 1, *size)
    assert foreground.shape == (2, 3, *size)


@pytest.mark.parametrize("name", ["mobile", "paper"])
def test_every_input_reaches_alpha(name, request):
    network = request.getfixturevalue(name)
    with torch.no_grad():
        network.alpha.head.weight.normal_()
    moving = {**inputs(), "motion": torch.rand(1, 4, 64, 96)}
    given = {key: x.clone().requires_grad_(True) for key, x in moving.items()}
    network(**given).logits.sum().backward()
    for key, x in given.items():
        assert x.grad.abs().sum() > 0, key


@pytest.mark.parametrize("name", ["mobile", "paper"])
def test_the_foreground_begins_as_the_image(name, request):
    network, given = request.getfixturevalue(name), inputs()
    with torch.inference_mode():
        assert torch.equal(network(**given).foreground, given["image"])


def test_the_compact_network_begins_as_the_mask():
    torch.manual_seed(0)
    given = inputs()
    with torch.inference_mode():
        alpha = torch.sigmoid(dlmn_mobile(4).eval()(**given).logits)
    torch.testing.assert_close(alpha, given["mask"].clamp(0.02, 0.98))


@pytest.fixture(scope="module")
def portrait():
    """A lean generator whose middle blocks do nothing and whose mask maps count in few directions."""
    torch.manual_seed(2)
    generator = portrait_mobile(4, lean=True).generator.eval()
    with torch.no_grad():
        first = generator.residual[0].weight
        first[:, 320:, 0, 0] = torch.randn(48, 8) @ torch.randn(8, 96) / 20
        for block in (generator.residual[4], generator.residual[5]):
            block.conv[-1].weight.zero_()
    return generator


def test_the_compact_network_begins_as_a_portrait_network(portrait):
    torch.manual_seed(0)
    network = dlmn_mobile(4, anchored=False).eval()
    take_over(network, portrait)
    given = inputs(count=2)
    moving = {**given, "motion": torch.rand(2, 4, 64, 96), "trimap": torch.rand(2, 1, 64, 96).round()}
    with torch.inference_mode():
        expected = portrait(given["image"], given["mask"])
        assert expected.std() > 1e-3
        for seen in (given, moving):
            torch.testing.assert_close(network(**seen).logits, expected, atol=1e-4, rtol=1e-3)


def test_every_cue_can_still_be_learned_after_taking_over(portrait):
    torch.manual_seed(0)
    network = dlmn_mobile(4, anchored=False).train()
    take_over(network, portrait)
    rate = torch.optim.SGD(network.parameters(), lr=1.0)
    given = {**inputs(count=2), "motion": torch.rand(2, 4, 64, 96)}
    for _ in range(2):  # what they feed into begins at zero, so that the first step opens the way
        rate.zero_grad()
        network(**given).logits.square().mean().backward()
        rate.step()
    for name, encoder in network.cues.items():
        assert sum(float(p.grad.abs().sum()) for p in encoder.parameters()) > 0, name


@pytest.mark.parametrize("start", ["whole", "anchored"])
def test_only_a_lean_portrait_network_of_the_same_width_is_taken_over(start, portrait):
    other = portrait_mobile(4).generator if start == "whole" else portrait
    network = dlmn_mobile(4 if start == "whole" else 8, anchored=False)
    with pytest.raises(RuntimeError):
        take_over(network, other)


def test_the_papers_encoders_and_pairs():
    with torch.device("meta"):
        network = dlmn_paper()
    assert set(network.cues) == set(CUES) == {"mask", "trimap", "motion"}
    for encoder in (network.image, *network.cues.values()):
        convolutions = [m for m in encoder.modules() if isinstance(m, torch.nn.Conv2d)]
        assert {m.kernel_size for m in convolutions} == {(3, 3)}
        assert convolutions[-1].out_channels == 256
    assert [pair[0].in_channels for pair in network.combinator.pairs] == [512] * 3
    assert [pair[0].out_channels for pair in network.combinator.pairs] == [64] * 3


def test_the_compact_network_is_small():
    with torch.device("meta"):
        assert 2 * sum(p.numel() for p in dlmn_mobile().parameters()) <= 10e6


@pytest.mark.parametrize("shown", [("trimap", "motion"), ("mask", "trimap"), ("mask", "motion"), ()])
@pytest.mark.parametrize(
    "build", [lambda c: dlmn_mobile(4, c), lambda c: dlmn_paper((4, 8, 12), (1, 1), 4, c)]
)
def test_a_cue_that_is_left_out_changes_nothing(build, shown):
    network = build(shown).eval()
    with torch.no_grad():
        network.alpha.head.weight.normal_()
    given = inputs()
    with torch.inference_mode():
        before = network(**given).logits
        hidden = {
            key: torch.rand_like(x) if key in CUES and key not in shown else x for key, x in given.items()
        }
        assert torch.equal(network(**hidden).logits, before)


def test_a_still_shows_the_compact_network_no_motion(mobile):
    given = inputs()
    seen = []
    handle = mobile.cues["motion"].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with torch.inference_mode():
        mobile(**given)
        mobile(**{**given, "motion": given["motion"].roll(3, 3)})
    handle.remove()
    assert seen[0].abs().max() < 1e-6
    assert seen[1].abs().max() > 0.1


def test_grey_is_luma():
    image = torch.eye(3).view(1, 3, 1, 3)
    torch.testing.assert_close(to_luma(image).flatten(), torch.tensor([0.299, 0.587, 0.114]))


class TestContract(NetworkContract):
    family, recipe = "dlmn", {"width": 4, "shown": ["mask", "trimap", "motion"], "anchored": True}

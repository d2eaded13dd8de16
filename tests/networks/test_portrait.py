"""The portrait network: the paper's figure, sizes, and a refinement without seams."""

import pytest
import torch
from torch import nn

from contracts import NetworkContract
from wisp.networks import portrait
from wisp.networks.portrait import BorderRefinement, PatchNetwork, portrait_mobile, portrait_paper


class Constant(nn.Module):
    """A refinement network that adds the same everywhere."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, image, alpha):
        return torch.full_like(alpha, self.value)


def disc(height=160, width=192):
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    distance = torch.hypot(y - height / 2, x - width / 2)
    return ((40 - distance) / 3 + 0.5).clamp(0, 1)[None, None]


@pytest.fixture(scope="module")
def mobile():
    torch.manual_seed(0)
    return portrait_mobile().eval()


@pytest.fixture(scope="module")
def lean():
    torch.manual_seed(0)
    return portrait_mobile(lean=True).eval()


@pytest.fixture(scope="module")
def paper():
    torch.manual_seed(0)
    return portrait_paper(widths=(8, 12, 16, 16, 16), blocks=2).eval()


@pytest.mark.parametrize("size", [(64, 64), (96, 160), (224, 32)])
@pytest.mark.parametrize("name", ["mobile", "lean", "paper"])
def test_alpha_has_the_size_of_the_image(name, size, request):
    network = request.getfixturevalue(name)
    if name == "paper" and 32 in size:
        size = (224, 64)
    with torch.inference_mode():
        logits, alpha, coverage = network(torch.rand(2, 3, *size), torch.rand(2, 1, *size))
    assert logits.shape == alpha.shape == coverage.shape == (2, 1, *size)
    assert 0 <= alpha.min() <= alpha.max() <= 1
    assert 0 <= coverage.min() <= coverage.max() <= 1


@pytest.mark.parametrize("name", ["mobile", "lean", "paper"])
def test_both_encoders_reach_alpha(name, request):
    generator = request.getfixturevalue(name).generator
    image, mask = torch.rand(1, 3, 64, 64), torch.full((1, 1, 64, 64), 0.5)
    image.requires_grad_(True)
    mask.requires_grad_(True)
    generator(image, mask).sum().backward()
    assert image.grad.abs().sum() > 0
    assert mask.grad.abs().sum() > 0
    with torch.inference_mode():
        masked = generator(image, torch.zeros_like(mask))  # the mask hides the subject from one encoder
        other = generator(image.flip(3), torch.zeros_like(mask))
    assert (masked - other).abs().max() > 0  # and the other still sees it


@pytest.mark.parametrize("name", ["mobile", "lean"])
def test_each_pixel_depends_on_itself(name, request):
    """At strides above 1 no pixel may fall between the taps."""
    generator = request.getfixturevalue(name).generator
    image = torch.rand(1, 3, 64, 64, requires_grad=True)
    generator(image, torch.full((1, 1, 64, 64), 0.5))[0, 0, 20:24, 20:24].sum().backward()
    assert (image.grad[0, :, 20:24, 20:24].abs().sum(0) > 0).all()


def test_the_lean_network_has_no_convolution_at_stride_1(lean):
    sizes = []
    for module in lean.generator.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda _, inputs, output: sizes.append(output.shape[2]))
    with torch.inference_mode():
        lean.generator(torch.rand(1, 3, 64, 64), torch.rand(1, 1, 64, 64))
    assert len(sizes) > 50
    assert max(sizes) == 32


def test_the_compact_network_keeps_within_its_limits(mobile):
    parameters = sum(p.numel() for p in mobile.parameters())
    assert parameters <= 6e6
    assert 2 * parameters <= 12e6


def test_an_untrained_refinement_returns_alpha_exactly(mobile):
    alpha = disc()
    for training in (True, False):
        refinement = mobile.refinement.train(training)
        refined, coverage = refinement(torch.rand(1, 3, *alpha.shape[2:]), alpha)
        assert torch.equal(refined, alpha)
        assert coverage.max() == pytest.approx(1, abs=1e-5)


def test_all_patches_add_up_to_one_whatever_the_size():
    for height, width in ((64, 64), (65, 97), (1, 1), (30, 200)):
        like = torch.zeros(2, 1, height, width)
        rows, columns = portrait.grid_size(height, width)
        cells = torch.cartesian_prod(torch.arange(2), torch.arange(rows), torch.arange(columns))
        window = portrait.patch_window(like).expand(len(cells), -1, -1, -1)
        torch.testing.assert_close(portrait.scatter_patches(window, cells, like), torch.ones_like(like))


def test_patches_are_where_the_image_says():
    x = torch.rand(2, 3, 96, 128)
    cells = torch.tensor([[1, 2, 1], [0, 1, 3]])
    patches = portrait.gather_patches(x, cells)
    torch.testing.assert_close(patches[0], x[1, :, 32:96, 0:64])
    torch.testing.assert_close(patches[1], x[0, :, 0:64, 64:128])


def test_patches_come_back_to_where_they_were():
    x = torch.rand(2, 1, 70, 90)
    rows, columns = portrait.grid_size(70, 90)
    cells = torch.cartesian_prod(torch.arange(2), torch.arange(rows), torch.arange(columns))
    window = portrait.patch_window(x)
    torch.testing.assert_close(
        portrait.scatter_patches(portrait.gather_patches(x, cells) * window, cells, x), x
    )


def test_corrections_cover_the_border_and_leave_no_seam():
    alpha = disc(320, 384) * 0.5 + 0.2
    refinement = BorderRefinement(Constant(0.1)).eval()
    refined, coverage = refinement(torch.rand(1, 3, 320, 384), alpha)
    correction = (refined - alpha)[0, 0]
    edge = (alpha > 0.21) & (alpha < 0.69)
    torch.testing.assert_close(correction[edge[0, 0]], torch.full((int(edge.sum()),), 0.1))
    assert correction[0, 0] == correction[-1, -1] == 0  # far from the border nothing is refined
    steepest = 0.1 * torch.pi / portrait.PATCH  # the slope of the window
    for axis in (0, 1):
        assert correction.diff(dim=axis).abs().max() <= 1.05 * steepest
    torch.testing.assert_close(coverage[0, 0] * 0.1, correction, rtol=0, atol=1e-6)


def test_training_refines_at_most_so_many_patches_in_full():
    alpha = disc() * 0.5 + 0.2
    refinement = BorderRefinement(Constant(0.1)).train()
    refined, coverage = refinement(torch.rand(1, 3, 160, 192), alpha, patches=2)
    assert 0 < (coverage > 0).sum() <= 2 * portrait.PATCH**2
    firm = coverage > 0.01
    torch.testing.assert_close((refined - alpha)[firm], torch.full((int(firm.sum()),), 0.1))


def test_nothing_to_refine_where_alpha_is_constant():
    refinement = BorderRefinement(Constant(0.1))
    for value in (0.0, 0.4, 1.0):
        alpha = torch.full((1, 1, 33, 65), value)
        refined, coverage = refinement(torch.rand(1, 3, 33, 65), alpha)
        assert torch.equal(refined, alpha)
        assert not coverage.any()


def test_reduction_blurs_what_the_refinement_sees(mobile):
    image, mask = torch.rand(1, 3, 64, 64), disc(64, 64)
    with torch.inference_mode():
        sharp, blurred = (mobile(image, mask, reduction=factor) for factor in (1.0, 3.0))
    assert torch.equal(sharp.logits, blurred.logits)
    assert blurred.alpha.diff(dim=3).abs().mean() < sharp.alpha.diff(dim=3).abs().mean()


def test_gradients_reach_generator_and_refinement():
    torch.manual_seed(0)
    network = portrait_mobile(4).train()
    nn.init.normal_(network.refinement.network.head.weight, std=0.1)
    prediction = network(torch.rand(2, 3, 64, 64), disc(64, 64).expand(2, -1, -1, -1), patches=4)
    prediction.alpha.sum().backward()
    assert network.generator.decoder.head.weight.grad.abs().sum() > 0
    assert network.refinement.network.encode1[0].weight.grad.abs().sum() > 0


def test_a_patch_network_learns_to_sharpen():
    torch.manual_seed(0)
    network = PatchNetwork(8)
    truth = disc(64, 64)
    blurred = nn.functional.avg_pool2d(truth, 9, 1, 4, count_include_pad=False)
    image = truth.expand(-1, 3, -1, -1)
    optimiser = torch.optim.Adam(network.parameters(), 5e-3)
    before = (blurred - truth).abs().mean().item()
    for _ in range(40):
        loss = (blurred + network(image, blurred) - truth).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.5 * before


class TestContract(NetworkContract):
    family, recipe = "portrait", {"width": 4}

"""Three PatchGANs on a pyramid."""

import torch

from wisp.networks.discriminators import PatchGAN, PyramidDiscriminators, pyramid


def test_pyramid_halves_by_block_means():
    x = torch.rand(2, 4, 16, 24)
    one, half, quarter = pyramid(x)
    assert torch.equal(one, x)
    torch.testing.assert_close(half[0, 1, 3, 5], x[0, 1, 6:8, 10:12].mean())
    torch.testing.assert_close(quarter[1, 2, 0, 1], x[1, 2, 0:4, 4:8].mean())


def test_three_identical_discriminators_with_weights_of_their_own():
    networks = PyramidDiscriminators(width=8)
    shapes = [[p.shape for p in network.parameters()] for network in networks.scales]
    assert len(shapes) == 3
    assert shapes[0] == shapes[1] == shapes[2]
    assert not torch.equal(networks.scales[0][0].weight, networks.scales[1][0].weight)


def test_each_scale_is_judged_from_alpha_and_extracted_foreground():
    networks = PyramidDiscriminators(width=4).eval()
    alpha, image = torch.rand(2, 1, 64, 96), torch.rand(2, 3, 64, 96)
    judgements = networks(alpha, image)
    subject = torch.cat([alpha, image * alpha], 1)
    for judgement, network, x in zip(judgements, networks.scales, pyramid(subject), strict=True):
        torch.testing.assert_close(judgement, network(x))
    assert judgements[0].shape[3] > judgements[1].shape[3] > judgements[2].shape[3]
    hidden = networks(torch.zeros_like(alpha), image)
    other = networks(torch.zeros_like(alpha), image.flip(3))
    assert all(torch.equal(a, b) for a, b in zip(hidden, other, strict=True))  # α = 0 hides the image


def test_alpha_alone_can_be_judged():
    networks = PyramidDiscriminators(width=4, scales=1, foreground=False).eval()
    alpha, image = torch.rand(1, 1, 64, 64), torch.rand(1, 3, 64, 64)
    (judgement,) = networks(alpha, image)
    torch.testing.assert_close(judgement, networks.scales[0](alpha))
    assert torch.equal(networks(alpha, 1 - image)[0], judgement)


def test_a_patch_is_seventy_pixels_wide():
    torch.manual_seed(0)
    network = PatchGAN(width=2)
    network = torch.nn.Sequential(*[x for x in network if not isinstance(x, torch.nn.InstanceNorm2d)])
    x = torch.rand(1, 4, 160, 160, requires_grad=True)
    judgement = network(x)
    judgement[0, 0, judgement.shape[2] // 2, judgement.shape[3] // 2].backward()
    seen = x.grad[0].abs().sum(0).nonzero()
    assert [int(v) for v in seen.max(0).values - seen.min(0).values + 1] == [70, 70]

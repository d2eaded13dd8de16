"""Losses against their formulas, computed by hand."""

import math

import pytest
import torch

from wisp.training import losses

ONES = torch.ones(1, 1, 32, 32)


def test_l1_counts_trusted_pixels_only():
    truth, prediction, weight = (
        torch.zeros(1, 1, 2, 2),
        torch.full((1, 1, 2, 2), 0.5),
        torch.zeros(1, 1, 2, 2),
    )
    prediction[0, 0, 0, 0], weight[0, 0, 0, 0] = 0.25, 1
    assert losses.l1(prediction, truth, weight).item() == pytest.approx(0.25)


def test_nothing_trusted_costs_nothing_and_has_a_gradient():
    prediction = torch.rand(1, 1, 4, 4, requires_grad=True)
    loss = losses.l1(prediction, torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4))
    loss.backward()
    assert loss.item() == 0
    assert (prediction.grad == 0).all()


@pytest.mark.parametrize(("logit", "truth"), [(0.0, 1.0), (2.0, 0.3), (-3.0, 0.0)])
def test_cross_entropy_with_soft_truth(logit, truth):
    p = 1 / (1 + math.exp(-logit))
    expected = -(truth * math.log(p) + (1 - truth) * math.log(1 - p))
    found = losses.binary_cross_entropy(torch.full_like(ONES, logit), torch.full_like(ONES, truth), ONES)
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_pyramid_is_zero_for_equal_mattes_and_for_a_constant_difference():
    x = torch.rand(1, 1, 32, 32)
    assert losses.laplacian_pyramid(x, x, ONES).item() == 0
    assert losses.laplacian_pyramid(x, x + 0.2, ONES).item() == pytest.approx(0, abs=1e-6)


def test_pyramid_grows_as_a_hair_is_lost():
    truth = torch.zeros(1, 1, 32, 32)
    truth[..., 16] = 1
    losses_ = [losses.laplacian_pyramid(truth * kept, truth, ONES).item() for kept in (1.0, 0.75, 0.5, 0.0)]
    assert losses_ == sorted(losses_)
    assert losses_[3] == pytest.approx(4 * losses_[1], rel=1e-4)  # linear, as an L1 is


def four(*values):
    return torch.tensor(values).view(1, 1, 2, 2)


TRUTH = four(0.0, 1.0, 0.5, 0.25)
PREDICTION = four(0.1, 0.7, 0.9, 0.3)
GREY = torch.full((1, 3, 2, 2), 0.5)


def test_known_region_is_where_eight_bits_store_zero_or_one():
    stored = torch.tensor([0, 1, 254, 255], dtype=torch.uint8).view(1, 1, 2, 2).float() * (1 / 255)
    assert losses.known_region(stored).flatten().tolist() == [1, 0, 0, 1]


def test_alpha_and_coefficient_losses_share_the_pixels():
    weight = torch.ones(1, 1, 2, 2)
    # |0.1 - 0| and |0.7 - 1|, then half of each on the foreground
    known = losses.alpha_loss(PREDICTION, TRUTH, GREY, weight)
    assert known.item() == pytest.approx((0.1 + 0.3) / 2 * 1.5)
    between = losses.alpha_coefficient_loss(PREDICTION, TRUTH, GREY, weight)
    assert between.item() == pytest.approx((0.4 + 0.05) / 2 * 1.5)
    distrusted = losses.alpha_loss(PREDICTION, TRUTH, GREY, four(1.0, 0.0, 1.0, 1.0))
    assert distrusted.item() == pytest.approx(0.1 * 1.5)
    assert losses.alpha_loss(PREDICTION, TRUTH, None, weight).item() == pytest.approx((0.1 + 0.3) / 2)
    alone = losses.alpha_coefficient_loss(PREDICTION, TRUTH, None, weight)
    assert alone.item() == pytest.approx((0.4 + 0.05) / 2)


def test_border_is_dilated_minus_eroded():
    mask = torch.zeros(1, 1, 9, 9)
    mask[..., 3:6, 3:6] = 1
    border = losses.border_map(mask, 1)[0, 0]
    assert border.sum() == 5 * 5 - 1
    assert border[4, 4] == 0
    prediction, truth = mask.clone(), mask.clone()
    prediction[..., 4, 4] = 0.2  # inside, beyond the border
    assert losses.border_loss(prediction, truth, mask, torch.ones_like(mask), 1).item() == 0
    prediction[..., 2, 2] = 0.6
    found = losses.border_loss(prediction, truth, mask, torch.ones_like(mask), 1)
    assert found.item() == pytest.approx(0.6 / 24)


def test_perceptual_is_a_weighted_l1_of_features_of_alpha_and_foreground():
    def features(image):
        return [image, image.mean((2, 3), keepdim=True)]

    found = losses.perceptual_loss(features, PREDICTION, TRUTH, GREY, torch.ones(1, 1, 2, 2), (0.5, 2.0))
    difference = PREDICTION - TRUTH
    expected = (0.5 * difference.abs().mean() + 2 * difference.mean().abs()) * 1.5
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    nothing = losses.perceptual_loss(features, PREDICTION, TRUTH, GREY, torch.zeros(1, 1, 2, 2), (0.5, 2.0))
    assert nothing.item() == 0
    alone = losses.perceptual_loss(features, PREDICTION, TRUTH, None, torch.ones(1, 1, 2, 2), (0.5, 2.0))
    assert alone.item() == pytest.approx(expected.item() / 1.5, rel=1e-5)


def test_adversarial_losses_are_cross_entropies_summed_over_scales():
    real, fake = (
        [torch.full((1, 1, 2, 2), 1.0), torch.zeros(1, 1, 1, 1)],
        [
            torch.full((1, 1, 2, 2), -2.0),
            torch.full((1, 1, 1, 1), 0.5),
        ],
    )

    def entropy(logit, truth):
        p = 1 / (1 + math.exp(-logit))
        return -math.log(p if truth else 1 - p)

    expected = entropy(-2, True) + entropy(0.5, True)
    assert losses.generator_loss(fake).item() == pytest.approx(expected, rel=1e-5)
    expected = entropy(1, True) + entropy(0, True) + entropy(-2, False) + entropy(0.5, False)
    assert losses.discriminator_loss(real, fake).item() == pytest.approx(expected, rel=1e-5)


def dim_layers(count=2):
    generator = torch.Generator().manual_seed(3)
    truth, prediction = torch.rand(2, count, 1, 8, 8, generator=generator)
    front, back = torch.rand(2, count, 3, 8, 8, generator=generator)
    unknown = (torch.rand(count, 1, 8, 8, generator=generator) < 0.4).float()
    return prediction, truth, front, back, unknown


def test_alpha_prediction_is_the_mean_distance_and_smooth_at_zero():
    prediction, truth, _, _, unknown = dim_layers()
    found = losses.alpha_prediction_loss(prediction, truth, unknown)
    expected = (prediction - truth).abs()[unknown > 0].mean()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=0)
    same = truth.clone().requires_grad_()
    loss = losses.alpha_prediction_loss(same, truth, unknown)
    loss.backward()
    assert loss.item() == pytest.approx(1e-6, rel=1e-3)
    assert same.grad.abs().max() == 0
    wide = losses.alpha_prediction_loss(prediction, truth, unknown, epsilon=0.5)
    assert wide.item() == pytest.approx(((prediction - truth) ** 2 + 0.25).sqrt()[unknown > 0].mean().item())


def test_composition_compares_colours():
    prediction, truth, front, back, unknown = dim_layers()
    found = losses.compositional_loss(prediction, truth, front, back, unknown)
    mine = prediction * front + (1 - prediction) * back
    true = truth * front + (1 - truth) * back
    expected = (mine - true).abs().mean(1, keepdim=True)[unknown > 0].mean()
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=0)
    assert losses.compositional_loss(prediction, truth, front, front, unknown).item() == pytest.approx(1e-6)


def test_random_backgrounds_are_other_samples_or_a_colour():
    torch.manual_seed(0)
    back = torch.rand(4, 3, 5, 6)
    for _ in range(5):
        other = losses.random_backgrounds(back)
        assert all(any(torch.equal(x, y) for y in back) for x in other)
        assert not any(torch.equal(x, y) for x, y in zip(other, back, strict=True))
    lone = losses.random_backgrounds(back[:1])
    assert lone.shape == (1, 3, 5, 6)
    assert lone.amax((2, 3)).equal(lone.amin((2, 3)))
    assert not torch.equal(lone, losses.random_backgrounds(back[:1]))


def test_gradient_loss_is_blind_to_a_constant_and_counts_steps():
    truth = torch.rand(1, 1, 6, 8)
    trust = torch.ones_like(truth)
    assert float(losses.gradient_loss(truth + 0.3, truth, trust)) == pytest.approx(0, abs=1e-6)
    edge = torch.zeros(1, 1, 6, 8)
    edge[..., 4:] = 1
    # One of seven differences to the right is 1, in every row; none downwards.
    assert float(losses.gradient_loss(edge, torch.zeros_like(edge), trust)) == pytest.approx(1 / 7)
    trust[..., 4:] = 0  # the difference across the edge has a pixel that is not trusted
    assert float(losses.gradient_loss(edge, torch.zeros_like(edge), trust)) == 0


def test_foreground_counts_where_there_is_some():
    truth, alpha = torch.zeros(1, 3, 2, 2), torch.tensor([[[[0.0, 1.0], [0.5, 0.0]]]])
    found = torch.tensor([[[[9.0, 0.2], [0.4, 9.0]]]]).expand(1, 3, 2, 2)
    trust = torch.ones(1, 1, 2, 2)
    assert float(losses.foreground_loss(found, truth, alpha, trust)) == pytest.approx(0.3)
    assert float(losses.foreground_loss(found, truth, torch.zeros_like(alpha), trust)) == 0


def test_composition_compares_with_the_image():
    alpha = torch.tensor([[[[0.0, 1.0, 0.5]]]])
    front, back = torch.full((1, 3, 1, 3), 0.8), torch.full((1, 3, 1, 3), 0.2)
    image = alpha * front + (1 - alpha) * back
    trust = torch.ones_like(alpha)
    assert float(losses.composition_loss(image, alpha, front, back, trust)) == pytest.approx(0, abs=1e-7)
    # α = 1 everywhere shows the foreground where the background is: 0.6, 0 and 0.3 off.
    assert float(losses.composition_loss(image, torch.ones_like(alpha), front, back, trust)) == pytest.approx(
        0.3
    )


def test_drift_is_a_signed_share():
    start = torch.full((1, 1, 4, 4), 0.4)
    assert float(losses.drift(start * 1.1, start)) == pytest.approx(0.1, abs=1e-6)
    assert float(losses.drift(start * 0.5, start)) == pytest.approx(-0.5, abs=1e-6)
    empty = torch.zeros_like(start)
    assert float(losses.drift(empty + 0.02, empty)) == pytest.approx(2.0)

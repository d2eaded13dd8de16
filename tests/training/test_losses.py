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

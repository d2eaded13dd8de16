"""Freezing lasts through `train()`, keeps statistics and can be undone."""

import copy

import pytest
import torch
from torch import nn

from wisp.training import freezing


@pytest.fixture
def network():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Conv2d(4, 1, 1))


def test_frozen_module_stays_in_evaluation_mode(network):
    freezing.freeze(network[:3])
    network.train()
    before = network[1].running_mean.clone()
    x = torch.rand(2, 3, 8, 8) + 5
    first, second = network(x), network(x)
    torch.testing.assert_close(first, second)  # no dropout
    torch.testing.assert_close(network[1].running_mean, before)
    assert [p.requires_grad for p in network.parameters()] == [False] * 4 + [True] * 2
    assert len(list(freezing.trainable(network))) == 2


def test_frozen_batch_norm_still_learns_its_affine(network):
    freezing.freeze_batch_norm(network)
    network.train()
    network(torch.rand(2, 3, 8, 8) + 5).sum().backward()
    assert network[1].running_mean.abs().sum() == 0
    assert network[1].weight.grad is not None
    assert network[2].training  # dropout is untouched
    assert freezing.frozen(network[1])


def test_freezing_twice_is_freezing_once(network):
    freezing.freeze(network)
    kind = type(network[0])
    freezing.freeze(network)
    assert type(network[0]) is kind


def test_unfreeze_restores_the_classes(network):
    kinds = [type(m) for m in network.modules()]
    freezing.freeze(network)
    freezing.unfreeze(network)
    assert [type(m) for m in network.modules()] == kinds
    assert all(m.training for m in network.modules())
    assert all(p.requires_grad for p in network.parameters())


def test_a_frozen_network_can_be_copied_and_keeps_its_names(network):
    names = list(network.state_dict())
    freezing.freeze(network)
    assert list(copy.deepcopy(network).state_dict()) == names

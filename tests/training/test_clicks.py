"""Simulated clicks land where the mask is most wrong."""

import numpy as np

from wisp.training.clicks import add_click


def planes(size=64):
    return np.zeros((3, size, size), np.float32)


def square(top, left, bottom, right, size=64):
    alpha = np.zeros((size, size), np.float32)
    alpha[top:bottom, left:right] = 1
    return alpha


def spot(plane):
    return np.argwhere(plane).mean(0)


def test_the_first_click_is_on_the_target():
    target = square(10, 20, 40, 50)
    for seed in range(20):
        guidance = planes()
        assert add_click(guidance, target, np.zeros_like(target), np.random.default_rng(seed))
        row, column = spot(guidance[0])
        assert target[round(row), round(column)] == 1
        assert not guidance[1].any()


def test_a_surplus_is_clicked_outside():
    target, mask = square(10, 10, 20, 20), square(10, 10, 20, 60)
    guidance = planes()
    assert add_click(guidance, target, mask, np.random.default_rng(0))
    assert not guidance[0].any()
    assert spot(guidance[1])[1] > 20


def test_the_largest_error_is_clicked():
    target = np.maximum(square(2, 2, 8, 8), square(20, 20, 60, 60))
    for seed in range(10):
        guidance = planes()
        add_click(guidance, target, np.zeros_like(target), np.random.default_rng(seed))
        assert spot(guidance[0]).min() >= 19


def test_a_right_mask_is_not_clicked():
    target = square(10, 10, 40, 40)
    guidance = planes()
    assert not add_click(guidance, target, target, np.random.default_rng(0))
    assert not guidance.any()

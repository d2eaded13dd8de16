"""Masks that get worse: each kind by itself, and that more is worse."""

import numpy as np
import pytest

from wisp.evaluation.metrics import iou
from wisp.lab.figures.worse_masks import KINDS, STEPS, worse


def disc(height=101, width=131, radius=30.0):
    rows, columns = np.mgrid[:height, :width]
    return (np.hypot(rows - height / 2, columns - width / 2) <= radius).astype(np.float32)


@pytest.mark.parametrize("kind", list(KINDS))
def test_more_is_worse_and_nothing_is_nothing(kind):
    mask = disc()
    before = mask.copy()
    assert worse(mask, kind, 0, seed=3) is mask
    overlaps = [iou(worse(mask, kind, step, seed=3), mask) for step in STEPS]
    assert overlaps == sorted(overlaps, reverse=True)
    assert overlaps[0] > 0.9
    assert overlaps[-1] < (0.99 if kind == "blurred" else 0.9)
    assert np.array_equal(mask, before)
    changed = worse(mask, kind, 0.08, seed=3)
    assert changed.dtype == np.float32
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert np.array_equal(changed, worse(mask, kind, 0.08, seed=3))


def test_lengths_are_shares_of_the_root_of_the_area():
    mask = disc()
    length = 0.08 * np.sqrt(mask.sum())
    radius = 30
    for kind, expected in (("larger", radius + length), ("smaller", radius - length)):
        area = worse(mask, kind, 0.08, seed=0).sum()
        assert np.sqrt(area / np.pi) == pytest.approx(expected, abs=0.7)
    moved = worse(mask, "displaced", 0.08, seed=0)
    rows, columns = (np.average(axis, weights=moved) for axis in np.mgrid[:101, :131])
    before = [np.average(axis, weights=mask) for axis in np.mgrid[:101, :131]]
    assert np.hypot(rows - before[0], columns - before[1]) == pytest.approx(length, rel=0.02)


def test_the_photo_s_border_is_no_outside():
    mask = np.ones((20, 31), np.float32)
    mask[:, :10] = 0
    shrunk = worse(mask, "smaller", 0.1, seed=0)
    assert shrunk[:, -5:].all()
    assert not shrunk[:, 10].any()
    full = np.ones((7, 9), np.float32)
    assert np.array_equal(worse(full, "smaller", 0.1, seed=0), full)
    assert np.array_equal(worse(full, "displaced", 0.16, seed=0), full)

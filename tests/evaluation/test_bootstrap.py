import math

import numpy as np
import pytest

from wisp.core.errors import InputError
from wisp.evaluation.bootstrap import PairedDifference, paired_bootstrap


def scores(count=60, shift=0.5, spread=1.0, seed=0):
    rng = np.random.default_rng(seed)
    b = rng.normal(10, 5, count)
    return b + rng.normal(shift, spread, count), b


def test_interval_is_that_of_the_mean_of_the_differences():
    a, b = scores()
    result = paired_bootstrap(a, b, seed=1)
    error = np.std(a - b) / math.sqrt(len(a))
    assert result.mean == pytest.approx((a - b).mean())
    assert result.low == pytest.approx(result.mean - 1.96 * error, abs=0.15 * error)
    assert result.high == pytest.approx(result.mean + 1.96 * error, abs=0.15 * error)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    hits = 0
    for seed in range(200):
        result = paired_bootstrap(*scores(40, seed=seed), seed=seed, resamples=500)
        hits += result.low <= 0.5 <= result.high
    assert 0.89 <= hits / 200 <= 0.985


def test_swapping_the_methods_mirrors_the_result():
    a, b = scores()
    forth, back = paired_bootstrap(a, b, seed=3), paired_bootstrap(b, a, seed=3)
    assert (back.mean, back.low, back.high) == pytest.approx((-forth.mean, -forth.high, -forth.low))


def test_copies_of_the_same_pictures_add_no_certainty_when_grouped():
    a, b = scores(20)
    once = paired_bootstrap(a, b, seed=0)
    groups = [f"person {i}" for i in range(20)] * 4
    copied = paired_bootstrap(np.tile(a, 4), np.tile(b, 4), groups, seed=0)
    assert (copied.mean, copied.low, copied.high) == pytest.approx((once.mean, once.low, once.high))
    fooled = paired_bootstrap(np.tile(a, 4), np.tile(b, 4), seed=0)
    assert fooled.high - fooled.low < 0.6 * (once.high - once.low)


def test_groups_of_unequal_size_weigh_by_their_pictures():
    result = paired_bootstrap([1, 1, 1, 4], [0, 0, 0, 0], [0, 0, 0, 1], seed=0)
    assert result == PairedDifference(1.75, 1.0, 4.0)


def test_seed_repeats_and_confidence_widens():
    a, b = scores()
    assert paired_bootstrap(a, b, seed=5) == paired_bootstrap(list(a), list(b), seed=5)
    assert paired_bootstrap(a, b, seed=5) != paired_bootstrap(a, b, seed=6)
    narrow, wide = (paired_bootstrap(a, b, seed=5, confidence=c) for c in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_no_spread_gives_a_point():
    assert paired_bootstrap([3, 4, 5], [2, 3, 4], seed=0) == PairedDifference(1, 1, 1)


@pytest.mark.parametrize(
    ("arguments", "options", "problem"),
    [
        (([1, 2], [1]), {}, "b: has 1 entries"),
        (([1, 2], [1, 2], ["x"]), {}, "groups: has 1"),
        (([1], [1]), {}, "groups: are 1"),
        (([1, 2], [1, 3], ["x", "x"]), {}, "groups: are 1"),
        (([], []), {}, "groups: are 0"),
        (([1, math.nan], [1, 2]), {}, "finite"),
        (([1, 2], [1, 3]), {"confidence": 1}, "confidence: is 1"),
        (([1, 2], [1, 3]), {"resamples": 0}, "resamples: is 0"),
    ],
)
def test_bad_input(arguments, options, problem):
    with pytest.raises(InputError, match=problem):
        paired_bootstrap(*arguments, seed=0, **options)

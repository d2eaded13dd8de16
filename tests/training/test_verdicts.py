"""Whether a fine-tuned network is recommended: by photos that it has not seen, and not by chance."""

import pytest

from wisp.training.verdicts import judge

NAMES = list(range(8))
OLD = [10.0, 12.0, 11.0, 9.0, 10.0, 13.0, 12.0, 11.0]


def test_what_is_better_on_every_photo_is_recommended():
    found = judge(OLD, [x - 2 - 0.1 * n for n, x in enumerate(OLD)], NAMES)
    assert found.recommended
    assert found.words.startswith("recommended: SAD 11.00 before, 8.65 after, difference -2.35 (")


@pytest.mark.parametrize("change", [0.0, 6.5])
def test_what_is_no_better_is_not(change):
    found = judge(OLD, [x + change for x in OLD], NAMES)
    assert not found.recommended
    told = f"SAD 11.00 before, {11 + change:.2f} after"
    assert found.words == f"not recommended: the whole result is no better ({told})"


def test_what_may_be_chance_says_how_many_photos_more_would_tell():
    changes = [-4.0, 3.0, -3.0, 2.0, -4.0, 3.0, -2.0, 1.0]  # mean -0.5, deviation 2.83
    after = [x + change for x, change in zip(OLD, changes, strict=True)]
    found = judge(OLD, after, NAMES)
    assert not found.recommended
    more = int(found.words.split("about ")[1].split()[0])
    assert more == pytest.approx((1.96 * 2.83 / 0.5) ** 2 - 8, rel=0.1)
    fifth = int(judge(OLD, after, NAMES, share=0.2).words.split("about ")[1].split()[0])
    assert fifth == pytest.approx(5 * more, abs=5)


def test_too_few_tell_nothing_however_good():
    found = judge([30.0, 29.0], [20.0, 19.0], ["a", "b"], share=0.2)
    assert not found.recommended
    told = "2 held out tell nothing (SAD 29.50 before, 19.50 after)"
    assert found.words == f"not recommended: {told}; 15 photos more might"


def test_photos_of_one_subject_count_once():
    found = judge(OLD, [x - 2 for x in OLD], ["a", "a", "b", "b", "c", "c", "d", "d"])
    assert "4 held out tell nothing" in found.words

"""Samples that are shown several times."""

from pathlib import Path

import numpy as np

from wisp.data import replay
from wisp.data.replay import Replayed
from wisp.data.samples import AnyExample


class Numbered:
    """Sample n: a picture that says n and is brighter on the right, and n again."""

    fields = ("picture", "number")

    def __init__(self) -> None:
        self.made: list[int] = []

    def __getitem__(self, index: int) -> AnyExample:
        self.made.append(index)
        picture = np.full((3, 2, 4), index, np.uint8) + np.arange(4, dtype=np.uint8)
        return picture, np.array([index], np.uint8)


def test_every_few_is_new_and_the_others_are_earlier_ones(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(replay, "SETTLED", 2)
    source = Numbered()
    samples = Replayed(source, tmp_path / "kept", views=4)
    shown = [int(samples[index][1][0]) for index in range(40)]
    assert shown[::4] == list(range(10))
    assert all(number <= max(0, index // 4 - 2) for index, number in enumerate(shown) if index % 4)
    assert len(set(shown[1::4] + shown[2::4] + shown[3::4])) > 4
    assert sorted(source.made) == list(range(10)), "each was made once"


def test_a_picture_is_mirrored_in_half_of_the_cases_and_a_number_never(tmp_path: Path) -> None:
    samples = Replayed(Numbered(), tmp_path, views=100)
    pictures = [samples[index] for index in range(100)]
    mirrored = [bool(picture[0, 0, 0] > picture[0, 0, -1]) for picture, _ in pictures]
    assert not mirrored[0]
    assert 30 < sum(mirrored) < 70
    assert all(number.tolist() == [0] and picture.shape == (3, 2, 4) for picture, number in pictures)


def test_another_order_and_a_lost_file_change_nothing(tmp_path: Path) -> None:
    first = Replayed(Numbered(), tmp_path / "a", views=3)
    expected = [first[index] for index in range(30)]
    (tmp_path / "a" / "00000000.npz").write_bytes(b"cut off")
    second = Replayed(Numbered(), tmp_path / "b", views=3)
    for index in reversed(range(30)):
        for again in (first[index], second[index]):
            assert all(np.array_equal(x, y) for x, y in zip(again, expected[index], strict=True))


def test_only_so_many_are_kept(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(replay, "SETTLED", 1)
    samples = Replayed(Numbered(), tmp_path, views=2, kept=3)
    shown = [int(samples[index][1][0]) for index in range(60)]
    assert len(list(tmp_path.iterdir())) <= 3 + 1 + 1
    assert all(number >= index // 2 - 3 for index, number in enumerate(shown))

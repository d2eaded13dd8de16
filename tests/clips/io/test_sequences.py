"""Which pictures of a folder are a clip, in which order, and what their numbers say."""

import numpy as np
import pytest
import pyvips

from wisp.clips.io.read import open_clip
from wisp.clips.io.sequences import find_sequence, pattern_name
from wisp.core.errors import InputError
from wisp.io.images import write_image


def fill(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        write_image(folder / name, np.full((8, 12, 3), 0.5, np.float32))
    return folder


def found(path):
    return [file.name for file in find_sequence(path).files]


def test_numbers_count_by_their_value(tmp_path):
    fill(tmp_path / "a", "f10.png", "f9.png", "f1.png")
    sequence = find_sequence(tmp_path / "a")
    assert [file.name for file in sequence.files] == ["f1.png", "f9.png", "f10.png"]
    assert sequence.numbers == (1, 9, 10)


def test_pictures_that_are_called_otherwise_are_strays(tmp_path):
    folder = fill(tmp_path / "a", "f0.jpg", "f1.jpg", "f2.jpg", "thumb.jpg")
    (folder / "readme.txt").write_text("x")
    (folder / "._f1.jpg").write_bytes(b"x")
    sequence = find_sequence(folder)
    assert [file.name for file in sequence.strays] == ["thumb.jpg"]
    assert len(sequence.files) == 3
    with open_clip(folder) as clip:
        assert "thumb.jpg left out: not called like f0.jpg" in clip.notes


def test_two_sequences_in_a_folder(tmp_path):
    fill(tmp_path / "a", "left.1.png", "left.2.png", "right.1.png", "right.2.png")
    with pytest.raises(
        InputError, match=r"several sequences: left.1.png …, right.1.png …; one .* left.#.png"
    ):
        find_sequence(tmp_path / "a")
    assert found(tmp_path / "a" / "right.#.png") == ["right.1.png", "right.2.png"]


def test_a_number_that_is_there_twice(tmp_path):
    fill(tmp_path / "a", "f1.png", "f01.png", "f2.png")
    with pytest.raises(InputError, match="has frame 1 twice"):
        find_sequence(tmp_path / "a")


def test_names_without_numbers_go_by_the_alphabet(tmp_path):
    assert found(fill(tmp_path / "a", "b.png", "a.png", "c.png")) == ["a.png", "b.png", "c.png"]
    assert found(fill(tmp_path / "b", "one.png")) == ["one.png"]


@pytest.mark.parametrize(
    "pattern", ["s.%04d.png", "s.####.png", "s.%d.png", "s.0998-1001.png", "s.998-1001.png"]
)
def test_patterns(tmp_path, pattern):
    fill(tmp_path, "s.0999.png", "s.1000.png", "s.1001.png", "other.0999.png")
    assert found(tmp_path / pattern) == ["s.0999.png", "s.1000.png", "s.1001.png"]


def test_a_range_is_a_part_and_a_real_file_comes_first(tmp_path):
    fill(tmp_path, *(f"s.{number}.png" for number in range(1001, 1007)))
    assert found(tmp_path / "s.1002-1005.png") == [f"s.{number}.png" for number in range(1002, 1006)]
    fill(tmp_path, "s.1-2.png")
    assert find_sequence(tmp_path / "s.1-2.png") is None
    assert find_sequence(tmp_path / "none.mp4") is None
    with pytest.raises(InputError, match="names no picture"):
        find_sequence(tmp_path / "x.%04d.png")


def test_what_a_range_asks_for_and_is_not_there_is_told(tmp_path):
    fill(tmp_path, *(f"s.{number}.png" for number in (1004, 1006, 1010)))
    sequence = find_sequence(tmp_path / "s.1000-1013.png")
    assert sequence.beyond == (1000, 1002, 1012)
    assert sequence.missing == (1008,)
    assert find_sequence(tmp_path / "s.1004-1011.png").beyond == ()
    with open_clip(tmp_path / "s.1000-1013.png") as clip:
        told = [note for note in clip.notes if "asked for and not there" in note]
    assert told == ["3 frames are asked for and not there (1000 to 1012): the clip is as long as what is"]


@pytest.mark.parametrize("name", ["", "a.%04d.exr", "a.0001-0009.exr"])
def test_pictures_of_kinds_that_are_not_read(tmp_path, name):
    (tmp_path / "a.0001.exr").write_bytes(b"x")
    with pytest.raises(InputError, match=r"of (a kind|kinds) that wisp does not read \(\.exr\)"):
        find_sequence(tmp_path / name)


def test_a_gap_leaves_its_time(tmp_path):
    folder = fill(tmp_path / "a", "a_0001.png", "a_0002.png", "a_0005.png", "a_0006.png")
    with open_clip(folder, fps=10) as clip:
        assert [frame.time * 10 for frame in clip.frames()] == [0, 1, 4, 5]
        assert any("2 frames are missing (the first is 3)" in note for note in clip.notes)
    rendered = fill(tmp_path / "b", "r10.png", "r20.png", "r30.png")  # every tenth
    assert find_sequence(rendered).places == (0, 1, 2)
    chosen = fill(tmp_path / "c", "IMG_1.png", "IMG_50.png", "IMG_77.png")  # names, no clock
    assert find_sequence(chosen).places == (0, 1, 2)


def test_the_rate_that_is_asked_for_and_a_part_of_a_timed_folder(tmp_path):
    folder = fill(tmp_path / "a", *(f"s{number}.png" for number in range(4)))
    (folder / "timestamps.txt").write_text("# timestamp format v2\n0\n100\n250\n300\n")
    with open_clip(folder) as clip:
        assert [float(frame.time) for frame in clip.frames()] == [0, 0.1, 0.25, 0.3]
    with open_clip(folder, fps=5) as clip:
        assert [float(frame.time) for frame in clip.frames()] == [0, 0.2, 0.4, 0.6]
    with open_clip(folder / "s1-2.png") as clip:
        assert [float(frame.time) for frame in clip.frames()] == [0, 0.04]
        assert clip.stems() == ["s1", "s2"]


def test_too_large_pictures(tmp_path):
    with (
        pytest.raises(InputError, match=r"12.8"),
        open_clip(fill(tmp_path / "a", "f1.png", "f2.png"), max_pixels=50) as clip,
    ):
        list(clip.frames())


def test_a_folder_of_animations(tmp_path):
    frames = [pyvips.Image.black(12, 8, bands=3) + shade for shade in (40, 200)]
    animation = pyvips.Image.arrayjoin(frames, across=1).cast("uchar").copy()
    animation.set_type(pyvips.GValue.gint_type, "page-height", 8)
    animation.gifsave(str(tmp_path / "f2.gif"))
    accepted = "a folder of single pictures, or an animation by itself, is accepted"
    with pytest.raises(InputError, match=f"f2.gif: is an animation; {accepted}"), open_clip(tmp_path):
        pass


@pytest.mark.parametrize(
    ("name", "expected"), [("a.%04d.png", "a.0007.png"), ("a.###.png", "a.007.png"), ("a%d.png", "a7.png")]
)
def test_names_by_a_pattern(name, expected):
    assert pattern_name(name, 7) == expected

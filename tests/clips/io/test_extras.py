"""Tags, chapters and time codes: read, cut to a part, carried or told."""

from fractions import Fraction
from pathlib import Path

import pytest

from wisp.clips.io.extras import Chapter, Extras, later
from wisp.clips.io.read import open_clip
from wisp.core.errors import InputError

DATA = Path(__file__).parent.parent / "data"
NTSC = Fraction(30000, 1001)


def extras_of(name):
    with open_clip(DATA / name) as clip:
        return clip.info.extras


def test_what_files_hold():
    tagged = extras_of("tagged.mp4")
    assert tagged.tags["title"] == "A walk"
    assert tagged.tags["creation_time"].startswith("2021-03-04T05:06:07")
    assert "encoder" not in tagged.tags
    chapters = extras_of("chapters.mkv").chapters
    assert [(c.start, c.end, c.tags["title"]) for c in chapters] == [
        (0, Fraction(1, 2), "One"),
        (Fraction(1, 2), 1, "Two"),
    ]
    assert extras_of("timecode.mov").timecode == "10:20:30:04"


def test_place_and_camera_are_kept_back():
    kept, names = extras_of("tagged.mp4").without_private()
    assert names == ["location"]
    assert set(kept.tags) == {"title", "artist", "creation_time"}


def test_a_part():
    chapters = (Chapter(Fraction(0), Fraction(5), {"title": "a"}), Chapter(Fraction(5), Fraction(9), {}))
    part = Extras({"title": "t"}, chapters, "01:00:00:00").part(Fraction(4), Fraction(8), Fraction(25))
    assert [(c.start, c.end) for c in part.chapters] == [(0, 1), (1, 4)]
    assert part.timecode == "01:00:04:00"
    assert Extras({}, chapters).part(Fraction(6), None, Fraction(25)).chapters == (
        Chapter(Fraction(0), Fraction(3), {}),
    )


@pytest.mark.parametrize(
    ("code", "frames", "rate", "expected"),
    [
        ("10:20:30:04", 0, 24, "10:20:30:04"),
        ("10:20:30:23", 1, 24, "10:20:31:00"),
        ("23:59:59:24", 1, 25, "00:00:00:00"),
        # SMPTE ST 12: numbers 0 and 1 are dropped in each minute but every tenth
        ("00:00:59;29", 1, NTSC, "00:01:00;02"),
        ("00:09:59;29", 1, NTSC, "00:10:00;00"),
        ("00:00:00;00", 17982, NTSC, "00:10:00;00"),
        ("00:00:00;00", 107892, NTSC, "01:00:00;00"),
        ("00:00:59;59", 1, 2 * NTSC, "00:01:00;04"),
        ("00:00:59:29", 1, NTSC, "00:01:00:00"),
    ],
)
def test_time_codes(code, frames, rate, expected):
    assert later(code, frames, Fraction(rate)) == expected


def test_every_time_code_of_an_hour_is_another():
    codes = [later("00:00:00;00", frame, NTSC) for frame in range(0, 107892, 7)]
    assert len(set(codes)) == len(codes)
    assert codes == sorted(codes)
    assert not any(code.endswith((";00", ";01")) and code[6:8] == "00" and code[4] != "0" for code in codes)


def test_no_time_code():
    with pytest.raises(InputError, match="h:m:s:f is accepted"):
        later("soon", 1, Fraction(25))


def test_what_a_container_cannot_hold_is_told():
    extras = Extras({"title": "t", "mood": "m"}, (Chapter(Fraction(0), Fraction(1), {}),), "01:00:00:00")
    held, notes = extras.held_by(".mp4")
    assert (held.tags, len(held.chapters), held.timecode) == ({"title": "t"}, 1, "01:00:00:00")
    assert notes == ["its tags mood are left out: .mp4 has no place for them"]
    held, notes = extras.held_by("")
    assert held == Extras()
    assert len(notes) == 3
    assert all("left out: a folder of pictures" in note or "has no place" in note for note in notes[:1])
    assert extras.held_by(".mkv") == (extras, [])

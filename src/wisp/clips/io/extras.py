"""What a clip's file holds beside pictures, sound and subtitles: tags, chapters and the first time code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Final

from wisp.core.errors import InputError

_TECHNICAL: Final = frozenset(
    {
        "major_brand",
        "minor_version",
        "compatible_brands",
        "encoder",
        "duration",
        "handler_name",
        "vendor_id",
        "software",
        "timecode",
    }
)
"""Tags that say how the file was made, which is no longer so."""

_PRIVATE: Final = ("location", "com.apple.quicktime.", "com.android.", "make", "model", "gps", "xyz")
"""How tags begin that say where, and with which camera."""

_MP4_TAGS: Final = frozenset(
    """title artist album_artist composer album date comment genre copyright description synopsis show
    episode_id network lyrics grouping keywords creation_time location""".split()  # noqa: SIM905
)
_AVI_TAGS: Final = frozenset({"title", "artist", "copyright", "comment", "album", "genre", "date"})

TAGS_HELD: Final[dict[str, frozenset[str] | None]] = {
    ".mp4": _MP4_TAGS,
    ".m4v": _MP4_TAGS,
    ".mov": _MP4_TAGS,
    ".mkv": None,
    ".webm": None,
    ".nut": None,
    ".avi": _AVI_TAGS,
}
"""Tags that each container holds; None is any."""

CHAPTERS_HELD: Final = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".nut"})
TIMECODE_HELD: Final = frozenset({".mp4", ".m4v", ".mov", ".mkv"})


@dataclass(frozen=True)
class Chapter:
    """A part of a clip with a name: seconds from its start, and its tags."""

    start: Fraction
    end: Fraction
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Extras:
    """Tags, chapters and time code of a clip.

    Attributes:
        tags: of the whole file, but for those of its encoder.
        chapters: in order.
        timecode: of the first frame, ``10:20:30:04``, with ``;`` before the frames where numbers are dropped;
            empty for none.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    chapters: tuple[Chapter, ...] = ()
    timecode: str = ""

    def part(self, start: Fraction, end: Fraction | None, rate: Fraction) -> Extras:
        """Cut tags, chapters and time code to `start` to `end`, seconds, at `rate` frames a second."""
        chapters = tuple(
            replace(
                chapter,
                start=max(chapter.start, start) - start,
                end=(chapter.end if end is None else min(chapter.end, end)) - start,
            )
            for chapter in self.chapters
            if chapter.end > start and (end is None or chapter.start < end)
        )
        timecode = (
            later(self.timecode, round(start * rate), rate) if self.timecode and start else self.timecode
        )
        return replace(self, chapters=chapters, timecode=timecode)

    def without_private(self) -> tuple[Extras, list[str]]:
        """Drop the tags that say where and with which camera a clip was taken; also returns their names."""
        names = [name for name in self.tags if name.lower().startswith(_PRIVATE)]
        return replace(self, tags={k: v for k, v in self.tags.items() if k not in names}), names

    def held_by(self, suffix: str) -> tuple[Extras, list[str]]:
        """Keep the tags, chapters and time code that a container can hold; and notes of the others."""
        notes = []
        held = TAGS_HELD.get(suffix, frozenset())
        lost = [name for name in self.tags if held is not None and name.lower() not in held]
        container = suffix or "a folder of pictures"
        if lost:
            notes.append(f"its tags {', '.join(lost)} are left out: {container} has no place for them")
        chapters, timecode = self.chapters, self.timecode
        if chapters and suffix not in CHAPTERS_HELD:
            notes.append(f"its {len(chapters)} chapters are left out: {container} holds none")
            chapters = ()
        if timecode and suffix not in TIMECODE_HELD:
            notes.append(f"its time code, {timecode} at the start, is left out: {container} holds none")
            timecode = ""
        tags = {name: value for name, value in self.tags.items() if name not in lost}
        return Extras(tags, chapters, timecode), notes


def read_extras(container: Any, stream: Any, origin: Fraction) -> Extras:
    """The extras of an open file.

    Args:
        container: PyAV's, opened for reading.
        stream: the video stream that is taken.
        origin: what is subtracted from the file's own times, seconds.
    """
    tags = {k: v for k, v in container.metadata.items() if k.lower() not in _TECHNICAL and v}
    localised = [name for name in tags if name.rpartition("-")[0] in tags]  # `location-eng` beside `location`
    chapters = []
    for row in container.chapters():
        tick = Fraction(row["time_base"])
        start, end = (max(Fraction(0), row[name] * tick - origin) for name in ("start", "end"))
        chapters.append(Chapter(start, end, dict(row["metadata"])))
    found = (source.metadata.get("timecode") for source in (stream, *container.streams, container))
    timecode = next((text for text in found if text), "")
    return Extras({k: v for k, v in tags.items() if k not in localised}, tuple(chapters), timecode)


def write_extras(extras: Extras, container: Any, stream: Any) -> None:
    """Give a file that is not begun yet its tags, chapters and time code."""
    container.metadata.update(extras.tags)
    if extras.timecode:
        stream.metadata["timecode"] = extras.timecode
    if extras.chapters:
        tick = Fraction(1, 1000)
        container.set_chapters(
            [
                {
                    "id": number,
                    "start": round(chapter.start / tick),
                    "end": round(chapter.end / tick),
                    "time_base": tick,
                    "metadata": dict(chapter.tags),
                }
                for number, chapter in enumerate(extras.chapters, 1)
            ]
        )


def later(timecode: str, frames: int, rate: Fraction) -> str:
    """The time code so many frames after another, by SMPTE ST 12.

    Args:
        timecode: ``h:m:s:f``; with ``;`` before the frames numbers 0 and 1 (of 60 a second 0 to 3) are left
            out in every minute but each tenth.
        frames: how many, from 0 up.
        rate: frames a second.

    Raises:
        InputError: `timecode` is none.
    """
    base = round(rate)
    parts = timecode.replace(";", ":").replace(".", ":").split(":")
    if len(parts) != 4 or not all(part.isdecimal() for part in parts) or base < 1:
        raise InputError("time code", f"is {timecode!r}", "h:m:s:f is accepted")
    hours, minutes, seconds, number = map(int, parts)
    dropping = ";" in timecode and base % 30 == 0
    left_out = base // 15 if dropping else 0
    total_minutes = 60 * hours + minutes
    count = (60 * total_minutes + seconds) * base + number - left_out * (total_minutes - total_minutes // 10)
    count += frames
    if dropping:
        in_ten, in_minute = 600 * base - 9 * left_out, 60 * base - left_out
        tens, rest = divmod(count, in_ten)
        count += left_out * (9 * tens + max(0, (rest - left_out) // in_minute))
    whole, number = divmod(count, base)
    hours, minutes, seconds = whole // 3600 % 24, whole // 60 % 60, whole % 60
    return f"{hours:02}:{minutes:02}:{seconds:02}{';' if dropping else ':'}{number:02}"

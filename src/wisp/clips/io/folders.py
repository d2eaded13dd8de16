"""Clips as folders of pictures: one file a frame, and their times beside them.

``timestamps.txt`` is in Matroska's "timestamp format v2": a line for each frame, in milliseconds. Pictures
without it follow each other at `RATE`, by the numbers in their names: where one is missing its time is left.

A folder is written under the name ``NAME.partial`` and renamed when it is whole. What an interruption leaves
there can be continued: every picture in it is whole, and ``job.json`` says what it was made of.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from os import SEEK_END
from pathlib import Path
from typing import Final

import numpy as np

from wisp.clips.io.colour import Pixels
from wisp.clips.io.frame import ClipInfo, Frame
from wisp.clips.io.sequences import Sequence
from wisp.clips.io.tracks import Tap
from wisp.core.errors import InputError, SeveralPicturesError
from wisp.io.atomic import check_output, reason, sync_path
from wisp.io.images import Photo, read_photo
from wisp.io.vips import libvips

RATE: Final = Fraction(25)
TIMES: Final = "timestamps.txt"
_HEADER: Final = "# timestamp format v2"
_JOB: Final = "job.json"
_END: Final = b"\0\0\0\0IEND\xaeB`\x82"
"""The last chunk of a PNG file."""


class FolderClip:
    """Numbered pictures as a clip; see `wisp.clips.io.frame.Clip`.

    Args:
        path: the folder or the pattern, as it was given.
        sequence: its pictures.
        fps: frames a second; None is what ``timestamps.txt`` says, else `RATE`.
        max_pixels: the largest width × height that is decoded.

    Raises:
        InputError: times that do not go with the pictures, or a picture that cannot be read.
    """

    def __init__(self, path: Path, sequence: Sequence, *, fps: Fraction | None, max_pixels: int) -> None:
        self.notes: list[str] = []
        self.tap: Tap | None = None
        self._sequence = sequence
        self._files = sequence.files
        self._max_pixels = max_pixels
        self._tell_what_is_unusual()
        self._rate = fps or RATE
        told = self._read_times(path) if fps is None else None
        self._times = told or [place / self._rate for place in sequence.places]
        first = self._read(self._files[0])
        height, width = first.image.shape[:2]
        length = self._times[-1] + self._length(len(self._times) - 1)
        regular = told is None and not sequence.missing
        self.info = ClipInfo(
            path,
            height,
            width,
            tick=1 / self._rate if told is None else Fraction(1, 90000),
            rate=self._rate if told is None else len(self._files) / length,
            duration=length,
            bits=first.bits,
            depth=first.bits,
            alpha=first.alpha is not None,
            variable=not regular,
            constant=regular,
        )

    def frames(self, start: Fraction = Fraction(0), end: Fraction | None = None) -> Iterator[Frame]:
        """Yield the pictures whose time is at least `start` and below `end`, seconds."""
        index = -1
        for index, place in enumerate(self._places(start, end)):
            file = self._files[place]
            photo = self._read(file)
            if photo.image.shape[:2] != (self.info.height, self.info.width):
                (h, w), wanted = photo.image.shape[:2], f"{self.info.width}×{self.info.height}"
                raise InputError(file, f"is {w}×{h}", f"the size of the first picture, {wanted}, is accepted")
            stored = photo.image if photo.alpha is None else np.dstack([photo.image, photo.alpha])
            pixels = np.rint(stored * (255 if photo.bits == 8 else 65535))
            kind = np.uint8 if photo.bits == 8 else np.uint16
            yield Frame(index, self._times[place], self._length(place), pixels.astype(kind))
        if index < 0:
            raise InputError(self.info.path, f"has no frame from {float(start):g} s on")

    def stems(self, start: Fraction = Fraction(0), end: Fraction | None = None) -> list[str]:
        """List the file names, without suffix, of the pictures that `frames` yields for the same span."""
        stems = [self._files[place].stem for place in self._places(start, end)]
        return stems if len({stem.casefold() for stem in stems}) == len(stems) else []

    def _read(self, file: Path) -> Photo:
        """Decode one picture, or raise `InputError`."""
        try:
            return read_photo(file, max_pixels=self._max_pixels)
        except SeveralPicturesError as error:
            raise InputError(
                file, error.problem, "a folder of single pictures, or an animation by itself, is accepted"
            ) from error

    def _places(self, start: Fraction, end: Fraction | None) -> list[int]:
        """Find the indices of the pictures shown in a span, seconds."""
        times = enumerate(self._times)
        return [place for place, time in times if time >= start and (end is None or time < end)]

    def _length(self, place: int) -> Fraction:
        if len(self._times) == 1:
            return 1 / self._rate
        last = len(self._times) - 1
        if place == last:
            return 1 / self._rate if self._sequence.missing else self._times[last] - self._times[last - 1]
        return self._times[place + 1] - self._times[place]

    def _read_times(self, path: Path) -> list[Fraction] | None:
        folder = path if path.is_dir() else path.parent
        file = folder / TIMES
        if not file.is_file():
            self.notes.append(f"it has no {TIMES}; {RATE} frames a second are taken, --fps sets another rate")
            return None
        accepted = f"a line {_HEADER!r}, then milliseconds, one line for each of {len(self._files)} pictures"
        times = read_times(file)
        if folder != path and len(times) != len(self._files):
            return None  # they are those of the whole folder
        if len(times) != len(self._files) or any(a >= b for a, b in pairwise(times)):
            raise InputError(file, f"has {len(times)} times, or they do not rise", accepted)
        return times

    def _tell_what_is_unusual(self) -> None:
        sequence = self._sequence
        if sequence.strays:
            names, like = sequence.strays, self._files[0].name
            which = names[0].name if len(names) == 1 else f"{len(names)} pictures ({names[0].name} …)"
            self.notes.append(f"{which} left out: not called like {like}")
        if missing := sequence.missing:
            more = "" if len(missing) == 1 else f" (the first is {missing[0]})"
            self.notes.append(f"{_frames(missing)} missing{more}: the one before it is shown for its time")
        if beyond := sequence.beyond:
            more = "" if len(beyond) == 1 else f" ({beyond[0]} to {beyond[-1]})"
            self.notes.append(
                f"{_frames(beyond)} asked for and not there{more}: the clip is as long as what is"
            )


def _frames(numbers: tuple[int, ...]) -> str:
    """The frames of some numbers as the beginning of a sentence."""
    return f"frame {numbers[0]} is" if len(numbers) == 1 else f"{len(numbers)} frames are"


def number_of(index: int) -> str:
    """File name, without suffix, of the frame of an index from 0: six digits from 1."""
    return f"{index + 1:06}"


class FolderWriter:
    """A clip written as a folder of PNG files; see `wisp.clips.io.write.ClipWriter`.

    Args:
        folder: the final name; it must not exist unless `overwrite`.
        job: what the clip is made of, as JSON can hold it; what is resumed must be of the same.
        overwrite: whether a folder of such pictures may be replaced.
        resume: go on with what an interruption left.
        stem: gives a frame's file name, without suffix, by its index from 0; all are different.

    Attributes:
        times: of the pictures that are there already, seconds; empty unless resumed.
        keep: whether `close` leaves what is not finished, to be resumed.

    Raises:
        InputError: the folder exists, or there is nothing to resume, or of something else.
    """

    def __init__(
        self,
        folder: Path,
        job: Mapping[str, object],
        *,
        overwrite: bool = False,
        resume: bool = False,
        stem: Callable[[int], str] = number_of,
    ) -> None:
        self.notes: list[str] = []
        self.keep = False
        self.times: list[Fraction] = []
        self._final = folder
        self._partial = partial_of(folder)
        self._stem = stem
        self._done = False
        check_folder(folder, overwrite=overwrite, resume=resume)
        if resume:
            self.times = self._continue(job)
        else:
            if self._partial.exists():
                _remove(self._partial)
            self._partial.mkdir()
            (self._partial / _JOB).write_text(json.dumps(job, indent=1) + "\n", encoding="utf-8")
        self._count = len(self.times)
        self._write_times()

    def write(self, pixels: Pixels, time: Fraction, duration: Fraction = Fraction(0)) -> None:
        """Write a frame as the next picture, unless one of that time is there already."""
        file = self._partial / f"{self._stem(self._count)}.png"
        self._count += 1
        beside = self._partial / f"{file.name}.tmp"
        beside.write_bytes(_png(pixels))
        beside.replace(file)
        self.times.append(time)
        with (self._partial / TIMES).open("a", encoding="ascii") as out:
            out.write(_line(time))

    def has(self, time: Fraction) -> bool:
        """Whether the frame of that time is there already."""
        return self._count > 0 and time <= self.times[-1] + Fraction(1, 10**6)

    def skip_to(self, count: int) -> None:
        """Forget all pictures from number `count` on, which are to be written again."""
        del self.times[count:]
        self._count = count
        self._write_times()

    def finish(self) -> None:
        """Give the folder its final name; where that fails, the frames stay under the first."""
        written = {f"{self._stem(index)}.png" for index in range(self._count)}
        for file in self._partial.glob("*.png"):
            if file.name not in written:
                file.unlink()
        self.keep = True
        try:  # on the disk before an older folder is given up
            for path in (*(self._partial / name for name in written), self._partial / TIMES, self._partial):
                sync_path(path)
        except OSError as error:
            raise InputError(self._final, reason(error)) from error
        aside = _aside(self._final)
        if aside.exists():
            _remove(aside)
        if self._final.exists():
            self._final.rename(aside)
        try:
            self._partial.rename(self._final)
        except OSError:
            put_back(self._final)
            raise
        self._done = True
        (self._final / _JOB).unlink()
        sync_path(self._final.parent)
        if aside.exists():
            _remove(aside)

    def close(self) -> None:
        """Let go of the folder; a folder that is not finished is removed unless `keep`."""
        if not self._done and not self.keep and self._partial.exists():
            _remove(self._partial)

    def _continue(self, job: Mapping[str, object]) -> list[Fraction]:
        accepted = "--overwrite begins anew"
        try:
            told = json.loads((self._partial / _JOB).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(self._partial / _JOB, "is damaged", accepted) from error
        if told != dict(job):
            keys = told.keys() | job.keys() if isinstance(told, dict) else ()
            other = ", ".join(sorted(key for key in keys if told.get(key) != job.get(key))) or _JOB
            raise InputError(
                self._partial, f"was made of another clip or with other options ({other})", accepted
            )
        times = read_times(self._partial / TIMES)
        whole = 0
        while whole < len(times) and _is_whole(self._partial / f"{self._stem(whole)}.png"):
            whole += 1
        return times[:whole]

    def _write_times(self) -> None:
        text = "".join([f"{_HEADER}\n", *map(_line, self.times)])
        (self._partial / TIMES).write_text(text, encoding="ascii")


def partial_of(folder: Path) -> Path:
    """The name of a folder of pictures until it is whole."""
    return folder.with_name(f"{folder.name}.partial")


def put_back(folder: Path) -> None:
    """Give the folder that was to be replaced its name again where a crash left the place empty."""
    if _aside(folder).is_dir() and not folder.exists():
        _aside(folder).rename(folder)


def check_folder(folder: Path, *, overwrite: bool, resume: bool) -> None:
    """Raise `InputError` where writing a folder of pictures is bound to fail or would destroy other files."""
    put_back(folder)
    partial = partial_of(folder)
    if not partial.is_dir():
        check_output(partial, overwrite=True)
    if resume and not (partial / _JOB).is_file():
        raise InputError(folder, f"there is no {partial.name} to resume", "leave out --resume")
    if partial.exists() and not resume:
        if not overwrite:
            accepted = "--resume goes on with it, --overwrite begins anew"
            raise InputError(partial, "is left from an interrupted run", accepted)
        _check_ours(partial)
    if folder.exists():
        if not folder.is_dir():
            raise InputError(folder, "is a file", "a folder is accepted for PNG files")
        if not overwrite:
            raise InputError(folder, "exists already", "--overwrite replaces it")
        _check_ours(folder)


def read_times(file: Path) -> list[Fraction]:
    """Times in seconds from a file in "timestamp format v2".

    Raises:
        InputError: the file cannot be read as one.
    """
    try:
        lines = [line.strip() for line in file.read_text(encoding="ascii").splitlines()]
        return [Fraction(line) / 1000 for line in lines if line and not line.startswith("#")]
    except (OSError, ValueError) as error:
        raise InputError(file, "is no list of times", "milliseconds, one a line, are accepted") from error


def _png(pixels: Pixels) -> bytes:
    deep = pixels.dtype == np.uint16
    kinds = ("grey16", "rgb16") if deep else ("b-w", "srgb")
    image = libvips().Image.new_from_array(
        np.ascontiguousarray(pixels), interpretation=kinds[pixels.ndim == 3]
    )
    encoded: bytes = image.pngsave_buffer(compression=3, bitdepth=16 if deep else 8, keep="none")
    return encoded


def _is_whole(picture: Path) -> bool:
    """True for a PNG file with its last chunk, which a machine that went down may have kept off the disk."""
    try:
        with picture.open("rb") as file:
            file.seek(-len(_END), SEEK_END)
            return file.read() == _END
    except OSError:
        return False


def _line(time: Fraction) -> str:
    return f"{float(time * 1000):.6f}\n"


def _check_ours(folder: Path) -> None:
    """Raise `InputError` where a folder that would be replaced holds anything but a clip's pictures.

    Pictures that are called by anything but a number are a clip's where their times lie beside them.
    """
    timed = (folder / TIMES).is_file()
    for path in folder.iterdir():
        picture = path.suffix in (".png", ".tmp") and (timed or path.stem.removesuffix(".png").isdigit())
        if not (picture or path.name in (TIMES, _JOB)) or path.is_dir():
            raise InputError(folder, f"holds other things, such as {path.name}", "another folder is accepted")


def _aside(folder: Path) -> Path:
    """The name of a folder that is being replaced, until the new one is in its place."""
    return folder.with_name(f".{folder.name}.wisp-old")


def _remove(folder: Path) -> None:
    _check_ours(folder)
    with suppress(OSError):
        shutil.rmtree(folder)

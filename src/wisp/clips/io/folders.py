"""Clips as folders of pictures: one PNG a frame, and their times beside them.

``timestamps.txt`` is in Matroska's "timestamp format v2": a line for each frame, in milliseconds. Pictures
without it are taken to follow each other at `RATE`.

A folder is written under the name ``NAME.partial`` and renamed when it is whole. What an interruption leaves
there can be continued: every picture in it is whole, and ``job.json`` says what it was made of.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from wisp.clips.io.colour import Pixels
from wisp.clips.io.frame import ClipInfo, Frame
from wisp.core.errors import InputError
from wisp.io.atomic import check_output
from wisp.io.formats import READABLE_SUFFIXES
from wisp.io.images import read_photo
from wisp.io.vips import libvips

RATE: Final = Fraction(25)
TIMES: Final = "timestamps.txt"
_HEADER: Final = "# timestamp format v2"
_JOB: Final = "job.json"


class FolderClip:
    """A folder of pictures as a clip, in the order of their names; see `wisp.clips.io.frame.Clip`.

    Raises:
        InputError: no pictures, or times that do not go with them.
    """

    def __init__(self, folder: Path) -> None:
        self.notes: list[str] = []
        self._files = pictures(folder)
        if not self._files:
            raise InputError(folder, "holds no pictures", "a video file or a folder of pictures is accepted")
        self._times = self._read_times(folder)
        first = read_photo(self._files[0])
        height, width = first.image.shape[:2]
        length = self._times[-1] + self._length(len(self._times) - 1)
        self.info = ClipInfo(
            folder,
            height,
            width,
            tick=Fraction(1, 90000),
            rate=len(self._files) / length if length else RATE,
            duration=length,
            bits=first.bits,
            alpha=first.alpha is not None,
        )

    def frames(self, start: Fraction = Fraction(0), end: Fraction | None = None) -> Iterator[Frame]:
        """See `wisp.clips.io.frame.Clip`."""
        index = 0
        for place, (file, time) in enumerate(zip(self._files, self._times, strict=True)):
            if time < start or (end is not None and time >= end):
                continue
            photo = read_photo(file)
            if photo.image.shape[:2] != (self.info.height, self.info.width):
                (h, w), wanted = photo.image.shape[:2], f"{self.info.width}×{self.info.height}"
                raise InputError(file, f"is {w}×{h}", f"the size of the first picture, {wanted}, is accepted")
            stored = photo.image if photo.alpha is None else np.dstack([photo.image, photo.alpha])
            pixels = np.rint(stored * (255 if photo.bits == 8 else 65535))
            kind = np.uint8 if photo.bits == 8 else np.uint16
            yield Frame(index, time, self._length(place), pixels.astype(kind))
            index += 1
        if index == 0:
            raise InputError(self.info.path, f"has no frame from {float(start):g} s on")

    def _length(self, place: int) -> Fraction:
        if len(self._times) == 1:
            return 1 / RATE
        place = min(place, len(self._times) - 2)
        return self._times[place + 1] - self._times[place]

    def _read_times(self, folder: Path) -> list[Fraction]:
        file = folder / TIMES
        if not file.is_file():
            self.notes.append(f"it has no {TIMES}; {RATE} frames a second are taken")
            return [place / RATE for place in range(len(self._files))]
        accepted = f"a line {_HEADER!r}, then milliseconds, one line for each of {len(self._files)} pictures"
        times = read_times(file)
        if len(times) != len(self._files) or any(a >= b for a, b in pairwise(times)):
            raise InputError(file, f"has {len(times)} times, or they do not rise", accepted)
        return times


class FolderWriter:
    """A clip written as a folder of PNG files; see `wisp.clips.io.write.ClipWriter`.

    Args:
        folder: the final name; it must not exist unless `overwrite`.
        job: what the clip is made of, as JSON can hold it; what is resumed must be of the same.
        overwrite: whether a folder of such pictures may be replaced.
        resume: go on with what an interruption left.

    Attributes:
        times: of the pictures that are there already, seconds; empty unless resumed.
        keep: whether `close` leaves what is not finished, to be resumed.

    Raises:
        InputError: the folder exists, or there is nothing to resume, or of something else.
    """

    def __init__(
        self, folder: Path, job: Mapping[str, object], *, overwrite: bool = False, resume: bool = False
    ) -> None:
        self.notes: list[str] = []
        self.keep = False
        self.times: list[Fraction] = []
        self._final = folder
        self._partial = partial_of(folder)
        self._overwrite = overwrite
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
        """See `wisp.clips.io.write.ClipWriter`."""
        self._count += 1
        file = self._partial / f"{self._count:06}.png"
        beside = file.with_suffix(".tmp")
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
        """See `wisp.clips.io.write.ClipWriter`."""
        for file in self._partial.glob("*.png"):
            if int(file.stem) > self._count:
                file.unlink()
        (self._partial / _JOB).unlink()
        aside = self._final.with_name(f"{self._final.name}.old")
        if self._final.exists():
            self._final.rename(aside)
        self._partial.rename(self._final)
        self._done = True
        if aside.exists():
            _remove(aside)

    def close(self) -> None:
        """See `wisp.clips.io.write.ClipWriter`; what is not finished is removed unless `keep`."""
        if not self._done and not self.keep and self._partial.exists():
            _remove(self._partial)

    def _continue(self, job: Mapping[str, object]) -> list[Fraction]:
        told = json.loads((self._partial / _JOB).read_text(encoding="utf-8"))
        if told != dict(job):
            raise InputError(
                self._partial, "was made of another clip or with other options", "the same are accepted"
            )
        times = read_times(self._partial / TIMES)
        whole = 0
        while whole < len(times) and (self._partial / f"{whole + 1:06}.png").is_file():
            whole += 1
        return times[:whole]

    def _write_times(self) -> None:
        text = "".join([f"{_HEADER}\n", *map(_line, self.times)])
        (self._partial / TIMES).write_text(text, encoding="ascii")


def partial_of(folder: Path) -> Path:
    """Where a folder of pictures is kept until it is whole."""
    return folder.with_name(f"{folder.name}.partial")


def check_folder(folder: Path, *, overwrite: bool, resume: bool) -> None:
    """Raise `InputError` where writing a folder of pictures is bound to fail or would destroy other files."""
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


def pictures(folder: Path) -> list[Path]:
    """The picture files of a folder but hidden ones, in the order of their names."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in READABLE_SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


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


def _line(time: Fraction) -> str:
    return f"{float(time * 1000):.6f}\n"


def _check_ours(folder: Path) -> None:
    """Raise `InputError` where a folder that would be replaced holds anything but a clip's pictures."""
    for path in folder.iterdir():
        ours = path.name in (TIMES, _JOB) or (path.stem.isdigit() and path.suffix in (".png", ".tmp"))
        if not ours or path.is_dir():
            raise InputError(folder, f"holds other things, such as {path.name}", "another folder is accepted")


def _remove(folder: Path) -> None:
    _check_ours(folder)
    with suppress(OSError):
        shutil.rmtree(folder)

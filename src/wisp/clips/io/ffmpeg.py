"""FFmpeg through PyAV: loaded at its first use, its errors told as wisp's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from wisp.core.errors import InputError
from wisp.core.extras import importing

READABLE = "a video that FFmpeg reads (MP4, MOV, MKV, WebM, AVI …) is accepted"


@cache
def pyav() -> Any:
    """The `av` module.

    Raises:
        MissingExtraError: it is not installed.
    """
    with importing("reading and writing clips", "ffmpeg"):
        import av
    return av


def address(path: Path | str, *, write: bool = False) -> str:
    """FFmpeg's name of a file, for which no file name is a protocol; ``-`` is standard input or output."""
    if str(path) == "-":
        return "pipe:1" if write else "pipe:0"
    return f"file:{path}"


def open_input(path: Path | str, **options: Any) -> Any:
    """PyAV's container of a file, opened for reading.

    Raises:
        InputError: it cannot be opened.
        MissingExtraError: PyAV is not installed.
    """
    with reading(path):
        return pyav().open(address(path), metadata_errors="replace", **options)


@contextmanager
def reading(path: Path | str) -> Iterator[None]:
    """Tell FFmpeg's errors in the block as an `InputError` about the file that is read."""
    av = pyav()
    try:
        yield
    except (av.error.InvalidDataError, av.error.EOFError) as error:
        raise InputError(path, "is no video, or a damaged one", READABLE) from error
    except av.error.DecoderNotFoundError as error:
        raise InputError(path, "is in a codec that this FFmpeg cannot decode", READABLE) from error
    except av.error.FileNotFoundError as error:
        raise InputError(path, "does not exist") from error
    except av.FFmpegError as error:
        raise InputError(path, f"cannot be read ({what_ffmpeg_says(error)})") from error


@contextmanager
def writing(path: Path | str) -> Iterator[None]:
    """Tell FFmpeg's errors in the block as a plain `OSError` where they are one, else as an `InputError`."""
    av = pyav()
    try:
        yield
    except av.FFmpegError as error:
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise InputError(path, f"cannot be written ({what_ffmpeg_says(error)})") from error


def what_ffmpeg_says(error: Exception) -> str:
    """The text of one of its errors, without number and file, in lower case."""
    text = str(getattr(error, "strerror", None) or error)
    return text[:1].lower() + text[1:]

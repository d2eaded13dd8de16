"""The codecs that wisp writes, as rows of data, and how a file name chooses among them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

from wisp.clips.io.ffmpeg import pyav
from wisp.clips.io.frame import STDIO
from wisp.clips.io.sequences import is_pattern
from wisp.core.errors import InputError

CodecName: TypeAlias = Literal[
    "h264",
    "hevc",
    "av1",
    "prores4444",
    "vp9-alpha",
    "ffv1",
    "qtrle",
    "png-mov",
    "raw",
    "gif",
    "webp",
    "apng",
    "png",
]
Use: TypeAlias = Literal["result", "foreground", "matte"]


@dataclass(frozen=True)
class Codec:
    """One codec.

    Attributes:
        name: what ``--codec`` calls it.
        encoder: FFmpeg's name of the encoder; empty for picture files.
        suffixes: of the files that it can be in; empty for a folder.
        opaque: pixel formats for 8 and 16 bits without alpha.
        alpha: pixel formats for 8 and 16 bits with alpha; empty where it holds none.
        grey: pixel formats for 8 and 16 bits of one grey channel; empty where `opaque` stands in for it.
        options: of the encoder.
        even: whether both sides must be even.
        tells_aspect: whether the stream itself tells the shape of its pixels.
        lossless: whether what is read back is what was written, apart from bits beyond the format's.
        ordered: options by which frames are stored in the order that they are shown.
        resumable: whether an interrupted clip can be continued.
    """

    name: CodecName
    encoder: str
    suffixes: tuple[str, ...]
    opaque: tuple[str, str]
    alpha: tuple[str, str] | tuple[()] = ()
    grey: tuple[str, str] | tuple[()] = ()
    options: dict[str, str] = field(default_factory=dict)
    even: bool = False
    tells_aspect: bool = False
    lossless: bool = False
    ordered: dict[str, str] = field(default_factory=dict)
    resumable: bool = False

    def pixel_format(self, *, channels: int, bits: int) -> str:
        """FFmpeg's pixel format for 1 (grey), 3 or 4 channels of 8 or 16 bits, or the nearest it has."""
        formats = {1: self.grey or self.opaque, 3: self.opaque, 4: self.alpha}[channels]
        return formats[bits > 8]

    def depth(self, *, channels: int, bits: int) -> int:
        """Bits a channel that are kept of 8 or 16."""
        format = pyav().VideoFormat(self.pixel_format(channels=channels, bits=bits))
        return max(int(part.bits) for part in format.components)


CODECS: Final[dict[str, Codec]] = {
    codec.name: codec
    for codec in (
        Codec(
            "h264",
            "libx264",
            (".mp4", ".m4v", ".mov", ".mkv"),
            opaque=("yuv420p", "yuv420p"),
            options={"preset": "veryfast", "crf": "17"},
            even=True,
            tells_aspect=True,
            ordered={"bf": "0"},
        ),
        Codec(
            "hevc",
            "libx265",
            (".mp4", ".m4v", ".mov", ".mkv"),
            opaque=("yuv420p", "yuv420p10le"),
            options={"preset": "fast", "crf": "20", "x265-params": "log-level=error"},
            even=True,
            tells_aspect=True,
            ordered={"bf": "0"},
        ),
        Codec(
            "av1",
            "libsvtav1",
            (".mp4", ".mkv", ".webm"),
            opaque=("yuv420p", "yuv420p10le"),
            options={"preset": "8", "crf": "25"},
            even=True,
        ),
        Codec(
            "prores4444",
            "prores_ks",
            (".mov", ".mkv"),
            opaque=("yuv444p10le", "yuv444p10le"),
            alpha=("yuva444p10le", "yuva444p10le"),
            options={"profile": "4444", "vendor": "apl0", "alpha_bits": "16"},
        ),
        Codec(
            "vp9-alpha",
            "libvpx-vp9",
            (".webm", ".mkv"),
            opaque=("yuv420p", "yuv420p"),
            alpha=("yuva420p", "yuva420p"),
            options={
                "deadline": "good",
                "cpu-used": "5",
                "row-mt": "1",
                "crf": "20",
                "b": "0",
                "auto-alt-ref": "0",  # its frames are not shown, and the alpha's would get lost
            },
        ),
        Codec(
            "ffv1",
            "ffv1",
            (".mkv", ".avi"),
            opaque=("bgr0", "gbrp16le"),
            alpha=("bgra", "gbrap16le"),
            grey=("gray", "gray16le"),
            options={"level": "3", "slices": "4", "slicecrc": "1", "g": "1"},
            lossless=True,
        ),
        Codec(
            "qtrle",
            "qtrle",
            (".mov",),
            opaque=("rgb24", "rgb24"),
            alpha=("argb", "argb"),
            grey=("gray", "gray"),
            lossless=True,
        ),
        Codec(
            "png-mov",
            "png",
            (".mov",),
            opaque=("rgb24", "rgb48be"),
            alpha=("rgba", "rgba64be"),
            grey=("gray", "gray16be"),
            lossless=True,
        ),
        Codec(
            "raw",
            "rawvideo",
            (".nut",),
            opaque=("rgb24", "rgb48le"),
            alpha=("rgba", "rgba64le"),
            grey=("gray", "gray16le"),
            lossless=True,
        ),
        Codec("gif", "gif", (".gif",), opaque=("pal8", "pal8"), alpha=("pal8", "pal8")),
        Codec(
            "webp",
            "libwebp_anim",
            (".webp",),
            opaque=("bgra", "bgra"),
            alpha=("bgra", "bgra"),
            options={"quality": "85"},
        ),
        Codec(
            "apng",
            "apng",
            (".apng",),
            opaque=("rgb24", "rgb48be"),
            alpha=("rgba", "rgba64be"),
            grey=("gray", "gray16be"),
            options={"pred": "mixed"},
            lossless=True,
        ),
        Codec(
            "png",
            "",
            (),
            opaque=("rgb24", "rgb48le"),
            alpha=("rgba", "rgba64le"),
            grey=("gray", "gray16le"),
            lossless=True,
            resumable=True,
        ),
    )
}

_BY_SUFFIX: Final[dict[str, tuple[CodecName, CodecName, CodecName, CodecName]]] = {
    ".mp4": ("h264", "h264", "h264", "h264"),
    ".m4v": ("h264", "h264", "h264", "h264"),
    ".mov": ("h264", "prores4444", "prores4444", "png-mov"),
    ".mkv": ("h264", "ffv1", "ffv1", "ffv1"),
    ".webm": ("vp9-alpha", "vp9-alpha", "vp9-alpha", "vp9-alpha"),
    ".avi": ("ffv1", "ffv1", "ffv1", "ffv1"),
    ".nut": ("raw", "raw", "raw", "raw"),
    ".gif": ("gif", "gif", "gif", "gif"),
    ".webp": ("webp", "webp", "webp", "webp"),
    ".apng": ("apng", "apng", "apng", "apng"),
    "": ("png", "png", "png", "png"),
}
"""The codec of ``auto`` for each suffix: without alpha, with it, for a foreground, for a matte."""

FORMATS: Final[dict[str, str]] = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".webm": "webm",
    ".avi": "avi",
    ".nut": "nut",
    ".gif": "gif",
    ".webp": "webp",
    ".apng": "apng",
}
"""FFmpeg's names of the containers."""

PIPED: Final = (".mkv", ".nut", ".webm")
"""Containers that can be written to a pipe, the usual one first."""


def suffix_of(out: Path | str, piped: str = "") -> str:
    """The suffix that says what an output is, in lower case: empty for a folder of PNG files.

    Args:
        out: as the user wrote it: what ends in a slash, or is a folder already, is one whatever its name; so
            is a pattern such as ``shots/a.%04d.png``. ``-`` is standard output.
        piped: the suffix of what goes to standard output; empty for the usual one.
    """
    if str(out) == STDIO:
        return piped or PIPED[0]
    if str(out).endswith(("/", os.sep)) or Path(out).is_dir():
        return ""
    suffix = Path(out).suffix.lower()
    return "" if suffix == ".png" and is_pattern(Path(out).name) else suffix


def choose_codec(
    path: Path | str, name: str = "auto", *, alpha: bool, use: Use = "result", piped: str = ""
) -> Codec:
    """The codec for a file.

    Args:
        path: where the clip goes; `suffix_of` says what that is.
        name: a key of `CODECS`, or ``auto``.
        alpha: whether the clip has an alpha channel.
        use: what the clip is for; ``auto`` writes foregrounds and mattes as exactly as the container can.
        piped: the suffix of what goes to standard output.

    Raises:
        InputError: an unknown codec or suffix, one that this FFmpeg has no encoder for, or one that the
            container or the alpha does not go into.
    """
    suffix = suffix_of(path, piped)
    if name == "auto":
        if suffix not in _BY_SUFFIX:
            suffixes = ", ".join(filter(None, _BY_SUFFIX))
            accepted = (
                f"{suffixes}, or a folder for PNG files (no suffix, or a slash at the end), is accepted"
            )
            raise InputError(path, f"ends in {suffix}", accepted)
        name = _BY_SUFFIX[suffix][{"result": int(alpha), "foreground": 2, "matte": 3}[use]]
    if name not in CODECS:
        raise InputError("--codec", f"is {name!r}", f"auto, {', '.join(get_args(CodecName))} are accepted")
    codec = CODECS[name]
    if codec.suffixes and suffix not in codec.suffixes:
        raise InputError(path, f"cannot hold {name}", f"{', '.join(codec.suffixes)} are accepted")
    if not codec.suffixes and suffix:
        raise InputError(path, f"ends in {suffix}", "a folder is accepted for PNG files")
    if alpha and not codec.alpha:
        holding = "prores4444 (.mov), vp9-alpha (.webm), ffv1 (.mkv) and png (a folder) do, or --background"
        raise InputError(path, f"{name} holds no alpha", holding)
    if codec.encoder and codec.encoder not in pyav().codecs_available:
        accepted = "another codec, or a build of PyAV with that one, is accepted"
        raise InputError("--codec", f"is {name}, but this FFmpeg has no {codec.encoder}", accepted)
    return codec

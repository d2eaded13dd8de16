"""The codecs that wisp writes, as rows of data, and how a file name chooses among them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

from wisp.core.errors import InputError

CodecName: TypeAlias = Literal["h264", "prores4444", "vp9-alpha", "ffv1", "png"]


@dataclass(frozen=True)
class Codec:
    """One codec.

    Attributes:
        name: what ``--codec`` calls it.
        encoder: FFmpeg's name of the encoder; empty for picture files.
        suffixes: of the files that it can be in; empty for a folder.
        opaque: pixel formats for 8 and 16 bits without alpha.
        alpha: the same with alpha; empty where it holds none.
        grey: the same for one grey channel; empty where `opaque` stands in for it.
        options: of the encoder.
        even: whether both sides must be even.
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
    resumable: bool = False

    def pixel_format(self, *, channels: int, bits: int) -> str:
        """FFmpeg's pixel format for 1 (grey), 3 or 4 channels of 8 or 16 bits, or the nearest it has."""
        formats = {1: self.grey or self.opaque, 3: self.opaque, 4: self.alpha}[channels]
        return formats[bits > 8]


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
            (".mkv", ".mov", ".avi"),
            opaque=("bgr0", "gbrp16le"),
            alpha=("bgra", "gbrap16le"),
            grey=("gray", "gray16le"),
            options={"level": "3", "slices": "4", "slicecrc": "1", "g": "1"},
        ),
        Codec(
            "png",
            "",
            (),
            opaque=("rgb24", "rgb48le"),
            alpha=("rgba", "rgba64le"),
            grey=("gray", "gray16le"),
            resumable=True,
        ),
    )
}

_BY_SUFFIX: Final[dict[str, tuple[CodecName, CodecName]]] = {
    ".mp4": ("h264", "h264"),
    ".m4v": ("h264", "h264"),
    ".mov": ("h264", "prores4444"),
    ".mkv": ("h264", "ffv1"),
    ".webm": ("vp9-alpha", "vp9-alpha"),
    ".avi": ("ffv1", "ffv1"),
    "": ("png", "png"),
}
"""What ``auto`` is for each suffix: without and with alpha."""


def choose_codec(path: Path | str, name: str = "auto", *, alpha: bool) -> Codec:
    """The codec for a file.

    Args:
        path: where the clip goes; its suffix names the container, a name without one a folder of PNG files.
        name: a key of `CODECS`, or ``auto``.
        alpha: whether the clip has an alpha channel.

    Raises:
        InputError: an unknown codec or suffix, or a codec that the container or the alpha does not go into.
    """
    suffix = Path(path).suffix.lower()
    if name == "auto":
        if suffix not in _BY_SUFFIX:
            suffixes = ", ".join(filter(None, _BY_SUFFIX))
            raise InputError(path, f"ends in {suffix}", f"{suffixes}, or a folder for PNG files, is accepted")
        name = _BY_SUFFIX[suffix][alpha]
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
    return codec

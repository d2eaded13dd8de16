"""Pixels of video frames: from FFmpeg's many forms to sRGB-like arrays and back, upright and in true colour.

Code numbers of matrices, primaries and transfers are those of ITU-T H.273, which files and FFmpeg share.

Standard video keeps its own encoding: R'G'B' of BT.709 or BT.601 are taken for sRGB as they are, as every
player does, and what is written is tagged as what was read. HDR and wide gamut (PQ, HLG, BT.2020, P3) are
brought to BT.709 by FFmpeg's swscale, highlights tone-mapped, because nothing that goes behind the subject
is in HDR.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from wisp.clips.io.ffmpeg import pyav
from wisp.core.opencv import opencv

Pixels: TypeAlias = npt.NDArray[Any]
"""uint8 or uint16: (H, W) grey, (H, W, 3), or (H, W, 4) with straight alpha."""

BT709: Final = 1
UNSPECIFIED: Final = 2
_BT601: Final = frozenset({4, 5, 6, 7})
_BT2020: Final = frozenset({9, 10})
_LIMITED, _FULL = 1, 2
_STANDARD_TRANSFERS: Final = frozenset({1, 2, 4, 5, 6, 7, 11, 12, 13, 14, 15})
_STANDARD_PRIMARIES: Final = frozenset({1, 2, 4, 5, 6, 7})


@dataclass(frozen=True)
class Colour:
    """How numbers stand for colours in a stream.

    Attributes:
        matrix: of Y'CbCr; 1 is BT.709, 5 and 6 BT.601, 9 BT.2020; 0 where the stream is R'G'B' itself.
        primaries: 1 is BT.709, 5 and 6 BT.601's two, 9 BT.2020, 12 Display P3.
        transfer: 1 and 6 are those of standard video, 13 sRGB, 16 PQ, 18 HLG.
        full: whether Y' runs over the whole range of its bits rather than 16–235 of 255.
    """

    matrix: int = BT709
    primaries: int = BT709
    transfer: int = BT709
    full: bool = False

    @property
    def standard(self) -> bool:
        """Whether it is neither HDR nor wide gamut."""
        return self.primaries in _STANDARD_PRIMARIES and self.transfer in _STANDARD_TRANSFERS

    @property
    def name(self) -> str:
        """Name of its kind: ``standard``, ``wide-gamut``, ``HDR (PQ)`` or ``HDR (HLG)``."""
        if self.transfer in (16, 18):
            return "HDR (PQ)" if self.transfer == 16 else "HDR (HLG)"
        return "wide-gamut" if not self.standard else "standard"

    def written(self) -> Colour:
        """Colour that a clip read in this one is written in: limited range, standard gamut and transfer."""
        if not self.standard:
            return Colour()
        matrix = self.matrix if self.matrix in _BT601 | {BT709} else BT709
        return replace(self, matrix=matrix, full=False)


def colour_of(frame: Any) -> Colour:
    """The colour of a decoded frame; what it leaves open is BT.709 for HD and BT.601 below, as in players."""
    hd = frame.width >= 1280 or frame.height > 576
    usual = BT709 if hd else 6
    rgb = bool(frame.format.is_rgb or frame.format.has_palette)
    matrix = int(frame.colorspace)
    if rgb:
        matrix = 0
    elif matrix not in _BT601 | _BT2020 | {BT709}:
        matrix = usual
    # Y' alone says nothing of gamut: what is not tagged follows the matrix, and R'G'B' follows sRGB.
    implied = {0: (BT709, 13), BT709: (BT709, BT709)}.get(matrix, (6, 6))
    primaries, transfer = int(frame.color_primaries), int(frame.color_trc)
    unknown = (0, UNSPECIFIED, 3)
    if matrix in _BT2020:
        implied = (9, 14)
    return Colour(
        matrix,
        implied[0] if primaries in unknown else primaries,
        implied[1] if transfer in unknown else transfer,
        full=rgb or int(frame.color_range) == _FULL or frame.format.name.startswith("yuvj"),
    )


STANDARD: Final = Colour()
"""BT.709, limited range."""


class Unpacker:
    """Decoded frames → arrays, upright: uint8 or uint16 (H, W, 3), or (H, W, 4) where there is alpha.

    Args:
        size: height and width that frames are brought to, before they are turned upright; None for each its
            own.
    """

    def __init__(self, size: tuple[int, int] | None = None) -> None:
        self._size = size
        self._reformatter = pyav().video.reformatter.VideoReformatter()

    def __call__(self, frame: Any) -> Pixels:
        """The frame's pixels; straight colours where there is alpha, 16 bits where it has more than 8."""
        colour = colour_of(frame)
        height, width = self._size or (frame.height, frame.width)
        deep = max((part.bits for part in frame.format.components), default=8) > 8
        name = _PLANAR[has_alpha(frame), deep]
        from_luma = colour.matrix != 0 and len(frame.format.components) > 2
        target: dict[str, Any] = {}
        if not colour.standard:
            target = {"dst_color_trc": BT709, "dst_color_primaries": BT709}
            frame.color_primaries, frame.color_trc = colour.primaries, colour.transfer
        if frame.format.name != name or (frame.height, frame.width) != (height, width) or target:
            frame = self._reformatter.reformat(
                frame,
                width=width,
                height=height,
                format=name,
                src_colorspace=_swscale(colour.matrix),
                src_color_range=_FULL if colour.full else _LIMITED,
                dst_color_range=_FULL,
                interpolation=_flags(),
                threads=1,
                **target,
            )
            if deep and from_luma:
                return _widened(_interleaved(frame))
        return _interleaved(frame)


_PLANAR: Final = {
    (False, False): "gbrp",
    (False, True): "gbrp16le",
    (True, False): "gbrap",
    (True, True): "gbrap16le",
}
"""What frames are unpacked to, by whether they have alpha and more than 8 bits.

To interleaved pixels swscale converts Y'CbCr of fewer chroma samples wrongly: rgb24 comes out 2/255 too dark
(FFmpeg 8.0, ``ACCURATE_RND``), rgb48le inverted with ``FULL_CHR_H_INT``. To planes it is exact, and faster.
"""


def _interleaved(frame: Any) -> Pixels:
    """The planes of a frame in G, B, R (and A) as one array of R, G, B (and A)."""
    deep = frame.format.name.endswith("16le")
    planes = [
        np.frombuffer(plane, "<u2" if deep else np.uint8).reshape(plane.height, -1)[:, : plane.width]
        for plane in frame.planes
    ]
    green, blue, red, *alpha = planes
    pixels: Pixels = opencv().merge([red, green, blue, *alpha])
    return pixels


def _widened(pixels: Pixels) -> Pixels:
    """Colours of 16 bits whose white is `_WHITE`, as swscale makes them of Y'CbCr, brought to 65,535."""
    colours = np.minimum(pixels[..., :3], _WHITE)
    pixels[..., :3] = colours + (colours >> 8)
    return pixels


def _narrowed(pixels: Pixels) -> Pixels:
    """The reverse, as swscale wants them for Y'CbCr; alpha has its own range."""
    narrowed = pixels.copy()
    colours = narrowed if pixels.ndim == 2 else narrowed[..., :3]
    colours -= colours >> 8
    return narrowed


_WHITE: Final = np.uint16(255 * 256)


class Packer:
    """Arrays → frames to encode.

    Args:
        format: FFmpeg's name of the pixel format that the encoder takes.
        colour: of the stream; its matrix and range are used for Y'CbCr.
    """

    def __init__(self, format: str, colour: Colour) -> None:
        self._format = format
        self._colour = colour
        self._reformatter = pyav().video.reformatter.VideoReformatter()

    def __call__(self, pixels: Pixels) -> Any:
        """A frame of uint8 or uint16 pixels: (H, W) grey, (H, W, 3) or (H, W, 4)."""
        av = pyav()
        channels = 1 if pixels.ndim == 2 else pixels.shape[2]
        deep = pixels.dtype == np.uint16
        names = {1: ("gray", "gray16le"), 3: ("rgb24", "rgb48le"), 4: ("rgba", "rgba64le")}
        rgb = av.VideoFormat(self._format).is_rgb or self._format.startswith("gray")
        to_deep = any(part.bits > 8 for part in av.VideoFormat(self._format).components)
        if deep and not rgb and (channels > 1 or to_deep):
            pixels = _narrowed(pixels)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), names[channels][deep])
        if frame.format.name == self._format:
            return frame
        frame = self._reformatter.reformat(
            frame,
            format=self._format,
            src_color_range=_FULL,
            dst_colorspace=None if rgb else _swscale(self._colour.matrix),
            dst_color_range=_FULL if rgb or self._colour.full else _LIMITED,
            interpolation=_flags(),
            threads=1,
        )
        if not rgb:
            frame.color_primaries, frame.color_trc = self._colour.primaries, self._colour.transfer
        return frame


def has_alpha(frame: Any) -> bool:
    """Whether a decoded frame has an alpha channel."""
    return any(part.is_alpha for part in frame.format.components)


def upright(pixels: Pixels, turn: Turn) -> Pixels:
    """The pixels as a player shows them."""
    if turn.transposed:
        pixels = pixels.swapaxes(0, 1)
    if turn.flipped_rows:
        pixels = pixels[::-1]
    if turn.flipped_columns:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


@dataclass(frozen=True)
class Turn:
    """How stored pixels become upright: rows and columns change places first, then each may be reversed."""

    transposed: bool = False
    flipped_rows: bool = False
    flipped_columns: bool = False
    exact: bool = True

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the upright picture."""
        return (width, height) if self.transposed else (height, width)


def turn_of(frame: Any) -> Turn:
    """The turn that the display matrix of a decoded frame asks for.

    The matrix maps stored (x, y) to shown (a x + c y, b x + d y), in units of 1/65536. Phones write quarter
    turns and mirrors; of any other angle the nearest quarter is taken and `exact` is False.
    """
    kind = pyav().sidedata.sidedata.Type.DISPLAYMATRIX
    try:
        stored = frame.side_data.get(kind)
    except ValueError:  # beside it lies something that PyAV has no name for yet
        return _quarter_turn(int(frame.rotation))
    if stored is None:
        return Turn()
    a, b, _, c, d = np.frombuffer(bytes(stored), "<i4")[:5].astype(float) / 65536
    transposed = abs(b) + abs(c) > abs(a) + abs(d)
    x, y = (c, b) if transposed else (a, d)
    stray = abs(a) + abs(d) if transposed else abs(b) + abs(c)
    return Turn(transposed, flipped_rows=y < 0, flipped_columns=x < 0, exact=bool(stray < 0.01))


def _quarter_turn(degrees: int) -> Turn:
    """The turn by so many degrees anticlockwise."""
    quarters = round(degrees / 90) % 4
    return Turn(
        transposed=quarters in (1, 3),
        flipped_rows=quarters in (1, 2),
        flipped_columns=quarters in (2, 3),
        exact=degrees % 90 == 0,
    )


def _swscale(matrix: int) -> int:
    """FFmpeg's number of a matrix for its scaler, which differs for BT.601 and constant BT.2020."""
    if matrix in _BT2020:
        return 9
    return {0: 1, 6: 5}.get(matrix, matrix)


def _flags() -> int:
    kinds = pyav().video.reformatter.Interpolation
    return int(kinds.BILINEAR | kinds.ACCURATE_RND)

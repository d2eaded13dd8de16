"""Animated pictures for the web: GIF's palettes, and how long the last frame is shown: FFmpeg guesses."""

from __future__ import annotations

import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np

from wisp.clips.io.colour import Pixels
from wisp.clips.io.ffmpeg import pyav
from wisp.core.errors import InputError

TICKS: Final[dict[str, Fraction]] = {".gif": Fraction(1, 100), ".webp": Fraction(1, 1000)}
"""The units that delays are stored in, seconds; APNG takes any."""

SHORTEST: Final[dict[str, int]] = {".gif": 2}
"""The shortest delay that browsers keep to, in these units; of shorter ones they make a tenth of a second."""

ENDLESS: Final[dict[str, dict[str, str]]] = {
    ".gif": {"loop": "0"},
    ".webp": {"loop": "0"},
    ".apng": {"plays": "0"},
}
"""FFmpeg's options by which each of them begins again at its end."""

_OPAQUE_FROM: Final = 128


class PalettePacker:
    """Arrays → frames of 256 colours, each with a palette of its own, by FFmpeg's palettegen and paletteuse.

    Alpha of half and more is opaque, less is transparent.
    """

    def __init__(self) -> None:
        self._graph: Any = None

    def __call__(self, pixels: Pixels) -> Any:
        """A frame of uint8 or uint16 pixels: (H, W) grey, (H, W, 3) or (H, W, 4)."""
        av = pyav()
        if pixels.dtype == np.uint16:
            pixels = (pixels >> 8).astype(np.uint8)
        if pixels.ndim == 2:
            pixels = np.repeat(pixels[..., None], 3, axis=2)
        if pixels.shape[2] == 3:
            pixels = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
        else:
            pixels = pixels.copy()
            pixels[pixels[..., 3] < _OPAQUE_FROM] = 0  # what nobody sees takes no colour of the palette
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgba")
        frame.pts, frame.time_base = 0, Fraction(1, 100)
        graph = self._build(frame)
        graph.push(frame)
        graph.push(None)
        return graph.pull()

    def _build(self, frame: Any) -> Any:
        graph = pyav().filter.Graph()
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        split = graph.add("split")
        make = graph.add("palettegen", "stats_mode=single:reserve_transparent=1")
        use = graph.add("paletteuse", f"new=1:dither=bayer:bayer_scale=4:alpha_threshold={_OPAQUE_FROM}")
        source.link_to(split)
        split.link_to(make, 0, 0)
        split.link_to(use, 1, 0)
        make.link_to(use, 0, 1)
        use.link_to(graph.add("buffersink"))
        graph.configure()
        return graph


def set_length(path: Path, length: Fraction) -> bool:
    """Store for how long the last frame of an animated WebP or PNG is shown, by the length of the whole.

    Equal frames at its end may have become one, which is then shown as long as all of them.

    Args:
        path: the file, as FFmpeg writes it.
        length: seconds.

    Returns:
        False where it is a still picture, which stays as it is: libwebp makes one of equal frames.

    Raises:
        InputError: it is neither.
        OSError: it cannot be read or written.
    """
    with path.open("r+b") as file:
        head = file.read(12)
        webp = head[:4] == b"RIFF" and head[8:] == b"WEBP"
        if not webp and head[:8] != b"\x89PNG\r\n\x1a\n":
            raise InputError(path, "is no animation", "WebP and APNG are accepted")
        wanted, order, at = (b"ANMF", "little", 12) if webp else (b"fcTL", "big", 8)
        last, before, delay = -1, Fraction(0), Fraction(0)
        file.seek(at)
        while len(head := file.read(8)) == 8:
            name, size = (head[:4], head[4:]) if webp else (head[4:], head[:4])
            place = file.tell()
            if name == wanted:
                last, before = place, before + delay
                delay = _webp_delay(file.read(16)) if webp else _png_delay(file.read(26))
            length_of_chunk = int.from_bytes(size, order)  # type: ignore[arg-type]
            file.seek(place + length_of_chunk + (length_of_chunk & 1 if webp else 4))
        if last < 0:
            return False
        rest = length - before
        if webp:
            file.seek(last + 12)
            file.write(max(1, round(1000 * rest)).to_bytes(3, "little"))
            return True
        file.seek(last)
        chunk = bytearray(file.read(26))
        exact = rest.limit_denominator(65535)
        chunk[20:24] = min(65535, exact.numerator).to_bytes(2, "big") + exact.denominator.to_bytes(2, "big")
        file.seek(last)
        file.write(chunk + zlib.crc32(b"fcTL" + chunk).to_bytes(4, "big"))
    return True


def _webp_delay(chunk: bytes) -> Fraction:
    """Seconds: 24 bits of milliseconds after place and size (RFC 9649, section 2.7.1.1)."""
    return Fraction(int.from_bytes(chunk[12:15], "little"), 1000)


def _png_delay(chunk: bytes) -> Fraction:
    """Seconds: a fraction of two bytes each after number, size and place (PNG, section 11.3.4.2)."""
    hundredths = int.from_bytes(chunk[22:24], "big") or 100  # what 0 stands for
    return Fraction(int.from_bytes(chunk[20:22], "big"), hundredths)

"""What training needs of libvips: decode, resize, warp and JPEG on uint8 arrays, one thread each.

Samples of packed photos are warped by `wisp.data.placing`, which says why both exist.

Files of a data set are trusted and small, so nothing here is bounded or checked as `wisp.io.images` does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyvips

from wisp.core.arrays import Bytes
from wisp.core.errors import InputError
from wisp.io.vips import libvips

ACCEPTED: Final = "JPEG, PNG, TIFF, WebP and AVIF are accepted"

Size: TypeAlias = int | tuple[int, int]
"""Side of a square canvas, or height and width; pixels."""


def read_rgb(path: Path) -> Bytes:
    """A photo, upright, in sRGB, over nothing: uint8 (H, W, 3). Raises `InputError` when unreadable."""
    image = _open(path)
    if image.hasalpha():
        image = image[: image.bands - 1]
    return _pixels(path, image.colourspace("srgb").cast("uchar"))


def read_rgba(path: Path) -> tuple[Bytes, Bytes]:
    """A cut-out: straight colours uint8 (H, W, 3) and alpha uint8 (H, W).

    Raises:
        InputError: unreadable, or without an alpha channel.
    """
    image = _open(path)
    if not image.hasalpha():
        raise InputError(path, "has no alpha channel", "a cut-out with transparency is accepted")
    pixels = _pixels(path, image.colourspace("srgb").cast("uchar"))
    return pixels[..., :3].copy(), pixels[..., 3].copy()


def has_alpha(path: Path) -> bool:
    """Whether a picture has an alpha channel, by its header. Raises `InputError` when unreadable."""
    return bool(_open(path).hasalpha())


def size_of(path: Path) -> tuple[int, int]:
    """Height and width of a picture, upright, by its header. Raises `InputError` when unreadable."""
    image = _open(path)
    return image.height, image.width


def read_grey(path: Path) -> Bytes:
    """A grey file: uint8 (H, W). Raises `InputError` when unreadable."""
    pixels = _pixels(path, _open(path).colourspace("b-w").cast("uchar"))
    return pixels[..., 0] if pixels.ndim == 3 else pixels


def decode(stored: bytes, most: int) -> Bytes:
    """A picture in memory: uint8 (H, W, C), its channels as they are stored.

    Args:
        stored: the encoded picture.
        most: pixels that it may have.

    Raises:
        ValueError: it is no picture, or a larger one.
    """
    try:
        image = libvips().Image.new_from_buffer(stored, "", fail_on="error")
        if image.width * image.height > most:
            raise ValueError(f"{image.width}×{image.height} pixels are too many")
        pixels = np.asarray(image.cast("uchar").numpy())
    except pyvips.Error as error:
        raise ValueError("no picture") from error
    return pixels.reshape(*pixels.shape[:2], -1)


def resize(pixels: Bytes, size: tuple[int, ...]) -> Bytes:
    """Resample to (H, W) = `size`, antialiased (Lanczos 3 when shrinking, cubic when growing)."""
    height, width = pixels.shape[:2]
    if (height, width) == tuple(size):
        return pixels
    image = as_image(pixels).resize(size[1] / width, vscale=size[0] / height)
    if (image.height, image.width) != tuple(size):
        image = image.embed(0, 0, size[1], size[0], extend="copy")
    return np.asarray(image.numpy()).reshape(*size, *pixels.shape[2:])  # a lone pixel comes without axes


def sides(size: Size) -> tuple[int, int]:
    """Height and width of a canvas."""
    return (size, size) if isinstance(size, int) else size


def warp(
    pixels: Bytes,
    matrix: npt.NDArray[np.float64],
    size: Size,
    *,
    border: str = "background",
    interpolation: str = "bicubic",
) -> Bytes:
    """Affine warp onto a canvas, antialiased when it shrinks.

    Args:
        pixels: uint8 (H, W) or (H, W, C).
        matrix: (2, 3), source x, y → canvas x, y, both counted from pixel corners.
        size: the canvas's side, or its height and width.
        border: what lies outside the source: ``background`` (zeros), ``copy`` or ``mirror``.
        interpolation: libvips' name of how to read between pixels.
    """
    height, width = sides(size)
    image = as_image(pixels)
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    linear, offset = matrix[:, :2].copy(), matrix[:, 2].copy()
    if scale < 1:
        image = image.resize(scale)
        linear[:, 0] *= pixels.shape[1] / image.width
        linear[:, 1] *= pixels.shape[0] / image.height
    if border != "background":  # affine itself leaves the outside black
        margin = int(np.ceil(2 * max(height, width) / max(scale, 1)))
        box = (image.width + 2 * margin, image.height + 2 * margin)
        image = image.embed(margin, margin, *box, extend=border)
        offset = offset - linear @ np.array([margin, margin])
    # libvips maps pixel centres at integers; shift corners to centres on both sides.
    offset = offset + linear @ np.array([0.5, 0.5]) - 0.5
    warped = image.affine(
        [*linear.ravel()],
        interpolate=pyvips.Interpolate.new(interpolation),
        odx=float(offset[0]),
        ody=float(offset[1]),
        oarea=[0, 0, width, height],
    )
    return np.asarray(warped.numpy())


def jpeg(pixels: Bytes, quality: int) -> Bytes:
    """Through JPEG at `quality` and back: uint8 (H, W, 3)."""
    stored = as_image(pixels).jpegsave_buffer(Q=quality)
    return np.asarray(pyvips.Image.jpegload_buffer(stored).numpy())


def as_image(pixels: Bytes) -> Any:
    """The array as a libvips image."""
    return pyvips.Image.new_from_array(np.ascontiguousarray(pixels))


def _open(path: Path) -> Any:
    try:
        return libvips().Image.new_from_file(str(path), fail_on="error").autorot()
    except pyvips.Error as error:
        raise InputError(path, "cannot be read as an image", ACCEPTED) from error


def _pixels(path: Path, image: Any) -> Bytes:
    try:
        return np.asarray(image.numpy())
    except pyvips.Error as error:
        raise InputError(path, "is damaged", ACCEPTED) from error

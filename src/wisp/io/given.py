"""Pictures as callers of the library hold them: paths, bytes, open files, arrays, pictures of Pillow's.

Paths, bytes and files are read as `wisp.io.images` reads files: upright and in sRGB. Arrays are taken by
`wisp.core.arrays`, which says what counts from 0 to what. A picture of Pillow's counts with the pixels that
it holds, not turned by its EXIF orientation (``PIL.ImageOps.exif_transpose`` does that) but converted from
the colour profile that it carries.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from wisp.core.arrays import Alpha, Image, Mask, Trimap, as_alpha, as_image, as_mask, as_photo, as_trimap
from wisp.core.errors import InputError
from wisp.io import profiles
from wisp.io.guidance import grey_of, read_alpha, read_mask, read_trimap
from wisp.io.images import read_photo
from wisp.io.paths import STDIO, refuse_address

T = TypeVar("T")


class ArrayLike(Protocol):
    """An object that NumPy can see as an array: its own, those of torch and others, pictures of Pillow's."""

    def __array__(self) -> npt.NDArray[Any]:
        """Its values."""


class Readable(Protocol):
    """A file opened in binary mode."""

    def read(self) -> bytes:
        """Read the bytes from here to the end."""


Given: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | Readable | ArrayLike"
"""A path, the bytes of a file, an open file, an array, or a picture of Pillow's."""

_ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")
_KEPT_MODES = ("L", "LA", "RGB", "RGBA", "CMYK", "F")


class _Named(io.BytesIO):
    """The bytes of a file, which errors call by a name."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self._name = name

    def __str__(self) -> str:
        return self._name


def given_photo(source: object, name: str = "image") -> tuple[Image, Alpha | None]:
    """A photo, and the alpha channel that it has.

    Args:
        source: see `Given`.
        name: what errors call it where it has no name of its own.

    Returns:
        image float32 (H, W, 3), sRGB-encoded, [0, 1], and alpha float32 (H, W), [0, 1]; None without one.

    Raises:
        InputError: none of these, or one that cannot be used; see `read_photo` and
            `wisp.core.arrays.as_photo`.
        MissingExtraError: a HEIC file without the ``heic`` extra.
    """
    file = _as_file(source, name)
    if file is not None:
        photo = read_photo(file)
        return photo.image, photo.alpha
    picture = _as_pillow(source)
    if picture is None:
        return as_photo(source, name)
    values, profile, transparent = picture
    alpha = None
    if transparent:
        alpha, values = as_alpha(np.ascontiguousarray(values[..., -1]), name), values[..., :-1]
    if values.dtype.kind == "f":
        return as_image(values, name), alpha
    stored = values[..., None] if values.ndim == 2 else values
    profile = profiles.matching_profile(profile, stored.shape[2], name)
    return profiles.to_srgb(np.ascontiguousarray(stored), profile), alpha


def given_image(source: object, name: str = "image") -> Image:
    """Take a photo without its alpha channel; `source`, `name` and errors are those of `given_photo`.

    Returns:
        float32 (H, W, 3), sRGB-encoded, [0, 1].
    """
    return given_photo(source, name)[0]


def given_alpha(source: object, name: str = "alpha") -> Alpha:
    """Take a finished alpha from a path, bytes, a file, a PIL image or an array.

    Args:
        source: see `Given`; of a picture with a channel of transparency it is that channel.
        name: what errors call it where it has no name of its own.

    Returns:
        float32 (H, W), [0, 1].

    Raises:
        InputError: none of these, or one that cannot be used; see `wisp.io.guidance.read_alpha` and
            `wisp.core.arrays.as_alpha`.
    """
    return _given(source, name, read_alpha, as_alpha)


def given_mask(source: object, name: str = "mask") -> Mask:
    """Take a mask from a path, bytes, a file, a PIL image or an array: float32 (H, W), [0, 1].

    Args:
        source: see `Given`; of a picture with a channel of transparency it is that channel.
        name: what errors call it where it has no name of its own.

    Raises:
        InputError: none of these, or one that cannot be used; see `wisp.io.guidance.read_mask` and
            `wisp.core.arrays.as_mask`.
    """
    return _given(source, name, read_mask, as_mask)


def given_trimap(source: object, name: str = "trimap") -> Trimap:
    """Take a trimap from a path, bytes, a file, a PIL image or an array: uint8 (H, W) of 0, 128, 255.

    Args:
        source: see `Given`.
        name: what errors call it where it has no name of its own.

    Raises:
        InputError: none of these, or one that cannot be used; see `wisp.io.guidance.read_trimap` and
            `wisp.core.arrays.as_trimap`.
    """
    return _given(source, name, read_trimap, as_trimap)


def _given(source: object, name: str, read: Callable[[Any], T], convert: Callable[[object, str], T]) -> T:
    file = _as_file(source, name)
    if file is not None:
        return read(file)
    picture = _as_pillow(source)
    if picture is None:
        return convert(source, name)
    values, _, has_alpha = picture
    if values.ndim == 3:  # what read_grey does with a file's channels
        alpha = values[..., -1] if has_alpha else None
        colours = values if alpha is None else values[..., :-1]
        transparent = alpha is not None and bool((alpha != 255).any())
        if transparent and convert is not as_trimap:
            return convert(alpha, name)
        grey = colours[..., 0] if colours.shape[2] == 1 else None
        if colours.shape[2] == 3:  # four are inks
            grey = grey_of(colours)
        if grey is None:
            accepted = "a grey picture, or one with an alpha channel, is accepted"
            raise InputError(name, "has colours", accepted)
        values = grey
        if transparent and alpha is not None:
            values = np.rint(values * (alpha / np.float32(255))).astype(np.uint8)
    return convert(np.ascontiguousarray(values), name)


def _as_file(source: object, name: str) -> Any:
    """Turn a path, bytes or a file into what `read_photo` takes; None for anything else."""
    if isinstance(source, str | os.PathLike):
        path = os.fspath(source)
        if not isinstance(path, str):
            path = os.fsdecode(path)
        if not path:
            raise InputError(name, "is an empty path", "the path of a picture is accepted")
        refuse_address(path)
        return Path(path) if path != STDIO else path
    if isinstance(source, bytes | bytearray | memoryview):
        return _Named(bytes(source), name)
    if callable(getattr(source, "read", None)):
        label = getattr(source, "name", None)
        label = label if isinstance(label, str) else name
        try:
            data = source.read()  # type: ignore[attr-defined]
        except (OSError, ValueError, UnicodeDecodeError) as error:
            raise InputError(
                label, f"cannot be read ({error})", "a file opened with 'rb' is accepted"
            ) from error
        if not isinstance(data, bytes | bytearray | memoryview):
            raise InputError(label, "is opened as text", "a file opened with 'rb' is accepted")
        return _Named(bytes(data), label)
    return None


def _as_pillow(source: object) -> tuple[npt.NDArray[Any], bytes | None, bool] | None:
    """The values of a picture of Pillow's, (H, W) or (H, W, C), its profile, and whether the last is alpha.

    None for anything else.
    """
    pillow = sys.modules.get("PIL.Image")  # who holds one has imported it
    if pillow is None or not isinstance(source, pillow.Image):
        return None
    picture: Any = source
    profile = picture.info.get("icc_profile")
    if picture.mode.startswith("I"):  # whole numbers of 16 bits, in 16 or 32
        values = np.asarray(picture)
        if values.size and not 0 <= int(values.min()) <= int(values.max()) <= 65535:
            problem = f"has values from {values.min()} to {values.max()}"
            raise InputError("image", problem, "0 to 65535 is accepted in Pillow's mode I")
        return values.astype(np.uint16), profile, False
    keyed = "transparency" in picture.info  # a colour, or places of a palette, that are transparent
    keyed = keyed or (picture.mode == "P" and picture.palette.mode.endswith("A"))
    transparent = keyed or picture.mode in _ALPHA_MODES
    if keyed or picture.mode not in _KEPT_MODES:
        picture = picture.convert("L" if picture.mode == "1" else "RGBA" if transparent else "RGB")
    return np.asarray(picture), profile, transparent

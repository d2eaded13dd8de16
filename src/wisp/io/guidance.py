"""Masks, trimaps and alphas from picture files: values rather than colours.

No profile is applied to them, and no orientation, since guidance is upright already.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, cast

import numpy as np

from wisp.core.arrays import (
    Alpha,
    Float,
    Mask,
    Stored,
    Trimap,
    as_alpha,
    as_mask,
    as_trimap,
    check_trimap,
    from_float,
    to_float,
)
from wisp.core.errors import InputError
from wisp.core.limits import MAX_PIXELS
from wisp.io.decoding import Decoded, decode

_LOSSY: Final = 10 / 255
"""How far JPEG and WebP put the channels of a grey apart that was saved as colours."""


def read_grey(source: Path | str, *, page: int | None = None, max_pixels: int = MAX_PIXELS) -> Float:
    """Read an alpha, a mask or a prediction: values rather than colours.

    Of a picture with an alpha channel it is that channel, unless the channel is opaque throughout and the
    colours are grey; of any other it is the grey value. The values are taken as stored: no profile is
    applied, and no orientation, since guidance is upright already.

    Args:
        source: see `wisp.io.images.read_photo`.
        page: see `wisp.io.images.read_photo`.
        max_pixels: see `wisp.io.images.read_photo`.

    Returns:
        float32 (H, W), [0, 1].

    Raises:
        InputError: see `wisp.io.images.read_photo`; or the picture has colours and no alpha channel that says
            anything.
    """
    return to_float(_read_values(source, page, max_pixels))


def read_alpha(source: Path | str, *, page: int | None = None, max_pixels: int = MAX_PIXELS) -> Alpha:
    """Read a finished alpha, as `read_grey` does.

    Args:
        source: see `wisp.io.images.read_photo`.
        page: see `wisp.io.images.read_photo`.
        max_pixels: see `wisp.io.images.read_photo`.

    Returns:
        float32 (H, W), [0, 1].

    Raises:
        InputError: see `read_grey` and, for labels in an alpha's place, `wisp.core.arrays.as_alpha`.
    """
    return as_alpha(_read_values(source, page, max_pixels), str(source))


def read_mask(source: Path | str, *, page: int | None = None, max_pixels: int = MAX_PIXELS) -> Mask:
    """Read a mask, as `read_grey` does.

    Args:
        source: see `wisp.io.images.read_photo`.
        page: see `wisp.io.images.read_photo`.
        max_pixels: see `wisp.io.images.read_photo`.

    Returns:
        float32 (H, W), [0, 1].

    Raises:
        InputError: see `read_grey` and, for labels in a mask's place, `wisp.core.arrays.as_mask`.
    """
    return as_mask(_read_values(source, page, max_pixels), str(source))


def read_trimap(
    source: Path | str, *, page: int | None = None, max_pixels: int = MAX_PIXELS, exact: bool = False
) -> Trimap:
    """Read a trimap as programs write them: grey, or RGB with equal channels, of 8 or 16 bits.

    Transparent pixels are background. Other greys than 0, 128 and 255 are told apart by
    `wisp.core.arrays.as_trimap`.

    Args:
        source: see `wisp.io.images.read_photo`.
        page: see `wisp.io.images.read_photo`.
        max_pixels: see `wisp.io.images.read_photo`.
        exact: accept 8 bits of 0, 128 (127–129) and 255 alone, for measuring.

    Returns:
        uint8 (H, W), 0 / 128 / 255. As stored: no profile and no orientation is applied.

    Raises:
        InputError: see `wisp.io.images.read_photo`; or colours, or labels; with `exact` another value (the
            first is told).
    """
    decoded = decode(source, page, max_pixels)
    grey = _grey(decoded)
    if grey is None:
        raise InputError(source, "has colours", "a grey picture of 0, 128 and 255 is accepted")
    if exact:
        return check_trimap(np.ascontiguousarray(grey), str(source))
    if decoded.has_alpha:
        grey = from_float(
            to_float(grey) * to_float(decoded.stored[..., -1]), 8 if grey.dtype == np.uint8 else 16
        )
    return as_trimap(np.ascontiguousarray(grey), str(source))


def _read_values(source: Path | str, page: int | None, max_pixels: int) -> Stored:
    """The one channel of guidance, (H, W); see `read_grey`."""
    decoded = decode(source, page, max_pixels)
    grey = _grey(decoded)
    if decoded.has_alpha:
        alpha = decoded.stored[..., -1]
        if bool((alpha != np.iinfo(alpha.dtype).max).any()):
            return alpha
    if grey is None:
        opaque = " and nothing transparent" if decoded.has_alpha else ""
        accepted = "a grey picture, or one with an alpha channel, is accepted"
        raise InputError(source, f"has colours{opaque}", accepted)
    return grey


def _grey(decoded: Decoded) -> Stored | None:
    """The one channel of grey or of three equal ones, (H, W); None for colours."""
    colour = decoded.stored[..., : decoded.stored.shape[2] - decoded.has_alpha]
    first = colour[..., 0]
    if colour.shape[2] == 1:
        return first
    return grey_of(colour) if colour.shape[2] == 3 else None


def grey_of(colours: Stored) -> Stored | None:
    """The grey that three channels mean, (H, W); None where they are further apart than lossy files put them.

    Args:
        colours: uint8 or uint16 (H, W, 3).
    """
    first = colours[..., 0]
    if bool((colours == first[..., None]).all()):
        return first
    least, most = colours.min(axis=2), colours.max(axis=2)
    if bool((most - least > _LOSSY * np.iinfo(colours.dtype).max).any()):
        return None
    return cast(Stored, np.sort(colours, axis=2)[..., 1])

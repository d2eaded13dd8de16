"""Annotations in Supervisely's format, of which its person set consists: JSON → alpha and trust.

``{"size": {"height", "width"}, "objects": [{"classTitle", "geometryType", …}]}``. An object is a ``polygon``
(``points``: ``exterior``, a ring of [x, y], and ``interior``, rings of holes) or a ``bitmap`` (``bitmap``:
``data``, base64 of a deflated PNG whose alpha, or grey, is the mask, and ``origin``, [x, y] of its top left).
The set's classes are ``person_bmp`` and ``person_poly``, and ``neutral`` for what is neither.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from wisp.core.arrays import Bytes
from wisp.core.errors import InputError
from wisp.data import vips

Mask: TypeAlias = npt.NDArray[np.bool_]

PERSONS: Final = ("person_bmp", "person_poly")
"""Classes that are subject."""
NEUTRAL: Final = "neutral"
"""The class that says nothing."""
MOST: Final = 1 << 26
"""Pixels that a bitmap may have at most, and bytes that its data may grow to."""


def read_annotation(path: Path) -> tuple[Bytes, Bytes]:
    """Alpha and trust of an annotation, uint8 (H, W) each, 0 or 255.

    A pixel of a person is subject wherever it is one of any object; neutral pixels of nobody are not trusted.

    Args:
        path: the JSON file.

    Raises:
        InputError: it cannot be read, or is no annotation of polygons and bitmaps.
    """
    wrong = "is no annotation", "Supervisely's JSON with polygons and bitmaps is accepted"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        size = int(content["size"]["height"]), int(content["size"]["width"])
        if min(size) < 1 or size[0] * size[1] > MOST:
            raise InputError(path, *wrong)
        person, neutral = np.zeros(size, bool), np.zeros(size, bool)
        for shape in content["objects"]:
            if shape["classTitle"] in PERSONS:
                person |= _drawn(shape, size)
            elif shape["classTitle"] == NEUTRAL:
                neutral |= _drawn(shape, size)
    except OSError as error:
        raise InputError(path, "cannot be read", wrong[1]) from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, zlib.error) as error:
        raise InputError(path, *wrong) from error
    return (
        np.where(person, np.uint8(255), np.uint8(0)),
        np.where(neutral & ~person, np.uint8(0), np.uint8(255)),
    )


def _drawn(shape: Mapping[str, Any], size: tuple[int, int]) -> Mask:
    kind = shape.get("geometryType") or ("bitmap" if shape.get("bitmap") else "polygon")
    if kind == "bitmap":
        return _placed(_decoded(shape["bitmap"]["data"]), shape["bitmap"]["origin"], size)
    if kind != "polygon":
        raise ValueError(kind)
    inside = _filled(shape["points"]["exterior"], size)
    for hole in shape["points"]["interior"]:
        inside &= ~_filled(hole, size)
    return inside


def _decoded(data: str) -> Mask:
    """The mask of a bitmap, (h, w)."""
    inflate = zlib.decompressobj()
    stored = inflate.decompress(base64.b64decode(data, validate=True), MOST)
    mask: Mask = vips.decode(stored, MOST)[..., -1] > 0
    return mask


def _placed(mask: Mask, origin: Sequence[int], size: tuple[int, int]) -> Mask:
    """A mask at its place; what lies outside is cut off."""
    left, top = (int(at) for at in origin)
    out = np.zeros(size, bool)
    rows, columns = (
        slice(start, max(start, min(whole, at + length)))
        for at, length, whole in zip((top, left), mask.shape, size, strict=True)
        for start in [min(max(0, at), whole)]
    )
    if rows.start == rows.stop or columns.start == columns.stop:
        return out
    out[rows, columns] = mask[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return out


def _filled(ring: Sequence[Sequence[float]], size: tuple[int, int]) -> Mask:
    """Pixels whose middle a ring of corners goes around an odd number of times."""
    corners = np.asarray(ring, np.float64).reshape(-1, 2)
    inside = np.zeros(size, bool)
    middles = np.arange(size[1]) + 0.5
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, 0), strict=True):
        low, high = sorted((y0, y1))
        first, last = max(0, int(np.ceil(low - 0.5))), min(size[0], int(np.ceil(high - 0.5)))
        for row in range(first, last):
            crossing = x0 + (row + 0.5 - y0) * (x1 - x0) / (y1 - y0)
            inside[row] ^= middles > crossing
    return inside

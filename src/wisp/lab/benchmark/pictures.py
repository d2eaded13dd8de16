"""Small pictures for the report: photos, true alphas, each system's alpha and where it errs."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from wisp.core.arrays import Float, check_same_size
from wisp.core.resample import resize, size_within
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo
from wisp.io.vips import libvips
from wisp.lab.benchmark.cases import Case

SIDE: Final = 440
"""Length of a picture's longer side; none is enlarged."""
_QUALITY: Final = {"photo": 78, "alpha": 70, "error": 60}


def pictures_of(cases: Sequence[Case], alphas: Mapping[str, Path], side: int = SIDE) -> list[dict[str, Any]]:
    """Make the report's pictures of each photo, as data URLs.

    An error map is the absolute difference at the photo's own size, then made smaller: what is spread over
    many pixels and what is deep in few look as they count in SAD.

    Args:
        cases: the photos, in the order of the report.
        alphas: a system's slug → the folder of its alphas.
        side: length of a picture's longer side.
    """
    out = []
    for case in cases:
        truth = read_grey(case.alpha)
        size = size_within(truth.shape, side)
        shown: dict[str, Any] = {
            "name": case.name,
            "width": size[1],
            "height": size[0],
            "photo": _url(resize(read_photo(case.image).image, *size), _QUALITY["photo"]),
            "truth": _url(resize(truth, *size), _QUALITY["alpha"]),
            "systems": {},
        }
        for slug, folder in alphas.items():
            alpha = read_grey(folder / f"{case.name}.png")
            check_same_size(slug, alpha, "truth", truth)
            error = np.abs(alpha - truth)
            shown["systems"][slug] = [
                _url(resize(alpha, *size), _QUALITY["alpha"]),
                _url(resize(error, *size), _QUALITY["error"]),
            ]
        out.append(shown)
    return out


def _url(picture: Float, quality: int) -> str:
    """A picture as a data URL, WebP."""
    values = np.rint(picture.clip(0, 1) * 255).astype(np.uint8)
    image = libvips().Image.new_from_array(values, interpretation="srgb" if values.ndim == 3 else "b-w")
    content: bytes = image.webpsave_buffer(Q=quality, effort=4, strip=True)
    return "data:image/webp;base64," + base64.b64encode(content).decode("ascii")

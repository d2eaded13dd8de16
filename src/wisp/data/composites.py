"""Composited data sets: which foreground goes on which background, and the picture that comes of it.

Xu et al. 2017, "Deep Image Matting", section 3: each foreground is set on N backgrounds, 100 for training and
20 for testing. The published sets list which: `plan` follows such a list, so that an owner of Adobe's
foregrounds, MS COCO and Pascal VOC gets the composites that everybody else measures on.

Geometry and arithmetic are those of the authors' own script and the corrected versions of it in use: the
foreground keeps its size; a background that is smaller is enlarged until it covers it (bicubic, as Pillow
computes it, sides rounded up), a larger one keeps its size; the foreground's size is cut out at its top left;
αF + (1 − α)B is computed in double precision, and its fraction is dropped.
"""

from __future__ import annotations

import csv
import io
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from wisp.core.arrays import Bytes, Trimap, check_trimap, from_float, to_float
from wisp.core.errors import InputError
from wisp.data import datasets, vips
from wisp.data.datasets import Entry, Labelled
from wisp.data.selection import Collection
from wisp.matting.foreground import estimate_foreground
from wisp.matting.trimap import random_trimap

Order: TypeAlias = Literal["listed", "names", "random"]

PER_FOREGROUND: Final = {"train": 100, "test": 20}
"""Backgrounds a foreground (Xu et al. 2017, Yaman et al. 2022)."""
TRIMAP_WIDTHS: Final = (1, 30)
"""Least and greatest erosion and dilation of the trimaps, pixels."""
_ROWS: Final = 256
_ONE: Final = 2.0**22  # the fixed point of Pillow's weights


@dataclass(frozen=True)
class Composite:
    """One picture to make.

    Attributes:
        name: of its files: the foreground's name and which of its backgrounds this is, from 0.
        entry: the foreground.
        background: the photo behind it.
        erosion: pixels that the trimap takes off the foreground.
        dilation: pixels that it takes off the background.
        trimap: the authors' own trimap, where there is one.
    """

    name: str
    entry: Entry
    background: Path
    erosion: int
    dilation: int
    trimap: Path | None = None


def plan(
    collections: Sequence[Collection],
    backgrounds: Path,
    *,
    count: int,
    order: Order = "listed",
    seed: int = 0,
) -> list[Composite]:
    """Choose the backgrounds and trimap widths of every foreground.

    A composite depends on its own foreground, the backgrounds and the seed alone: a selection of the
    foregrounds gives the same pictures as all of them.

    Args:
        collections: the foregrounds.
        backgrounds: folder of photos, searched recursively.
        count: backgrounds a foreground.
        order: ``listed`` follows the authors' list where the set has one, and is ``names`` otherwise;
            ``names`` takes the backgrounds in the order of their names, the first foreground the first
            `count`, the next the next, and begins again when there are no more; ``random`` draws `count`
            different ones for each foreground.
        seed: of the draws and of the trimaps' widths.

    Returns:
        The composites of each foreground together, in the order of the foregrounds.

    Raises:
        InputError: too few backgrounds, a listed one that is not there, or a list that is shorter.
    """
    photos = datasets.backgrounds(backgrounds)
    if len(photos) < count and (order != "listed" or not all(all(c.listed) for c in collections)):
        problem = f"holds {len(photos)} photos for {count} backgrounds a foreground"
        raise InputError(backgrounds, problem, f"{count} or more are accepted")
    by_name: dict[str, Path] = {}
    for photo in photos:
        by_name.setdefault(photo.name, photo)
    composites = []
    for collection in collections:
        rows = zip(collection.entries, collection.places, collection.listed, strict=True)
        for entry, place, listed in rows:
            rng = np.random.default_rng((seed, zlib.crc32(entry.name.encode())))
            if order == "random":
                behind = [photos[i] for i in rng.permutation(len(photos))[:count]]
            elif order == "listed" and listed:
                behind = _listed(entry, listed, by_name, backgrounds, count)
            else:
                behind = [photos[(place * count + i) % len(photos)] for i in range(count)]
            widths = rng.integers(*TRIMAP_WIDTHS, endpoint=True, size=(count, 2))
            composites += [
                Composite(
                    f"{entry.name}_{i}",
                    entry,
                    photo,
                    int(widths[i, 0]),
                    int(widths[i, 1]),
                    _own_trimap(collection, entry, i) if order == "listed" and listed else None,
                )
                for i, photo in enumerate(behind)
            ]
    return composites


def table(composites: Iterable[Composite]) -> str:
    """Write composites as CSV: name, foreground, background, and the trimap's widths."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["name", "foreground", "background", "erosion", "dilation"])
    for c in composites:
        writer.writerow([c.name, c.entry.name, c.background.name, c.erosion, c.dilation])
    return text.getvalue()


def render(
    composite: Composite, photo: Labelled, foreground: Bytes, *, trimap: bool = False, layers: bool = False
) -> dict[str, Bytes]:
    """The pictures of a composite.

    Args:
        composite: what to make.
        photo: its entry, loaded.
        foreground: the entry's `foreground_of`.
        trimap: whether a trimap is wanted.
        layers: whether foreground and background are.

    Returns:
        ``image`` (H, W, 3), ``alpha`` (H, W) and, where wanted, ``trimap`` (H, W), ``fg`` and ``bg``
        (H, W, 3), all uint8.

    Raises:
        InputError: the background or the trimap cannot be read, or the trimap has another size.
    """
    background = cover(vips.read_rgb(composite.background), photo.alpha.shape)
    pictures = {"image": over(foreground, photo.alpha, background), "alpha": photo.alpha}
    if trimap:
        pictures["trimap"] = _trimap(composite, photo.alpha)
    if layers:
        pictures |= {"fg": foreground, "bg": background}
    return pictures


def foreground_of(photo: Labelled) -> Bytes:
    """The colours to composite with, uint8 (H, W, 3): a cut-out's own; of a photo they are estimated."""
    if photo.cut_out:
        return photo.image
    return from_float(estimate_foreground(to_float(photo.image), to_float(photo.alpha)))


def over(foreground: Bytes, alpha: Bytes, background: Bytes) -> Bytes:
    """αF + (1 − α)B in double precision, its fraction dropped.

    Args:
        foreground: uint8 (H, W, 3).
        alpha: uint8 (H, W).
        background: uint8 (H, W, 3).

    Returns:
        uint8 (H, W, 3).
    """
    image = np.empty_like(background)
    for start in range(0, len(image), _ROWS):
        rows = slice(start, start + _ROWS)
        share = (alpha[rows] / 255.0)[..., None]
        image[rows] = foreground[rows] * share + background[rows] * (1.0 - share)
    return image


def cover(background: Bytes, shape: tuple[int, ...]) -> Bytes:
    """The top left of a background at a foreground's size, enlarged first where it is smaller.

    Args:
        background: uint8 (h, w, 3).
        shape: height and width wanted.

    Returns:
        uint8 (H, W, 3).
    """
    height, width = shape
    h, w = background.shape[:2]
    ratio = max(width / w, height / h)
    if ratio > 1:
        background = enlarge(background, (math.ceil(h * ratio), math.ceil(w * ratio)))
    return np.ascontiguousarray(background[:height, :width])


def enlarge(pixels: Bytes, size: tuple[int, int]) -> Bytes:
    """Enlarge with the cubic kernel of Keys 1981 (a = −½), along rows, then down columns, rounded after each.

    Pillow does the same with the same fixed-point weights, and so to the same bytes. libvips, which is used
    everywhere else, puts enlarged pictures half a pixel apart from that.

    Args:
        pixels: uint8 (h, w, 3).
        size: height and width wanted, no smaller than the picture's.
    """
    from scipy.sparse import csr_array

    for axis in (1, 0):
        n, wanted = pixels.shape[axis], size[axis]
        columns, weights = _cubic_taps(n, wanted)
        starts = np.arange(0, weights.size + 1, weights.shape[1])
        matrix = csr_array((weights.ravel(), columns.ravel(), starts), shape=(wanted, n))
        lines = np.moveaxis(pixels, axis, 0)
        resized = np.empty((wanted, *lines.shape[1:]), np.uint8)
        for start in range(0, lines.shape[1], _ROWS):  # in strips, or floats would fill the memory
            strip = lines[:, start : start + _ROWS]
            values = np.floor((matrix @ strip.reshape(n, -1).astype(np.float64)) / _ONE + 0.5)
            resized[:, start : start + _ROWS] = np.clip(values, 0, 255).reshape(wanted, *strip.shape[1:])
        pixels = np.ascontiguousarray(np.moveaxis(resized, 0, axis))
    return pixels


def _cubic_taps(n: int, wanted: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """For each of `wanted` pixels the source pixels that make it up, and their weights in units of 1/_ONE."""
    centre = (np.arange(wanted) + 0.5) * (n / wanted)
    first = np.floor(centre - 2 + 0.5)
    places = first[:, None] + np.arange(4)
    x = np.abs(places - centre[:, None] + 0.5)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    weights = np.where(x < 1, near, np.where(x < 2, far, 0.0)) * ((places >= 0) & (places < n))
    weights /= weights.sum(axis=1, keepdims=True)
    return np.clip(places, 0, n - 1).astype(np.intp), np.trunc(weights * _ONE + np.copysign(0.5, weights))


def _listed(
    entry: Entry, listed: Sequence[str], by_name: Mapping[str, Path], folder: Path, count: int
) -> list[Path]:
    """The first `count` of the backgrounds that the authors set a foreground on."""
    if count > len(listed):
        problem = f"has {len(listed)} backgrounds in the authors' list"
        raise InputError(
            entry.photo, problem, f"up to {len(listed)}, or the order names or random, are accepted"
        )
    found = []
    for name in listed[:count]:
        photo = by_name.get(name) or by_name.get(name.removeprefix("COCO_train2014_"))
        if photo is None:
            problem = f"has no {name}, which the authors' list sets {entry.name} on"
            raise InputError(folder, problem, "their backgrounds, or the order names or random, are accepted")
        found.append(photo)
    return found


def _own_trimap(collection: Collection, entry: Entry, number: int) -> Path | None:
    if collection.trimaps is None:
        return None
    path = collection.trimaps / f"{entry.photo.stem}_{number}.png"
    return path if path.is_file() else None


def _trimap(composite: Composite, alpha: Bytes) -> Trimap:
    if composite.trimap is None:
        widths = {"erosion": (composite.erosion,) * 2, "dilation": (composite.dilation,) * 2}
        return random_trimap(to_float(alpha), np.random.default_rng(0), **widths)
    trimap = check_trimap(vips.read_grey(composite.trimap), str(composite.trimap))
    if trimap.shape != alpha.shape:
        (h, w), (th, tw) = alpha.shape, trimap.shape
        raise InputError(composite.trimap, f"is {tw}×{th}", f"its foreground's size, {w}×{h}, is accepted")
    return trimap

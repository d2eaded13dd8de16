"""Photos and their subjects on green, where every fault of an edge shows.

Yaman, Ekenel, Waibel 2022, "Alpha Matte Generation from Single Input for Portrait Matting" (CVPRW), figure 2
and the user study: input, truth, and the results of several systems, one row a photo. The paper's own systems
beside it come as alphas in files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from wisp.core.arrays import Alpha, Image, Matte, check_same_size
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo
from wisp.lab.figures.photos import Place, partner
from wisp.lab.figures.running import Running
from wisp.lab.figures.sheets import GREEN, row, stack
from wisp.pipeline import composite, run


def columns(
    running: Sequence[Running], *, truth: Path | str | None = None, beside: Mapping[str, Path | str]
) -> list[str]:
    """Name the sheet's columns, left to right."""
    return ["photo", *(["truth"] if truth is not None else []), *(r.method for r in running), *beside]


def draw(
    photos: Sequence[Place],
    running: Sequence[Running],
    *,
    truth: Path | str | None = None,
    beside: Mapping[str, Path | str],
    height: int = 384,
    colour: str = GREEN,
    done: Callable[[], None] = lambda: None,
) -> Image:
    """The sheet.

    Args:
        photos: one row each.
        running: methods, one column each.
        truth: folder of true alphas with the photos' names; a column before the methods.
        beside: folders of other systems' alphas by the systems' names; a column each after the methods.
        height: of a row, pixels.
        colour: what subjects are set on: a CSS name or ``#rrggbb``.
        done: called after each photo.

    Returns:
        float32 (H, W, 3), [0, 1]; what the columns are, `columns` says.

    Raises:
        InputError: a file that cannot be read, is missing, or has another size than its photo.
    """
    rows = []
    for photo in photos:
        image = read_photo(photo.path).image
        folders = [*([truth] if truth is not None else []), *beside.values()]
        given = [_given(image, photo, folder) for folder in folders]
        found = [method(image).matte for method in running]
        before = 0 if truth is None else 1
        mattes = [*given[:before], *found, *given[before:]]
        rows.append(row([image, *(composite(matte, colour) for matte in mattes)], height))
        done()
    return stack(rows)


def _given(image: Image, photo: Place, folder: Path | str) -> Matte:
    """The matte of an alpha that lies in a file."""
    path = partner(photo.name, folder)
    alpha: Alpha = read_grey(path)
    check_same_size(str(path), alpha, f"photo {photo.path}", image)
    return run(image, alpha=alpha).matte

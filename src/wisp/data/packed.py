"""Labelled photos decoded once and kept as bytes in one file, which loading processes map into their memory.

A photo of a corpus is opened hundreds of times in a long run. Decoding it and solving for the subject's
colours each time costs ten times what making a sample of it does; decoded at the size that training needs,
all of a corpus of some thousand photos takes a few gigabytes of pages that all processes share.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from wisp.core.arrays import Bytes, from_float, to_float
from wisp.core.errors import InputError
from wisp.core.resample import size_within
from wisp.data import vips
from wisp.data.datasets import Entry, Labelled
from wisp.io.atomic import sync_path
from wisp.matting.foreground.blur_fusion import estimate_blur_fusion

SIDE = 480
"""Longer side of what is kept, pixels: a sample of 416 shows most photos whole."""


@dataclass(frozen=True)
class Row:
    """One photo of a pack.

    Attributes:
        name: of its entry.
        group: as given to `pack`, such as people or things.
        offset: of its first byte in the file.
        height: pixels.
        width: pixels.
        cut_out: it has no picture of its own behind the subject.
        trust: mean weight of the label, [0, 1].
        box: first row, first column, last row + 1, last column + 1 of alpha above a half; None where there is
            nothing.
    """

    name: str
    group: str
    offset: int
    height: int
    width: int
    cut_out: bool
    trust: float
    box: tuple[int, int, int, int] | None


@dataclass(frozen=True)
class Packed:
    """A photo of a pack, mapped: nothing is copied.

    Attributes:
        photo: uint8 (H, W, 4), the photo's colours and alpha.
        layer: uint8 (H, W, 4), the subject's straight colours, carried past its edge, and trust in the label.
        row: what is known of it.
    """

    photo: Bytes
    layer: Bytes
    row: Row


class Pack:
    """Photos by index.

    Args:
        folder: as `pack` wrote it.

    Raises:
        InputError: it was not written by `pack`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            rows = json.loads((folder / "photos.json").read_text())
        except (OSError, ValueError) as error:
            raise InputError(
                folder, "holds no packed photos", "a folder that pack wrote is accepted"
            ) from error
        self.rows = [Row(**{**row, "box": tuple(row["box"]) if row["box"] else None}) for row in rows]

    def __getstate__(self) -> dict[str, Path]:
        return {"folder": self.folder}

    def __setstate__(self, state: dict[str, Path]) -> None:
        self.__init__(state["folder"])  # type: ignore[misc]

    @cached_property
    def _bytes(self) -> Bytes:
        return np.memmap(self.folder / "photos.bin", np.uint8, "r")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Packed:
        """Photo number `index`."""
        row = self.rows[index]
        count = row.height * row.width * 4
        shape = (row.height, row.width, 4)
        photo = self._bytes[row.offset : row.offset + count].reshape(shape)
        layer = self._bytes[row.offset + count : row.offset + 2 * count].reshape(shape)
        return Packed(photo, layer, row)

    def group(self, name: str, trust: float = 0.0) -> list[int]:
        """Indices of the photos of a group whose labels are trusted at least so much, [0, 1]."""
        return [i for i, row in enumerate(self.rows) if row.group == name and row.trust >= trust]


def pack(
    groups: Iterable[tuple[str, Sequence[Entry | Path]]],
    folder: Path,
    *,
    side: int = SIDE,
    teachers: Path | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> Pack:
    """Decode photos into `folder`; what is there already is opened, not made again.

    Args:
        groups: names with labelled photos, or with photos without a subject (paths).
        folder: for ``photos.bin`` and ``photos.json``; made when missing.
        side: longer side of what is kept, pixels; smaller photos keep their size.
        teachers: folder of another network's alphas, ``NAME.png``, of any size and the photo's proportions.
            They count where the label is not trusted: `learn_from`.
        report: receives a line for each photo that cannot be read, which is left out, and a closing one; of
            what is opened, one if it holds photos that are not asked for.
    """
    if (folder / "photos.json").is_file():
        found = Pack(folder)
        _tell_others(found, groups, report)
        return found
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    offset = 0
    with (folder / "photos.bin").open("wb") as file:
        for group, entries in groups:
            for entry in entries:
                try:
                    labelled, name = _load(entry)
                except InputError as error:
                    report(f"left out: {error}")
                    continue
                labelled = _shrunk(labelled, side)
                teacher = teachers / f"{name}.png" if teachers is not None else None
                if teacher is not None and teacher.is_file():
                    second = vips.resize(vips.read_grey(teacher), labelled.alpha.shape)
                    labelled = learn_from(second, labelled)
                photo, layer = _planes(labelled)
                file.write(photo.tobytes())
                file.write(layer.tobytes())
                h, w = labelled.alpha.shape
                trust = round(float(labelled.weight.mean()) / 255, 4)
                rows.append(Row(name, group, offset, h, w, labelled.cut_out, trust, _box(labelled.alpha)))
                offset += 2 * photo.size
    written = folder / ".photos.json.tmp"
    written.write_text(json.dumps([asdict(row) for row in rows]))
    sync_path(written)
    written.replace(folder / "photos.json")
    report(f"{len(rows)} photos packed, {offset / 1e9:.1f} GB")
    return Pack(folder)


def _tell_others(
    there: Pack, groups: Iterable[tuple[str, Sequence[Entry | Path]]], report: Callable[[str], None]
) -> None:
    """Report how many photos of the groups that are asked for are others than those that are."""
    asked = {
        (group, entry.stem if isinstance(entry, Path) else entry.name)
        for group, entries in groups
        for entry in entries
    }
    names = {group for group, _ in asked}
    others = [row.name for row in there.rows if row.group in names and (row.group, row.name) not in asked]
    if others:
        report(
            f"{there.folder}: {len(others)} of its {len(there)} photos are not asked for ({others[0]} …) and "
            "are learnt from all the same; another --pack is made anew"
        )


def learn_from(teacher: Bytes, photo: Labelled) -> Labelled:
    """A photo whose label is a teacher's where it was not trusted itself.

    Where both agree the label is trusted at least `AGREED`; where the label's trust is low the teacher's
    answer replaces it with a trust of `TAUGHT`, as far as the teacher is sure of itself.

    Args:
        teacher: its alpha, uint8 (H, W).
        photo: what was labelled.
    """
    alpha, weight, other = (to_float(x) for x in (photo.alpha, photo.weight, teacher))
    sure = np.abs(2 * other - 1)
    replaced = weight < 0.5
    agreed = np.abs(alpha - other) < 0.1
    taught = np.where(replaced, other, alpha)
    trust = np.where(replaced, TAUGHT * sure, weight)
    trust = np.where(agreed, np.maximum(weight, AGREED), trust)
    return Labelled(photo.image, from_float(taught), from_float(trust), photo.cut_out)


AGREED = 0.8
"""Least trust where label and teacher say the same."""
TAUGHT = 0.6
"""Trust in a teacher where the label has none: that of the corpus's own parts filled from masks by hand."""


def _load(entry: Entry | Path) -> tuple[Labelled, str]:
    if isinstance(entry, Path):
        image = vips.read_rgb(entry)
        empty = np.zeros(image.shape[:2], np.uint8)
        return Labelled(image, empty, np.full_like(empty, 255)), entry.stem
    return entry.load(), entry.name


def _shrunk(photo: Labelled, side: int) -> Labelled:
    size = size_within(photo.alpha.shape, side)
    if size == photo.alpha.shape:
        return photo
    image = photo.image
    if photo.cut_out:  # straight colours under alpha 0 mean nothing and must not bleed
        image = _carry_out(image, photo.alpha)
    return Labelled(
        vips.resize(image, size),
        vips.resize(photo.alpha, size),
        vips.resize(photo.weight, size),
        photo.cut_out,
    )


def _carry_out(image: Bytes, alpha: Bytes) -> Bytes:
    opacity = to_float(alpha)
    shown = to_float(image) * opacity[..., None]
    foreground, _ = estimate_blur_fusion(shown, opacity)
    return from_float(np.where(opacity[..., None] > 0.99, to_float(image), foreground))


def _planes(photo: Labelled) -> tuple[Bytes, Bytes]:
    if photo.cut_out:
        colours = _carry_out(photo.image, photo.alpha)
    elif photo.alpha.any():
        colours = from_float(estimate_blur_fusion(to_float(photo.image), to_float(photo.alpha))[0])
    else:
        colours = photo.image
    return np.dstack([photo.image, photo.alpha]), np.dstack([colours, photo.weight])


def _box(alpha: Bytes) -> tuple[int, int, int, int] | None:
    inside = alpha > 127
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if not len(rows):
        return None
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1

"""Readers: folders on disk → lists of entries that load one labelled photo each.

The layouts of one's own data, and photos without people beside them:

- `rgba_folder`: cut-outs, one file each; their alpha channel is the label.
- `image_alpha_folder`: ``image/NAME.*`` and ``alpha/NAME.*`` of the same size, also as `wisp compose` writes.
- `paired_folders`: the same with two folders of any names.
- `corpus`: ``photo/``, ``alpha/``, ``weight/`` and ``manifest.csv`` with split, source and licence.
- `backgrounds`: any folder of photos.

`wisp.data.layouts` reads the published data sets and tells all of them apart.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from wisp.core.arrays import Bytes
from wisp.core.errors import InputError
from wisp.data import vips
from wisp.data.supervisely import read_annotation

T = TypeVar("T")

VOID: Final = (224, 224, 192)
"""How Pascal VOC paints the borders of things."""
SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".avif"})


@dataclass(frozen=True)
class Labelled:
    """A photo with its alpha, as stored.

    Attributes:
        image: uint8 (H, W, 3), sRGB; straight colours.
        alpha: uint8 (H, W), 0–255.
        weight: uint8 (H, W), how far the label can be trusted at each pixel, 255 fully.
        cut_out: `image` holds pure foreground colours F, not αF + (1 − α)B; it says nothing where α = 0.
    """

    image: Bytes
    alpha: Bytes
    weight: Bytes
    cut_out: bool = False


@dataclass(frozen=True)
class Entry:
    """One labelled photo on disk.

    Attributes:
        name: unique in its list; also what splits and hold-outs name.
        photo: the image file; its own alpha channel is the label when `alpha` is None.
        alpha: grey file of the photo's size, or None.
        weight: grey file of the photo's size or smaller, or None for full trust.
        licence: as the manifest says, empty where there is none.
        cut_out: the colours are pure foreground (an RGBA cut-out), nothing of an old background is left.
        subject: what it shows, where several entries show the same; empty for a subject of its own.
        classes: `alpha` is a map of classes: all but the first, painted black or 0, are subject, and its
            borders, painted `VOID` or 255, are not trusted.
        matte: the alpha channel of `alpha` is the label, not its grey.
        annotated: `alpha` is an annotation in Supervisely's format, see `wisp.data.supervisely`.
    """

    name: str
    photo: Path
    alpha: Path | None = None
    weight: Path | None = None
    licence: str = ""
    cut_out: bool = False
    subject: str = ""
    classes: bool = False
    matte: bool = False
    annotated: bool = False

    def load(self) -> Labelled:
        """Read the files.

        Raises:
            InputError: a file cannot be read, or sizes differ.
        """
        if self.alpha is None:
            image, alpha = vips.read_rgba(self.photo)
        elif self.classes:
            image = vips.read_rgb(self.photo)
            alpha, known = _subject_of_classes(vips.read_rgb(self.alpha))
        elif self.matte:
            image, alpha = vips.read_rgb(self.photo), vips.read_rgba(self.alpha)[1]
        elif self.annotated:
            image = vips.read_rgb(self.photo)
            alpha, known = read_annotation(self.alpha)
        else:
            image, alpha = vips.read_rgb(self.photo), vips.read_grey(self.alpha)
        if alpha.shape != image.shape[:2]:
            (h, w), (ah, aw) = image.shape[:2], alpha.shape
            raise InputError(self.alpha, f"is {aw}×{ah}", f"its photo's size, {w}×{h}, is accepted")
        if self.classes or self.annotated:
            weight = known
        elif self.weight is None:
            weight = np.full(alpha.shape, 255, np.uint8)
        else:
            weight = vips.resize(vips.read_grey(self.weight), alpha.shape)
        return Labelled(image, alpha, weight, self.cut_out)


def _subject_of_classes(painted: Bytes) -> tuple[Bytes, Bytes]:
    """Alpha and trust of a map of classes, uint8 (H, W, 3) → uint8 (H, W) each."""
    void = (painted == VOID).all(2) | (painted == 255).all(2)
    subject = painted.any(2) & ~void
    return np.where(subject, np.uint8(255), np.uint8(0)), np.where(void, np.uint8(0), np.uint8(255))


def rgba_folder(folder: Path) -> list[Entry]:
    """Cut-outs with an alpha channel, found recursively, sorted by name.

    Raises:
        InputError: no image there.
    """
    return [
        Entry(_name(path, folder), path, cut_out=True)
        for path in images(folder, "image files with an alpha channel are accepted")
    ]


def image_alpha_folder(folder: Path) -> list[Entry]:
    """Photos in ``image/`` with their alphas in ``alpha/``, paired by relative path and stem.

    Of a folder that `wisp compose` wrote, ``pairs.csv`` says which composites show the same subject.

    Raises:
        InputError: a folder is missing or empty, or a photo has no alpha.
    """
    accepted = "a folder with image/ and alpha/ is accepted"
    entries = paired_folders(folder / "image", folder / "alpha", accepted)
    pairs = folder / "pairs.csv"
    if not pairs.is_file():
        return entries
    with pairs.open(newline="", encoding="utf-8") as file:
        subjects = {row["name"]: row["foreground"] for row in csv.DictReader(file)}
    return [replace(entry, subject=subjects.get(entry.name, "")) for entry in entries]


def paired_folders(
    photos: Path, alphas: Path, accepted: str, *, cut_out: bool = False, prefix: str = ""
) -> list[Entry]:
    """Photos of one folder with their alphas in another, paired by relative path and stem, sorted.

    Args:
        photos: folder of photos, or of foreground colours.
        alphas: folder of grey files.
        accepted: what the error says would be accepted where a folder is missing or empty.
        cut_out: as in `Entry`.
        prefix: what the entries' names begin with.

    Raises:
        InputError: a folder is missing or empty, a photo has no alpha, or two share a name.
    """
    listed = images(photos, accepted)
    found = {_name(path, photos): path for path in reversed(listed)}
    labels = {_name(path, alphas): path for path in images(alphas, accepted)}
    entries = []
    for photo in listed:
        name = _name(photo, photos)
        if found[name] != photo:
            problem = f"has the same name as {found[name].name}"
            raise InputError(photo, problem, "one file of a name is accepted")
        if name not in labels:
            raise InputError(photo, "has no alpha", f"{alphas / name}.png is accepted")
        entries.append(Entry(prefix + name, photo, labels[name], cut_out=cut_out))
    return entries


def corpus(folder: Path, split: str, licences: Sequence[str] = ()) -> list[Entry]:
    """A corpus with a manifest: ``manifest.csv`` (name, split, licence, …), ``photo/`` and ``weight/``.

    Labels lie in ``alpha/NAME.png``, or in the alpha channel of ``photo/NAME.webp`` (the small edition).

    Args:
        folder: the corpus's ``people`` folder.
        split: ``train`` or ``val``.
        licences: keep the rows whose licence contains one of these texts, whatever its case; all when empty.

    Raises:
        InputError: no manifest, one that lacks a column, a row without its photo or label, or nothing left.
    """
    manifest = folder / "manifest.csv"
    if not manifest.is_file():
        raise InputError(
            folder, "has no manifest.csv", "a corpus with photo/, weight/ and a manifest is accepted"
        )
    with manifest.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
        columns = reader.fieldnames or ()
    missing = [column for column in ("name", "split") if column not in columns]
    if missing:
        raise InputError(manifest, f"has no column {missing[0]}", "name, split and licence are accepted")
    entries = []
    for row in rows:
        licence = row.get("licence") or ""
        if row["split"] != split or not _allowed(licence, licences):
            continue
        name = row["name"]
        photo = next((folder / "photo" / f"{name}{s}" for s in (".jpg", ".webp", ".png")
                      if (folder / "photo" / f"{name}{s}").is_file()), None)  # fmt: skip
        if photo is None:
            raise InputError(manifest, f"names {name}, which has no photo", f"photo/{name}.jpg is accepted")
        alpha = folder / "alpha" / f"{name}.png"
        if not alpha.is_file() and (photo.suffix == ".jpg" or not vips.has_alpha(photo)):
            raise InputError(manifest, f"names {name}, which has no label", f"alpha/{name}.png is accepted")
        weight = folder / "weight" / f"{name}.png"
        entries.append(
            Entry(
                name,
                photo,
                alpha if alpha.is_file() else None,
                weight if weight.is_file() else None,
                licence,
            )
        )
    if not entries:
        wanted = f" with a licence that contains {' or '.join(licences)}" if licences else ""
        known = ", ".join(sorted({row.get("licence") or "none" for row in rows}))
        raise InputError(manifest, f"has no '{split}' rows{wanted}", f"its licences are: {known}")
    return entries


def backgrounds(folder: Path) -> list[Path]:
    """Photos without people, found recursively, sorted.

    Raises:
        InputError: no image there.
    """
    return images(folder, "a folder of photos without people is accepted")


def names_by_licence(folder: Path, licences: Iterable[str]) -> set[str]:
    """Names of a folder's photos whose licence contains one of some texts, whatever its case.

    Args:
        folder: with ``manifest.csv`` (name, licence).
        licences: the texts; all names when empty.

    Raises:
        InputError: no manifest, or one that lacks a column.
    """
    manifest = folder / "manifest.csv"
    if not manifest.is_file():
        raise InputError(folder, "has no manifest.csv", "a manifest with name and licence is accepted")
    with manifest.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    missing = [column for column in ("name", "licence") if rows and column not in rows[0]]
    if missing:
        raise InputError(manifest, f"has no column {missing[0]}", "name and licence are accepted")
    return {row["name"] for row in rows if _allowed(row["licence"], licences)}


def _allowed(licence: str, licences: Iterable[str]) -> bool:
    wanted = [text.lower() for text in licences]
    return not wanted or any(text in licence.lower() for text in wanted)


def images(folder: Path, accepted: str) -> list[Path]:
    """Image files of a folder, found recursively, sorted; hidden ones are none of the set's.

    Args:
        folder: where to look.
        accepted: what the error says would be accepted.

    Raises:
        InputError: no folder, or no image there.
    """
    if not folder.is_dir():
        raise InputError(folder, "is no folder", accepted)
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    found = [path for path in found if not any(map(_hidden, path.relative_to(folder).parts))]
    if not found:
        raise InputError(folder, "holds no images", accepted)
    return found


def _hidden(part: str) -> bool:
    """Whether a file or folder is none of the set's: archives made on a Mac bring ``__MACOSX/._NAME.png``."""
    return part.startswith(".") or part == "__MACOSX"


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def hold_out(items: Sequence[T], share: float = 0.1, seed: int = 0) -> tuple[list[T], list[T]]:
    """Split a list in two, at random but the same for the same list and seed.

    Args:
        items: what to split, at least two.
        share: how much is held out; at least one item is, and one is kept.
        seed: of the choice.

    Returns:
        The items to train on and the items held out, in their order.

    Raises:
        InputError: fewer than two items.
    """
    if len(items) < 2:
        raise InputError("data", f"has {len(items)} item(s)", "at least two are accepted: one is held out")
    count = min(len(items) - 1, max(1, round(share * len(items))))
    chosen = set(np.random.default_rng(seed).permutation(len(items))[:count].tolist())
    kept = [item for index, item in enumerate(items) if index not in chosen]
    return kept, [item for index, item in enumerate(items) if index in chosen]


def some(items: Sequence[T], count: int, seed: int = 0) -> list[T]:
    """`count` items at random, in their order.

    Raises:
        InputError: there are fewer.
    """
    if count > len(items):
        raise InputError("--photos", f"is {count}", f"at most {len(items)}, all there are, is accepted")
    chosen = np.random.default_rng(seed).permutation(len(items))[:count]
    return [items[index] for index in sorted(chosen.tolist())]


def hold_out_subjects(
    entries: Sequence[Entry], share: float = 0.1, seed: int = 0
) -> tuple[list[Entry], list[Entry]]:
    """`hold_out` for entries of which several may show the same subject: no subject is on both sides.

    Raises:
        InputError: fewer than two subjects.
    """
    subjects = list(dict.fromkeys(entry.subject or entry.name for entry in entries))
    held_out = set(hold_out(subjects, share, seed)[1])
    kept = [entry for entry in entries if (entry.subject or entry.name) not in held_out]
    return kept, [entry for entry in entries if (entry.subject or entry.name) in held_out]

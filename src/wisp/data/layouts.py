"""The published matting sets as their authors ship them, and one's own folders: which one a folder holds.

================  ============================================================================================
Composition-1k    ``Training_set/{Adobe-licensed images,Other}/{fg,alpha}``, ``training_fg_names.txt``,
                  ``training_bg_names.txt``; ``Test_set/Adobe-licensed images/{fg,alpha,trimaps}``,
                  ``test_fg_names.txt``, ``test_bg_names.txt``; also one level down, in ``Combined_Dataset``
Distinctions-646  ``Train/{FG,GT}``, ``Test/{FG,GT}``, each with ``fg_train.txt`` and ``bg_train.txt``, or
                  ``fg_test.txt`` and ``bg_test.txt``
P3M-10k           ``train/{blurred_image,mask}``, ``validation/P3M-500-P/{blurred_image,mask}`` and
                  ``validation/P3M-500-NP/{original_image,mask}``
AM-2k             ``train/{original,mask}``, ``validation/{original,mask}``
AIM-500           ``original``, ``mask``
PPM-100           ``image``, ``matte``
Pascal VOC        ``JPEGImages``, ``SegmentationClass``, ``ImageSets/Segmentation/{train,val}.txt``; also as
                  ``VOCdevkit``; every class but the background is the subject, its painted border is not
                  trusted
PhotoMatte85      a folder of PNG cut-outs, like any other folder of cut-outs
Human Matting     AISegment's: ``clip_img/GROUP/clip_NUMBER/NAME.jpg`` and
                  ``matting/GROUP/matting_NUMBER/NAME.png``, whose alpha channel is the label
Supervisely       its person set: ``meta.json``, ``ds1`` … with ``img/NAME.png`` and ``ann/NAME.png.json``,
                  of whose objects ``person_bmp`` and ``person_poly`` are subject and ``neutral`` not trusted
================  ============================================================================================

The first two hold pure foreground colours and list the backgrounds that theirs are set on: the first
foreground takes the first of them, the second the next as many, and so on. Yaman et al. 2022 select those of
their subjects that are people, and merge both sets (`wisp.data.selection`).

Both have the 27 photos of alphamatting.com's training set among their own (GT01 to GT27): a network trained
on them must not be measured on those.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from wisp.core.errors import InputError
from wisp.data import datasets, vips
from wisp.data.datasets import Entry
from wisp.data.selection import Collection, check_disjoint, merge, only, read_names, select

Split: TypeAlias = Literal["train", "test"]


@dataclass(frozen=True)
class Layout:
    """One way to lay out a folder.

    Attributes:
        name: what it is called.
        described: what such a folder holds, for messages.
        root: the folder that holds it, given the one that the user named; None where it is another layout.
        read: the entries of that folder, and of one split where the authors give splits.
        splits: whether they do.
    """

    name: str
    described: str
    root: Callable[[Path], Path | None]
    read: Callable[[Path, Split], Collection]
    splits: bool = True


def find_layout(folder: Path) -> tuple[Layout, Path]:
    """The layout that a folder has, and the folder that holds it (the one named, or one inside it).

    Raises:
        InputError: no such folder, or none of the layouts, with what would be accepted.
    """
    if not folder.is_dir():
        problem = "is a file" if folder.exists() else "does not exist"
        raise InputError(folder, problem, "a folder is accepted")
    for layout in LAYOUTS:
        root = layout.root(folder)
        if root is not None:
            return layout, root
    known = "; ".join(f"{layout.name} ({layout.described})" for layout in LAYOUTS)
    raise InputError(folder, "is laid out as no data set that wisp knows", f"accepted are: {known}")


def read_folder(folder: Path, split: Split | None = None, licences: Sequence[str] = ()) -> Collection:
    """The labelled photos of a folder in any layout.

    Args:
        folder: a data set, see `find_layout`.
        split: ``train`` or ``test``: the authors' own where they give one; else a tenth of the subjects,
            always the same ones, is the test. None is the authors' training split, or everything.
        licences: as for `wisp.data.datasets.corpus`, which alone says licences.

    Raises:
        InputError: an unknown layout, a folder or partner that is missing, or licences where none are known.
    """
    layout, root = find_layout(folder)
    if layout is CORPUS:
        entries = datasets.corpus(root, "val" if split == "test" else "train", licences)
        return _collection(layout.name, entries)
    if licences:
        raise InputError(folder, "has no manifest.csv to read licences from", "a corpus is accepted")
    found = layout.read(root, split or "train")
    if layout.splits or split is None:
        return found
    held_out = {entry.name for entry in datasets.hold_out_subjects(found.entries)[1]}
    return only(found, [(entry.name in held_out) == (split == "test") for entry in found.entries])


def split_folders(
    folders: Sequence[Path], licences: Sequence[str] = (), names: Path | None = None
) -> tuple[list[Entry], list[Entry]]:
    """Split some folders' entries, merged, into those to train on and those held out, which share no subject.

    Where there are no parts, or nothing of the authors' test part is there or selected, a tenth of the
    subjects is held out.

    Args:
        folders: data sets, see `find_layout`.
        licences: as for `read_folder`.
        names: text file with the names of the photos to take, one a line; None takes all.

    Raises:
        InputError: as for `read_folder` and `wisp.data.selection.select`; a selection that leaves
            nothing to train on; or one subject is in both of the authors' parts.
    """
    parts = [_parts(folder, licences) for folder in folders]
    train, test = ([part[i] for part in parts] for i in (0, 1))
    if names is not None:
        chosen = select([*train, *test], read_names(names), names)
        train, test = chosen[: len(folders)], chosen[len(folders) :]
    kept, held_out = ([entry for c in merge(side) for entry in c.entries] for side in (train, test))
    if not kept:
        raise InputError(names or folders[0], "leaves nothing to train on")
    check_disjoint(kept, held_out)
    return (kept, held_out) if held_out else datasets.hold_out_subjects(kept)


def _parts(folder: Path, licences: Sequence[str]) -> tuple[Collection, Collection]:
    """A folder's part to train on and its part to test on, which may be empty."""
    layout, root = find_layout(folder)
    train = read_folder(folder, "train", licences)
    if not layout.splits or _has_test(layout, root):
        return train, read_folder(folder, "test", licences)
    return train, _collection(layout.name, ())


def _collection(
    layout: str,
    entries: Sequence[Entry],
    listed: Sequence[tuple[str, ...]] | None = None,
    trimaps: Path | None = None,
) -> Collection:
    names = tuple(listed or ((),) * len(entries))
    return Collection(layout, tuple(entries), tuple(range(len(entries))), names, trimaps)


def _has_test(layout: Layout, root: Path) -> bool:
    if layout is CORPUS:
        return True
    if layout.read is _read_pascal_voc:
        return _voc_list(root, "test").is_file()
    return any((root / part).is_dir() for part in ("Test_set", "Test", "validation"))


def _holding(*parts: str, beside: str = "") -> Callable[[Path], Path | None]:
    """Make a finder of the folder with one of `parts`, and `beside`: the given one, or the only one in it."""

    def root(folder: Path) -> Path | None:
        inside = [path for path in sorted(folder.iterdir()) if path.is_dir() and path.name[0] not in "._"]
        for place in [folder, *(inside if len(inside) == 1 else [])]:
            if any((place / part).is_dir() for part in parts) and (place / beside).is_dir():
                return place
        return None

    return root


def _listed(file: Path) -> list[str] | None:
    return read_names(file) if file.is_file() else None


def _in_order(
    layout: str, found: Sequence[Entry], fg_list: Path, bg_list: Path, trimaps: Path | None = None
) -> Collection:
    """Foregrounds in the order of the authors' list, with their share of the listed backgrounds.

    Raises:
        InputError: a listed foreground is missing, or the backgrounds cannot be shared out evenly.
    """
    names, backgrounds = _listed(fg_list), _listed(bg_list)
    entries = list(found)
    if names is not None:
        by_file = {Path(entry.photo).stem: entry for entry in found}
        for name in names:
            if Path(name).stem not in by_file:
                raise InputError(fg_list, f"names {name}, which is not among the foregrounds of {layout}")
        entries = [by_file[Path(name).stem] for name in names]
    if backgrounds is None:
        return _collection(layout, entries, trimaps=trimaps)
    each, rest = divmod(len(backgrounds), len(entries))
    if rest or not each:
        problem = f"lists {len(backgrounds)} backgrounds for {len(entries)} foregrounds"
        raise InputError(bg_list, problem, "as many for each foreground are accepted")
    shares = [tuple(backgrounds[i * each : (i + 1) * each]) for i in range(len(entries))]
    return _collection(layout, entries, shares, trimaps)


def _read_composition_1k(root: Path, split: Split) -> Collection:
    part, stem = ("Training_set", "training") if split == "train" else ("Test_set", "test")
    accepted = f"{part}/Adobe-licensed images/ with fg/ and alpha/ is accepted"
    licensed = root / part / "Adobe-licensed images"
    entries = datasets.paired_folders(licensed / "fg", licensed / "alpha", accepted, cut_out=True)
    other = root / part / "Other"
    if other.is_dir():
        entries += datasets.paired_folders(other / "fg", other / "alpha", accepted, cut_out=True)
    trimaps = licensed / "trimaps"
    return _in_order(
        "composition-1k",
        entries,
        root / part / f"{stem}_fg_names.txt",
        root / part / f"{stem}_bg_names.txt",
        trimaps if trimaps.is_dir() else None,
    )


def _read_distinctions_646(root: Path, split: Split) -> Collection:
    part = root / ("Train" if split == "train" else "Test")
    accepted = f"{part.name}/ with FG/ and GT/ is accepted"
    entries = datasets.paired_folders(part / "FG", part / "GT", accepted, cut_out=True)
    return _in_order("distinctions-646", entries, part / f"fg_{split}.txt", part / f"bg_{split}.txt")


def _read_p3m_10k(root: Path, split: Split) -> Collection:
    if split == "train":
        train = root / "train"
        accepted = "train/ with blurred_image/ and mask/ is accepted"
        return _collection(
            "p3m-10k", datasets.paired_folders(train / "blurred_image", train / "mask", accepted)
        )
    entries: list[Entry] = []
    for name, photos in (("P3M-500-P", "blurred_image"), ("P3M-500-NP", "original_image")):
        part = root / "validation" / name
        accepted = f"validation/{name}/ with {photos}/ and mask/ is accepted"
        entries += datasets.paired_folders(part / photos, part / "mask", accepted, prefix=f"{name}/")
    return _collection("p3m-10k", entries)


def _read_am_2k(root: Path, split: Split) -> Collection:
    part = root / ("train" if split == "train" else "validation")
    accepted = f"{part.name}/ with original/ and mask/ is accepted"
    return _collection("am-2k", datasets.paired_folders(part / "original", part / "mask", accepted))


def _voc_list(root: Path, split: Split) -> Path:
    return root / "ImageSets" / "Segmentation" / f"{'val' if split == 'test' else 'train'}.txt"


def _read_pascal_voc(root: Path, split: Split) -> Collection:
    """The photos that the authors' list names; all that are segmented where there is no list."""
    listed = _voc_list(root, split)
    labels = root / "SegmentationClass"
    names = _listed(listed) or sorted(path.stem for path in labels.glob("*.png"))
    entries = []
    for name in names:
        photo, label = root / "JPEGImages" / f"{name}.jpg", labels / f"{name}.png"
        for path in (photo, label):
            if not path.is_file():
                raise InputError(path, "does not exist", f"{listed} names it")
        entries.append(Entry(name, photo, label, classes=True))
    if not entries:
        raise InputError(labels, "holds no images", "Pascal VOC's segmentations are accepted")
    return _collection("pascal-voc", entries)


def _read_human_matting(root: Path, split: Split) -> Collection:
    """Each photo with its matte of the same group, number and name.

    Raises:
        InputError: no photos, or one without its matte.
    """
    photos, mattes = root / "clip_img", root / "matting"
    entries = []
    for photo in datasets.images(photos, "clip_img/ and matting/ of Human Matting are accepted"):
        place = photo.relative_to(photos).with_suffix("")
        folder = place.parent.parent / place.parent.name.replace("clip_", "matting_", 1)
        matte = mattes / folder / f"{place.name}.png"
        if not matte.is_file():
            raise InputError(photo, "has no matte", f"{matte} is accepted")
        entries.append(Entry(place.as_posix(), photo, matte, matte=True))
    return _collection("human-matting", entries)


def _corpus(folder: Path) -> Path | None:
    """Find the folder of a corpus, of its people or the given one; cut-outs may have a manifest, too."""
    return next(
        (f for f in (folder / "people", folder) if (f / "manifest.csv").is_file() and (f / "photo").is_dir()),
        None,
    )


def _supervisely(folder: Path) -> Path | None:
    """Find the folder of a Supervisely project: the given one, or the only one in it; None if neither."""
    inside = [path for path in sorted(folder.iterdir()) if path.is_dir() and path.name[0] not in "._"]
    for place in [folder, *(inside if len(inside) == 1 else [])]:
        if (place / "meta.json").is_file() and any(place.glob("*/ann")):
            return place
    return None


def _read_supervisely(root: Path, split: Split) -> Collection:
    """Each photo of each part that has an annotation, which may show nobody.

    Raises:
        InputError: no photos, or one without its annotation.
    """
    entries = []
    for part in sorted(path.parent for path in root.glob("*/ann")):
        for photo in datasets.images(part / "img", "img/ and ann/ of a Supervisely project are accepted"):
            annotation = part / "ann" / f"{photo.name}.json"
            if not annotation.is_file():
                raise InputError(photo, "has no annotation", f"{annotation} is accepted")
            entries.append(Entry(f"{part.name}/{photo.stem}", photo, annotation, annotated=True))
    return _collection("supervisely", entries)


def _pairs(
    layout: str, photos: str, alphas: str, *, cut_out: bool = False
) -> Callable[[Path, Split], Collection]:
    def read(root: Path, split: Split) -> Collection:
        accepted = f"a folder with {photos}/ and {alphas}/ is accepted"
        entries = datasets.paired_folders(root / photos, root / alphas, accepted, cut_out=cut_out)
        return _collection(layout, entries)

    return read


def _cut_outs(folder: Path) -> Path | None:
    """The folder itself, where the first of its images has an alpha channel."""
    try:
        first = _read_cut_outs(folder, "train").entries[0]
    except (InputError, IndexError):
        return None
    return folder if vips.has_alpha(first.photo) else None


def _read_cut_outs(root: Path, split: Split) -> Collection:
    """All images of a folder, but for photos without people in ``backgrounds/``."""
    return _collection(
        "cut-outs", [e for e in datasets.rgba_folder(root) if not e.name.startswith("backgrounds/")]
    )


CORPUS: Final = Layout(
    "corpus",
    "people/manifest.csv, people/photo/, people/alpha/",
    _corpus,
    lambda root, split: _collection("corpus", datasets.corpus(root, "val" if split == "test" else "train")),
)

LAYOUTS: Final[tuple[Layout, ...]] = (
    CORPUS,
    Layout(
        "composition-1k",
        "Training_set/, Test_set/",
        _holding("Training_set", "Test_set"),
        _read_composition_1k,
    ),
    Layout(
        "distinctions-646",
        "Train/FG/, Train/GT/, Test/",
        _holding("Train/FG", "Test/FG"),
        _read_distinctions_646,
    ),
    Layout(
        "p3m-10k",
        "train/blurred_image/, train/mask/, validation/",
        _holding("train/blurred_image", "validation/P3M-500-P", "validation/P3M-500-NP"),
        _read_p3m_10k,
    ),
    Layout(
        "am-2k",
        "train/original/, train/mask/, validation/",
        _holding("train/original", "validation/original"),
        _read_am_2k,
    ),
    Layout(
        "pascal-voc",
        "JPEGImages/, SegmentationClass/",
        _holding("SegmentationClass", beside="JPEGImages"),
        _read_pascal_voc,
    ),
    Layout(
        "human-matting",
        "clip_img/, matting/",
        _holding("clip_img", beside="matting"),
        _read_human_matting,
        splits=False,
    ),
    Layout("supervisely", "meta.json, */img/, */ann/", _supervisely, _read_supervisely, splits=False),
    Layout("ppm-100", "image/, matte/", _holding("matte"), _pairs("ppm-100", "image", "matte"), splits=False),
    Layout(
        "image and alpha",
        "image/, alpha/",
        _holding("image"),
        lambda root, _: _collection("image and alpha", datasets.image_alpha_folder(root)),
        splits=False,
    ),
    Layout(
        "aim-500",
        "original/, mask/",
        _holding("original", beside="mask"),
        _pairs("aim-500", "original", "mask"),
        splits=False,
    ),
    Layout(
        "fg and alpha",
        "fg/, alpha/",
        _holding("fg", beside="alpha"),
        _pairs("fg and alpha", "fg", "alpha", cut_out=True),
        splits=False,
    ),
    Layout(
        "cut-outs",
        "image files with an alpha channel, such as PhotoMatte85",
        _cut_outs,
        _read_cut_outs,
        splits=False,
    ),
)
"""Every layout, in the order in which they are looked for."""

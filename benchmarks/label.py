r"""Label photos that nobody labelled with what several networks agree on, and add them to a corpus.

Run from the root of the repository::

    python benchmarks/label.py PHOTOS -o CORPUS --with CORPUS \
        --rvm FILE --modnet FILE --u2net FILE --isnet FILE

PHOTOS holds ``people/``, ``things/``, ``either/`` and ``scenes/`` with JPEG files, and perhaps
``sources.csv`` (name, source, licence) and ``boxes.csv`` (name, class, xmin, ymin, xmax, ymax: what Pascal
VOC's annotations say). What is made is a corpus as `wisp train` takes it: ``people/`` and ``things/`` with
``photo/``, ``alpha/``, ``weight/`` and ``manifest.csv``, and ``backgrounds/``; photos are links. ``--with``
joins another corpus to it, by links, too. One photo in seventeen is held out. Photos that are labelled
already are not looked at again, so an interrupted run goes on. The rules are those of `_agreed`:

- people: RVM's alpha, as far as MODNet, wisp's subject network and its segmenter say the same. A photo in
  which something boxed is more than `LARGER` times as large as all boxed people is left out;
- things: the mean of U²-Net and wisp's subject network, or where those differ IS-Net's alpha as far as one of
  them says the same. A photo without boxes in which wisp sees people is left out;
- either: people, unless wisp is sure that there are none;
- scenes: nothing is there.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np

from _agreed import Agreed, agree_on_people, agree_on_thing, like_each_other
from wisp.core.arrays import Image
from wisp.core.regions import Box
from wisp.core.resample import resize
from wisp.engine.families.subject import LIKELY, see
from wisp.engine.families.subject_masks import PEOPLE_MASK, SUBJECT_MASK
from wisp.engine.peers import LoadedPeer, open_peer
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo, write_image

TEACHERS: Final = ("rvm", "modnet", "u2net", "isnet")
KINDS: Final = ("people", "things", "either")
HELD_OUT: Final = 17
UNLIKELY: Final = 0.15
"""Presence of people, [0, 1], below which a photo of either is one of a thing."""
LARGER: Final = 3
"""Something boxed of more than so many times the area of all boxed people is what the photo shows."""
LEAST_TRUST: Final = 0.75
"""Mean trust of a label, [0, 1], below which its photo is left out."""
COLUMNS: Final = ("name", "split", "source", "licence", "height", "width", "subject_share", "trust", "kind")


class Label(NamedTuple):
    """What was made of a photo: the corpus's group that it belongs to, and its label."""

    group: Literal["people", "things"]
    agreed: Agreed


class Boxed(NamedTuple):
    """What somebody drew boxes around in a photo."""

    persons: tuple[Box, ...]
    others: tuple[Box, ...]


def main() -> None:
    """Label, and write the manifests."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--with", dest="corpus", type=Path)
    for name in TEACHERS:
        parser.add_argument(f"--{name}", type=Path, required=True)
    arguments = parser.parse_args()
    teachers = {name: open_peer(name, getattr(arguments, name), threads=1) for name in TEACHERS}
    boxes = read_boxes(arguments.photos / "boxes.csv")
    counts: Counter[str] = Counter()
    for kind in KINDS:
        for photo in sorted((arguments.photos / kind).glob("*.jpg")):
            counts[_label(photo, kind, boxes.get(photo.stem), teachers, arguments.out)] += 1
    scenes = sorted((arguments.photos / "scenes").glob("*.jpg"))
    for photo in scenes:
        _link(photo, arguments.out / "backgrounds" / photo.name)
    rewritten = [Path(group, "manifest.csv") for group in ("people", "things")]
    if arguments.corpus is not None:
        for path in sorted(arguments.corpus.glob("*/**/*")):
            inside = path.relative_to(arguments.corpus)
            if path.is_file() and inside not in rewritten:
                _link(path, arguments.out / inside)
    for manifest in rewritten:
        if (arguments.out / manifest).parent.is_dir():
            _write_manifest(
                (arguments.out / manifest).parent, arguments.photos / "sources.csv", arguments.corpus
            )
    print(", ".join(f"{what} {count}" for what, count in counts.most_common()), f"scenes {len(scenes)}")


def label(image: Image, kind: str, boxed: Boxed | None, teachers: Mapping[str, LoadedPeer]) -> Label | None:
    """The label of a photo by what networks agree on; None where they do not.

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1].
        kind: one of `KINDS`.
        boxed: what is boxed in it; None where nobody drew boxes.
        teachers: by name, `TEACHERS`.
    """
    seen = see(image)
    subject, people = seen.masks[..., SUBJECT_MASK], seen.masks[..., PEOPLE_MASK]
    if kind == "things" and boxed is None and seen.presence[PEOPLE_MASK] > LIKELY:
        return None
    if kind == "people" or (kind == "either" and seen.presence[PEOPLE_MASK] >= UNLIKELY):
        persons, others = boxed or ((), ())
        if others and max(map(_area, others)) > LARGER * sum(map(_area, persons)):
            return None
        seconds = [teachers["modnet"](image), people, *([] if seen.people is None else [seen.people])]
        agreed = agree_on_people(teachers["rvm"](image), seconds, subject, persons)
        return None if agreed is None else Label("people", agreed)
    coarse = teachers["u2net"](image)
    fine = None if like_each_other(coarse, subject) else teachers["isnet"](image)
    agreed = agree_on_thing(coarse, subject, fine)
    return None if agreed is None else Label("things", agreed)


def read_boxes(file: Path) -> dict[str, Boxed]:
    """By a photo's name, what is boxed in it; nothing where there is no such file."""
    if not file.is_file():
        return {}
    found: dict[str, dict[bool, list[Box]]] = {}
    with file.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            box = Box(*(int(row[side]) for side in ("ymin", "xmin", "ymax", "xmax")))
            of_photo = found.setdefault(Path(row["name"]).stem, {True: [], False: []})
            of_photo[row["class"] == "person"].append(box)
    return {name: Boxed(tuple(boxes[True]), tuple(boxes[False])) for name, boxes in found.items()}


def _area(box: Box) -> int:
    return (box.bottom - box.top) * (box.right - box.left)


def _label(photo: Path, kind: str, boxed: Boxed | None, teachers: Mapping[str, LoadedPeer], out: Path) -> str:
    """Write a photo's label where there is none yet; returns what became of it."""
    for group in ("people", "things"):
        if (out / group / "alpha" / f"{photo.stem}.png").is_file():
            return group
    image = read_photo(photo).image
    made = label(image, kind, boxed, teachers)
    if made is None or made.agreed.trust.mean() < LEAST_TRUST:
        return "left out"
    alpha, trust = made.agreed
    folder = out / made.group
    quarter = (max(1, alpha.shape[0] // 4), max(1, alpha.shape[1] // 4))
    for name in ("photo", "weight", "alpha"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    _link(photo, folder / "photo" / photo.name)
    write_image(folder / "weight" / f"{photo.stem}.png", np.clip(resize(trust, *quarter), 0, 1))
    write_image(folder / "alpha" / f"{photo.stem}.png", alpha)
    return made.group


def _write_manifest(folder: Path, sources: Path, corpus: Path | None) -> None:
    """Write the manifest of a group: what was labelled, and what another corpus has."""
    known: dict[str, dict[str, str]] = {}
    if sources.is_file():
        with sources.open(newline="", encoding="utf-8") as file:
            known = {Path(row["name"]).stem: row for row in csv.DictReader(file)}
    rows: list[dict[str, str]] = []
    if corpus is not None and (corpus / folder.name).is_dir():
        with (corpus / folder.name / "manifest.csv").open(newline="", encoding="utf-8") as file:
            rows.extend({key: row.get(key, "") for key in COLUMNS} for row in csv.DictReader(file))
    theirs = {row["name"] for row in rows}
    for path in sorted((folder / "alpha").glob("*.png")):
        if path.stem in theirs:
            continue
        alpha, trust = read_grey(path), read_grey(folder / "weight" / path.name)
        about = known.get(path.stem, {})
        rows.append(
            {
                "name": path.stem,
                "split": "val" if sum(path.stem.encode()) % HELD_OUT == 0 else "train",
                "source": about.get("source", ""),
                "licence": about.get("licence", "not recorded"),
                "height": str(alpha.shape[0]),
                "width": str(alpha.shape[1]),
                "subject_share": f"{(alpha > 0.5).mean():.4f}",
                "trust": f"{trust.mean():.4f}",
                "kind": "other",
            }
        )
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def _link(file: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.exists():
        place.symlink_to(file.resolve())


if __name__ == "__main__":
    main()

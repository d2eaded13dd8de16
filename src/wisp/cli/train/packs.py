"""Packed photos of a corpus, as several of the ``wisp train`` verbs learn from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wisp.cli.train.options import CorpusOptions, listed
from wisp.core.errors import InputError

if TYPE_CHECKING:
    from wisp.data.datasets import Entry
    from wisp.data.packed import Pack

PackOption = Annotated[
    Path | None,
    typer.Option(help="Folder for the decoded photos, which several runs may share [default: OUT/photos]."),
]
TeachersOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder of another network's alphas of the people's photos, NAME.png, which count where labels "
        "are not trusted."
    ),
]


def packs_of(
    data: Path,
    folder: Path,
    chosen: CorpusOptions,
    *,
    things: bool = True,
    side: int | None = None,
    teachers: Path | None = None,
    report: Callable[[str], None],
) -> tuple[Pack, Pack]:
    """Packs to learn from and to validate on, made where they are not there yet.

    Args:
        data: a corpus: people/ and perhaps things/, cutouts/, backgrounds/.
        folder: for ``train/`` and ``val/``.
        chosen: which photos of it, and photos without a subject instead of the corpus's.
        things: whether things and cut-outs belong to it.
        side: longer side of what is kept, pixels; that of `wisp.data.packed.SIDE` when None.
        teachers: as `wisp.data.packed.pack` takes them.
        report: receives a line now and then.
    """
    from wisp.data.packed import SIDE, pack

    allowed = listed(chosen.licences)
    train, held_out = (
        pack(
            _groups(data, split, allowed, chosen.backgrounds, things=things),
            folder / split,
            side=side or SIDE,
            teachers=teachers,
            report=report,
        )
        for split in ("train", "val")
    )
    return train, held_out


def one_corpus(data: list[Path]) -> Path:
    """The one corpus that packs are made of, or `InputError`."""
    if len(data) != 1:
        raise InputError("--data", "is given several times", "packs are made of one corpus")
    return data[0]


def refuse_photos_alone(**options: object) -> None:
    """Raise `InputError` for options of the recipes that learn from photos which are not packed."""
    for name, value in options.items():
        if value is not None:
            raise InputError(
                f"--{name.replace('_', '-')}", "is no option of a packed recipe", "the other recipes have it"
            )


def refuse_packs(recipe: str, pack: Path | None) -> None:
    """Raise `InputError` for ``--pack`` beside a recipe that learns from other photos."""
    if pack is not None:
        raise InputError("--pack", f"is no option of --recipe {recipe}", "the packed recipes have it")


def _groups(
    data: Path, split: str, licences: list[str], backgrounds: Path | None, *, things: bool
) -> list[tuple[str, list[Entry] | list[Path]]]:
    """Photos of a corpus by group; one background in ten is held out, cut-outs are all for training.

    Licences choose among the corpus's backgrounds, too, not among those that are given instead.
    """
    from wisp.data import datasets

    groups: list[tuple[str, list[Entry] | list[Path]]] = []
    for name in ("people", "things") if things else ("people",):
        if name == "things" and not (data / name).is_dir():
            continue
        groups.append((name, datasets.corpus(data / name, split, licences)))
    if split == "train" and things and (data / "cutouts").is_dir():
        folder = data / "cutouts"
        cut_outs = datasets.rgba_folder(folder)
        if licences:
            names = datasets.names_by_licence(folder, licences)
            cut_outs = [entry for entry in cut_outs if Path(entry.name).name in names]
        groups.append(("cutouts", cut_outs))
    places = datasets.backgrounds(backgrounds or data / "backgrounds")
    if licences and backgrounds is None:
        names = datasets.names_by_licence(data / "backgrounds", licences)
        places = [path for path in places if path.stem in names]
        if not places:
            raise InputError(
                data / "backgrounds", "has no photo of such a licence", "--backgrounds is accepted"
            )
    scenes, held_out = datasets.hold_out(places)
    groups.append(("scenes", scenes if split == "train" else held_out))
    return groups

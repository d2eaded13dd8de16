"""Which inputs become which outputs: what can go wrong with paths is found before any work starts.

One file becomes one file. Several, or a folder, become a folder of the same shape: ``trip/day 1/a.jpg`` given
as ``trip`` becomes ``OUT/day 1/a.png``.
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wisp.core.errors import InputError
from wisp.io.atomic import check_output
from wisp.io.folders import identity_of, is_photo, is_unread, walk
from wisp.io.formats import (
    READABLE_SUFFIXES,
    UNREADABLE_SUFFIXES,
    check_holds,
    format_of,
)
from wisp.io.paths import STDIO, input_path, means_folder, output_path, refuse_address


@dataclass(frozen=True)
class Job:
    """One photo and everything that is read and written for it. A path ``-`` is standard input or output.

    Attributes:
        input: the photo.
        output: the result.
        alpha_out: where its alpha goes too, if asked for.
        foreground_out: where its foreground goes too, if asked for.
        trimap: guidance, if given.
        mask: guidance, if given.
        alpha: guidance, if given.
        plate: guidance, if given.
    """

    input: Path
    output: Path
    alpha_out: Path | None = None
    foreground_out: Path | None = None
    trimap: Path | None = None
    mask: Path | None = None
    alpha: Path | None = None
    plate: Path | None = None

    @property
    def outputs(self) -> tuple[Path, ...]:
        """Every path that is written."""
        return tuple(p for p in (self.output, self.alpha_out, self.foreground_out) if p is not None)

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Every path that is read."""
        return tuple(p for p in (self.input, self.trimap, self.mask, self.alpha, self.plate) if p is not None)

    def make_folders(self) -> None:
        """Create the folders of the outputs; for jobs of a folder, right before they are written.

        Raises:
            InputError: one cannot be created.
        """
        for path in self.outputs:
            if str(path) != STDIO:
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    problem = f"the folder cannot be created: {error.strerror}"
                    raise InputError(path.parent, problem) from error


@dataclass(frozen=True)
class Plan:
    """The photos to work on, with their outputs and guidance, and what was skipped or cannot be done.

    Attributes:
        jobs: what can be done, in a stable order.
        errors: inputs that cannot (not there, no partner, no name of their own), one each.
        skipped: files in the folders that are no images.
        unread: pictures in the folders of kinds that are not read, counted by their suffix.
        existing: photos that are left out because all of their outputs exist.
        folder: whether OUT is a folder, that is, whether the jobs' folders are still to be made.
    """

    jobs: tuple[Job, ...]
    errors: tuple[InputError, ...]
    skipped: int
    unread: Mapping[str, int]
    folder: bool
    existing: int = 0


def plan(
    inputs: Sequence[Path | str],
    out: Path | str,
    *,
    format: str | None = None,
    opaque: bool = False,
    save_alpha: Path | str | None = None,
    save_foreground: Path | str | None = None,
    trimap: Path | str | None = None,
    mask: Path | str | None = None,
    alpha: Path | str | None = None,
    plate: Path | str | None = None,
    others: Sequence[Path | str] = (),
    overwrite: bool = False,
    skip_existing: bool = False,
) -> Plan:
    """Pair inputs with outputs, companions and guidance. Reads names and first bytes only, writes nothing.

    With one input that is no folder, `out` and every other path is a file, and the parent folders must exist;
    a path that is a folder already, or ends in a slash, is one in which the file gets the photo's name.
    Otherwise all of them are folders:

    - Folders are read recursively, through links but into no folder twice, and not into the output,
      companion or guidance folders where these lie inside. Hidden files and folders are passed over, and so
      are pipes and devices; files that are no images, and images of kinds that are not read, are skipped and
      counted. An input named twice is done once.
    - The output is ``out/<relative folder>/<stem>.<suffix of format>``, and companions have the same name in
      their own folders. Where inputs would share a name (letter case aside), each keeps its own suffix
      before the new one; where they come from several folders, each is put into a folder named after its own
      (and after what that lies in, where folders of one name are given).
    - Guidance is paired by relative folder and stem, first by the whole file name (``a.jpg`` with
      ``a.jpg.png``), then by the stem (``a.jpg`` with ``a.png``).

    Args:
        inputs: photos and folders; ``-`` is standard input, alone.
        out: the output file or folder; ``-`` is standard output, for one input.
        format: a key of `FORMATS`; None goes by the suffix of a file and is PNG in a folder.
        opaque: whether the result needs no alpha channel.
        save_alpha: file or folder for the alphas.
        save_foreground: file or folder for the foregrounds.
        trimap: guidance, a file or folder.
        mask: guidance, a file or folder.
        alpha: guidance, a file or folder.
        plate: guidance, a file or folder.
        others: further files that will be read (a background) and so must not be written.
        overwrite: whether outputs may exist already. Inputs are never overwritten.
        skip_existing: leave out photos whose outputs all exist; those of which some exist are errors.

    Raises:
        InputError: what stops the whole: no inputs, a file where a folder is needed or the reverse, a format
            that cannot hold the result, a missing parent, an output that exists or is an input.
    """
    if not inputs:
        raise InputError("INPUT", "is missing", "one or more photos or folders are accepted")
    sources = [Path(input_path(item)) for item in inputs]
    companions = {"alpha_out": save_alpha, "foreground_out": save_foreground}
    guidance = {
        kind: None if path is None else Path(input_path(path))
        for kind, path in (("trimap", trimap), ("mask", mask), ("alpha", alpha), ("plate", plate))
    }
    for other in others:
        refuse_address(other)
    if len(sources) == 1 and not sources[0].is_dir():
        target = _named_after(sources[0], out, format or "png")
        beside = {kind: _named_after(sources[0], path, "png") for kind, path in companions.items() if path}
        if means_folder(out) and str(sources[0]) != STDIO:
            guidance = {
                kind: path if path is None or not path.is_dir() else _partner_in(path, sources[0], kind)
                for kind, path in guidance.items()
            }
        made = {Path(path) for path in (out, *companions.values()) if path and means_folder(path)}
        for folder in made:
            _check_writable(folder)
        found = _plan_file(sources[0], target, format, opaque, beside, guidance)
        found = replace(found, folder=bool(made))
    else:
        for path in (out, *companions.values()):
            if path is not None:
                _check_folder_name(path)
        folders = {kind: _path(path) for kind, path in companions.items()}
        found = _plan_folder(sources, Path(output_path(out)), format, opaque, folders, guidance)
        made = {path for path in (Path(out), *folders.values()) if path is not None}
    if skip_existing:
        found = _without_existing(found)
    _check_outputs(found, others, made, overwrite=overwrite)
    return found


def _named_after(source: Path, out: Path | str, format: str) -> Path:
    """The file that an output path of one photo means: in a folder it has the photo's name."""
    if str(out) == STDIO or not means_folder(out):
        return Path(output_path(out))
    if str(source) == STDIO:
        problem = "is a folder, and standard input has no name"
        raise InputError(out, problem, "the path of a file is accepted with it")
    suffix = format_of(STDIO, format).suffix
    return Path(output_path(out)) / f"{source.stem}{suffix}"


def _partner_in(folder: Path, source: Path, kind: str) -> Path:
    return _partner(source, Path(source.name), _by_stem(folder), kind)


def _check_folder_name(path: Path | str) -> None:
    """Raise `InputError` where a folder that is to be made would be called like a picture: a slip."""
    suffix = Path(path).suffix.lower()
    if (
        suffix in READABLE_SUFFIXES | UNREADABLE_SUFFIXES
        and not means_folder(path)
        and not Path(path).exists()
    ):
        raise InputError(
            path,
            f"has a picture's suffix, {suffix!r}, but several inputs or a folder need a folder",
            f"another name, or {path}/ for a folder of this name, is accepted",
        )


def _without_existing(found: Plan) -> Plan:
    """The plan without the photos whose outputs exist; those of which some are missing are errors."""
    jobs, errors, existing = [], list(found.errors), 0
    for job in found.jobs:
        there = [path for path in job.outputs if str(path) != STDIO and path.is_file()]
        missing = [path for path in job.outputs if path not in there]
        if not there:
            jobs.append(job)
        elif not missing:
            existing += 1
        else:
            problem = f"exists already, but {missing[0]} does not"
            errors.append(InputError(there[0], problem, "--overwrite makes both"))
    return replace(found, jobs=tuple(jobs), errors=tuple(errors), existing=existing)


def _plan_file(
    source: Path,
    target: Path,
    format: str | None,
    opaque: bool,
    companions: Mapping[str, Path | None],
    guidance: Mapping[str, Path | None],
) -> Plan:
    _check_format(target, format, opaque=opaque)
    for companion in companions.values():
        if companion is not None:
            _check_format(companion, None, opaque=True)
    read = [source, *(path for path in guidance.values() if path is not None)]
    if [str(path) for path in read].count(STDIO) > 1:
        raise InputError(STDIO, "standard input is asked for twice", "one input from it is accepted")
    for path in read[1:]:
        if path.is_dir():
            raise InputError(path, "is a folder", "a file is accepted with one input")
    errors = [InputError(path, "does not exist") for path in read if str(path) != STDIO and not path.exists()]
    jobs = () if errors else (Job(source, target, **companions, **guidance),)
    return Plan(jobs, tuple(errors[:1]), 0, {}, folder=False)


def _plan_folder(
    sources: Sequence[Path],
    target: Path,
    format: str | None,
    opaque: bool,
    companions: dict[str, Path | None],
    guidance: dict[str, Path | None],
) -> Plan:
    for path in [*sources, target, *companions.values(), *guidance.values()]:
        if path is not None and str(path) == STDIO:
            raise InputError(STDIO, "standard input and output are for one input alone", "a path is accepted")
    for path in (target, *companions.values()):
        if path is not None and path.exists() and not path.is_dir():
            raise InputError(path, "is a file", "a folder is accepted with several inputs or a folder")
        if path is not None:
            _check_writable(path)
    partners: dict[str, dict[tuple[Path, str], list[Path]]] = {}
    for kind, folder in guidance.items():
        if folder is not None:
            if not folder.is_dir():
                problem = "is a file" if folder.exists() else "does not exist"
                raise InputError(folder, problem, "a folder is accepted with several inputs or a folder")
            partners[kind] = _by_stem(folder)
    suffix = _check_format(target / "*", format or "png", opaque=opaque)

    own = [path for path in (target, *companions.values(), *guidance.values()) if path is not None]
    photos, errors, others = _gather(sources, own)
    names = _names([relative for _, relative in photos], suffix)
    taken = Counter(map(_folded, names))
    jobs = []
    for (photo, relative), name in zip(photos, names, strict=True):
        try:
            if taken[_folded(name)] > 1:
                problem = f"and another input, alike but for letter case, would both become {target / name}"
                raise InputError(photo, problem, "another name for one of them is accepted")
            paired = {kind: _partner(photo, relative, index, kind) for kind, index in partners.items()}
        except InputError as error:
            errors.append(error)
            continue
        beside = {kind: folder / name for kind, folder in companions.items() if folder is not None}
        jobs.append(Job(photo, target / name, **beside, **paired))
    unread = Counter(path.suffix.lower() or path.name for path in others if is_unread(path))
    return Plan(tuple(jobs), tuple(errors), len(others) - unread.total(), unread, folder=True)


def _gather(
    sources: Sequence[Path], own: Sequence[Path]
) -> tuple[list[tuple[Path, Path]], list[InputError], list[Path]]:
    """The photos of `sources`, each once, with their relative paths; errors; files that are no photos."""
    photos: dict[str, tuple[Path, Path, Path]] = {}
    errors: list[InputError] = []
    others: list[Path] = []
    for source in sources:
        if source.is_dir():
            for path in walk(source, {identity_of(folder) for folder in own}, errors.append):
                if is_photo(path):
                    photos.setdefault(os.path.realpath(path), (path, path.relative_to(source), source))
                else:
                    others.append(path)
        elif source.exists():
            photos.setdefault(os.path.realpath(source), (source, Path(source.name), source.parent))
        else:
            errors.append(InputError(source, "does not exist"))
    return _told_apart(list(photos.values())), errors, others


def _told_apart(photos: list[tuple[Path, Path, Path]]) -> list[tuple[Path, Path]]:
    """Photos with relative paths: below the names of their folders where folders hold the same name."""
    same = Counter(_folded(relative) for _, relative, _ in photos)
    shared = {top.resolve() for _, relative, top in photos if same[_folded(relative)] > 1}
    names = _tails(shared) if len(shared) > 1 else {}
    return [(photo, names.get(top.resolve(), Path()) / relative) for photo, relative, top in photos]


def _tails(folders: Collection[Path]) -> dict[Path, Path]:
    """The last parts of resolved folders' paths, as many for each as tell all of them apart."""
    most = max(len(folder.parts) for folder in folders)
    for length in range(1, most):
        tails = {folder: Path(*folder.parts[1:][-length:]) for folder in folders}
        if len({_folded(tail) for tail in tails.values()}) == len(tails):
            return tails
    return {folder: Path(folder.name) for folder in folders}  # drives, or letter case alone, tell them apart


def _names(relatives: Sequence[Path], suffix: str) -> list[Path]:
    """Output names for relative paths: the new suffix for the old one, or after it where two would share."""
    kept = [False] * len(relatives)
    while True:
        names = [
            relative.with_name((relative.name if keep else relative.stem) + suffix)
            for relative, keep in zip(relatives, kept, strict=True)
        ]
        shared = Counter(_folded(name) for name in names)
        wanted = [keep or shared[_folded(name)] > 1 for name, keep in zip(names, kept, strict=True)]
        if wanted == kept:
            return names
        kept = wanted


def _folded(name: Path) -> str:
    """A name as file systems that ignore letter case or Unicode form compare it."""
    return unicodedata.normalize("NFC", str(name)).casefold()


def _by_stem(folder: Path) -> dict[tuple[Path, str], list[Path]]:
    """The pictures below a readable guidance folder by (relative folder, stem); else `InputError`."""

    def stop(error: InputError) -> None:
        raise error

    found: dict[tuple[Path, str], list[Path]] = defaultdict(list)
    for path in walk(folder, set(), stop):
        if is_photo(path):
            found[path.relative_to(folder).parent, path.stem].append(path)
    return found


def _partner(photo: Path, relative: Path, index: dict[tuple[Path, str], list[Path]], kind: str) -> Path:
    """The one guidance file of a photo."""
    folder = relative.parent
    found = index.get((folder, relative.name)) or index.get((folder, relative.stem)) or []
    exact = [path for path in found if path.name == relative.name]
    found = exact or found
    if not found:
        raise InputError(photo, f"has no {kind}", f"a file {folder / relative.stem}.* is accepted")
    if len(found) > 1:
        raise InputError(photo, f"has several files for its {kind}: {', '.join(path.name for path in found)}")
    return found[0]


def _check_format(path: Path, format: str | None, *, opaque: bool) -> str:
    """Raise `InputError` unless the format of `path` holds the result; return its usual suffix."""
    row = format_of(path, format)
    check_holds(path, row, alpha=not opaque, bits=row.bits[0], width=1, height=1)
    return row.suffix


def _check_outputs(
    found: Plan, others: Sequence[Path | str], folders: Collection[Path], *, overwrite: bool
) -> None:
    """Raise `InputError` for outputs that share a path, are an input, exist, or cannot be written.

    `folders` are those that are made when they are missing.
    """
    read = [path for job in found.jobs for path in job.inputs] + [Path(path) for path in others]
    identities = {identity_of(path) for path in read if str(path) != STDIO} - {None}
    written = [path for job in found.jobs for path in job.outputs]
    shared = Counter(os.path.realpath(path) if str(path) != STDIO else STDIO for path in written)
    existing = []
    for path in written:
        real = os.path.realpath(path)
        if shared[STDIO if str(path) == STDIO else real] > 1:
            raise InputError(path, "is named for two outputs", "a path of its own for each is accepted")
        if str(path) == STDIO:
            continue
        if identity_of(path) in identities:
            raise InputError(path, "is an input; inputs are never overwritten")
        if not any(path.is_relative_to(folder) for folder in folders):
            check_output(path, overwrite=True)
        elif path.is_dir():
            raise InputError(path, "is a folder where a file is to be written")
        if not overwrite and (Path(real).is_file() or Path(real).is_dir()):
            existing.append(path)
    if existing:
        more = f", and {len(existing) - 1} more" if len(existing) > 1 else ""
        accepted = "--overwrite replaces, --skip-existing goes on with the others"
        raise InputError(existing[0], f"exists already{more}", accepted)


def _check_writable(folder: Path) -> None:
    """Raise `InputError` unless files can be made in `folder`, or it in the nearest folder that exists."""
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    if not existing.is_dir():
        raise InputError(folder, f"cannot be created: {existing} is no folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(folder, f"the folder {existing} cannot be written to")


def _path(path: Path | str | None) -> Path | None:
    return None if path is None else Path(output_path(path))

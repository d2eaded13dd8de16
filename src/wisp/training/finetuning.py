"""Fine-tuning a trained network on a few photos of one's own.

The recipe that a network was trained with goes on for a short while, slower, with its batch norms' statistics
kept: on the user's photos, and in between on samples of what it knows already, where those are at hand, so
that it does not forget; networks that see the image alone are taught what they said of these before. A part
of the photos is held out; they are cut out by the exported file, as the user will have it, before and after:
by the network alone, and by the whole of `wisp cutout`, without a model too. Where photos are few, each is
held out once, in a run for its part, and the network that comes out has learned from all (`Tuning.folds`).

What differs between families stands in the rows of `wisp.training.recipes.NETWORKS`: how the task is built,
which files it is exported to, and how a photo is cut out with these (`wisp.training.tuning.Tuner`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from wisp.core.arrays import Alpha, Bytes, Image, from_float, to_float
from wisp.core.errors import InputError
from wisp.data.datasets import Entry
from wisp.data.samples import Source
from wisp.engine.engine import ENGINE
from wisp.evaluation.protocols import Report, score_alpha
from wisp.io.atomic import write_files
from wisp.matting.trimap import trimap_from_alpha
from wisp.networks.checkpoints import read_checkpoint
from wisp.pipeline import estimate
from wisp.training import pictures
from wisp.training.export import export_network
from wisp.training.freezing import check_level, freeze_batch_norm, freeze_folded, freeze_parts
from wisp.training.importing import read_trained
from wisp.training.loader import Batch
from wisp.training.loop import Task, Terms, Validation, fit
from wisp.training.recipes import NETWORKS, tuners
from wisp.training.remembering import Mixed, Remembered
from wisp.training.tuning import Photos, Tuning
from wisp.training.verdicts import Verdict, judge

SHOWN: Final = 12
"""Rows of the sheet."""
SIDE: Final = 256
"""Sides of its pictures, pixels."""


@dataclass(frozen=True)
class Whole:
    """Scores of the held-out photos as `wisp cutout` gives them, refinement and all.

    Attributes:
        default: without a model of one's own.
        before: with the network as it was.
        after: with the new one.
    """

    default: Report
    before: Report
    after: Report


@dataclass(frozen=True)
class Tuned:
    """A fine-tuning's files and its scores before and after.

    Attributes:
        files: what it wrote for ``--model``, the main one first.
        before: scores of the held-out photos with the network as it was, by itself.
        after: with the new one.
        whole: those of the whole result.
        verdict: whether it is better than the better of the network as it was and the default.
    """

    files: tuple[Path, ...]
    before: Report
    after: Report
    whole: Whole
    verdict: Verdict


def finetune(
    model: str | Path,
    photos: Photos,
    out: Path,
    tuning: Tuning,
    *,
    precision: str = "auto",
    workers: int = 1,
    report: Callable[[str], None] = lambda _: None,
) -> Tuned:
    """Fine-tune a network; `out` receives its ONNX files, ``report.json``, ``sheet.png`` and ``run/``.

    Args:
        model: what `wisp.training.importing.read_network` takes.
        photos: what to train and measure on.
        out: folder, made when missing.
        tuning: how.
        precision: ``auto``, ``bf16`` or ``fp32``, see `wisp.training.loop.fit`.
        workers: processes that make samples; 0 makes them in between the steps.
        report: receives one line now and then.

    Raises:
        InputError: no such network, or one whose row has no tuner; photos that do not fit it; or
            `out` holds a run already.
    """
    name, recipe, network = read_trained(model)
    known = tuners()
    if name not in known:
        raise InputError(model, f"holds a {name}", f"a network of these is accepted: {', '.join(known)}")
    tuner = known[name]
    if tuning.segmenter is not None and not tuner.masked:
        masked = ", ".join(other for other, row in known.items() if row.masked)
        raise InputError("--segmenter", f"changes nothing: {name} is given no mask", f"{masked} are")
    check_level(tuning.freeze)
    if (out / "run").exists():
        raise InputError(out, "holds a fine-tuning already", "another folder is accepted")
    stem = Path(model).stem if Path(model).suffix.lower() in (".pt", ".onnx") else str(model)
    measured: list[_Measured] = []

    def learn(shown: Photos, folder: Path, *, judged: bool = True) -> nn.Module:
        inner = tuner.task(recipe, shown, tuning)
        task = TuningTask(inner, name, recipe, network, shown, tuning, stem)
        if judged:
            before = task.measure(network)
            report(f"before: {_told(before)}")
        schedule = inner.recipe.schedule
        best = fit(task, schedule, folder, precision=precision, workers=workers, report=report)
        trained = NETWORKS[name].build(recipe)
        found = read_checkpoint(best, "best.pt of this run is accepted")["network"]
        trained.load_state_dict(_between(found, network.state_dict(), tuning.keep))
        if judged:
            after = task.measure(trained)
            measured.append(_Measured(before, after, task.measure_whole(network, trained), task.rows()))
            report(f"after: {_told(after)}")
        return trained

    if tuning.folds:
        every = [*photos.kept, *photos.held_out]
        for number, (kept, held_out) in enumerate(_parts_of(every, tuning.folds), 1):
            told = f"{len(kept)} photos to train on, {len(held_out)} held out"
            report(f"part {number} of {tuning.folds}: {told}")
            learn(replace(photos, kept=kept, held_out=held_out), out / f"part-{number}")
        report(f"all {len(every)} photos to train on")
        trained = learn(replace(photos, kept=every, held_out=every), out / "run", judged=False)
    else:
        trained = learn(photos, out / "run")
    files = _export(name, recipe, trained, out / f"{stem}-tuned.onnx")
    before, after = (_joined([getattr(one, part) for one in measured]) for part in ("before", "after"))
    whole = Whole(
        *(_joined([getattr(one.whole, part) for one in measured]) for part in ("default", "before", "after"))
    )
    verdict = _verdict(whole, photos, tuning)
    kept_scores = {
        "model": str(model),
        "before": before.to_dict(),
        "after": after.to_dict(),
        "whole": {part: scores.to_dict() for part, scores in vars(whole).items()},
        "recommended": verdict.recommended,
        "verdict": verdict.words,
    }
    write_files({str(out / "report.json"): json.dumps(kept_scores, indent=1).encode() + b"\n"})
    rows = [row for one in measured for row in one.rows]
    pictures.write_png(out / "sheet.png", pictures.sheet(rows[:SHOWN]))
    return Tuned(files, before, after, whole, verdict)


class _Measured(NamedTuple):
    """Scores before and after of one part of the photos, and its rows of the sheet."""

    before: Report
    after: Report
    whole: Whole
    rows: list[list[Bytes]]


def remembers(model: str | Path) -> bool:
    """True where replayed samples teach a network its own earlier answers, since it sees the image alone.

    Args:
        model: as `finetune` takes it.

    Raises:
        InputError: no such network or file.
    """
    tuner = tuners().get(read_trained(model)[0])
    return tuner is not None and tuner.answer is not None


def _parts_of(entries: Sequence[Entry], count: int) -> Iterator[tuple[list[Entry], list[Entry]]]:
    """Photos to train on and held out, `count` times, so that each subject is held out once.

    Raises:
        InputError: fewer subjects than parts.
    """
    subjects = list(dict.fromkeys(entry.subject or entry.name for entry in entries))
    if len(subjects) < count:
        raise InputError("--folds", f"is {count}", f"at most {len(subjects)}, one a subject, is accepted")
    part = {subject: index % count for index, subject in enumerate(subjects)}
    for number in range(count):
        held_out = [entry for entry in entries if part[entry.subject or entry.name] == number]
        yield [entry for entry in entries if part[entry.subject or entry.name] != number], held_out


def _joined(reports: Sequence[Report]) -> Report:
    return Report("whole", {name: scores for one in reports for name, scores in one.images.items()})


def _verdict(whole: Whole, photos: Photos, tuning: Tuning) -> Verdict:
    """The new network's whole result against the better of what there was."""
    rival = min((whole.default, whole.before), key=lambda scores: scores.mean["sad"])
    subjects = {e.name: e.subject or e.name for e in (*photos.kept, *photos.held_out)}
    names = list(whole.after.images)
    before, after = ([scores.images[name]["sad"] for name in names] for scores in (rival, whole.after))
    every = len(photos.kept) + len(photos.held_out)
    share = 1.0 if tuning.folds else len(photos.held_out) / every
    return judge(before, after, [subjects[name] for name in names], share)


class TuningTask:
    """A family's task with the weights of a trained network, part of them frozen, and a mix of samples.

    Args:
        inner: the family's task.
        name: its network's key in `NETWORKS`.
        recipe: what `NETWORKS[name].build` makes the network from.
        network: the trained network.
        photos: what to train and measure on.
        tuning: how.
        stem: what exported files are named after.
    """

    score = "sad"

    def __init__(
        self,
        inner: Task,
        name: str,
        recipe: Mapping[str, Any],
        network: nn.Module,
        photos: Photos,
        tuning: Tuning,
        stem: str,
    ) -> None:
        self.inner, self.recipe, self.networks = inner, inner.recipe, inner.networks
        self._name, self._recipe, self._tuning, self._stem = name, recipe, tuning, stem
        mine = next(iter(self.networks.values()))
        mine.load_state_dict(network.state_dict())
        freeze_folded(mine)
        freeze_batch_norm(mine)
        freeze_parts(mine, NETWORKS[name].parts, tuning.freeze)
        self._frozen = {id(p) for p in mine.parameters() if not p.requires_grad}
        self.source: Source = inner.source
        if photos.known:
            before = replace(photos, kept=photos.known, scenes=photos.known_scenes)
            known = tuners()[name].task(recipe, before, replace(tuning, seed=tuning.seed + 1)).source
            if tuners()[name].answer is not None:
                known = Remembered(known, name, recipe, network)
            self.source = Mixed(inner.source, known, tuning.replay)
        self._held_out = [(entry.name, *_whole(entry, photos.scenes)) for entry in photos.held_out]
        self._alphas: list[list[Alpha]] = []

    def optimisers(self, networks: Mapping[str, nn.Module]) -> Mapping[str, Optimizer]:
        """The family's, without what is frozen: some tasks ask for gradients of everything."""
        found = self.inner.optimisers(networks)
        for optimiser in found.values():
            for group in optimiser.param_groups:
                group["params"] = [p for p in group["params"] if id(p) not in self._frozen]
            optimiser.param_groups[:] = [group for group in optimiser.param_groups if group["params"]]
        return found

    def phases(self, step: int) -> Sequence[str]:
        """The family's."""
        return self.inner.phases(step)

    def losses(self, phase: str, networks: Mapping[str, nn.Module], batch: Batch) -> Terms:
        """The family's."""
        return self.inner.losses(phase, networks, batch)

    def validate(self, network: nn.Module, device: torch.device) -> Validation:
        """Scores of the held-out photos, cut out by the exported file."""
        bare = NETWORKS[self._name].build(self._recipe)
        bare.load_state_dict({key: value.cpu() for key, value in network.state_dict().items()})
        return Validation(self.measure(bare).mean, self.sheet())

    def measure(self, network: nn.Module) -> Report:
        """Export a network and score the held-out photos with the file."""
        tuner = tuners()[self._name]
        with TemporaryDirectory() as folder:
            path = _export(self._name, self._recipe, network, Path(folder, f"{self._stem}.onnx"))[0]
            alphas = [tuner.cut(image, truth, path, self._tuning) for _, image, truth in self._held_out]
        self._alphas.append(alphas)
        return self._scored(alphas)

    def measure_whole(self, before: nn.Module, after: nn.Module) -> Whole:
        """Score the held-out photos as `wisp cutout` gives them: by default, and with either network."""
        reports = [self._scored([_cut_out(self._name, None, *photo) for _, *photo in self._held_out])]
        for network in (before, after):
            with TemporaryDirectory() as folder:
                path = _export(self._name, self._recipe, network, Path(folder, f"{self._stem}.onnx"))[0]
                alphas = [_cut_out(self._name, path, *photo) for _, *photo in self._held_out]
            reports.append(self._scored(alphas))
        return Whole(*reports)

    def _scored(self, alphas: Sequence[Alpha]) -> Report:
        scored = zip(self._held_out, alphas, strict=True)
        return Report("whole", {name: score_alpha(alpha, truth) for (name, _, truth), alpha in scored})

    def sheet(self) -> Bytes:
        """Photo, truth, alpha before, alpha now, and the subject on green; one row a held-out photo."""
        return pictures.sheet(self.rows()[:SHOWN])

    def rows(self) -> list[list[Bytes]]:
        """The rows of `sheet`, all of them."""
        rows = []
        for (_, image, truth), before, now in zip(
            self._held_out, self._alphas[0], self._alphas[-1], strict=True
        ):
            cells = [_small(x) for x in (image, truth, before, now)]
            rows.append([*cells, pictures.on_green(cells[0], cells[3])])
        return rows


def _small(values: np.ndarray[Any, np.dtype[np.float32]]) -> Bytes:
    from wisp.data.single_image import square

    return square(from_float(values), SIDE, letterbox=True)


def _whole(entry: Entry, scenes: Sequence[Path]) -> tuple[Image, Alpha]:
    """A held-out photo at its own size; a cut-out is set on a scene."""
    from wisp.compositing.backgrounds import fit_to_size as fit_background
    from wisp.compositing.over import over
    from wisp.data import vips

    photo = entry.load()
    image, alpha = to_float(photo.image), to_float(photo.alpha)
    if not entry.cut_out:
        return image, alpha
    place = sum(entry.name.encode()) % len(scenes)
    behind = fit_background(to_float(vips.read_rgb(scenes[place])), alpha.shape)
    return over(image, alpha, behind), alpha


def _between(new: Mapping[str, Tensor], old: Mapping[str, Tensor], keep: float) -> dict[str, Tensor]:
    """Weights on the line from new to old; what is no number with a point stays new."""
    return {
        key: value.lerp(old[key].to(value), keep) if value.is_floating_point() else value
        for key, value in new.items()
    }


def _told(report: Report) -> str:
    return " ".join(f"{name} {value:.4f}" for name, value in report.mean.items())


def _export(name: str, recipe: Mapping[str, Any], network: nn.Module, path: Path) -> tuple[Path, ...]:
    """The main file, and beside it those that `Tuner.beside` names, as `--model` looks for them."""
    files = [path]
    export_network(name, recipe, network, path)
    for part in tuners()[name].beside:
        file = path.with_name(f"{path.stem}-{part.removeprefix(f'{name}-')}{path.suffix}")
        export_network(part, recipe, network, file)
        files.append(file)
    return tuple(files)


def _cut_out(name: str, path: Path | None, image: Image, truth: Alpha) -> Alpha:
    """Alpha of `wisp cutout`: with a network by its family's method, or with what is used by default."""
    method = tuners()[name].method
    trimap = trimap_from_alpha(truth) if method == "dim" else None
    used = "auto" if path is None else method
    return estimate(image, used, trimap, None, model=path, engine=ENGINE).alpha

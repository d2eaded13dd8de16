"""Fine-tuning a trained network on a few photos of one's own.

The recipe that a network was trained with goes on for a short while, slower, with its batch norms' statistics
kept: on the user's photos, and in between on samples of what it knows already, where those are at hand, so
that it does not forget; networks that see the image alone are taught what they said of these before. A part
of the photos is held out; they are cut out by the exported file, as the user will have it, before and after:
by the network alone, and by the whole of `wisp cutout`, without a model too. Where photos are few, each is
held out once, in a run for its part, and the network that comes out has learned from all (`Tuning.folds`).

`TUNERS` has a row a family. What a family needs: how its task is built, which files it is exported to, and
how a photo is cut out with these.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from wisp.core.arrays import Alpha, Bytes, Image, from_float, to_float
from wisp.core.errors import InputError
from wisp.data.datasets import Entry
from wisp.data.samples import AnyExample, Source
from wisp.data.synthesis import Kind
from wisp.engine.families.dim import dim
from wisp.engine.families.dlmn import dlmn
from wisp.engine.families.portrait import portrait
from wisp.engine.families.segmenter import segment
from wisp.evaluation.protocols import PROTOCOLS, Report
from wisp.io.atomic import write_files
from wisp.matting.trimap import trimap_from_alpha
from wisp.networks.checkpoints import read_checkpoint
from wisp.pipeline import run
from wisp.training import pictures
from wisp.training.export import export_network
from wisp.training.freezing import freeze_batch_norm, freeze_folded, freeze_parts
from wisp.training.importing import read_trained
from wisp.training.loader import Batch
from wisp.training.loop import Task, Terms, Validation, fit
from wisp.training.masks import coarsen
from wisp.training.recipes import NETWORKS
from wisp.training.recipes import dim as dim_recipe
from wisp.training.recipes import dlmn as dlmn_recipe
from wisp.training.recipes import portrait as portrait_recipe
from wisp.training.recipes import unet as unet_recipe
from wisp.training.recipes.segmenter import SegmenterRecipe, SegmenterTask
from wisp.training.verdicts import Verdict, judge

SLOWER: Final = 0.3
"""The learning rates, as a share of the recipe's."""
SHOWN: Final = 12
"""Rows of the sheet."""
SIDE: Final = 256
"""Sides of its pictures, pixels."""


@dataclass(frozen=True)
class Photos:
    """Photos of a fine-tuning: the user's, and those that the network knows already.

    Attributes:
        kept: the user's photos to train on.
        held_out: those to measure on.
        scenes: photos without a subject, to set cut-outs on; may be empty.
        known: photos of what the network knows already; may be empty.
        known_scenes: photos without a subject, as the network knows them.
    """

    kept: Sequence[Entry]
    held_out: Sequence[Entry]
    scenes: Sequence[Path] = ()
    known: Sequence[Entry] = ()
    known_scenes: Sequence[Path] = ()


@dataclass(frozen=True)
class Tuning:
    """How long, how fast, how much of it.

    Attributes:
        freeze: what keeps its weights, a key of `wisp.training.freezing.LEVELS`.
        steps: optimiser steps.
        batch: samples a step.
        size: side of the samples, pixels; the recipe's when None.
        rate: learning rate of the new layers; a share of the recipe's (`SLOWER`) when None.
        replay: share of the samples that come from what the network knows already.
        seed: of everything random.
        segmenter: of portrait networks, where coarse masks come from; the true alphas when None.
        folds: in how many parts the photos are held out one after the other, at least 2; 0 holds
            `Photos.held_out` out, once.
        keep: share of the old weights that the result keeps (Wortsman et al. 2022, "Robust Fine-Tuning of
            Zero-Shot Models"): it forgets less, and learns less.
    """

    freeze: str = "none"
    steps: int = 150
    batch: int = 8
    size: int | None = None
    rate: float | None = None
    replay: float = 0.5
    seed: int = 0
    segmenter: str | None = None
    keep: float = 0.0
    folds: int = 0


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


Cut: TypeAlias = Callable[[Image, Alpha, Path, Tuning], Alpha]
"""Photo, its true alpha (for guidance alone), the exported file, the options → alpha."""


@dataclass(frozen=True)
class Tuner:
    """One family.

    Attributes:
        task: the recipe as its file keeps it, the photos and the options → the task, its network at random.
        cut: how a photo is cut out by the network itself.
        method: of `wisp cutout`, by which a user has it.
        alone: whether the network maps the image alone to alpha's logits (`Remembered`).
        beside: further networks of the run, as `wisp.training.recipes.NETWORKS` calls them, each in a file of
            its own beside the main one.
    """

    task: Callable[[Mapping[str, Any], Photos, Tuning], Task]
    cut: Cut
    method: str
    alone: bool = False
    beside: Sequence[str] = ()


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
        InputError: no such network, or one of a family that is not in `TUNERS`; photos that do not fit it; or
            `out` holds a run already.
    """
    name, recipe, network = read_trained(model)
    if name not in TUNERS:
        raise InputError(model, f"holds a {name}", f"a network of these is accepted: {', '.join(TUNERS)}")
    tuner = TUNERS[name]
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
        freeze_parts(mine, name, tuning.freeze)
        self._frozen = {id(p) for p in mine.parameters() if not p.requires_grad}
        self.source: Source = inner.source
        if photos.known:
            before = replace(photos, kept=photos.known, scenes=photos.known_scenes)
            known = TUNERS[name].task(recipe, before, replace(tuning, seed=tuning.seed + 1)).source
            if TUNERS[name].alone:
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
        tuner = TUNERS[self._name]
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
        scores = {}
        for (name, _, truth), alpha in zip(self._held_out, alphas, strict=True):
            pair = (to_float(from_float(alpha)), to_float(from_float(truth)))
            scores[name] = {key: metric(*pair, None) for key, metric in PROTOCOLS["default"].items()}
        return Report("whole", scores)

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


@dataclass(frozen=True)
class Mixed:
    """Samples of two sources, interleaved evenly.

    Args:
        first: of what is new.
        second: of what is known.
        share: of the samples that are the second's, in [0, 1].
    """

    first: Source
    second: Source
    share: float

    def __getitem__(self, index: int) -> AnyExample:
        """The sample number `index` ≥ 0."""
        before, after = int(index * self.share), int((index + 1) * self.share)
        return self.second[before] if after > before else self.first[index - before]


class Remembered:
    """Samples whose truth is what a network says of them, trusted everywhere.

    Li and Hoiem 2016, "Learning without Forgetting" (ECCV): a network that is to stay as it is is taught its
    own answers, not labels, which would change it where it errs, too.

    Args:
        source: the samples.
        name: the network's key in `NETWORKS`; image (N, 3, S, S) → alpha's logits (N, 1, S, S).
        recipe: what `NETWORKS[name].build` makes it from.
        network: the network; its weights are copied, as arrays, of which a process can be sent any number.
    """

    def __init__(self, source: Source, name: str, recipe: Mapping[str, Any], network: nn.Module) -> None:
        self.source, self._name, self._recipe = source, name, dict(recipe)
        self._weights = {
            key: value.detach().cpu().numpy().copy() for key, value in network.state_dict().items()
        }
        self._network: nn.Module | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Without the network itself: each of its tensors would take a file descriptor."""
        return {**self.__dict__, "_network": None}

    def __getitem__(self, index: int) -> AnyExample:
        """The sample number `index` ≥ 0; fields as in `wisp.data.synthesis.Example`."""
        if self._network is None:  # the first time in this process
            self._network = NETWORKS[self._name].build(self._recipe).eval()
            self._network.load_state_dict({k: torch.from_numpy(v) for k, v in self._weights.items()})
        image, _, weight, foreground, background, exact = self.source[index]
        with torch.inference_mode():
            logits: Tensor = self._network(torch.from_numpy(image)[None].float() / 255)
        alpha = from_float(torch.sigmoid(logits)[0].numpy())
        return image, alpha, np.full_like(weight, 255), foreground, background, np.zeros_like(exact)


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
    for part in TUNERS[name].beside:
        file = path.with_name(f"{path.stem}-{part.removeprefix(f'{name}-')}{path.suffix}")
        export_network(part, recipe, network, file)
        files.append(file)
    return tuple(files)


def _adapted(recipe: Any, photos: Photos, tuning: Tuning, **changes: Any) -> Any:
    """A recipe for a short, slow run; what it is made of stays."""
    steps = tuning.steps
    schedule = replace(
        recipe.schedule,
        steps=steps,
        batch=tuning.batch,
        warm_up=max(1, steps // 15),
        final=0.05,
        clip=3.0,
        average=0.98,
        validate_every=steps,
        checkpoint_every=steps,
        seed=tuning.seed,
        patience=None,
    )
    rate = recipe.rate * SLOWER if tuning.rate is None else tuning.rate
    if hasattr(recipe, "encoder_rate"):
        changes["encoder_rate"] = recipe.encoder_rate * rate / recipe.rate
    synthesis = recipe.synthesis
    if tuning.size is not None:
        synthesis = replace(synthesis, size=tuning.size)
    if hasattr(synthesis, "kinds"):
        synthesis = replace(synthesis, kinds=_kinds(photos))
    return replace(recipe, rate=rate, schedule=schedule, synthesis=synthesis, **changes)


def _kinds(photos: Photos) -> tuple[Kind, ...]:
    """Photos as they are, and where there is something to set them on, composites and empty scenes, too."""
    if not photos.scenes:
        return ("real",)
    return ("composite", "real", "composite", "real", "composite", "real", "composite", "real", "empty")


def _segmenter(kept: Mapping[str, Any], photos: Photos, tuning: Tuning) -> Task:
    recipe = _adapted(SegmenterRecipe(width=kept["width"], decoder=kept.get("decoder")), photos, tuning)
    return SegmenterTask(recipe, photos.kept, photos.scenes, photos.held_out, photos.scenes)


def _portrait(kept: Mapping[str, Any], photos: Photos, tuning: Tuning) -> Task:
    supervised = portrait_recipe.SUPERVISED
    recipe: portrait_recipe.MobileRecipe | portrait_recipe.PaperRecipe
    if "widths" in kept:
        recipe = portrait_recipe.PaperRecipe(widths=tuple(kept["widths"]), blocks=kept["blocks"])
    else:
        recipe = replace(portrait_recipe.FINE, width=kept["width"], lean=kept.get("lean", False))
    recipe = _adapted(
        recipe, photos, tuning, coefficients=supervised, adversarial=supervised, adversarial_from=1.0
    )
    return portrait_recipe.PortraitTask(
        recipe, photos.kept, photos.scenes, photos.held_out, photos.scenes, segmenter=tuning.segmenter
    )


def _dim(kept: Mapping[str, Any], photos: Photos, tuning: Tuning) -> Task:
    if not photos.scenes:
        raise InputError("--backgrounds", "is missing", "photos to set cut-outs on are accepted")
    recipe: dim_recipe.MobileRecipe | dim_recipe.VGG16Recipe
    recipe = dim_recipe.VGG16Recipe(width=kept["width"]) if "width" in kept else dim_recipe.MobileRecipe()
    recipe = _adapted(recipe, photos, tuning, first=0.0, second=0.0)
    recipe = replace(recipe, synthesis=replace(recipe.synthesis, procedural=0.0))
    return dim_recipe.DimTask(recipe, photos.kept, photos.scenes, photos.held_out, photos.scenes)


def _dlmn(kept: Mapping[str, Any], photos: Photos, tuning: Tuning) -> Task:
    recipe: dlmn_recipe.MobileRecipe | dlmn_recipe.PaperRecipe
    shown = tuple(kept["shown"])
    if "widths" in kept:
        widths, blocks = tuple(kept["widths"]), tuple(kept["blocks"])
        recipe = dlmn_recipe.PaperRecipe(widths=widths, blocks=blocks, pair=kept["pair"], shown=shown)
    else:
        recipe = dlmn_recipe.MobileRecipe(width=kept["width"], shown=shown, anchored=kept["anchored"])
    recipe = _adapted(recipe, photos, tuning)
    return dlmn_recipe.DLMNTask(recipe, photos.kept, photos.scenes, photos.held_out, photos.scenes)


def _unet(kept: Mapping[str, Any], photos: Photos, tuning: Tuning) -> Task:
    base = unet_recipe.SIMPLE_RECIPE if kept["network"] == unet_recipe.SIMPLE else unet_recipe.UNetRecipe()
    shape = {key: kept["synthesis"][key] for key in ("size", "letterbox")}
    synthesis = replace(base.synthesis, flip=0.5, **shape)
    recipe = _adapted(
        replace(base, width=kept["width"], synthesis=synthesis), photos, replace(tuning, size=None)
    )
    return unet_recipe.UNetTask(recipe, photos.kept, photos.scenes, photos.held_out, photos.scenes)


def _cut_by_mask(image: Image, truth: Alpha, path: Path, tuning: Tuning) -> Alpha:
    return segment(image, model=path)


def _cut_by_portrait(image: Image, truth: Alpha, path: Path, tuning: Tuning) -> Alpha:
    return portrait(image, _coarse(image, truth, tuning), model=path)


def _cut_by_dlmn(image: Image, truth: Alpha, path: Path, tuning: Tuning) -> Alpha:
    return dlmn(image, _coarse(image, truth, tuning), model=path)


def _cut_out(name: str, path: Path | None, image: Image, truth: Alpha) -> Alpha:
    """Alpha of `wisp cutout`: with a network by its family's method, or with what is used by default."""
    method = TUNERS[name].method
    trimap = trimap_from_alpha(truth) if method == "dim" else None
    if path is None:
        return run(image, trimap=trimap).matte.alpha
    return run(image, trimap=trimap, method=method, model=path).matte.alpha


def _coarse(image: Image, truth: Alpha, tuning: Tuning) -> Alpha:
    """The coarse mask that a network is given: the segmenter's, or the true alpha made coarse."""
    if tuning.segmenter is not None:
        return segment(image, model=_segmenting(tuning.segmenter))
    height, width = truth.shape
    padded = np.pad(truth, ((0, -height % 4), (0, -width % 4)), mode="edge")
    coarse: Tensor = coarsen(torch.from_numpy(padded)[None, None])
    return np.ascontiguousarray(coarse[0, 0, :height, :width].clamp(0, 1).numpy())


def _segmenting(name_or_file: str) -> str:
    if Path(name_or_file).suffix == ".pt":
        accepted = "the name of a segmenter or its ONNX file (wisp export) is accepted"
        raise InputError(name_or_file, "cannot cut out photos", accepted)
    return name_or_file


def _cut_by_trimap(image: Image, truth: Alpha, path: Path, tuning: Tuning) -> Alpha:
    return dim(image, trimap_from_alpha(truth), model=path)


TUNERS: Final[Mapping[str, Tuner]] = {
    "segmenter": Tuner(_segmenter, _cut_by_mask, "auto", alone=True),
    "portrait": Tuner(_portrait, _cut_by_portrait, "portrait", beside=("portrait-refinement",)),
    "dim-mobile": Tuner(_dim, _cut_by_trimap, "dim"),
    "dim-vgg16": Tuner(_dim, _cut_by_trimap, "dim"),
    "dlmn": Tuner(_dlmn, _cut_by_dlmn, "dlmn"),
    "unet": Tuner(_unet, _cut_by_mask, "unet", alone=True),
    "unet-simple": Tuner(_unet, _cut_by_mask, "unet", alone=True),
}
"""By the networks' keys in `NETWORKS`."""

"""The training loop every network shares: precision, devices, checkpoints, resuming, curves and sheets.

A recipe brings a `Task` (networks, losses, validation); `fit` does the rest:

- Accelerate places everything on the device, spreads batches over processes and casts to bf16;
- a step's samples, its learning rate and its random numbers depend on the seed and the step's number
  alone, so a run that was stopped and resumed ends with the weights of one that was not;
- a resumed run makes its first sample once more and says so if that is another: its photos changed;
- a run is lengthened by resuming it with more steps: the learning rate, and sizes of samples that follow a
  run's progress, go on as those of a run of the new length at that step;
- after a validation of more than `FREE` seconds there is none, but for the last step's, until training has
  taken nine times as long, so that validations cost a tenth of a run. Which steps are looked at, and so which
  weights are best, then depends on the machine; those of ``last.pt`` do not;
- a network whose steps take long tells of itself every `TOLD` seconds, and a run that is stopped at any
  time loses no more than `KEPT` seconds and a step;
- `OUT/` receives ``checkpoint.pt`` (everything to resume), ``best.pt`` (averaged weights of the best
  validation so far), ``last.pt`` (those of the last checkpoint), ``history.json``, ``curves.png`` and
  ``sheet-STEP.png``.
"""

from __future__ import annotations

import copy
import json
import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs, set_seed
from torch import Tensor, nn
from torch.optim import Optimizer

from wisp.core.errors import InputError
from wisp.data.replay import Replayed
from wisp.data.samples import Source
from wisp.io.atomic import sync_path
from wisp.networks.checkpoints import read_checkpoint
from wisp.training import pictures
from wisp.training.freezing import freeze_folded
from wisp.training.loader import Batch, Stored, batches, to_batch

Terms: TypeAlias = dict[str, Tensor]
"""Named terms of a loss, already weighted: their sum is what is minimised."""


FREE: Final = 2.0
"""Validations of so many seconds or less come as often as the schedule says."""
SHARE: Final = 0.1
"""Share of a run that longer ones may take."""
TOLD: Final = 60.0
"""Seconds after which losses are reported and kept, whatever the number of steps since."""
KEPT: Final = 300.0
"""Seconds after which a checkpoint is written, whatever the schedule says."""

SAME: Final = 2.0
"""A resumed run's first sample is the one it began with up to this mean difference, of 255."""


@dataclass(frozen=True)
class Validation:
    """Scores of one validation, and a sheet of its results.

    Attributes:
        scores: by name.
        sheet: uint8 (H, W, 3), results as a picture.
    """

    scores: Mapping[str, float]
    sheet: np.ndarray[Any, np.dtype[np.uint8]]


class Task(Protocol):
    """A training: its networks, optimisers, samples, losses and validation.

    A task whose samples are not those of `wisp.training.loader.Batch` brings a method ``batch``, which makes
    of `wisp.training.loader.Stored` and a device what its `losses` takes.
    """

    recipe: Any
    """The recipe, a frozen dataclass; kept in the checkpoint, and a resumed run must bring the same."""
    score: str
    """The score that decides which weights are best; lower is better."""
    networks: Mapping[str, nn.Module]
    """By name; the first is the one that is averaged, validated and exported."""

    @property
    def source(self) -> Source:
        """The training samples."""
        ...

    def optimisers(self, networks: Mapping[str, nn.Module]) -> Mapping[str, Optimizer]:
        """Optimisers by the name of the phase that they step in."""
        ...

    def phases(self, step: int) -> Sequence[str]:
        """Names of the optimisers that step in this step, in order."""
        ...

    def losses(self, phase: str, networks: Mapping[str, nn.Module], batch: Batch) -> Terms:
        """The terms that `phase` minimises."""
        ...

    def validate(self, network: nn.Module, device: torch.device) -> Validation:
        """Score the averaged network and draw a sheet."""
        ...


@dataclass(frozen=True)
class Schedule:
    """How long and how fast.

    Attributes:
        steps: optimiser steps in all.
        batch: samples a step and process.
        warm_up: steps over which the learning rate rises linearly.
        final: the learning rate's last value as a share of its first, reached along a cosine.
        clip: largest norm of the gradient.
        average: decay of the exponential moving average of the weights.
        validate_every: steps between validations; the last step is always one.
        checkpoint_every: steps between checkpoints.
        seed: of samples, weights and dropout.
        patience: stop once so many validations in a row were no better than the best before; never when None.
        views: how often each sample is shown (`wisp.data.replay`), for devices that are faster than
            the processors that make samples; once when None.
    """

    steps: int
    batch: int = 8
    warm_up: int = 100
    final: float = 0.02
    clip: float = 1.0
    average: float = 0.998
    validate_every: int = 200
    checkpoint_every: int = 100
    seed: int = 0
    patience: int | None = None
    views: int | None = None

    def rate(self, step: int) -> float:
        """The learning rate at `step` as a share of its first value."""
        if step < self.warm_up:
            return (step + 1) / self.warm_up
        progress = (step - self.warm_up) / max(1, self.steps - self.warm_up)
        return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * progress))


def fit(
    task: Task,
    schedule: Schedule,
    out: Path,
    *,
    resume: bool = False,
    precision: str = "auto",
    workers: int = 1,
    report: Callable[[str], None] = lambda _: None,
) -> Path:
    """Train a task.

    Args:
        task: networks, samples and losses.
        schedule: how long and how fast.
        out: folder for everything that a run writes; made when missing.
        resume: go on from ``out/checkpoint.pt``; with more steps than it was started with, for longer.
        precision: ``auto`` (bf16 where the device computes in it), ``bf16`` or ``fp32``.
        workers: processes that make samples; 0 makes them in between the steps.
        report: receives one line now and then.

    Returns:
        ``out/best.pt``.

    Raises:
        InputError: `out` has a checkpoint and `resume` is False, or the other way round, or the checkpoint
            belongs to another recipe, whose differences are listed, or has taken more steps already.
        FloatingPointError: the loss is no longer a number; the last checkpoint is intact.
    """
    checkpoint = out / "checkpoint.pt"
    _check_start(checkpoint, resume)
    out.mkdir(parents=True, exist_ok=True)
    AcceleratorState._reset_state()  # it is global, and an earlier run may have asked for another precision
    accelerator = Accelerator(
        mixed_precision="bf16" if uses_bf16(precision) else "no",
        # A phase may leave a part of a network out, whose gradients the other processes must not wait for.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )
    set_seed(schedule.seed)
    run = _Run(task, schedule, accelerator)
    history = run.load(checkpoint) if resume else []
    if resume and run.planned != schedule.steps:
        report(
            f"goes on at step {run.step} for {schedule.steps} steps in all instead of {run.planned}: the "
            f"rate is {schedule.rate(run.step):.3g} of its first value there and ends at {schedule.final:g}"
        )
    if resume and run.glimpse is not None:
        now = _glimpse(next(batches(task.source, batch=1, first=0, count=1, workers=workers)))
        if now.shape != run.glimpse.shape or float((now.float() - run.glimpse).abs().mean()) > SAME:
            report("its first sample is another than when it began: --data, or how samples are made, changed")
    first = run.step
    samples = out / "samples"
    source = task.source
    if schedule.views is not None:
        source = Replayed(source, samples, schedule.views, schedule.seed)
    feed = batches(
        source,
        batch=schedule.batch * accelerator.num_processes,
        first=first,
        count=schedule.steps - first,
        workers=workers,
    )
    make_batch = getattr(task, "batch", to_batch)
    started = told = kept = time.monotonic()
    validated = _Validated()
    totals: dict[str, float] = {}
    since = 0
    for stored in feed:
        if run.step == 0:
            run.glimpse = _glimpse(stored)
        batch = make_batch(_share(stored, accelerator), accelerator.device)
        for name, value in run.take_step(batch).items():
            totals[name] = totals.get(name, 0.0) + value
        since += 1
        last = run.step == schedule.steps
        if run.step % 20 == 0 or last or time.monotonic() - told >= TOLD:
            told = time.monotonic()
            terms = {name: value / since for name, value in totals.items()}
            pace = (run.step - first) / (time.monotonic() - started)
            left = (schedule.steps - run.step) / pace / 60
            listed = " ".join(f"{name} {value:.4f}" for name, value in terms.items())
            report(f"step {run.step}/{schedule.steps}  {listed}  {pace:.2f} steps/s  {left:.0f} min left")
            history.append({"step": run.step, **{f"loss/{name}": value for name, value in terms.items()}})
            totals, since = {}, 0
        stopped = False
        if last or (run.step % schedule.validate_every == 0 and validated.may_be_again(report)):
            before = time.monotonic()
            result = task.validate(run.averaged, accelerator.device)
            validated = _Validated(time.monotonic() - before, time.monotonic())
            scores = {f"score/{name}": value for name, value in result.scores.items()}
            report(f"step {run.step}  " + " ".join(f"{n} {v:.5f}" for n, v in result.scores.items()))
            history.append({"step": run.step, **scores})
            if accelerator.is_main_process:
                pictures.write_png(out / f"sheet-{run.step:07d}.png", result.sheet)
            if run.beats(result.scores[task.score]) and accelerator.is_main_process:
                run.save_averaged(out / "best.pt")
            stopped = schedule.patience is not None and run.waited >= schedule.patience
        due = run.step % schedule.checkpoint_every == 0 or time.monotonic() - kept >= KEPT
        if (due or last or stopped) and accelerator.is_main_process:
            kept = time.monotonic()
            run.save(checkpoint, history)
            run.save_averaged(out / "last.pt")
            _replace(out / "history.json", json.dumps(history, indent=1).encode())
            if history:
                pictures.write_curves(out / "curves.png", history)
        if stopped:
            report(f"stopped at step {run.step}: {run.waited} validations in a row were no better")
            break
    accelerator.end_training()
    shutil.rmtree(samples, ignore_errors=True)
    return out / "best.pt"


@dataclass
class _Validated:
    """The last validation's length and end, and whether one was put off since."""

    seconds: float = 0.0
    at: float = 0.0
    told: bool = False

    def may_be_again(self, report: Callable[[str], None]) -> bool:
        """True once the last validation is a tenth of the time since it began; reports once before."""
        if self.seconds <= FREE or SHARE * (time.monotonic() - self.at + self.seconds) >= self.seconds:
            return True
        if not self.told:
            report(f"validation put off: the last one took {self.seconds:.0f} s; a tenth of a run is for it")
            self.told = True
        return False


def uses_bf16(precision: str) -> bool:
    """Whether a run casts to bf16: as asked, or for ``auto`` where the device has instructions for it.

    A CPU without them emulates bf16, which is slower than fp32.
    """
    if precision != "auto":
        return precision == "bf16"
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in names)


class _Run:
    """State of a training: networks, optimisers, averages and step."""

    def __init__(self, task: Task, schedule: Schedule, accelerator: Accelerator) -> None:
        self.task, self.schedule, self.accelerator = task, schedule, accelerator
        self.networks: dict[str, nn.Module] = {
            name: accelerator.prepare(network.to(memory_format=torch.channels_last))  # type: ignore[call-overload]
            for name, network in task.networks.items()
        }
        self.bare = {name: accelerator.unwrap_model(n) for name, n in self.networks.items()}
        self.main = next(iter(self.networks))
        self.optimisers = {
            name: accelerator.prepare(optimiser) for name, optimiser in task.optimisers(self.networks).items()
        }
        self.base_rates = {
            name: [group["lr"] for group in optimiser.param_groups]
            for name, optimiser in self.optimisers.items()
        }
        self.averaged = copy.deepcopy(self.bare[self.main]).eval().requires_grad_(False)
        self.step = 0
        self.planned = schedule.steps
        self.best = math.inf
        self.waited = 0
        self.glimpse: Tensor | None = None
        """Of the run's first sample; None in checkpoints that earlier versions wrote."""

    def take_step(self, batch: Batch) -> dict[str, float]:
        """One step of every phase that is due; returns the terms as numbers."""
        torch.manual_seed(self.schedule.seed * 1_000_003 + self.step)
        values: dict[str, float] = {}
        share = self.schedule.rate(self.step)
        for network in self.networks.values():
            network.train()
        for phase in self.task.phases(self.step):
            optimiser = self.optimisers[phase]
            for group, base in zip(optimiser.param_groups, self.base_rates[phase], strict=True):
                group["lr"] = base * share
            with self.accelerator.autocast():
                terms = self.task.losses(phase, self.networks, batch)
            total = torch.stack([term.float() for term in terms.values()]).sum()
            if not torch.isfinite(total):
                listed = ", ".join(f"{name} {float(term.detach()):g}" for name, term in terms.items())
                raise FloatingPointError(f"the loss is not finite at step {self.step} ({listed})")
            self.accelerator.backward(total)
            parameters = [p for group in optimiser.param_groups for p in group["params"]]
            self.accelerator.clip_grad_norm_(parameters, self.schedule.clip)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            values |= {name: float(term.detach()) for name, term in terms.items()}
        self._average()
        self.step += 1
        return values

    @torch.no_grad()
    def _average(self) -> None:
        """Move the averaged weights towards the present ones; faster at first, when they are far off."""
        decay = min(self.schedule.average, (1 + self.step) / (10 + self.step))
        present = self.bare[self.main].state_dict()
        averaged = self.averaged.state_dict()
        floats = [name for name, average in averaged.items() if average.is_floating_point()]
        torch._foreach_lerp_(
            [averaged[name] for name in floats], [present[name] for name in floats], 1 - decay
        )
        for name in averaged.keys() - floats:
            averaged[name].copy_(present[name])

    def beats(self, score: float) -> bool:
        """Whether `score` is the lowest so far; remembers it if so, and counts how many were not."""
        if score >= self.best:
            self.waited += 1
            return False
        self.best, self.waited = score, 0
        return True

    def save_averaged(self, path: Path) -> None:
        """Write the averaged weights, alone, with the recipe and the step."""
        state = self.averaged.state_dict()
        _save({"recipe": _recipe(self.task), "step": self.step, "network": state}, path)

    def save(self, path: Path, history: list[dict[str, float]]) -> None:
        """Write a checkpoint that `load` goes on from."""
        _save(
            {
                "recipe": _recipe(self.task),
                "step": self.step,
                "best": self.best,
                "waited": self.waited,
                "glimpse": self.glimpse,
                "networks": {name: network.state_dict() for name, network in self.bare.items()},
                "averaged": self.averaged.state_dict(),
                "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
                "history": history,
            },
            path,
        )

    def load(self, path: Path) -> list[dict[str, float]]:
        """Restore what `save` wrote; returns the history."""
        state = read_checkpoint(path, "checkpoint.pt of this run is accepted")
        theirs, ours = _told(state["recipe"]), _told(_recipe(self.task))
        self.planned = theirs.get("schedule.steps", self.schedule.steps)
        if differences := _differences(theirs, ours):
            listed = "".join(f"\n  {line}" for line in differences)
            raise InputError(path, "belongs to another recipe", f"with its own, --resume goes on:{listed}")
        if int(state["step"]) > self.schedule.steps:
            problem = f"is {self.schedule.steps}, and {state['step']} have been taken"
            raise InputError("--steps", problem, "more are accepted")
        for name, network in self.bare.items():
            network.load_state_dict(state["networks"][name])
            freeze_folded(network)
        self.averaged.load_state_dict(state["averaged"])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        self.step, self.best = int(state["step"]), float(state["best"])
        self.waited = int(state.get("waited", 0))
        self.glimpse = state.get("glimpse")
        history: list[dict[str, float]] = state["history"]
        return history


def _check_start(checkpoint: Path, resume: bool) -> None:
    if resume and not checkpoint.is_file():
        raise InputError(checkpoint, "does not exist", "start without --resume")
    if checkpoint.exists() and not resume:
        raise InputError(checkpoint, "exists already", "--resume or another folder is accepted")


def _share(stored: Stored, accelerator: Accelerator) -> Stored:
    """The part of a batch that every process reads whole."""
    count, mine = accelerator.num_processes, accelerator.process_index
    return {name: t[mine::count] for name, t in stored.items()}


def _glimpse(stored: Stored) -> Tensor:
    """Every eighth pixel of the first sample's image, by which a resumed run knows its data again."""
    return stored["image"][0, ..., ::8, ::8].clone()


def _recipe(task: Task) -> str:
    return json.dumps(asdict(task.recipe), sort_keys=True)


def _told(recipe: str) -> dict[str, Any]:
    """A recipe's settings by their paths, without what is off: an earlier one may not know of it."""
    told: dict[str, Any] = {}

    def gather(path: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                gather(f"{path}.{key}" if path else key, inner)
        elif value is not None and value is not False:
            told[path] = value

    gather("", json.loads(recipe))
    return told


def _differences(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    """One line for each setting that a checkpoint has otherwise, but for the number of steps.

    A chance or share that an earlier version did not know is 0 to it.
    """
    return [
        f"{path}: {theirs.get(path, 'off')} there, {ours.get(path, 'off')} now"
        for path in sorted({*theirs, *ours} - {"schedule.steps"})
        if theirs.get(path, 0) != ours.get(path, 0)
    ]


def _save(state: Mapping[str, Any], path: Path) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    torch.save(dict(state), temporary)
    sync_path(temporary)
    temporary.replace(path)


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(content)
    sync_path(temporary)
    temporary.replace(path)

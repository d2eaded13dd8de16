"""A small search over a U-Net's learning rate, batch and dropout.

The report "Background Image Matting" (Li, Miao, Hu, Cao, Jin, section 3) searched for the values that its
tables were made with, without saying how. Here Optuna's tree-structured Parzen estimator (Bergstra et al.
2011) proposes each trial from those before; the same seed, data and machine make the same search. Every trial
sees equally many images and is judged by the best cross-entropy on the photos that early stopping watches.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from wisp.core.errors import InputError
from wisp.core.extras import importing
from wisp.data.datasets import Entry
from wisp.evaluation.tables import markdown
from wisp.io.atomic import write_files
from wisp.training.loop import fit
from wisp.training.recipes.unet import UNetRecipe, UNetTask


@dataclass(frozen=True)
class Space:
    """Ranges that a search draws its values from.

    Attributes:
        rates: least and greatest learning rate, drawn on a logarithmic scale.
        batches: samples a step.
        dropout: least and greatest rate of the network's last dropout; its first has half of it.
    """

    rates: tuple[float, float] = (1e-4, 3e-3)
    batches: tuple[int, ...] = (4, 8, 16)
    dropout: tuple[float, float] = (0.0, 0.5)


@dataclass(frozen=True)
class Search:
    """A search for hyperparameters: recipe, space, and how long.

    Attributes:
        recipe: what all trials share; its schedule's steps and batch say how many images each sees.
        trials: how many.
        space: where values are looked for.
        seed: of the proposals; that of the training is the recipe's.
    """

    recipe: UNetRecipe = field(default_factory=UNetRecipe)
    trials: int = 12
    space: Space = field(default_factory=Space)
    seed: int = 0


def search(
    settings: Search,
    photos: Sequence[Entry],
    scenes: Sequence[Path],
    held_out: Sequence[Entry],
    held_out_scenes: Sequence[Path],
    out: Path,
    *,
    precision: str = "auto",
    workers: int = 1,
    report: Callable[[str], None] = lambda _: None,
) -> Path:
    """Search; `out` receives ``search.md``, ``search.json`` and a folder a trial.

    Args:
        settings: what, and how long.
        photos: to train on.
        scenes: photos without people to train on, as `UNetTask` takes them.
        held_out: photos to judge by.
        held_out_scenes: photos without people to judge by.
        out: folder, made when missing.
        precision: ``auto``, ``bf16`` or ``fp32``, see `wisp.training.loop.fit`.
        workers: processes that make samples; 0 makes them in between the steps.
        report: receives one line now and then.

    Returns:
        ``out/search.md``.

    Raises:
        InputError: `out` holds a search already.
        MissingExtraError: Optuna is not installed.
    """
    with importing("searching", "search", "train"):
        import optuna
    if (out / "search.json").exists():
        raise InputError(out, "holds a search already", "another folder is accepted")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=settings.seed))
    space, base = settings.space, settings.recipe
    images = base.schedule.steps * base.schedule.batch
    found: list[dict[str, Any]] = []
    for number in range(settings.trials):
        trial = study.ask()
        rate = trial.suggest_float("rate", *space.rates, log=True)
        batch = trial.suggest_categorical("batch", space.batches)
        dropout = trial.suggest_float("dropout", *space.dropout)
        steps = max(1, images // batch)
        every = max(1, base.schedule.validate_every * base.schedule.batch // batch)
        schedule = replace(
            base.schedule, steps=steps, batch=batch, validate_every=every, checkpoint_every=steps
        )
        recipe = replace(base, rate=rate, dropout=(dropout / 2, dropout), schedule=schedule)
        told = f"rate {rate:.2g}, batch {batch}, dropout {dropout:.2f}"
        report(f"trial {number + 1} of {settings.trials}: {told}")
        folder = out / f"trial-{number:02}"
        task = UNetTask(recipe, photos, scenes, held_out, held_out_scenes)
        values = {"rate": rate, "batch": batch, "dropout": dropout}
        try:
            fit(task, schedule, folder, precision=precision, workers=workers)
        except FloatingPointError as error:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            found.append({**values, "failed": str(error)})
            continue
        history = json.loads((folder / "history.json").read_text(encoding="utf-8"))
        judged = [row for row in history if "score/bce" in row]
        best = min(judged, key=lambda row: row["score/bce"])
        study.tell(trial, best["score/bce"])
        found.append(
            {**values, "bce": best["score/bce"], "accuracy": best["score/accuracy"], "step": best["step"]}
        )
        report(f"cross-entropy {best['score/bce']:.4f}, accuracy {best['score/accuracy']:.4f}")
        (folder / "checkpoint.pt").unlink(missing_ok=True)
    return _write(settings, found, len(photos), len(held_out), out)


def _write(settings: Search, found: Sequence[dict[str, Any]], photos: int, held_out: int, out: Path) -> Path:
    ranked = sorted(found, key=lambda row: row.get("bce", float("inf")))
    header = ["learning rate", "batch", "dropout", "cross-entropy", "accuracy", "best at step"]
    rows = []
    for row in ranked:
        values = [f"{row['rate']:.2g}", str(row["batch"]), f"{row['dropout']:.2f}"]
        if "failed" in row:
            rows.append([*values, "failed", "", ""])
        else:
            rows.append([*values, f"{row['bce']:.4f}", f"{row['accuracy']:.4f}", str(row["step"])])
    base = settings.recipe
    images = base.schedule.steps * base.schedule.batch
    text = (
        f"{settings.trials} trials of {base.network} (width {base.width}, {base.synthesis.size}×"
        f"{base.synthesis.size}), {images} images each of {photos} photos, judged on {held_out}; seed "
        f"{settings.seed}. Best first.\n\n{markdown(header, rows)}"
    )
    told = {"trials": list(found), "seed": settings.seed, "images": images, "network": base.network}
    files = {"search.json": json.dumps(told, indent=1).encode() + b"\n", "search.md": text.encode()}
    write_files({str(out / name): content for name, content in files.items()})
    return out / "search.md"

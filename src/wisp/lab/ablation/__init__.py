"""Ablations: the same short training, once for each variant of a network or its losses.

Every network whose paper has such tables describes its variants in a module here (`portrait`); `ablate`
trains them one after the other from the same seed, scores each on the same held-out pictures, and writes the
tables.

A run lives in a folder:

- ``settings.json``: what all variants share; a resumed run must bring the same;
- ``VARIANT/``: the training of one, as `wisp.training.loop.fit` leaves it, without its checkpoint once done;
- ``VARIANT.json``: the scores of one that is done, which is never done again;
- ``ablation.json`` and ``ablation.md``: the tables, written anew after each variant.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import torch
from torch import nn

from wisp.core.errors import InputError
from wisp.evaluation.bootstrap import paired_bootstrap
from wisp.evaluation.protocols import Report
from wisp.evaluation.tables import markdown
from wisp.io.atomic import write_files
from wisp.networks.checkpoints import read_checkpoint
from wisp.training.loop import Schedule, Task, fit

COLUMNS: Final = (
    ("mse", "MSE ×10³", 1e3),
    ("mae", "MAE ×10³", 1e3),
    ("sad", "SAD", 1.0),
    ("grad", "Grad", 1.0),
    ("conn", "Conn", 1.0),
)
"""Metric, its heading, and the factor it is shown with: those of Yaman et al. 2022, table 1."""


@dataclass(frozen=True)
class Row:
    """One line of a paper's table.

    Attributes:
        case: as the table words it.
        variant: the variant that answers it; several lines may share one.
        published: the paper's own values of the first columns, in their units; None where the line is not the
            paper's.
    """

    case: str
    variant: str
    published: float | tuple[float, ...] | None = None


@dataclass(frozen=True)
class Table:
    """One table, top to bottom."""

    title: str
    rows: Sequence[Row]


class Trial(Task, Protocol):
    """A variant that is ready to be trained."""

    def measure(self, network: nn.Module, device: torch.device) -> Report:
        """Scores of the trained network on the held-out pictures, by picture."""
        ...


@dataclass(frozen=True)
class Derived:
    """A variant that needs no training of its own: another's network, put to use in another way.

    Attributes:
        of: the name of that variant.
        build: makes what measures it, with a network of the same form.
    """

    of: str
    build: Callable[[], Trial]


@dataclass(frozen=True)
class Ablation:
    """Variants to be trained alike, scored alike and set side by side.

    Attributes:
        trials: builders by the name of the variant, in the order in which they are trained.
        tables: what is reported; lines of variants that are not among the trials stay empty.
        reference: the variant that the others are compared with.
        settings: what all share, as JSON can hold it.
        scored: what the pictures are, for the heading.
        groups: which person or thing a held-out picture shows, by the picture's name.
        derived: variants without a training of their own, by name.
        columns: metric, its heading, and the factor it is shown with; the first one is compared with the
            reference's.
    """

    trials: Mapping[str, Callable[[], Trial]]
    tables: Sequence[Table]
    reference: str
    settings: Mapping[str, Any]
    scored: str
    groups: Mapping[str, str]
    derived: Mapping[str, Derived] = field(default_factory=dict)
    columns: Sequence[tuple[str, str, float]] = COLUMNS

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of all variants, those that are trained first."""
        return (*self.trials, *self.derived)


def short(images: int, batch: int = 4, seed: int = 0) -> Schedule:
    """A schedule of about `images` samples, whose only validation is its last step."""
    steps = max(1, math.ceil(images / batch))
    return Schedule(
        steps=steps,
        batch=batch,
        warm_up=max(1, steps // 10),
        clip=math.inf,
        validate_every=steps,
        checkpoint_every=50,
        seed=seed,
    )


def ablate(
    ablation: Ablation,
    out: Path,
    *,
    resume: bool = False,
    precision: str = "auto",
    workers: int = 1,
    report: Callable[[str], None] = lambda _: None,
) -> Path:
    """Train and score every variant that is not done yet, and write the tables.

    A variant whose loss is no longer a number has failed, which is a result like another: it is noted, and
    the next one follows.

    Args:
        ablation: what is compared.
        out: folder of the run, made when missing.
        resume: go on with the run that `out` holds.
        precision: ``auto``, ``bf16`` or ``fp32``, see `wisp.training.loop.fit`.
        workers: processes that make samples; 0 makes them in between the steps.
        report: receives one line now and then.

    Returns:
        ``out/ablation.md``.

    Raises:
        InputError: `out` holds a run and `resume` is False, or the other way round, or the run has other
            settings.
    """
    _check_start(out, ablation.settings, resume=resume)
    out.mkdir(parents=True, exist_ok=True)
    _write(out / "settings.json", _json(ablation.settings))
    for number, (name, build) in enumerate(ablation.trials.items(), 1):
        if (out / f"{name}.json").is_file():
            report(f"{name}: done already")
            continue
        report(f"{name}: variant {number} of {len(ablation.trials)}")
        found = _run(build(), out / name, precision=precision, workers=workers, report=report)
        _write(out / f"{name}.json", _json(found))
        (out / name / "checkpoint.pt").unlink(missing_ok=True)  # four times the weights, of no more use
        _write_tables(ablation, out)
    for name, derived in ablation.derived.items():
        trained = out / f"{derived.of}.json"
        if not trained.is_file() or (out / f"{name}.json").is_file():
            continue
        found = json.loads(trained.read_text(encoding="utf-8"))
        if "failed" not in found:
            trial = derived.build()
            found = _measure(trial, next(iter(trial.networks.values())), out / derived.of / "best.pt")
        _write(out / f"{name}.json", _json(found))
    return _write_tables(ablation, out)


def _check_start(out: Path, settings: Mapping[str, Any], *, resume: bool) -> None:
    kept = out / "settings.json"
    if not resume:
        if kept.exists():
            raise InputError(out, "holds an ablation already", "--resume or another folder is accepted")
        return
    if not kept.is_file():
        raise InputError(kept, "does not exist", "start without --resume")
    earlier, now = json.loads(kept.read_text(encoding="utf-8")), json.loads(_json(settings))
    if earlier != now:
        keys = sorted(key for key in {*earlier, *now} if earlier.get(key) != now.get(key))
        problem = f"belongs to an ablation with another {' and another '.join(keys)}"
        raise InputError(kept, problem, "the options that it was started with are accepted")


def _run(
    trial: Trial, folder: Path, *, precision: str, workers: int, report: Callable[[str], None]
) -> dict[str, Any]:
    """Train one variant, or go on with it, and score the averaged weights it ends with."""
    bare = copy.deepcopy(next(iter(trial.networks.values())))  # training casts the original to bf16
    resume = (folder / "checkpoint.pt").is_file()
    schedule = trial.recipe.schedule
    try:
        best = fit(
            trial, schedule, folder, resume=resume, precision=precision, workers=workers, report=report
        )
    except FloatingPointError as error:
        report(f"{folder.name}: failed, {error}")
        return {"failed": str(error)}
    return _measure(trial, bare, best)


def _measure(trial: Trial, bare: nn.Module, best: Path) -> dict[str, Any]:
    """Scores of a network with the weights that a training ended with."""
    bare.load_state_dict(read_checkpoint(best, "best.pt of this run is accepted")["network"])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return trial.measure(bare.to(device).eval(), device).to_dict()


def _write_tables(ablation: Ablation, out: Path) -> Path:
    """``ablation.json`` and ``ablation.md`` from the variants that are done."""
    files = {name: out / f"{name}.json" for name in ablation.variants}
    done = {
        name: json.loads(path.read_text(encoding="utf-8")) for name, path in files.items() if path.is_file()
    }
    differences = _differences(ablation, done)
    tables = [{"title": table.title, "rows": [vars(row) for row in table.rows]} for table in ablation.tables]
    results = {
        "settings": ablation.settings,
        "scored": ablation.scored,
        "reference": ablation.reference,
        "variants": done,
        f"{ablation.columns[0][0]}_differences": differences,
        "tables": tables,
    }
    text = _as_markdown(ablation, done, differences)
    write_files(
        {str(out / "ablation.json"): _json(results), str(out / "ablation.md"): text.encode()}, overwrite=True
    )
    return out / "ablation.md"


def _differences(ablation: Ablation, done: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """How much higher each variant's first score is than the reference's, with its 95 % interval."""
    first = ablation.columns[0][0]
    base = done.get(ablation.reference, {}).get("images")
    groups = [ablation.groups[name] for name in base or ()]
    if not base or len(set(groups)) < 2:
        return {}
    found = {}
    for name, result in done.items():
        if name == ablation.reference or "images" not in result:
            continue
        mine = [result["images"][image][first] for image in base]
        theirs = [values[first] for values in base.values()]
        found[name] = vars(paired_bootstrap(mine, theirs, groups, seed=0))
    return found


def _as_markdown(
    ablation: Ablation, done: Mapping[str, Any], differences: Mapping[str, Mapping[str, float]]
) -> str:
    columns = ablation.columns
    parts = [f"Scored on {ablation.scored}."]
    for table in ablation.tables:
        published = [_published(row) for row in table.rows]
        told = max(map(len, published), default=0)
        header = ["case", *(f"{heading}, published" for _, heading, _ in columns[:told])]
        header += [heading for _, heading, _ in columns]
        header.append(f"{columns[0][1]} less that of {ablation.reference} [95 %]")
        rows = []
        for row, values in zip(table.rows, published, strict=True):
            theirs = [*values, *[""] * (told - len(values))]
            mine = _cells(columns, done.get(row.variant), differences.get(row.variant))
            rows.append([row.case, *theirs, *mine])
        parts.append(f"**{table.title}**\n\n{markdown(header, rows)}".rstrip())
    return "\n\n".join(parts) + "\n"


def _published(row: Row) -> list[str]:
    """The paper's values as cells; a lone one has two digits behind its point."""
    if row.published is None:
        return []
    if isinstance(row.published, tuple):
        return [f"{value:g}" for value in row.published]
    return [f"{row.published:.2f}"]


def _cells(
    columns: Sequence[tuple[str, str, float]],
    result: Mapping[str, Any] | None,
    difference: Mapping[str, float] | None,
) -> list[str]:
    """Cells of a table's line after its case: scores, and the difference from the reference."""
    if result is None or "failed" in result:
        word = "" if result is None else "failed"
        return [word] * len(columns) + [""]
    digits = ".3g" if columns is COLUMNS else ".4f"
    cells = [f"{result['mean'][metric] * factor:{digits}}" for metric, _, factor in columns]
    if difference is None:
        return [*cells, ""]
    places = 2 if columns is COLUMNS else 4
    mean, low, high = (columns[0][2] * difference[key] for key in ("mean", "low", "high"))
    return [*cells, f"{mean:+.{places}f} [{low:+.{places}f}, {high:+.{places}f}]"]


def _json(content: Any) -> bytes:
    return json.dumps(content, indent=1, sort_keys=False).encode() + b"\n"


def _write(path: Path, content: bytes) -> None:
    write_files({str(path): content}, overwrite=True)

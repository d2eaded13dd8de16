"""One module a family: recipes as frozen dataclasses, the task, and how its networks are exported and tuned.

To train a family, write its module here and name it in the family's row (`wisp.engine.families.FAMILIES`).
The module has `NETWORKS`, a row a network by the name that recipes and files give it, and, where
``wisp train FAMILY`` needs photos with alphas and the common options alone, a `Trainer` called ``TRAINER``;
a family with options of its own has a command in `wisp.cli.train`. Exports, int8 variants, continued runs and
fine-tuning find a network by its row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import Any, Final

from torch import Tensor, nn

from wisp.core.errors import InputError
from wisp.engine.families import FAMILIES
from wisp.training.calibration import CaseMaker
from wisp.training.freezing import Parts
from wisp.training.loop import Task
from wisp.training.tuning import Tuner


@dataclass(frozen=True)
class TrainedNetwork:
    """How a checkpoint of one network becomes the module that is shipped, and how it is gone on with.

    Attributes:
        build: the recipe as its checkpoint keeps it → the bare network.
        wrap: bare network → module with its post-processing inside.
        example: inputs by name to trace and check it with.
        outputs: names of its outputs.
        cases: what it is quantised and judged on; None where there is no int8 variant.
        sensitive: modules of the exported network that stay in floats when it is quantised; see
            `wisp.training.quantisation.quantise`.
        usual: what `build` needs of a recipe, for ONNX files that keep none: those of wisp 0.1.
        aids: modules of the exported network that only its training has; a file lacks them, and whoever goes
            on with it has them anew.
        parts: its modules that levels of freezing name; None where nothing of it is frozen by name.
        tuner: how it is tuned on photos of one's own; None where it cannot be.
    """

    build: Callable[[Mapping[str, Any]], nn.Module]
    wrap: Callable[[nn.Module], nn.Module]
    example: Callable[[], dict[str, Tensor]]
    outputs: Sequence[str]
    cases: CaseMaker | None = None
    sensitive: Sequence[str] = ()
    usual: Mapping[str, Any] = field(default_factory=dict)
    aids: Sequence[str] = ()
    parts: Parts | None = None
    tuner: Tuner | None = None


@dataclass(frozen=True)
class Trainer:
    """How a family is trained that needs photos with alphas and the common options alone.

    Attributes:
        recipe: its recipe, a frozen dataclass with the fields ``network``, ``schedule`` and ``synthesis``.
        task: the recipe, people, scenes, held-out people, held-out scenes, the encoder's weights (a file or
            None) and what to start from (or None) → the task.
        shapes: fields of the recipe that what it starts from decides on.
    """

    recipe: Any
    task: Callable[..., Task]
    shapes: Sequence[str] = ()


class _Networks(Mapping[str, TrainedNetwork]):
    """The rows of every family's module, which are imported when one is first asked for."""

    @cached_property
    def _rows(self) -> dict[str, TrainedNetwork]:
        modules = [import_module(family.training) for family in FAMILIES.values() if family.training]
        return {name: row for module in modules for name, row in module.NETWORKS.items()}

    def __getitem__(self, name: str) -> TrainedNetwork:
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


NETWORKS: Final[Mapping[str, TrainedNetwork]] = _Networks()
"""Every network that wisp trains, by the name that recipes and exported files give it."""


def tuners() -> dict[str, Tuner]:
    """How networks are tuned, by their keys in `NETWORKS`, of those that can be."""
    return {name: row.tuner for name, row in NETWORKS.items() if row.tuner is not None}


def find_trainer(family: str) -> Trainer:
    """How a family is trained with the common options alone.

    Raises:
        InputError: no such family, or one whose training has options of its own.
    """
    module = FAMILIES[family].training if family in FAMILIES else ""
    trainer = getattr(import_module(module), "TRAINER", None) if module else None
    if trainer is None:
        raise InputError(family, "is no family with a trainer", "a command of `wisp train` is accepted")
    found: Trainer = trainer
    return found

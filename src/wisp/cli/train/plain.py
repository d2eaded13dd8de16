"""``wisp train FAMILY`` of families that need photos with alphas and the common options alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wisp.cli.bundles import with_bundles
from wisp.cli.train.options import (
    DataOption,
    EncoderOption,
    OutOption,
    PhotoOptions,
    RunOptions,
    StartOption,
    ViewOptions,
    weights_of,
)
from wisp.core.extras import importing
from wisp.engine.families import Family


def command_of(family: Family) -> Callable[..., None]:
    """The command that trains a family by its `wisp.training.recipes.Trainer`.

    Args:
        family: a row that names a module that trains it, and what that learns.
    """

    @with_bundles
    def train_command(
        *,
        data: DataOption,
        out: OutOption,
        encoder_weights: EncoderOption = None,
        start: StartOption = None,
        chosen: PhotoOptions,
        samples: ViewOptions,
        run: RunOptions,
    ) -> None:
        train_family(family.name, data, out, encoder_weights, start, chosen, samples, run)

    train_command.__doc__ = f"Train {family.learns}."
    return train_command


def train_family(
    name: str,
    data: list[Path],
    out: Path,
    encoder_weights: Path | None,
    start: str | None,
    chosen: PhotoOptions,
    samples: ViewOptions,
    run: RunOptions,
) -> None:
    """Train a family by its `wisp.training.recipes.Trainer`, on photos as they are."""
    with importing("training", "train"):
        from wisp.training.importing import continued
        from wisp.training.recipes import find_trainer

    trainer = find_trainer(name)
    recipe = continued(samples.adapt(trainer.recipe, run.seed), start, *trainer.shapes)
    task = trainer.task(recipe, *chosen.read(data), weights_of(encoder_weights), start)
    run.fit(task, recipe.schedule, out)

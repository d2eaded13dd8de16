"""`wisp train subject` and `wisp train matting`: what finds people and things, and what draws their edges."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeVar

import typer

from wisp.cli.bundles import with_bundles
from wisp.cli.train.options import (
    CorpusOptions,
    EncoderOption,
    LengthOptions,
    OutOption,
    RunOptions,
    SegmenterOption,
    StartOption,
    check_size,
    weights_of,
)
from wisp.cli.train.packs import PackOption, TeachersOption, packs_of
from wisp.core.errors import InputError
from wisp.core.extras import importing

if TYPE_CHECKING:
    from wisp.training.recipes.matting import MattingRecipe
    from wisp.training.recipes.portrait_losses import Coefficients
    from wisp.training.recipes.subject_recipes import SubjectRecipe

R = TypeVar("R", "SubjectRecipe", "MattingRecipe")

CorpusOption = Annotated[
    Path,
    typer.Option(
        "--data",
        help="A corpus: people/ and things/ (photo/, alpha/, weight/, manifest.csv), cutouts/ (files with "
        "transparency), backgrounds/. things/ and cutouts/ may be missing.",
    ),
]
RateOption = Annotated[
    float | None, typer.Option(min=1e-7, max=1, help="AdamW's learning rate [default: the recipe's].")
]


@with_bundles
def train_subject_command(
    *,
    data: CorpusOption,
    out: OutOption,
    recipe_name: Annotated[
        Literal["subject", "further", "guidance"],
        typer.Option(
            "--recipe",
            help="subject: the whole network. further: go on with --start, on larger and harder samples. "
            "guidance: teach --start to follow clicks; its answers without clicks stay as they are.",
        ),
    ] = "subject",
    encoder_weights: EncoderOption = None,
    start: StartOption = None,
    teachers: TeachersOption = None,
    pack: PackOption = None,
    chosen: CorpusOptions,
    guided: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of samples with clicks [default: the recipe's].")
    ] = None,
    photos: Annotated[
        float, typer.Option(min=0.01, max=1, help="Share of the people and things to learn from.")
    ] = 1.0,
    things: Annotated[
        bool, typer.Option(help="Learn things, too; without, people alone are the subject.")
    ] = True,
    rate: RateOption = None,
    side: Annotated[
        list[int] | None,
        typer.Option(
            min=64, help="Side of the samples throughout, a multiple of 32; may be given several times."
        ),
    ] = None,
    samples: LengthOptions,
    run: RunOptions,
) -> None:
    """Train the subject network, which finds what a person would cut out and corrects itself by clicks."""
    with importing("training", "train", "opencv"):
        from wisp.data.subject_samples import Sizes
        from wisp.training.recipes.subject import SubjectTask
        from wisp.training.recipes.subject_guidance import GuidanceRecipe, GuidanceTask
        from wisp.training.recipes.subject_recipes import FURTHER, SubjectRecipe

    for one in side or ():
        check_size(one)
    if recipe_name != "subject" and (start is None or guided is not None or encoder_weights is not None):
        accepted = "--start without --guided and --encoder-weights is accepted"
        raise InputError(f"--recipe {recipe_name}", "goes on with a trained network", accepted)
    recipes = {"subject": SubjectRecipe(), "further": FURTHER, "guidance": GuidanceRecipe()}
    recipe = replace(recipes[recipe_name], photos=photos)
    recipe = _adapted(samples.adapt(recipe, run.seed), rate)
    synthesis = recipe.synthesis
    if guided is not None:
        synthesis = replace(synthesis, mix=replace(synthesis.mix, guided=guided))
    if not things:
        synthesis = replace(
            synthesis, mix=replace(synthesis.mix, thing=0.0, held=0.0, people=1.0, beside=0.0)
        )
    if side:
        synthesis = replace(synthesis, sizes=Sizes(phases=((1.0, tuple(side)),)))
    recipe = replace(recipe, synthesis=synthesis)
    train, held_out = packs_of(
        data, pack or out / "photos", chosen, things=things, teachers=teachers, report=run.report
    )
    if isinstance(recipe, GuidanceRecipe):
        assert start is not None
        task: SubjectTask = GuidanceTask(recipe, train, held_out, start)
    else:
        task = SubjectTask(recipe, train, held_out, weights_of(encoder_weights), start)
    run.fit(task, recipe.schedule, out)  # type: ignore[arg-type]


@with_bundles
def train_matting_command(
    *,
    data: CorpusOption,
    out: OutOption,
    segmenter: SegmenterOption = None,
    start: StartOption = None,
    teachers: TeachersOption = None,
    pack: PackOption = None,
    chosen: CorpusOptions,
    coefficient: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=WEIGHT",
            help="Weight of a term of the loss, such as composition=0.5; may be given several times.",
        ),
    ] = None,
    rate: RateOption = None,
    samples: LengthOptions,
    run: RunOptions,
) -> None:
    """Train the matting network of any subject, which draws the edges of what the subject network finds."""
    with importing("training", "train", "opencv"):
        from wisp.training.importing import continued
        from wisp.training.recipes.matting import MattingRecipe, MattingTask

    recipe = MattingRecipe()
    recipe = replace(recipe, coefficients=_weighted(recipe.coefficients, coefficient or []))
    recipe = _adapted(samples.adapt(recipe, run.seed), rate)
    recipe = continued(recipe, start, "lean")
    train, held_out = packs_of(
        data, pack or out / "photos", chosen, side=FINE_SIDE, teachers=teachers, report=run.report
    )
    task = MattingTask(recipe, train, held_out, segmenter=segmenter, start=start)
    run.fit(task, recipe.schedule, out)


FINE_SIDE: Final = 704
"""Longer side of the decoded photos that the matting network learns from, pixels: the corpus's largest."""


def _adapted(recipe: R, rate: float | None) -> R:
    """The recipe at another rate; the encoder's keeps its ratio, short runs warm up less."""
    schedule = recipe.schedule
    schedule = replace(schedule, warm_up=min(schedule.warm_up, max(1, schedule.steps // 10)))
    rate = rate or recipe.rate
    encoder_rate = recipe.encoder_rate * rate / recipe.rate
    return replace(recipe, rate=rate, encoder_rate=encoder_rate, schedule=schedule)


def _weighted(coefficients: Coefficients, given: list[str]) -> Coefficients:
    for text in given:
        name, _, value = text.partition("=")
        known = [field.name for field in fields(coefficients)]
        try:
            weight = float(value)
        except ValueError:
            weight = -1.0
        if name not in known or not weight >= 0:
            accepted = f"NAME=WEIGHT with one of {', '.join(known)} and a weight of 0 or more is accepted"
            raise InputError("--coefficient", f"is {text}", accepted)
        coefficients = replace(coefficients, **{name: weight})
    return coefficients

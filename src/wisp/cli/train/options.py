"""Options that several trainings take, single ones and those that go together, with what is done by them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol, TypeVar

import typer

from wisp.cli.options import QuietOption
from wisp.core.errors import InputError

if TYPE_CHECKING:
    from wisp.data.datasets import Entry
    from wisp.training.loop import Schedule, Task

DataOption = Annotated[
    list[Path],
    typer.Option(
        help="A corpus (people/ with manifest.csv, backgrounds/), a folder with image/ and alpha/ or with "
        "fg/ and alpha/, a folder of cut-outs, or a published set (Composition-1k, Distinctions-646, "
        "P3M-10k, AM-2k, AIM-500, PPM-100, PhotoMatte85, Human Matting, Supervisely's persons); may be "
        "given several times."
    ),
]
NamesOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Text file with the names of the photos to take, one a line."),
]
OutOption = Annotated[Path, typer.Option("-o", "--out", help="Folder of the run.")]
BackgroundsOption = Annotated[
    Path | None,
    typer.Option(help="Folder of photos without people [default: backgrounds/ of the first DATA]."),
]
EncoderOption = Annotated[
    Path | None,
    typer.Option(
        help="Start of the encoder: torchvision's mobilenet_v2 .pth, MODNet's .onnx, or the word imagenet, "
        "which fetches torchvision's file."
    ),
]
StartOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME_OR_FILE",
        help="Weights to begin with: the name of a shipped network, its ONNX file, or best.pt of a run.",
    ),
]
SegmenterOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME_OR_FILE",
        help="Where coarse masks come from: segmenter-mobile, an ONNX file, or best.pt of `wisp train "
        "segmenter` [default: the true alpha].",
    ),
]
LicencesOption = Annotated[
    str, typer.Option(help="Keep only photos whose licence contains one of these, comma-separated.")
]
StepsOption = Annotated[int | None, typer.Option(min=1, help="Optimiser steps [default: the recipe's].")]
FixedBatchOption = Annotated[int, typer.Option(min=1, help="Samples a step.")]
BatchOption = Annotated[int | None, typer.Option(min=1, help="Samples a step [default: the recipe's].")]
SizeOption = Annotated[
    int | None,
    typer.Option(min=64, help="Side of the samples, a multiple of 32 [default: the recipe's]."),
]
LetterboxOption = Annotated[
    bool, typer.Option("--letterbox", help="Keep photos' proportions instead of stretching them to a square.")
]
WidthOption = Annotated[int, typer.Option(min=2, help="Filters of the first level.")]
ViewsOption = Annotated[
    int | None,
    typer.Option(
        min=2,
        help="Show each sample so many times, for devices that train faster than samples are made; they are "
        "kept in OUT meanwhile, up to 40 GB of them [default: once].",
    ),
]
SeedOption = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of everything random.")]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on from OUT's checkpoint.")]
PrecisionOption = Annotated[str, typer.Option(help="auto, bf16 or fp32.")]
WorkersOption = Annotated[int, typer.Option(min=0, help="Processes that make samples.")]
AsPublishedOption = Annotated[
    bool,
    typer.Option(
        "--as-published",
        help="Data are the paper's and nothing else, for owners of its sets; with the paper's recipe.",
    ),
]
FreezeOption = Annotated[
    str,
    typer.Option(help="What keeps its weights: none, first, first-two (layers) or all-but-last."),
]


class _Recipe(Protocol):
    """The fields of a recipe that the command line reads."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def schedule(self) -> Schedule: ...
    @property
    def synthesis(self) -> Any: ...


R = TypeVar("R", bound=_Recipe)


@dataclass(frozen=True)
class CorpusOptions:
    """Options that choose photos of a corpus, and what they are set on."""

    backgrounds: BackgroundsOption = None
    licences: LicencesOption = ""


@dataclass(frozen=True)
class PhotoOptions(CorpusOptions):
    """Options that choose photos of the data, and what they are set on."""

    names: NamesOption = None

    def read(
        self, data: list[Path], *, scenes_needed: bool = True
    ) -> tuple[list[Entry], list[Path], list[Entry], list[Path]]:
        """People and scenes to train on, people and scenes held out.

        Where scenes are not needed and no folder is named, there may be none.
        """
        from wisp.data import datasets, layouts

        people, held_out = layouts.split_folders(data, listed(self.licences), self.names)
        folder = self.backgrounds or data[0] / "backgrounds"
        if self.backgrounds is None and not scenes_needed and not folder.is_dir():
            return people, [], held_out, []
        scenes, held_out_scenes = datasets.hold_out(datasets.backgrounds(folder))
        return people, scenes, held_out, held_out_scenes


@dataclass(frozen=True)
class LengthOptions:
    """Options of a run's length."""

    steps: StepsOption = None
    batch: BatchOption = None

    def adapt(self, recipe: R, seed: int, **schedule: Any) -> R:
        """A recipe as the command line says, with further fields of its schedule."""
        steps, batch = self.steps or recipe.schedule.steps, self.batch or recipe.schedule.batch
        return replace(
            recipe, schedule=replace(recipe.schedule, seed=seed, steps=steps, batch=batch, **schedule)
        )


@dataclass(frozen=True)
class SampleOptions(LengthOptions):
    """Options of a run's length and of its samples' size."""

    size: SizeOption = None

    def __post_init__(self) -> None:
        check_size(self.size)

    def adapt(self, recipe: R, seed: int, **schedule: Any) -> R:
        """A recipe as the command line says, with further fields of its schedule."""
        return with_size(super().adapt(recipe, seed, **schedule), self.size)


@dataclass(frozen=True)
class ViewOptions(SampleOptions):
    """Options of a run's length, of its samples' size, and of how often each is shown."""

    views: ViewsOption = None

    def adapt(self, recipe: R, seed: int, **schedule: Any) -> R:
        """A recipe as the command line says, with further fields of its schedule."""
        return super().adapt(recipe, seed, views=self.views, **schedule)


@dataclass(frozen=True)
class RunOptions:
    """Options of how a run is made."""

    seed: SeedOption = 0
    resume: ResumeOption = False
    precision: PrecisionOption = "auto"
    workers: WorkersOption = 1
    quiet: QuietOption = False

    def __post_init__(self) -> None:
        check_precision(self.precision)

    @property
    def report(self) -> Callable[[str], None]:
        """Prints a line of progress, or none for ``--quiet``."""
        return reporter(quiet=self.quiet)

    def fit(self, task: Task, schedule: Schedule, out: Path) -> None:
        """Train, and report the best weights' file."""
        from wisp.training.loop import fit

        best = fit(
            task,
            schedule,
            out,
            resume=self.resume,
            precision=self.precision,
            workers=self.workers,
            report=self.report,
        )
        self.report(f"best weights: {best}")


def check_precision(precision: str) -> None:
    """Raise `InputError` for a ``--precision`` that no training has."""
    if precision not in ("auto", "bf16", "fp32"):
        raise InputError("--precision", f"is {precision}", "auto, bf16 and fp32 are accepted")


def check_size(size: int | None) -> None:
    """Raise `InputError` for a ``--size`` that no recipe can have."""
    if size is not None and size % 32:
        raise InputError("--size", f"is {size}", "a multiple of 32 is accepted")


def with_size(recipe: R, size: int | None) -> R:
    """A recipe with samples of another size, pixels; None leaves it.

    Raises:
        InputError: no multiple of 32.
    """
    check_size(size)
    return recipe if size is None else replace(recipe, synthesis=replace(recipe.synthesis, size=size))


def listed(text: str) -> list[str]:
    """The words of a comma-separated option."""
    return [word.strip() for word in text.split(",") if word.strip()]


def weights_of(name_or_file: Path | None) -> Path | None:
    """The file of published weights, fetched where a name is given."""
    from wisp.training.pretrained import resolve

    return None if name_or_file is None else resolve(name_or_file)


def choose_recipe(recipes: Mapping[str, R], name: str) -> R:
    """The recipe that ``--recipe`` names.

    Raises:
        InputError: none has that name.
    """
    if name not in recipes:
        raise InputError("--recipe", f"is {name}", f"{', '.join(recipes)} are accepted")
    return recipes[name]


def not_published(recipe: str, published: str) -> InputError:
    """The error of ``--as-published`` beside a recipe that is not the paper's."""
    return InputError(
        "--as-published", f"is no option of the recipe {recipe}", f"--recipe {published} has it"
    )


def reporter(*, quiet: bool) -> Callable[[str], None]:
    """Prints a line of progress on stderr, or nothing."""
    return _say_nothing if quiet else _tell


def _tell(line: str) -> None:
    typer.echo(line, err=True)


def _say_nothing(_: str) -> None:
    pass

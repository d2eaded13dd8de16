"""The options that several verbs share, word for word."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from wisp.cli.console import UsageError
from wisp.core.limits import MAX_PIXELS
from wisp.engine.devices import Device, Precision
from wisp.engine.families import Wanted
from wisp.methods import ClipMethodName, MethodName, Refinement, Use, method_names

if TYPE_CHECKING:
    from wisp.core.arrays import Bits
    from wisp.engine.engine import Engine

FormatName: TypeAlias = Literal["png", "tiff", "webp", "avif", "jpeg"]

_GUIDANCE, _RESULT, _RUNNING = "Guidance", "Result", "Running"


def _option(*names: str, metavar: str | None = None, panel: str, help: str) -> object:
    return typer.Option(*names, metavar=metavar, rich_help_panel=panel, help=help)


def _choices(use: Use) -> str:
    """The methods that can be asked for as they are."""
    return "|".join(method_names(use))


InputsArgument: TypeAlias = Annotated[
    list[str], typer.Argument(metavar="INPUT", help="Photos or folders of photos; - is standard input.")
]
OutOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--out",
        "-o",
        metavar="OUT",
        help="A file for one photo (- is standard output), a folder for several.",
    ),
]
SaveAlphaOption: TypeAlias = Annotated[
    str | None,
    _option("--save-alpha", metavar="F", panel=_RESULT, help="Write the alpha too, as one grey channel."),
]
SaveForegroundOption: TypeAlias = Annotated[
    str | None,
    _option("--save-foreground", metavar="F", panel=_RESULT, help="Write the foreground colours too."),
]
SubjectOption: TypeAlias = Annotated[
    Wanted,
    _option(
        "--subject",
        panel=_GUIDANCE,
        help="What to look for: auto (what a person would cut out: people with what they hold, else "
        "anything), people or anything.",
    ),
]
PointOption: TypeAlias = Annotated[
    list[str] | None,
    _option(
        "--point",
        metavar="X,Y",
        panel=_GUIDANCE,
        help="Follow whoever is here in the first frame, and nobody else: pixels from its top left corner. "
        "Several times for several clicks on the same subject.",
    ),
]
PointOutOption: TypeAlias = Annotated[
    list[str] | None,
    _option(
        "--point-out",
        metavar="X,Y",
        panel=_GUIDANCE,
        help="A click on what is not the subject, beside --point or --box.",
    ),
]
BoxOption: TypeAlias = Annotated[
    str | None,
    _option(
        "--box",
        metavar="X,Y,W,H",
        panel=_GUIDANCE,
        help="Follow whoever is in this box of the first frame, and nobody else.",
    ),
]
StrictOption: TypeAlias = Annotated[
    bool, _option("--strict", panel=_RESULT, help="A photo in which nothing is found counts as failed.")
]
IgnoreAlphaOption: TypeAlias = Annotated[
    bool,
    _option(
        "--ignore-alpha",
        panel=_GUIDANCE,
        help="Take a photo that has transparency as if it had none, hidden colours and all.",
    ),
]
MethodOption: TypeAlias = Annotated[
    MethodName,
    _option(
        "--method",
        metavar=_choices("photo"),
        panel=_RUNNING,
        help="How alpha is estimated.",
    ),
]
ClipMethodOption: TypeAlias = Annotated[
    ClipMethodName,
    _option(
        "--method",
        metavar=_choices("clip"),
        panel=_RUNNING,
        help="How alpha is estimated in a frame; auto and segmenter are fast.",
    ),
]
ModelOption: TypeAlias = Annotated[
    str | None,
    _option(
        "--model", metavar="NAME_OR_FILE", panel=_RUNNING, help="A network other than the method's default."
    ),
]
TrimapOption: TypeAlias = Annotated[
    str | None,
    _option(
        "--trimap",
        metavar="F",
        panel=_GUIDANCE,
        help="Trimap: 0 background, 128 unknown, 255 foreground. A folder for several photos.",
    ),
]
MaskOption: TypeAlias = Annotated[
    str | None,
    _option(
        "--mask",
        metavar="F",
        panel=_GUIDANCE,
        help="Soft or hard mask to start from instead of the network's.",
    ),
]
AlphaOption: TypeAlias = Annotated[
    str | None,
    _option(
        "--alpha",
        metavar="F",
        panel=_GUIDANCE,
        help="Finished alpha: only foreground and compositing are left.",
    ),
]
WidthOption: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--width",
        min=0,
        max=1,
        metavar="FRACTION",
        rich_help_panel=_GUIDANCE,
        help="How rough the mask is: the band along its edge over the square root of the subject's area.",
    ),
]
PlateOption: TypeAlias = Annotated[
    str | None,
    _option(
        "--plate",
        metavar="F",
        panel=_GUIDANCE,
        help="The same place without the subject, for a model that compares with it (bgmv2).",
    ),
]
RefineOption: TypeAlias = Annotated[
    Refinement, _option("--refine", panel=_RUNNING, help="Post-process of the alpha.")
]
SmoothOption: TypeAlias = Annotated[
    bool | None,
    _option(
        "--smooth/--no-smooth",
        panel=_RUNNING,
        help="Whether the matting Laplacian smooths a sampling method's alpha; as in its paper if not given.",
    ),
]
SSRNOption: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--ssrn/--no-ssrn",
        rich_help_panel=_RUNNING,
        help="Whether dlmn's second network refines what its first has found; it does where there is one.",
    ),
]
BitsOption: TypeAlias = Annotated[
    Literal["8", "16"] | None,
    _option("--bits", panel=_RESULT, help="Bits a channel; as many as the photo has, where the format can."),
]
FormatOption: TypeAlias = Annotated[
    FormatName | None, _option("--format", panel=_RESULT, help="File format; the suffix of OUT, or png.")
]
DeviceOption: TypeAlias = Annotated[Device, _option("--device", panel=_RUNNING, help="What networks run on.")]
PrecisionOption: TypeAlias = Annotated[
    Precision, _option("--precision", panel=_RUNNING, help="What networks compute in.")
]
JobsOption: TypeAlias = Annotated[
    int,
    typer.Option(
        "--jobs", min=0, metavar="N", rich_help_panel=_RUNNING, help="Photos at a time; 0 suits the machine."
    ),
]
PageOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--page",
        min=1,
        metavar="N",
        rich_help_panel=_RUNNING,
        help="Which page of animations and multi-page files, from 1.",
    ),
]
MaxPixelsOption: TypeAlias = Annotated[
    int,
    typer.Option(
        "--max-pixels",
        min=1,
        metavar="N",
        rich_help_panel=_RUNNING,
        help="Refuse photos with more pixels than this.",
    ),
]
OverwriteOption: TypeAlias = Annotated[
    bool, _option("--overwrite", panel=_RESULT, help="Replace outputs that exist.")
]
SkipExistingOption: TypeAlias = Annotated[
    bool,
    _option(
        "--skip-existing",
        panel=_RESULT,
        help="Leave out photos whose outputs exist: a batch that was stopped goes on.",
    ),
]
KeepMetadataOption: TypeAlias = Annotated[
    bool, _option("--keep-metadata", panel=_RESULT, help="Carry EXIF over (camera, GPS).")
]
QuietOption: TypeAlias = Annotated[bool, _option("--quiet", "-q", panel=_RUNNING, help="Print errors only.")]


def as_bits(word: Literal["8", "16"] | None) -> Bits | None:
    """The number that ``--bits`` names; None for that of the photo."""
    return None if word is None else 8 if word == "8" else 16


def numbers(name: str, text: str, count: int, accepted: str) -> tuple[float, ...]:
    """So many numbers between commas, none below 0.

    Args:
        name: of the option.
        text: what was given.
        count: how many are accepted.
        accepted: what the message says they are.

    Raises:
        UsageError: anything else.
    """
    parts = text.split(",")
    plain = all(re.fullmatch(r"\d+(\.\d*)?", part) for part in parts)
    if len(parts) != count or not plain:
        raise UsageError(f"{name}: is {text!r}; {accepted} are accepted")
    return tuple(float(part) for part in parts)


@dataclass(frozen=True)
class PhotoOptions:
    """The options of ``cutout`` and ``replace``."""

    out: OutOption
    save_alpha: SaveAlphaOption = None
    save_foreground: SaveForegroundOption = None
    subject: SubjectOption = "auto"
    method: MethodOption = "auto"
    model: ModelOption = None
    trimap: TrimapOption = None
    mask: MaskOption = None
    alpha: AlphaOption = None
    width: WidthOption = None
    plate: PlateOption = None
    refine: RefineOption = "none"
    smooth: SmoothOption = None
    ssrn: SSRNOption = None
    bits: BitsOption = None
    format: FormatOption = None
    device: DeviceOption = "auto"
    precision: PrecisionOption = "auto"
    jobs: JobsOption = 0
    page: PageOption = None
    max_pixels: MaxPixelsOption = MAX_PIXELS
    overwrite: OverwriteOption = False
    skip_existing: SkipExistingOption = False
    keep_metadata: KeepMetadataOption = False
    strict: StrictOption = False
    ignore_alpha: IgnoreAlphaOption = False
    quiet: QuietOption = False

    @property
    def depth(self) -> Bits | None:
        """Bits a channel of the results; None for those of the photo."""
        return as_bits(self.bits)


@dataclass(frozen=True)
class NetworkOptions:
    """The options of commands that run networks and write one result: where, how exactly, over what."""

    device: DeviceOption = "auto"
    precision: PrecisionOption = "auto"
    overwrite: OverwriteOption = False
    quiet: QuietOption = False

    @property
    def engine(self) -> Engine:
        """The engine that runs the networks."""
        from wisp.engine.engine import Engine

        return Engine(self.device, self.precision)

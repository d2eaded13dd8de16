"""`wisp export CHECKPOINT -o FILE.onnx`: a trained network as a file that `--model` takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wisp.cli import options as o
from wisp.core.errors import InputError
from wisp.core.extras import importing
from wisp.io.atomic import check_output

if TYPE_CHECKING:
    from wisp.training.export import Exported


def export_command(
    checkpoint: Annotated[Path, typer.Argument(help="best.pt of a training run.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The ONNX file.")],
    part: Annotated[
        str | None,
        typer.Option(
            help="Which network, where a run trains several (portrait-refinement)  [default: the main one]."
        ),
    ] = None,
    lean: Annotated[
        bool,
        typer.Option(
            "--lean",
            help="With fewer channels, fitted anew on samples of --data: faster, nearly the same "
            "(segmenter, portrait).",
        ),
    ] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="Quantise to 8 bits, calibrated on photos of --data.")
    ] = False,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            help="With --lean and --int8: what the network was trained on, as `wisp train` takes it."
        ),
    ] = None,
    names: Annotated[
        Path | None, typer.Option(help="With --data: text file with the photos to take, one a line.")
    ] = None,
    backgrounds: Annotated[
        Path | None,
        typer.Option(help="With --data: folder of photos without people [default: DATA/backgrounds]."),
    ] = None,
    samples: Annotated[
        int, typer.Option(help="With --int8: how many to calibrate with, a multiple of 8.")
    ] = 16,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODULE", help="With --int8: stays in floats [default: what is known to be sensitive]."
        ),
    ] = None,
    average_with: Annotated[
        list[Path] | None,
        typer.Option(
            help="Checkpoint of a run that this one went on from, or that went on from it: the mean of their "
            "weights is exported; may be given several times."
        ),
    ] = None,
    overwrite: o.OverwriteOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Export a checkpoint as ONNX, with fp16 weights or in int8, and check the file against the network."""
    with importing("exporting", "train"):
        from wisp.training import pruning
        from wisp.training.calibration import samples as read_samples
        from wisp.training.export import Calibration, export_checkpoint

    if lean and not data:
        raise InputError("--lean", "needs photos to fit on", "--data FOLDER is accepted")
    if int8 and not data:
        raise InputError("--int8", "needs photos to calibrate with", "--data FOLDER is accepted")
    if not (int8 or lean) and (data or names or backgrounds or keep):
        raise InputError(
            "--data", "is of no use without --lean or --int8", "--int8 --data FOLDER is accepted"
        )
    if out.suffix != ".onnx":
        raise InputError(out, "is no name of an ONNX file", "one that ends in .onnx is accepted")
    check_output(out, overwrite=overwrite, inputs=[checkpoint, *(average_with or [])])
    calibration = None
    if int8 and data:
        photos, held_out = read_samples(data, names=names, backgrounds=backgrounds, count=samples)
        calibration = Calibration(photos, held_out, keep)
    fitted = pruning.samples(data, names=names, backgrounds=backgrounds) if lean and data else None
    done = export_checkpoint(
        checkpoint,
        out,
        part=part,
        average_with=average_with or (),
        lean_with=fitted,
        calibration=calibration,
        overwrite=overwrite,
    )
    if not quiet:
        typer.echo(f"{done.path}: {_told(done)}", err=True)


def _told(done: Exported) -> str:
    """Sum an export up in one line: file, size, and what int8 costs."""
    size = f"{done.size / 1e6:.2f} MB, {done.parameters / 1e6:.2f} M parameters"
    if done.pruned is not None:
        size += f", lean: {done.pruned:.1e} from the whole network on average"
    if done.loss is None:
        return (
            f"{size}, largest difference from the network {done.difference:.1e}, "
            f"{done.rounding:.1e} with fp16 weights"
        )
    loss = done.loss
    return (
        f"{size}, {loss.quantised} convolutions in int8, {loss.kept} in floats; mean absolute error on "
        f"{loss.samples} held-out samples {loss.before:.5f} in floats, {loss.after:.5f} in int8 "
        f"({loss.share:+.1%})"
    )

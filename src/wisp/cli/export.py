"""`wisp export CHECKPOINT -o FILE.onnx`: a trained network as a file that `--model` takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wisp.errors import MissingExtraError


def export_command(
    checkpoint: Annotated[Path, typer.Argument(help="best.pt of a training run.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The ONNX file.")],
    part: Annotated[
        str | None,
        typer.Option(
            help="Which network, where a run trains several (portrait-refinement)  [default: the main one]."
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing.")] = False,
) -> None:
    """Export a checkpoint as ONNX with fp16 weights and check the file against the network."""
    try:
        from wisp.training.export import export_checkpoint
    except ModuleNotFoundError as error:
        raise MissingExtraError("exporting", "train") from error

    done = export_checkpoint(checkpoint, out, part=part, overwrite=overwrite)
    if not quiet:
        typer.echo(
            f"{done.path}: {done.size / 1e6:.2f} MB, {done.parameters / 1e6:.2f} M parameters, "
            f"largest difference from the network {done.difference:.1e}, "
            f"{done.rounding:.1e} with fp16 weights",
            err=True,
        )

"""`wisp train NETWORK`: train a network on one's own data or on a corpus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import typer

from wisp.cli.train.dim import train_dim_command
from wisp.cli.train.dlmn import train_dlmn_command
from wisp.cli.train.plain import command_of
from wisp.cli.train.portrait import train_portrait_command
from wisp.cli.train.segmenter import train_segmenter_command
from wisp.cli.train.ssrn import train_ssrn_command
from wisp.cli.train.subject import train_matting_command, train_subject_command
from wisp.cli.train.unet import train_unet_command, train_unet_simple_command
from wisp.engine.families import FAMILIES

COMMANDS: Final[Mapping[str, Callable[..., None]]] = {
    "subject": train_subject_command,
    "matting": train_matting_command,
    **{family.name: command_of(family) for family in FAMILIES.values() if family.learns},
    "segmenter": train_segmenter_command,
    "portrait": train_portrait_command,
    "dim": train_dim_command,
    "unet": train_unet_command,
    "unet-simple": train_unet_simple_command,
    "dlmn": train_dlmn_command,
    "ssrn": train_ssrn_command,
}
"""By name: those with options of their own, and one for each family whose row says what it learns."""

train_app = typer.Typer(help="Train a network.")
for _name, _command in COMMANDS.items():
    train_app.command(_name)(_command)

"""The command line, one file a verb."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Annotated

import typer

from wisp.cli.ablate import ablate_app
from wisp.cli.benchmark import benchmark_command
from wisp.cli.camera import camera_command
from wisp.cli.compose import compose_command
from wisp.cli.console import UsageError, complain, complain_of_exception, usage_errors
from wisp.cli.cutout import cutout_command
from wisp.cli.doctor import doctor_command
from wisp.cli.evaluate import evaluate_command
from wisp.cli.export import export_command
from wisp.cli.extract import extract_command
from wisp.cli.figure import figure_app
from wisp.cli.finetune import finetune_command
from wisp.cli.models import models_app
from wisp.cli.replace import replace_command
from wisp.cli.train import train_app
from wisp.cli.trimap import trimap_command
from wisp.cli.video import video_command
from wisp.core.errors import InputError, WispError
from wisp.io.vips import own_process

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

app = typer.Typer(
    name="wisp",
    help="Cut people and things out of photos, with soft hair and true edge colours.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from wisp import __version__

        typer.echo(f"wisp {__version__}")
        raise typer.Exit


@app.callback()
def _shared(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Cut people and things out of photos, with soft hair and true edge colours."""


app.command("cutout")(cutout_command)
app.command("replace")(replace_command)
app.command("trimap")(trimap_command)
app.command("video")(video_command)
app.command("camera")(camera_command)
app.command("evaluate")(evaluate_command)
app.command("compose")(compose_command)
app.command("extract")(extract_command)
app.add_typer(train_app, name="train")
app.command("finetune")(finetune_command)
app.add_typer(ablate_app, name="ablate")
app.add_typer(figure_app, name="figure")
app.command("export")(export_command)
app.command("benchmark")(benchmark_command)
app.add_typer(models_app, name="models")
app.command("doctor")(doctor_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Expected errors are one line on stderr. So is a bug; its traceback follows where the environment
    variable WISP_DEBUG is set.

    Args:
        arguments: what follows ``wisp``; None for those of the process.

    Returns:
        The exit code: 0 done, 1 at least one input failed, 2 wrong usage or nothing to do, 130 interrupted.
    """
    # The matrices of matting are small: BLAS threads would spend their time waiting for each other, and
    # photos are worked on side by side anyway. OpenBLAS reads this when NumPy is first imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    own_process()
    words = list(sys.argv[1:] if arguments is None else arguments)
    code = USAGE if not words else DONE  # without a verb there is help to read, and nothing is done
    try:
        if words[:1] != ["models"]:  # which fetches; every other verb takes files alone
            _refuse_addresses(words)
        with _interruptible():
            returned = app(args=words or ["--help"], prog_name="wisp", standalone_mode=False)
    except UsageError as error:
        complain(error)
        return USAGE
    except WispError as error:
        complain(error)
        about_option = isinstance(error, InputError) and error.name.startswith("--")
        return USAGE if about_option else FAILED
    except typer.TyperException as error:
        complain(_with_hint(error))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        complain("interrupted")
        return INTERRUPTED
    except Exception as error:  # the last resort: a bug, or a machine out of memory or disk
        complain_of_exception(error)
        return FAILED
    if returned == INTERRUPTED:
        complain("interrupted")
    return code or (returned if isinstance(returned, int) else DONE)


def _refuse_addresses(words: Sequence[str]) -> None:
    """Raise `UsageError` for a word, or an option's value, that is an address in the place of a file."""
    from wisp.io.paths import refuse_address

    with usage_errors():
        for word in words:
            refuse_address(word.partition("=")[2] if word.startswith("--") else word)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM end the program as Ctrl-C does, so that temporary files are removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _with_hint(error: typer.TyperException) -> str:
    """Add to an error of the command line where its help is."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "wisp"
    problem = error.format_message().replace("Value error, ", "").rstrip(".")
    return f"{problem}; {command} --help lists what is accepted"

"""``wisp models``: the networks that come with wisp, and others' that can be fetched."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wisp.cli.console import UsageError, complain, usage_errors
from wisp.cli.options import QuietOption

if TYPE_CHECKING:
    from wisp.engine.models import Model
    from wisp.engine.store import Published

models_app = typer.Typer(
    help="The networks that come with wisp, and others' that can be fetched.", no_args_is_help=False
)


@models_app.callback(invoke_without_command=True)
def _list_by_default(context: typer.Context) -> None:
    """The networks that come with wisp, and others' that can be fetched."""
    if context.invoked_subcommand is None:
        list_command()


@models_app.command("list")
def list_command() -> None:
    """List the networks: name, use, size, licence, whether the file is here, and the document it is from."""
    from rich.console import Console
    from rich.table import Table

    from wisp.engine.families import FAMILIES
    from wisp.engine.models import MODELS
    from wisp.engine.store import PUBLISHED, find, rows_here

    table = Table(box=None, pad_edge=False)
    for column in ("name", "use", "size", "licence", "file", "document"):
        table.add_column(column, no_wrap=column in ("name", "size", "licence"))
    for model in MODELS.values():
        size = f"{model.size / 1e6:.1f} MB"
        document = FAMILIES[model.family].document
        table.add_row(model.name, model.family, size, _in_short(model.licence), "comes with wisp", document)
    for row in (*PUBLISHED.values(), *rows_here().values()):
        size = f"{row.size / 1e6:.1f} MB" if row.size else "?"
        state = "here" if find(row) else "not here"
        table.add_row(row.name, _use(row), size, _in_short(row.licence), state, "")
    Console(soft_wrap=False).print(table)


def _in_short(licence: str) -> str:
    """A licence without what is said of it."""
    return re.split(r"[;(]", licence)[0].strip()


@models_app.command("pull")
def pull_command(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME|URL", help="Models that `wisp models list` names, or one address."),
    ],
    sha256: Annotated[
        str | None, typer.Option("--sha256", metavar="HASH", help="Of the file at the address.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="What the file at the address is called.")
    ] = None,
    peer: Annotated[
        str | None,
        typer.Option("--peer", metavar="FAMILY", help="Which network the file at the address is: modnet …"),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option("--licence", metavar="TEXT", help="Of that file, for the list."),
    ] = None,
    mirror: Annotated[
        list[str] | None,
        typer.Option(
            "--mirror", metavar="URL", help="A folder of files on a server, asked first. Repeatable."
        ),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Fetch nothing; say whether the files are here and whole.")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Fetch models, verify them, and print where they lie."""
    from wisp.engine.store import fetch, folders
    from wisp.engine.store.places import keep_row

    with usage_errors():
        rows = [_wanted(text, sha256, name, peer, licence) for text in names]
        if sha256 is not None and len(rows) > 1:
            raise UsageError("--sha256: is of one file; one address is accepted with it")
    for text, row in zip(names, rows, strict=True):
        with _progress(row.name, quiet=quiet) as progress:
            path = fetch(
                row,
                mirrors=mirror or (),
                without_network=offline,
                progress=progress,
                waiting=partial(_tell_of_another, row.name, quiet=quiet),
            )
        if "://" in text and path.parent == folders()[0]:
            keep_row(row, path.parent)
        typer.echo(str(path))


@models_app.command("show")
def show_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A network that `wisp models list` names.")],
) -> None:
    """Show one network: its row, and its model card where it comes with wisp."""
    from wisp.core.errors import InputError
    from wisp.engine.models import MODELS, RENAMED
    from wisp.engine.store import PUBLISHED
    from wisp.engine.store.places import find_row

    published = find_row(name)
    if published is not None:
        _show_published(published)
        return
    with usage_errors():
        model = MODELS.get(RENAMED.get(name, name))
        if model is None:
            there = Path(name).is_file()
            problem = "does not come with wisp" if there else "is no known network and no file"
            raise InputError(name, problem, f"{', '.join((*MODELS, *PUBLISHED))} are accepted")
    _show_shipped(model)


def _show_shipped(model: Model) -> None:
    from wisp.engine.families import FAMILIES

    typer.echo(f"name           {model.name}")
    typer.echo(f"family         {model.family}")
    typer.echo(f"document       {FAMILIES[model.family].document or 'none: wisp has it for itself'}")
    typer.echo(f"file           {model.path}")
    typer.echo(f"size           {model.size} bytes")
    typer.echo(f"sha256         {model.sha256}")
    if model.int8 is not None:
        typer.echo(f"int8           {model.int8.path}, {model.int8.size} bytes")
    typer.echo(f"licence        {model.licence}")
    typer.echo(f"training data  {model.training_data}")
    typer.echo(f"input size     {model.input_size} pixels, the long side")
    if model.card is not None:
        typer.echo(f"\n{model.card.read_text(encoding='utf-8').strip()}")


def _show_published(row: Published) -> None:
    from wisp.engine.peers import PEERS
    from wisp.engine.store import find, folders

    path = find(row)
    typer.echo(f"name           {row.name}")
    typer.echo(f"use            {_use(row)}")
    typer.echo(
        f"file           {path or f'not here; wisp models pull {row.name} puts it into {folders()[0]}'}"
    )
    typer.echo(f"address        {row.url}")
    typer.echo(f"size           {f'{row.size} bytes' if row.size else 'unknown'}")
    typer.echo(f"sha256         {row.sha256}")
    typer.echo(f"hash from      {row.hash_from}")
    typer.echo(f"licence        {row.licence}")
    typer.echo(f"training data  {row.training_data}")
    if row.peer in PEERS:
        typer.echo(f"source         {PEERS[row.peer].source}")


def _use(row: Published) -> str:
    return f"--model {row.name}" if row.peer else "training starts from it"


def _wanted(
    text: str, sha256: str | None, name: str | None, peer: str | None, licence: str | None
) -> Published:
    """The row that a word of ``wisp models pull`` stands for."""
    from wisp.core.errors import InputError
    from wisp.engine.peers import find_peer
    from wisp.engine.store import PUBLISHED
    from wisp.engine.store.addresses import check_url
    from wisp.engine.store.places import find_row
    from wisp.engine.store.rows import own_row

    if "://" not in text:
        about = {"--sha256": sha256, "--name": name, "--peer": peer, "--licence": licence}
        given = [option for option, value in about.items() if value is not None]
        if given:
            raise InputError(given[0], "is for an address", f"an address is accepted with it, not {text}")
        row = find_row(text)
        if row is None:
            accepted = f"{', '.join(PUBLISHED)}, or an address with --sha256, are accepted"
            raise InputError(text, "is no published model that wisp knows", accepted)
        return row
    check_url(text)
    if sha256 is None:
        raise InputError(text, "has no known hash", "--sha256 with the file's sha256 is accepted")
    if peer is not None:
        find_peer(peer)
    return own_row(text, sha256, name=name, peer=peer or "", licence=licence or "unknown")


def _tell_of_another(name: str, *, quiet: bool) -> None:
    if not quiet:
        complain(f"{name}: another wisp is fetching it")


@contextmanager
def _progress(name: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar of bytes on stderr, where stderr is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda here, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda here, total: bar.update(task, completed=here, total=total or None)

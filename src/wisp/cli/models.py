"""``wisp models``: the networks that come with wisp."""

from __future__ import annotations

from typing import Annotated

import typer

models_app = typer.Typer(help="The networks that come with wisp.", no_args_is_help=False)


@models_app.callback(invoke_without_command=True)
def _list_by_default(context: typer.Context) -> None:
    """The networks that come with wisp."""
    if context.invoked_subcommand is None:
        list_command()


@models_app.command("list")
def list_command() -> None:
    """List the networks: name, family, size, licence, training data."""
    from rich.console import Console
    from rich.table import Table

    from wisp.inference.models import DEFAULTS, MODELS

    table = Table("name", "family", "size", "licence", "trained on", box=None, pad_edge=False)
    for model in MODELS.values():
        name = f"{model.name} (default)" if DEFAULTS.get(model.family) == model.name else model.name
        table.add_row(name, model.family, f"{model.size / 1e6:.1f} MB", model.licence, model.training_data)
    Console(soft_wrap=False).print(table)


@models_app.command("show")
def show_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A network that `wisp models list` names.")],
) -> None:
    """Show one network: its row and its model card."""
    from wisp.cli.console import usage_errors
    from wisp.errors import InputError
    from wisp.inference.models import MODELS, find_model

    with usage_errors():
        model = find_model(name)
        if not model.shipped:
            raise InputError(name, "does not come with wisp", f"{', '.join(MODELS)} are accepted")
    typer.echo(f"name           {model.name}")
    typer.echo(f"family         {model.family}")
    typer.echo(f"file           {model.path}")
    typer.echo(f"size           {model.size} bytes")
    typer.echo(f"sha256         {model.sha256}")
    if model.int8 is not None:
        typer.echo(f"int8           {model.int8.path}, {model.int8.size} bytes")
    typer.echo(f"source         {model.url}")
    typer.echo(f"licence        {model.licence}")
    typer.echo(f"training data  {model.training_data}")
    typer.echo(f"input size     {model.input_size} pixels, the long side")
    if model.card is not None:
        typer.echo(f"\n{model.card.read_text(encoding='utf-8').strip()}")

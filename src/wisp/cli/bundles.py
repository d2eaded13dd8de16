"""Options that go together, declared once: dataclasses whose fields become options of commands."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import cache, wraps
from typing import Any, TypeVar, get_type_hints

R = TypeVar("R")


def with_bundles(command: Callable[..., R]) -> Callable[..., R]:
    """Make a command whose options are its own and, in their places, the fields of the dataclasses it takes.

    ::

        @dataclass(frozen=True)
        class Writing:
            overwrite: Annotated[bool, typer.Option("--overwrite")] = False

        @app.command()
        @with_bundles
        def draw(out: OutOption, writing: Writing) -> None: ...

    has the options ``--out`` and ``--overwrite``, and `draw` is called with a `Writing`.

    Args:
        command: a function for Typer; the annotation of a parameter is a dataclass where it stands for that
            dataclass's fields, each of which is annotated as a parameter would be.
    """
    own = inspect.signature(command, eval_str=True)
    parameters: list[inspect.Parameter] = []
    bundles: dict[str, Any] = {}
    for parameter in own.parameters.values():
        if not is_dataclass(parameter.annotation):
            parameters.append(parameter.replace(kind=parameter.KEYWORD_ONLY))
            continue
        bundles[parameter.name] = parameter.annotation
        parameters.extend(_parameters_of(bundles[parameter.name]))

    @wraps(command)
    def unfolded(**given: Any) -> R:
        for name, bundle in bundles.items():
            given[name] = bundle(**{field.name: given.pop(field.name) for field in fields(bundle)})
        return command(**given)

    unfolded.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    unfolded.__annotations__ = {one.name: one.annotation for one in parameters}
    return unfolded


@cache
def _parameters_of(bundle: Any) -> tuple[inspect.Parameter, ...]:
    """A dataclass's fields as parameters; several commands have the same bundle."""
    hints = get_type_hints(bundle, include_extras=True)
    return tuple(
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(bundle)
    )

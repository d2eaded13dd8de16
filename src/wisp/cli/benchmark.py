"""``wisp benchmark``: every method and every peer side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from wisp.cli.console import UsageError, complain, progress, usage_errors
from wisp.cli.options import QuietOption


def benchmark_command(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="Holds image/ and alpha/; may hold trimap/, mask/, plate/ and foreground/."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="OUT", help="Folder of results; wisp-benchmark/NAME of FOLDER by default."
        ),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(metavar="METHOD[=MODEL]", help="A method of wisp. Repeatable. [all that there are]"),
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FILE", help="Somebody else's network: modnet, u2net, isnet, rvm … Repeatable."
        ),
    ] = None,
    pymatting: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METHOD", help="A method of pymatting, or none. Repeatable. [all, where it is installed]"
        ),
    ] = None,
    runtime: Annotated[
        Literal["onnxruntime", "openvino"] | None,
        typer.Option("--peer-runtime", help="What runs peers; ONNX Runtime where it is installed."),
    ] = None,
    photos: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only so many photos, spread evenly.")
    ] = None,
    pictures: Annotated[
        int, typer.Option(min=0, metavar="N", help="So many of the hardest photos are shown in the page.")
    ] = 24,
    cores: Annotated[
        int, typer.Option(min=0, metavar="N", help="Cores for each system; 0 for all of them.")
    ] = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew instead of going on.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Run every method of wisp and every peer, score them as `wisp evaluate` does, and write a report.

    OUT gets report.html, report.json, report.md and the alphas. A run that was stopped goes on where it was.
    """
    from wisp.lab.benchmark.cases import find_cases, kind_of
    from wisp.lab.benchmark.runs import Benchmark, run
    from wisp.lab.benchmark.systems import choose_systems

    with usage_errors():
        cases = find_cases(folder, photos)
        guides = {name: kind_of(name) or "" for name in cases[0].guides}
        systems, left_out = choose_systems(
            guides,
            methods=method or (),
            peers=_peers(peer or ()),
            pymatting=None if pymatting is None else [word for word in pymatting if word != "none"],
            runtime=runtime,
        )
        target = out or Path("wisp-benchmark") / folder.resolve().name
        _check_target(target, folder)
    benchmark = Benchmark(folder, cases, systems, left_out, target, cores)
    tell = _say_nothing if quiet else complain
    with _alone_in(target, tell), progress(len(systems), quiet=quiet) as done:
        result = run(benchmark, fresh=fresh, tell=tell, done=done)
        _write(benchmark, result, pictures)
    if not quiet:
        complain(f"{target / 'report.html'}")
    if all("error" in row for row in result["systems"]):
        raise typer.Exit(1)


def _write(benchmark: Any, result: dict[str, Any], count: int) -> None:
    """The result in its three forms, together or not at all."""
    import json

    from wisp.io.atomic import write_files
    from wisp.lab.benchmark.pictures import pictures_of
    from wisp.lab.benchmark.reports import to_html, to_markdown

    by_name = {case.name: case for case in benchmark.cases}
    alphas = {
        row["slug"]: benchmark.out / "systems" / row["slug"] / "alpha"
        for row in result["systems"]
        if "error" not in row
    }
    pictures = pictures_of([by_name[name] for name in result["hardest"][:count]], alphas)
    contents = {
        "report.json": json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        "report.md": to_markdown(result),
        "report.html": to_html(result, pictures),
    }
    write_files({str(benchmark.out / name): text.encode() for name, text in contents.items()}, overwrite=True)


def _peers(texts: Sequence[str]) -> dict[str, str]:
    """Parse every ``--peer`` NAME=FILE: files by the peers' names."""
    from wisp.engine.peers import find_peer

    found = {}
    for text in texts:
        name, equals, file = text.partition("=")
        if not equals or not file:
            raise UsageError(f"--peer: {text} is no name with a file; NAME=FILE is accepted")
        find_peer(name)
        if not Path(file).is_file():
            raise UsageError(f"{file}: does not exist; the ONNX file of {name} is accepted")
        if name in found:
            raise UsageError(f"--peer: {name} is given twice; one file of a peer is accepted")
        found[name] = file
    return found


def _check_target(target: Path, folder: Path) -> None:
    """Raise `UsageError` unless the folder of results can be one, and is none of the photos' folders."""
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target}: is a file; a folder is accepted")
    inside = {folder.resolve(), *(path.resolve() for path in folder.iterdir() if path.is_dir())}
    if target.resolve() in inside:
        raise UsageError(f"{target}: holds the photos; another folder is accepted")


@contextmanager
def _alone_in(target: Path, tell: Callable[[str], None]) -> Iterator[None]:
    """Hold the folder of results, so that two runs do not write the same files at once."""
    from wisp.core.errors import InputError
    from wisp.io.atomic import reason
    from wisp.io.locks import locked

    lock = target / ".lock"
    try:
        target.mkdir(parents=True, exist_ok=True)
        lock.touch()
    except OSError as error:
        raise InputError(
            target, f"cannot be written ({reason(error)})", "another --out is accepted"
        ) from error
    with locked(lock, lambda: tell(f"{target}: another wisp benchmark is at work there; waiting for it")):
        yield


def _say_nothing(_: str) -> None:
    """Take a line on a system and print nothing, for ``--quiet``."""

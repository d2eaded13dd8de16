"""``wisp doctor``: what this machine has, and what each network really runs on here."""

from __future__ import annotations

import json
import platform
import sys
from typing import Annotated, Any

import typer

from wisp.cli.console import usage_errors
from wisp.cli.options import DeviceOption, PrecisionOption
from wisp.engine.devices import Device, Precision


def doctor_command(
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    measure: Annotated[
        bool, typer.Option("--measure", help="Time int8 beside floats; nothing depends on what comes out.")
    ] = False,
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write the report as JSON; - is stdout.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a report that exists.")] = False,
) -> None:
    """Show versions, devices, and which runtime and precision each network really gets."""
    from wisp.io.atomic import check_output, write_files
    from wisp.io.paths import STDIO, output_path

    if json_file is not None:
        with usage_errors():
            json_file = output_path(json_file)
            check_output(json_file, overwrite=overwrite)
    report = _report(device, precision, measure=measure)
    if json_file is None:
        _print(report)
    elif json_file == STDIO:
        typer.echo(json.dumps(report, indent=2))
    else:
        write_files({json_file: f"{json.dumps(report, indent=2)}\n".encode()}, overwrite=overwrite)
    if any("problem" in network for network in report["networks"]):
        raise typer.Exit(1)


def _report(device: Device, precision: Precision, *, measure: bool) -> dict[str, Any]:
    from wisp.core.machine import cores

    return {
        "versions": _versions(),
        "machine": {"system": platform.platform(), "processor": platform.machine(), "cores": cores()},
        "devices": _devices(),
        "networks": _networks(device, precision, measure=measure),
        "cache": _cache(),
    }


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    from wisp import __version__
    from wisp.io.vips import libvips

    versions = {"wisp": __version__, "python": sys.version.split()[0]}
    vips = libvips()
    versions["libvips"] = ".".join(str(vips.version(part)) for part in range(3))
    for package in (
        "numpy",
        "scipy",
        "pyvips",
        "openvino",
        "onnxruntime",
        "torch",
        "pi-heif",
        "av",
        "opencv-python-headless",
    ):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def _devices() -> dict[str, list[str]]:
    """List the devices of each installed runtime, by its name."""
    import importlib

    from wisp.engine.sessions import openvino_core

    devices: dict[str, list[str]] = {}
    try:
        core = openvino_core()
        devices["OpenVINO"] = [
            f"{name} ({core.get_property(name, 'FULL_DEVICE_NAME').strip()})"
            for name in core.available_devices
        ]
    except ImportError:
        pass
    try:
        providers = importlib.import_module("onnxruntime").get_available_providers()
        devices["ONNX Runtime"] = [name.removesuffix("ExecutionProvider") for name in providers]
    except ImportError:
        pass
    return devices


def _networks(device: Device, precision: Precision, *, measure: bool) -> list[dict[str, Any]]:
    from dataclasses import asdict

    from wisp.core.errors import WispError
    from wisp.engine.engine import Engine
    from wisp.engine.models import MODELS
    from wisp.engine.precision import choose, time_int8

    networks: list[dict[str, Any]] = []
    engine = Engine(device, precision)
    for model in MODELS.values():
        try:
            description = engine.session_of(model).describe()
            reason = choose(model, device=device, precision=precision).reason
            network = {"name": model.name, **asdict(description), "reason": reason}
            measured = time_int8(model) if measure else None
            if measured is not None:
                network["measured"] = f"int8 takes {measured[1]:.2f} of {measured[0]}'s time here"
            networks.append(network)
        except WispError as error:
            networks.append({"name": model.name, "problem": str(error)})
    return networks


def _cache() -> dict[str, Any]:
    """Tell where compiled networks are kept, and how many; asked after networks were loaded."""
    from wisp.engine import compiled

    where = compiled.folder()
    if where is None:
        return {"state": f"switched off ({compiled.VARIABLE})"}
    networks, size = compiled.usage(where)
    state = "in use" if compiled.writable(where) else "cannot be written to"
    report = {"folder": str(where), "networks": networks, "bytes": size, "limit": compiled.LIMIT}
    return {"state": state, **report}


def _print(report: dict[str, Any]) -> None:
    for section in ("versions", "machine"):
        typer.echo(section)
        for name, value in report[section].items():
            typer.echo(f"  {name:<12} {value}")
    typer.echo("devices")
    for runtime, names in report["devices"].items():
        typer.echo(f"  {runtime:<12} {', '.join(names)}")
    typer.echo("networks")
    for network in report["networks"]:
        if "problem" in network:
            typer.echo(f"  {network['name']}: {network['problem']}")
        else:
            threads = f", {network['threads']} threads" if network["threads"] else ""
            typer.echo(
                f"  {network['name']}: {network['runtime']} on {network['device']}, "
                f"{network['precision']}{threads}: {network['reason']}"
                + (f"; {network['measured']}" if "measured" in network else "")
            )
    typer.echo("compiled networks")
    cache = report["cache"]
    if "folder" in cache:
        used = f"{cache['networks']} in {cache['bytes'] / 1e6:.0f} MB of at most {cache['limit'] / 1e6:.0f}"
        typer.echo(f"  {cache['state']}: {cache['folder']}, {used}")
    else:
        typer.echo(f"  {cache['state']}")

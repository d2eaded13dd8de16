"""The result of a benchmark as Markdown and as one HTML page that needs nothing from outside itself."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from typing import Any, Final

from wisp.evaluation.tables import markdown
from wisp.lab.benchmark.runs import WHOLE

METRICS: Final = {
    "sad": ("SAD", 1, 2),
    "mse": ("MSE ×10³", 1e3, 2),
    "mae": ("MAE ×10³", 1e3, 2),
    "grad": ("Grad", 1, 2),
    "conn": ("Conn", 1, 2),
}
"""Name in the result → heading, factor and decimals of the tables."""
HARD_ROWS: Final = 12
"""Photos in the Markdown's table of hard cases."""


def to_markdown(result: Mapping[str, Any]) -> str:
    """Tables: a row a system for each region, what failed, what was left out, and the hardest photos."""
    rows = [row for row in result["systems"] if "error" not in row]
    lines = [f"# {result['folder']}: {result['photos']} photos", "", about(result), ""]
    for region in result["regions"]:
        lines += [f"## {heading(region)}", "", table(result, region)]
    failed = [row for row in result["systems"] if "error" in row]
    if failed:
        lines += ["## Failed", "", *(f"- {row['name']}: {row['error']}" for row in failed), ""]
    if result["left_out"]:
        lines += ["## Left out", "", *(f"- {name}: {why}" for name, why in result["left_out"].items()), ""]
    if rows:
        lines += ["## Hard cases", "", "SAD of the whole image.", "", _hard_table(result, rows)]
    return "\n".join(lines).rstrip("\n") + "\n"


def table(result: Mapping[str, Any], region: str) -> str:
    """The systems' means in one region, as Markdown; a system that failed has its reason in place of them."""
    header, _ = columns(result)
    body = []
    for row in result["systems"]:
        if "error" in row:
            body.append([row["name"], f"failed: {row['error']}", *[""] * (len(header) - 2)])
        else:
            body.append([row["name"], *(text for text, _ in cells(result, row, region))])
    return markdown(header, body)


def columns(result: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Headings of the table of means, and what each means."""
    names = ["system", *(title for title, _, _ in METRICS.values())]
    hints = ["", *("mean over the photos, as wisp evaluate scores" for _ in METRICS)]
    if _has_colours(result):
        names.append("colours")
        hints.append("mean error of the foreground's colours where alpha is soft, in 255ths")
    names += ["CPU s", "s", "start, CPU s", "MB", "model, MB", "licence"]
    hints += [
        "user and system seconds of all threads, mean of a photo",
        "seconds on the clock, mean of a photo",
        "opening it and a first small picture",
        "peak memory of its process, in 10⁶ bytes",
        "files of its networks, in 10⁶ bytes",
        "of its weights; of its code where it has none",
    ]
    return names, hints


def cells(result: Mapping[str, Any], row: Mapping[str, Any], region: str) -> list[tuple[str, float | str]]:
    """Text and value to sort by of each column but the first, for a system that worked."""
    found: list[tuple[str, float | str]] = []
    for key, (_, by, places) in METRICS.items():
        value = row["mean"][region][key] * by
        found.append((f"{value:.{places}f}", value))
    if _has_colours(result):
        found.append(_number(row["colour_error"], 2))
    found += [_number(row[key], 3) for key in ("cpu_s", "wall_s")]
    found += [_number(row["start_cpu_s"], 1), _number(row["peak_mb"], 0)]
    found.append(_number(row["model_bytes"] / 1e6 if row["model_bytes"] else None, 1))
    licence = row.get("licence", "MIT")
    return [*found, (licence, licence)]


def heading(region: str) -> str:
    """Name a region for a table's heading."""
    return "Whole image" if region == WHOLE else f"Unknown part of {region}"


def about(result: Mapping[str, Any]) -> str:
    """A sentence on where and with what it was measured."""
    machine, versions = result["machine"], result["versions"]
    cores = f"{machine['cores_each']} of {machine['cores']} cores of an {machine['cpu']}"
    used = ", ".join(f"{name} {number}" for name, number in versions.items())
    with_what = f"wisp {result['wisp']} on {cores}, Python {machine['python']}, {used}"
    return f"{with_what}; each system in a process of its own."


def to_html(result: Mapping[str, Any], pictures: Sequence[Mapping[str, Any]]) -> str:
    """One page: tables that sort, quality against time, error maps, two systems under a slider.

    Args:
        result: of `wisp.lab.benchmark.runs.run`.
        pictures: of `wisp.lab.benchmark.pictures.pictures_of`, hardest photo first.
    """
    data = {
        "result": result,
        "pictures": pictures,
        "metrics": {key: list(value) for key, value in METRICS.items()},
        "headings": {region: heading(region) for region in result["regions"]},
    }
    script, style = _part("page.js"), _part("page.css")
    filled = {
        "STYLE": style,
        "SCRIPT": script,
        "SCRIPT_HASH": _csp_hash(script),
        "STYLE_HASH": _csp_hash(style),
        "TITLE": escape(f"{result['folder']}: {result['photos']} photos"),
        "ABOUT": escape(about(result)),
        "TABLES": "\n".join(_html_table(result, region) for region in result["regions"]),
        "LEFT_OUT": escape(
            "; ".join(f"{name} ({why})" for name, why in result["left_out"].items()) or "nothing"
        ),
        # a "<" in a name must not end the element that holds the data
        "DATA": json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c"),
    }
    page = _part("page.html")
    for name, text in filled.items():
        page = page.replace(f"@@{name}@@", text)
    return page


def _html_table(result: Mapping[str, Any], region: str) -> str:
    names, hints = columns(result)
    head = "".join(
        f'<th scope="col" title="{escape(hint)}"><button type="button">{escape(name)}</button></th>'
        for name, hint in zip(names, hints, strict=True)
    )
    body = []
    for row in result["systems"]:
        title = escape(str(row.get("source", "")))
        first = (
            f'<th scope="row" title="{title}" data-value="{escape(row["name"])}">{escape(row["name"])}</th>'
        )
        if "error" in row:
            span = len(names) - 1
            body.append(
                f'<tr class="failed">{first}<td colspan="{span}">failed: {escape(row["error"])}</td></tr>'
            )
            continue
        values = "".join(
            f'<td data-value="{escape(str(value))}">{escape(text)}</td>'
            for text, value in cells(result, row, region)
        )
        body.append(f'<tr class="{row["kind"]}">{first}{values}</tr>')
    return (
        f'<h2>{escape(heading(region))}</h2><div class="wide"><table data-region="{escape(region)}">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _hard_table(result: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    names = result["hardest"][:HARD_ROWS]
    body = [[name, *(f"{row['images'][name][WHOLE]['sad']:.2f}" for row in rows)] for name in names]
    return markdown(["photo", *(row["name"] for row in rows)], body)


def _has_colours(result: Mapping[str, Any]) -> bool:
    return any(row.get("colour_error") is not None for row in result["systems"])


def _number(value: float | None, places: int) -> tuple[str, float | str]:
    return ("–", "") if value is None else (f"{value:.{places}f}", value)


def _part(name: str) -> str:
    return (resources.files("wisp.lab.benchmark") / "page" / name).read_text(encoding="utf-8")


def _csp_hash(text: str) -> str:
    """Hash a script or style as the page's content security policy names it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"

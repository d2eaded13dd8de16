"""Pages that are made of the code itself: the Python API, and the networks that there are."""

from __future__ import annotations

import inspect
import os
import re
import textwrap
from pathlib import Path

import wisp
from wisp.engine.families import FAMILIES
from wisp.engine.models import MODELS
from wisp.engine.peers import PEERS
from wisp.engine.store import PUBLISHED
from wisp.evaluation.tables import markdown
from wisp.methods import METHODS

DOCS = Path(__file__).parent.parent / "docs"
_QUOTED = re.compile(r"(: |-> )'([^']*)'")
"""Annotations as `inspect` shows them."""


def api_reference() -> str:
    """Every public name with its signature and docstring, in Markdown."""
    parts = []
    for name in wisp.__all__:
        value = getattr(wisp, name)
        if name == "__version__":
            continue
        signature = "" if _is_error(value) else re.sub(_QUOTED, r"\1\2", str(inspect.signature(value)))
        parts += [f"## `wisp.{name}`", "", "```text", *_wrapped(f"{name}{signature}"), "```", ""]
        parts += [_as_markdown(inspect.getdoc(value) or ""), ""]
    return "\n".join(parts)


def model_tables() -> str:
    """Networks that come with wisp, those that can be fetched, and the families that can be run."""
    shipped = [
        [
            f"[{model.name}]({_link(model.card)})" if model.card else model.name,
            model.family + (", the default" if FAMILIES[model.family].default == model.name else ""),
            f"{model.size / 1e6:.1f}",
            "yes" if model.int8 else "no",
            model.licence,
            model.training_data,
        ]
        for model in MODELS.values()
    ]
    published = [
        [
            row.name,
            f"`--model {row.name}`" if row.peer else "`--encoder-weights`",
            f"{row.size / 1e6:.1f}",
            row.licence,
            row.training_data,
            row.hash_from,
        ]
        for row in PUBLISHED.values()
    ]
    peers = [
        [f"`{peer.name}`", peer.family, " or ".join(peer.guidance) or "nothing", peer.licence, peer.source]
        for peer in PEERS.values()
    ]
    return "\n".join(
        [
            "## They come with wisp",
            "",
            markdown(["network", "what it does", "MB", "int8 too", "licence", "trained on"], shipped),
            "## `wisp models pull` fetches them",
            "",
            markdown(["model", "for", "MB", "licence", "trained on", "its sha256 is known"], published),
            "## wisp runs them from a file",
            "",
            markdown(["`--model NAME=FILE.onnx`", "network", "needs", "licence", "source"], peers),
        ]
    )


def method_table() -> str:
    """Every method of `wisp.methods.METHODS`, in Markdown."""
    rows = [
        [
            f"`{method.name}`",
            "" if method.needs == "nothing" else f"a {method.needs}",
            " and ".join(use for use in ("photo", "clip") if getattr(method, use)),
            method.about,
            method.source,
            " and ".join(f"a {given}" for given in method.default_for),
        ]
        for method in METHODS.values()
    ]
    return markdown(["method", "starts from", "mattes a", "what it is", "paper", "`auto` with"], rows)


def _is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Exception)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 110, subsequent_indent="    ", break_long_words=False)


def _as_markdown(docstring: str) -> str:
    """A docstring whose sections become lists."""
    lines = []
    for line in docstring.splitlines():
        stripped = line.strip()
        if line.rstrip(":") in ("Args", "Attributes", "Returns", "Raises", "Yields"):
            lines += [f"**{line.rstrip(':')}**", ""]
        elif line.startswith("    ") and not line.startswith("     ") and ": " in stripped:
            term, _, rest = stripped.partition(": ")
            lines.append(f"- `{term}`: {rest}" if " " not in term else f"- {stripped}")
        elif line.startswith("        "):
            lines.append(f"  {stripped}")
        else:
            lines.append(stripped)
    return "\n".join(lines).replace("``", "`")


def _link(path: Path) -> str:
    return Path(os.path.relpath(path, DOCS)).as_posix()

"""The first line of every docstring says by itself what a thing is or gives back; what is named is there."""

import ast
import builtins
import re
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "wisp"
LEANS = re.compile(
    r"^(what|where|which|the same|those|as|see|everything|all that|it|that|this|like|ditto|same)\b"
    r"|\b(likewise|as there|as above|as before|as below|attributes as in|arguments as in)\b"
    r"|\balike\b(?=[.;:]|$)",
    re.IGNORECASE,
)
"""Beginnings and words with which a summary leans on something that `help()` does not show."""
OPEN = re.compile(r"^\s+\w+: (as there|likewise|the same|see there|ditto)\b\s*[.;,]?\s*$", re.IGNORECASE)
"""Lines of arguments and attributes that say nothing alone."""

DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def found_in(source):
    """Names and docstrings of the classes and functions of a module, private ones and their parts too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DEFINITIONS) and (text := ast.get_docstring(node)):
            yield f"{node.name}, line {node.lineno}", text


def faults_of(source):
    faults = []
    for name, text in found_in(source):
        first, *others = text.split("\n")
        if LEANS.search(first):
            faults.append(f"{name}: {first}")
        faults += [f"{name}: {line.strip()}" for line in others if OPEN.match(line)]
    return faults


@pytest.mark.parametrize(
    "room", sorted(path.name for path in PACKAGE.iterdir() if path.suffix in ("", ".py"))
)
def test_summaries_say_something_alone(room):
    path = PACKAGE / room
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    faults = [
        f"{file.relative_to(PACKAGE)}: {fault}"
        for file in files
        for fault in faults_of(file.read_text("utf-8"))
    ]
    assert faults == []


@pytest.mark.parametrize(
    "text",
    [
        "What a training did.",
        "The same by another method.",
        "As `other`, with masks.",
        "Those of the part.",
        "See `Clip`.",
        "Faint alpha goes, strong alike.",
        "Alpha.\n\n    Args:\n        names: as there.\n    ",
    ],
)
def test_a_docstring_that_leans_is_found(text):
    assert len(faults_of(f'def function():\n    """{text}"""\n')) == 1


def test_a_docstring_that_stands_alone_is_not_found():
    assert faults_of('def function():\n    """Whether a file is read twice, as cameras are not."""\n') == []


QUOTED = re.compile(r"(?<!`)`([A-Za-z_][\w.]*)`(?!`)")
TREES = {
    ".".join(("wisp", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): ast.parse(
        path.read_text("utf-8")
    )
    for path in sorted(PACKAGE.rglob("*.py"))
}


def defined_in(body):
    """What a module or a class defines and imports, by name; under `if` and `try`, too."""
    found = {}
    for node in body:
        if isinstance(node, DEFINITIONS):
            found[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {x.id: node for target in targets for x in ast.walk(target) if isinstance(x, ast.Name)}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0]: node for alias in node.names}
        elif isinstance(node, ast.If | ast.Try):
            found |= defined_in([*node.body, *node.orelse])
    return found


TOP = {name: defined_in(tree.body) for name, tree in TREES.items()}
CLASSES = {}
for names in TOP.values():
    for name, node in names.items():
        if isinstance(node, ast.ClassDef):
            CLASSES.setdefault(name, []).append(node)
ANYWHERE = {
    *(name for names in TOP.values() for name, node in names.items() if not isinstance(node, ast.ImportFrom)),
    *(module.rpartition(".")[2] for module in TREES),
    *dir(builtins),
}
"""Names that need no import to be found: what modules define, the modules, and Python's own."""


@cache
def members_of(node):
    """Attributes of a class with those of its bases in the package, and what its methods give `self`."""
    given = [x for x in ast.walk(node) if isinstance(x, ast.Attribute) and ast.unparse(x.value) == "self"]
    found = {*defined_in(node.body), *(x.attr for x in given)}
    for base in node.bases:
        name = ast.unparse(base).partition("[")[0].rpartition(".")[2]
        found.update(*(members_of(other) for other in CLASSES.get(name, []) if other is not node))
    return found


def words_of(tree):
    """Every name that a module's code uses: its own, parameters, attributes and keywords."""
    kinds = {ast.Name: "id", ast.arg: "arg", ast.Attribute: "attr", ast.keyword: "arg", ast.alias: "name"}
    found = {getattr(node, kinds[type(node)]) for node in ast.walk(tree) if type(node) in kinds}
    return found | {node.name for node in ast.walk(tree) if isinstance(node, DEFINITIONS)}


def is_there(name, module, words):
    """Whether a quoted name leads somewhere: a module, what one defines, or an attribute of a class."""
    if "." not in name:
        return name in words or name in ANYWHERE
    first, _, rest = name.partition(".")
    if first in sys.stdlib_module_names or first in ("numpy", "scipy", "torch"):
        return True
    if first in CLASSES:
        return any(rest.partition(".")[0] in members_of(node) for node in CLASSES[first])
    beside = module.rpartition(".")[0]
    for home in (name, f"{module}.{name}", f"{beside}.{name}"):
        parent, _, last = home.rpartition(".")
        if home in TREES or last in TOP.get(parent, ()):
            return True
        owner, _, kind = parent.rpartition(".")
        node = TOP.get(owner, {}).get(kind)
        if isinstance(node, ast.ClassDef):
            return last in members_of(node)
    return first != "wisp" and first in words  # an attribute of an argument


def lost_names_of(module, tree):
    words = words_of(tree)
    texts = [
        (node.lineno, node.value.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    return [
        f"{module}, line {line}: {name}"
        for line, text in texts
        for name in QUOTED.findall(text)
        if not is_there(name, module, words) and not re.search(rf"\b(class|def) {name}\b", text)
    ]


def test_names_in_docstrings_lead_somewhere():
    assert [lost for module, tree in TREES.items() for lost in lost_names_of(module, tree)] == []


@pytest.mark.parametrize(
    "name",
    [
        "wisp.io.images.read_mask",
        "wisp.io.imagse",
        "wisp.core.regions.Box.slicse",
        "Box.slicse",
        "LedExample",
        "formats.READABEL",
    ],
)
def test_a_name_that_leads_nowhere_is_found(name):
    module = "wisp.io.images"
    assert lost_names_of(module, ast.parse(f'def f(x):\n    """See `{name}`."""\n'))
    assert not lost_names_of(module, ast.parse('"""See `x`, `Box.slices` and `formats.READABLE`."""\nx = 1'))

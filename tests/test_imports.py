"""Rooms of the package: what each may import, read from the source; imports inside functions count."""

import ast
from pathlib import Path

import pytest

import wisp

SOURCE = Path(wisp.__file__).parent.parent
ROOMS = {
    "core": set(),
    "io": {"core"},
    "matting": {"core"},
    "engine": {"core", "io", "matting"},
    "compositing": {"core", "io", "matting"},
    "keying": {"core", "io", "matting"},
    "methods": {"core", "engine", "matting"},
    "pipeline": {"core", "io", "matting", "engine", "compositing", "methods"},
    "clips.io": {"core", "io"},
    "clips": {"core", "io", "clips.io", "matting", "engine", "compositing", "methods", "pipeline"},
    "evaluation": {"core", "io", "clips.io"},
    "data": {"core", "io", "matting", "engine", "compositing", "clips.io"},
    "weights": set(),
    "networks": {"core", "engine", "data"},
}
ROOMS["training"] = {*ROOMS} - {"clips"}
ROOMS["lab"] = {*ROOMS}
ROOMS["cli"] = {*ROOMS}
ROOMS["wisp"] = {*ROOMS}
"""Each room with those below it: of two rooms at most one stands in the other's row."""

HOMES = {
    "torch": ("wisp.networks", "wisp.training", "wisp.lab.ablation"),
    "cv2": ("wisp.core", "wisp.clips", "wisp.data", "wisp.training.clicks"),
    "av": ("wisp.clips.io",),
    "pyvips": ("wisp.io", "wisp.data.vips"),
    "openvino": ("wisp.engine",),
    "onnxruntime": ("wisp.engine", "wisp.training", "wisp.cli.doctor"),
    "typer": ("wisp.cli",),
    "rich": ("wisp.cli",),
}
"""Packages that may be imported in these places alone (docs/decisions tells why `data` is among them)."""


def modules():
    found = {}
    for path in sorted((SOURCE / "wisp").rglob("*.py")):
        name = ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


MODULES = modules()


def imported(tree):
    """Dotted names that a module imports anywhere, with `import_module("…")`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert not node.level
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (word.value for word in node.args if isinstance(word, ast.Constant))


def arrows():
    for name, tree in MODULES.items():
        for other in {*imported(tree)}:
            if other in MODULES and other not in (name, "wisp"):  # of the package itself: its version
                yield name, other


ARROWS = sorted(arrows())


def room_of(name):
    parts = name.split(".")[1:]
    if parts[:2] == ["clips", "io"]:
        return "clips.io"
    return parts[0] if parts and parts[0] in ROOMS else "wisp"


def circles(edges):
    """Edges of circles and between circles: what is left without what leads nowhere or comes from nowhere."""
    left = set(edges)
    while True:
        begins, ends = {a for a, _ in left}, {b for _, b in left}
        kept = {(a, b) for a, b in left if b in begins and a in ends}
        if kept == left:
            return left
        left = kept


def test_the_rooms_have_an_order():
    assert not circles({(room, below) for room, rooms in ROOMS.items() for below in rooms})


def test_no_arrow_leads_upwards():
    upwards = [
        f"{name} -> {other}"
        for name, other in ARROWS
        if room_of(name) != room_of(other) and room_of(other) not in ROOMS[room_of(name)]
    ]
    assert upwards == []


def test_no_modules_import_each_other_in_a_circle():
    assert circles(ARROWS) == set()


def test_a_circle_is_found():
    assert circles({("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("e", "a")}) >= {("a", "b"), ("c", "a")}


@pytest.mark.parametrize("package", HOMES)
def test_a_package_is_imported_at_home_alone(package):
    strangers = [
        name
        for name, tree in MODULES.items()
        if package in {other.split(".")[0] for other in imported(tree)}
        and not name.startswith(HOMES[package])
    ]
    assert strangers == []


def test_every_home_is_lived_in():
    used = {other.split(".")[0] for tree in MODULES.values() for other in imported(tree)}
    assert {*HOMES} <= used

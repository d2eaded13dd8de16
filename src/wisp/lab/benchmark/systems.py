"""What a benchmark compares: wisp's methods, others' networks and pymatting, all opened in the same way."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from wisp.core.arrays import Alpha, Foreground, Image
from wisp.core.errors import InputError
from wisp.engine.peers import PEERS, find_peer, open_peer
from wisp.engine.sessions import Runtime

Kind: TypeAlias = Literal["ours", "peer", "pymatting"]

RUNTIMES: Final = {"onnxruntime": "ONNX Runtime", "openvino": "wisp's runtime"}
PYMATTING: Final = {
    "closed-form": "cf",
    "knn": "knn",
    "random-walk": "rw",
    "learning-based": "lbdm",
    "large-kernel": "lkm",
    "shared-sampling": "sm",
}
"""Its methods by the names that wisp gives them → by those that it does."""
PEERS_FOLDER: Final = "WISP_PEERS"
"""The environment variable that names a folder of peers' files, each called after its peer."""

Guidance: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True)
class System:
    """One line of a comparison.

    Attributes:
        kind: ``ours``, ``peer`` or ``pymatting``.
        key: a method of `wisp.cutout` or ``segmenter``, a name of `wisp.engine.peers.PEERS`, or a key of
            `PYMATTING`.
        file: the ONNX file; "" for what comes with wisp.
        runtime: what runs a peer.
        guide: the folder of guidance that it is given; "" for none.
    """

    kind: str
    key: str
    file: str = ""
    runtime: str = "onnxruntime"
    guide: str = ""

    @property
    def name(self) -> str:
        """Name of the system in tables."""
        guide = f", {self.guide}" if self.guide else ""
        if self.kind == "peer":
            return f"{find_peer(self.key).family}, {RUNTIMES[self.runtime]}{guide}"
        return f"{'wisp' if self.kind == 'ours' else 'pymatting'}, {self.key}{guide}"

    @property
    def slug(self) -> str:
        """Name of the system as a folder may be called."""
        parts = (
            self.kind,
            self.key,
            self.runtime if self.kind == "peer" else "",
            Path(self.file).stem,
            self.guide,
        )
        return "-".join(
            "".join(c if c.isalnum() or c in "._" else "_" for c in part) for part in parts if part
        )

    def about(self) -> dict[str, str]:
        """Facts on the system that are known before it runs, by name."""
        if self.kind == "ours":
            default = "yes" if self.key == "auto" else "no"
            return {"kind": "ours", "method": self.key, "default": default, "network": Path(self.file).name}
        if self.kind == "pymatting":
            source = "Germer et al., PyMatting, JOSS 2020; https://github.com/pymatting/pymatting"
            return {"kind": "pymatting", "method": self.key, "licence": "MIT", "source": source}
        peer = find_peer(self.key)
        return {
            "kind": "peer",
            "peer": self.key,
            "runtime": self.runtime,
            "network": Path(self.file).name,
            "licence": peer.licence,
            "source": peer.source,
        }


@dataclass(frozen=True)
class Opened:
    """A system that is ready.

    Attributes:
        estimate: f(image, guidance or None) → alpha, as a user of it has it.
        colours: f(image, alpha) → foreground.
        colours_by: whose those are.
        runtime: what it runs in.
    """

    estimate: Callable[[Image, Guidance | None], Alpha]
    colours: Callable[[Image, Alpha], Foreground]
    colours_by: str
    runtime: str


def open_system(system: System, kind: str | None = None) -> Opened:
    """Load a system.

    Args:
        system: which.
        kind: the kind of guidance that it will be given: ``trimap``, ``mask`` or ``plate``; None for none.

    Raises:
        InputError: it is not to be had, or takes no such guidance.
        MissingExtraError: its runtime is not installed.
    """
    from wisp.matting.foreground import estimate_foreground

    if system.kind == "pymatting":
        return _open_pymatting(system.key)
    if system.kind == "peer":
        loaded = open_peer(system.key, system.file, runtime=cast(Runtime, system.runtime))
        about = loaded.network.session.describe()

        def estimate(image: Image, guidance: Guidance | None) -> Alpha:
            return loaded(image, **_named(kind, guidance))

        return Opened(estimate, estimate_foreground, "wisp", f"{about.runtime}, {about.precision}")
    return Opened(
        _ours(system.key, system.file or None, kind), estimate_foreground, "wisp", "wisp's defaults"
    )


def _named(kind: str | None, guidance: Guidance | None) -> dict[str, Any]:
    return {} if kind is None or guidance is None else {kind: guidance}


def _ours(key: str, model: str | None, kind: str | None) -> Callable[[Image, Guidance | None], Alpha]:
    """Make a function that gives `wisp.cutout`'s alpha, without the foreground's colours."""
    from wisp.engine.engine import ENGINE
    from wisp.engine.families.segmenter import segment
    from wisp.methods import check_method
    from wisp.pipeline import estimate

    if key == "segmenter":
        return lambda image, _: segment(image, model=model)
    check_method(key, model)

    def alpha(image: Image, guidance: Guidance | None) -> Alpha:
        given: dict[str, Any] = {"trimap": None, "mask": None, **_named(kind, guidance)}
        found = estimate(image, key, **given, model=model, engine=ENGINE)
        return found.alpha

    return alpha


def _open_pymatting(key: str) -> Opened:
    try:
        pymatting = importlib.import_module("pymatting")
    except ImportError as error:
        raise InputError("pymatting", "is not installed", "pip install pymatting is accepted") from error
    method = getattr(pymatting, f"estimate_alpha_{PYMATTING[key]}")

    def estimate(image: Image, guidance: Guidance | None) -> Alpha:
        if guidance is None:
            raise InputError("pymatting", "was given no trimap", "a folder trimap/ is accepted")
        alpha = method(image.astype(np.float64), guidance / 255)
        return np.ascontiguousarray(np.clip(alpha, 0, 1), np.float32)

    def colours(image: Image, alpha: Alpha) -> Foreground:
        found = pymatting.estimate_foreground_ml(image.astype(np.float64), alpha.astype(np.float64))
        return np.ascontiguousarray(np.clip(found, 0, 1), np.float32)

    return Opened(estimate, colours, "pymatting", f"pymatting {pymatting.__version__}")


def our_methods() -> list[str]:
    """The methods of wisp for photos, and the segmentation network by itself."""
    from wisp.methods import method_names

    return [*method_names("photo"), "segmenter"]


def guided_methods(methods: Sequence[str]) -> list[str]:
    """Leave out the methods that are another once a trimap is given, as ``auto`` is."""
    return [word for word in methods if _split(word)[0] not in ("auto", "segmenter")]


def choose_systems(
    guides: Mapping[str, str],
    *,
    methods: Sequence[str] = (),
    peers: Mapping[str, str] | None = None,
    pymatting: Sequence[str] | None = None,
    runtime: str | None = None,
) -> tuple[list[System], dict[str, str]]:
    """Choose the systems that a benchmark of a folder compares; also returns what is left out, and why.

    Args:
        guides: folder of guidance → its kind.
        methods: of wisp, each ``METHOD`` or ``METHOD=MODEL``; all of them when empty.
        peers: name of a peer → its file; those in the folder that ``WISP_PEERS`` names and those in the model
            store come on top.
        pymatting: its methods, keys of `PYMATTING`; None for all where it is installed and there are trimaps.
        runtime: of the peers; None for ONNX Runtime where that is installed, else OpenVINO.

    Raises:
        InputError: a method, a peer or a runtime that does not exist.
    """
    missing = False
    trimaps = [guide for guide, kind in guides.items() if kind == "trimap"]
    words = list(methods) or our_methods()
    for method, _ in map(_split, methods):
        known = our_methods()
        if method not in known:
            raise InputError("--method", f"is {method!r}", f"{', '.join(known)} are accepted")
    unguided = [System("ours", *_split(word)) for word in words]
    systems = list(unguided)
    for guide in trimaps:
        systems += [System("ours", *_split(word), guide=guide) for word in guided_methods(words)]
    if pymatting is None:
        pymatting = tuple(PYMATTING) if find_spec("pymatting") is not None else ()
        missing = not pymatting
    for key in pymatting:
        if key not in PYMATTING:
            raise InputError(key, "is no method of pymatting", f"{', '.join(PYMATTING)} or none are accepted")
    systems += [System("pymatting", key, guide=guide) for guide in trimaps for key in pymatting]
    runtime = runtime or ("onnxruntime" if find_spec("onnxruntime") is not None else "openvino")
    if runtime not in RUNTIMES:
        raise InputError("runtime", f"is {runtime!r}", f"{', '.join(RUNTIMES)} are accepted")
    files = peers_here() | {find_peer(name).name: file for name, file in (peers or {}).items()}
    left_out = {}
    for name, peer in PEERS.items():
        if name not in files:
            left_out[peer.family] = "no file was given"
            continue
        system = partial(System, "peer", name, str(files[name]), runtime)
        fitting = [guide for guide, kind in guides.items() if kind in peer.guidance]
        if peer.guidance and not fitting:
            left_out[peer.family] = f"needs a folder {'/ or '.join(peer.guidance)}/"
        systems += [system(guide=guide) for guide in fitting] if peer.guidance else [system()]
    if not trimaps:
        left_out["pymatting"] = "needs a folder trimap/"
    elif missing:
        left_out["pymatting"] = "is not installed"
    return systems, left_out


def peers_here() -> dict[str, str]:
    """Peers whose file is here without being named: in the folder of ``WISP_PEERS`` or the model store."""
    from wisp.engine.store import PUBLISHED, find, rows_here

    found: dict[str, str] = {}
    for row in (*PUBLISHED.values(), *rows_here().values()):
        path = find(row) if row.peer else None
        if path is not None:
            found.setdefault(row.peer, str(path))
    folder = os.environ.get(PEERS_FOLDER)
    for name in PEERS if folder else ():
        file = Path(folder or "") / f"{name}.onnx"
        if file.is_file():
            found[name] = str(file)
    return found


def _split(word: str) -> tuple[str, str]:
    method, _, model = word.partition("=")
    return method, model

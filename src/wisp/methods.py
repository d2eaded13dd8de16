"""Every way to estimate alpha, as one table, and what may be asked of each.

The options of the command line, the checks of arguments, the docstrings and the guide's table are made of
`METHODS`.

To add a classical method, write its module in `wisp.matting.classical`, with a function
``f(image, trimap, *, progress) -> Solution`` (image float32 (H, W, 3), trimap uint8 (H, W), progress called
with shares from 0 to 1), and add a row to `_CLASSICAL`::

    _classical("knn", "looks for like colours far away", "Chen, Li, Tang 2013")

Its function is ``wisp.matting.classical.knn.knn``, after its name; ``module=`` where the module has another,
``smooths=True`` where the function takes `smooth`. Nothing else is to be touched: photos,
clips, the benchmark and the documents have it then. A network's row stands in `wisp.engine.families`.

This module loads no network, no runtime and no SciPy; `Method.load` does.
"""

from __future__ import annotations

import importlib
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar, get_args

from wisp.core.errors import InputError
from wisp.engine.devices import DEVICES, PRECISIONS
from wisp.engine.families import FAMILIES, Needs, Wanted

if TYPE_CHECKING:
    from wisp.core.arrays import Image, Trimap
    from wisp.core.progress import Progress
    from wisp.matting.classical.system import Solution

Refinement: TypeAlias = Literal["none", "guided-filter"]
Use: TypeAlias = Literal["photo", "clip"]
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Method:
    """One way to estimate alpha.

    Attributes:
        name: what ``--method`` calls it.
        about: what it is good for, in half a sentence.
        source: the paper; empty where it is none's.
        needs: what it starts from; made from the image where it is not given.
        family: the family of its network; empty for a method without one.
        function: the dotted name of what finds alpha; empty for ``auto``.
        photo: whether it is offered for photos.
        clip: whether it is offered for clips.
        default_for: for which guidance ``auto`` stands for it.
        smooths: whether the matting Laplacian may smooth its alpha (its function's argument `smooth`).
        refined_by: as `wisp.engine.families.Family.refined_by`.
    """

    name: str
    about: str
    source: str = ""
    needs: Needs = "trimap"
    family: str = ""
    function: str = ""
    photo: bool = True
    clip: bool = True
    default_for: tuple[Needs, ...] = ()
    smooths: bool = False
    refined_by: str = ""

    def load(self) -> Callable[..., Any]:
        """The function that finds alpha, imported at its first use."""
        module, _, name = self.function.rpartition(".")
        found: Callable[..., Any] = getattr(importlib.import_module(module), name)
        return found


def _classical(name: str, about: str, source: str, *, module: str = "", **more: Any) -> Method:
    own = name.replace("-", "_")
    return Method(name, about, source, function=f"wisp.matting.classical.{module or own}.{own}", **more)


_CLASSICAL: Final = (
    _classical(
        "closed-form",
        "follows colours alone and forgives a wrong trimap",
        "Levin, Lischinski, Weiss 2008",
    ),
    _classical("knn", "looks for like colours far away, for holes and lattices", "Chen, Li, Tang 2013"),
    _classical("random-walk", "the fastest and the softest", "Grady et al. 2005"),
    _classical(
        "learning-based", "closed-form's kin, as fast and mostly as good", "Zheng and Kambhamettu 2009"
    ),
    _classical(
        "large-kernel",
        "wide trimaps: its windows grow with the unknown band, so that they see both sides",
        "He, Sun, Tang 2010",
    ),
    _classical(
        "information-flow",
        "trimaps drawn generously, which it narrows by itself; mixes near and far colours",
        "Aksoy et al. 2017",
    ),
    _classical(
        "poisson",
        "smooth subjects before smooth backgrounds; a region again by hand (`local_poisson` in Python)",
        "Sun et al. 2004",
    ),
    _classical(
        "bayesian",
        "few colours, smooth backgrounds, and noise that is known; the classic to compare with",
        "Chuang et al. 2001",
        smooths=True,
    ),
    _classical(
        "shared-sampling",
        "hair and fur before any background, with a trimap drawn closely: takes a few colours near a pixel",
        "Gastal and Oliveira 2010",
        module="shared",
        smooths=True,
    ),
    _classical(
        "global-sampling",
        "takes every colour along the trimap's border; the first to try of those that sample",
        "He et al. 2011",
        smooths=True,
    ),
    _classical(
        "comprehensive-sampling",
        "subject and background of several distinct colours each, also away from the border",
        "Shahrian et al. 2013",
        module="comprehensive",
        smooths=True,
    ),
)
"""The methods without a network, each of the unknown part of a trimap."""

METHODS: Final[Mapping[str, Method]] = MappingProxyType(
    {
        method.name: method
        for method in (
            Method(
                "auto",
                "the best there is for what is given; without guidance the average of portrait and of the "
                "closed-form matting that it starts from",
                needs="nothing",
            ),
            Method(
                "segmenter",
                "the mask of people by itself, fast",
                needs="nothing",
                family="segmenter",
                photo=False,
            ),
            *(
                Method(
                    family.name,
                    family.about,
                    family.source,
                    family.needs,
                    family.name,
                    family.function,
                    default_for=family.default_for,
                    refined_by=family.refined_by,
                )
                for family in FAMILIES.values()
                if family.function
            ),
            *_CLASSICAL,
        )
    }
)
"""The methods by name, in the order in which they are told."""


def method_names(use: Use) -> tuple[str, ...]:
    """The names of the methods that photos, or clips, can be matted by."""
    return tuple(method.name for method in METHODS.values() if getattr(method, use))


def classical_methods() -> tuple[str, ...]:
    """The names of the methods without a network, which solve the unknown part of a trimap."""
    return tuple(m.name for m in METHODS.values() if m.function and not m.family)


def sampling_methods() -> tuple[str, ...]:
    """The names of those whose alpha the matting Laplacian may smooth (`Method.smooths`)."""
    return tuple(m.name for m in METHODS.values() if m.smooths)


if TYPE_CHECKING:
    MethodName: TypeAlias = str
    ClipMethodName: TypeAlias = str
else:
    MethodName = Literal[method_names("photo")]
    ClipMethodName = Literal[method_names("clip")]


def default_method(given: Needs) -> str:
    """The name of the method that ``auto`` stands for beside that guidance."""
    return next(method.name for method in METHODS.values() if given in method.default_for)


def solve(
    name: str,
    image: Image,
    trimap: Trimap,
    *,
    smooth: bool | None = None,
    progress: Progress | None = None,
) -> Solution:
    """Alpha by a method without a network.

    Args:
        name: of the method.
        image: float32 (H, W, 3), sRGB-encoded, [0, 1].
        trimap: uint8 (H, W), 0 background, 128 unknown, 255 foreground.
        smooth: whether the matting Laplacian smooths the alpha of a method that samples; None as its paper.
        progress: called with the share of the work that is done, from 0 to 1.

    Raises:
        InputError: arrays of the wrong kind or of different sizes.
    """
    told: dict[str, Any] = {} if smooth is None else {"smooth": smooth}
    if progress is not None:
        told["progress"] = progress
    solution: Solution = METHODS[name].load()(image, trimap, **told)
    return solution


def describe_methods(use: Use = "photo", *, trimap: bool = False) -> str:
    """The methods in a sentence: each name with what it is good for and its paper.

    Args:
        use: those of photos or of clips.
        trimap: only those that start from a trimap, besides ``auto``.
    """
    told = []
    for name in method_names(use):
        method = METHODS[name]
        if trimap and method.needs != "trimap":
            continue
        told.append(f"``{name}``: {method.about}" + (f" ({method.source})" if method.source else ""))
    meant = f"{default_method('trimap')} with a trimap"
    if not trimap:
        meant += ", otherwise a mean of closed-form matting and of a matting network"
    return "; ".join(told) + f". ``auto`` is {meant}"


def documented(function: F) -> F:
    """The function, with ``{methods}`` and ``{trimap methods}`` in its docstring told from the table.

    The mark ends a line of an argument; what it stands for is wrapped at that line's place.
    """
    if function.__doc__ is None:  # run with -OO
        return function
    lines = []
    for line in function.__doc__.splitlines():
        for mark, trimap in (("{methods}", False), ("{trimap methods}", True)):
            if mark in line:
                start = line[: len(line) - len(line.lstrip())]
                text = line.strip().replace(mark, describe_methods(trimap=trimap))
                lines += textwrap.wrap(
                    text, 110, initial_indent=start, subsequent_indent=f"{start}    ", break_on_hyphens=False
                )
                break
        else:
            lines.append(line)
    function.__doc__ = "\n".join(lines)
    return function


def family_of(method: str) -> str:
    """The family of the network that `model` replaces: that of the method, else of what finds the subject."""
    return METHODS[method].family or "subject" if method in METHODS else "subject"


def family_used(method: str, *, trimap: bool = False, mask: bool = False, alpha: bool = False) -> str | None:
    """The family of the network that `model` replaces, given what guidance there is; None where none runs.

    Args:
        method: as `cutout` takes it.
        trimap: whether a trimap is given.
        mask: whether a mask is given.
        alpha: whether a finished alpha is given.
    """
    if alpha:
        return None
    if method == "auto" and trimap:
        method = default_method("trimap")
    elif method == "auto" and mask:
        return "portrait"
    if method in METHODS and METHODS[method].family:
        return METHODS[method].family
    return None if trimap or mask else "subject"


def check_options(
    method: str,
    *,
    trimap: bool = False,
    mask: bool = False,
    alpha: bool = False,
    plate: bool = False,
    width: bool = False,
    refine: str = "none",
    smooth: bool | None = None,
    ssrn: bool | None = None,
    subject: str = "auto",
    model: str | Path | None = None,
    device: str = "auto",
    precision: str = "auto",
    prefix: str = "",
) -> None:
    """Raise `InputError` for unknown words, for two kinds of guidance, and for options without effect.

    Args:
        method: as `cutout` takes it.
        trimap: whether one is given.
        mask: whether one is given.
        alpha: whether one is given.
        plate: whether one is given.
        width: whether one is given: a trimap is then made of the mask.
        refine: as `cutout` takes it.
        smooth: as `cutout` takes it.
        ssrn: as `cutout` takes it.
        subject: as `cutout` takes it.
        model: as `cutout` takes it.
        device: as `cutout` takes it.
        precision: as `cutout` takes it.
        prefix: what stands before the options' names in messages, such as ``--``.
    """
    from wisp.engine.models import find_model, ssrn_of
    from wisp.engine.peers.chosen import chosen_peer

    guidance = {"trimap": trimap, "mask": mask, "alpha": alpha, "plate": plate}
    given = [f"{prefix}{name}" for name, present in guidance.items() if present]
    if len(given) > 1:
        raise InputError(" and ".join(given), "are both given", "at most one guidance is accepted")
    if width and not mask:
        raise InputError(
            f"{prefix}width", "changes nothing without a mask", f"{prefix}mask is accepted with it"
        )
    trimap, mask = trimap or width, mask and not width
    words = {
        "refine": (refine, get_args(Refinement)),
        "subject": (subject, get_args(Wanted)),
        "device": (device, DEVICES),
        "precision": (precision, PRECISIONS),
    }
    for name, (word, accepted) in words.items():
        if word not in accepted:
            raise InputError(f"{prefix}{name}", f"is {word!r}", f"{', '.join(accepted)} are accepted")
    check_method(method, model)
    if subject != "auto" and given:
        problem = f"changes nothing: {given[0]} says what the subject is"
        raise InputError(f"{prefix}subject", problem, "one of the two is accepted")
    if alpha:
        choices = {"method": method != "auto", "refine": refine != "none"}
        for name in (name for name, made in choices.items() if made):
            problem = f"changes nothing beside {prefix}alpha, which is finished"
            raise InputError(f"{prefix}{name}", problem, "one of the two is accepted")
    smooths = sampling_methods()
    if smooth is not None and (alpha or method not in smooths):
        beside = "alpha, which is finished" if alpha else f"method {method}"
        problem = f"changes nothing beside {prefix}{beside}"
        raise InputError(f"{prefix}smooth", problem, f"{', '.join(smooths)} smooth or not")
    if ssrn is not None and (alpha or METHODS[method].refined_by != "ssrn"):
        beside = "alpha, which is finished" if alpha else f"method {method}"
        refined = ", ".join(m.name for m in METHODS.values() if m.refined_by == "ssrn")
        raise InputError(f"{prefix}ssrn", f"changes nothing beside {prefix}{beside}", f"{refined} has one")
    if ssrn:
        ssrn_of(find_model(model, METHODS[method].family), ssrn)
    if METHODS[method].needs == "nothing" and METHODS[method].family and given:
        problem = f"changes nothing: {prefix}method {method} looks at the photo alone"
        raise InputError(given[0], problem, "one of the two is accepted")
    if chosen_peer(model) is not None and not alpha:
        return
    if plate:
        problem = "is for a network that compares with it"
        raise InputError(f"{prefix}plate", problem, "the model bgmv2 is accepted")
    if family_used(method, trimap=trimap, mask=mask, alpha=alpha) is None:
        used = {"model": model is not None, "device": device != "auto", "precision": precision != "auto"}
        for name in (name for name, made in used.items() if made):
            with_method = "" if alpha else f" and {prefix}method {method}"
            problem = f"changes nothing: with {given[0]}{with_method} no network runs"
            raise InputError(f"{prefix}{name}", problem, f"leave out {prefix}{name}")


def check_method(method: str, model: str | Path | None = None) -> None:
    """Raise `InputError` unless `method` is one that this version has, or `model` is the network it lacks."""
    from wisp.engine.peers.chosen import chosen_peer

    peer = chosen_peer(model)
    if peer is not None and method != "auto":
        problem = f"is {method!r} while {peer.peer.family} finds alpha by itself"
        raise InputError("method", problem, "auto is accepted with it")
    if method not in method_names("photo"):
        raise InputError("method", f"is {method!r}", f"{', '.join(method_names('photo'))} are accepted")

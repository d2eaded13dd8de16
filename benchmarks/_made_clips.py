"""Clips of the people of people-dev among things that are no subject, with exact alpha in every frame.

A clip is one row of `CLIPS`: who is in it, what else stands, drives or flies there, before what scene, and
how everything moves. People come from people-dev, things from things-dev, scenes from things-none or, with
a thing of their own in them, from the photos of things-dev; halves are those of the sets, scenes are split
here.
The truth is the people's alpha, whoever of them is in front of whom, less what stands before them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from wisp.core.arrays import Alpha, Float, Foreground, from_float, to_float
from wisp.core.errors import InputError
from wisp.core.opencv import opencv
from wisp.data.augmentation import Matrix
from wisp.data.clips import Motion, chain, take_share
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo
from wisp.matting.foreground import estimate_foreground

SIZE: Final = (360, 640)
FRAMES: Final = 48
RATE: Final = 30.0
EXPOSURES: Final = 3
SHUTTER: Final = 0.5
NOISE: Final = 0.006
Pixels = npt.NDArray[np.uint8]
Half = Literal["a", "b"]


class Made(NamedTuple):
    """A clip's frames, uint8 (N, H, W, 3), and their true alphas, uint8 (N, H, W)."""

    images: Pixels
    alphas: Pixels


@dataclass(frozen=True)
class Cast:
    """Somebody or something in a clip.

    Attributes:
        name: of the picture in people-dev (``d…``) or things-dev (``t…``).
        height: of its box, as a share of the canvas's.
        x: of its box's middle, as a share of the canvas's width; may lie outside.
        y: of its box's lower side, as a share of the canvas's height; more than 1 where the photo's border
            cuts it off.
        motion: its own.
        start: seconds until it moves.
        near: how much of the camera's motion it takes part in.
    """

    name: str
    height: float
    x: float = 0.5
    y: float = 1.06
    motion: Motion = field(default_factory=Motion)
    start: float = 0.0
    near: float = 1.0

    @property
    def subject(self) -> bool:
        """Whether it is to be cut out: people are."""
        return self.name.startswith("d")


@dataclass(frozen=True)
class Plan:
    """One clip.

    Attributes:
        name: says the half and the kind.
        scene: a picture of things-none (``n-…``) or of things-dev (``t…``), whole.
        cast: nearest first.
        camera: moves everything.
        far: how much of that the scene takes part in.
    """

    name: str
    scene: str
    cast: tuple[Cast, ...]
    camera: Motion = field(default_factory=Motion)
    far: float = 0.6

    @property
    def half(self) -> Half:
        """``a`` to choose on, ``b`` to report."""
        return "a" if self.name.startswith("a") else "b"


def _pan(x: float, y: float = 0.0, shake: float = 0.0, seed: int = 0, zoom: float = 1.0) -> Motion:
    return Motion((x, y), zoom, shake=shake, seed=seed)


_SWAY: Final = Motion(sway=0.02, turn=1.5, period=1.6)
_FAST: Final = Motion(sway=0.12, turn=7.0, period=0.7)


_PASSING: Final[tuple[tuple[tuple[Cast, ...], Motion], ...]] = (
    (
        (
            Cast("", 0.9, 0.5, 0.98, _pan(-0.75), start=0.3),
            Cast("", 0.3, 1.2, 0.85, _pan(-0.7)),
            Cast("", 0.4, 0.2, 0.97),
        ),
        _pan(0.02, shake=0.003, seed=1),
    ),
    (
        (Cast("", 0.85, 0.45, 0.98, _pan(0.75), start=0.2), Cast("", 0.45, 0.8, 0.97)),
        _pan(-0.03, shake=0.002, seed=2),
    ),
    ((Cast("", 0.9, 0.6, 0.98, _pan(-0.7), start=0.3), Cast("", 0.5, 0.25, 0.97)), _pan(0.02)),
    (
        (
            Cast("", 0.85, 0.4, 0.98, _pan(0.8), start=0.3),
            Cast("", 0.5, 0.75, 0.97),
            Cast("", 0.3, -0.2, 0.8, _pan(0.7)),
        ),
        _pan(-0.02),
    ),
    (
        (Cast("", 0.9, 0.5, 1.0, _pan(-0.75), start=0.2), Cast("", 0.45, 0.2, 0.97)),
        _pan(0.0, shake=0.004, seed=3),
    ),
    ((Cast("", 0.85, 0.4, 0.98, _pan(0.75), start=0.3), Cast("", 0.5, 0.8, 0.97)), _pan(0.03)),
    (
        (Cast("", 0.75, 0.15, 0.98, _pan(0.6)), Cast("", 0.4, 0.5, 0.9), Cast("", 0.4, 0.85, 0.97)),
        _pan(0.02),
    ),
    (
        (Cast("", 0.75, 0.8, 0.98, _pan(-0.6)), Cast("", 0.4, 0.35, 0.95)),
        _pan(-0.02, shake=0.003, seed=4),
    ),
)
"""Eight ways to pass an animal or a thing that stands there: the cast without its names, and the camera."""


def _passing(*rows: tuple[str, ...], seed: int) -> tuple[Plan, ...]:
    """The clips of `_PASSING`, each with a name, a scene and the names of its cast; `seed` shakes cameras."""
    plans = []
    for (name, scene, *names), (casts, camera) in zip(rows, _PASSING, strict=True):
        cast = tuple(replace(one, name=own) for one, own in zip(casts, names, strict=True))
        shaken = replace(camera, seed=camera.seed + seed) if camera.shake else camera
        plans.append(Plan(name, scene, cast, shaken))
    return tuple(plans)


CLIPS: Final[tuple[Plan, ...]] = (
    Plan(
        "a-stands",
        "n-in-976",
        (Cast("d019b", 0.85, motion=_SWAY), Cast("t04", 0.6, 0.82, 0.98, _pan(-0.05))),
        _pan(0.06, shake=0.002, seed=1),
    ),
    Plan("a-turns", "t53", (Cast("d003b", 0.9, 0.38, motion=_SWAY),), _pan(-0.05, zoom=1.04)),
    Plan(
        "a-enters",
        "n-bs-343",
        (
            Cast("d013b", 0.85, 1.35, motion=_pan(-0.8)),
            Cast("t37", 0.45, 0.2, 0.97),
            Cast("t21", 0.22, 0.6, 0.8),
        ),
        _pan(0.03),
    ),
    Plan(
        "a-leaves",
        "n-bs-286",
        (
            Cast("d015b", 0.8, 0.45, motion=_pan(0.75), start=0.3),
            Cast("t53", 0.32, -0.2, 0.8, _pan(0.7)),
            Cast("t30", 0.5, 0.85, 0.98),
        ),
        _pan(-0.02, shake=0.003, seed=2),
    ),
    Plan(
        "a-crosses",
        "n-bs-450",
        (
            Cast("d001a", 0.75, 0.25, 0.97, _pan(0.45)),
            Cast("d017a", 0.9, 0.75, 1.05, _pan(-0.35)),
            Cast("t33", 0.4, 0.5, 0.85),
        ),
        _pan(0.02, 0.01),
    ),
    Plan(
        "a-small",
        "n-bs-126",
        (Cast("d001a", 0.24, 0.45, 0.85, _pan(0.12)), Cast("t00", 0.18, 0.75, 0.9, _pan(-0.08))),
        _pan(0.04, shake=0.004, seed=3),
    ),
    Plan(
        "a-several",
        "n-pop-137",
        (Cast("d043b", 0.5, 0.42, 1.02, _pan(0.05)), Cast("t59", 0.45, 0.85, 0.97, _pan(-0.1))),
        _pan(0.0, shake=0.006, seed=4),
    ),
    Plan(
        "a-close",
        "t57",
        (Cast("d009b", 1.05, 0.45, 1.08, Motion(sway=0.03, turn=3, period=1.8)),),
        _pan(0.05),
    ),
    Plan(
        "a-still",
        "n-in-640",
        (Cast("d033a", 0.75, 0.5), Cast("t24", 0.5, 0.85, 1.0, near=0.9), Cast("t25", 0.45, 0.12, 1.0)),
    ),
    Plan(
        "a-fast",
        "n-gc-182",
        (Cast("d057b", 0.75, 0.5, 0.98, _FAST), Cast("t07", 0.5, 0.15, 0.95), Cast("t09", 0.7, 0.9, 1.02)),
        _pan(0.04, shake=0.003, seed=5),
    ),
    Plan(
        "b-stands",
        "n-bs-188",
        (Cast("d030b", 0.9, 0.45, motion=_SWAY), Cast("t16", 0.4, 0.8, 0.95, _pan(-0.04))),
        _pan(-0.06, shake=0.002, seed=6),
    ),
    Plan("b-turns", "t50", (Cast("d014b", 0.85, 0.6, motion=_SWAY),), _pan(0.05, zoom=1.04)),
    Plan(
        "b-enters",
        "n-bs-449",
        (
            Cast("d020b", 0.9, -0.35, motion=_pan(0.8)),
            Cast("t22", 0.4, 0.8, 0.97),
            Cast("t12", 0.3, 0.45, 0.8),
        ),
        _pan(-0.03),
    ),
    Plan(
        "b-leaves",
        "n-bs-316",
        (
            Cast("d022b", 0.85, 0.5, 0.98, _pan(-0.75), start=0.3),
            Cast("t12", 0.35, 1.2, 0.85, _pan(-0.7)),
            Cast("t08", 0.4, 0.2, 0.97),
        ),
        _pan(0.02, shake=0.003, seed=7),
    ),
    Plan(
        "b-crosses",
        "n-in-970",
        (
            Cast("d056a", 0.6, 0.25, 0.97, _pan(0.45)),
            Cast("d052b", 0.8, 0.75, 1.05, _pan(-0.35)),
            Cast("t10", 0.35, 0.5, 0.75),
        ),
        _pan(-0.02, 0.01),
    ),
    Plan(
        "b-small",
        "n-bs-262",
        (Cast("d040b", 0.22, 0.55, 0.8, _pan(-0.12)), Cast("t20", 0.3, 0.2, 0.95, _pan(0.03))),
        _pan(-0.04, shake=0.004, seed=8),
    ),
    Plan(
        "b-several",
        "n-gc-93",
        (
            Cast("d042b", 0.85, 0.4, 0.98, _pan(0.05)),
            Cast("t39", 0.4, 0.8, 0.97),
            Cast("t35", 0.2, 0.1, 0.95),
        ),
        _pan(0.0, shake=0.006, seed=9),
    ),
    Plan(
        "b-close", "t58", (Cast("d028a", 1.0, 0.6, 1.08, Motion(sway=0.03, turn=3, period=1.8)),), _pan(-0.05)
    ),
    Plan(
        "b-still",
        "n-in-781",
        (Cast("d036b", 0.75, 0.5, 0.97), Cast("t03", 0.4, 0.85, 0.97), Cast("t54", 0.5, 0.12, 0.97)),
    ),
    Plan(
        "b-fast",
        "n-dicm-35",
        (Cast("d054b", 0.75, 0.5, 0.95, _FAST), Cast("t29", 0.5, 0.15, 0.97), Cast("t17", 0.6, 0.88, 1.0)),
        _pan(-0.04, shake=0.003, seed=10),
    ),
    *_passing(
        ("a-dog", "n-bs-286", "d023b", "t21", "t51"),
        ("a-swan", "n-in-640", "d029b", "t07"),
        ("a-bear", "n-bs-450", "d021b", "t04"),
        ("a-crane", "n-gc-182", "d019b", "t30", "t53"),
        ("a-chow", "n-pop-137", "d013b", "t52"),
        ("a-crib", "n-in-976", "d027b", "t34"),
        ("a-pony", "n-bs-343", "d007b", "t33", "t37"),
        ("a-two", "n-bs-126", "d059a", "t59"),
        seed=30,
    ),
    *_passing(
        ("b-hyena", "n-bs-188", "d026b", "t16", "t08"),
        ("b-safari", "n-in-781", "d032b", "t10"),
        ("b-elkhound", "n-bs-449", "d018b", "t22"),
        ("b-farm", "n-dicm-35", "d024b", "t23", "t12"),
        ("b-pet", "n-gc-93", "d006b", "t35"),
        ("b-lamp", "n-in-970", "d038b", "t48"),
        ("b-duo", "n-bs-316", "d044b", "t22", "t35"),
        ("b-sport", "n-bs-262", "d058a", "t08"),
        seed=34,
    ),
)
"""Eighteen clips to choose on and eighteen to report; in the last eight of each somebody passes an animal or
a thing that stands there."""


def make(plan: Plan, sets: Path, *, frames: int = FRAMES, size: tuple[int, int] = SIZE) -> Made:
    """The frames of a clip with their true alphas.

    Args:
        plan: the clip.
        sets: the folder of people-dev, things-dev and things-none.
        frames: how many.
        size: height and width, pixels.

    Raises:
        InputError: a picture that is missing.
    """
    scene = _scene(sets, plan.scene)
    backdrop = _cover(scene, size)
    layers = [_Layer.of(one, sets, size) for one in plan.cast]
    rng = np.random.default_rng(abs(plan.camera.seed))
    images, alphas = [], []
    for number in range(frames):
        seen, opacity = np.zeros((*size, 3), np.float32), np.zeros(size, np.float32)
        for time in _times(number):
            image, alpha = _exposed(plan, scene, backdrop, layers, time, size)
            seen += image / EXPOSURES
            opacity += alpha / EXPOSURES
        seen += np.float32(NOISE) * rng.standard_normal(seen.shape, dtype=np.float32)
        images.append(from_float(seen.clip(0, 1)))
        alphas.append(from_float(opacity.clip(0, 1)))
    return Made(np.stack(images), np.stack(alphas))


def _times(number: int) -> Iterator[float]:
    """Seconds at which light is gathered for a frame."""
    for exposure in range(EXPOSURES):
        yield (number + ((exposure + 0.5) / EXPOSURES - 0.5) * SHUTTER) / RATE


class _Layer(NamedTuple):
    cast: Cast
    colours: Foreground
    alpha: Alpha
    place: Matrix

    @staticmethod
    def of(cast: Cast, sets: Path, size: tuple[int, int]) -> _Layer:
        """A picture cut out by its true alpha, and where it stands at rest."""
        folder = sets / ("people-dev" if cast.subject else "things-dev")
        image = read_photo(_file(folder / "image", cast.name)).image
        alpha = read_grey(_file(folder / "alpha", cast.name))
        colours = estimate_foreground(image, alpha, method="blur-fusion")
        rows, columns = (np.flatnonzero((alpha > 0.1).any(axis)) for axis in (1, 0))
        scale = cast.height * size[0] / (rows[-1] + 1 - rows[0])
        left = cast.x * size[1] - scale * (columns[0] + columns[-1] + 1) / 2
        top = cast.y * size[0] - scale * (rows[-1] + 1)
        return _Layer(cast, colours, alpha, np.array([[scale, 0, left], [0, scale, top]]))


def _exposed(
    plan: Plan, scene: Float, backdrop: Matrix, layers: list[_Layer], time: float, size: tuple[int, int]
) -> tuple[Float, Alpha]:
    """The picture and the people's alpha at one moment."""
    camera = plan.camera.matrix(time, size)
    image = _warp(scene, chain(take_share(camera, plan.far), backdrop), size, "REFLECT")
    people = np.zeros(size, np.float32)
    for cast, colours, alpha, place in reversed(layers):
        own = cast.motion.matrix(max(0.0, time - cast.start), size)
        where = chain(take_share(camera, cast.near), chain(own, place))
        opacity = _warp(alpha, where, size, "CONSTANT")
        image += opacity[..., None] * (_warp(colours, where, size, "REPLICATE") - image)
        people += opacity * (float(cast.subject) - people)
    return image, people


def _warp(values: Float, matrix: Matrix, size: tuple[int, int], border: str) -> Float:
    cv2 = opencv()
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if scale < 0.5:  # averaged first, so that what is made much smaller does not alias
        height, width = (max(1, round(side * 2 * scale)) for side in values.shape[:2])
        rows, columns = values.shape[:2]
        values = cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA)
        matrix = matrix @ np.diag([columns / width, rows / height, 1.0])
    kind = getattr(cv2, f"BORDER_{border}")
    moved: Float = cv2.warpAffine(values, matrix, size[::-1], flags=cv2.INTER_LINEAR, borderMode=kind)
    return moved


def _cover(scene: Float, size: tuple[int, int]) -> Matrix:
    """The scene's place at rest: it covers the canvas and a seventh more."""
    scale = 1.15 * max(size[0] / scene.shape[0], size[1] / scene.shape[1])
    left, top = (
        (side - scale * extent) / 2 for side, extent in zip(size[::-1], scene.shape[1::-1], strict=True)
    )
    return np.array([[scale, 0, left], [0, scale, top]])


def _scene(sets: Path, name: str) -> Float:
    if name.startswith("t"):
        return to_float(from_float(read_photo(_file(sets / "things-dev" / "image", name)).image))
    return to_float(from_float(read_photo(_file(sets / "things-none" / "image", name)).image))


def _file(folder: Path, name: str) -> Path:
    found = sorted(folder.glob(f"{name}.*"))
    if not found:
        raise InputError(folder / name, "is not there", "the sets of people-dev and things-dev are accepted")
    return found[0]

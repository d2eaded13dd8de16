"""Clips from stills: a moving person over a moving background, with exact alpha in every frame.

Motions are smooth functions of time and of a seed alone: drift, zoom, sway, shake, parallax between subject
and background, and motion blur. Nothing here needs torch, so that clips can be made to measure with, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from wisp.compositing.over import over
from wisp.core.arrays import Alpha, Background, Bytes, Float, Foreground, Image, from_float, to_float
from wisp.core.errors import InputError
from wisp.data import vips
from wisp.data.augmentation import Matrix
from wisp.data.datasets import Labelled
from wisp.data.synthesis import keep_cut_sides
from wisp.matting.foreground import estimate_foreground

_SHAKE_HERTZ: Final = (1.1, 2.3, 3.7, 5.9)
"""What hand-held shake is made of, cycles a second; slower parts are larger."""

_MARGIN: Final = 0.08
"""How far outside the canvas a side lies that cuts the person off, as a share of its height."""


class ClipFrame(NamedTuple):
    """One frame of a made clip: image = alpha · foreground + (1 − alpha) · background, but for noise.

    Attributes:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1].
        alpha: float32 (H, W), [0, 1], exact.
        foreground: float32 (H, W, 3), straight colours of the person.
        background: float32 (H, W, 3), what lies behind.
    """

    image: Image
    alpha: Alpha
    foreground: Foreground
    background: Background


@dataclass(frozen=True)
class Motion:
    """How a layer moves about its place. Lengths are shares of the canvas's height.

    Attributes:
        drift: right and down, a second.
        zoom: factor a second; 1.1 comes nearer by a tenth.
        sway: amplitude of a swing to the left and right.
        turn: amplitude of a turn about the canvas's middle that goes with the sway, degrees.
        period: of sway and turn, seconds.
        shake: deviation of hand-held shake.
        seed: of the shake.
    """

    drift: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.0
    sway: float = 0.0
    turn: float = 0.0
    period: float = 2.0
    shake: float = 0.0
    seed: int = 0

    def matrix(self, time: float, size: tuple[int, int]) -> Matrix:
        """Affine map (2, 3) of the canvas `time` seconds after the start, in pixels from its corner."""
        height, width = size
        swing = np.sin(2 * np.pi * time / self.period)
        angle = np.deg2rad(self.turn * swing)
        shift = np.array(self.drift) * time + self._shake(time)
        shift[0] += self.sway * swing
        cos, sin = np.cos(angle), np.sin(angle)
        linear = self.zoom**time * np.array([[cos, -sin], [sin, cos]])
        centre = np.array([width / 2, height / 2])
        return np.column_stack([linear, centre + shift * height - linear @ centre])

    def _shake(self, time: float) -> npt.NDArray[np.float64]:
        if not self.shake:
            return np.zeros(2)
        phases = np.random.default_rng(self.seed).uniform(0, 2 * np.pi, (2, len(_SHAKE_HERTZ)))
        rates = np.array(_SHAKE_HERTZ)
        sizes = (1 / rates) / np.linalg.norm(1 / rates) * np.sqrt(2)
        swings = np.sin(2 * np.pi * rates * time + phases) - np.sin(phases)  # nothing at the start
        return np.asarray(self.shake * (swings * sizes).sum(1))


@dataclass(frozen=True)
class Scenario:
    """A clip's canvas and everything that moves in it.

    Attributes:
        size: height and width, pixels.
        frames: how many.
        rate: frames a second.
        subject: the person's own motion.
        camera: what moves the whole picture.
        parallax: how much of the camera's motion the background takes part in; less than 1 is farther away.
        shutter: share of a frame's time during which light is gathered; 0 is without motion blur, 0.5 usual.
        exposures: pictures that are averaged for a blurred frame.
        height: of the person's photo, as a share of the canvas's.
        place: of the photo's middle across the canvas, 0 left … 1 right.
        noise: deviation of the camera's noise, on the scale 0–1.
        seed: of the noise.
    """

    size: tuple[int, int] = (540, 960)
    frames: int = 60
    rate: float = 30.0
    subject: Motion = field(default_factory=Motion)
    camera: Motion = field(default_factory=Motion)
    parallax: float = 0.6
    shutter: float = 0.5
    exposures: int = 5
    height: float = 1.0
    place: float = 0.5
    noise: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.size) < 1 or self.frames < 1 or self.rate <= 0 or self.exposures < 1:
            sizes = f"{self.size}, {self.frames} frames at {self.rate} with {self.exposures} exposures"
            raise InputError("scenario", f"has {sizes}", "at least one of each is accepted")
        if not 0 <= self.shutter <= 1:
            raise InputError("shutter", f"is {self.shutter}", "a share in [0, 1] is accepted")


def clip(person: Labelled, scene: Bytes, scenario: Scenario) -> Iterator[ClipFrame]:
    """The frames of a clip, one at a time.

    Layers are blurred on their own, alpha together with premultiplied colour, and composed afterwards, so
    that alpha stays exact.

    Args:
        person: a labelled photo; its colours are carried past the edge once, before it is moved.
        scene: uint8 (h, w, 3), a photo without people, which fills the canvas whatever moves.
        scenario: the rest.

    Yields:
        `scenario.frames` frames.
    """
    alpha = person.alpha
    colours = from_float(estimate_foreground(to_float(person.image), to_float(alpha), method="blur-fusion"))
    subject, backdrop = _stand(alpha, scenario), _cover(scene, scenario)
    noise = np.random.default_rng((scenario.seed, 1))
    for number in range(scenario.frames):
        layers = [
            _layers(colours, alpha, scene, subject, backdrop, time, scenario)
            for time in _exposure_times(number, scenario)
        ]
        opacity = _mean([a for _, a, _ in layers])
        premultiplied = _mean([f * a[..., None] for f, a, _ in layers])
        known = opacity[..., None] > 1 / 1024
        divided = premultiplied / np.maximum(opacity[..., None], 1 / 1024)
        foreground = np.where(known, divided, layers[0][0]).clip(0, 1).astype(np.float32)
        background = _mean([b for _, _, b in layers])
        image = over(foreground, opacity, background)
        if scenario.noise:
            grain = noise.standard_normal(image.shape, dtype=np.float32)
            image = np.clip(image + np.float32(scenario.noise) * grain, 0, 1)
        yield ClipFrame(image, opacity, foreground, background)


def scenario(index: int, size: tuple[int, int] = (540, 960), *, frames: int = 60, seed: int = 0) -> Scenario:
    """One of an endless series of scenarios, each with some of the motions: a function of its arguments.

    Args:
        index: which, from 0.
        size: height and width, pixels.
        frames: how many.
        seed: changes the whole series.
    """
    rng = np.random.default_rng((seed, index))

    def either(least: float, most: float) -> float:
        return float(rng.choice([-1, 1]) * rng.uniform(least, most))

    subject = Motion(
        drift=(either(0.0, 0.04), 0.0),
        zoom=float(rng.uniform(0.98, 1.03)),
        sway=float(rng.uniform(0.005, 0.03)),
        turn=float(rng.uniform(0.5, 3)),
        period=float(rng.uniform(1.5, 4)),
    )
    camera = Motion(
        drift=(either(0, 0.05), either(0, 0.02)),
        zoom=float(rng.uniform(0.98, 1.03)),
        shake=float(rng.choice([0, 0.003, 0.008])),
        seed=int(rng.integers(2**31)),
    )
    return Scenario(
        size,
        frames,
        subject=subject,
        camera=camera,
        parallax=float(rng.uniform(0.3, 0.9)),
        shutter=float(rng.choice([0.0, 0.5])),
        height=float(rng.uniform(0.95, 1.25)),
        place=float(rng.uniform(0.4, 0.6)),
        noise=float(rng.uniform(0.0, 0.012)),
        seed=int(rng.integers(2**31)),
    )


def _exposure_times(number: int, scenario: Scenario) -> list[float]:
    """Seconds at which light is gathered for a frame, centred on its own time."""
    if not scenario.shutter:
        return [number / scenario.rate]
    shares = (np.arange(scenario.exposures) + 0.5) / scenario.exposures - 0.5
    return [float((number + share * scenario.shutter) / scenario.rate) for share in shares]


def _layers(
    colours: Bytes, alpha: Bytes, scene: Bytes, subject: Matrix, backdrop: Matrix, time: float, s: Scenario
) -> tuple[Foreground, Alpha, Background]:
    moved, shifted = moves(s, time)
    person, behind = chain(moved, subject), chain(shifted, backdrop)
    return (
        to_float(vips.warp(colours, person, s.size, border="copy")),
        to_float(vips.warp(alpha, person, s.size)),
        to_float(vips.warp(scene, behind, s.size, border="mirror")),
    )


def _stand(alpha: Bytes, scenario: Scenario) -> Matrix:
    """The photo's place at rest: as high as asked, or larger where its sides cut the person off.

    Those sides lie outside the canvas by `_MARGIN` of its height, so that motion does not show them.
    """
    height, width = alpha.shape
    rows, columns = scenario.size
    scale = scenario.height * rows / height
    margin = round(_MARGIN * rows)
    left = scenario.place * columns - scale * width / 2 + margin
    top = (rows - scale * height) / 2 + margin
    wider = (rows + 2 * margin, columns + 2 * margin)
    placed = keep_cut_sides(np.array([[scale, 0, left], [0, scale, top]]), alpha, wider)
    placed[:, 2] -= margin
    return placed


def _cover(scene: Bytes, scenario: Scenario) -> Matrix:
    """The scene's place at rest: it covers the canvas and a tenth more."""
    height, width = scene.shape[:2]
    rows, columns = scenario.size
    scale = 1.1 * max(rows / height, columns / width)
    return np.array([[scale, 0, (columns - scale * width) / 2], [0, scale, (rows - scale * height) / 2]])


def chain(second: Matrix, first: Matrix) -> Matrix:
    """The affine map (2, 3) that does `first`, then `second`."""
    linear = second[:, :2] @ first[:, :2]
    return np.column_stack([linear, second[:, :2] @ first[:, 2] + second[:, 2]])


def take_share(matrix: Matrix, share: float) -> Matrix:
    """A share of a small motion (2, 3): 0 stands still, 1 is all of it."""
    still = np.array([[1.0, 0, 0], [0, 1, 0]])
    part: Matrix = still + share * (matrix - still)
    return part


def _mean(parts: list[Float]) -> Float:
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    total /= len(parts)
    return total


def moves(scenario: Scenario, time: float) -> tuple[Matrix, Matrix]:
    """Affine maps (2, 3) of the subject's and the background's points `time` seconds after the start."""
    camera = scenario.camera.matrix(time, scenario.size)
    subject = scenario.subject.matrix(time, scenario.size)
    return chain(camera, subject), take_share(camera, scenario.parallax)


def freeze_motion(scenario: Scenario) -> Scenario:
    """Stop all motion of a scenario, so that a method's own flicker can be measured."""
    return replace(scenario, subject=Motion(), camera=Motion(), shutter=0.0)

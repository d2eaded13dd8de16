"""Subjects with true alpha on a plain background, and on one that resembles them.

El Abdellaoui and Kachbal, background matting with DLMN-G and SSRN (Studies in Informatics and Control),
section 5: "a solid color background", and one "whose colors are similar to those of the foreground".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np

from wisp.compositing.backgrounds import fit_to_size, parse_colour
from wisp.compositing.over import over
from wisp.core.arrays import Background, Float, Image
from wisp.io.images import read_photo
from wisp.lab.figures.subjects import Subject, round_to_bytes

Case: TypeAlias = Literal["plain", "alike"]
CASES: Final[tuple[Case, ...]] = ("plain", "alike")
"""The paper's (a), figure 7, and (b), figure 8."""
PLAIN: Final = ("white", "#00b140", "#1e5aa8", "black")
"""Walls to choose from: that whose colour is farthest from the subject's is taken."""
OWN: Final = 0.6
"""Share of the subject's own colours, carried outwards, in a background that resembles it."""


def case_of(subject: Subject, case: Case, scene: Path) -> Image:
    """The subject on the background of a case, in 8 bits as a file would have it: float32 (H, W, 3)."""
    background = constant_background(subject) if case == "plain" else alike(subject, read_photo(scene).image)
    return round_to_bytes(over(subject.foreground, subject.alpha, background))


def constant_background(subject: Subject) -> Background:
    """A wall of the colour of `PLAIN` that is farthest from the subject's mean: float32 (H, W, 3)."""
    mean, _ = _statistics(subject)
    walls = [np.array(parse_colour(name), np.float32) for name in PLAIN]
    chosen = max(walls, key=lambda wall: float(np.linalg.norm(wall - mean)))
    return np.broadcast_to(chosen, subject.foreground.shape).astype(np.float32)


def alike(subject: Subject, scene: Image) -> Background:
    """A scene that resembles the subject: float32 (H, W, 3), [0, 1].

    Its colours get the subject's mean and deviation, a channel at a time, and are mixed with the subject's
    own colours as they continue beyond its edge, so that both sides of the edge look alike.
    """
    height, width = subject.alpha.shape
    picture = fit_to_size(scene, (height, width), "cover", "centre")
    mean, deviation = _statistics(subject)
    own_mean, own_deviation = picture.mean((0, 1)), picture.std((0, 1))
    matched = (picture - own_mean) / np.maximum(own_deviation, 1e-3) * deviation + mean
    mixed = OWN * subject.foreground + (1 - OWN) * matched
    return np.asarray(mixed, np.float32).clip(0, 1)


def scene_of(index: int, scenes: Sequence[Path], seed: int) -> Path:
    """The scene of subject number `index`."""
    order = np.random.default_rng(seed).permutation(len(scenes))
    return scenes[int(order[index % len(order)])]


def _statistics(subject: Subject) -> tuple[Float, Float]:
    """Mean and deviation of the subject's colours, each pixel counted by its alpha: (3,) each."""
    share = (subject.alpha / subject.alpha.sum())[..., None]
    mean = (subject.foreground * share).sum((0, 1))
    variance = ((subject.foreground - mean) ** 2 * share).sum((0, 1))
    return mean.astype(np.float32), np.sqrt(variance).astype(np.float32)

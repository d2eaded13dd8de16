"""Training samples: real photos, composites with exact alpha, and photos without people.

A sample is a function of (seed, index) alone, so the order of workers, their number and a resumed run
change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from wisp.compositing.backgrounds import blur_background
from wisp.compositing.over import over
from wisp.core.arrays import Alpha, Bytes, Foreground, Image, from_float, to_float
from wisp.data import vips
from wisp.data.augmentation import Appearance, Geometry, Matrix, degrade, recolour, soften
from wisp.data.datasets import Entry, Labelled
from wisp.data.procedural import with_hair
from wisp.data.samples import channels_first
from wisp.matting.foreground import estimate_foreground

Kind: TypeAlias = Literal["real", "composite", "empty"]


class Example(NamedTuple):
    """One training sample, ready to stack.

    Attributes:
        image: uint8 (3, S, S), sRGB.
        alpha: uint8 (1, S, S), 0–255.
        weight: uint8 (1, S, S), trust in the label, 255 fully.
        foreground: uint8 (3, S, S), straight colours of the subject (of the image itself where it is real).
        background: uint8 (3, S, S), what lies behind (the image itself where it is real).
        exact: uint8 (1,), 1 where alpha, foreground and background compose to the image by construction.
    """

    image: Bytes
    alpha: Bytes
    weight: Bytes
    foreground: Bytes
    background: Bytes
    exact: Bytes


@dataclass(frozen=True)
class Synthesis:
    """How samples are made.

    Attributes:
        size: side S of square samples, or height and width, pixels.
        kinds: the kind of each place in a batch, cycled through by index: so every batch has each of them.
        pair: chance that a composite shows a second person behind the first.
        person: geometry of people.
        scene: geometry of backgrounds.
        look: appearance of each layer before it is composed.
        camera: what the whole picture goes through afterwards (noise and JPEG).
        defocus: chance that a background is out of focus, up to a sigma of a sixtieth of the side.
        hair: chance that a person of a composite gets procedural strands along the edge
            (`wisp.data.procedural.with_hair`): thinner than the labels of photos ever show.
        border_trust: factor on the weight of real photos near their label's border. Labels made by a network
            are softer there than the truth, and whoever learns them unlearns fine hair.
    """

    size: vips.Size = 320
    kinds: tuple[Kind, ...] = (
        "composite",
        "real",
        "composite",
        "real",
        "composite",
        "real",
        "composite",
        "empty",
    )
    pair: float = 0.12
    person: Geometry = field(default_factory=Geometry)
    scene: Geometry = field(
        default_factory=lambda: Geometry(zoom=(1.6, 3.2), rotation=5, shear=0.03, shift=0.1)
    )
    look: Appearance = field(default_factory=lambda: Appearance(blur=(0.1, 1.2)))
    camera: Appearance = field(default_factory=Appearance)
    defocus: float = 0.35
    hair: float = 0.0
    border_trust: float = 1.0


FINE: Final = Synthesis(
    size=384,
    kinds=(
        *("composite", "composite", "real", "composite", "composite", "empty"),
        *("composite", "composite", "real", "composite", "composite", "composite"),
    ),
    hair=0.6,
    border_trust=0.2,
)
"""Larger samples, and strands finer than photos' labels show."""


@dataclass(frozen=True)
class Samples:
    """Samples by index from people and backgrounds.

    Args:
        people: labelled photos.
        scenes: photos without people.
        synthesis: how to make samples of them.
        seed: changes everything at once.
    """

    people: Sequence[Entry]
    scenes: Sequence[Path]
    synthesis: Synthesis
    seed: int = 0

    fields = Example._fields

    def __getitem__(self, index: int) -> Example:
        """The sample number `index` ≥ 0: without end, each epoch in an order of its own.

        A cut-out has no picture of its own to be shown as a real photo; it is composited instead.
        """
        rng = np.random.default_rng((self.seed, index))
        kind = self.synthesis.kinds[index % len(self.synthesis.kinds)]
        if kind == "empty":
            return empty(self._scene(rng), rng, self.synthesis)
        person = self.people[turn(self.seed, index, len(self.people))].load()
        if kind == "real" and not person.cut_out:
            return real(person, rng, self.synthesis)
        layers = [layer(person, rng, self.synthesis)]
        if rng.random() < self.synthesis.pair:
            other = self.people[int(rng.integers(len(self.people)))].load()
            layers.append(layer(other, rng, self.synthesis))
        return composite(layers, self._scene(rng), rng, self.synthesis)

    def _scene(self, rng: np.random.Generator) -> Bytes:
        return vips.read_rgb(self.scenes[int(rng.integers(len(self.scenes)))])


def real(photo: Labelled, rng: np.random.Generator, synthesis: Synthesis) -> Example:
    """A labelled photo as it is, warped and degraded; weight 0 where the warp shows what was never taken."""
    size = synthesis.size
    matrix = synthesis.person.sample(rng, photo.image.shape, size)
    image = to_float(vips.warp(photo.image, matrix, size, border="mirror"))
    alpha = vips.warp(photo.alpha, matrix, size)
    weight = vips.warp(photo.weight, matrix, size)
    if synthesis.border_trust < 1:
        weight = np.where(_near_border(alpha), weight * np.float32(synthesis.border_trust), weight)
        weight = weight.astype(np.uint8)
    stored = degrade(recolour(image, rng, synthesis.look), rng, synthesis.camera)
    return _example(stored, alpha, weight, stored, stored, exact=False)


def layer(photo: Labelled, rng: np.random.Generator, synthesis: Synthesis) -> tuple[Foreground, Alpha]:
    """A person cut out of a photo: foreground (S, S, 3), its colours carried past the edge, and alpha (S, S).

    A subject that a side of its photo cuts off stays cut off by the same side of the canvas.
    """
    size = synthesis.size
    matrix = synthesis.person.sample(rng, photo.image.shape, size)
    matrix = keep_cut_sides(matrix, photo.alpha, size)
    alpha = to_float(vips.warp(photo.alpha, matrix, size, border="background"))
    if photo.cut_out:
        foreground = _own_colours(photo, matrix, alpha)
    else:
        image = to_float(vips.warp(photo.image, matrix, size, border="copy"))
        foreground = estimate_foreground(image, alpha, method="blur-fusion")
    if synthesis.hair and rng.random() < synthesis.hair:
        foreground, alpha = with_hair(foreground, alpha, rng)
    foreground = recolour(foreground, rng, synthesis.look)
    chance, largest = synthesis.look.blur
    if rng.random() < chance:
        foreground, alpha = blur_layer(foreground, alpha, rng.uniform(0.3, largest))
    return foreground, alpha


def _own_colours(photo: Labelled, matrix: Matrix, alpha: Alpha) -> Foreground:
    """Colours of a cut-out, warped and carried past its edge; those under α = 0 mean nothing.

    What is warped is αF. On black, a foreground looks like a background behind what is transparent; so the
    function that continues backgrounds behind a subject continues this one.
    """
    shown = over(to_float(photo.image), to_float(photo.alpha), np.zeros(3, np.float32))
    shown = to_float(vips.warp(from_float(shown), matrix, alpha.shape))
    return blur_background(shown, 1 - alpha, 0.0, foreground=np.zeros_like(shown))


def composite(
    layers: Sequence[tuple[Foreground, Alpha]],
    scene: Bytes,
    rng: np.random.Generator,
    synthesis: Synthesis,
) -> Example:
    """People over a scene, the first in front: alpha 1 − Π(1 − αᵢ), exact.

    Colours go through one common degradation (noise, JPEG); layers stay as they were before it.
    """
    background = _backdrop(scene, rng, synthesis)
    foreground, alpha = layers[-1]
    for nearer, nearer_alpha in reversed(layers[:-1]):
        foreground, alpha = merge(nearer, nearer_alpha, foreground, alpha)
    stored = degrade(over(foreground, alpha, background), rng, synthesis.camera)
    trust = np.full(alpha.shape, 255, np.uint8)
    layers_stored = [from_float(array) for array in (alpha, foreground, background)]
    return _example(stored, layers_stored[0], trust, *layers_stored[1:], exact=True)


def empty(scene: Bytes, rng: np.random.Generator, synthesis: Synthesis) -> Example:
    """A photo without people: alpha 0 everywhere."""
    stored = degrade(_backdrop(scene, rng, synthesis), rng, synthesis.camera)
    alpha = np.zeros(stored.shape[:2], np.uint8)
    return _example(stored, alpha, np.full_like(alpha, 255), stored, stored, exact=True)


def merge(
    nearer: Foreground, nearer_alpha: Alpha, farther: Foreground, farther_alpha: Alpha
) -> tuple[Foreground, Alpha]:
    """Two foregrounds as one: α = 1 − (1 − a)(1 − b), colours by the "over" operator (Porter, Duff 1984)."""
    alpha = 1 - (1 - nearer_alpha) * (1 - farther_alpha)
    behind = (1 - nearer_alpha) * farther_alpha
    share = np.divide(nearer_alpha, nearer_alpha + behind, out=np.ones_like(alpha), where=alpha > 0)[
        ..., None
    ]
    return nearer * share + farther * (1 - share), alpha


def blur_layer(foreground: Foreground, alpha: Alpha, sigma: float) -> tuple[Foreground, Alpha]:
    """Defocus of a layer: alpha and premultiplied colour blurred alike, so that compositing stays exact."""
    colour = ndimage.gaussian_filter(foreground * alpha[..., None], (sigma, sigma, 0), mode="nearest")
    soft = ndimage.gaussian_filter(alpha, sigma, mode="nearest")
    known = soft[..., None] > 1 / 255
    return np.where(known, np.clip(colour / np.maximum(soft[..., None], 1e-4), 0, 1), foreground), soft


def keep_cut_sides(matrix: Matrix, alpha: Bytes, size: vips.Size) -> Matrix:
    """Move, and where needed enlarge, a map so that sides on which the photo cuts the subject lie outside.

    Args:
        matrix: (2, 3), source → canvas.
        alpha: uint8 (H, W) of the source.
        size: the canvas's side, or its height and width.

    Returns:
        A map under which no side of the source that the subject touches runs through the canvas's middle:
        for the touched sides, the source's bounding box reaches the canvas's side.
    """
    height, width = alpha.shape
    rows, columns = vips.sides(size)
    mirrored = matrix[0, 0] < 0
    touched = {
        "top": bool((alpha[:2] > 127).any()),
        "bottom": bool((alpha[-2:] > 127).any()),
        "left": bool((alpha[:, :2] > 127).any()),
        "right": bool((alpha[:, -2:] > 127).any()),
    }
    if mirrored:
        touched["left"], touched["right"] = touched["right"], touched["left"]
    # The inner edges of the warped source: what is inside them is covered on every row and column.
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], float).T
    warped = matrix[:, :2] @ corners + matrix[:, 2:]
    xs, ys = np.sort(warped[0]), np.sort(warped[1])
    grow = 1.0
    if touched["left"] and touched["right"]:
        grow = max(grow, columns / (xs[2] - xs[1]))
    if touched["top"] and touched["bottom"]:
        grow = max(grow, rows / (ys[2] - ys[1]))
    out = matrix * grow
    x0, x1, y0, y1 = xs[1] * grow, xs[2] * grow, ys[1] * grow, ys[2] * grow
    out[0, 2] += _shift(x0, x1, columns, low=touched["left"], high=touched["right"])
    out[1, 2] += _shift(y0, y1, rows, low=touched["top"], high=touched["bottom"])
    return out


def _shift(start: float, end: float, size: int, *, low: bool, high: bool) -> float:
    if low and high:
        return float(np.clip(0, size - end, -start)) if end - start >= size else -start
    if high:
        return max(0.0, size - end)
    if low:
        return min(0.0, -start)
    return 0.0


def _backdrop(scene: Bytes, rng: np.random.Generator, synthesis: Synthesis) -> Image:
    """A scene that fills the canvas."""
    size = synthesis.size
    matrix = synthesis.scene.sample(rng, scene.shape, size)
    image = to_float(vips.warp(scene, matrix, size, border="mirror"))
    if rng.random() < synthesis.defocus:
        sigma = rng.uniform(0.5, min(vips.sides(size)) / 60)
        image = ndimage.gaussian_filter(image, (sigma, sigma, 0), mode="nearest", truncate=3)
    return soften(recolour(image, rng, synthesis.look), rng, synthesis.look)


def _near_border(alpha: Bytes) -> npt.NDArray[np.bool_]:
    """Within a hundredth of the height of a pixel that is mixed, squarewise."""
    reach = max(1, alpha.shape[0] // 100)
    mixed = (alpha > 5) & (alpha < 250)
    near: npt.NDArray[np.bool_] = ndimage.maximum_filter(mixed, size=2 * reach + 1, mode="constant")
    return near


def turn(seed: int, index: int, count: int) -> int:
    """Entry that is due, as an index: every epoch of `count` visits each once, in an order of its own."""
    epoch, place = divmod(index, count)
    return int(np.random.default_rng((seed, epoch, count)).permutation(count)[place])


def _example(
    image: Bytes, alpha: Bytes, weight: Bytes, foreground: Bytes, background: Bytes, *, exact: bool
) -> Example:
    return Example(
        channels_first(image),
        np.ascontiguousarray(alpha[None]),
        np.ascontiguousarray(weight[None]),
        channels_first(foreground),
        channels_first(background),
        np.array([exact], np.uint8),
    )

"""Samples for the matting network of any subject: close crops, exact alpha, fine hair, hard grounds.

As `wisp.data.subject_samples`, whose geometry, colours and scenes these share, with other shares: most are
composites, whose alpha is exact; three quarters of them get procedural strands along the edge, since photos'
labels show none so thin; backgrounds of like colour come on purpose. A sample is a function of (seed, index)
alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from wisp.core.arrays import Bytes
from wisp.core.threads import one_opencv_thread
from wisp.data.damage import like_colours, photograph, recolour_by_table, to_bytes
from wisp.data.packed import Pack
from wisp.data.placing import Rng, fit_matrix, place
from wisp.data.procedural import random_foreground, with_hair
from wisp.data.samples import channels_first
from wisp.data.subject_samples import (
    KINDS,
    Kind,
    Layer,
    Sizes,
    SubjectMix,
    SubjectSamples,
    SubjectSynthesis,
)
from wisp.data.synthesis import Example

MATTING_MIX = SubjectMix(
    person=0.2,
    thing=0.1,
    single=0.42,
    several=0.12,
    small=0.02,
    held=0.07,
    poster=0.01,
    empty=0.02,
    faint=0.02,
    turned=0.05,
    cut=0.5,
    like=0.25,
    degraded=0.5,
    guided=0.0,
)
"""Composites most of all; every hard kind of `SubjectMix` comes, since masks err on each of them."""

PEOPLE_MIX = SubjectMix(
    person=0.45,
    thing=0.0,
    single=0.35,
    several=0.08,
    small=0.03,
    held=0.03,
    poster=0.0,
    empty=0.06,
    faint=0.0,
    people=1.0,
    beside=0.1,
    turned=0.0,
    rotation=8.0,
    cut=0.5,
    degraded=0.25,
    guided=0.0,
)
"""People of every kind but turned ones, for networks that know people alone."""


@dataclass(frozen=True)
class MattingSynthesis:
    """How samples are made.

    Attributes:
        size: what validation takes, pixels.
        sizes: canvas sizes over a run.
        mix: shares and chances.
        hair: chance that a person or animal of a composite gets procedural strands along the edge.
        procedural: chance that a composite's subject is procedural altogether (fur, lace, smoke, plants …).
        close: most that a subject's box is larger than the canvas.
        border_trust: factor on the weight of real photos near their label's border, where it is too soft.
    """

    size: int = 384
    sizes: Sizes = field(
        default_factory=lambda: Sizes(((0.5, (320,)), (0.85, (384,)), (1.0, (448, 512))), wide=0.1)
    )
    mix: SubjectMix = MATTING_MIX
    hair: float = 0.75
    procedural: float = 0.08
    close: float = 2.2
    border_trust: float = 0.2


class MattingSamples(SubjectSamples):
    """Samples by index from a pack, as `Example`.

    Args:
        pack: the photos, at 600 pixels or more.
        synthesis: how samples are made.
        batch: samples a step: all of them share a size.
        steps: of the run, which sizes follow.
        seed: changes everything at once.
    """

    fields = Example._fields

    def __init__(
        self, pack: Pack, synthesis: MattingSynthesis, *, batch: int, steps: int, seed: int = 0
    ) -> None:
        whole = SubjectSynthesis(synthesis.sizes, synthesis.mix)
        super().__init__(pack, whole, batch=batch, steps=steps, seed=seed)
        self.synthesis = synthesis

    def __getitem__(self, index: int) -> Example:  # type: ignore[override]
        """Sample number `index` ≥ 0, without end."""
        with one_opencv_thread:
            return self.example(np.random.default_rng((self.seed, 0, index)), self.size_of(index))

    def size_of(self, index: int) -> tuple[int, int]:
        """Height and width of sample number `index`, those of all samples of its step."""
        step = index // self.batch
        return self.sizes.draw(np.random.default_rng((self.seed, 1, step)), step / max(1, self.steps))

    def example(self, rng: Rng, size: tuple[int, int], kind: Kind | None = None) -> Example:
        """A sample of a size (height, width) and, where given, of a kind."""
        chosen: Kind = KINDS[int(rng.choice(len(KINDS), p=self._shares))] if kind is None else kind
        if chosen in ("person", "thing"):
            return self._real_example(rng, size, chosen == "person")
        return self._composed_example(rng, size, chosen)

    def _real_example(self, rng: Rng, size: tuple[int, int], person: bool) -> Example:
        group = self.people if person else self.things
        photo = self.pack[group[int(rng.integers(len(group)))]]
        matrix = fit_matrix(rng, photo.photo.shape, size, zoom=(0.9, 2.2), rotation=self._angle(rng))
        shown = place(photo.photo, matrix, size, cv2.BORDER_REPLICATE)
        alpha = place(photo.photo[..., 3], matrix, size)
        weight = place(photo.layer[..., 3], matrix, size)
        mixed = ((alpha > 5) & (alpha < 250)).astype(np.uint8)
        reach = 2 * max(1, size[0] // 100) + 1
        near = cv2.dilate(mixed, np.ones((reach, reach), np.uint8)) > 0
        weight = np.where(near, weight * np.float32(self.synthesis.border_trust), weight).astype(np.uint8)
        image = photograph(recolour_by_table(shown[..., :3], rng), rng, self.mix)
        return _example(image, alpha, weight, image, image, exact=False)

    def _composed_example(self, rng: Rng, size: tuple[int, int], kind: Kind) -> Example:
        layers = self._layers(rng, size, kind)
        if layers and kind == "single" and rng.random() < self.synthesis.procedural:
            foreground, alpha = random_foreground(size, rng)
            layers = [Layer(foreground, alpha, person=False, subject=True)]
        scene = self.scenery.draw(rng, size)
        if layers and rng.random() < self.mix.like:
            scene = like_colours(scene, layers[0].foreground, layers[0].alpha, rng)
        if rng.random() < (0.5 if kind == "empty" else self.mix.distractor):
            scene = self.scenery.paste(scene, rng)
        background, foreground = scene, scene
        alpha = np.zeros(size, np.float32)
        for one in reversed(layers):  # the farthest first
            opacity = one.alpha[..., None]
            if not one.subject:  # behind all subjects: `_layers` lists them last
                background = background + opacity * (one.foreground - background)
                continue
            joined = 1 - (1 - one.alpha) * (1 - alpha)
            share = np.divide(one.alpha, joined, out=np.ones_like(alpha), where=joined > 1e-4)[..., None]
            foreground = foreground + share * (one.foreground - foreground)
            alpha = joined
        if not any(one.subject for one in layers):
            foreground = background
        image = background + alpha[..., None] * (foreground - background)
        stored = photograph(to_bytes(image), rng, self.mix)
        trust = np.full(size, 255, np.uint8)
        return _example(
            stored, to_bytes(alpha), trust, to_bytes(foreground), to_bytes(background), exact=True
        )

    def _layer(self, rng: Rng, size: tuple[int, int], person: bool, **placing: object) -> Layer:
        """Somebody or something, placed closer than for finding, with strands along the edge."""
        if placing.get("reach") is None and placing.get("area") is None and placing.get("cut"):
            placing["reach"] = float(rng.uniform(0.9, self.synthesis.close))
        layer = super()._layer(rng, size, person, **placing)  # type: ignore[arg-type]
        if (person or rng.random() < 0.4) and rng.random() < self.synthesis.hair and layer.alpha.any():
            foreground, alpha = with_hair(layer.foreground, layer.alpha, rng)
            layer = layer._replace(foreground=foreground, alpha=alpha)
        return layer


def _example(
    image: Bytes, alpha: Bytes, weight: Bytes, foreground: Bytes, background: Bytes, *, exact: bool
) -> Example:
    image, foreground, background = (channels_first(x) for x in (image, foreground, background))
    alpha, weight = np.ascontiguousarray(alpha[None]), np.ascontiguousarray(weight[None])
    return Example(image, alpha, weight, foreground, background, np.array([exact], np.uint8))

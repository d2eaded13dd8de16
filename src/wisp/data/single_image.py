"""Photos as they are, squeezed into a square: what the U-Nets learn from.

Li, Miao, Hu, Cao, Jin, "Background Image Matting", section 3.2.2, resize every photo to 256×256 without
regard to its proportions; keeping them, with black beside the photo, is an option. Where a share of the
samples is asked to be general, they are composites of procedural foregrounds over scenes: what stands in for
a data set of things of every kind.

A sample is a function of (seed, index) alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from wisp.core.arrays import Bytes
from wisp.core.errors import InputError
from wisp.core.resample import size_within
from wisp.data import vips
from wisp.data.augmentation import Appearance, Geometry
from wisp.data.datasets import Entry, Labelled
from wisp.data.samples import channels_first
from wisp.data.synthesis import Example, Synthesis, composite, layer, turn
from wisp.data.trimap_samples import drawn_cutout, scene

_HELD = 256
_POOL, _USES = 64, 4
_STILL = Geometry(zoom=(1, 1), rotation=0, shear=0, stretch=1, shift=0, flip=0)
_PLAIN = Appearance(0, 1, 1, 0, 1, 0, (0, 0), (0, 0), (0, 100))


@dataclass(frozen=True)
class Fitting:
    """How samples are made.

    Attributes:
        size: side S of the square samples, pixels, a multiple of 16.
        letterbox: keep proportions, black beside the photo, which does not count; stretch where False.
        flip: chance of a mirrored sample; the report mirrors none.
        general: share of the samples that are composites of procedural foregrounds.
        shown: geometry of these foregrounds.
        scene: geometry of the backgrounds of composites.
    """

    size: int = 256
    letterbox: bool = False
    flip: float = 0.0
    general: float = 0.0
    shown: Geometry = field(default_factory=lambda: Geometry(zoom=(0.6, 1.2), shift=0.15))
    scene: Geometry = field(
        default_factory=lambda: Geometry(zoom=(1.6, 3.2), rotation=5, shear=0.03, shift=0.1)
    )


@dataclass(frozen=True)
class PlainSamples:
    """Samples by index from labelled photos.

    Args:
        entries: labelled photos; cut-outs are set on scenes.
        scenes: photos without people; may be empty where nothing is set on them.
        fitting: how to make samples of them.
        seed: changes everything at once.

    Raises:
        InputError: there is nothing to make samples of.
    """

    entries: Sequence[Entry]
    scenes: Sequence[Path]
    fitting: Fitting
    seed: int = 0

    fields = Example._fields

    def __post_init__(self) -> None:
        composed = self.fitting.general > 0 or any(entry.cut_out for entry in self.entries)
        if composed and not self.scenes:
            raise InputError("--backgrounds", "is missing", "photos to set cut-outs on are accepted")
        if not self.entries and self.fitting.general < 1:
            raise InputError("--data", "has no photos", "at least one is accepted")

    def __getitem__(self, index: int) -> Example:
        """The sample number `index` ≥ 0: without end, each epoch in an order of its own."""
        rng = np.random.default_rng((self.seed, index))
        if rng.random() < self.fitting.general:
            found = self._general(index, rng)
        else:
            entry = self.entries[turn(self.seed, index, len(self.entries))]
            found = self._set(entry.load(), rng) if entry.cut_out else fitted(entry, self.fitting)
        return mirrored(found) if rng.random() < self.fitting.flip else found

    def _general(self, index: int, rng: np.random.Generator) -> Example:
        """A procedural foreground over a scene; each is used a few times before others take its place."""
        member = int(rng.integers(_POOL))
        drawn = drawn_cutout((self.seed, 3, member, index // (_POOL * _USES)), self.fitting.size)
        trust = np.full(drawn.alpha.shape, 255, np.uint8)
        return self._set(
            Labelled(drawn.foreground, drawn.alpha, trust, cut_out=True), rng, self.fitting.shown
        )

    def _set(self, photo: Labelled, rng: np.random.Generator, shown: Geometry = _STILL) -> Example:
        """A cut-out over a scene."""
        synthesis = Synthesis(
            self.fitting.size, person=shown, scene=self.fitting.scene, look=_PLAIN, camera=_PLAIN, defocus=0.2
        )
        backdrop = scene(self.scenes[int(rng.integers(len(self.scenes)))])
        return composite([layer(photo, rng, synthesis)], backdrop, rng, synthesis)


@lru_cache(maxsize=_HELD)
def fitted(entry: Entry, fitting: Fitting) -> Example:
    """A labelled photo in a square."""
    photo = entry.load()
    image, alpha, weight = (
        square(x, fitting.size, letterbox=fitting.letterbox) for x in (photo.image, photo.alpha, photo.weight)
    )
    shown = channels_first(image)
    return Example(shown, alpha[None], weight[None], shown, shown, np.zeros(1, np.uint8))


def square(pixels: Bytes, size: int, *, letterbox: bool) -> Bytes:
    """A picture in a square: stretched, or with zeros below it or to its right; uint8 (S, S[, 3])."""
    if not letterbox:
        return vips.resize(pixels, (size, size))
    small = vips.resize(pixels, size_within(pixels.shape, size, enlarge=True))
    out = np.zeros((size, size, *pixels.shape[2:]), np.uint8)
    out[: small.shape[0], : small.shape[1]] = small
    return out


def mirrored(example: Example) -> Example:
    """Left and right exchanged."""
    *layers, exact = example
    return Example._make([*(np.ascontiguousarray(x[..., ::-1]) for x in layers), exact])


def calm(fitting: Fitting) -> Fitting:
    """Leave flips out of a fitting, for validation."""
    return replace(fitting, flip=0.0)

"""Training samples as two papers publish them and nothing beside: composites of foregrounds and backgrounds.

- `PublishedComposites`: each person on its own hundred backgrounds, resized to the network's size (Yaman,
  Ekenel, Waibel 2022, sections 3.1 and 4). No hair is drawn, nobody stands behind, no colour, blur, noise or
  geometry is changed.
- `PublishedCrops`: crops around unknown pixels by the five strategies of Xu, Price, Cohen, Huang 2017
  (section 4.1), and none that later work found; nothing is procedural.

Composites are those of `wisp.data.composites`: the foreground keeps its size, a smaller background is
enlarged until it covers it. Of photos that are no cut-outs the foreground is estimated first, as `wisp
compose` does. Readings: which of the backgrounds a foreground gets is drawn from the seed ("randomly sample
N"), all of them where there are fewer; resizing does not keep proportions; a crop that reaches past the
composite is moved into it, and mirrored where the composite is smaller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from wisp.core.arrays import UNKNOWN, Bytes, to_float
from wisp.data import vips
from wisp.data.augmentation import Appearance, Geometry
from wisp.data.composites import PER_FOREGROUND, TRIMAP_WIDTHS, cover, foreground_of, over
from wisp.data.datasets import Entry
from wisp.data.samples import channels_first
from wisp.data.synthesis import Example, turn
from wisp.data.trimap_samples import Cropping, TrimapExample, dilated

UNCHANGED: Final = Appearance(0, 1, 1, 0, 1, 0, (0, 0), (0, 0), (0, 100))
"""An appearance that changes nothing."""

FIVE_STRATEGIES: Final = Cropping(
    size=320,
    crops=(320, 480, 640),
    zoom=1.0,
    rotation=0.0,
    shear=0.0,
    stretch=1.0,
    off_centre=0.0,
    flip=0.5,
    widths=TRIMAP_WIDTHS,
    pair=0.0,
    procedural=0.0,
    contrast=1.0,
    hair=0.0,
    islands=0.0,
    similar=0.0,
    scene=Geometry((1, 1), 0, 0, 1, 0, 0),
    photos=0.0,
    look=UNCHANGED,
    camera=UNCHANGED,
    defocus=(0.0, 0.0),
)
"""Deep Image Matting's: crops of three sizes around unknown pixels, flips, dilated trimaps; all else is off.

The fifth strategy, inputs made anew each epoch, is that a sample depends on its index.
"""


class Layers(NamedTuple):
    """A composite at full size, uint8 (H, W, 3) each, and its alpha (H, W)."""

    image: Bytes
    alpha: Bytes
    foreground: Bytes
    background: Bytes


@dataclass(frozen=True)
class Composites:
    """Composites by index at full size: every epoch has each pair of foreground and background once.

    Args:
        people: the foregrounds.
        scenes: photos to go behind.
        seed: of which backgrounds a foreground gets, and of the order.
        count: backgrounds a foreground.
    """

    people: Sequence[Entry]
    scenes: Sequence[Path]
    seed: int = 0
    count: int = PER_FOREGROUND["train"]

    @property
    def each(self) -> int:
        """How many backgrounds a foreground has: `count`, or all there are."""
        return min(self.count, len(self.scenes))

    def __len__(self) -> int:
        """Composites of an epoch."""
        return len(self.people) * self.each

    def pair(self, index: int) -> tuple[Entry, Path]:
        """Foreground and background of composite number `index` ≥ 0, without end."""
        person, place = divmod(turn(self.seed, index, len(self)), self.each)
        drawn = np.random.default_rng((self.seed, 3, person)).permutation(len(self.scenes))
        return self.people[person], self.scenes[int(drawn[place])]

    def __getitem__(self, index: int) -> Layers:
        """Composite number `index` ≥ 0, without end."""
        entry, scene = self.pair(index)
        photo = entry.load()
        foreground = foreground_of(photo)
        background = cover(vips.read_rgb(scene), photo.alpha.shape)
        return Layers(over(foreground, photo.alpha, background), photo.alpha, foreground, background)


@dataclass(frozen=True)
class PublishedComposites:
    """Samples of the portrait paper by index: composites, resized.

    Args:
        composites: at full size.
        size: height and width, or a square's side.
    """

    composites: Composites
    size: vips.Size

    fields = Example._fields

    def __getitem__(self, index: int) -> Example:
        """Sample number `index` ≥ 0, without end."""
        image, alpha, foreground, background = (
            vips.resize(layer, vips.sides(self.size)) for layer in self.composites[index]
        )
        trust = np.full((1, *alpha.shape), 255, np.uint8)
        return Example(
            channels_first(image),
            np.ascontiguousarray(alpha[None]),
            trust,
            channels_first(foreground),
            channels_first(background),
            np.ones(1, np.uint8),
        )


@dataclass(frozen=True)
class PublishedCrops:
    """Samples of Deep Image Matting by index: crops of composites, with a trimap of random width.

    Args:
        composites: at full size.
        cropping: sizes, flips and widths; what `FIVE_STRATEGIES` has off is not looked at.
    """

    composites: Composites
    cropping: Cropping = FIVE_STRATEGIES

    fields = TrimapExample._fields

    def __getitem__(self, index: int) -> TrimapExample:
        """Sample number `index` ≥ 0, without end; its prior says one half everywhere."""
        whole, cropping = self.composites[index], self.cropping
        rng = np.random.default_rng((self.composites.seed, 4, index))
        cut = square(np.dstack(whole), whole.alpha, int(rng.choice(cropping.crops)), rng)
        if rng.random() < cropping.flip:
            cut = np.ascontiguousarray(cut[:, ::-1])
        resized = vips.resize(cut, vips.sides(cropping.size))
        image, alpha, foreground, background = np.split(resized, (3, 4, 7), axis=2)
        alpha = np.ascontiguousarray(alpha[..., 0])
        trimap = dilated(to_float(alpha), rng, cropping.widths)
        return TrimapExample(
            channels_first(image),
            alpha[None],
            np.where(trimap == UNKNOWN, np.uint8(255), np.uint8(0))[None],
            channels_first(foreground),
            channels_first(background),
            np.ones(1, np.uint8),
            trimap[None],
            np.full_like(trimap, 128)[None],
        )


def square(layers: Bytes, alpha: Bytes, side: int, rng: np.random.Generator) -> Bytes:
    """A square of some layers around a pixel that is partly subject, moved into them as far as it fits there.

    Args:
        layers: uint8 (H, W, C).
        alpha: uint8 (H, W); where none of it is mixed, any pixel will do.
        side: of the square, pixels; beyond the layers they are mirrored.
        rng: draws the pixel.

    Returns:
        uint8 (side, side, C).
    """
    places = np.flatnonzero((alpha > 0) & (alpha < 255))
    place = int(rng.choice(places)) if places.size else int(rng.integers(alpha.size))
    row, column = divmod(place, alpha.shape[1])
    short = [max(0, side - length) for length in alpha.shape]
    margins = [(lack // 2, lack - lack // 2) for lack in short]
    padded = np.pad(layers, (*margins, (0, 0)), mode="symmetric") if any(short) else layers
    top, left = (
        int(np.clip(at - side // 2, 0, length - side))
        for at, length in zip((row, column), padded.shape[:2], strict=True)
    )
    return np.ascontiguousarray(padded[top : top + side, left : left + side])

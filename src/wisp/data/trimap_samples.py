"""Training samples of networks that are given a trimap: crops of fresh composites around unknown pixels.

The five strategies of Xu et al. 2017 ("Deep Image Matting", section 4.1): crops of several sizes centred on
unknown pixels and resized to one, flips, trimaps dilated at random from the true alpha, and composites made
anew for every sample. With them what later work found to matter as much: two foregrounds merged into one
(Tang et al. 2019, "Learning-Based Sampling for Natural Image Matting"), affine maps, random interpolation,
colours of foreground and background jittered apart (Li and Lu 2020, "Natural Image Matting via Guided
Contextual Attention"), backgrounds out of focus, and noise and JPEG over the whole picture.

A sample is a function of (seed, index) alone. Cut-outs and scenes come from pools whose members are used a
few times, in different crops, before others take their place: decoding a photo, estimating its foreground or
drawing one procedurally costs several times as much as a crop of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from scipy import ndimage

from wisp.compositing.over import over
from wisp.core.arrays import UNKNOWN, Alpha, Bytes, Foreground, Image, Trimap, from_float, to_float
from wisp.data import vips
from wisp.data.augmentation import Appearance, Geometry, Matrix, degrade, recolour, soften
from wisp.data.datasets import Entry
from wisp.data.samples import channels_first
from wisp.data.synthesis import blur_layer, merge
from wisp.matting.classical.initial_alpha import estimate_initial_alpha
from wisp.matting.foreground import estimate_foreground
from wisp.matting.trimap import random_trimap

INTERPOLATIONS: Final = ("nearest", "bilinear", "bicubic", "vsqbs")
"""What libvips calls the ways to read between pixels; each layer draws one."""
_HELD: Final = 96


class TrimapExample(NamedTuple):
    """One training sample, ready to stack.

    Attributes:
        image: uint8 (3, S, S), sRGB.
        alpha: uint8 (1, S, S), 0–255.
        weight: uint8 (1, S, S), 255 where the trimap is unknown, 0 elsewhere.
        foreground: uint8 (3, S, S), straight colours.
        background: uint8 (3, S, S), what lies behind.
        exact: uint8 (1,), 1: alpha, foreground and background compose to the image but for noise and JPEG.
        trimap: uint8 (1, S, S): 0, 128, 255.
        prior: uint8 (1, S, S), what `wisp.matting.classical.initial_alpha` makes of image and trimap; one
            half everywhere where it was not asked for.
    """

    image: Bytes
    alpha: Bytes
    weight: Bytes
    foreground: Bytes
    background: Bytes
    exact: Bytes
    trimap: Bytes
    prior: Bytes


class Cutout(NamedTuple):
    """A foreground of a pool.

    Attributes:
        foreground: uint8 (H, W, 3), straight colours.
        alpha: uint8 (H, W).
    """

    foreground: Bytes
    alpha: Bytes


@dataclass(frozen=True)
class Cropping:
    """How samples are made.

    Attributes:
        size: side S of the samples, or height and width, pixels.
        crops: sides of the crops, pixels of the source; one of them is drawn.
        zoom: a crop's side varies by this factor either way.
        rotation: degrees either way.
        shear: tangent of the shear angle either way.
        stretch: the aspect ratio varies by this factor either way.
        off_centre: how far the unknown pixel may lie from the sample's middle, as a share of its side.
        flip: chance of a mirrored foreground.
        widths: least and greatest dilation of the unknown part, either way, pixels of the sample.
        pair: chance that two foregrounds are merged.
        procedural: share of the cut-outs that are drawn procedurally; all where there are no others.
        drawn: side of these, pixels.
        contrast: alpha of photographed cut-outs is steepened by up to this factor: labels that a network made
            are softer than hair. Steep alphas have no faint wisps, so it stays near 1.
        hair: chance that a photographed cut-out gets procedural strands along its edge
            (`wisp.data.procedural.with_hair`): wisps that labels of photos do not show.
        islands: chance that patches of known foreground and background become unknown, as they are in a
            trimap that was made of an unsure mask; nothing mixed is near, and the network learns to say so.
        similar: chance that the background takes on the foreground's mean colour.
        scene: geometry of backgrounds.
        photos: share of the backgrounds that are photos of people, cut out or not.
        look: appearance of each layer before it is composed.
        camera: what the whole picture goes through (noise and JPEG).
        defocus: chance that the background is out of focus, and the largest sigma as a share of the side.
        pool: members of each pool.
        uses: how often each of them is used before another takes its place.
        prior: whether samples have a prior.
    """

    size: vips.Size = 320
    crops: tuple[int, ...] = (320, 480, 640)
    zoom: float = 1.25
    rotation: float = 30.0
    shear: float = 0.1
    stretch: float = 1.1
    off_centre: float = 0.15
    flip: float = 0.5
    widths: tuple[int, int] = (1, 30)
    pair: float = 0.3
    procedural: float = 0.6
    drawn: int = 512
    contrast: float = 1.4
    hair: float = 0.6
    islands: float = 0.35
    similar: float = 0.15
    scene: Geometry = field(
        default_factory=lambda: Geometry(zoom=(1.3, 4.0), rotation=10, shear=0.05, shift=0.1)
    )
    photos: float = 0.4
    look: Appearance = field(default_factory=lambda: Appearance(blur=(0.1, 1.2)))
    camera: Appearance = field(default_factory=lambda: Appearance(noise=(0.5, 0.03), jpeg=(0.3, 60)))
    defocus: tuple[float, float] = (0.35, 1 / 40)
    pool: int = 64
    uses: int = 8
    prior: bool = False


@dataclass(frozen=True)
class TrimapSamples:
    """Samples by index from cut-outs and backgrounds.

    Args:
        cutouts: labelled photos; may be empty where all foregrounds are procedural.
        scenes: photos without people.
        cropping: how to make samples of them.
        seed: changes everything at once.
    """

    cutouts: Sequence[Entry]
    scenes: Sequence[Path]
    cropping: Cropping
    seed: int = 0

    fields = TrimapExample._fields

    def __getitem__(self, index: int) -> TrimapExample:
        """The sample number `index` ≥ 0, without end."""
        cropping = self.cropping
        rng = np.random.default_rng((self.seed, index))
        foreground, alpha = self._layer(index, rng)
        if rng.random() < cropping.pair:
            foreground, alpha = merge(foreground, alpha, *self._layer(index, rng))
        background = backdrop(self._scene(index, rng), rng, cropping)
        if rng.random() < cropping.similar:
            background = shift_colour(background, foreground, alpha)
        return compose(foreground, alpha, background, rng, cropping)

    def _layer(self, index: int, rng: np.random.Generator) -> tuple[Foreground, Alpha]:
        member, generation = self._member(index, rng)
        seed = (self.seed, 1, member, generation)
        chosen = np.random.default_rng(seed)
        if not self.cutouts or chosen.random() < self.cropping.procedural:
            return crop(drawn_cutout(seed, self.cropping.drawn), rng, self.cropping)
        entry = self.cutouts[int(chosen.integers(len(self.cutouts)))]
        strands = seed if chosen.random() < self.cropping.hair else None
        foreground, alpha = crop(photographed_cutout(entry, strands), rng, self.cropping)
        return foreground, steepen(alpha, rng.uniform(1, self.cropping.contrast))

    def _scene(self, index: int, rng: np.random.Generator) -> Bytes:
        chosen = np.random.default_rng((self.seed, 2, *self._member(index, rng)))
        photo = chosen.random() < self.cropping.photos
        if photo and self.cutouts:
            entry = self.cutouts[int(chosen.integers(len(self.cutouts)))]
            if not entry.cut_out:  # there is nothing behind a cut-out
                return scene(entry.photo)
        return scene(self.scenes[int(chosen.integers(len(self.scenes)))])

    def _member(self, index: int, rng: np.random.Generator) -> tuple[int, int]:
        """A random member of a pool, and how often it has been replaced; not all are at once."""
        count = self.cropping.pool
        member = int(rng.integers(count))
        period = count * self.cropping.uses
        return member, (index + member * self.cropping.uses) // period


@lru_cache(maxsize=_HELD)
def drawn_cutout(seed: tuple[int, ...], side: int) -> Cutout:
    """A procedural foreground of `side` × `side` pixels."""
    from wisp.data.procedural import random_foreground

    foreground, alpha = random_foreground((side, side), np.random.default_rng(seed))
    return Cutout(from_float(foreground), from_float(alpha))


@lru_cache(maxsize=_HELD)
def photographed_cutout(entry: Entry, strands: tuple[int, ...] | None = None) -> Cutout:
    """A labelled photo as a foreground whose colours are carried past its edge.

    Args:
        entry: the photo.
        strands: seed of the hair that is drawn along its edge; None for none.
    """
    photo = entry.load()
    foreground, alpha = to_float(photo.image), to_float(photo.alpha)
    if not entry.cut_out:
        foreground = estimate_foreground(foreground, alpha, method="blur-fusion")
    if strands is not None:
        from wisp.data.procedural import with_hair

        foreground, alpha = with_hair(foreground, alpha, np.random.default_rng((*strands, 1)))
    return Cutout(from_float(foreground), from_float(alpha))


@lru_cache(maxsize=_HELD)
def scene(path: Path) -> Bytes:
    """A background, uint8 (H, W, 3), at most about 900 pixels a side."""
    pixels = vips.read_rgb(path)
    scale = 900 / max(pixels.shape)
    if scale >= 1:
        return pixels
    return vips.resize(pixels, (round(pixels.shape[0] * scale), round(pixels.shape[1] * scale)))


def crop(cutout: Cutout, rng: np.random.Generator, cropping: Cropping) -> tuple[Foreground, Alpha]:
    """A warped crop around a pixel that is partly subject: foreground (S, S, 3) and alpha (S, S).

    Where a crop reaches past the source, the source is mirrored, so that no straight cut appears.
    """
    matrix = window(cutout.alpha, rng, cropping)
    interpolation = INTERPOLATIONS[int(rng.integers(len(INTERPOLATIONS)))]
    layers = np.dstack([cutout.foreground, cutout.alpha])
    warped = to_float(vips.warp(layers, matrix, cropping.size, border="mirror", interpolation=interpolation))
    foreground, alpha = recolour(warped[..., :3], rng, cropping.look), warped[..., 3]
    chance, largest = cropping.look.blur
    if rng.random() < chance:
        foreground, alpha = blur_layer(foreground, alpha, rng.uniform(0.3, largest))
    return foreground, alpha


def window(alpha: Bytes, rng: np.random.Generator, cropping: Cropping) -> Matrix:
    """An affine map (2, 3) from the source to a crop of it, around a pixel that is partly subject.

    The crop is moved into the source as far as it fits there.
    """
    places = np.flatnonzero((alpha > 2) & (alpha < 253))
    if places.size == 0:
        places = np.flatnonzero(alpha)
    place = int(rng.choice(places)) if places.size else alpha.size // 2
    row, column = divmod(place, alpha.shape[1])
    side = float(rng.choice(cropping.crops)) * np.exp(rng.uniform(-1, 1) * np.log(cropping.zoom))
    geometry = Geometry(
        (1, 1), cropping.rotation, cropping.shear, cropping.stretch, cropping.off_centre, cropping.flip
    )
    matrix = geometry.sample(rng, (side, side), cropping.size)
    # The geometry takes a square of that side; move the pixel to where the square's middle came to lie.
    middle = matrix[:, :2] @ np.array([side / 2, side / 2]) + matrix[:, 2]
    centre = [
        _inside(place, side, length)
        for place, length in zip((column + 0.5, row + 0.5), alpha.shape[::-1], strict=True)
    ]
    matrix[:, 2] = middle - matrix[:, :2] @ np.array(centre)
    return matrix


def _inside(place: float, side: float, length: int) -> float:
    """The middle of an interval of length `side`, as near to `place` as lies within 0 … `length`."""
    return length / 2 if side >= length else float(np.clip(place, side / 2, length - side / 2))


def backdrop(pixels: Bytes, rng: np.random.Generator, cropping: Cropping) -> Image:
    """A scene that fills the sample, (S, S, 3)."""
    matrix = cropping.scene.sample(rng, pixels.shape, cropping.size)
    image = recolour(to_float(vips.warp(pixels, matrix, cropping.size, border="mirror")), rng, cropping.look)
    chance, largest = cropping.defocus
    if rng.random() < chance:
        sigma = rng.uniform(0.5, largest * min(vips.sides(cropping.size)))
        return np.asarray(ndimage.gaussian_filter(image, (sigma, sigma, 0), mode="nearest", truncate=3))
    return soften(image, rng, cropping.look)


def shift_colour(background: Image, foreground: Foreground, alpha: Alpha) -> Image:
    """A background with the mean colour of a foreground, which makes them hard to tell apart."""
    weight = alpha.sum(dtype=np.float64)
    if weight == 0:
        return background
    mean = (foreground * alpha[..., None]).sum((0, 1), dtype=np.float64) / weight
    shifted: Image = np.clip(background + (mean - background.mean((0, 1))).astype(np.float32), 0, 1)
    return shifted


def steepen(alpha: Alpha, factor: float) -> Alpha:
    """Alpha with a steeper slope around one half."""
    steeper: Alpha = np.clip((alpha - 0.5) * np.float32(factor) + 0.5, 0, 1)
    return steeper


def compose(
    foreground: Foreground,
    alpha: Alpha,
    background: Image,
    rng: np.random.Generator,
    cropping: Cropping,
) -> TrimapExample:
    """A sample of the two layers, with a trimap of random width, noise and JPEG over both."""
    stored = degrade(over(foreground, alpha, background), rng, cropping.camera)
    alpha_stored = from_float(alpha)
    trimap = dilated(to_float(alpha_stored), rng, cropping.widths)
    if rng.random() < cropping.islands:
        trimap = with_islands(trimap, rng)
    start = (
        from_float(estimate_initial_alpha(to_float(stored), trimap))
        if cropping.prior
        else np.full_like(trimap, 128)
    )
    return TrimapExample(
        channels_first(stored),
        alpha_stored[None],
        np.where(trimap == 128, np.uint8(255), np.uint8(0))[None],
        channels_first(from_float(foreground)),
        channels_first(from_float(background)),
        np.ones(1, np.uint8),
        trimap[None],
        start[None],
    )


def dilated(alpha: Alpha, rng: np.random.Generator, widths: tuple[int, int]) -> Trimap:
    """A trimap whose unknown part is dilated at random, either way by a width of its own."""
    return random_trimap(alpha, rng, erosion=widths, dilation=widths)


def with_islands(trimap: Trimap, rng: np.random.Generator) -> Trimap:
    """A trimap of which one to four discs, stretched and turned at random, have become unknown."""
    height, width = trimap.shape
    rows, columns = np.ogrid[:height, :width]
    islands = trimap.copy()
    for _ in range(int(rng.integers(1, 5))):
        y, x = rng.uniform(0, height) - rows, rng.uniform(0, width) - columns
        angle, stretch = rng.uniform(0, np.pi), np.exp(rng.uniform(-0.9, 0.9))
        radius = min(height, width) * np.exp(rng.uniform(np.log(0.015), np.log(0.17)))
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        islands[(along * stretch) ** 2 + (across / stretch) ** 2 < radius**2] = UNKNOWN
    return islands

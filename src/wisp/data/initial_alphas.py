"""Training samples of networks that are given an initial alpha: what the pipeline and the frame before give.

The portrait network of Yaman et al. is given a coarse segmentation. It can be given more, where more is to be
had for little (docs/decisions/024):

- in a photo, what closed-form matting makes of that segmentation's trimap
  (`wisp.matting.classical.initial_alpha`);
- in a clip, the alpha of the frame before, moved along.

Each sample's mask is one of these three, as they come at inference, with their errors. A sample is a function
of (seed, index) alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np

from wisp.core.arrays import Alpha, Bytes, Image, Mask, from_float, to_float
from wisp.data import vips
from wisp.data.augmentation import Geometry
from wisp.data.cues import Cues, imperfect_mask
from wisp.data.synthesis import Example, Samples
from wisp.engine.families.segmenter import segment
from wisp.matting.classical.closed_form import closed_form
from wisp.matting.classical.initial_alpha import estimate_initial_alpha
from wisp.matting.trimap import trimap_from_mask

Lead: TypeAlias = Literal["mask", "prior", "last"]

KINDS: Final[tuple[Lead, ...]] = ("prior", "mask", "last")


class InitialAlphaExample(NamedTuple):
    """One training sample, ready to stack; fields as in `Example`, and the initial alpha.

    Attributes:
        image: uint8 (3, S, S), sRGB.
        alpha: uint8 (1, S, S), 0–255.
        weight: uint8 (1, S, S), trust in the label.
        foreground: uint8 (3, S, S), straight colours of the subject.
        background: uint8 (3, S, S), what lies behind.
        exact: uint8 (1,), 1 where alpha, foreground and background compose to the image by construction.
        mask: uint8 (1, S, S), a initial alpha.
    """

    image: Bytes
    alpha: Bytes
    weight: Bytes
    foreground: Bytes
    background: Bytes
    exact: Bytes
    mask: Bytes


@dataclass(frozen=True)
class InitialAlphas:
    """How initial alphas are made.

    Attributes:
        shares: of the kinds in `KINDS`; they add up to 1.
        imperfect: share of the masks that are not the segmentation network's but made of the true alpha by
            `wisp.data.cues.imperfect_mask`: larger errors than that network makes on photos like
            those it was trained on.
        cues: how these are damaged, and the width of the trimap's band.
        half: share of the priors that are solved at half the sample's size; the rest is solved at its own.
            Photos are larger than samples, and so are theirs when the network sees them.
        moved: how far the alpha of the frame before is off.
        coarse: the least scale at which it was made, as a share of the sample's side.
        joined: share of them that are averaged with the mask, as in every few frames of a clip.
    """

    shares: tuple[float, float, float] = (0.6, 0.2, 0.2)
    imperfect: float = 0.15
    cues: Cues = field(default_factory=lambda: Cues(width=(0.015, 0.04)))
    half: float = 0.4
    moved: Geometry = field(
        default_factory=lambda: Geometry(
            (0.985, 1.015), rotation=1, shear=0.01, stretch=1.01, shift=0.006, flip=0
        )
    )
    coarse: float = 0.5
    joined: float = 0.3


AT_INFERENCE: Final = InitialAlphas(shares=(1, 0, 0), imperfect=0, cues=Cues(width=(0.02, 0.02)), half=0)
"""Those of a photo in the pipeline: what is validated with."""


@dataclass(frozen=True)
class WithInitialAlpha:
    """`Samples` with their initial alphas, by index.

    Args:
        samples: images with their layers.
        settings: how initial alphas are made.
    """

    samples: Samples
    settings: InitialAlphas

    fields = InitialAlphaExample._fields

    def __getitem__(self, index: int) -> InitialAlphaExample:
        """The sample number `index` ≥ 0."""
        example = self.samples[index]
        rng = np.random.default_rng((self.samples.seed, index, 4))
        return InitialAlphaExample(*example, draw_initial_alpha(example, rng, self.settings)[None])


def draw_initial_alpha(example: Example, rng: np.random.Generator, settings: InitialAlphas) -> Bytes:
    """An initial alpha of a sample, uint8 (S, S)."""
    kind = KINDS[int(rng.choice(len(KINDS), p=settings.shares))]
    image = to_float(np.ascontiguousarray(example.image.transpose(1, 2, 0)))
    if kind == "last":
        last = last_alpha(example.alpha[0], rng, settings)
        if rng.random() < settings.joined:
            last = (last + _mask(image, example, rng, settings)) * np.float32(0.5)
        return from_float(last)
    mask = _mask(image, example, rng, settings)
    return from_float(solve_initial_alpha(image, mask, rng, settings) if kind == "prior" else mask)


def solve_initial_alpha(image: Image, mask: Mask, rng: np.random.Generator, settings: InitialAlphas) -> Alpha:
    """Solve closed-form matting on a mask's trimap: float32 (H, W), empty where there is no subject."""
    trimap = trimap_from_mask(mask, width=float(rng.uniform(*settings.cues.width)))
    if rng.random() < settings.half:
        return estimate_initial_alpha(image, trimap)
    return closed_form(image, trimap, tolerance=1e-3, warn=False).alpha  # as in `estimate_initial_alpha`


def last_alpha(alpha: Bytes, rng: np.random.Generator, settings: InitialAlphas) -> Alpha:
    """The alpha of the frame before as a clip has it: seen smaller, moved not quite right, with a patch lost.

    Args:
        alpha: the true one, uint8 (H, W).
        rng: where its errors come from.
        settings: how large they are.

    Returns:
        float32 (H, W), [0, 1].
    """
    size = (alpha.shape[0], alpha.shape[1])
    moved = vips.warp(alpha, settings.moved.sample(rng, size, size), size, border="copy")
    scale = rng.uniform(settings.coarse, 1)
    small = vips.resize(moved, (max(1, round(size[0] * scale)), max(1, round(size[1] * scale))))
    last = to_float(vips.resize(small, size))
    if rng.random() < settings.cues.patch:
        rough = to_float(imperfect_mask(alpha, rng, replace(settings.cues, patch=1.0)))
        last = np.where(np.abs(rough - last) > 0.5, rough, last)
    return last


def _mask(image: Image, example: Example, rng: np.random.Generator, settings: InitialAlphas) -> Mask:
    if rng.random() < settings.imperfect:
        return to_float(imperfect_mask(example.alpha[0], rng, settings.cues))
    return segment(image)

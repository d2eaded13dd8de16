"""Samples with a segmentation, a trimap and a motion cue from packed photos, made in a few milliseconds each.

As `wisp.data.cues`, which says what a cue is and where it is from, with three differences: images are those
of `wisp.data.matting_samples` (people, things and cut-outs of every hard kind, composites most of all);
imperfect segmentations are those of `wisp.data.damage.damage`; frames are moved by OpenCV, not libvips
(`wisp.data.placing` says why).

A sample is a function of (seed, index) alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wisp.core.arrays import Bytes, from_float, to_float
from wisp.core.threads import one_opencv_thread
from wisp.data.augmentation import Matrix
from wisp.data.cues import CueExample, Cues, cue_trimap, motion_cue, segment, shaken
from wisp.data.damage import damage, recolour_by_table
from wisp.data.matting_samples import MattingSamples
from wisp.data.placing import Rng, fit_matrix, place
from wisp.data.samples import channels_first
from wisp.data.synthesis import Example


@dataclass(frozen=True)
class PackedCues:
    """Labelled samples by index.

    Args:
        samples: images with their layers.
        cues: how cues are made; `Cues.threshold`, `Cues.grow`, `Cues.blur` and `Cues.patch` are not used.
    """

    samples: MattingSamples
    cues: Cues

    fields = CueExample._fields

    def __getitem__(self, index: int) -> CueExample:
        """The sample number `index` ≥ 0."""
        example = self.samples[index]
        return packed_cues(example, np.random.default_rng((self.samples.seed, 2, index)), self.cues)


@dataclass(frozen=True)
class PackedPhotos:
    """The people's photos of a pack without their labels, by index, with a new background each.

    Args:
        samples: whose pack, sizes and backgrounds they share.
        cues: how motion and trimaps are made; masks are the subject network's.
    """

    samples: MattingSamples
    cues: Cues

    fields = CueExample._fields

    def __getitem__(self, index: int) -> CueExample:
        """The sample number `index` ≥ 0."""
        with one_opencv_thread:
            return self._drawn(index)

    def _drawn(self, index: int) -> CueExample:
        source = self.samples
        rng = np.random.default_rng((source.seed, 3, index))
        photo = source.pack[source.people[int(rng.integers(len(source.people)))]].photo[..., :3]
        size = source.size_of(index)
        matrix = fit_matrix(rng, photo.shape, size, zoom=(0.9, 1.5), rotation=float(rng.uniform(-4, 4)))
        image = recolour_by_table(
            place(np.ascontiguousarray(photo), matrix, size, cv2.BORDER_REFLECT_101), rng
        )
        background = from_float(source.scenery.draw(rng, size))
        mask = from_float(segment(to_float(image)))
        return CueExample(
            channels_first(image),
            mask[None],
            np.zeros((1, *size), np.uint8),
            channels_first(image),
            channels_first(background),
            np.zeros(1, np.uint8),
            cue_trimap(mask, rng, self.cues)[None],
            mask[None],
            shaken(image, rng, self.cues, opencv_warp),
        )


def packed_cues(example: Example, rng: Rng, cues: Cues) -> CueExample:
    """A sample with a mask, the trimap made from it, and a motion cue."""
    if rng.random() < cues.segmented:
        mask = from_float(segment(to_float(np.ascontiguousarray(example.image.transpose(1, 2, 0)))))
    else:
        mask = damage(example.alpha[0], rng)
    trimap = cue_trimap(mask, rng, cues)[None]
    return CueExample(*example, trimap, mask[None], motion_cue(example, rng, cues, opencv_warp))


def opencv_warp(pixels: Bytes, matrix: Matrix, *, mirrored: bool) -> Bytes:
    """Move a picture within its own canvas, uint8 (H, W); arguments of `wisp.data.cues.vips_warp`."""
    offset = matrix[:, 2] + matrix[:, :2] @ np.array([0.5, 0.5]) - 0.5
    placed = np.column_stack([matrix[:, :2], offset])
    border = cv2.BORDER_REFLECT if mirrored else cv2.BORDER_REPLICATE
    warped: Bytes = cv2.warpAffine(
        pixels, placed, pixels.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=border
    )
    return warped

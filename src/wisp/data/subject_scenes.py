"""Scenes behind subjects: photos that fill the canvas, what lies beside things, pastes that are nothing."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from wisp.core.arrays import Bytes, Float
from wisp.data.damage import recolour_by_table, to_floats
from wisp.data.packed import Pack, Packed
from wisp.data.placing import Rng, place, rotation_matrix


class Scenes:
    """Draws scenes from a pack.

    Args:
        pack: the photos.
        places: of photos without a subject, in the pack.
        things: of photos of things whose labels are trusted.
    """

    def __init__(self, pack: Pack, places: Sequence[int], things: Sequence[int]) -> None:
        self._pack, self._places, self._things = pack, places, things

    def draw(self, rng: Rng, size: tuple[int, int]) -> Float:
        """Draw a scene that fills the canvas, float32 (H, W, 3)."""
        photo = self._pack[self._places[int(rng.integers(len(self._places)))]].photo[..., :3]
        return _fill(photo, rng, size)

    def beside(self, rng: Rng, size: tuple[int, int]) -> Float:
        """Draw what lies beside a labelled thing, on the canvas; a scene if five photos have no room there.

        Beside people lies what would be a subject without them (a tower, a truck), so theirs are not taken.
        """
        for _ in range(5 if self._things else 0):
            photo = self._pack[self._things[int(rng.integers(len(self._things)))]]
            beside = clear_part(photo)
            if beside is not None:
                return _fill(beside, rng, size)
        return self.draw(rng, size)

    def paste(self, scene: Float, rng: Rng) -> Float:
        """Paste one to three soft or hard patches of another scene, which are no subject."""
        size = scene.shape[:2]
        for _ in range(int(rng.integers(1, 4))):
            other = self.draw(rng, (size[0], size[1]))
            alpha = np.zeros(size, np.float32)
            extent = rng.uniform(0.04, 0.25) * min(size)
            count = int(rng.integers(3, 9))
            angles = np.sort(rng.uniform(0, 2 * np.pi, count))
            radii = extent * rng.uniform(0.4, 1, count)
            middle = rng.uniform(0.1, 0.9, 2) * size
            points = np.column_stack([middle[1] + radii * np.cos(angles), middle[0] + radii * np.sin(angles)])
            cv2.fillPoly(alpha, [points.astype(np.int32)], 1.0, cv2.LINE_AA)
            alpha = cv2.GaussianBlur(alpha, (0, 0), float(rng.uniform(0.4, 0.3 * extent + 0.5)))
            scene = scene + alpha[..., None] * (other - scene)
        return scene


def _fill(photo: Bytes, rng: Rng, size: tuple[int, int]) -> Float:
    """A picture, uint8 (h, w, 3), that fills the canvas, zoomed into by chance, float32 (H, W, 3)."""
    cover = max(size[0] / photo.shape[0], size[1] / photo.shape[1])
    scale = cover * float(np.exp(rng.uniform(0, np.log(2.2))))
    linear = rotation_matrix(float(rng.uniform(-5, 5))) @ np.diag([scale, scale])
    if rng.random() < 0.5:
        linear[:, 0] *= -1
    room = np.maximum(0, np.array(photo.shape[1::-1]) * scale - size[::-1]) / 2
    middle = np.array(size[::-1]) / 2 + rng.uniform(-1, 1, 2) * room
    offset = middle - linear @ (np.array(photo.shape[1::-1]) / 2)
    scene = place(photo, np.column_stack([linear, offset]), size, cv2.BORDER_REFLECT_101)
    if rng.random() < 0.3:
        scene = cv2.GaussianBlur(scene, (0, 0), float(rng.uniform(0.5, min(size) / 50)))
    return to_floats(recolour_by_table(scene, rng))


def clear_part(photo: Packed) -> Bytes | None:
    """The largest part of a photo, whole on three sides, in which nothing is labelled; uint8 (h, w, 3).

    Args:
        photo: labelled, with a box.

    Returns:
        A view of its colours; None where each such part is narrower than 96 pixels, holds less than a sixth
        of the photo, or has a label that is not trusted.
    """
    height, width = photo.photo.shape[:2]
    visible = photo.photo[..., 3] > 8
    rows, columns = np.flatnonzero(visible.any(1)), np.flatnonzero(visible.any(0))
    if not len(rows):
        return None
    parts = [
        (slice(0, int(rows[0])), slice(None)),
        (slice(int(rows[-1]) + 1, height), slice(None)),
        (slice(None), slice(0, int(columns[0]))),
        (slice(None), slice(int(columns[-1]) + 1, width)),
    ]
    largest = max(parts, key=lambda part: photo.photo[part].size)
    colours: Bytes = photo.photo[largest][..., :3]
    if min(colours.shape[:2]) < 96 or 6 * colours.size < photo.photo[..., :3].size:
        return None
    if photo.layer[largest][..., 3].mean() < 200:
        return None
    return colours

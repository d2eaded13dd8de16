"""Subjects with true alpha, to be shown on other backgrounds, in other light, with other masks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wisp.core.arrays import Alpha, Float, Foreground, Image, Matte, check_same_size, from_float, to_float
from wisp.core.errors import InputError
from wisp.core.resample import resize, size_within
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo
from wisp.lab.figures.photos import partner, pictures
from wisp.matting.foreground import estimate_foreground
from wisp.pipeline import composite


@dataclass(frozen=True)
class Subject:
    """One subject.

    Attributes:
        name: unique among those of its folder.
        alpha: the true one, float32 (H, W), [0, 1].
        foreground: its own colours, float32 (H, W, 3).
        photo: as it was taken, float32 (H, W, 3); None of a cut-out.
    """

    name: str
    alpha: Alpha
    foreground: Foreground
    photo: Image | None

    def on(self, background: str) -> Image:
        """The subject on a picture or a colour, in 8 bits as a file would have it: float32 (H, W, 3)."""
        return round_to_bytes(composite(Matte(self.alpha, self.foreground), background))


@dataclass(frozen=True)
class Source:
    """Files of a subject; `alpha` is None where the photo's own alpha channel is the true one."""

    name: str
    photo: Path
    alpha: Path | None

    def load(self, longest: int | None = None) -> Subject:
        """Read the files.

        Args:
            longest: the longer side that a larger photo is shrunk to, pixels.

        Raises:
            InputError: a file cannot be read, sizes differ, or a cut-out has no alpha channel.
        """
        photo = read_photo(self.photo)
        alpha = photo.alpha if self.alpha is None else read_grey(self.alpha)
        if alpha is None:
            accepted = "cut-outs, or a folder with image/ and alpha/, are accepted"
            raise InputError(self.photo, "has no alpha channel", accepted)
        check_same_size(str(self.alpha or self.photo), alpha, f"photo {self.photo}", photo.image)
        if not alpha.any():
            raise InputError(self.alpha or self.photo, "shows no subject", "an alpha above 0 is accepted")
        image, alpha = shrunk(photo.image, longest), shrunk(alpha, longest)
        if self.alpha is None:
            return Subject(self.name, alpha, image, None)
        return Subject(self.name, alpha, estimate_foreground(image, alpha), image)


def find(folder: Path | str) -> list[Source]:
    """The subjects of a folder with ``image/`` and ``alpha/``, or of a folder of cut-outs, sorted.

    Raises:
        InputError: no such folder, no picture in it, or a photo without its alpha.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError(
            folder, "is no folder", "a folder of cut-outs, or with image/ and alpha/, is accepted"
        )
    if not (root / "image").is_dir():
        return [Source(place.name, place.path, None) for place in pictures([root])]
    return [
        Source(place.name, place.path, partner(place.name, root / "alpha"))
        for place in pictures([root / "image"])
    ]


def round_to_bytes(image: Float) -> Float:
    """The values that an 8-bit file would hold, same shape."""
    return to_float(from_float(image))


def shrunk(values: Float, longest: int | None) -> Float:
    """A picture (H, W, …) whose longer side has at most `longest` pixels; None leaves it as it is."""
    if longest is None or max(values.shape[:2]) <= longest:
        return values
    return np.ascontiguousarray(resize(values, *size_within(values.shape, longest)))

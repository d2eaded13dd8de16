"""A photo with a known background to its matte: which of the ways there are, by what is given."""

from __future__ import annotations

from dataclasses import dataclass, replace

from wisp.core.arrays import Background, Image, Matte
from wisp.keying.pull import REACH, despill, pull_matte
from wisp.keying.screen import estimate_screen
from wisp.keying.triangulation import triangulate


@dataclass(frozen=True, eq=False)
class Known:
    """The known background: a plain colour, or a clean plate for each photo.

    Attributes:
        colour: of a plain one, roughly, [0, 1]; None looks for it along the photo's edge.
        plate: float32 (H, W, 3), a photo of the background without the subject; None for a plain one.
        second_plate: float32 (H, W, 3), the background of the second photo without the subject; None for one.
        reach: as for `wisp.keying.pull.pull_matte`.
        despill: take the screen's light off the foreground.
    """

    colour: tuple[float, float, float] | None = None
    plate: Background | None = None
    second_plate: Background | None = None
    reach: float = REACH
    despill: bool = False


def extract_matte(image: Image, second: Image | None = None, known: Known | None = None) -> Matte:
    """Alpha and pure foreground of a subject in front of a known background.

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1].
        second: float32 (H, W, 3), the same subject at the same pixels in front of another background; with it
            nothing is assumed of the subject.
        known: what is known of the backgrounds; by default that they are plain.

    Returns:
        Alpha and foreground.

    Raises:
        InputError: arrays of other types or sizes, no plain background, or two that are too alike.
    """
    known = known or Known()
    noise = None
    if known.plate is None:
        screen = estimate_screen(image, known.colour)
        background, noise = screen.background, screen.noise
    else:
        background = known.plate
    if second is None:
        matte = pull_matte(image, background, noise=noise, reach=known.reach)
    else:
        other = known.second_plate
        behind = estimate_screen(second).background if other is None else other
        matte = triangulate([image, second], [background, behind])
    if known.despill:
        return replace(matte, foreground=despill(matte.foreground, background))
    return matte

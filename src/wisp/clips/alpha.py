"""Alpha in some hundredths of a second a picture, for video; photos are worth more time.

The expensive parts work on a small picture, and what is left for the full size is done where alpha is soft.
In a clip the portrait network is led by its own last alpha, moved along (Perazzi et al. 2017, "Learning Video
Object Segmentation from Static Images", CVPR): the segmenter is asked only now and then.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from wisp.core.arrays import Alpha, Image, Mask, Motion, check_image
from wisp.core.guided import guided_enlargement, refine_hair
from wisp.core.opencv import opencv, shrink
from wisp.core.regions import bounding_box, small_enclosed
from wisp.core.settings import CLIPS
from wisp.engine.engine import ENGINE, Engine
from wisp.engine.families.dlmn import dlmn
from wisp.engine.families.portrait import crop_around, generate
from wisp.engine.families.segmenter import FLOOR, segment
from wisp.engine.models import find_model

SIDES: Final = {"alpha": CLIPS.alpha_side, "mask": CLIPS.mask_side}
"""Length of the longer side of the small picture, for the portrait network and for the segmenter alone."""
RADII: Final = {"alpha": CLIPS.alpha_radius, "mask": CLIPS.mask_radius}
"""Windows of the guided filter are (2 r + 1)² pixels of the small picture."""
REFRESH: Final = CLIPS.refresh
"""So often, in frames, the segmenter is asked whether the subject is still all there is."""
LOST: Final = CLIPS.lost
"""Below this the segmenter is believed that what was `SURE` is no longer there."""
SURE: Final = CLIPS.sure
"""Alpha of the frame before over this was surely subject."""
HOLE: Final = CLIPS.hole
"""An enclosed hole of less than this share of the subject is doubtful, see `_without_holes`."""
SOLID: Final = CLIPS.solid
"""Alpha below this, enclosed by what is not, is such a hole."""
DOUBTFUL: Final = np.float32(CLIPS.doubtful)
"""What stands for alpha in it, to be led by."""
GRID: Final = CLIPS.grid
"""What the network sees begins and ends at multiples of this, in pixels of the small picture.

Its view then changes seldom, and with it what it is unsure of.
"""


class WarpedPrevious(NamedTuple):
    """The last alpha moved along to a frame, its age, and the frame reduced.

    Attributes:
        alpha: of the frame before, moved along to this one: float32, as large as the method's own.
        age: frames since the beginning or the last cut, at least 1.
        picture: this frame reduced to the alpha's size, float32 (h, w, 3), where that is known already.
    """

    alpha: Alpha
    age: int
    picture: Image | None = None


def matte_by_portrait(
    image: Image,
    past: WarpedPrevious | None = None,
    /,
    *,
    model: str | Path | None = None,
    engine: Engine = ENGINE,
) -> Alpha:
    """Alpha of the people in a frame by the portrait network, at the size of a small picture.

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1], of any size.
        past: what the frames before say; None to look for the subject anew.
        model: a portrait network other than the default: its name or an ONNX file.
        engine: what runs the network.

    Returns:
        float32 (h, w), [0, 1]: that of `working_picture`, whose longer side is ``SIDES["alpha"]`` at most.

    Raises:
        InputError: no such network, or a file that is no portrait network.
        MissingExtraError: OpenCV is not installed.
    """
    size = working_size(check_image(image), SIDES["alpha"])
    known = None if past is None else past.picture
    small = known if known is not None and known.shape[:2] == size else shrink(image, *size)
    row = find_model(model, "portrait")
    session = engine.session_of(row)
    mask = find_initial_alpha(small, past, engine=engine)
    alpha = np.zeros(mask.shape, np.float32)
    found = crop_around(mask)
    if found is not None:
        box = found.on_grid(GRID, mask.shape)
        part = small[box.slices]
        seen_alpha = np.ascontiguousarray(generate(session, row, part, mask[box.slices]))
        seen_alpha = refine_hair(shrink(part, *seen_alpha.shape), seen_alpha)
        size = (part.shape[1], part.shape[0])
        alpha[box.slices] = opencv().resize(seen_alpha, size, interpolation=opencv().INTER_LINEAR)
    return alpha


def find_initial_alpha(small: Image, past: WarpedPrevious | None, *, engine: Engine = ENGINE) -> Mask:
    """A rough mask of the subject: the last alpha moved along, or the segmenter's; no small holes.

    Every `REFRESH` frames it is the mean of both, so that a subject that comes in is found, and one that was
    never there is lost; but what was surely subject stays so where the segmenter merely doubts it. Where
    there was nobody, the segmenter looks in every frame.

    Args:
        small: the picture, float32 (h, w, 3), [0, 1].
        past: what the frames before say; not used where it is of another size.
        engine: what runs the network.

    Returns:
        float32 (h, w), [0, 1].
    """
    known = past is not None and past.alpha.shape == small.shape[:2] and past.alpha.max() >= FLOOR
    led = past if known else None
    if led is not None and led.age % REFRESH:
        return _without_holes(led.alpha.clip(0, 1))
    mask = segment(small, engine=engine)
    if led is not None:
        last = led.alpha.clip(0, 1)
        sure = (last > SURE) & (mask > LOST)
        mask = np.where(sure, last, (mask + last) * np.float32(0.5))
    return _without_holes(mask)


def _without_holes(alpha: Alpha) -> Mask:
    """An alpha or a mask whose small enclosed holes are nearly closed.

    What the network doubts in one frame it doubts more when its own doubt leads it in the next, until a hole
    is open. So it is asked anew, every time: a gap through which the background is seen stays open.
    """
    solid = alpha >= SOLID
    around = bounding_box(solid, 1)
    if around is None:
        return alpha
    holes = small_enclosed(~solid[around.slices], HOLE * np.count_nonzero(solid))
    if not holes.any():
        return alpha
    closed: Mask = alpha.copy()
    closed[around.slices][holes] = DOUBTFUL
    return closed


def upsample_to_frame(image: Image, alpha: Alpha, picture: Image | None = None) -> Alpha:
    """An alpha at the size of its picture, with the picture's edges: a smaller one by `guided_enlargement`.

    What is enlarged is exactly 0 or 1 where it is nearer to that than 1/255.

    Args:
        image: float32 (H, W, 3), [0, 1].
        alpha: float32 (H, W) or smaller, [0, 1].
        picture: the image reduced to the alpha's size, where that is known already.
    """
    if alpha.shape == image.shape[:2]:
        return alpha
    small = shrink(image, *alpha.shape) if picture is None else picture
    drawn = guided_enlargement(small, alpha, image, radius=RADII["alpha"])
    cv2 = opencv()
    # A network is never quite sure; what no file of eight bits could show is work for nothing.
    for _ in range(2):  # below 1/255 it is 0; so is what is hidden, 1 − α, the second time
        cv2.threshold(drawn, CLIPS.faint, 0, cv2.THRESH_TOZERO, dst=drawn)
        np.subtract(1, drawn, out=drawn)
    return drawn


def matte_by_dlmn(
    image: Image,
    motion: Motion,
    /,
    *,
    model: str | Path | None = None,
    engine: Engine = ENGINE,
    ssrn: bool | None = None,
) -> Alpha:
    """Alpha of the people in a frame by DLMN-G, which is shown the neighbouring frames, at a small size.

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1], of any size.
        motion: four neighbouring frames in grey, float32 (H, W, 4), [0, 1].
        model: a network of the family ``dlmn`` other than the default: its name or an ONNX file.
        engine: what runs the network.
        ssrn: as `wisp.engine.families.dlmn.dlmn` takes it.

    Returns:
        float32 (h, w), [0, 1], of the small picture, as `matte_by_portrait`.

    Raises:
        InputError: see `wisp.engine.families.dlmn.dlmn`.
        MissingExtraError: OpenCV is not installed.
    """
    cv2 = opencv()
    small = working_picture(check_image(image), SIDES["alpha"])
    size = (small.shape[1], small.shape[0])
    frames = np.asarray(cv2.resize(motion, size, interpolation=cv2.INTER_AREA), np.float32)
    mask = segment(small, engine=engine)
    return dlmn(small, mask, motion=frames, model=model, engine=engine, refined=False, ssrn=ssrn)


def matte_by_segmenter(
    image: Image,
    past: WarpedPrevious | None = None,
    /,
    *,
    model: str | Path | None = None,
    engine: Engine = ENGINE,
) -> Alpha:
    """Alpha by the segmenter alone, which is coarser, drawn to the frame's edges.

    Fast Guided Filter (He and Sun 2015): affine functions of colour are fitted on the small picture and
    applied to the large one.

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1], of any size.
        past: not looked at.
        model: a segmentation network other than the default: its name or an ONNX file.
        engine: what runs the network.

    Returns:
        float32 (H, W), [0, 1].

    Raises:
        InputError: see `wisp.engine.families.segmenter.segment`.
        MissingExtraError: OpenCV is not installed.
    """
    small = working_picture(check_image(image), SIDES["mask"])
    mask = segment(small, model=model, engine=engine)
    return guided_enlargement(small, mask, image, radius=RADII["mask"])


def working_picture(image: Image, side: int) -> Image:
    """The image with its longer side reduced to `side`, never enlarged: float32 (h, w, 3)."""
    return shrink(image, *working_size(image, side))


def working_size(image: Image, side: int) -> tuple[int, int]:
    """Height and width of `working_picture`."""
    height, width = image.shape[:2]
    share = min(1.0, side / max(height, width))
    return max(1, round(height * share)), max(1, round(width * share))
